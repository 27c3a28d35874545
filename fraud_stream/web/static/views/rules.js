// The rules in force and how often each hit.
import { ask } from "../api.js";
import { h, notice, section, table } from "../dom.js";
import { address, count, customerLink, percent, severity, time } from "../format.js";

const LISTED = [
  { title: "List", cell: (entry) => entry.list },
  { title: "What", cell: (entry) => entry.what },
  { title: "Which", cell: (entry) => (entry.what === "customer" ? customerLink(entry.value) : h("span", { class: "id" }, entry.value)) },
  { title: "Until", cell: (entry) => (entry.until == null ? "removed" : time(entry.until)) },
  { title: "By", cell: (entry) => [entry.by, h("div", { class: "reasons" }, entry.reason)] },
  { title: "Since", cell: (entry) => time(entry.since) },
];

export async function rulesPage({ signal }) {
  const { rules, version, lists, scored, since, silent } = await ask("api/rules", null, signal);
  const columns = [
    { title: "Rule", cell: ({ rule }) => [h("a", { href: address("alerts", null, { rule: rule.id }), class: "id" }, rule.id), h("div", { class: "reasons" }, rule.description)] },
    { title: "State", cell: ({ rule }) => h("span", { class: `badge state-${rule.state}` }, rule.state) },
    { title: "Severity", cell: ({ rule }) => severity(rule.severity) },
    { title: "Type", cell: ({ rule }) => rule.type },
    { title: "Condition", class: "what", cell: ({ rule }) => h("code", null, rule.when) },
    { title: "Version", numeric: true, cell: ({ rule }) => count(rule.version) },
    { title: "Changed", cell: ({ changed }) => (changed.since ? [time(changed.since), h("div", { class: "reasons" }, `${changed.by}${changed.reason ? `: ${changed.reason}` : ""}`)] : changed.by) },
    { title: "Hits", numeric: true, cell: ({ hits }) => count(hits) },
    { title: "of all", numeric: true, cell: ({ hits }) => (scored ? percent(hits / scored) : "–") },
  ];
  return [
    silent.length ? notice(`No answer from ${silent.join(", ")}: the hits there are missing.`) : null,
    h("p", null, `Hits on ${count(scored)} transactions, as all workers have counted since they started, the first `, since == null ? "" : time(since), ". A shadow rule is evaluated and alerts nobody. Alerts name these rules as version ", h("span", { class: "id" }, version), "."),
    table("Rules", columns, rules, { empty: "There are no rules." }),
    section("Lists", table("Lists", LISTED, lists, { empty: "Nothing is allowed, denied or snoozed." })),
  ].filter(Boolean);
}
