// The parts of the page. Everything from outside is inserted as text, never as markup.

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

/** Rows stay the same elements from poll to poll, so that scrolling and text selection are not disturbed. */
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

const sorted = (totals) => Object.entries(totals).sort(([, a], [, b]) => b - a).map(([name, total]) => [name, count(total)]);
const byName = (id, totals) => fill($(id), sorted(totals), "None so far.");

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

/** Sets how fast the dots of an arrow move: not at all, or at one of three speeds. */
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

/** Only new failures are inserted and only old ones removed, so that an opened one stays open. */
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

function showRegistry({ schema_registry: registry, not_ready }) {
  $("registry-waits").hidden = !("schema_registry" in not_ready);
  const kinds = sorted(registry?.failures ?? {}).map(([kind, times]) => `${kind.replaceAll("_", " ")} ${times}`);
  put("registry-failures", kinds.length > 0 ? `${count(sum(registry.failures))} (${kinds.join(", ")})` : "0");
}

function showTotals(stats) {
  for (const element of document.querySelectorAll("[data-stat]")) {
    const total = at(stats, element.dataset.stat);
    element.dataset.value = total;
    put(element, count(total));
  }
}

/** Hides the parts that this pipeline does not have. */
function showOnly({ pipeline, kafka, schema_registry: registry }) {
  const links = Object.keys(kafka.links).length > 0 || kafka.partitions.length > 0;
  const reads = pipeline.input.type === "kafka";
  const has = { kafka: reads, other: !reads, links, registry: Boolean(registry) };
  for (const element of document.querySelectorAll("[data-only]")) element.hidden = has[element.dataset.only] === false;
}
