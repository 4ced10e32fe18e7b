// SPDX-License-Identifier: Apache-2.0
// Pictures: the ledger, in which widths are records, and lines over time.

import { clock, exact, h, s, short } from "./parts.js";

/* Calls draw(width) now and whenever the width changes. */
function atWidth(element, draw) {
  let last = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width && width !== last) draw(last = width);
  }).observe(element);
}

/* ---- the ledger ---- */

const NODE = 12, LABEL = 38, TOP = 8, THIN = 1.5, RECEIVED = "Received", NARROW = 620;

const share = (value, all) => {
  const percent = all ? 100 * value / all : 0;
  if (!value || percent >= 99.995 || percent === 0) return `${percent.toFixed(0)} %`;
  return percent < 0.01 ? "< 0.01 %" : `${percent >= 99.95 ? percent.toFixed(2) : percent.toPrecision(3)} %`;
};

/* What flows from where to where: {columns: [[node]], links: [{from, to, value}]}, nodes {name, tone, value}. */
export function ledgerFlows(ledger) {
  const nodes = [new Map(), new Map(), new Map()], links = [];
  const node = (column, name, tone) => {
    if (!nodes[column].has(name)) nodes[column].set(name, { column, name, tone, value: 0, y0: 0, y1: 0 });
    return nodes[column].get(name);
  };
  const link = (from, to, value) => {
    if (value > 0) links.push({ from, to, value });
  };
  const sources = [["records_received", RECEIVED], ["records_copied", RECEIVED], ["records_recovered", "From an earlier run"],
                   ["records_inherited", "From an earlier run"]];
  const before = { ...ledger.counters };
  for (const output of ledger.outputs) {
    const middle = node(1, output.output, "node");
    for (const [counter, name] of sources) link(node(0, name, "in"), middle, output.counters[counter] || 0);
    link(middle, node(2, "Delivered", "good"), output.delivered);
    link(middle, node(2, "In memory", "wait"), output.waiting - output.spooled);
    link(middle, node(2, "In the spool", "spool"), output.spooled);
    for (const name of droppedOf(output.counters)) {
      link(middle, node(2, reason(name), "bad"), output.counters[name]);
      before[name] -= output.counters[name];
    }
  }
  for (const name of droppedOf(before))
    if (before[name] > 0) {
      const middle = node(1, "no output", "bad");
      link(node(0, RECEIVED, "in"), middle, before[name]);
      link(middle, node(2, reason(name), "bad"), before[name]);
    }
  for (const { from, to, value } of links) {
    from.out = (from.out || 0) + value;
    to.into = (to.into || 0) + value;
  }
  const columns = nodes.map((map) => [...map.values()].filter((one) => one.out || one.into));
  for (const one of columns.flat()) one.value = Math.max(one.out || 0, one.into || 0);
  return { columns, links };
}

let parts = new Map(); /* counter -> its row of /api/counters */

export function setCounters(rows) {
  parts = new Map(rows.map((row) => [row.counter, row]));
}

export const counterRow = (name) => parts.get(name);
const droppedOf = (counters) => Object.keys(counters).filter((name) =>
  counters[name] > 0 && parts.get(name)?.unit === "records" && parts.get(name)?.part === "dropped");
export const reason = (name) => `Dropped: ${name.replace(/^records_/, "").replaceAll("_", " ")}`;

function place(columns, width, height) {
  const narrow = width < NARROW, right = narrow ? 118 : 210;
  const x = [0, Math.round((width - right) * (narrow ? 0.48 : 0.46)), width - right - NODE];
  const scale = Math.min(...columns.filter((nodes) => nodes.length).map((nodes) =>
    (height - TOP - nodes.length * LABEL) / nodes.reduce((sum, node) => sum + node.value, 0)));
  for (const [at, nodes] of columns.entries()) {
    let y = TOP;
    for (const node of nodes) {
      node.x = x[at];
      node.high = Math.max(node.value * scale, THIN);
      if (at < 2) y += LABEL; /* the label stands above */
      node.y = y;
      node.y0 = node.y1 = y;
      y += at < 2 ? node.high : Math.max(node.high, LABEL - 4) + 4;
    }
  }
  return scale;
}

