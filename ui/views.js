// SPDX-License-Identifier: Apache-2.0
// The views: each has an element, what it reads and how often (ms), and update() with the answers.

import { ago, count, delay, exact, h, short, Table } from "./parts.js";
import { Chart, counterRow, LedgerPicture } from "./draw.js";

const LIMIT = 200; /* rows of one page of a long list */
export const section = (title, help, ...content) =>
  h("section", { class: "card" }, h("h2", {}, title), help && h("p", { class: "help" }, help), content);

/* ---- from two readings ---- */

const value = (history, reading, name) => reading.values[history.series.indexOf(name)];

/* Rates between readings; gap: readings are missing before this one. */
function rates(history, names) {
  const points = [], { readings, interval_seconds: interval } = history;
  for (let i = 1; i < readings.length; i++) {
    const before = readings[i - 1], now = readings[i];
    const seconds = now.monotonic_seconds - before.monotonic_seconds;
    points.push({ at: Date.parse(now["@timestamp"]), gap: seconds > 2.5 * interval,
                  values: names.map((name) => Math.max(0, value(history, now, name) - value(history, before, name)) / seconds) });
  }
  return points;
}

const levels = (history, read) => history.readings.map((reading) => ({ at: Date.parse(reading["@timestamp"]), values: read(reading) }));

/* The time within which that part of the documents was acknowledged: an upper bound in seconds, or null. */
function quantile(latency, part) {
  const rows = Object.entries(latency.documents).map(([bound, documents]) => [bound === "+Inf" ? Infinity : Number(bound), documents])
    .sort(([one], [other]) => one - other);
  let left = part * rows.reduce((sum, [, documents]) => sum + documents, 0);
  if (!left) return null;
  for (const [bound, documents] of rows) {
    left -= documents;
    if (left <= 1e-9) return bound;
  }
  return Infinity;
}

function latencyBetween(before, now) {
  if (!before) return now;
  const documents = {};
  for (const [bound, number] of Object.entries(now.documents)) {
    const more = number - (before.documents[bound] || 0);
    if (more > 0) documents[bound] = more;
  }
  return { documents };
}

/* ---- overview ---- */

const UNITS = ["packets", "datagrams", "sets", "records"];

class Tile {
  constructor(name) {
    this.value = h("div", { class: "tile-value" }, "–");
    this.more = h("div", { class: "tile-more" });
    this.element = h("div", { class: "card" }, h("div", { class: "tile-name" }, name), this.value, this.more);
  }

  update(text, unit, more, tone = "") {
    this.value.className = `tile-value ${tone}`;
    this.value.replaceChildren(text, unit ? h("small", {}, ` ${unit}`) : "");
    this.more.replaceChildren(more);
  }
}

