/**
 * How quick the live page is: painted, opened, listed, and while a run grows, in the system's Chromium.
 *
 * Owns what is looked at and from when to when. The runs come from test/support/live-runs.ts, which vite, brought by
 * vitest, reads; the server is the command itself, in a process of its own. Prints nothing: bench.mjs shows the rows.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const median = (values) => [...values].sort((first, second) => first - second)[Math.floor(values.length / 2)];
const milliseconds = (value) => `${value.toFixed(0)} ms`;
const longestWaitMs = 60_000;
/** Servers that have not been stopped yet. */
const servers = new Set();

/** @param scratch a folder for runs and caches, which somebody else removes */
export async function dashboardRows(scratch) {
  const [{ chromiumPath, openBrowser }, runs] = await Promise.all([support("browser"), support("live-runs")]);
  if (chromiumPath === null) return [["live page", "skipped: no Chromium is installed", ""]];
  const browser = await openBrowser();
  try {
    return [
      ...(await shelfRows(browser, runs, scratch)),
      ...(await latencyRows(browser, runs, scratch)),
      ...(await rushRows(browser, runs, scratch)),
    ];
  } finally {
    await browser.close();
    for (const child of servers) child.kill("SIGKILL");
  }
}

// ----- What lies there -----

const manyRuns = 1_000;
const visits = 5;

/** A folder of very many runs and a long one. */
async function shelfRows(browser, { writeManyRuns, writeRun, longRecord, talkativeModel }, scratch) {
  const [folder, cache] = [join(scratch, "shelf"), join(scratch, "cache")];
  const long = await longRecord(1_000);
  await writeManyRuns(folder, manyRuns - 1);
  writeRun(join(folder, "long"), long);
  const bytes = long.reduce((sum, event) => sum + JSON.stringify(event).length, 0);

  const listed = async (address) => {
    const { page, close } = await visit(
      browser,
      address,
      `document.querySelectorAll("table.runs tbody tr").length === ${manyRuns} && !document.querySelector("main .reading")`,
    );
    const time = await settled(page);
    await close();
    return time;
  };
  const first = await serve(folder, cache);
  const cold = await listed(first.origin);
  await first.stop();
  const server = await serve(folder, cache);
  const warm = [];
  for (let time = 0; time < visits; time++) warm.push(await listed(server.origin));

  const paints = [];
  for (let time = 0; time < visits; time++) {
    const { page, close } = await visit(browser, server.origin, "true");
    await holds(page, 'performance.getEntriesByName("first-contentful-paint").length > 0');
    paints.push(await page.evaluate('performance.getEntriesByName("first-contentful-paint")[0].startTime'));
    await close();
  }

  const showsAll = `document.querySelector("[data-part=log-count]")?.textContent.replace(",", "") === "${long.length} events"`;
  const opened = [];
  const drawn = [];
  for (let time = 0; time < visits; time++) {
    const { page, close } = await visit(
      browser,
      `${server.origin}/#/run/long`,
      showsAll,
      `["Best so far", "Cost and value"].every((name) => [...document.querySelectorAll("section")].some((section) => section.querySelector("h2")?.textContent === name && section.querySelector("svg")))`,
    );
    opened.push(await settled(page));
    drawn.push(await settled(page, 1));
    await close();
  }
  const fromList = [];
  for (let time = 0; time < visits; time++) {
    const { page, close } = await visit(browser, server.origin, "true");
    const link = page.getByRole("link", { name: "long", exact: true });
    await link.waitFor();
    // As long as a reader looks at the list at least.
    await wait(2_000);
    const begin = performance.now();
    await link.click();
    await holds(page, showsAll);
    fromList.push(performance.now() - begin);
    await close();
  }
  const memory = server.megabytes();
  await server.stop();
  return [
    [`first paint of the list, median of ${visits} visits`, milliseconds(median(paints)), "under 500 ms"],
    [`${manyRuns} runs listed, navigation to the last row, never read before`, milliseconds(cold), ""],
    [
      `the same with the index on disk, the first visit to a server just started`,
      milliseconds(warm[0]),
      "under 2,000 ms",
    ],
    [`the same again, median of ${visits} visits`, milliseconds(median(warm)), "under 2,000 ms"],
    [
      `a run of 1,000 evaluations (${long.length} events, ${(bytes / 1e6).toFixed(1)} MB, ${talkativeModel.label} model), navigation to every number shown, median of ${visits}`,
      milliseconds(median(opened)),
      "under 1,000 ms",
    ],
    [`the same to its curves and its cost figure`, milliseconds(median(drawn)), ""],
    [
      "that run opened from the list, from the click to every number shown",
      milliseconds(median(fromList)),
      "under 1,000 ms",
    ],
    ["the server's resident memory after all that", `${memory.toFixed(0)} MB`, "under 200 MB"],
  ];
}

// ----- What grows -----

const singleEvents = 50;

