// The rules in force and how often each hit, what is listed, and what may be changed of them.
import { ask, send } from "../api.js";
import { facts, h, notice, section, table } from "../dom.js";
import { changeForm, done, openDialog, reasonField, whileBusy } from "../forms.js";
import { address, count, customerLink, percent, severity, time } from "../format.js";
import { may } from "../session.js";
import { listForm } from "./list_form.js";
import { ruleForm } from "./rule_form.js";

/** Milliseconds that a change may take to come to the worker, and between two looks. */
const PATIENCE = 5_000;
const EVERY = 250;
const STATES = { active: "Activate", shadow: "Shadow", off: "Off" };

const RULES = [
  { title: "State", cell: ({ rule }) => h("span", { class: `badge state-${rule.state}` }, rule.state) },
  { title: "Severity", cell: ({ rule }) => severity(rule.severity) },
  { title: "Type", cell: ({ rule }) => rule.type },
  { title: "Condition", class: "what", cell: ({ rule }) => h("code", null, rule.when) },
  { title: "Version", numeric: true, cell: ({ rule }) => count(rule.version) },
  { title: "Changed", cell: ({ changed }) => (changed.since ? [time(changed.since), h("div", { class: "reasons" }, `${changed.by}${changed.reason ? `: ${changed.reason}` : ""}`)] : changed.by) },
  { title: "Hits", numeric: true, cell: ({ hits }) => count(hits) },
];

const LISTED = [
  { title: "List", cell: (entry) => entry.list },
  { title: "What", cell: (entry) => entry.what },
  { title: "Which", cell: (entry) => (entry.what === "customer" ? customerLink(entry.value) : h("span", { class: "id" }, entry.value)) },
  { title: "Until", cell: (entry) => (entry.until == null ? "removed" : time(entry.until)) },
  { title: "By", cell: (entry) => [entry.by, h("div", { class: "reasons" }, entry.reason)] },
  { title: "Since", cell: (entry) => time(entry.since) },
];

export async function rulesPage({ signal }) {
  const page = new RulesPage(signal);
  await page.load();
  return page.parts;
}

class RulesPage {
  constructor(signal) {
    this.signal = signal;
    this.before = h("div");
    this.rules = h("div");
    this.lists = h("div");
    this.told = h("div");
    this.editor = h("div");
    this.adds = h("button", { type: "button", "aria-expanded": "false", onclick: () => this.edit(null) }, "Add a rule");
    this.parts = [
      this.before,
      may("admin") ? h("div", { class: "actions" }, this.adds) : "",
      this.editor,
      this.told,
      this.rules,
      section("Lists", may("analyst") ? this.listPart() : "", this.lists),
    ];
  }

  async load() {
    await this.look();
    this.draw();
  }

  async look() {
    this.answer = await ask("api/rules", null, this.signal);
  }

  draw() {
    const { rules, version, lists, scored, since, silent } = this.answer;
    const named = { title: "Rule", cell: (one) => this.named(one) };
    const share = { title: "of all", numeric: true, cell: ({ hits }) => (scored ? percent(hits / scored) : "–") };
    const removal = { title: "", cell: (entry) => this.removal(entry) };
    this.before.replaceChildren(
      silent.length ? notice(`No answer from ${silent.join(", ")}: the hits there are missing.`) : "",
      h("p", null, `Hits on ${count(scored)} transactions, as all workers have counted since they started, the first `, since == null ? "" : time(since), ". A shadow rule is evaluated and alerts nobody. Alerts name these rules as version ", h("span", { class: "id" }, version), "."),
    );
    this.rules.replaceChildren(table("Rules", [named, ...RULES, share], rules, { empty: "There are no rules." }));
    this.lists.replaceChildren(table("Lists", may("analyst") ? [...LISTED, removal] : LISTED, lists, { empty: "Nothing is allowed, denied or snoozed." }));
  }

  /** What a rule is called and looks for, and the buttons that change it. */
  named({ rule }) {
    const link = h("a", { href: address("alerts", null, { rule: rule.id }), class: "id" }, rule.id);
    const told = h("div", { class: "told" });
    const about = [link, h("div", { class: "reasons" }, rule.description)];
    if (!may("admin")) return about;
    const place = h("div", { class: "actions", "data-rule": rule.id, role: "group", "aria-label": `Change ${rule.id}` });
    const button = (text, onclick) => h("button", { type: "button", class: "small", onclick }, text);
    const others = Object.entries(STATES).filter(([state]) => state !== rule.state);
    place.append(
      button("Edit", () => this.edit(rule)),
      ...others.map(([state, text]) => button(text, () => whileBusy(place, told, () => this.setState(rule, state)))),
      button("Delete", () => this.askWhetherToDelete(rule)),
    );
    return [about, place, told];
  }

  async setState(rule, state) {
    try {
      this.tellOf(rule.id, done(await this.change({ ...asChange(rule), state, before: rule.version })));
    } catch (error) {
      if (error.status !== 409) throw error;
      this.tellOf(rule.id, notice(error.message, "error")); // its buttons were drawn anew
    }
  }