export class Overview {
  constructor(app) {
    this.app = app;
    this.reads = { ledger: [() => "api/ledger", 2000], history: [() => app.historyPath(), 10000] };
    this.tiles = ["Records received", "Documents delivered", "Waiting for outputs", "Records dropped", "Lost before weir"].map((name) => new Tile(name));
    this.picture = new LedgerPicture();
    this.units = new Table({
      key: (row) => row.name,
      columns: [{ name: "Unit", text: true, cell: (row) => row.name },
        ...["received", "delivered", "waiting"].map((name) => ({ name, cell: (row) => count(row[name]) })),
        { name: "dropped", cell: (row) => count(row.dropped, "bad") },
        { name: "difference", minor: true, help: "0 at rest; while packets flow, what is between two counters", cell: (row) => count(row.difference) }] });
    this.missing = new Table({
      key: (row) => row.name, sort: "Number", empty: "Nothing is missing: no packet, datagram, set or record was dropped.",
      columns: [{ name: "Reason", text: true, sort: (row) => row.name, cell: (row) => h("code", {}, row.name) },
        { name: "Number", sort: (row) => row.value, cell: (row) => count(row.value, "bad") },
        { name: "What it means", text: true, long: true, minor: true, cell: (row) => row.help }] });
    this.charts = [
      new Chart({ title: "Records", series: [{ name: "received", tone: "in", area: true }, { name: "delivered", tone: "good", dashed: true }], unit: "/s" }),
      new Chart({ title: "Dropped and lost", series: [{ name: "records", tone: "bad", area: true }, { name: "sets and datagrams", tone: "wait", dashed: true }, { name: "packets, weir's and before it", tone: "loss" }], unit: "/s" }),
      new Chart({ title: "Waiting for outputs", series: [{ name: "in memory", tone: "wait", area: true }, { name: "in spools", tone: "spool", dashed: true }] }),
      new Chart({ title: "Datagrams in", series: [{ name: "bits", tone: "in", area: true }], unit: "bit/s" }),
    ];
    this.element = h("div", {}, h("h1", { class: "unseen" }, "Overview"),
      h("div", { class: "tiles" }, this.tiles.map((tile) => tile.element)),
      h("div", { class: "wide" },
        section("The ledger", "Since the start. The width of a band is its number of records; a copy for each output counts. The thinnest bands are drawn wider than they are.", this.picture.element),
        h("div", {}, section("What is missing", null, this.missing.element), section("Every level", "received = delivered + waiting + dropped, exactly, at rest", this.units.element))),
      h("h2", {}, "The last hour"), h("div", { class: "pair" }, this.charts.map((chart) => chart.element)));
  }

  update({ ledger, history }) {
    if (history) this.drawHistory(history);
    if (ledger) this.drawLedger(ledger);
  }

  drawLedger(ledger) {
    const { counters, units: { records } } = ledger, before = this.before;
    const seconds = before ? ledger.monotonic_seconds - before.monotonic_seconds : 0;
    const rate = (name) => seconds > 0 ? short((counters[name] - before.counters[name]) / seconds) : "–";
    const spooled = ledger.outputs.reduce((sum, output) => sum + output.spooled, 0);
    const losses = Object.keys(counters).filter((name) => name.startsWith("losses_")).reduce((sum, name) => sum + counters[name], 0);
    const part = records.received ? records.dropped / records.received : 0;
    const [received, delivered, waiting, dropped, lost] = this.tiles;
    received.update(rate("records_received"), "/s", `${exact(counters.records_received)} since start`);
    delivered.update(rate("records_delivered"), "/s", `${exact(records.delivered)} acknowledged`);
    waiting.update(short(records.waiting), "", spooled ? `${exact(spooled)} of them in spools` : "all in memory");
    dropped.update(short(records.dropped), "", part ? `${(100 * part).toPrecision(2)} % of the received` : "none since start", records.dropped ? "bad" : "good");
    lost.update(short(losses), "packets", losses ? "by the kernel, driver or filter" : "none since start", losses ? "bad" : "good");
    this.picture.update(ledger);
    this.units.update(UNITS.map((name) => ({ name, ...ledger.units[name] })));
    this.missing.update(Object.entries(counters).map(([name, number]) => ({ name, value: number, ...counterRow(name) }))
      .filter((row) => row.value && (row.part === "dropped" || /^losses_|_missing$/.test(row.name)))
      .map((row) => ({ ...row, help: row.help || "" })));
    this.before = before && seconds < 1.5 ? before : ledger;
  }

  drawHistory(history) {
    const now = Date.parse(history["@timestamp"]), [records, missing, waiting, bytes] = this.charts;
    records.update(rates(history, ["records_received", "records_delivered"]), now);
    missing.update(rates(history, ["records_dropped", "sets_dropped", "datagrams_dropped", "packets_dropped", "losses"])
      .map((point) => ({ ...point, values: [point.values[0], point.values[1] + point.values[2], point.values[3] + point.values[4]] })), now);
    waiting.update(levels(history, (reading) => {
      const spooled = reading.outputs.reduce((sum, output) => sum + output.spooled, 0);
      return [Math.max(0, value(history, reading, "records_waiting") - spooled), spooled];
    }), now);
    bytes.update(rates(history, ["datagram_bytes"]).map((point) => ({ ...point, values: [8 * point.values[0]] })), now);
  }
}

