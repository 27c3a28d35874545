// One alert: all that spoke for it, and its customer.
import { ask } from "../api.js";
import { facts, h, notice, section, table } from "../dom.js";
import { alertLink, amount, anyValue, customerLink, number, risk, severity, time, verdict } from "../format.js";
import { Labels, labelPart } from "../labels.js";
import { isMasked } from "../session.js";
import { snoozeParts } from "../snooze.js";
import { customerParts } from "./customer.js";

const SOURCES = { rule: "rule", model: "model", anomaly: "unusual", list: "list" };

const REASONS = [
  { title: "Source", cell: (reason) => SOURCES[reason.source] ?? reason.source },
  { title: "Rule", cell: (reason) => (reason.source === "rule" ? h("span", { class: "id", title: reason.version == null ? "" : `version ${reason.version}` }, reason.name) : "") },
  { title: "Feature", cell: (reason) => h("code", null, reason.feature) },
  { title: "Value seen", numeric: true, cell: (reason) => anyValue(reason.value) },
  { title: "Limit", cell: (reason) => (reason.operator ? `${reason.operator} ${anyValue(reason.limit)}` : "") },
  { title: "Adds", numeric: true, cell: contribution },
];

function contribution(reason) {
  if (reason.contribution == null) return "";
  const whole = reason.source === "anomaly" ? "to the anomaly score" : "to the log odds";
  return h("span", { title: whole }, `${reason.contribution > 0 ? "+" : ""}${number(reason.contribution)} ${whole}`);
}

export async function alertPage({ id, query, signal }) {
  const { alert } = await ask("api/alert", { id, customer: query.customer }, signal);
  if (alert.stream != null) return driftParts(alert);
  const reasons = section("Reasons", table("Reasons", REASONS, alert.reasons, { empty: "None were sent." }));
  if (isMasked()) return [...headline(alert), reasons];
  const customer = h("div", null, h("p", { class: "empty" }, "Reading the customer's history …"));
  const features = h("div");
  const label = h("div", null, h("p", { class: "empty" }, "Looking for a label …"));
  const labelled = (labels) => label.replaceChildren(labelPart(alert, labels, signal));
  customerParts(alert.customer_id, signal, alert.transaction_id)
    .then(({ parts, labels, decision }) => {
      customer.replaceChildren(...parts);
      labelled(labels);
      return decision;
    })
    .then((decision) => features.replaceChildren(...featureParts(decision, alert)))
    .catch((error) => {
      if (signal.aborted) return;
      customer.replaceChildren(notice(error.message, "error"));
      labelled(new Labels([]));
    });
  return [
    ...headline(alert),
    h("div", { class: "columns" }, section("Is it fraud?", label), snoozeParts(alert.customer_id, signal)),
    reasons,
    features,
    h("h2", null, "The customer ", customerLink(alert.customer_id)),
    customer,
  ];
}

function headline(alert) {
  return [
    h("p", { class: "headline" }, severity(alert.severity), " ", verdict(alert.verdict), " ", alert.message),
    facts([
      ["Amount", amount(alert.amount)],
      ["Risk", risk(alert.risk_score)],
      ["Type", alert.type],
      ["Customer", customerLink(alert.customer_id)],
      ["Transaction", h("span", { class: "id" }, alert.transaction_id)],
      ["Made", time(alert.event_time)],
      ["Detected", time(alert.detected_at)],
      ["Model", alert.model_version],
      ["Rules", alert.rules_version],
      ["Model alerts from", number(alert.threshold)],
      ["Group", alert.group_id && [alertLink(alert.group_id, alert.customer_id, alert.group_id), `, number ${alert.group_position}`]],
    ]),
  ];
}

/** What the windows and the profile said at the decision, which is not what they say now. */
function featureParts(decision, alert) {
  if (!decision) return [];
  const named = new Set(alert.reasons.map((reason) => reason.feature));
  const rows = Object.entries(decision.features).sort(([a], [b]) => named.has(b) - named.has(a) || a.localeCompare(b));
  const columns = [
    { title: "Feature", cell: ([name]) => h("code", null, name) },
    { title: "At the decision", numeric: true, cell: ([, value]) => anyValue(value) },
  ];
  const all = table("Features at the decision", columns, rows, { rowClass: ([name]) => (named.has(name) ? "named" : null) });
  return [h("details", { class: "features" }, h("summary", null, `All ${rows.length} features as they were at the decision`), all)];
}

function driftParts(drift) {
  return [
    h("p", { class: "headline" }, severity(drift.severity), " ", drift.message),
    facts([
      ["Stream", drift.stream],
      ["Mean before", number(drift.before)],
      ["Mean since", number(drift.after)],
      ["Transactions since", number(drift.transactions)],
      ["Event time", time(drift.event_time)],
      ["Found", time(drift.detected_at)],
    ]),
    h("p", null, h("a", { href: "#/models" }, "Models and what is watched for drift")),
  ];
}
