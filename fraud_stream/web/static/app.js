// Shows the page that the address names: `#/alerts?severity=HIGH`, `#/alert/ID?customer=…`, `#/customer/ID`, …
import { h, notice } from "./dom.js";
import { meet, signOut, watchVisitor } from "./session.js";
import { signInAbove, signInForm } from "./sign_in.js";
import { alertPage } from "./views/alert.js";
import { alertsPage } from "./views/alerts.js";
import { customerPage, customersPage } from "./views/customer.js";
import { dataPage } from "./views/data.js";
import { deadLettersPage } from "./views/dead_letters.js";
import { modelsPage } from "./views/models.js";
import { predictPage } from "./views/predict.js";
import { rulesPage } from "./views/rules.js";

const PAGES = {
  alerts: { title: "Alerts", show: alertsPage },
  alert: { title: "Alert", show: alertPage, under: "alerts" },
  customers: { title: "Customers", show: customersPage },
  customer: { title: "Customer", show: customerPage, under: "customers" },
  models: { title: "Models", show: modelsPage },
  rules: { title: "Rules", show: rulesPage },
  predict: { title: "Predict", show: predictPage },
  data: { title: "Data", show: dataPage },
  "dead-letters": { title: "Dead letters", show: deadLettersPage },
};
const main = document.getElementById("main");
let leave = null;

/** The page, the id and the query of an address. */
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [page, ...id] = path.split("/");
  return { page: page || "alerts", id: unescaped(id.join("/")), query: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function show({ keepFocus = false } = {}) {
  leave?.abort();
  leave = new AbortController();
  const { signal } = leave;
  const { page, id, query } = place();
  const known = Object.hasOwn(PAGES, page) ? PAGES[page] : null;
  const title = known ? [known.title, id].filter(Boolean).join(" ") : "No such page";
  document.title = `${title} – fraud_stream`;
  mark(known?.under ?? page);
  const heading = h("h1", null, known ? [known.title, id && h("span", { class: "id" }, ` ${id}`)] : title);
  const content = h("div", { "aria-busy": "true" }, h("p", { class: "empty" }, "Asking the worker …"));
  main.replaceChildren(heading, content);
  if (!keepFocus) main.focus({ preventScroll: true });
  try {
    const { role } = await meet();
    if (signal.aborted) return;
    if (role == null) {
      askForToken();
      return;
    }
    const parts = known ? await known.show({ id, query, signal }) : [notice("There is no page of this name.", "error")];
    if (!signal.aborted) content.replaceChildren(...parts);
  } catch (error) {
    if (!signal.aborted) content.replaceChildren(failed(error));
  }
  content.removeAttribute("aria-busy");
}

/** The sign-in instead of the page, and afterwards the page that was asked for; who may read it may go back. */
function askForToken({ mayGoBack = false } = {}) {
  leave?.abort();
  document.title = "Sign in – fraud_stream";
  const why = h("p", null, "Your token says who you are. Whoever runs the workers gives it to you.");
  const form = signInForm(() => show(), mayGoBack ? () => show() : null);
  main.replaceChildren(h("h1", null, "Sign in"), h("div", { class: "narrow" }, why, form));
  form.elements.token.focus();
}

function tellWho({ name, role, knows_tokens: knowsTokens }) {
  const isIn = role != null && name !== "local";
  const button = isIn
    ? h("button", { type: "button", class: "small", onclick: leaveSession }, "Sign out")
    : h("button", { type: "button", class: "small", onclick: () => askForToken({ mayGoBack: role != null }) }, "Sign in");
  const who = role == null ? h("span", { class: "quiet" }, "Not signed in") : h("span", null, name, " ", h("span", { class: "quiet" }, role));
  document.getElementById("who").replaceChildren(who, knowsTokens ? button : "");
}

async function leaveSession() {
  try {
    await signOut();
    show();
  } catch (error) {
    main.prepend(notice(`You are signed in still: ${error.message}`, "error"));
  }
}

function failed(error) {
  return h("div", null, notice(error.message, "error"), h("button", { type: "button", onclick: () => show() }, "Ask again"));
}

function mark(page) {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${page}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
document.addEventListener("sign-in", signInAbove);
window.addEventListener("hashchange", () => show());
window.addEventListener("refused", async () => {
  const { role } = await meet().catch(() => ({ role: "unknown" }));
  if (role == null) show();
});
watchVisitor(tellWho);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show({ keepFocus: true }));
document.getElementById("worker").textContent = `Served by ${location.host}.`;
show({ keepFocus: true });
