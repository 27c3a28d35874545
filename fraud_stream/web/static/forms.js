// Forms that change something, and questions that are asked before.
import { announce, h, notice } from "./dom.js";

/** Letters of a reason. */
const LONGEST_WORD = 500;
let made = 0;

/** A control with its label, and a hint below it. */
export function field(label, control, hint) {
  const id = (control.id ||= `field-${(made += 1)}`);
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, hint && h("div", { class: "reasons", id: `${id}-hint` }, hint));
}

/** A control for a line of text. */
export function line(name, props) {
  return h("input", { name, autocomplete: "off", spellcheck: "false", ...props });
}

/** A control for one of several values, each with the words for it. */
export function choice(name, values, chosen) {
  return h("select", { name }, values.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

/** Why something is changed. */
export function reasonField() {
  return field("Reason", h("input", { name: "reason", maxlength: LONGEST_WORD, autocomplete: "off", placeholder: "optional, is recorded" }));
}

/**
 * A form that changes something. Each of the actions `[text, does, class?]` is a button; `does(values)` is given what
 * was typed, by name, and says what it has done, or throws what was refused: that is told below, and all that was
 * typed stays. Enter is the only action; of several it is none, since nobody would know which.
 */
export function changeForm(name, fields, actions, { cancel, isLine = false } = {}) {
  const told = h("div", { class: "told" });
  const run = (does) => form.reportValidity() && whileBusy(form, told, () => does(typed(form)));
  const isOnly = actions.length === 1;
  const buttons = actions.map(([text, does, look]) => h("button", { type: isOnly ? "submit" : "button", class: look, onclick: isOnly ? null : () => run(does) }, text));
  const form = h("form", { class: isLine ? "change line" : "change", "aria-label": name }, fields, h("div", { class: "actions" }, buttons, cancel && h("button", { type: "button", onclick: cancel }, "Cancel")), told);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isOnly) run(actions[0][1]);
  });
  return form;
}

/** What was typed, by name, without spaces around it. */
function typed(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
}

/** Does something once, however often it is asked for meanwhile, and tells in `told` what came of it. */
export async function whileBusy(place, told, does) {
  if (place.hasAttribute("aria-busy")) return;
  place.setAttribute("aria-busy", "true"); // a button that is disabled would lose the focus
  told.replaceChildren();
  try {
    const said = await does();
    if (said) told.replaceChildren(done(said));
  } catch (error) {
    if (error.name !== "AbortError") told.replaceChildren(refused(error));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

/** Says what was done, to a screen reader too. */
export function done(text) {
  announce(text);
  return notice(text, "good");
}

/** Says what was refused; whoever is signed in no longer can do so again here, and loses nothing that they have typed. */
function refused(error) {
  const signIn = () => document.dispatchEvent(new Event("sign-in"));
  return h("div", null, notice(error.message, "error"), [401, 403].includes(error.status) && h("button", { type: "button", onclick: signIn }, "Sign in"));
}

/** Opens a dialog above the page; `content(close)` is what is in it. It goes with the page. */
export function openDialog(title, content, signal) {
  const id = `dialog-${(made += 1)}`;
  const dialog = h("dialog", { "aria-labelledby": id });
  const close = () => dialog.close(); // the browser gives the focus back
  dialog.append(h("h2", { id }, title), ...[content(close)].flat());
  dialog.addEventListener("close", () => dialog.remove());
  signal?.addEventListener("abort", close);
  document.body.append(dialog);
  dialog.showModal();
}