  askWhetherToDelete(rule) {
    const remove = async ({ reason }, close) => {
      const said = await this.change({ ...asChange(rule), reason, before: rule.version, is_deleted: true });
      close();
      this.told.replaceChildren(done(said));
      this.adds.focus();
    };
    openDialog(`Delete ${rule.id}?`, (close) => [
      h("p", null, "It is evaluated no more, and its hits are counted no more. Its versions stay on the topic, so that its alerts can be understood."),
      changeForm(`Delete ${rule.id}`, [reasonField()], [["Delete", (values) => remove(values, close), "bad"]], { cancel: close }),
    ], this.signal);
  }

  /** Opens the form for a rule, or for a new one. */
  edit(rule) {
    const isOpen = !rule && this.adds.getAttribute("aria-expanded") === "true";
    this.closeEditor();
    if (isOpen) return;
    const cancel = () => {
      this.closeEditor();
      (this.changesOf(rule?.id)?.querySelector("button") ?? this.adds).focus();
    };
    const saved = (id, said) => {
      this.closeEditor();
      this.tellOf(id, done(said));
    };
    const form = ruleForm(rule, { save: this.saver(rule, saved), cancel });
    this.editor.replaceChildren(section(rule ? `Edit ${rule.id}` : "A new rule", form));
    this.adds.setAttribute("aria-expanded", String(!rule));
    this.told.replaceChildren();
    this.editor.scrollIntoView({ block: "nearest" });
    form.elements[rule ? "when" : "id"].focus();
  }

  closeEditor() {
    this.editor.replaceChildren();
    this.adds.setAttribute("aria-expanded", "false");
  }

  /**
   * Saves what was typed. Where somebody else has changed the rule meanwhile, their version is shown, and whoever saves
   * once more has seen it.
   */
  saver(rule, saved) {
    let before = rule?.version ?? null;
    return async (values) => {
      try {
        saved(values.id, await this.change({ ...values, before }));
      } catch (error) {
        if (error.status === 409 && rule) {
          const now = this.find(rule.id)?.version;
          if (now != null && now !== before) error.message += ` Version ${now} is in the table now; save again to replace it by yours.`;
          before = now ?? before;
        }
        throw error;
      }
    };
  }

  find(id) {
    return this.answer.rules.find((one) => one.rule.id === id)?.rule;
  }

  /** The buttons that change a rule. */
  changesOf(id) {
    return id == null ? null : this.rules.querySelector(`[data-rule="${CSS.escape(id)}"]`);
  }

  /** Says what was done with a rule where it stands now, and goes there. */
  tellOf(id, words) {
    const there = this.changesOf(id);
    (there?.nextElementSibling ?? this.told).replaceChildren(words);
    (there?.querySelector("button") ?? this.adds).focus();
  }

  /** Announces a rule as it is to be; what was said of it once this worker has it. What others have changed is shown. */
  async change(rule) {
    const { message, version } = await send("api/rules", rule, this.signal).catch(async (error) => {
      if (error.status === 409) await this.load();
      throw error;
    });
    const has = () => (rule.is_deleted ? !this.find(rule.id) : this.find(rule.id)?.version >= version);
    return this.untilSeen(message, has);
  }

  /** Looks until this worker has what was announced; what was said of it. That is so, whatever becomes of looking. */
  async untilSeen(message, has) {
    const end = Date.now() + PATIENCE;
    do {
      await new Promise((resume) => setTimeout(resume, EVERY));
      await this.look().catch(unlessLeft(this.signal));
    } while (!has() && Date.now() < end);
    this.draw();
    return has() ? `${capital(message)}.` : `${capital(message)}. This worker has not told of it yet; look again in a moment.`;
  }

  listPart() {
    const add = async (entry) => {
      const { message } = await send("api/lists", entry, this.signal);
      const old = this.entry(entry);
      return this.untilSeen(message, () => this.entry(entry) && this.entry(entry).since !== old?.since);
    };
    return h("details", null, h("summary", null, "Put something on a list"), listForm(add));
  }

  entry({ list, what, value }) {
    return this.answer.lists.find((one) => one.list === list && one.what === what && one.value === value);
  }

  removal(entry) {
    const { list, what, value } = entry;
    const remove = async ({ reason }, close) => {
      const { message } = await send("api/lists", { list, what, value, seconds: null, reason, is_removed: true }, this.signal);
      const said = await this.untilSeen(message, () => !this.entry(entry));
      close();
      this.told.replaceChildren(done(said));
      this.lists.querySelector("button")?.focus();
    };
    const open = () => openDialog(`Take ${value} off the ${list} list?`, (close) => [
      facts([["What", what], ["On it since", time(entry.since)], ["By", entry.by], ["Reason", entry.reason || null]]),
      changeForm(`Remove ${value}`, [reasonField()], [["Remove", (values) => remove(values, close), "bad"]], { cancel: close }),
    ], this.signal);
    return h("button", { type: "button", class: "small", "aria-label": `Remove ${value} from the ${list} list`, onclick: open }, "Remove");
  }
}

/** A rule as it would be sent to be changed. */
function asChange({ version, ...rule }) {
  return rule;
}

function unlessLeft(signal) {
  return (error) => {
    if (signal.aborted) throw error;
  };
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