/** From a line being on disk to its number being on the page. */
async function latencyRows(browser, { searchedRecord, linesOf, writeRun, afterRounds }, scratch) {
  const folder = join(scratch, "growing");
  const record = await searchedRecord({ search: { budget: 200 } });
  const begun = afterRounds(record, 2);
  writeRun(join(folder, "run"), begun);
  const server = await serve(folder, join(scratch, "cache"));
  const { page, close } = await visit(
    browser,
    `${server.origin}/#/run/run`,
    `document.querySelector("[data-part=log-count]")?.textContent === "${begun.length} events"`,
  );
  await settled(page);
  await page.evaluate(`
    window.shownAt = {};
    new MutationObserver(() => {
      const seq = Number(document.querySelector("main .log li .seq")?.textContent);
      if (window.shownAt[seq] === undefined) {
        window.shownAt[seq] = null;
        requestAnimationFrame(() => { window.shownAt[seq] = Date.now(); });
      }
    }).observe(document.querySelector("main"), { childList: true, subtree: true, characterData: true });
  `);
  const journal = openSync(join(folder, "run", "journal.jsonl"), "a");
  const delays = [];
  for (const [place, line] of linesOf(record)
    .slice(begun.length, begun.length + singleEvents)
    .entries()) {
    // Not in step with anything that looks at regular times.
    await wait(220 + ((place * 37) % 100));
    writeSync(journal, `${line}\n`);
    fdatasyncSync(journal);
    const written = Date.now();
    const seq = begun.length + place + 1;
    await holds(page, `typeof window.shownAt[${seq}] === "number"`);
    delays.push((await page.evaluate(`window.shownAt[${seq}]`)) - written);
  }
  closeSync(journal);
  await close();
  await server.stop();
  return [
    [
      `a line on disk to its text on the page, ${delays.length} lines one by one, median`,
      milliseconds(median(delays)),
      "under 200 ms",
    ],
    ["the slowest of them", milliseconds(Math.max(...delays)), "under 200 ms"],
  ];
}

const rate = 1_000;

/** A run that grows by very many events a second. */
async function rushRows(browser, { searchedRecord, writeRun, twoCellsDescription }, scratch) {
  const folder = join(scratch, "rush");
  const record = await searchedRecord({
    searcher: "random",
    space: twoCellsDescription,
    search: { budget: 8_300 },
  });
  const source = writeRun(join(scratch, "rush-source"), record);
  writeRun(join(folder, "run"), record.slice(0, 1));
  const server = await serve(folder, join(scratch, "cache"));
  const { page, close } = await visit(
    browser,
    `${server.origin}/#/run/run`,
    `document.querySelector("[data-part=log-count]")?.textContent === "1 event"`,
  );
  await settled(page);
  await page.evaluate(`
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({ duration }) => duration)))
      .observe({ type: "longtask" });
  `);
  const writer = spawn(
    process.execPath,
    [
      join(root, "test/support/journal-writer.mjs"),
      join(source, "journal.jsonl"),
      join(folder, "run"),
      `${rate}`,
      "1",
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let written = "";
  writer.stdout.on("data", (text) => (written += text));
  const begin = performance.now();
  await once(writer, "close");
  const seconds = (performance.now() - begin) / 1_000;
  const count = () =>
    page.evaluate(
      'Number(document.querySelector("[data-part=log-count]").textContent.replace(",", "").split(" ")[0])',
    );
  const end = performance.now() + longestWaitMs;
  while ((await count()) < record.length && performance.now() < end) await wait(10);
  const shown = await count();
  const behind = Date.now() - Number(written);
  // Tasks are reported a little later than they end.
  await wait(500);
  const tasks = await page.evaluate("window.longTasks");
  const memory = server.megabytes();
  await close();
  await server.stop();
  const actual = Math.round((record.length - 1) / seconds);
  return [
    [
      `${actual} events a second for ${seconds.toFixed(0)} s: the page's longest task (${tasks.length} over 50 ms)`,
      milliseconds(Math.max(0, ...tasks)),
      "under 200 ms",
    ],
    ["events shown in the end", `${shown} of ${record.length}`, "all"],
    ["after the last was on disk", milliseconds(behind), ""],
    ["the server's resident memory then", `${memory.toFixed(0)} MB`, "under 200 MB"],
  ];
}

// ----- Server and page -----

/** The module of test/support by that name. */
async function support(name) {
  const { module } = await runnerImport(join(root, `test/support/${name}.ts`), {
    root,
    configFile: false,
    logLevel: "error",
  });
  return module;
}

/** The command in a process of its own. */
async function serve(folder, cache) {
  mkdirSync(cache, { recursive: true });
  const child = spawn(
    process.execPath,
    [join(root, "dist/cli/main.js"), "dashboard", folder, "--port", "0", "--json"],
    { env: { ...process.env, XDG_CACHE_HOME: cache }, stdio: ["ignore", "pipe", "inherit"] },
  );
  servers.add(child);
  const ended = once(child, "exit").then(() => servers.delete(child));
  const [line] = await once(child.stdout.setEncoding("utf8"), "data");
  return {
    origin: new URL(JSON.parse(line).address).origin,
    megabytes: () =>
      Number(spawnSync("ps", ["-o", "rss=", "-p", String(child.pid)], { encoding: "utf8" }).stdout) / 1024,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/**
 * Opens an address as somebody who has never been there. Each of `conditions` is looked at in every picture that is drawn;
 * when it holds, the time since navigation began is noted.
 */
async function visit(browser, address, ...conditions) {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript(`
    window.settledAt = {};
    const conditions = [${conditions.map((condition) => `() => ${condition}`).join(", ")}];
    const look = () => {
      conditions.forEach((holds, place) => {
        if (window.settledAt[place] === undefined && document.body !== null && holds())
          window.settledAt[place] = performance.now();
      });
      if (Object.keys(window.settledAt).length < conditions.length) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  `);
  await page.goto(address);
  return { page, close: () => context.close() };
}

/** When a condition of `visit` held, in milliseconds from navigation. */
async function settled(page, place = 0) {
  await holds(page, `window.settledAt[${place}] !== undefined`);
  return await page.evaluate(`window.settledAt[${place}]`);
}

/** Waits for a condition by way of the debugger: the page's policy lets no other text be run there. */
async function holds(page, condition) {
  for (const end = performance.now() + longestWaitMs; !(await page.evaluate(condition)); await wait(20))
    if (performance.now() > end) throw new Error(`the page did not come to this: ${condition}`);
}