/* ---- templates ---- */

const FIELDS = [
  { name: "Offset", cell: (row) => row.offset === null ? "varies" : String(row.offset) },
  { name: "Length", cell: (row) => row.length === null ? "variable" : String(row.length) },
  { name: "Element", text: true, cell: (row) => row.name ?? h("span", { class: "warn" }, "unknown") },
  { name: "Enterprise / id", cell: (row) => `${row.enterprise ?? "scope"} / ${row.id}` },
  { name: "Type", text: true, minor: true, cell: (row) => row.type ?? "–" },
  { name: "In documents", text: true, cell: (row) => row.scope ? "scope" : row.read ? (row.key ?? "yes") : h("span", { class: "warn" }, "not read") },
];

const templateKey = (row) => [row.exporter, row.port, row.version, row.domain, row.id].join(" ");

/* A table of templates, of which each opens to its fields. */
function templateTable(app, more) {
  const table = new Table({
    ...more, key: templateKey,
    empty: "No templates: v9 and IPFIX announce them; v1 to v8 and sFlow have none.",
    columns: [
      { name: "Exporter", text: true, sort: more.onsort ? "exporter" : (row) => row.exporter ?? "", cell: (row) => row.exporter === null ? "shared" : row.exporter + (row.port ? ` :${row.port}` : "") },
      { name: "Version", text: true, cell: (row) => row.version },
      { name: "Domain", cell: (row) => String(row.domain) },
      { name: "Template", cell: (row) => String(row.id) },
      { name: "Kind", text: true, minor: true, cell: (row) => row.kind },
      { name: "Fields", sort: more.onsort ? "fields" : (row) => row.fields, cell: (row) => String(row.fields) },
      { name: "Bytes", minor: true, cell: (row) => row.variable ? `${row.record_bytes}+` : String(row.record_bytes) },
      { name: "Sets", sort: more.onsort ? "uses" : (row) => row.uses, help: "Data sets decoded with it", cell: (row) => count(row.uses) },
      { name: "Announced", minor: true, sort: more.onsort ? "announced" : (row) => row.announced, cell: (row) => ago(row.announced, app.now()) },
      { name: "Used", minor: true, sort: more.onsort ? "used" : (row) => row.used ?? "", cell: (row) => ago(row.used, app.now()) },
    ],
    open: (row, key) => table.toggle(key, () => fieldsOf(app, row)),
  });
  return table;
}

function fieldsOf(app, row) {
  const place = h("div", {}, "Reading the fields…");
  const query = new URLSearchParams({ exporter: row.exporter ?? "shared", version: row.version, domain: row.domain, id: row.id });
  app.read(`api/templates?${query}`).then((answer) => {
    const found = answer.templates.find((one) => templateKey(one) === templateKey(row));
    const table = new Table({ caption: `Fields of template ${row.id} of domain ${row.domain}`, key: (one) => one.number, columns: FIELDS });
    table.update((found?.field_list ?? []).map((field, number) => ({ ...field, number })));
    place.replaceChildren(found ? table.element : "This template is not known any more.");
  }).catch((error) => place.replaceChildren(`The fields cannot be read: ${error.message}`));
  return place;
}

/* ---- long lists: sorted, filtered and cut by the server ---- */

/* "192.0." to 192.0.0.0/16: the beginning of an IPv4 address is a network. */
export function network(text) {
  const parts = text.trim().replace(/\.$/, "").split(".");
  if (!/^[0-9.]+$/.test(text.trim()) || parts.length > 3 || parts.some((part) => part === "" || Number(part) > 255)) return text.trim();
  return `${[...parts, 0, 0, 0].slice(0, 4).join(".")}/${8 * parts.length}`;
}

