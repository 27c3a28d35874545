// The newest records that could not be processed, and a way to send them in again.
import { ask, send } from "../api.js";
import { facts, h, notice, table } from "../dom.js";
import { changeForm, choice, done, field, openDialog, reasonField, whileBusy } from "../forms.js";
import { count, time } from "../format.js";
import { isMasked, may } from "../session.js";

export async function deadLettersPage({ signal }) {
  if (isMasked()) return [notice("Dead letters are whole records, with their customers; you are not told of them.")];
  const page = new DeadLetters(signal);
  await page.load();
  return [page.place];
}

class DeadLetters {
  constructor(signal) {
    this.signal = signal;
    this.told = h("div");
    this.place = h("div", { tabindex: "-1" });
    this.sent = new Set(); // those named one by one: the topic does not remember them
  }

  async load() {
    const { letters, counts, silent } = await ask("api/dead-letters", null, this.signal);
    const reasons = Object.entries(counts).filter(([, value]) => value).map(([reason, value]) => [reason, count(value)]);
    const how = may("admin") ? "" : " An admin, or `fraud-stream dead-letters redrive`, sends them in again.";
    this.place.replaceChildren(
      silent.length ? notice(`No answer from ${silent.join(", ")}: what they have refused is missing in the counts.`) : "",
      reasons.length ? facts(reasons) : "",
      h("p", { class: "empty" }, `Counts are since the workers started; the letters are the newest on the topic.${how}`),
      this.all(letters, counts) ?? "",
      this.told,
      table("Dead letters, the newest first", this.columns(), letters, { empty: "There are no dead letters." }),
    );
  }

  columns() {
    return [
      { title: "Refused", class: "when", cell: (one) => time(one.time) },
      { title: "Reason", cell: (one) => [h("span", { class: "id" }, one.reason ?? "foreign"), one.detail && h("div", { class: "reasons" }, one.detail)] },
      { title: "State", cell: (one) => this.state(one) },
      { title: "From", cell: (one) => one.origin ?? "not known" },
      { title: "At", cell: (one) => one.at },
      { title: "Key", cell: (one) => h("span", { class: "id" }, one.key ?? "none") },
      { title: "Record", class: "what", cell: record },
    ];
  }

  state(one) {
    const badge = h("span", { class: `badge letter-${one.state}` }, one.state);
    if (this.sent.has(one.at)) return [badge, h("div", { class: "reasons" }, "sent in again just now")];
    if (one.state !== "waiting" || !may("admin")) return badge;
    const told = h("div", { class: "told" });
    const place = h("div", { class: "actions" });
    const redrive = () => whileBusy(place, told, () => this.rehearse({ places: [one.at], reasons: [] }));
    place.append(h("button", { type: "button", class: "small", "aria-label": `Redrive ${one.at}`, onclick: redrive }, "Redrive"));
    return [badge, place, told];
  }

  /** Sends all that wait, or those of one reason; nothing where none waits. */
  all(letters, counts) {
    if (!may("admin") || !letters.some((one) => one.state === "waiting")) return null;
    const known = new Set([...letters.filter((one) => one.state === "waiting").map((one) => one.reason), ...Object.keys(counts).filter((reason) => counts[reason])]);
    const reasons = choice("reasons", [["", "any reason"], ...[...known].sort().map((reason) => [reason, reason])], "");
    const redrive = async (typed) => this.rehearse({ places: [], reasons: typed.reasons ? [typed.reasons] : [] });
    return changeForm("Redrive all that wait", [field("Refused for", reasons)], [["Redrive all that wait", redrive]], { isLine: true });
  }

  /** Says what would be sent, and asks whether it shall be. */
  async rehearse(which) {
    const plan = await send("api/dead-letters/redrive", { ...which, is_rehearsal: true, reason: "" }, this.signal);
    const number = Object.values(plan.topics).reduce((sum, one) => sum + one, 0);
    const redrive = async ({ reason }, close) => {
      const { sent } = await send("api/dead-letters/redrive", { ...which, is_rehearsal: false, reason }, this.signal);
      for (const place of which.places) this.sent.add(place);
      close(); // whatever becomes of looking again, they must not be sent once more
      await this.load().catch((error) => this.place.replaceChildren(this.told, notice(error.message, "error")));
      this.told.replaceChildren(done(`${count(sent)} ${letters(sent)} sent in again.`));
      this.place.focus({ preventScroll: true });
    };
    const closed = (close) => h("div", { class: "actions" }, h("button", { type: "button", onclick: close }, "Close"));
    const form = (close) => changeForm("Redrive", [reasonField()], [[`Redrive ${count(number)}`, (values) => redrive(values, close)]], { cancel: close });
    openDialog(number ? "Redrive?" : "Nothing to redrive", (close) => [planned(plan), number ? form(close) : closed(close)], this.signal);
  }
}

function planned({ topics, left }) {
  const lines = [
    ...Object.entries(topics).map(([topic, number]) => h("li", null, `${count(number)} ${letters(number)} to `, h("span", { class: "id" }, topic))),
    ...Object.entries(left).map(([why, number]) => h("li", { class: "quiet" }, `${count(number)} ${number === 1 ? "stays" : "stay"}: ${why}`)),
  ];
  return h("ul", { class: "plain" }, lines.length ? lines : h("li", null, "There are no letters."));
}

const letters = (number) => (number === 1 ? "letter" : "letters");

function record(one) {
  if (one.value == null) return "no value";
  const cut = one.size > 2_000 ? `, the first 2,000 are shown` : "";
  return h("details", null, h("summary", null, `${count(one.size)} bytes${cut}`), h("pre", null, one.value));
}
