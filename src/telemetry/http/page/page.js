"use strict";

const EVERY_MS = 1000;
const EVERY_MS_HIDDEN = 5000;
const TIMEOUT_MS = 2000;
/** Seconds over which rates and quantiles are taken. One second alone flickers, as results arrive in batches. */
const WINDOW_SECONDS = 5;
const CHART_SECONDS = 300;
/** Span of time that a chart shows at least, even if it has little data. */
const LEAST_CHART_SECONDS = 60;
/** Number of missed answers that count as an outage: one late answer is not enough. */
const MISSES = 2;
const NOTHING = "–";

// Formatting of numbers. An unknown value is a dash, whatever the unit.

const known = (format) => (value) => (Number.isFinite(value) ? format(value) : NOTHING);
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
const precise = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

const count = known((value) => grouped.format(value));
const compact = known((value) => short.format(value).replace("K", "k"));
const rate = known((value) => (value < 10 ? tenths : value < 1e6 ? grouped : short).format(value));
const scaled = known((value) => (value < 1000 ? precise : grouped).format(value));

const seconds = known((value) => {
  if (value === 0) return "0 s";
  if (value < 0.001) return `${scaled(value * 1e6)} µs`;
  if (value < 1) return `${scaled(value * 1e3)} ms`;
  return value < 120 ? `${scaled(value)} s` : long(value);
});
const long = known((value) => {
  const whole = Math.max(0, Math.floor(value));
  const sizes = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = Math.max(0, sizes.findIndex(([size]) => whole >= size));
  const [size, unit] = whole === 0 ? [1, "s"] : sizes[first];
  const [less, lessUnit] = sizes[first + 1] ?? [];
  const rest = whole > 0 && less ? ` ${Math.floor((whole % size) / less)} ${lessUnit}` : "";
  return `${Math.floor(whole / size)} ${unit}${rest}`;
});
const bytes = known((value) => {
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, value)) / 10));
  return `${scaled(value / 1024 ** power)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
});
const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
const many = (number, one, more) => `${count(number)} ${number === 1 ? one : more}`;
const sum = (object) => Object.values(object).reduce((all, value) => all + value, 0);

// The document. All text from outside is inserted as text, never as markup.

const $ = (id) => document.getElementById(id);

function put(target, text) {
  const element = typeof target === "string" ? $(target) : target;
  if (element.textContent !== text) element.textContent = text;
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Rows stay the same elements from poll to poll, so that scrolling and selected text are left alone. */
function fill(body, rows, none) {
  const columns = body.closest("table").querySelectorAll("th").length;
  if (rows.length === 0) {
    if (!body.querySelector(".none")) body.replaceChildren(make("tr", {}, make("td", { class: "none", colspan: columns }, none)));
    return;
  }
  body.querySelector(".none")?.closest("tr").remove();
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  rows.forEach((cells, index) => {
    const row = body.rows[index] ?? body.appendChild(make("tr", {}, ...cells.map(() => make("td"))));
    cells.forEach((text, column) => put(row.cells[column], text));
  });
}

const byName = (id, totals) =>
  fill($(id), Object.entries(totals).sort(([, a], [, b]) => b - a).map(([name, total]) => [name, count(total)]), "None so far.");

// Differences between two snapshots.

const failedOf = ({ messages }) => messages.failed + messages.failed_and_dropped;
const at = (stats, path) => path.split(".").reduce((part, name) => part?.[name], stats);
const TOTALS = [...document.querySelectorAll("[data-stat]")].map((element) => element.dataset.stat);

function since(now, before) {
  return now.map(([bound, total], index) => [bound, Math.max(0, total - (before[index]?.[1] ?? 0))]);
}

/** Estimates a quantile as Prometheus' histogram_quantile does; the engine's own is `quantile` in histogram.rs. */
function quantile(buckets, share) {
  const all = buckets.at(-1)?.[1] ?? 0;
  if (all === 0) return null;
  const rank = share * all;
  let below = 0;
  let low = 0;
  for (const [high, total] of buckets) {
    if (high === null) break;
    if (total >= rank) return low + ((high - low) * (rank - below)) / (total - below);
    [below, low] = [total, high];
  }
  return low;
}

/** `before` is an earlier snapshot of the same process, or nothing. */
function derive(now, before) {
  const gained = (get) => (before ? get(now) - get(before) : null);
  const time = gained((stats) => stats.uptime_seconds);
  const perSecond = (get) => (time > 0 ? gained(get) / time : null);
  const whole = before ? since(now.latency.whole.buckets, before.latency.whole.buckets) : [];
  const delivered = gained((stats) => stats.messages.delivered);
  const lags = now.kafka.partitions.map(({ lag }) => lag).filter((lag) => lag !== null);
  return {
    received: perSecond(({ messages }) => messages.received),
    receivedBytes: perSecond(({ messages }) => messages.received_bytes),
    records: perSecond(({ output }) => output.records),
    bytes: perSecond(({ output }) => output.bytes),
    failed: perSecond(failedOf),
    p50: quantile(whole, 0.5),
    p99: quantile(whole, 0.99),
    cores: perSecond((stats) => stats.process.cpu_seconds),
    cpu: delivered > 0 ? gained((stats) => stats.process.cpu_seconds) / delivered : null,
    age: now.queue.age_seconds,
    underWay: now.gate.bytes,
    lag: lags.length > 0 ? lags.reduce((all, lag) => all + lag, 0) : null,
    ...now.guests.states,
  };
}

/** Whether the process restarted. A clock that was set back counts too, since then nothing can be compared. */
const restarted = (now, last) =>
  now.started_at_ms !== last.started_at_ms || ["uptime_seconds", ...TOTALS].some((path) => at(now, path) < at(last, path));

// Charts.

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

/** Adds a point in time to all charts; without a sample, a gap. */
function remember(time, sample = {}) {
  for (const [key, column] of Object.entries(columns)) column.push(key === "time" ? time : sample[key] ?? null);
  const old = columns.time.findIndex((moment) => moment > time - CHART_SECONDS - 10);
  if (old > 0) for (const column of Object.values(columns)) column.splice(0, old);
}

const probe = document.body.appendChild(make("i", { hidden: "" }));
let colors = new Map();

/** Returns the value of a style-sheet variable in this theme, which a canvas needs. */
function color(name, percent = 100) {
  const key = `color-mix(in srgb, var(${name}) ${percent}%, transparent)`;
  if (!colors.has(key)) {
    probe.style.color = key;
    colors.set(key, getComputedStyle(probe).color);
  }
  return colors.get(key);
}

/** Rounds up to the next of 1, 2, 5, 10, …; for bytes to the next power of two. */
function ceiling(value, binary) {
  if (binary) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return [1, 2, 5, 10].find((step) => step * power >= value * 0.999999) * power;
}

/** All known data of the last minutes: at first there is little, and it would be a line at the edge. */
function xRange() {
  const [first, last] = [columns.time[0], columns.time.at(-1)];
  return [Math.max(last - CHART_SECONDS, Math.min(first, last - LEAST_CHART_SECONDS)), last];
}

/** Not at the very left, where the y axis has its own labels. */
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
  // The highest series is drawn first, and each lower one over it.
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

// The parts of the page.

function showHeader(stats) {
  put("version", stats.version);
  put("uptime", long(stats.uptime_seconds));
  put("delivery", stats.pipeline.delivery.replaceAll("_", " "));
  put("runtime", stats.pipeline.runtime);
  put("since", `since ${new Date(stats.started_at_ms).toLocaleString("en-GB")}`);
  const reasons = Object.entries(stats.not_ready);
  $("reasons").hidden = reasons.length === 0;
  $("reasons").replaceChildren(...reasons.map(([part, why]) => make("li", {}, make("b", {}, part), `: ${why}`)));
}

function showState(state, seen) {
  if (document.body.dataset.state !== state) {
    document.body.dataset.state = state;
    put("state", state.replace("-", " "));
    document.title = state === "ready" ? "Nerodia" : `${state.replace("-", " ")} · Nerodia`;
  }
  put("seen", seen);
}

/** Speed of the dots of an arrow: standing, and three speeds. */
function flow(id, perSecond) {
  $(id).dataset.speed = perSecond > 0 ? Math.min(3, 1 + Math.floor(Math.max(0, Math.log10(perSecond)) / 2)) : 0;
}

function showDots({ states }) {
  const kinds = ["busy", "idle", "starting", "retiring"].flatMap((state) => Array(Math.min(states[state] ?? 0, 64)).fill(state));
  const dots = $("guests-dots");
  while (dots.childElementCount > kinds.length) dots.lastElementChild.remove();
  kinds.forEach((kind, index) => { (dots.children[index] ?? dots.appendChild(make("i"))).className = kind; });
}

function showStages(stages) {
  const list = $("stages");
  if ([...list.children].map(({ textContent }) => textContent).join("\n") === stages.join("\n")) return;
  list.replaceChildren(...stages.map((stage) => make("li", {}, make("span", {}, stage))));
}

function showPipeline({ pipeline, gate, queue, guests }, derived) {
  for (const place of ["input", "output", "failures"]) {
    put(`${place}-type`, pipeline[place].type || NOTHING);
    put(`${place}-detail`, pipeline[place].detail);
  }
  put("input-rate", rate(derived.received));
  put("output-rate", rate(derived.records));
  put("failures-rate", rate(derived.failed));
  flow("flow-in", derived.received);
  flow("flow-out", derived.records);
  flow("flow-failed", derived.failed);
  put("gate", `${bytes(gate.bytes)} of ${bytes(gate.limit_bytes)} under way`);
  $("gate-bar").style.setProperty("--share", Math.min(1, gate.bytes / gate.limit_bytes || 0));
  const others = ["starting", "retiring"].filter((state) => guests.states[state] > 0);
  put("guests-busy", `${count(guests.states.busy ?? 0)} busy of ${count(sum(guests.states))}`);
  put("guests-range", [`from ${pipeline.min_guests} to ${pipeline.max_guests}`, ...others.map((state) => `${guests.states[state]} ${state}`)].join(", "));
  showDots(guests);
  showStages(pipeline.stages);
  put("queue", queue.batches > 0 ? `${many(queue.batches, "batch waits", "batches wait")}, the oldest for ${seconds(queue.age_seconds)}` : "Nothing waits.");
}

function showNumbers(stats, derived) {
  const perSecond = (value) => (value === null ? NOTHING : `${rate(value)}/s`);
  const volume = (value) => (value === null ? "" : `${bytes(value)}/s`);
  const unknown = stats.kafka.partitions.filter(({ lag }) => lag === null).length;
  const partitions = many(stats.kafka.partitions.length, "partition", "partitions");
  const card = (id, value, more) => { put(`n-${id}`, value); put(`n-${id}-more`, more); };
  card("in", perSecond(derived.received), volume(derived.receivedBytes));
  card("out", perSecond(derived.records), volume(derived.bytes));
  card("p50", seconds(derived.p50), "of the whole way");
  card("p99", seconds(derived.p99), "of the whole way");
  card("failed", count(failedOf(stats)), derived.failed === null ? "" : `${rate(derived.failed)}/s`);
  $("n-failed-card").classList.toggle("alarm", derived.failed > 0);
  card("lag", count(derived.lag), unknown ? `${partitions}, ${unknown} unknown` : partitions);
  card("memory", bytes(stats.process.resident_bytes), `${bytes(stats.guests.memory_bytes)} in guests`);
  card("cpu", seconds(derived.cpu), derived.cores === null ? "" : `${scaled(derived.cores)} cores busy`);
}

const failures = new Map();

function failureItem({ at_ms, message, type, text, script, traceback, attempts, payload }) {
  const more = [["Traceback", traceback], ["Payload", payload]].filter(([, content]) => content);
  return make("li", {},
    make("p", {}, make("time", { datetime: new Date(at_ms).toISOString() }, clock(at_ms)), make("span", { class: "type" }, type), make("bdi", {}, text)),
    make("p", { class: "where" }, [script, message, attempts > 1 && `run ${attempts} times`].filter(Boolean).join(" · ")),
    make("div", { class: "more" }, ...more.map(([title, content]) =>
      make("details", {}, make("summary", {}, title), make("pre", { tabindex: "0" }, content)))));
}

/** Inserts only new entries and removes only old ones, so that an entry that somebody has opened stays. */
function showFailures(recent) {
  const keyed = new Map(recent.map((failure) => [JSON.stringify([failure.at_ms, failure.message, failure.type, failure.text]), failure]));
  for (const [key, item] of failures) {
    if (!keyed.has(key) && !item.querySelector("details[open]")) { item.remove(); failures.delete(key); }
  }
  for (const [key, failure] of [...keyed].reverse()) {
    if (failures.has(key)) continue;
    failures.set(key, failureItem(failure));
    $("failures").prepend(failures.get(key));
  }
  $("failures").hidden = failures.size === 0;
  $("no-failures").hidden = failures.size > 0;
}

function showPartitions(partitions) {
  const sorted = [...partitions].sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition));
  const most = Math.max(1, ...sorted.map(({ lag }) => lag ?? 0));
  const body = $("partitions");
  fill(body, sorted.map(({ topic, partition, lag, under_way }) => [topic, String(partition), count(lag), count(under_way)]), "None.");
  sorted.forEach(({ lag }, index) => body.rows[index].cells[2].style.setProperty("--share", (lag ?? 0) / most));
}

function showTables({ messages, guests, kafka, recent_failures }) {
  byName("failures-by-type", messages.failures_by_type);
  byName("deaths", guests.deaths);
  byName("scalings", Object.fromEntries(Object.entries(guests.scalings).map(([reason, times]) => [reason.replaceAll("_", " "), times])));
  byName("rebalances", kafka.rebalances);
  put("ready-p50", seconds(guests.ready_seconds.p50));
  put("guests-memory", bytes(guests.memory_bytes));
  put("guests-cpu", seconds(guests.cpu_seconds));
  fill($("links"), Object.entries(kafka.links).map(([name, { up, retries }]) => [name, up ? "up" : "down", count(retries)]), "None.");
  showPartitions(kafka.partitions);
  showFailures(recent_failures);
}

function showTotals(stats) {
  for (const element of document.querySelectorAll("[data-stat]")) {
    const total = at(stats, element.dataset.stat);
    element.dataset.value = total;
    put(element, count(total));
  }
}

/** Hides elements that this pipeline does not use. */
function showOnly({ pipeline, kafka }) {
  const links = Object.keys(kafka.links).length > 0 || kafka.partitions.length > 0;
  const has = { kafka: pipeline.input.type === "kafka", other: pipeline.input.type !== "kafka", links };
  for (const element of document.querySelectorAll("[data-only]")) element.hidden = has[element.dataset.only] === false;
}

// Polling.

/** Snapshots of the same process, the oldest of them some seconds old. */
let recent = [];
let seenMs = null;
let misses = 0;

async function ask() {
  const response = await fetch("stats", { signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" });
  if (!response.ok) throw new Error(`/stats answered ${response.status}`);
  return response.json();
}

function answered(stats) {
  const time = Date.now() / 1000;
  [seenMs, misses] = [Date.now(), 0];
  if (recent.length > 0 && restarted(stats, recent.at(-1))) {
    recent = [];
    remember(time - 0.001);
  }
  recent.push(stats);
  while (recent.length > 1 && recent[1].uptime_seconds <= stats.uptime_seconds - WINDOW_SECONDS) recent.shift();
  const derived = derive(stats, recent.length > 1 ? recent[0] : null);
  remember(time, derived);
  showHeader(stats);
  showState(stats.ready ? "ready" : "not-ready", "");
  showOnly(stats);
  showPipeline(stats, derived);
  showNumbers(stats, derived);
  showTables(stats);
  showTotals(stats);
}

function unanswered() {
  misses += 1;
  if (misses < MISSES) return;
  recent = [];
  remember(Date.now() / 1000);
  const ago = seenMs === null ? "never seen so far" : `last seen ${long((Date.now() - seenMs) / 1000)} ago`;
  showState("unreachable", ago);
}

let timer = 0;
let asking = false;

async function poll() {
  if (asking) return;
  clearTimeout(timer);
  asking = true;
  const start = performance.now();
  const stats = await ask().catch(() => null);
  asking = false;
  const every = document.hidden ? EVERY_MS_HIDDEN : EVERY_MS;
  timer = setTimeout(poll, Math.max(0, every - (performance.now() - start)));
  if (stats) answered(stats);
  else unanswered();
  if (!document.hidden) for (const each of charts) each.show();
}

// Themes.

const THEMES = ["auto", "light", "dark"];

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  put("theme", `Theme: ${theme}`);
  repaint();
}

$("theme").addEventListener("click", () => {
  const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  setTheme(theme);
  try { localStorage.setItem("nerodia-theme", theme); } catch { /* no storage: for this visit */ }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
setTheme(THEMES.find((theme) => theme === document.documentElement.dataset.theme) ?? "auto");

document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
poll();