class List {
  constructor(app, { title, help, label, hint, path, name }) {
    Object.assign(this, { app, path, name, offset: 0, filter: "" });
    this.reads = { list: [() => this.query(), 3000] };
    this.input = h("input", { type: "search", placeholder: hint, "aria-label": label, spellcheck: "false", autocomplete: "off",
                              oninput: () => this.typed() });
    this.counted = h("span", { class: "count", role: "status" });
    this.wrong = h("span", { class: "bad", role: "status" });
    this.back = h("button", { type: "button", onclick: () => this.page(-LIMIT) }, "Before");
    this.next = h("button", { type: "button", onclick: () => this.page(LIMIT) }, "Next");
    this.pages = h("span", { hidden: true }, this.back, " ", this.next);
    this.place = h("div");
    this.element = h("div", {}, h("h1", {}, title), help && h("p", { class: "help" }, help),
      h("div", { class: "card" }, h("div", { class: "tools" }, this.input, this.wrong, this.pages, this.counted), this.place));
  }

  use(table) {
    this.table = table;
    this.place.append(table.element);
  }

  query() {
    const { sorting, descending } = this.table;
    const query = new URLSearchParams({ sort: sorting.sort, order: descending ? "desc" : "asc", limit: LIMIT, offset: this.offset });
    if (this.filter) query.set(this.path.filter, this.filter);
    return `${this.path.list}?${query}`;
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.filter = this.path.filter === "network" ? network(this.input.value) : this.input.value.trim();
      this.again();
    }, 300);
  }

  page(step) {
    this.offset = Math.max(0, this.offset + step);
    this.app.refresh();
  }

  again() {
    this.offset = 0;
    this.app.refresh();
  }

  update({ list, errors }) {
    this.wrong.textContent = errors?.list ?? "";
    if (!list) return;
    const { matched, total } = list, rows = list[this.name], end = list.offset + rows.length;
    this.counted.textContent = matched > LIMIT ? `${exact(list.offset + 1)}–${exact(end)} of ${exact(matched)}`
      : this.filter ? `${exact(matched)} of ${exact(total)}` : `${exact(matched)} in all`;
    this.pages.hidden = matched <= LIMIT;
    this.back.disabled = !list.offset;
    this.next.disabled = end >= matched;
    this.table.update(this.rows ? this.rows(list) : rows);
  }
}

const dropped = (row, unit) => row.units[unit].dropped;

export class Exporters extends List {
  constructor(app) {
    super(app, { title: "Exporters", label: "Filter by address or network", hint: "Address or network", name: "exporters",
                 help: "Enter or a click opens an exporter: its part of the ledger, and its templates.", path: { list: "api/exporters", filter: "network" } });
    this.use(new Table({
      key: (row) => row.exporter, sort: "Records", onsort: () => this.again(),
      empty: "No exporter sent a datagram yet, or none of that network did.",
      open: (row) => { location.hash = `exporters/${encodeURIComponent(row.exporter)}`; },
      columns: [
        { name: "Exporter", text: true, sort: "exporter", cell: (row) => row.exporter },
        { name: "Versions", text: true, minor: true, cell: (row) => row.versions.join(", ") },
        { name: "Records/s", minor: true, cell: (row) => row.rate === null ? "–" : short(row.rate) },
        { name: "Records", sort: "records_received", cell: (row) => count(row.counters.records_received || 0) },
        { name: "Delivered", minor: true, sort: "records_delivered", cell: (row) => count(row.units.records.delivered) },
        { name: "Waiting", minor: true, sort: "in_flight", cell: (row) => count(row.in_flight) },
        { name: "Records dropped", sort: "dropped_records", cell: (row) => count(dropped(row, "records"), "bad") },
        { name: "Sets dropped", minor: true, sort: "dropped_sets", help: "Data whose template is not known, and sets that cannot be read", cell: (row) => count(dropped(row, "sets"), "bad") },
        { name: "Datagrams dropped", minor: true, sort: "dropped_datagrams", cell: (row) => count(dropped(row, "datagrams"), "bad") },
        { name: "Datagrams missing", minor: true, sort: "datagrams_missing", help: "By the sequence numbers of v9 and sFlow", cell: (row) => count(row.counters.datagrams_missing || 0, "bad") },
        { name: "Records missing", minor: true, sort: "records_missing", help: "By the sequence numbers of v5 to v8 and IPFIX", cell: (row) => count(row.counters.records_missing || 0, "bad") },
        { name: "Samples missing", minor: true, sort: "samples_missing", help: "By the numbers of sFlow's data sources", cell: (row) => count(row.counters.samples_missing || 0, "bad") },
        { name: "Templates", minor: true, sort: "templates", cell: (row) => count(row.templates) },
        { name: "Last seen", sort: "last_seen", cell: (row) => ago(row.last_seen, app.now()) },
      ] }));
  }

