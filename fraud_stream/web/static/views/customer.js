// Customers: a way to one, and one's history, windows, alerts and labels.
import { ask } from "../api.js";
import { chart } from "../charts.js";
import { facts, h, notice, section, table } from "../dom.js";
import { address, alertLink, amount, count, customerLink, risk, severity, time, verdict } from "../format.js";
import { Labels, labelBadge, labelCell } from "../labels.js";
import { isMasked } from "../session.js";
import { snoozeParts } from "../snooze.js";

/** Parts of the history that are searched for the transaction of an alert, after the first. */
const MORE = 5;
const VERDICTS = { accept: "accept", review: "medium", block: "critical" };

export async function customersPage({ signal }) {
  const { alerts } = await ask("api/alerts", { limit: 2000 }, signal);
  const input = h("input", { id: "customer-id", name: "id", required: true, autocomplete: "off", spellcheck: "false" });
  const form = h("form", { class: "filters", role: "search" }, h("div", { class: "field" }, h("label", { for: "customer-id" }, "Customer id"), input), h("button", null, "Show"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = address("customer", input.value.trim());
  });
  const columns = [
    { title: "Customer", cell: ([id]) => customerLink(id) },
    { title: "Alerts", numeric: true, cell: ([, found]) => count(found.length) },
    { title: "Highest risk", numeric: true, cell: ([, found]) => risk(Math.max(...found.map((alert) => alert.risk_score))) },
    { title: "Alerted amount", numeric: true, cell: ([, found]) => amount(found.reduce((sum, alert) => sum + alert.amount, 0)) },
    { title: "Newest", cell: ([, found]) => time(found[0].event_time) },
  ];
  const rows = byCustomer(alerts).slice(0, 100);
  const masked = h("p", { class: "empty" }, "You are shown other names than the customers have, so that none can be looked up.");
  return [isMasked() ? masked : form, section("Customers with most alerts", table("Customers with most alerts", columns, rows, { empty: "No alerts yet." }))];
}

function byCustomer(alerts) {
  const found = new Map();
  for (const alert of alerts) {
    if (alert.customer_id != null) found.set(alert.customer_id, [...(found.get(alert.customer_id) ?? []), alert]);
  }
  return [...found].sort(([, a], [, b]) => b.length - a.length);
}

export async function customerPage({ id, signal }) {
  if (isMasked()) return [notice("You are not told of customers; your role would have to be another.")];
  const { parts } = await customerParts(id, signal);
  return [...snoozeParts(id, signal, { isLine: true }), ...parts];
}

/**
 * What is known of a customer, and the labels; of a transaction that is named, its row is marked, and `decision` is
 * what was decided on it, once that is found.
 */
export async function customerParts(id, signal, transaction = null) {
  const [customer, found, alerts] = await Promise.all([
    ask("api/customer", { id }, signal),
    ask("api/history", { customer: id }, signal).catch(unlessLeft(signal)),
    ask("api/alerts", { customer: id, limit: 50 }, signal).catch(unlessLeft(signal)),
  ]);
  const labels = new Labels(found.error ? [] : found.labels);
  const history = found.error ? null : new History(id, found, labels, signal, transaction);
  return {
    labels,
    decision: history?.search() ?? null,
    parts: [
      ...profileParts(customer),
      ...windowParts(customer),
      history ? history.part : notice(`The history cannot be read: ${found.error}`, "error"),
      alerts.error ? notice(`The alerts cannot be read: ${alerts.error}`, "error") : alertParts(alerts),
      ...(history ? [labelParts(labels)] : []),
    ],
  };
}

/** One part that fails must not take the others with it. */
function unlessLeft(signal) {
  return (error) => {
    if (signal.aborted) throw error;
    return { error: error.message };
  };
}

