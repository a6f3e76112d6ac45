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

function showProcessors(processors, derived) {
  const list = $("stages");
  while (list.childElementCount > processors.length) list.lastElementChild.remove();
  processors.forEach(({ name, failed }, index) => {
    const item = list.children[index] ?? list.appendChild(make("li", {}, make("span"), make("small"), make("small")));
    const { messages, cpu } = derived[index];
    put(item.children[0], name);
    put(item.children[1], `${rate(messages)}/s · ${seconds(cpu)} of CPU a message`);
    put(item.children[2], failed > 0 ? `${count(failed)} failed` : "");
    item.children[2].className = "bad";
  });
}

function showPipeline({ pipeline, processors, gate, queue, guests }, derived) {
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
  showProcessors(processors, derived.processors);
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
  const elsewhere = derived.lagElsewhere > 0 ? `; elsewhere ${count(derived.lagElsewhere)}` : "";
  card("lag", count(derived.lag), `${partitions}${unknown ? `, ${unknown} unknown` : ""}${elsewhere}`);
  card("memory", bytes(stats.process.resident_bytes), `${bytes(stats.guests.memory_bytes)} in guests`);
  card("cpu", seconds(derived.cpu), derived.cores === null ? "" : `${scaled(derived.cores)} cores busy`);
}

/** Returns a command with a button that copies it. */
function commandOf(command) {
  const code = make("code", { tabindex: "0" }, command);
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      put(button, "Copied");
    } catch {
      // Browsers lend the clipboard only to pages from this machine or over TLS.
      getSelection().selectAllChildren(code);
      put(button, "Selected");
    }
    setTimeout(() => put(button, "Copy"), 2000);
  });
  return [code, button];
}

/** Groups of failures by their type and place: the item on the page, and the failure that it shows. */
const failures = new Map();

function failureItem() {
  const details = (title) => make("details", {}, make("summary", {}, title), make("pre", { tabindex: "0" }));
  return make("li", {},
    make("p", {}, make("b", { class: "times" }), make("span", { class: "type" }), make("bdi")),
    make("p", { class: "where" }),
    make("p", { class: "command" }, ...commandOf("")),
    make("div", { class: "more" }, details("Traceback"), details("Payload")));
}

function fillFailure(item, { type, script, processor, count: times, first_at_ms, last, command }) {
  const [head, where, copy, more] = item.children;
  put(head.children[0], `${count(times)} ×`);
  put(head.children[1], type);
  // What someone reads, or has selected, does not change under their eyes.
  if (item.querySelector("details[open]") || item.contains(getSelection().anchorNode)) return;
  put(head.children[2], last.text);
  const when = times > 1 ? `${clock(first_at_ms)} to ${clock(last.at_ms)}` : clock(last.at_ms);
  const place = script && processor && !script.startsWith(processor) ? `${processor}, ${script}` : script ?? processor;
  put(where, [when, place, times > 1 ? `last: ${last.message}` : last.message, last.attempts > 1 && `run ${last.attempts} times`].filter(Boolean).join(" · "));
  copy.hidden = !command;
  put(copy.firstElementChild, command ?? "");
  [last.traceback, last.payload].forEach((content, index) => {
    more.children[index].hidden = !content;
    put(more.children[index].lastElementChild, content ?? "");
  });
}

/** Items stay the same elements, so that an opened one stays open; the newest are the first. */
function showFailures(groups, replay) {
  const keyed = new Map(groups.map((group) => [JSON.stringify([group.type, group.script, group.processor]), group]));
  for (const [key, item] of failures) {
    if (!keyed.has(key) && !item.querySelector("details[open]")) { item.remove(); failures.delete(key); }
  }
  const list = $("failures");
  const reads = list.querySelector("details[open]") || list.contains(getSelection().anchorNode) || list.matches(":hover");
  [...keyed].forEach(([key, group], index) => {
    if (!failures.has(key)) failures.set(key, failureItem());
    const item = failures.get(key);
    fillFailure(item, group);
    const place = list.children[index] ?? null;
    if (item !== place && (!reads || !item.parentNode)) list.insertBefore(item, place);
  });
  list.hidden = failures.size === 0;
  $("no-failures").hidden = failures.size > 0;
  const line = $("replay");
  line.hidden = !replay || failures.size === 0;
  if (line.childElementCount === 1) line.append(...commandOf(""));
  put(line.children[1], replay ?? "");
}

/** The partitions of this process, and those that other members of the group have, or nobody. */
function showPartitions({ partitions, group }) {
  const own = partitions.map((one) => ({ ...one, owner: "this process" }));
  const sorted = [...own, ...others({ partitions, group })].sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition));
  const most = Math.max(1, ...sorted.map(({ lag }) => lag ?? 0));
  const body = $("partitions");
  fill(body, sorted.map(({ topic, partition, owner, lag, under_way }) => [`${topic}/${partition}`, owner ?? "nobody", count(lag), count(under_way)]), "None.");
  sorted.forEach(({ lag, under_way }, index) => {
    body.rows[index].cells[2].style.setProperty("--share", (lag ?? 0) / most);
    body.rows[index].classList.toggle("other", under_way === undefined);
  });
  put("group", group ? `of the group ${group.name}, which has ${many(group.members, "member", "members")}` : "of this process");
}

function showTables({ messages, guests, kafka, failures, replay_command }) {
  byName("failures-by-type", messages.failures_by_type);
  byName("deaths", guests.deaths);
  byName("scalings", Object.fromEntries(Object.entries(guests.scalings).map(([reason, times]) => [reason.replaceAll("_", " "), times])));
  byName("rebalances", kafka.rebalances);
  put("ready-p50", seconds(guests.ready_seconds.p50));
  put("guests-memory", bytes(guests.memory_bytes));
  put("guests-cpu", seconds(guests.cpu_seconds));
  fill($("links"), Object.entries(kafka.links).map(([name, { up, retries }]) => [name, up ? "up" : "down", count(retries)]), "None.");
  showPartitions(kafka);
  showFailures(failures, replay_command);
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