  rows(list) {
    const before = this.before, seconds = before ? list.monotonic_seconds - before.at : 0, seen = new Map();
    const rows = list.exporters.map((row) => {
      const records = row.counters.records_received || 0, then = before?.seen.get(row.exporter);
      seen.set(row.exporter, records);
      return { ...row, rate: then !== undefined && seconds > 0 ? Math.max(0, records - then) / seconds : null };
    });
    this.before = { at: list.monotonic_seconds, seen };
    return rows;
  }
}

export class Templates extends List {
  constructor(app) {
    super(app, { title: "Templates", label: "Filter by exporter", hint: "An exporter's address", name: "templates",
                 help: "Enter or a click shows a template's fields.", path: { list: "api/templates", filter: "exporter" } });
    this.use(templateTable(app, { sort: "Exporter", descending: false, onsort: () => this.again() }));
  }
}

/* ---- one exporter ---- */

export class Exporter {
  constructor(app, name) {
    Object.assign(this, { app, name });
    this.reads = { exporter: [() => `api/exporters/${encodeURIComponent(name)}`, 3000] };
    this.facts = h("dl", { class: "facts" });
    this.units = new Table({ key: (row) => row.name, columns: [
      { name: "Unit", text: true, cell: (row) => row.name },
      ...["received", "delivered", "waiting"].map((part) => ({ name: part, cell: (row) => count(row[part]) })),
      { name: "dropped", cell: (row) => count(row.dropped, "bad") }] });
    this.counters = new Table({ key: (row) => row.name, sort: "Counter", descending: false, columns: [
      { name: "Counter", text: true, sort: (row) => row.name, cell: (row) => h("code", {}, row.name) },
      { name: "Number", sort: (row) => row.value, cell: (row) => count(row.value, row.part === "dropped" ? "bad" : null) },
      { name: "What it means", text: true, long: true, minor: true, cell: (row) => row.help }] });
    this.templates = templateTable(app, { sort: "Exporter", descending: false });
    this.wrong = h("p", { class: "bad", role: "status" });
    this.element = h("div", {}, h("p", {}, h("a", { href: "#exporters" }, "← All exporters")), h("h1", {}, name), this.wrong, this.facts,
      h("div", { class: "pair top" }, section("Its part of the ledger", null, this.units.element), section("Its counters", "Those that are not zero.", this.counters.element)),
      section("Templates of its address", "Enter or a click shows the fields.", this.templates.element));
  }

  update({ exporter, errors }) {
    this.wrong.textContent = errors?.exporter ?? "";
    if (!exporter) return;
    const [row] = exporter.exporters, now = this.app.now();
    const facts = { "First seen": ago(row.first_seen, now), "Last seen": ago(row.last_seen, now), Versions: row.versions.join(", ") || "none decoded",
                    Worker: String(row.worker), Templates: exact(row.templates), "Waiting documents": exact(row.in_flight),
                    Clock: row.clock_skew_ms === null ? "not known" : `${exact(row.clock_skew_ms)} ms against ours${row.clock_off ? ": off" : ""}` };
    this.facts.replaceChildren(...Object.entries(facts).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))));
    this.units.update(["datagrams", "sets", "records"].map((name) => ({ name, ...row.units[name] })));
    this.counters.update(Object.entries(row.counters).filter(([, number]) => number)
      .map(([name, number]) => ({ name, value: number, part: counterRow(name)?.part, help: counterRow(name)?.help ?? "" })));
    this.templates.update(exporter.templates ?? []);
  }
}

