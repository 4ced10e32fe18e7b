// SPDX-License-Identifier: Apache-2.0
// The view of the top talkers: who sends, receives and exports most, and by which service.

import { count, duration, exact, h, short, Table } from "./parts.js";
import { section } from "./views.js";

/* Names of IANA's registries for what one sees most; all others stand as numbers. */
const PROTOCOLS = { 1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 41: "ipv6", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp", 89: "ospf", 103: "pim", 112: "vrrp", 132: "sctp" };
const SERVICES = { 20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "domain", 67: "dhcp", 80: "http", 110: "pop3", 123: "ntp", 143: "imap", 161: "snmp", 179: "bgp", 389: "ldap", 443: "https", 445: "smb", 465: "submissions", 500: "isakmp", 514: "syslog", 587: "submission", 636: "ldaps", 853: "domain-s", 993: "imaps", 995: "pop3s", 1194: "openvpn", 1433: "ms-sql", 1812: "radius", 2049: "nfs", 2055: "netflow", 3306: "mysql", 3389: "rdp", 3478: "stun", 4739: "ipfix", 5060: "sip", 5432: "postgresql", 6343: "sflow", 6379: "redis", 8080: "http-alt", 9092: "kafka", 9200: "elasticsearch" };
const SPANS = [60, 300];
const KINDS = [
  ["sources", "Sources", "Source address of the flows."],
  ["destinations", "Destinations", "Destination address of the flows."],
  ["services", "Services", "Protocol, and the lower port of the two: mostly the server's."],
  ["exporters", "Exporters", "Address of the exporter, by what it reported."],
];

const service = (row) => {
  const protocol = PROTOCOLS[row.protocol] ?? `protocol ${row.protocol}`;
  return row.port ? `${protocol}/${row.port}${SERVICES[row.port] ? ` ${SERVICES[row.port]}` : ""}` : protocol;
};

/* One of some, by buttons that say which is pressed. */
function choice(label, names, chosen, choose) {
  const buttons = names.map(([value, name]) => h("button", {
    type: "button", "aria-pressed": String(value === chosen),
    onclick: () => { for (const one of buttons) one.setAttribute("aria-pressed", String(one === buttons[names.findIndex(([other]) => other === value)])); choose(value); } }, name));
  return h("span", { class: "group", role: "group", "aria-label": label }, buttons);
}

export class Talkers {
  constructor(app) {
    Object.assign(this, { app, by: "bytes", seconds: SPANS[1] });
    this.reads = { talkers: [() => `api/talkers?seconds=${this.seconds}&limit=15`, 5000] };
    this.note = h("p", { class: "help", role: "status" });
    this.tables = KINDS.map(([kind]) => new Table({
      key: (row) => row.name, empty: "No flow in this time.",
      columns: [
        { name: kind === "services" ? "Service" : "Address", text: true, cell: (row) => kind === "exporters" ? h("a", { href: `#exporters/${encodeURIComponent(row.name)}` }, row.name) : row.name },
        { name: "Bits/s", cell: (row) => this.bar(row, "bytes", short(8 * row.bytes / this.covered)) },
        { name: "Packets/s", cell: (row) => this.bar(row, "packets", short(row.packets / this.covered)) },
        { name: "Flows", minor: true, cell: (row) => count(row.records) },
      ] }));
    this.element = h("div", {}, h("h1", {}, "Top talkers"),
      h("div", { class: "tools" },
        choice("Time", SPANS.map((seconds) => [seconds, `Last ${duration(seconds)}`]), this.seconds, (seconds) => { this.seconds = seconds; app.refresh(); }),
        choice("Order", [["bytes", "By bytes"], ["packets", "By packets"]], this.by, (by) => { this.by = by; if (this.last) this.update({ talkers: this.last }); })),
      this.note,
      h("div", { class: "pair top" }, KINDS.map(([, title, help], number) => section(title, help, this.tables[number].element))));
  }

  /* A number with a bar that is its part of all. */
  bar(row, measure, text) {
    const part = this.last[measure] ? Math.min(1, row[measure] / this.last[measure]) : 0;
    const line = h("i");
    line.style.width = `${100 * part}%`;
    return h("span", { class: "share", title: `${exact(row[measure])} ${measure}, ${(100 * part).toPrecision(3)} % of all${measure === this.by && row.over ? `; at most ${exact(row.over)} too much` : ""}` }, text, line);
  }

  update({ talkers, errors }) {
    if (errors?.talkers) this.note.textContent = errors.talkers;
    if (!talkers) return;
    this.last = talkers;
    /* a weir that is younger than the span has less to divide by */
    this.covered = Math.max(1, Math.min(talkers.seconds, Math.ceil((Date.parse(talkers["@timestamp"]) - Date.parse(talkers.started)) / 1000)));
    const note = (talkers.one_in === 1 ? "Every flow record counted" : `A sample: one record stands for up to ${exact(talkers.one_in)}`) +
      "; sampling by the exporter is not scaled up. Renewed every 10 s.";
    if (this.note.textContent !== note) this.note.textContent = note;
    for (const [number, [kind]] of KINDS.entries())
      this.tables[number].update(talkers[kind][`by_${this.by}`].map((row) => ({ ...row, name: row.address ?? service(row) })));
  }
}
