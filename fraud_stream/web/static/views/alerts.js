// The alerts as they come.
import { ask } from "../api.js";
import { chart } from "../charts.js";
import { announce, h, notice, table, tableRow } from "../dom.js";
import { address, alertLink, amount, count, customerLink, risk, severity, time, verdict } from "../format.js";
import { Groups } from "../groups.js";
import { follow } from "../live.js";

const SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
const FILTERS = ["severity", "type", "verdict", "min_score", "rule", "customer"];
const STEP = 200;
const TOLD_EVERY = 3_000;
const DRAWN_EVERY = 5_000;
const BINS = 60;
/** Milliseconds that a page which nobody sees goes on; then its worker need not read the alerts for it any more. */
const AWAKE = 60_000;
/** Milliseconds before all is asked for again, the first time and at most. */
const AGAIN = 1_000;
const LONGEST = 60_000;
const COLOURS = { CRITICAL: "critical", HIGH: "high", MEDIUM: "medium", LOW: "low" };

const COLUMNS = [
  { title: "Detected", class: "when", cell: (alert) => time(alert.detected_at) },
  { title: "Made", cell: (alert) => time(alert.event_time) },
  { title: "Severity", cell: (alert) => severity(alert.severity) },
  { title: "Verdict", cell: (alert) => verdict(alert.verdict) },
  { title: "Risk", numeric: true, cell: (alert) => risk(alert.risk_score) },
  { title: "Amount", numeric: true, cell: (alert) => (alert.amount == null ? "" : amount(alert.amount)) },
  { title: "Customer", cell: (alert) => customerLink(alert.customer_id) },
  { title: "Type", cell: (alert) => h("span", { class: "type" }, alert.type) },
  { title: "What", class: "what", cell: (alert) => [alertLink(alert.alert_id, alert.customer_id, alert.message), reasons(alert)] },
];

/** Why, in a few words. */
function reasons(alert) {
  const names = (alert.reasons ?? []).map((reason) => (reason.source === "rule" ? reason.name : reason.feature));
  const few = [...new Set(names)].slice(0, 4).join(", ");
  return few && h("div", { class: "reasons" }, few);
}

export async function alertsPage({ query, signal }) {
  const list = new AlertList(query, signal);
  await list.load();
  return [list.form, list.status, list.spike, list.place];
}