function ribbon({ from, to, value }, scale) {
  const high = Math.max(value * scale, THIN), x0 = from.x + NODE, x1 = to.x, middle = (x0 + x1) / 2;
  const y0 = from.y1, y1 = to.y0;
  from.y1 += value * scale;
  to.y0 += value * scale;
  return s("path", {
    class: `ribbon tone-${to.column === 2 || to.tone === "bad" ? to.tone : from.tone}`,
    d: `M${x0},${y0}C${middle},${y0} ${middle},${y1} ${x1},${y1}V${y1 + high}` +
       `C${middle},${y1 + high} ${middle},${y0 + high} ${x0},${y0 + high}Z`,
  }, s("title", {}, `${from.name} → ${to.name}: ${exact(value)}`));
}

function label(node, { all, decoded, width }) {
  const right = node.column === 2, x = right ? node.x + NODE + 8 : node.x, y = right ? node.y + 12 : node.y - 22;
  const narrow = width < NARROW, copies = !node.column && node.name === RECEIVED && decoded < all;
  const more = copies && !narrow ? ` · ${short(decoded)} decoded, a copy for each output`
    : node.column && (right || !narrow) ? ` · ${share(node.value, all)}` : "";
  const longest = right ? 16 : 9;
  const name = !narrow || node.name.length <= longest ? node.name
    : right ? node.name.replace("Dropped: ", "✗ ") : `${node.name.slice(0, longest - 1)}…`;
  return s("text", { x, y }, s("title", {}, `${node.name}: ${exact(node.value)} records`),
    s("tspan", { x, "font-weight": 600 }, name),
    s("tspan", { x, dy: 15, class: "quiet" }, short(node.value) + more));
}

export class LedgerPicture {
  constructor() {
    this.element = h("figure");
    atWidth(this.element, (width) => { this.width = width; if (this.ledger) this.update(this.ledger); });
  }

  update(ledger) {
    this.ledger = ledger;
    const { columns, links } = ledgerFlows(ledger);
    if (!links.length) {
      this.element.replaceChildren(h("p", { class: "empty" },
        "No record has come yet. Point an exporter at this weir; its records will flow from left to right here."));
      return;
    }
    if (!this.width) return;
    const rows = Math.max(...columns.map((nodes) => nodes.length));
    const height = Math.max(300, rows * LABEL + 190), all = ledger.units.records.received;
    const scale = place(columns, this.width, height);
    const words = columns[2].map((node) => `${node.name} ${exact(node.value)}`).join(", ");
    const bottom = Math.max(...columns.flat().map((node) => node.y + Math.max(node.high, node.column === 2 ? LABEL : 0)));
    this.element.replaceChildren(s("svg", {
      viewBox: `0 0 ${this.width} ${bottom + 6}`, role: "img", width: this.width, height: bottom + 6,
      "aria-label": `Of ${exact(all)} records received: ${words}. The tables below have the same numbers.`,
    },
    links.map((one) => ribbon(one, scale)),
    columns.flat().map((node) => s("rect", { class: `node tone-${node.tone}`, x: node.x, y: node.y, width: NODE, height: node.high, rx: 2 })),
    columns.flat().map((node) => label(node, { all, decoded: ledger.counters.records_received, width: this.width }))));
  }
}

/* ---- lines over the last hour ---- */

const HOUR = 3600e3, LEAST = 300e3, HIGH = 170, FOOT = 20, LEFT = 52;
const axis = (value) => short(value).replace(/\.0+(?=\D|$)|(?<=\.\d)0+(?=\D|$)/, "");

function niceTop(value) {
  if (!value) return 1;
  const step = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * step).find((top) => top >= value * 0.999);
}

/* series: [{name, tone, dashed, area}]; update() takes points [{at, values, gap}]. */
export class Chart {
  constructor({ title, help, series, unit }) {
    Object.assign(this, { title, series, unit, points: [], cursor: null });
    this.legend = h("div", { class: "legend" });
    this.canvas = h("figure", {
      tabindex: 0, role: "group", "aria-label": `${title}; left and right arrow keys read values`,
      onkeydown: (event) => this.keydown(event), onblur: () => this.point(null),
      onpointermove: (event) => this.pointer(event), onpointerleave: () => this.point(null) });
    this.element = h("section", { class: "card" }, h("h2", {}, title), help && h("p", { class: "help" }, help),
      this.legend, this.canvas);
    atWidth(this.canvas, (width) => { this.width = width; this.draw(); });
  }

  update(points, now) {
    this.points = points;
    this.now = now;
    this.draw();
  }

