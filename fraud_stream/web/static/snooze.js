// Sends no alerts of a customer for a while.
import { send } from "./api.js";
import { section } from "./dom.js";
import { changeForm, reasonField } from "./forms.js";
import { may } from "./session.js";

const SPANS = [["1 h", 3_600], ["8 h", 28_800], ["1 d", 86_400], ["7 d", 604_800]];

/** The buttons, for those who may; their alerts are decided all the same, and not sent. */
export function snoozeParts(customer, signal, look) {
  if (!may("analyst")) return [];
  const snooze = (seconds) => async ({ reason }) => {
    const { message } = await send("api/lists", { list: "snooze", what: "customer", value: customer, seconds, reason }, signal);
    return message;
  };
  const actions = SPANS.map(([text, seconds]) => [`For ${text}`, snooze(seconds)]);
  return [section("Snooze this customer's alerts", changeForm("Snooze this customer's alerts", [reasonField()], actions, look))];
}
