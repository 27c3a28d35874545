// Numbers, times and names as people read them.
import { h } from "./dom.js";
import { isMasked } from "./session.js";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const money = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const brief = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 3 });
const parts = { month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const local = new Intl.DateTimeFormat(undefined, parts);
const localWithYear = new Intl.DateTimeFormat(undefined, { year: "numeric", ...parts });

/** A count. */
export const count = (value) => (value == null ? "–" : whole.format(value));

/** An amount of money. */
export const amount = (value) => (value == null ? "–" : money.format(value));

/** Any number. */
export function number(value) {
  if (value == null) return "–";
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(2);
  return Number.isInteger(value) ? whole.format(value) : short.format(value);
}

/** A number in few letters, for an axis. */
export const compact = (value) => (value == null ? "" : brief.format(value));

/** A share as percent. */
export const percent = (value) => (value == null ? "–" : `${(100 * value).toFixed(value < 0.1 ? 2 : 1)} %`);

/** A feature's or rule's value: a number, a text or several. */
export function anyValue(value) {
  if (value == null) return "not known";
  if (Array.isArray(value)) return value.map(anyValue).join(", ");
  return typeof value === "number" ? number(value) : String(value);
}

/** A moment, seconds since 1970 or ISO 8601: the reader's time, UTC on hover. */
export function time(moment) {
  const date = moment == null ? null : new Date(typeof moment === "number" ? moment * 1000 : moment);
  if (date == null || Number.isNaN(date.getTime())) return h("span", null, moment == null ? "–" : String(moment));
  const utc = date.toISOString();
  const format = date.getFullYear() === new Date().getFullYear() ? local : localWithYear;
  return h("time", { datetime: utc, title: `${utc.slice(0, 19).replace("T", " ")} UTC` }, format.format(date));
}

/** Seconds as a length of time. */
export function duration(seconds) {
  if (seconds == null) return "–";
  for (const [unit, size] of [["d", 86_400], ["h", 3_600], ["min", 60]]) {
    if (seconds >= size) return `${short.format(Math.round((10 * seconds) / size) / 10)} ${unit}`;
  }
  return seconds >= 1 ? `${short.format(Math.round(10 * seconds) / 10)} s` : `${whole.format(1000 * seconds)} ms`;
}

/** The badge of a severity; its colour says nothing that its text does not. */
export function severity(name) {
  return h("span", { class: `badge severity-${["LOW", "MEDIUM", "HIGH", "CRITICAL"].includes(name) ? name : "LOW"}` }, name);
}

/** The badge of a verdict. */
export function verdict(name) {
  return name == null ? "" : h("span", { class: `badge verdict-${name === "block" ? "block" : name === "review" ? "review" : "accept"}` }, name);
}

/** How risky something is, 0 to 1, as a bar and a number. */
export function risk(value) {
  if (value == null) return "";
  return h("span", { class: "risk" }, h("meter", { min: 0, low: 0.3, high: 0.8, max: 1, optimum: 0, value, "aria-hidden": "true" }), ` ${value.toFixed(2)}`);
}

/** The address of a page within this one. */
export function address(page, id, query) {
  const asked = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => value != null && value !== ""));
  return `#/${page}${id == null ? "" : `/${encodeURIComponent(id)}`}${[...asked].length ? `?${asked}` : ""}`;
}

/** A link to a customer; a pseudonym leads nowhere. */
export function customerLink(id) {
  if (id == null) return "";
  return isMasked() ? h("span", { class: "id" }, id) : h("a", { href: address("customer", id), class: "id" }, id);
}

/** A link to an alert; its customer tells where to look for it when it is no longer held. */
export function alertLink(id, customer, text) {
  return h("a", { href: address("alert", id, { customer: isMasked() ? null : customer }) }, text);
}
