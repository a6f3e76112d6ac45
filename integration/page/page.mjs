// Checks the page of a running engine as a person would: with a browser.
//
//     node page.mjs --url http://127.0.0.1:4195 [--shots DIR] [--restart] [--stay SECONDS]
//
// With --stay, the page is open for some time before it is looked at, so that its charts show it.
// Exits with 1 if something is wrong, and with 77 if there is no browser.

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const BROWSER = "/usr/bin/chromium";
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
const STATES = ["ready", "not ready", "unreachable"];
/** Number of checks of a page under load, each of which must agree with one answer. */
const LOOKS = 5;
const RESTART_MS = 60_000;
/** Time after which the browser hangs: calls into a page have no time limit of their own. All checks take about a minute. */
const CHECKS_MS = 300_000;

const { values: options } = parseArgs({
  options: { url: { type: "string" }, shots: { type: "string" }, restart: { type: "boolean", default: false }, stay: { type: "string", default: "0" } },
});

const stayMs = 1000 * Number(options.stay);
const ALL_MS = CHECKS_MS + stayMs;

class Wrong extends Error {}

function check(holds, otherwise) {
  if (!holds) throw new Wrong(otherwise);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Opens the page and records the server's answers and the console's messages. */
async function open(browser, url) {
  const page = await browser.newPage({ viewport: WIDE });
  const heard = { answers: [], pending: [], complaints: [], strangers: [], away: false };
  page.on("response", (response) => {
    if (new URL(response.url()).pathname !== "/stats" || !response.ok()) return;
    // A body is lost if the server ends while it is sent; then the page does not have it either.
    heard.pending.push(response.json().then((answer) => heard.answers.push(answer), () => {}));
  });
  page.on("console", (message) => {
    const refused = heard.away && message.location().url.endsWith("/stats");
    if (message.type() === "error" && !refused) heard.complaints.push(message.text());
  });
  page.on("pageerror", (error) => heard.complaints.push(String(error)));
  page.on("dialog", (dialog) => { heard.complaints.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    if (!request.url().startsWith("data:") && new URL(request.url()).origin !== new URL(url).origin) heard.strangers.push(request.url());
  });
  await watch(page);
  await page.goto(url);
  return { page, heard };
}

/** Ends this program with what the page's script is doing, if the checks take too long. */
async function watch(page) {
  const debug = await page.context().newCDPSession(page);
  await debug.send("Debugger.enable");
  const hangs = async () => {
    const paused = new Promise((resolve) => debug.once("Debugger.paused", resolve));
    debug.send("Debugger.pause").catch(() => {});
    const stopped = await Promise.race([paused, pause(5000)]);
    const frames = stopped?.callFrames.map(({ functionName, url, location }) => `${functionName || "script"} (${url}:${location.lineNumber + 1})`);
    console.error(`wrong: no end after ${ALL_MS / 1000} s; the page runs ${frames?.join(" in ") ?? "no script, or the browser hangs"}`);
    process.exit(1);
  };
  setTimeout(hangs, ALL_MS).unref();
}

const stateOf = (page) => page.locator("#state").textContent();

async function until(what, ms, holds) {
  for (const end = Date.now() + ms; Date.now() < end; await pause(100)) if (await holds()) return;
  throw new Wrong(`${what}: not within ${ms / 1000} s`);
}

const at = (answer, path) => path.split(".").reduce((part, name) => part?.[name], answer);

/** Checks that all numbers of the page at one moment are those of one answer. */
async function numbersAgree({ page, heard }) {
  const shown = await page.evaluate(() => [...document.querySelectorAll("[data-stat]")].filter((element) => !element.closest("[hidden]")).map(({ dataset, textContent }) => [dataset.stat, dataset.value, textContent]));
  await Promise.all(heard.pending);
  check(shown.length >= 8, `there are only ${shown.length} totals on the page`);
  const different = (answer) => shown.filter(([path, value]) => String(at(answer, path)) !== value);
  const received = shown.find(([path]) => path === "messages.received")[1];
  const answers = heard.answers.filter((answer) => String(answer.messages.received) === received);
  check(answers.length > 0, `messages.received is ${received} on the page and in none of ${heard.answers.length} answers`);
  const best = answers.map(different).sort((a, b) => a.length - b.length)[0];
  check(best.length === 0, `differs from every answer with the same messages.received: ${JSON.stringify(best)}`);
  for (const [path, value, text] of shown) check(text.replaceAll(",", "") === value, `${path} is ${value} and reads “${text}”`);
  return [shown.length, received];
}

/** Checks that what the page says of the schema registry is that of one answer. Its totals are among those above. */
async function registryAgrees({ page, heard }) {
  const [section, waits, failures] = await page.evaluate(() => ["h-registry", "registry-waits", "registry-failures"].map((id) => {
    const element = document.getElementById(id);
    return element.closest("[hidden]") ? null : element.textContent;
  }));
  await Promise.all(heard.pending);
  const agrees = ({ schema_registry: registry, not_ready }) => {
    if (!registry) return section === null;
    const kinds = Object.entries(registry.failures);
    const all = kinds.reduce((sum, [, times]) => sum + times, 0);
    return section !== null && (waits !== null) === "schema_registry" in not_ready && failures.split(" ")[0] === String(all)
      && kinds.every(([kind, times]) => failures.includes(`${kind.replaceAll("_", " ")} ${times}`));
  };
  const shown = section === null ? "none" : `failures ${failures}${waits === null ? "" : `, ${waits}`}`;
  check(heard.answers.some(agrees), `of the schema registry the page shows “${shown}”, unlike ${JSON.stringify(heard.answers.at(-1))}`);
  console.log(`ok: schema registry: ${shown}`);
}

/** Checks that the processors, and the failures by type and place, are those of one answer. */
async function partsAgree({ page, heard }) {
  const agrees = async () => {
    const [names, failed, groups] = await page.evaluate(() => {
      const texts = (selector) => [...document.querySelectorAll(selector)].map(({ textContent }) => textContent);
      return [texts("#stages li > span"), texts("#stages li > small:last-child"), texts("#failures > li > p:first-child > :nth-child(-n + 2)")];
    });
    await Promise.all(heard.pending);
    const expected = ({ processors, failures }) => [
      processors.map(({ name }) => name),
      processors.map(({ failed }) => (failed > 0 ? `${failed} failed` : "")),
      failures.flatMap(({ count, type }) => [`${count} ×`, type]),
    ];
    const shown = JSON.stringify([names, failed, groups]).replaceAll(/(?<=\d),(?=\d{3})/g, "");
    return heard.answers.some((answer) => JSON.stringify(expected(answer)) === shown);
  };
  await until("the processors and failures are those of one answer", 15_000, agrees);
  const counts = ["#stages li", "#failures > li"].map((selector) => page.locator(selector).count());
  const [processors, groups] = await Promise.all(counts);
  console.log(`ok: processors ${processors}, failures of ${groups} kinds`);
}

/** Checks that a click copies the command that tries a failed message, if there is one. */
async function commandIsCopied({ page }) {
  const line = page.locator("#failures .command:not([hidden])").first();
  if ((await line.count()) === 0) return;
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await line.locator("button").click();
  const command = await line.locator("code").textContent();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check(copied.startsWith("nerodia try ") || / \| nerodia try /.test(copied), `copied was “${copied}”, shown is “${command}”`);
  console.log(`ok: copied: ${copied}`);
}

/** Checks what a person reads: no impossible number, and none below 0. */
async function sane(page) {
  const text = await page.locator("body").evaluate((body) => {
    const theirs = new Set([...body.querySelectorAll("#failures, #failures-by-type, .detail, #stages, #partitions td:first-child, script, style")]);
    const read = (node) => (theirs.has(node) ? "" : node.nodeType === 3 ? node.data : [...node.childNodes].map(read).join(" "));
    return read(body);
  });
  const odd = text.match(/NaN|Infinity|undefined|\bnull\b|\[object|(^|\s)[-−]\d[\d.,]*/);
  check(!odd, `the page says “${odd?.[0].trim()}”`);
}

async function noOverflow(page, { width }) {
  const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(wide[0] <= wide[1], `at ${width} pixels the page is ${wide[0]} wide`);
}

async function looks({ page }, shots) {
  for (const viewport of [WIDE, NARROW]) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await pause(1500);
      await noOverflow(page, viewport);
      if (shots) await page.screenshot({ path: join(shots, `${viewport.width}-${colorScheme}.png`), fullPage: true });
    }
    console.log(`ok: nothing sticks out at ${viewport.width} pixels${shots ? "; two pictures" : ""}`);
  }
  await page.setViewportSize(WIDE);
}

