// The quality of what comes in, and the workers that take it.
import { ask } from "../api.js";
import { facts, h, notice, section, table } from "../dom.js";
import { count, percent, time } from "../format.js";

const SPECIAL = { late: "too late for their windows", duplicate: "duplicates, ignored", replayed: "replayed after a crash", folded: "folded into buckets" };
const LABELS = { joined: "joined with their transaction", early: "before their transaction", repeated: "repeated, ignored" };

export async function dataPage({ signal }) {
  const { workers, silent, counters } = await ask("api/workers", null, signal);
  const total = (name) => counters[name]?.counts.reduce((sum, one) => sum + one.value, 0) ?? 0;
  const read = total("transactions_read");
  return [
    silent.length ? notice(`No answer from ${silent.join(", ")}: what they have counted is missing.`) : null,
    facts([
      ["Read", count(read)],
      ["Decided", count(total("transactions_scored"))],
      ["Alerts", count(total("alerts"))],
      ["Refused", count(total("dead_letters"))],
      ["Labels", count(total("labels"))],
    ]),
    h("p", { class: "empty" }, "All counts are since the workers started."),
    h("div", { class: "columns" },
      section("Missing fields", shares("Missing fields", "Field", counters.missing_fields, read)),
      section("Special transactions", shares("Special transactions", "What", counters.transactions_special, read, SPECIAL)),
      section("Refused, by reason", shares("Refused, by reason", "Reason", counters.dead_letters, read), h("p", null, h("a", { href: "#/dead-letters" }, "Dead letters"))),
      section("Labels", shares("Labels", "What", counters.labels, total("labels"), LABELS))),
    section("Workers", workerTable(workers)),
  ].filter(Boolean);
}

function shares(caption, title, counted, whole, words = {}) {
  const columns = [
    { title, cell: (one) => words[one.labels[0]] ?? one.labels[0] },
    { title: "Count", numeric: true, cell: (one) => count(one.value) },
    { title: "Share", numeric: true, cell: (one) => (whole ? percent(one.value / whole) : "–") },
  ];
  return table(caption, columns, (counted?.counts ?? []).toSorted((a, b) => b.value - a.value));
}

function workerTable(workers) {
  const columns = [
    { title: "Worker", cell: (one) => one.url },
    { title: "Does", cell: (one) => h("span", { class: `state ${one.ready ? "good" : "bad"}` }, one.phase) },
    { title: "Partitions", cell: (one) => one.partitions.join(", ") || "none" },
    { title: "Behind", cell: (one) => Object.entries(one.lag).map(([topic, lag]) => h("div", null, `${topic} ${count(lag)}`)) },
    { title: "Decided", numeric: true, cell: (one) => count(one.counters.transactions_scored.counts[0]?.value ?? 0) },
    { title: "Since", class: "when", cell: (one) => time(one.started) },
  ];
  return table("Workers", columns, workers);
}
