// What is known of a customer's transactions, and what an analyst says of one.
import { send } from "./api.js";
import { announce, h } from "./dom.js";
import { changeForm, done, openDialog, reasonField } from "./forms.js";
import { amount, time } from "./format.js";
import { may } from "./session.js";

/** Labels by their transactions; the first label of a transaction counts. */
export class Labels {
  /** The newest of `found` come first. */
  constructor(found) {
    this.all = [...found];
    this.known = new Map(found.map((label) => [label.transaction_id, label]));
    this.watchers = [];
  }

  get(transaction) {
    return this.known.get(transaction);
  }

  /** Calls `draw` whenever a label was added. */
  watch(draw) {
    this.watchers.push(draw);
  }

  add(label) {
    this.all.unshift(label);
    this.known.set(label.transaction_id, label);
    for (const draw of this.watchers) draw();
  }
}

export function labelBadge(label) {
  if (!label) return "";
  const name = label.is_fraud ? "fraud" : "genuine";
  return h("span", { class: `badge label-${name}`, title: [label.source, label.kind].filter(Boolean).join(", ") }, name);
}

/** What is known of a transaction, or the buttons to say it. */
export function labelPart({ transaction_id: id, customer_id: customer }, labels, signal) {
  const place = h("div", { class: "about" });
  const known = (label) => h("p", null, labelBadge(label), ` says ${label.source} since `, time(label.labelled_at), ". The first label of a transaction counts.");
  const draw = () => {
    const label = labels.get(id);
    place.replaceChildren(label ? known(label) : may("analyst") ? labelForm({ id, customer, labels, signal, recorded: (text) => place.prepend(done(text)) }) : h("p", { class: "empty" }, "No label is known."));
  };
  labels.watch(draw);
  draw();
  return place;
}

/** The label of a transaction in a table, or a button to give it one. */
export function labelCell({ transaction_id: id, customer_id: customer, ...transaction }, labels, signal) {
  const label = labels.get(id);
  if (label || !may("analyst")) return labelBadge(label);
  const place = h("span", { tabindex: "-1" });
  const recorded = (text) => {
    place.focus();
    announce(text);
  };
  labels.watch(() => labels.get(id) && place.replaceChildren(labelBadge(labels.get(id))));
  const about = h("p", null, amount(transaction.amount), " at ", time(transaction.timestamp), h("br"), h("span", { class: "id" }, id));
  const open = () => openDialog("Is it fraud?", (close) => [about, labelForm({ id, customer, labels, signal, recorded: (text) => (close(), recorded(text)), close })], signal);
  place.append(h("button", { type: "button", class: "small", "aria-label": `Label ${id}`, onclick: open }, "Label"));
  return place;
}

function labelForm({ id, customer, labels, signal, recorded, close }) {
  const say = (isFraud) => async ({ reason }) => {
    const { message } = await send("api/labels", { transaction_id: id, customer_id: customer, is_fraud: isFraud, reason }, signal);
    labels.add({ transaction_id: id, customer_id: customer, is_fraud: isFraud, source: "analyst", labelled_at: Date.now() / 1000 });
    recorded(message);
  };
  return changeForm("Label the transaction", [reasonField()], [["Fraud", say(true), "bad"], ["Genuine", say(false), "good"]], { cancel: close });
}