function profileParts(customer) {
  const { profile, trouble, worker, partition } = customer;
  if (trouble) return [notice(`What the tables have cannot be told now: ${trouble}`)];
  if (!profile) return [notice("No table has this customer: no transaction of theirs was processed, or the id is another.")];
  const places = (known) => Object.entries(known).map(([name, at]) => h("li", null, name, " ", h("span", { class: "quiet" }, time(at))));
  return [
    facts([
      ["Transactions", count(profile.transactions)],
      ["Usual amount", amount(profile.usual_amount)],
      ["Mean ± deviation", `${amount(profile.mean_amount)} ± ${amount(profile.standard_deviation)}`],
      ["Last transaction", time(profile.last)],
      ["Known frauds", count(customer.frauds?.frauds ?? 0)],
      ["Unusual amounts", count(profile.outliers.length)],
      ["Kept by", `${worker}, partition ${partition}`],
    ]),
    h("div", { class: "columns" },
      section("Sliding windows", table("Sliding windows, up to the last transaction", SLIDING, Object.entries(profile.sliding))),
      section("Places", h("ul", { class: "plain" }, places(profile.locations))),
      section("Devices", h("ul", { class: "plain" }, places(profile.devices)))),
  ];
}

const SLIDING = [
  { title: "Last", cell: ([span]) => span },
  { title: "Transactions", numeric: true, cell: ([, window]) => count(window.count) },
  { title: "Amount", numeric: true, cell: ([, window]) => amount(window.sum) },
];

function windowParts({ tumbling, hopping }) {
  if (!tumbling.length && !hopping.length) return [];
  const charts = [
    ...windowCharts("Hour by hour", tumbling, "bars"),
    ...windowCharts("Velocity: hopping windows, by their start", hopping, "line"),
  ];
  return [section("Windows", h("div", { class: "charts" }, charts))];
}

function windowCharts(title, windows, kind) {
  if (!windows.length) return [];
  const ordered = windows.map((window) => ({ ...window, at: Date.parse(window.start) / 1000 })).sort((a, b) => a.at - b.at);
  const all = kind === "line" ? withEmptyOnes(ordered) : ordered;
  const times = all.map((window) => window.at);
  const values = (name) => all.map((window) => window[name]);
  return [
    chart(`${title}: transactions`, times, [{ title: "Transactions", values: values("count"), colour: "accent", kind }], { format: count }),
    chart(`${title}: amount`, times, [{ title: "Amount", values: values("sum"), colour: "second", kind }]),
  ];
}

/** A window without transactions is not stored; a line that passes it by would tell of transactions. */
function withEmptyOnes(windows) {
  const step = Math.min(...windows.slice(1).map((window, n) => window.at - windows[n].at));
  return windows.flatMap((window, n) => {
    const next = windows[n + 1];
    if (!next || next.at - window.at <= step) return [window];
    return [window, { at: window.at + step, count: 0, sum: 0 }, ...(next.at - window.at > 2 * step ? [{ at: next.at - step, count: 0, sum: 0 }] : [])];
  });
}

/** The decisions on a customer's transactions, and a way to those before them. */
class History {
  constructor(id, first, labels, signal, transaction) {
    this.id = id;
    this.labels = labels;
    this.signal = signal;
    this.transaction = transaction;
    this.scored = [...first.scored];
    this.before = first.before;
    this.columns = timeline(labels, signal);
    this.place = h("div");
    this.charted = h("div");
    this.told = h("p", { class: "empty", "aria-live": "polite" });
    this.further = h("button", { type: "button", onclick: () => this.goBack() }, "Search further back");
    this.part = section("History", this.charted, this.place, this.told, this.further);
    labels.watch(() => this.drawChart());
    this.draw();
    this.tell(first);
  }

  draw() {
    const rowClass = (one) => (one.transaction.transaction_id === this.transaction ? "named" : null);
    this.place.replaceChildren(table("Transactions, the newest first", this.columns, this.scored, { empty: "Nothing was found.", rowClass }));
    this.drawChart();
  }

  drawChart() {
    this.charted.replaceChildren(...(this.scored.length > 1 ? [amountsChart(this.scored, this.labels)] : []));
  }

  tell(part) {
    this.further.hidden = part.before == null;
    const upTo = part.back_to == null ? "" : [" back to ", time(part.back_to)];
    this.told.replaceChildren(...(part.before == null ? ["This is all that the topic has."] : [`${count(part.read)} records of partition ${part.partition} were searched`, ...upTo, "; there may be more."]));
  }

  /** Shows what was before; where that fails, why. */
  async goBack() {
    this.further.disabled = true;
    try {
      const part = await ask("api/history", { customer: this.id, before: this.before }, this.signal);
      this.before = part.before;
      this.scored.push(...part.scored);
      this.draw();
      this.tell(part);
      return true;
    } catch (error) {
      if (!this.signal.aborted) this.told.replaceChildren(error.message);
      return false;
    } finally {
      this.further.disabled = false;
    }
  }