async function themeIsRemembered({ page }) {
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.locator("#theme").click();
  const chosen = await theme();
  await page.reload();
  check(chosen !== "auto" && (await theme()) === chosen, `the theme “${chosen}” is not remembered`);
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  console.log("ok: the theme is remembered");
}

async function awayAndBack({ page, heard }) {
  heard.away = true;
  console.log("now end the engine, and start it again");
  await until("the page says unreachable", RESTART_MS, async () => {
    await sane(page);
    return (await stateOf(page)) === "unreachable";
  });
  console.log(`ok: unreachable, ${await page.locator("#seen").textContent()}`);
  await until("the page says ready again", RESTART_MS, async () => {
    await sane(page);
    return (await stateOf(page)) === "ready";
  });
  for (let look = 0; look < LOOKS; look += 1) {
    await pause(1000);
    await sane(page);
    await numbersAgree({ page, heard });
  }
  console.log("ok: ready again by itself, no number below 0");
  heard.away = false;
}

async function lookAll(browser, { url, shots, restart }) {
  const view = await open(browser, url);
  const { page, heard } = view;
  await pause(stayMs);
  await until("the page has an answer", 15_000, () => page.evaluate(() => document.querySelector("[data-stat]")?.dataset.value !== undefined));
  const state = await stateOf(page);
  check(STATES.includes(state), `the state is “${state}”`);
  console.log(`ok: the state is “${state}”`);
  for (let look = 0; look < LOOKS; look += 1) {
    await pause(700);
    const [numbers, received] = await numbersAgree(view);
    await sane(page);
    console.log(`ok: ${numbers} totals are exactly those of one answer (messages.received ${received})`);
  }
  await registryAgrees(view);
  await partsAgree(view);
  await commandIsCopied(view);
  await looks(view, shots);
  await themeIsRemembered(view);
  if (restart) await awayAndBack(view);
  check(heard.complaints.length === 0, `on the console: ${heard.complaints.join("; ")}`);
  check(heard.strangers.length === 0, `asked elsewhere: ${heard.strangers.join(" ")}`);
  console.log("ok: no error on the console, nothing asked of others");
}

if (!options.url) {
  console.error("usage: node page.mjs --url http://127.0.0.1:PORT [--shots DIR] [--restart] [--stay SECONDS]");
  process.exit(2);
}
if (!existsSync(BROWSER)) {
  console.log(`skipped: there is no ${BROWSER}`);
  process.exit(77);
}
if (options.shots) mkdirSync(options.shots, { recursive: true });
const browser = await chromium.launch({ executablePath: BROWSER, args: FLAGS });
try {
  await lookAll(browser, options);
} catch (error) {
  console.error(`wrong: ${error instanceof Wrong ? error.message : error.stack}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
