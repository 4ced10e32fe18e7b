// SPDX-License-Identifier: Apache-2.0
// The console: reads the API, shows one view at a time, says when weir cannot be reached. It changes nothing.

import { duration, h, say } from "./parts.js";
import { setCounters } from "./draw.js";
import { Talkers } from "./talkers.js";
import { Exporter, Exporters, Outputs, Overview, Templates } from "./views.js";

const TOKEN = "weir-token", TIMEOUT = 10000, STEP = 500, READY_EVERY = 5000, BACK_SHOWN = 4000;
const VIEWS = { overview: Overview, exporters: Exporters, talkers: Talkers, outputs: Outputs, templates: Templates };
const at = (id) => document.getElementById(id);

class Refused extends Error {}

/* ---- reading ---- */

async function fetchText(path, accepted = [200]) {
  const token = sessionStorage.getItem(TOKEN);
  const answer = await fetch(path, {
    headers: { Accept: "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
    cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(TIMEOUT) });
  const text = await answer.text();
  if (accepted.includes(answer.status)) return text;
  let why = `status ${answer.status}`;
  try { why = JSON.parse(text).error ?? why; } catch { /* no JSON: the status says it */ }
  if (answer.status === 401) askToken(Boolean(token));
  throw new Refused(why);
}

const app = {
  history: null,
  skew: 0, /* ms that the server's clock is ahead of this one */
  now: () => Date.now() + app.skew,

  async read(path) {
    const answer = JSON.parse(await fetchText(path));
    app.skew = Date.parse(answer["@timestamp"]) - Date.now();
    if (app.started && answer.started && app.started !== answer.started) restarted();
    app.started = answer.started ?? app.started;
    return answer;
  },

  historyPath: () => `api/history?after=${app.history?.readings.at(-1)?.number ?? 0}`,
  refresh: () => { for (const one of app.due.keys()) app.due.set(one, 0); tick(); },
  due: new Map(), /* what is read -> when (performance.now()) */
};

/* Another weir answers: what was kept is not its own. */
function restarted() {
  app.history = null;
  say("weir was started anew");
  setTimeout(show);
}

/* Only what is new of the hour is asked for; what is newer than something of an earlier weir is not the whole. */
function keepHistory(answer, path) {
  if (!app.history && !path.endsWith("=0")) return undefined;
  const kept = app.history?.readings ?? [];
  const readings = [...kept, ...answer.readings].slice(-361);
  app.history = { ...answer, readings };
  return app.history;
}

/* ---- the loop: what is due is read, one round at a time; nothing while the page is hidden ---- */

let view = null, running = false, lost = null, backTimer = 0;

async function readDue(shown) {
  const now = performance.now(), answers = { errors: {} };
  const due = Object.entries(shown.reads).filter(([name]) => (app.due.get(name) ?? 0) <= now);
  await Promise.all(due.map(async ([name, [path, every]]) => {
    app.due.set(name, now + every);
    try {
      const asked = path(), answer = await app.read(asked);
      answers[name] = name === "history" ? keepHistory(answer, asked) : answer;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answers.errors[name] = error.message;
    }
  }));
  if (due.length && shown === view) shown.update(answers);
  return due.length > 0;
}

async function readReady() {
  if ((app.due.get("ready") ?? 0) > performance.now()) return false;
  app.due.set("ready", performance.now() + READY_EVERY);
  const about = await app.read("api");
  at("version").textContent = about.version;
  at("uptime").textContent = about.started ? `up ${duration((app.now() - Date.parse(about.started)) / 1000)}` : about.phase;
  document.title = about.ready ? "weir" : `not ready – weir`;
  const reasons = (await fetchText("readyz?verbose", [200, 503])).trim().split("\n");
  const pill = document.querySelector("#ready .pill");
  pill.textContent = reasons.pop();
  pill.className = `pill ${about.ready ? "good" : "bad"}`;
  document.querySelector("#ready ul").replaceChildren(...reasons.map((reason) =>
    h("li", { class: reason.startsWith("[+]") ? "good" : "bad" }, reason.replace("[+]", "✓ ").replace("[-]", "✗ "))));
  return true;
}

async function tick() {
  if (running || !view || document.hidden || at("token").open) return;
  running = true;
  try {
    if (!app.counters) setCounters((app.counters = await app.read("api/counters")).counters);
    const read = await Promise.all([readReady(), readDue(view)]);
    if (read.includes(true)) reached();
  } catch (error) {
    if (error instanceof TypeError || error.name === "TimeoutError") unreachable();
    else if (!(error instanceof Refused)) throw error;
  } finally {
    running = false;
  }
}

function unreachable() {
  lost ??= Date.now();
  clearTimeout(backTimer);
  document.body.classList.add("stale");
  const line = at("connection");
  line.className = "";
  line.hidden = false;
  line.textContent = `Connection lost ${new Date(lost).toLocaleTimeString([], { hour12: false })}: what is shown is from before. Trying again…`;
  for (const one of app.due.keys()) app.due.set(one, performance.now() + 1000);
}

function reached() {
  if (lost === null) return;
  lost = null;
  document.body.classList.remove("stale");
  const line = at("connection");
  line.className = "back";
  line.textContent = "Connected again";
  backTimer = setTimeout(() => { line.hidden = true; }, BACK_SHOWN);
}

/* ---- the token ---- */

function askToken(wrong) {
  const dialog = at("token");
  sessionStorage.removeItem(TOKEN);
  if (dialog.open) return;
  dialog.querySelector("[role=alert]").textContent = wrong ? "That is not the token of this weir." : "";
  dialog.showModal();
}

at("token").addEventListener("cancel", (event) => event.preventDefault());
at("token").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = event.target.querySelector("input");
  sessionStorage.setItem(TOKEN, input.value);
  input.value = "";
  at("token").close();
  app.refresh();
});

/* ---- which view ---- */

function show() {
  const [name, ...rest] = location.hash.slice(1).split("/"), known = name in VIEWS ? name : "overview";
  for (const link of document.querySelectorAll("nav a"))
    if (link.hash === `#${known}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  view = known === "exporters" && rest.length ? new Exporter(app, decodeURIComponent(rest.join("/"))) : new VIEWS[known](app);
  at("main").replaceChildren(view.element);
  app.due.clear();
  if (app.history) view.update({ history: app.history });
  tick();
}

/* After a click on a link the reader is where the new view begins. */
addEventListener("hashchange", () => {
  if (location.hash === "#main") return;
  show();
  scrollTo(0, 0);
  at("main").focus({ preventScroll: true });
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  at("main").focus();
});
document.addEventListener("visibilitychange", app.refresh);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") at("ready").open = false;
});
show();
setInterval(tick, STEP);
