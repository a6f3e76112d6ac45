// How numbers are written, and what changed between two answers of `/stats`.

"use strict";

const NOTHING = "–";

// Text for numbers. An unknown value is a dash, whatever the unit.

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

// Values computed from two answers.

const failedOf = ({ messages }) => messages.failed + messages.failed_and_dropped;
const at = (stats, path) => path.split(".").reduce((part, name) => part?.[name], stats);
const TOTALS = [...document.querySelectorAll("[data-stat]")].map((element) => element.dataset.stat);

function since(now, before) {
  return now.map(([bound, total], index) => [bound, Math.max(0, total - (before[index]?.[1] ?? 0))]);
}

/** Works like Prometheus' histogram_quantile; the engine's own version is `quantile` in histogram.rs. */
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

/** `before` is an earlier answer of the same process, or nothing. */
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
    lagElsewhere: others(now.kafka).reduce((all, { lag }) => all + (lag ?? 0), 0),
    processors: now.processors.map((one) => rates(one, before?.processors.find(({ name }) => name === one.name), time)),
    ...now.guests.states,
  };
}

/** The partitions of the group that this process does not have. */
function others({ partitions, group }) {
  const own = new Set(partitions.map(({ topic, partition }) => `${topic}/${partition}`));
  return (group?.partitions ?? []).filter(({ topic, partition }) => !own.has(`${topic}/${partition}`));
}

/** The cost of a message is that of the last seconds, or else since the start. */
function rates(now, before, time) {
  const messages = before ? now.messages - before.messages : 0;
  const cpu = before ? now.cpu_seconds - before.cpu_seconds : 0;
  const recent = messages > 0 && cpu > 0 ? cpu / messages : null;
  const whole = now.messages > 0 && now.cpu_seconds > 0 ? now.cpu_seconds / now.messages : null;
  return { messages: before && time > 0 ? messages / time : null, cpu: recent ?? whole };
}

/** Also true if its clock was set back, so that the answers cannot be compared. */
const restarted = (now, last) =>
  now.started_at_ms !== last.started_at_ms || ["uptime_seconds", ...TOTALS].some((path) => at(now, path) < at(last, path));
