// Alerts of one group: the most severe is shown, of equals the newest, the others when asked for.
// A group is what the worker says, else the alerts of one customer within a minute of the first.
import { h } from "./dom.js";

const WITHIN = 60_000;
const RANKS = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];

export class Groups {
  constructor() {
    this.entries = new Map(); // by the alert's id
    this.named = new Map(); // groups by their id
    this.newest = new Map(); // groups without one, by customer
  }

  /** Takes in the row of an alert, which is in the table, above those of alerts that came before. */
  add(alert, row) {
    const group = this.groupOf(alert);
    const entry = { row, group, rank: RANKS.indexOf(alert.severity) };
    this.entries.set(alert.alert_id, entry);
    group.entries.unshift(entry);
    group.order.unshift(row);
    this.show(group);
  }

  /** Takes out the row of an alert. */
  forget(id) {
    const { group, row } = this.entries.get(id);
    this.entries.delete(id);
    group.entries = group.entries.filter((entry) => entry.row !== row);
    group.order = group.order.filter((one) => one !== row);
    if (group.order.length) this.show(group);
    else if (group.among?.get(group.key) === group) group.among.delete(group.key);
    row.remove();
  }

  /** Whether somebody is in the row of an alert. */
  isIn(id) {
    return this.entries.get(id).row.contains(document.activeElement);
  }

  groupOf(alert) {
    const first = Date.parse(alert.event_time);
    if (alert.group_id != null) return this.named.get(alert.group_id) ?? made(first, this.named, alert.group_id);
    const known = alert.customer_id == null ? null : this.newest.get(alert.customer_id);
    if (known && first >= known.first && first < known.first + WITHIN) return known;
    const isNewest = alert.customer_id != null && !(known && first < known.first);
    return made(first, isNewest ? this.newest : null, alert.customer_id);
  }

  /** Puts the rows below the one that leads, where the first of them is. */
  show(group) {
    const lead = group.entries.reduce((best, entry) => (entry.rank > best.rank ? entry : best)).row;
    const others = group.entries.map((entry) => entry.row).filter((row) => row !== lead);
    const focused = document.activeElement;
    if (lead !== group.order[0]) group.order[0].before(lead);
    lead.after(...others);
    group.order = [lead, ...others];
    for (const row of group.order) {
      row.hidden = row !== lead && !group.isOpen;
      row.classList.toggle("grouped", row !== lead);
    }
    this.label(group, lead, others.length);
    if (focused !== document.activeElement) focused.focus({ preventScroll: true }); // what is moved loses it
  }

  label(group, lead, others) {
    group.button ??= h("button", { type: "button", class: "more", onclick: () => this.toggle(group) });
    group.button.textContent = `${others} more ${group.among === this.named ? "of this group" : "within a minute"}`;
    group.button.setAttribute("aria-expanded", String(group.isOpen));
    if (!others) group.button.remove();
    else if (group.button.parentNode !== lead.lastElementChild) lead.lastElementChild.append(group.button);
  }

  toggle(group) {
    group.isOpen = !group.isOpen;
    this.show(group);
  }
}

/** A group; `order` is its rows as they stand in the table, `entries` the newest first. */
function made(first, among, key) {
  const group = { first, among, key, entries: [], order: [], isOpen: false, button: null };
  among?.set(key, group);
  return group;
}