  /** What was decided on the transaction that is named: in a burst there may be many newer ones. */
  async search() {
    const found = () => this.scored.find((one) => one.transaction.transaction_id === this.transaction) ?? null;
    for (let n = 0; n < MORE && this.transaction != null && !found() && this.before != null; n += 1) {
      if (!(await this.goBack())) break;
    }
    return found();
  }
}

function timeline(labels, signal) {
  const field = (title, name) => ({ title, class: "short", cell: (one) => one.transaction[name] ?? h("span", { class: "quiet" }, "–") });
  return [
    { title: "Time", class: "when", cell: (one) => time(one.transaction.timestamp) },
    { title: "Amount", numeric: true, cell: (one) => amount(one.transaction.amount) },
    { title: "Verdict", cell: (one) => (one.alert_id ? alertLink(one.alert_id, one.transaction.customer_id, verdict(one.verdict)) : verdict(one.verdict)) },
    { title: "Risk", numeric: true, cell: (one) => risk(one.risk_score) },
    { title: "Label", cell: (one) => labelCell(one.transaction, labels, signal) },
    field("Merchant", "merchant_id"),
    field("Category", "product_category"),
    field("Payment", "payment_method"),
    field("Place", "location"),
    { title: "Device", class: "short", cell: (one) => one.transaction.device_id ?? one.transaction.device_type ?? h("span", { class: "quiet" }, "–") },
    { title: "Rules", cell: (one) => [one.rules.join(", "), one.shadow_rules.length ? h("span", { class: "quiet" }, ` shadow: ${one.shadow_rules.join(", ")}`) : ""] },
    { title: "Transaction", class: "short roomy", cell: (one) => [one.is_late && h("span", { class: "quiet" }, "late "), h("span", { class: "id" }, one.transaction.transaction_id)] },
  ];
}

/** Amounts over time, by verdict; frauds that labels tell besides. */
function amountsChart(all, labels) {
  const ordered = all.toSorted((a, b) => a.transaction.timestamp - b.transaction.timestamp);
  const times = ordered.map((one) => one.transaction.timestamp);
  const where = (wanted) => ordered.map((one) => (wanted(one) ? one.transaction.amount : null));
  const isFraud = (one) => labels.get(one.transaction.transaction_id)?.is_fraud ?? false;
  const lines = Object.entries(VERDICTS).map(([name, colour]) => ({ title: name, colour, kind: "points", values: where((one) => one.verdict === name && !isFraud(one)) }));
  const frauds = { title: "labelled fraud", colour: "fraud", kind: "points", values: where(isFraud) };
  return chart("Amounts", times, [...lines, frauds].filter((line) => line.values.some((value) => value != null)), { format: amount });
}

function alertParts({ alerts, most }) {
  const columns = [
    { title: "Time", class: "when", cell: (alert) => time(alert.event_time) },
    { title: "Severity", cell: (alert) => severity(alert.severity) },
    { title: "Verdict", cell: (alert) => verdict(alert.verdict) },
    { title: "Risk", numeric: true, cell: (alert) => risk(alert.risk_score) },
    { title: "What", class: "what", cell: (alert) => alertLink(alert.alert_id, alert.customer_id, alert.message) },
  ];
  return section("Alerts", table("Alerts, the newest first", columns, alerts, { empty: `None among the newest ${count(most)} of all customers; older ones are in the history.` }));
}

function labelParts(labels) {
  const columns = [
    { title: "Known since", class: "when", cell: (label) => time(label.labelled_at) },
    { title: "Label", cell: labelBadge },
    { title: "Source", cell: (label) => label.source },
    { title: "Kind", cell: (label) => label.kind ?? "" },
    { title: "Transaction", cell: (label) => h("span", { class: "id" }, label.transaction_id) },
  ];
  const place = h("div");
  const draw = () => {
    const { all } = labels;
    const frauds = all.filter((label) => label.is_fraud).length;
    const whole = table("Labels, the newest first", columns, all, { empty: "None were found." });
    const summary = h("summary", null, `${count(all.length)} labels, ${count(frauds)} of them fraud`);
    const isOpen = place.querySelector("details")?.open;
    place.replaceChildren(all.length ? h("details", { open: isOpen }, summary, whole) : whole);
  };
  labels.watch(draw);
  draw();
  return section("Labels", place);
}
