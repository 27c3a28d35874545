// The newest records that could not be processed.
import { ask } from "../api.js";
import { facts, h, notice, table } from "../dom.js";
import { count, time } from "../format.js";

export async function deadLettersPage({ signal }) {
  const { letters, counts, silent } = await ask("api/dead-letters", null, signal);
  const reasons = Object.entries(counts).filter(([, value]) => value).map(([reason, value]) => [reason, count(value)]);
  const columns = [
    { title: "Refused", class: "when", cell: (one) => time(one.time) },
    { title: "Reason", cell: (one) => [h("span", { class: "id" }, one.reason ?? "foreign"), one.detail && h("div", { class: "reasons" }, one.detail)] },
    { title: "State", cell: (one) => h("span", { class: `badge letter-${one.state}` }, one.state) },
    { title: "From", cell: (one) => one.origin ?? "not known" },
    { title: "At", cell: (one) => one.at },
    { title: "Key", cell: (one) => h("span", { class: "id" }, one.key ?? "none") },
    { title: "Record", class: "what", cell: record },
  ];
  return [
    silent.length ? notice(`No answer from ${silent.join(", ")}: what they have refused is missing in the counts.`) : null,
    reasons.length ? facts(reasons) : null,
    h("p", { class: "empty" }, "Counts are since the workers started; the letters are the newest on the topic. `fraud-stream dead-letters redrive` sends them in again."),
    table("Dead letters, the newest first", columns, letters, { empty: "There are no dead letters." }),
  ].filter(Boolean);
}

function record(one) {
  if (one.value == null) return "no value";
  const cut = one.size > 2_000 ? `, the first 2,000 are shown` : "";
  return h("details", null, h("summary", null, `${count(one.size)} bytes${cut}`), h("pre", null, one.value));
}
