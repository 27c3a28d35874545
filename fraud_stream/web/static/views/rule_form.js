// What a rule consists of, to be typed.
import { h } from "../dom.js";
import { changeForm, choice, field, line, reasonField } from "../forms.js";

const SEVERITIES = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
const STATES = [["active", "active: alerts"], ["shadow", "shadow: counted only"], ["off", "off"]];

/** The form for a rule, or for a new one; `save(rule)` is given it without its version. */
export function ruleForm(rule, { save, cancel }) {
  const of = rule ?? { state: "shadow", severity: "MEDIUM", type: "RULE" };
  const condition = h("textarea", { name: "when", rows: 2, required: true, autocomplete: "off", spellcheck: "false", class: "code" }, of.when ?? "");
  const hint = [
    "Comparisons joined by ", h("code", null, "and"), ", such as ", h("code", null, 'amount > 1000 and location == "Oslo"'), ". ",
    h("code", null, "fraud-stream features"), " lists the names that can be used.",
  ];
  const fields = [
    h("div", { class: "fields" },
      field("Id", line("id", { required: true, maxlength: 100, value: of.id ?? "", readonly: rule != null })),
      field("State", choice("state", STATES, of.state)),
      field("Severity", choice("severity", SEVERITIES.map((one) => [one, one.toLowerCase()]), of.severity)),
      field("Type", line("type", { required: true, maxlength: 100, value: of.type }), "of its alerts")),
    field("Condition", condition, hint),
    h("div", { class: "fields" },
      field("Description", line("description", { maxlength: 1000, value: of.description ?? "" })),
      field("Message", line("message", { maxlength: 1000, value: of.message ?? "" }), ["of its alerts; may name values, such as ", h("code", null, "{amount:,.2f}")]),
      reasonField()),
  ];
  return changeForm(rule ? `Edit ${rule.id}` : "Add a rule", fields, [[rule ? "Save" : "Add", save]], { cancel });
}
