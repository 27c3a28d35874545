// Champion and challenger, how good they are as labels tell it, and what is watched for drift.
import { ask } from "../api.js";
import { chart } from "../charts.js";
import { facts, h, notice, section, table } from "../dom.js";
import { alertLink, count, duration, number, percent, severity, time } from "../format.js";

const FIGURES = [
  ["Labelled transactions", "transactions", count],
  ["Frauds", "frauds", count],
  ["Average precision", "average_precision", number],
  ["ROC AUC", "roc_auc", number],
  ["Precision", "precision", percent],
  ["Recall", "recall", percent],
  ["F1", "f1", number],
  ["Best F1", "best_f1", number],
  ["at threshold", "best_threshold", number],
  ["Card Precision@k", "card_precision", percent],
  ["Calibration error", "calibration_error", percent],
];
const COLOURS = { deciding: "accent", online: "second", challenger: "third", blend: "muted" };

export async function modelsPage({ signal }) {
  const [models, quality, workers, drifts] = await Promise.all([
    ask("../models/", null, signal),
    ask("../quality/", null, signal),
    ask("api/workers", null, signal),
    ask("api/alerts", { type: "DRIFT", limit: 50 }, signal),
  ]);
  return [
    decides(models.decides, quality.threshold),
    h("div", { class: "columns" }, champion(models.champion), challenger(models.challenger)),
    figures(quality),
    overTime(quality),
    calibration(quality),
    watched(workers),
    found(drifts.alerts),
    promotions(models.promotions),
  ];
}

function decides(who, threshold) {
  return facts([
    ["Decides", who.who],
    ["by", who.by],
    ["since", who.since && time(who.since)],
    ["Alerts from", number(threshold.value)],
    ["as", threshold.why],
  ]);
}

function champion(model) {
  if (!model) return section("Champion (online)", notice("No model has been published yet: rules and what is unusual alert alone."));
  const asked = model.is_asked ? "yes" : "not yet: it has learnt too few frauds";
  return section("Champion (online)", facts([...common(model), ["Asked", asked]]));
}

function challenger(model) {
  if (!model) return section("Challenger (batch)", h("p", { class: "empty" }, "None has been announced."));
  const heldOut = model.held_out;
  return section(
    "Challenger (batch)",
    facts([...common(model), ["Fitted on", h("span", null, time(model.trained_from), " to ", time(model.trained_to))], ["Held out", heldOut && heldOutText(heldOut)]]),
  );
}

function heldOutText(heldOut) {
  const { average_precision: precision, frauds } = heldOut;
  return [precision == null ? null : `average precision ${number(precision)}`, frauds == null ? null : `${count(frauds)} frauds`].filter(Boolean).join(", ");
}

function common(model) {
  return [
    ["Model", model.id],
    ["Kind", model.kind],
    ["Learnt", `${count(model.learnt)} transactions, ${count(model.frauds)} frauds`],
    ["Published", h("span", null, time(model.created_at), `, ${duration(model.age)} ago`)],
  ];
}

function figures(quality) {
  const names = Object.keys(quality.contestants);
  const title = `Quality, ${quality.days.length ? `${quality.days[0]} to ${quality.days.at(-1)}` : "as labels tell it"}`;
  const columns = [
    { title: "Figure", cell: ([name]) => name },
    ...names.map((name) => ({ title: name, numeric: true, cell: ([, key, format]) => format(quality.contestants[name][key]) })),
  ];
  const { alerts } = quality;
  const sent = facts([
    ["Labelled", percent(quality.labelled_share)],
    ["Alerts, rules included: precision", percent(alerts.precision)],
    ["recall", percent(alerts.recall)],
    ["F1", number(alerts.f1)],
    ["Label delay p50", duration(quality.label_delay_seconds.p50)],
    ["p90", duration(quality.label_delay_seconds.p90)],
  ]);
  return section(title, sent, table("Quality", columns, names.length ? FIGURES : [], { empty: "No labels have arrived for transactions that a model scored." }));
}

function overTime(quality) {
  const days = quality.by_day;
  if (!days.length) return h("div");
  const times = days.map((day) => Date.parse(day.day) / 1000);
  const names = [...new Set(days.flatMap((day) => Object.keys(day.contestants)))];
  const lines = (key) => names.map((name) => ({ title: name, colour: COLOURS[name] ?? "muted", kind: "line", values: days.map((day) => day.contestants[name]?.[key] ?? null) }));
  const sent = ["precision", "recall"].map((key, n) => ({ title: key, colour: n ? "second" : "accent", kind: "line", values: days.map((day) => day.alerts[key]) }));
  return section(
    "Quality over time",
    h("div", { class: "charts" },
      chart("Average precision, by day", times, lines("average_precision"), { byDay: true }),
      chart("Card Precision@k, by day", times, lines("card_precision"), { format: percent, byDay: true }),
      chart("Alerts, rules included, by day", times, sent, { format: percent, byDay: true }),
      chart("Frauds known, by day", times, [{ title: "Frauds", colour: "critical", kind: "bars", values: days.map((day) => day.frauds) }], { format: count, byDay: true })),
  );
}

function calibration(quality) {
  const deciding = quality.contestants.deciding?.calibration?.filter((bin) => bin.transactions);
  if (!deciding?.length) return h("div");
  const columns = [
    { title: "Transactions", numeric: true, cell: (bin) => count(bin.transactions) },
    { title: "Mean probability said", numeric: true, cell: (bin) => percent(bin.said) },
    { title: "Share of frauds", numeric: true, cell: (bin) => percent(bin.share) },
  ];
  return h("details", null, h("summary", null, "Calibration of the deciding score"), table("Calibration", columns, deciding));
}

function watched({ workers, silent }) {
  const rows = workers.flatMap((worker) => Object.entries(worker.drift).map(([name, stream]) => ({ worker: worker.url, name, ...stream })));
  const columns = [
    { title: "Stream", cell: (one) => one.meaning },
    { title: "Mean now", numeric: true, cell: (one) => number(one.mean) },
    { title: "of", numeric: true, cell: (one) => `${count(one.count)} ${one.unit}` },
    { title: "Drifts found", numeric: true, cell: (one) => count(one.drifts) },
    { title: "Worker", cell: (one) => one.worker },
  ];
  return section("Watched for drift", silent.length ? notice(`No answer from ${silent.join(", ")}.`) : null, table("Watched for drift", columns, rows, { empty: "Drift is not watched for." }));
}

function found(drifts) {
  const columns = [
    { title: "Time", class: "when", cell: (drift) => time(drift.event_time) },
    { title: "Severity", cell: (drift) => severity(drift.severity) },
    { title: "What", class: "what", cell: (drift) => alertLink(drift.alert_id, null, drift.message) },
  ];
  return section("Drifts found", table("Drifts found", columns, drifts.filter((one) => one.stream != null), { empty: "None among the newest alerts." }));
}

function promotions(all) {
  const columns = [
    { title: "Since", class: "when", cell: (one) => time(one.since) },
    { title: "Decides", cell: (one) => one.decides ?? "as set" },
    { title: "Before", cell: (one) => one.before ?? "as set" },
    { title: "By", cell: (one) => one.by ?? "" },
    { title: "Reason", cell: (one) => one.reason ?? "" },
  ];
  return section("Promotions", table("Promotions", columns, all, { empty: "None: the setting decides." }));
}
