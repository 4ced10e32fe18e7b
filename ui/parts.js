// SPDX-License-Identifier: Apache-2.0
// Elements, texts of numbers and times, tables. Everything from the server becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/* ---- numbers and times as text ---- */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const STEPS = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

export const exact = (value) => whole.format(value);

/* Three digits that count: "12.3 M". */
export function short(value, unit = "") {
  const size = Math.abs(value);
  const gap = unit ? "\u00a0" : "";
  for (const [step, letter] of STEPS) {
    if (size < step * 0.9995) continue;
    const scaled = value / step;
    return `${scaled.toFixed(Math.abs(scaled) < 9.995 ? 2 : Math.abs(scaled) < 99.95 ? 1 : 0)}\u00a0${letter}${unit}`;
  }
  const digits = size && size < 0.995 ? 2 : size < 10 && !Number.isInteger(value) ? 1 : 0;
  return `${value.toFixed(digits)}${gap}${unit}`;
}

export function duration(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  for (const [at, [size, name]] of parts.entries()) {
    if (seconds < size && size > 1) continue;
    const first = Math.floor(seconds / size), next = parts[at + 1];
    const rest = next ? Math.floor((seconds % size) / next[0]) : 0;
    return `${first} ${name}${rest ? ` ${rest} ${next[1]}` : ""}`;
  }
}

export function delay(seconds) {
  if (seconds === null) return "–";
  if (seconds === Infinity) return "over 100 s";
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds} s`;
}

export const ago = (text, now) => text === null ? "–" : `${duration(Math.max(0, (now - Date.parse(text)) / 1000))} ago`;
export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

/* A number in a table: exact, zero stands back, what is bad stands out. */
export function count(value, tone) {
  return value ? h("span", { class: tone }, exact(value)) : h("span", { class: "zero" }, "0");
}

/* For those who listen: said once. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/* ---- tables ---- */

/*
 * A table whose rows may be opened by a click or Enter, with one stop of Tab and arrow keys inside. Columns: {name, key,
 * cell(row), text, minor, sort}: sort is what onsort() is told, or a function of the row for a table that sorts itself.
 */
export class Table {
  constructor({ caption, columns, key, open, onsort, sort, descending = true, empty = "Nothing here." }) {
    Object.assign(this, { columns, key, open, onsort, sort, descending, empty, rows: [], inside: new Map() });
    this.head = h("tr");
    this.body = h("tbody", { onkeydown: (event) => this.keydown(event) });
    this.element = h("div", { class: "scroll" },
      h("table", {}, caption && h("caption", {}, caption), h("thead", {}, this.head), this.body));
    this.drawHead();
  }

  drawHead() {
    const focused = this.head.contains(document.activeElement) && document.activeElement.dataset.sort;
    this.head.replaceChildren(...this.columns.map((column) => {
      const id = column.name;
      const sorted = column.sort && this.sort === id;
      const name = column.sort
        ? h("button", { type: "button", "data-sort": id, onclick: () => this.sortBy(id) }, column.name) : column.name;
      return h("th", { scope: "col", class: this.classes(column), title: column.help,
                       "aria-sort": sorted ? (this.descending ? "descending" : "ascending") : null }, name);
    }));
    if (focused) [...this.head.querySelectorAll("button")].find((button) => button.dataset.sort === focused)?.focus();
  }

  classes(column) {
    return [column.text && "text", column.minor && "minor", column.long && "long"].filter(Boolean).join(" ") || null;
  }

  sortBy(id) {
    const column = this.columns.find((one) => one.name === id);
    this.descending = this.sort === id ? !this.descending : !column.text;
    this.sort = id;
    this.drawHead();
    if (this.onsort) this.onsort();
    else this.update(this.rows);
  }

  get sorting() {
    return this.columns.find((column) => column.name === this.sort);
  }

  sorted(rows) {
    const by = this.sorting?.sort;
    if (typeof by !== "function") return rows;
    const way = this.descending ? -1 : 1;
    return [...rows].sort((one, other) => {
      const first = by(one), second = by(other);
      return first === second ? 0 : (first < second ? -way : way);
    });
  }

  /* Draws the rows anew; focus stays with its row, and what was opened stays open. */
  update(rows) {
    this.rows = rows;
    const active = document.activeElement;
    const held = this.body.contains(active) ? active.closest("tr[data-key]")?.dataset.key : null;
    if (held !== null && held !== undefined && !active.matches("tr")) return; /* somebody is inside of an opened row */
    const stop = held ?? this.body.querySelector("tr[tabindex='0']")?.dataset.key;
    const drawn = this.sorted(rows).flatMap((row) => this.drawRow(row));
    this.body.replaceChildren(...(drawn.length ? drawn
      : [h("tr", {}, h("td", { class: "text empty", colspan: this.columns.length }, this.empty))]));
    if (!this.open) return;
    const all = this.stops();
    const at = all.find((row) => row.dataset.key === stop) ?? all[0];
    if (at) at.tabIndex = 0;
    if (held !== null && held !== undefined && at) at.focus({ preventScroll: true });
  }

  drawRow(row) {
    const key = String(this.key(row)), inside = this.inside.get(key);
    const cells = this.columns.map((column) => h("td", { class: this.classes(column) }, column.cell(row)));
    const drawn = h("tr", { "data-key": key, tabindex: this.open ? -1 : null,
                            "aria-expanded": inside ? "true" : null,
                            onclick: this.open && (() => { if (!String(getSelection())) this.open(row, key); }) }, cells);
    return inside ? [drawn, h("tr", {}, h("td", { class: "inside", colspan: this.columns.length }, inside))] : [drawn];
  }

  /* Shows an element below a row, or takes it away. */
  toggle(key, make) {
    if (this.inside.has(key)) this.inside.delete(key);
    else this.inside.set(key, make());
    this.update(this.rows);
  }

  stops() {
    return [...this.body.querySelectorAll("tr[data-key]")];
  }

  keydown(event) {
    const all = this.open ? this.stops() : [], at = all.indexOf(document.activeElement);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
    if (to !== undefined) {
      all[at].tabIndex = -1;
      const row = all[Math.max(0, Math.min(all.length - 1, to))];
      row.tabIndex = 0;
      row.focus();
      event.preventDefault();
    } else if (event.key === "Enter" || event.key === " ") {
      all[at].click();
      event.preventDefault();
    }
  }
}