/* ---- outputs ---- */

const KEPT = 31; /* readings of the ledger: a minute */

export class Outputs {
  constructor(app) {
    this.app = app;
    this.reads = { ledger: [() => "api/ledger", 2000], history: [() => app.historyPath(), 10000] };
    this.kept = [];
    this.table = new Table({ key: (row) => row.output, columns: [
      { name: "Output", text: true, cell: (row) => row.output },
      { name: "Type", text: true, cell: (row) => row.type },
      { name: "Delivered/s", cell: (row) => row.rate === null ? "–" : short(row.rate) },
      { name: "Delivered", cell: (row) => count(row.delivered) },
      { name: "Waiting", cell: (row) => count(row.waiting - row.spooled) },
      { name: "In the spool", cell: (row) => count(row.spooled, "warn") },
      { name: "Spool on disk", minor: true, cell: (row) => row.spool_bytes ? short(row.spool_bytes, "B") : count(0) },
      { name: "Dropped", cell: (row) => count(row.dropped, "bad") },
      { name: "Lag, half", help: "Receipt to acknowledgement: half of the last minute's documents took at most so long", cell: (row) => delay(row.half) },
      { name: "Lag, 99 %", help: "99 % of the last minute's documents took at most so long", cell: (row) => delay(row.most) },
      { name: "Retries", minor: true, cell: (row) => count(row.counters.output_retries || 0, "warn") },
      { name: "Errors", minor: true, cell: (row) => count((row.counters.output_write_errors || 0) + (row.counters.spool_write_errors || 0), "bad") },
    ] });
    this.charts = new Map();
    this.place = h("div", { class: "pair" });
    this.element = h("div", {}, h("h1", {}, "Outputs"),
      h("p", { class: "help" }, "Delivered means acknowledged. The lag runs from a record's receipt to that, over the last minute that this page saw, as steps of a histogram; “–” where nothing was delivered."),
      h("div", { class: "card" }, this.table.element), h("h2", {}, "The last hour"), this.place);
  }

  update({ ledger, history }) {
    if (ledger) this.drawTable(ledger);
    if (history) this.drawHistory(history);
  }

  drawTable(ledger) {
    if (this.kept.at(-1)?.monotonic_seconds !== ledger.monotonic_seconds) this.kept.push(ledger);
    if (this.kept.length > KEPT) this.kept.shift();
    const first = this.kept[0], before = this.kept.at(-2), seconds = before ? ledger.monotonic_seconds - before.monotonic_seconds : 0;
    this.table.update(ledger.outputs.map((output, number) => {
      const latency = latencyBetween(first === ledger ? null : first.outputs[number].latency, output.latency);
      return { ...output, rate: seconds ? (output.delivered - before.outputs[number].delivered) / seconds : null,
               half: quantile(latency, 0.5), most: quantile(latency, 0.99) };
    }));
  }

  drawHistory(history) {
    for (const [number, name] of history.outputs.entries()) {
      if (!this.charts.has(name)) {
        const charts = [
          new Chart({ title: `${name}: documents`, unit: "/s", series: [{ name: "delivered", tone: "good", area: true }, { name: "dropped", tone: "bad", dashed: true }] }),
          new Chart({ title: `${name}: waiting`, series: [{ name: "in memory", tone: "wait", area: true }, { name: "in the spool", tone: "spool", dashed: true }] })];
        this.charts.set(name, charts);
        this.place.append(...charts.map((chart) => chart.element));
      }
      const [documents, waiting] = this.charts.get(name), now = Date.parse(history["@timestamp"]);
      const flat = { ...history, series: ["delivered", "dropped"],
                     readings: history.readings.map((reading) => ({ ...reading, values: [reading.outputs[number].delivered, reading.outputs[number].dropped] })) };
      documents.update(rates(flat, flat.series), now);
      waiting.update(levels(history, (reading) => [reading.outputs[number].waiting, reading.outputs[number].spooled]), now);
    }
  }
}
