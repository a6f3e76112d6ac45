// Asks `/stats` once a second and shows the answer; the theme of the page.

const EVERY_MS = 1000;
const EVERY_MS_HIDDEN = 5000;
const TIMEOUT_MS = 2000;
/** The time that rates and quantiles cover: one second alone flickers, since results arrive in batches. */
const WINDOW_SECONDS = 5;
/** The number of answers that have to be missing: one that is late is no outage. */
const MISSES = 2;

/** Answers of the same process, the oldest of them some seconds old. */
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
  showRegistry(stats);
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
