/**
 * The live page in a browser: a folder with a run of every kind that it shows, and where things are on it. A test file calls
 * `useShelf`, or `useReader` where it makes its own folders.
 */
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { RunLock } from "../../src/runs/run-lock.ts";
import type { EventBody, RunEvent } from "../../src/search/events.ts";
import { chromiumPath } from "./browser.ts";
import { temporaryFolder } from "./cli.ts";
import { type Dashboard, Reader, startDashboard } from "./live-page.ts";
import {
  afterRounds,
  renamed,
  searchedRecord,
  talkativeModel,
  writeDamagedRun,
  writeRun,
  writeTornRun,
} from "./live-runs.ts";
import { testClock } from "./run-events.ts";

/** A folder with a run of every kind, and the page of it. */
let shelf: string;
export let shown: Dashboard;
export let talked: readonly RunEvent[];
export let drawn: readonly RunEvent[];
export let reader: Reader;

/** Opens the browser for the tests of a file; a complaint of a page fails the test that brought it about. */
export function useReader(): void {
  beforeAll(async () => {
    if (chromiumPath !== null) reader = await Reader.open();
  });
  afterEach(async () => {
    if (chromiumPath !== null) expect(await reader.complaints()).toEqual([]);
  });
  afterAll(async () => {
    await reader?.close();
  });
}

/** Opens the browser, and serves the page of a folder with a run of every kind. */
export function useShelf(): void {
  useReader();
  beforeAll(async () => {
    if (chromiumPath !== null) await openShelf();
  });
}

async function openShelf(): Promise<void> {
  shelf = join(temporaryFolder(), "runs");
  talked = await searchedRecord({ model: talkativeModel, search: { limits: { flops_m: 150 } } });
  drawn = await searchedRecord({ searcher: "random", search: { limits: { flops_m: 150 }, seed: 1 } });
  const blind = await searchedRecord({ search: { seed: 2, blind: true } });
  writeRun(join(shelf, "talked"), talked);
  writeRun(join(shelf, "drawn"), drawn);
  writeRun(join(shelf, "group/blind"), blind);
  writeRun(join(shelf, "left"), renamed(afterRounds(talked, 2), "left", 3));
  writeDamagedRun(join(shelf, "damaged"), renamed(talked, "damaged", 4), 5);
  writeTornRun(join(shelf, "torn"), renamed(drawn, "torn", 5));
  for (const [name, more] of [
    ["working", []],
    ["waiting", [{ type: "run-paused", round: 2 }]],
  ] satisfies [string, EventBody[]][]) {
    writeRun(join(shelf, name), renamed(afterRounds(talked, 2, more), name, 6));
    await RunLock.take(join(shelf, name), testClock());
  }
  shown = await startDashboard(shelf);
}

export function rows(page: Page): Locator {
  return page.locator("table.runs tbody tr");
}

export function rowOf(page: Page, id: string): Locator {
  return rows(page).filter({ has: page.getByRole("link", { name: id, exact: true }) });
}

export async function ids(page: Page): Promise<string[]> {
  return await rows(page).locator("th a").allTextContents();
}

export function panel(page: Page, name: string): Locator {
  return page.getByRole("region", { name, exact: true });
}

export function addressOf(dashboard: Dashboard, id: string, place = ""): string {
  return `${dashboard.origin}/#/run/${encodeURIComponent(id)}${place}`;
}

/** Opens a run and waits until all that there is of it is shown. */
export async function visitRun(dashboard: Dashboard, id: string, look: Parameters<Reader["visit"]>[1] = {}) {
  const page = await reader.visit(addressOf(dashboard, id), look);
  await panel(page, "Status").locator("[data-part=connection]").getByText("is live").waitFor();
  return page;
}

async function eventsShown(page: Page): Promise<number> {
  return Number.parseInt(
    ((await page.locator("[data-part=log-count]").textContent()) ?? "").replaceAll(",", ""),
    10,
  );
}

export async function untilShown(page: Page, count: number): Promise<void> {
  await expect.poll(() => eventsShown(page), { timeout: 15_000 }).toBe(count);
}

/** Opens every folded part of the page. */
export async function unfold(page: Page): Promise<void> {
  const folded = "main details:not([open]) > summary";
  await page.evaluate(`document.querySelectorAll("${folded}").forEach((summary) => summary.click())`);
  await expect.poll(() => page.locator(folded).count()).toBe(0);
}
