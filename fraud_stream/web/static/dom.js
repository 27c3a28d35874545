// Makes elements. Text goes in as text nodes alone, so nothing that came with a payment is ever read as markup.

/** An element with attributes, listeners (`onclick`) and children: nodes or text; null and false are left out. */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false).map(toNode));
  return node;
}

function toNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/**
 * A table with headers. A column is `{ title, cell(row), class?, numeric? }`. On a phone each row of a wide
 * table becomes a block, and the roles tell a screen reader that it is a table still.
 */
export function table(caption, columns, rows, { empty = "Nothing yet.", rowClass } = {}) {
  if (!rows.length) return h("p", { class: "empty" }, empty);
  const titles = columns.map((column) => h("th", { scope: "col", role: "columnheader", class: classOf(column) }, column.title));
  const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, titles));
  const body = h("tbody", { role: "rowgroup" }, rows.map((row) => tableRow(columns, row, rowClass?.(row))));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { role: "table", class: columns.length > 4 ? "stacks" : null }, h("caption", { class: "unseen" }, caption), head, body),
  );
}

/** A row of such a table. */
export function tableRow(columns, row, rowClass) {
  const cells = columns.map((column) =>
    cutWhereLong(h("td", { role: "cell", class: classOf(column), "data-title": column.title || null }, column.cell(row)), column),
  );
  return h("tr", { role: "row", class: rowClass }, cells);
}

/** Short columns are one line; what is cut is told on hover. */
function cutWhereLong(cell, column) {
  if (column.class?.startsWith("short")) cell.title = cell.textContent;
  return cell;
}

function classOf(column) {
  return [column.numeric && "number", column.class].filter(Boolean).join(" ") || null;
}

/** Pairs of a name and a value; those whose value is null are left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value != null);
  return h("dl", { class: "facts" }, known.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
}

/** A part of a page with a heading. */
export function section(title, ...children) {
  return h("section", null, h("h2", null, title), ...children);
}

/** Says something that went wrong, or that is missing. */
export function notice(text, kind = "warning") {
  return h("p", { class: `notice ${kind}`, role: kind === "error" ? "alert" : null }, text);
}

/** Tells a screen reader, once. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
