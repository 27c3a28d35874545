// Charts over time, by uPlot; each has its figures in a table, too.
import { h, table } from "./dom.js";
import { compact, number, percent, time } from "./format.js";

const HEIGHT = 170;
const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;
/** Seconds that may lie between two ticks. */
const STEPS = [1, 5, 10, 30, ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), ...[1, 2, 3, 6, 12].map((n) => n * HOUR), ...[1, 2, 5, 7, 14, 28, 91, 182, 364].map((n) => n * DAY)];
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const utcDay = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });

/** A colour of the style sheet. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * A chart.
 * `times` are seconds since 1970, ascending; each of `lines` is `{ title, values, colour, kind }`, where the kind is
 * "line", "bars" or "points" and null stands where nothing is known.  Days, where it is `byDay`, are of UTC.  The
 * figures are open from the first where `isOpen`.
 */
export function chart(title, times, lines, { height = HEIGHT, format = number, byDay = false, isOpen = false } = {}) {
  const look = { height, format, byDay, isOpen, at: byDay ? (at) => utcDay.format(new Date(at * 1000)) : time };
  const canvas = h("div", { class: "plot", role: "img", "aria-label": `${title}; the figures are in the table below` });
  const figure = h("figure", null, h("figcaption", null, title), canvas, figures(title, times, lines, look));
  drawWhenSized(canvas, (width) => new uPlot(options(width, times, lines, look), [times, ...lines.map((line) => line.values)], canvas));
  return figure;
}

/** What leaves the page has no size any more: then its chart ends, which the window would hold for good. */
function drawWhenSized(canvas, draw) {
  let plot = null;
  const observer = new ResizeObserver(([entry]) => {
    if (!canvas.isConnected) {
      observer.disconnect();
      plot?.destroy();
      return;
    }
    const width = Math.floor(entry.contentRect.width);
    if (!width) return;
    if (plot) plot.setSize({ width, height: plot.height });
    else plot = draw(width);
  });
  observer.observe(canvas);
}

function options(width, times, lines, { height, format, byDay, at }) {
  const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
  return {
    width,
    height,
    tzDate: (at) => (byDay ? uPlot.tzDate(new Date(at * 1000), "Etc/UTC") : new Date(at * 1000)),
    scales: { x: { range: () => span(times) }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? 1.1 * high : 1] } },
    axes: [
      { ...axis, incrs: byDay ? STEPS.filter((step) => step >= DAY) : STEPS, space: 70, values: (_, ticks, _axis, _space, step) => ticks.map((tick, n) => tickText(tick, ticks[n - 1], step)) },
      { ...axis, size: 54, space: 22, values: (_, ticks) => ticks.map(format === percent ? wholePercent : compact) },
    ],
    series: [{ label: byDay ? "Day" : "Time", value: (_, moment) => (moment == null ? "–" : textOf(at(moment))) }, ...lines.map((line) => series(line, format))],
  };
}

/** From the first to the last time, with room for half a bar on both sides. */
function span(times) {
  const gaps = times.slice(1).map((at, n) => at - times[n]);
  const room = gaps.length ? 0.6 * Math.min(...gaps) : DAY / 2;
  return [times[0] - room, times.at(-1) + room];
}

/** The text of a tick: the day below the first of its day. */
function tickText(tick, before, step) {
  const at = new Date(tick * 1000);
  if (step >= DAY) return day.format(at);
  const text = (step < MINUTE ? seconds : clock).format(at);
  const isNewDay = before == null || day.format(new Date(before * 1000)) !== day.format(at);
  return isNewDay ? `${text}\n${day.format(at)}` : text;
}

function wholePercent(tick) {
  return `${Math.round(1000 * tick) / 10} %`;
}

function textOf(shown) {
  return typeof shown === "string" ? shown : shown.textContent;
}

function series({ title, colour: name, kind }, format) {
  const stroke = colour(name);
  const common = { label: title, stroke, value: (_, value) => (value == null ? "–" : format(value)) };
  if (kind === "points") return { ...common, paths: () => null, points: { show: true, size: 7, fill: stroke } };
  if (kind === "bars") return { ...common, fill: stroke, paths: uPlot.paths.bars({ size: [0.8, 60] }), points: { show: false } };
  return { ...common, width: 2, points: { show: true, size: 5, fill: stroke } };
}

function figures(title, times, lines, { format, at, byDay, isOpen }) {
  const columns = [
    { title: byDay ? "Day" : "Time", cell: (n) => at(times[n]) },
    ...lines.map((line) => ({ title: line.title, numeric: true, cell: (n) => (line.values[n] == null ? "–" : format(line.values[n])) })),
  ];
  const details = h("details", { open: isOpen }, h("summary", null, "Figures"));
  const fill = () => details.append(table(title, columns, [...times.keys()].reverse()));
  if (isOpen) fill();
  else details.addEventListener("toggle", fill, { once: true });
  return details;
}