class AlertList {
  constructor(query, signal) {
    this.signal = signal;
    this.query = Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ""]));
    this.limit = STEP;
    this.shown = new Map(); // by id, the oldest first
    this.waiting = []; // while it is paused
    this.came = 0; // while it is paused, those that are kept no longer included
    this.wait = AGAIN;
    this.unsaid = 0;
    this.isPaused = false;
    this.spike = h("div");
    this.place = h("div");
    this.state = h("span", { class: "state" }, "");
    this.pause = h("button", { type: "button", onclick: () => this.togglePause() });
    this.status = h("div", { class: "status" }, this.state, this.pause);
    this.form = filterForm(this.query, () => this.refilter());
    const telling = setInterval(() => this.tell(), TOLD_EVERY);
    const drawing = setInterval(() => this.isStale && this.draw(), DRAWN_EVERY);
    document.addEventListener("visibilitychange", () => this.seen(), { signal });
    signal.addEventListener("abort", () => {
      clearTimeout(this.falling);
      clearTimeout(this.again);
      clearInterval(telling);
      clearInterval(drawing);
      this.end?.();
    });
  }

  async load() {
    this.end?.();
    clearTimeout(this.again);
    const turn = (this.turn = Symbol("a later answer overtakes an earlier one"));
    const answer = await ask("api/alerts", { ...this.query, limit: this.limit }, this.signal).catch((error) => {
      if (turn === this.turn) throw error;
    });
    if (turn !== this.turn || this.signal.aborted) return;
    this.shown = new Map(answer.alerts.toReversed().map((alert) => [alert.alert_id, alert]));
    this.waiting = [];
    this.came = 0;
    this.tellPause();
    if (answer.trouble != null) this.tellState(answer.trouble);
    this.mayHaveMore = answer.alerts.length === this.limit && answer.held > this.limit;
    this.render(answer);
    this.draw();
    this.end = follow(this.query, answer.after, {
      alert: (alert) => this.take(alert),
      state: (state) => this.tellState(state),
      restart: () => this.reloadLater("Another worker answers; reading anew …"),
    });
  }

  seen() {
    clearTimeout(this.falling);
    if (document.hidden) this.falling = setTimeout(() => this.sleep(), AWAKE);
    else if (this.isAsleep) this.reload();
    if (!document.hidden) this.isAsleep = false;
  }

  sleep() {
    this.isAsleep = true;
    this.turn = null; // what is still asked for comes too late
    clearTimeout(this.again);
    this.end?.();
    this.tellState("Asleep while nobody looks");
  }

  async reload() {
    try {
      await this.load();
    } catch (error) {
      if (this.signal.aborted) return;
      this.place.replaceChildren(notice(error.message, "error"));
      this.reloadLater("lost");
    }
  }

  /** Asks for all again after a while, which doubles until the alerts are followed. */
  reloadLater(state) {
    this.tellState(state);
    this.again = setTimeout(() => this.reload(), this.wait);
    this.wait = Math.min(2 * this.wait, LONGEST);
  }

  refilter() {
    history.replaceState(null, "", address("alerts", null, this.query));
    this.limit = STEP;
    this.reload();
  }

  render(answer) {
    const rows = [...this.shown.values()].reverse();
    const more = h("button", { type: "button", onclick: () => this.showMore() }, `Show ${STEP} more`);
    const empty = FILTERS.some((name) => this.query[name])
      ? `None of the newest ${count(answer.held)} alerts is like that.`
      : "No alerts yet. They appear here by themselves.";
    const whole = table("Alerts, the newest first", COLUMNS, rows, { empty, rowClass });
    this.body = whole.querySelector("tbody");
    const held = h("p", { class: "empty" }, `The newest ${count(answer.most)} alerts can be looked at here; ${count(answer.held)} are held.`);
    this.place.replaceChildren(whole, this.mayHaveMore ? more : held);
    this.groups = new Groups();
    const there = this.body ? [...this.body.children] : [];
    for (let n = rows.length - 1; n >= 0; n -= 1) this.groups.add(rows[n], there[n]);
  }

  showMore() {
    this.limit = Math.min(this.limit + STEP, 2_000);
    this.reload();
  }

  take(alert) {
    if (this.shown.has(alert.alert_id)) return;
    this.unsaid += 1;
    this.newest = alert;
    if (this.isPaused) {
      this.came += 1;
      this.waiting.push(alert);
      if (this.waiting.length > this.limit) this.waiting.shift();
      this.tellPause();
    } else {
      this.add(alert);
    }
  }

  add(alert) {
    this.shown.set(alert.alert_id, alert);
    this.isStale = true;
    if (!this.body) {
      this.place.replaceChildren(table("Alerts, the newest first", COLUMNS, [alert], { rowClass }));
      this.body = this.place.querySelector("tbody");
      this.groups.add(alert, this.body.firstElementChild);
      return;
    }
    const row = tableRow(COLUMNS, alert, rowClass(alert));
    row.classList.add("fresh");
    this.body.prepend(row);
    this.groups.add(alert, row);
    if (this.shown.size > Math.max(this.limit, STEP)) this.forgetOldest();
  }

  forgetOldest() {
    const oldest = [...this.shown.keys()].find((id) => !this.groups.isIn(id));
    this.shown.delete(oldest);
    this.groups.forget(oldest);
  }

  togglePause() {
    this.isPaused = !this.isPaused;
    for (const alert of this.waiting) this.add(alert);
    this.waiting = [];
    this.came = 0;
    this.tellPause();
  }

  tellPause() {
    const goOn = this.came ? `Go on (${count(this.came)} new)` : "Go on";
    this.pause.textContent = this.isPaused ? goOn : "Pause";
  }

  tellState(state) {
    if (state === "live") this.wait = AGAIN;
    const words = { live: "Live", lost: "Connection lost; trying again …" };
    this.state.textContent = words[state] ?? state;
    this.state.className = `state ${state === "live" ? "good" : "bad"}`;
  }

  tell() {
    if (!this.unsaid) return;
    const { severity: how, customer_id: who } = this.newest;
    announce(`${this.unsaid} new ${this.unsaid === 1 ? "alert" : "alerts"}, the newest ${how}${who ? ` of ${who}` : ""}`);
    this.unsaid = 0;
  }

  draw() {
    this.isStale = false;
    const alerts = [...this.shown.values()];
    const figures = this.spike.querySelector("summary");
    const hadFocus = figures !== null && figures === document.activeElement;
    this.spike.replaceChildren(...(alerts.length > 1 ? [histogram(alerts, figures?.parentNode.open)] : []));
    if (hadFocus) this.spike.querySelector("summary")?.focus({ preventScroll: true });
  }
}

