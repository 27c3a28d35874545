// What is put on a list, to be typed.
import { h } from "../dom.js";
import { changeForm, choice, field, line, reasonField } from "../forms.js";

const LISTS = [["deny", "deny: always block"], ["allow", "allow: never alert"], ["snooze", "snooze: send no alerts"]];
const WHATS = [["customer", "customer"], ["merchant", "merchant"], ["device", "device"]];
const SPANS = [["3600", "1 hour"], ["28800", "8 hours"], ["86400", "1 day"], ["604800", "7 days"], ["2592000", "30 days"], ["31536000", "1 year"], ["", "until it is removed"]];

/** The form; `add(entry)` says what was done, and then the form is empty again. */
export function listForm(add) {
  const list = choice("list", LISTS, "deny");
  const what = choice("what", WHATS, "customer");
  const span = choice("seconds", SPANS, "604800");
  // only a customer is snoozed, and not for ever
  const fit = () => {
    const isSnooze = list.value === "snooze";
    for (const option of [...what.options, ...span.options]) option.disabled = isSnooze && ["merchant", "device", ""].includes(option.value);
    if (what.selectedOptions[0].disabled) what.value = "customer";
    if (span.selectedOptions[0].disabled) span.value = "604800";
  };
  list.addEventListener("change", fit);
  const value = line("value", { required: true });
  const save = async (typed) => {
    const said = await add({ ...typed, seconds: typed.seconds === "" ? null : Number(typed.seconds) });
    form.reset();
    fit();
    value.focus();
    return said;
  };
  const fields = h("div", { class: "fields" }, field("List", list), field("What", what), field("Its id", value), field("For", span), reasonField());
  const form = changeForm("Put something on a list", [fields], [["Add", save]]);
  return form;
}