  x(at) {
    return LEFT + (this.width - LEFT - 6) * (1 - (this.now - at) / this.span);
  }

  y(value) {
    return HIGH - FOOT - (HIGH - FOOT - 10) * value / this.top;
  }

  path(number) {
    let text = "", pen = false;
    for (const { at, values, gap } of this.points) {
      const value = values[number];
      if (value === null) { pen = false; continue; }
      text += `${pen && !gap ? "L" : "M"}${this.x(at).toFixed(1)},${this.y(value).toFixed(1)}`;
      if (!pen || gap) text += "h0.01"; /* a point alone is seen, too */
      pen = true;
    }
    return text;
  }

  areaPath(number) {
    const { points } = this, floor = this.y(0).toFixed(1);
    if (points.length < 2 || points.some((point) => point.gap && point !== points[0])) return "";
    return `M${this.x(points[0].at).toFixed(1)},${floor}` +
      points.map(({ at, values }) => `L${this.x(at).toFixed(1)},${this.y(values[number] || 0).toFixed(1)}`).join("") +
      `V${floor}Z`;
  }

  draw() {
    if (!this.width || !this.now) return;
    this.top = niceTop(Math.max(0, ...this.points.flatMap((point) => point.values)));
    const lines = [0, 0.5, 1].map((part) => part * this.top);
    this.span = Math.min(HOUR, Math.max(LEAST, this.now - (this.points[0]?.at ?? this.now)));
    const step = [1, 2, 5, 10, 20].find((minutes) => this.span / 60e3 / minutes * 75 < this.width - LEFT) ?? 30, ticks = [];
    const last = new Date(this.now);
    last.setMinutes(last.getMinutes() - last.getMinutes() % step, 0, 0);
    for (let at = last.getTime(); at > this.now - this.span; at -= step * 60e3) ticks.push(at);
    this.canvas.replaceChildren(s("svg", { viewBox: `0 0 ${this.width} ${HIGH}`, height: HIGH, "aria-hidden": "true" },
      lines.map((value) => [s("line", { class: value ? "grid" : "axis", x1: LEFT, x2: this.width - 6, y1: this.y(value), y2: this.y(value) }),
        s("text", { class: "quiet", x: LEFT - 6, y: this.y(value) + 4, "text-anchor": "end" }, axis(value))]),
      ticks.filter((at) => this.x(at) > LEFT + 14 && this.x(at) < this.width - 18).map((at) =>
        s("text", { class: "quiet", x: this.x(at), y: HIGH - 4, "text-anchor": "middle" }, clock(at).slice(0, 5))),
      this.series.map((one, number) => [
        one.area && s("path", { class: `area tone-${one.tone}`, d: this.areaPath(number) }),
        s("path", { class: `line tone-${one.tone}${one.dashed ? " dashed" : ""}`, d: this.path(number), "stroke-linecap": "round" })]),
      this.cursorLine = s("line", { class: "cursor", y1: 6, y2: HIGH - FOOT, visibility: "hidden" })));
    this.point(this.cursor);
  }

  /* Which reading the legend tells: the last one, or the one under the pointer. */
  point(number) {
    this.cursor = number;
    const point = this.points[number ?? this.points.length - 1];
    if (number !== null && point) {
      for (const name of ["x1", "x2"]) this.cursorLine?.setAttribute(name, this.x(point.at));
    }
    this.cursorLine?.setAttribute("visibility", number !== null && point ? "visible" : "hidden");
    this.legend.replaceChildren(...this.series.map((one, at) => h("span", { class: `tone-${one.tone}` },
      h("i", { class: one.dashed ? "dashed" : null }), `${one.name} `,
      h("strong", {}, point ? short(point.values[at], this.unit) : "–"))),
    h("span", { class: "quiet" }, !point ? "first rate after 20 s" : number === null ? "last 10 s" : `at ${clock(point.at)}`));
  }

  pointer(event) {
    const box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left;
    let best = null;
    for (const [number, { at }] of this.points.entries())
      if (best === null || Math.abs(this.x(at) - x) < Math.abs(this.x(this.points[best].at) - x)) best = number;
    this.point(best);
  }

  keydown(event) {
    const last = this.points.length - 1, now = this.cursor ?? last + 1;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    this.point(Math.max(0, Math.min(last, to)));
    event.preventDefault();
  }
}