function rowClass(alert) {
  return `row-${SEVERITIES.includes(alert.severity) ? alert.severity : "LOW"}`;
}

/** How many alerts there were, by the time they were detected; a bar stands on those that are less severe. */
function histogram(alerts, isOpen) {
  const at = (alert) => Date.parse(alert.detected_at) / 1000;
  const first = Math.min(...alerts.map(at));
  const width = Math.max(1, Math.ceil((Math.max(...alerts.map(at)) - first + 1) / BINS));
  const begin = Math.floor(first / width) * width;
  const bins = Math.ceil((Math.max(...alerts.map(at)) - begin + 1) / width);
  const times = Array.from({ length: bins }, (_, n) => begin + n * width);
  const upTo = (least) => {
    const counts = Array(bins).fill(0);
    const kinds = SEVERITIES.slice(SEVERITIES.indexOf(least));
    for (const alert of alerts) if (kinds.includes(alert.severity)) counts[Math.floor((at(alert) - begin) / width)] += 1;
    return counts;
  };
  const there = SEVERITIES.filter((one) => alerts.some((alert) => alert.severity === one));
  const lines = there.map((one) => ({ title: one === there.at(-1) ? one : `${one} and below`, colour: COLOURS[one], kind: "bars", values: upTo(one) }));
  return chart(`Alerts shown, by ${width === 1 ? "second" : `${count(width)} seconds`} of detection`, times, lines, { height: 130, format: count, isOpen });
}

function filterForm(query, changed) {
  let timer = null;
  const input = (name, props) =>
    h("input", { id: `filter-${name}`, name, value: query[name], autocomplete: "off", spellcheck: "false", ...props });
  const field = (label, name, control) => h("div", { class: "field" }, h("label", { for: `filter-${name}` }, label), control);
  const choice = (name, values) =>
    h("select", { id: `filter-${name}`, name }, values.map(([value, text]) => h("option", { value, selected: query[name] === value }, text)));
  const form = h(
    "form",
    { class: "filters", "aria-label": "Filter the alerts", role: "search" },
    field("Severity", "severity", choice("severity", [["", "any"], ["MEDIUM", "medium or worse"], ["HIGH", "high or worse"], ["CRITICAL", "critical"]])),
    field("Verdict", "verdict", choice("verdict", [["", "any"], ["review", "review"], ["block", "block"]])),
    field("Risk from", "min_score", input("min_score", { type: "number", min: 0, max: 1, step: "any" })),
    field("Type", "type", input("type", { placeholder: "VELOCITY" })),
    field("Rule", "rule", input("rule", { placeholder: "rule id" })),
    field("Customer", "customer", input("customer", { placeholder: "CUST-…" })),
    h("button", { type: "reset" }, "Clear"),
  );
  const apply = () => {
    if (!form.reportValidity()) return;
    for (const name of FILTERS) query[name] = form.elements[name].value.trim();
    changed();
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, 300);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const name of FILTERS) form.elements[name].value = "";
    apply();
  });
  return form;
}
