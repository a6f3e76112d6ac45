// The charts of the last minutes.

const CHART_SECONDS = 300;
/** The least time that a chart shows, even when less is known. */
const LEAST_CHART_SECONDS = 60;

const CHARTS = [
  { title: "Throughput", format: (value) => `${rate(value)}/s`, axis: compact, series: [
    { key: "received", label: "messages in", color: "--in" },
    { key: "records", label: "records out", color: "--out", dash: [6, 3] }] },
  { title: "Latency of the whole way", format: seconds, axis: seconds, log: true, series: [
    { key: "p50", label: "p50", color: "--low" },
    { key: "p99", label: "p99", color: "--high", dash: [6, 3] }] },
  { title: "Age of the queue", format: seconds, axis: seconds, least: 0.01, series: [
    { key: "age", label: "the oldest waits", color: "--accent" }] },
  { title: "Guests", format: count, axis: count, least: 1, stacked: true, series: [
    { key: "busy", label: "busy", color: "--busy" },
    { key: "idle", label: "idle", color: "--idle" },
    { key: "starting", label: "starting", color: "--starting" },
    { key: "retiring", label: "retiring", color: "--retiring" }] },
  { title: "CPU a message", format: seconds, axis: seconds, least: 1e-5, series: [
    { key: "cpu", label: "all threads", color: "--accent" }] },
  { title: "Lag", format: count, axis: compact, least: 10, only: "kafka", series: [
    { key: "lag", label: "messages, all partitions", color: "--accent" }] },
  { title: "Memory under way", format: bytes, axis: bytes, least: 1024, binary: true, only: "other", series: [
    { key: "underWay", label: "messages and results", color: "--accent" }] },
];

const columns = { time: [] };
for (const { key } of CHARTS.flatMap(({ series }) => series)) columns[key] = [];

/** Adds a point to all charts; without a sample, a gap. */
function remember(time, sample = {}) {
  for (const [key, column] of Object.entries(columns)) column.push(key === "time" ? time : sample[key] ?? null);
  const old = columns.time.findIndex((moment) => moment > time - CHART_SECONDS - 10);
  if (old > 0) for (const column of Object.values(columns)) column.splice(0, old);
}

const probe = document.body.appendChild(make("i", { hidden: "" }));
let colors = new Map();

/** A canvas needs the value of a variable of the style sheet in this theme. */
function color(name, percent = 100) {
  const key = `color-mix(in srgb, var(${name}) ${percent}%, transparent)`;
  if (!colors.has(key)) {
    probe.style.color = key;
    colors.set(key, getComputedStyle(probe).color);
  }
  return colors.get(key);
}

/** Returns the next higher of 1, 2, 5, 10, …; for bytes, of the powers of two. */
function ceiling(value, binary) {
  if (binary) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return [1, 2, 5, 10].find((step) => step * power >= value * 0.999999) * power;
}

/** Returns the period to show: at first little is known, and it would be a line at the edge. */
function xRange() {
  const [first, last] = [columns.time[0], columns.time.at(-1)];
  return [Math.max(last - CHART_SECONDS, Math.min(first, last - LEAST_CHART_SECONDS)), last];
}

/** Labels for the time, except at the very left, where the y axis has its own. */
function timeLabels(chart, times, number, space, step) {
  const { min, max } = chart.scales.x;
  const digits = step < 60 ? 8 : 5;
  return times.map((time) => (time - min < 0.1 * (max - min) ? "" : clock(time * 1000).slice(0, digits)));
}

function yRange({ log, least = 1, binary, stacked }) {
  return (drawn, low, high) => {
    if (stacked) return [0, high > 4 ? 4 * Math.ceil(high / 4) : Math.max(1, high ?? 0)];
    if (!log) return [0, ceiling(Math.max(high ?? 0, least), binary)];
    const bottom = Math.floor(Math.log10(low || 1e-3));
    return [10 ** bottom, 10 ** Math.max(bottom + 1, Math.ceil(Math.log10(high || 1e-2) - 1e-9))];
  };
}

function splits({ log, stacked }) {
  return (drawn, axis, low, high) => {
    const parts = log ? Math.round(Math.log10(high / low)) : stacked ? Math.min(4, high) : 4;
    return Array.from({ length: parts + 1 }, (_, index) => (log ? low * 10 ** index : low + ((high - low) * index) / parts));
  };
}

function dataOf({ series, stacked }) {
  const lines = series.map(({ key }) => columns[key]);
  if (!stacked) return [columns.time, ...lines];
  const sums = [];
  for (const line of lines) {
    const below = sums.at(-1);
    sums.push(line.map((value, moment) => (value === null ? null : value + (below?.[moment] ?? 0))));
  }
  // The highest sum is drawn first, and each lower one over it.
  return [columns.time, ...sums.reverse()];
}

function lineOf({ color: name, dash }, stacked) {
  return {
    stroke: () => color(name),
    fill: () => color(name, stacked ? 100 : 9),
    width: stacked ? 0 : 1.75,
    dash,
    paths: stacked ? uPlot.paths.stepped({ align: 1 }) : undefined,
    points: { show: false },
  };
}

function optionsOf(spec, onCursor) {
  const lines = spec.series.map((series) => lineOf(series, spec.stacked));
  const axis = {
    stroke: () => color("--muted"), font: "11px system-ui, sans-serif", ticks: { show: false },
    grid: { stroke: () => color("--line"), width: 1 },
  };
  return {
    width: 320, height: 150, padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "page" }, points: { size: 6 } },
    scales: {
      x: { range: xRange },
      y: { distr: spec.log ? 3 : 1, range: yRange(spec) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, gap: 4, space: 60, incrs: [15, 30, 60, 120, 300], values: timeLabels },
      { ...axis, size: 58, gap: 6, splits: splits(spec), filter: (chart, all) => all, values: (chart, all) => all.map(spec.axis) },
    ],
    series: [{}, ...(spec.stacked ? lines.reverse() : lines)],
    hooks: { setCursor: [onCursor] },
  };
}

/** One chart with its legend, which shows the latest values, or those under the pointer. */
function chart(spec) {
  const values = spec.series.map(() => make("b", {}, NOTHING));
  const keys = spec.series.map(({ label, color: name, dash }, index) => {
    const kind = spec.stacked ? "filled" : dash ? "dashed" : "";
    return make("li", {}, make("i", { class: kind, style: `--key: var(${name})` }), `${label} `, values[index]);
  });
  const time = make("time");
  const plot = make("div", { class: "plot", role: "img", "aria-label": `${spec.title}: lines over the last minutes` });
  const figure = make("figure", { class: "chart", "data-only": spec.only ?? "" },
    make("figcaption", {}, make("h3", {}, spec.title, time), make("ul", { class: "legend" }, ...keys)), plot);
  $("charts").append(figure);

  const legend = ({ cursor }) => {
    const moment = cursor.idx ?? columns.time.length - 1;
    put(time, cursor.idx == null ? "" : clock(columns.time[moment] * 1000));
    spec.series.forEach(({ key }, index) => put(values[index], known(spec.format)(columns[key][moment])));
  };
  const drawn = new uPlot(optionsOf(spec, legend), dataOf(spec), plot);
  new ResizeObserver(() => plot.clientWidth && drawn.setSize({ width: plot.clientWidth, height: 150 })).observe(plot);
  return {
    show() { drawn.setData(dataOf(spec)); legend(drawn); },
    repaint() { drawn.redraw(); },
  };
}

remember(Date.now() / 1000);
const charts = CHARTS.map(chart);

function repaint() {
  colors = new Map();
  for (const each of charts) each.repaint();
}
