/** The live page as a browser shows it: the list of runs, one run, and several compared. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fold } from "../../src/search/fold.ts";
import { best } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { browserNote, chromiumPath } from "../support/browser.ts";
import { collmNas, evaluator, json, temporaryFolder } from "../support/cli.ts";
import { seriousFindings, startDashboard } from "../support/live-page.ts";
import { afterRounds, appendTo, writeRun } from "../support/live-runs.ts";
import {
  shown,
  talked,
  drawn,
  reader,
  useShelf,
  rows,
  rowOf,
  ids,
  panel,
  visitRun,
  untilShown,
} from "../support/live-shelf.ts";

useShelf();

describe.skipIf(chromiumPath === null)(`the live page in a browser${browserNote}`, () => {
  // ----- The list -----

  test("every run of the folder is listed with its state, and a damaged one with its line", async () => {
    const page = await reader.visit(shown.address);
    await expect.poll(() => rows(page).count(), { timeout: 15_000 }).toBe(8);
    const states = {
      talked: "finished",
      drawn: "finished",
      "group/blind": "finished",
      left: "stopped",
      torn: "stopped",
      damaged: "damaged",
      working: "running",
      waiting: "paused",
    };
    for (const [id, state] of Object.entries(states))
      expect(await rowOf(page, id).locator(".badge").textContent(), id).toContain(state);
    expect(await rowOf(page, "damaged").textContent()).toMatch(/line 5: it holds event 6 instead of event 5/);
    expect(await rowOf(page, "group/blind").locator(".mark").allTextContents()).toEqual(["blind"]);
    expect(await rowOf(page, "talked").textContent()).toMatch(/talkative.*\d %.*100 *of 100/s);
    expect(page.url()).not.toContain("token");
  });

  test("the list is sorted by any column and filtered by words and state", async () => {
    const page = await reader.visit(shown.address);
    await rowOf(page, "talked").waitFor();
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.locator("th[aria-sort=ascending]").getByText("Run").waitFor();
    const byName = await ids(page);
    expect(byName).toEqual(byName.toSorted());
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.locator("th[aria-sort=descending]").getByText("Run").waitFor();
    expect(await ids(page)).toEqual(byName.toReversed());
    await page.getByRole("button", { name: "Best" }).click();
    await page.locator("th[aria-sort=descending]").getByText("Best").waitFor();
    const bests = (await page.locator("td[data-label=Best]").allTextContents())
      .map(Number.parseFloat)
      .filter((value) => !Number.isNaN(value));
    expect(bests.length).toBeGreaterThan(5);
    expect(bests).toEqual(bests.toSorted((one, other) => other - one));

    await page.getByLabel("Filter runs").fill("random cells");
    await expect.poll(async () => (await ids(page)).toSorted()).toEqual(["drawn", "torn"]);
    await page.getByLabel("State").selectOption("finished");
    await expect.poll(() => ids(page)).toEqual(["drawn"]);
    await page.getByLabel("Filter runs").fill("nothing like this");
    await page.getByRole("button", { name: "Show all runs" }).click();
    await expect.poll(() => rows(page).count()).toBe(8);
  });

  test("a folder without runs says what to type", async () => {
    const page = await reader.visit((await startDashboard(temporaryFolder())).address);
    await page.getByText("There is no run here yet.").waitFor();
    expect(await page.locator("main").textContent()).toContain("collm-nas run --space");
  });

  test("a bench is a row that opens to its runs, and opens by itself for what is sought in it", async () => {
    const folder = temporaryFolder();
    const runs = ["runs/two-cells/collm/seed0", "runs/two-cells/random/seed0"];
    writeRun(join(folder, "deep/bench", runs[0] ?? ""), talked);
    writeRun(join(folder, "deep/bench", runs[1] ?? ""), drawn);
    const combinations = runs.map((run) => ({
      label: run,
      isControl: false,
      space: "two-cells",
      seed: 0,
      folder: run,
      status: "done",
      reason: null,
    }));
    const record = {
      format: 1,
      title: "Side by side",
      combinations,
      references: [],
      command: "bench",
      versions: {},
    };
    writeFileSync(join(folder, "deep/bench/bench.json"), JSON.stringify(record));
    const page = await reader.visit((await startDashboard(folder)).address);
    const bench = page.getByRole("button", { name: "deep/bench" });
    await page.getByText("Side by side · 2 of 2 runs finished").waitFor();
    const links = page.locator("table.runs tbody a");
    expect([await bench.getAttribute("aria-expanded"), await links.count()]).toEqual(["false", 0]);
    await bench.click();
    await expect.poll(() => links.count()).toBe(2);
    expect(await seriousFindings(page)).toEqual([]);
    await bench.click();
    await expect.poll(() => links.count()).toBe(0);
    await page.getByLabel("Filter runs").fill("random");
    await expect.poll(() => links.allTextContents()).toEqual(["two-cells/random/seed0"]);
    await links.first().click();
    await page.getByRole("heading", { level: 1, name: "deep/bench/runs/two-cells/random/seed0" }).waitFor();
  });

  // ----- One run -----

  test("a run opens with everything there is to see of it", async () => {
    const page = await reader.visit(shown.address);
    await page.getByRole("link", { name: "talked", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "talked" }).waitFor();
    await untilShown(page, talked.length);
    const value = best(fold(talked) as RunState)?.value.toFixed(2);
    expect(await panel(page, "Status").locator("[data-part=best]").textContent()).toBe(`${value} %`);
    for (const name of ["Best so far", "Cost and value", "Candidates by round", "Choices by round"])
      await panel(page, name).locator("svg").first().waitFor();
    expect(await panel(page, "Strategy").locator("ins").count()).toBeGreaterThan(0);
    expect(await panel(page, "Strategy").locator("del").count()).toBeGreaterThan(0);
    expect(await panel(page, "Replies").locator("li[id^=reply]").count()).toBe(
      Math.min(30, talked.filter(({ type }) => type === "chat-replied").length),
    );
    expect(await panel(page, "Spend").textContent()).toMatch(/Navigator/);
    expect(await panel(page, "Steering").textContent()).toContain("Only a run under way can be steered.");
    // Nothing is in progress any more, nor is the best one so far only.
    expect(await page.locator("main").textContent()).not.toMatch(/in progress|★ best so far|\(in force\)/);
    expect(await panel(page, "Rounds").count()).toBe(1);
  });

  test("a point of the cost figure leads to its candidate, and that to the reply that proposed it", async () => {
    const page = await visitRun(shown, "talked");
    const point = panel(page, "Cost and value").locator("svg a").last();
    const href = (await point.getAttribute("href")) ?? "";
    expect(href).toMatch(/^#\/run\/talked\/round-\d+\/candidate-\d+$/);
    await point.dispatchEvent("click");
    await expect.poll(() => page.url()).toContain(href);
    const [, round, candidate] = /round-(\d+)\/candidate-(\d+)/.exec(href) ?? [];
    const row = page.locator(`#round-${round}-candidate-${candidate}`);
    await expect.poll(() => row.getAttribute("class")).toContain("aimed");
    await row.getByRole("button", { name: /^reply \d+$/ }).click();
    await panel(page, "Replies").getByText('{"architectures"').first().waitFor();
  });

  test("what is written while the page is open appears on it, in the run and in the list", async () => {
    const folder = temporaryFolder();
    const begun = afterRounds(talked, 2);
    writeRun(join(folder, "growing"), begun);
    const dashboard = await startDashboard(folder);
    const page = await visitRun(dashboard, "growing");
    const list = await page.context().newPage();
    await list.goto(dashboard.origin);
    await rowOf(list, "growing").getByText("stopped").waitFor();
    await untilShown(page, begun.length);
    const measured = talked.slice(begun.length).findIndex(({ type }) => type === "architecture-measured");
    const next = talked.slice(begun.length, begun.length + measured + 1);

    const log = panel(page, "Event log");
    const summary = panel(page, "Replies").locator("summary").first();
    await summary.focus();
    appendTo(join(folder, "growing"), next);
    await untilShown(page, begun.length + next.length);
    expect(await log.locator("li code").first().textContent()).toBe("architecture-measured");
    expect(await panel(page, "Rounds").textContent()).toContain("Round 3 was not closed");
    expect(await page.evaluate("document.activeElement.tagName")).toBe("SUMMARY");

    appendTo(join(folder, "growing"), talked.slice(begun.length + next.length));
    await untilShown(page, talked.length);
    await page.locator("main .badge").getByText("finished").first().waitFor();
    await rowOf(list, "growing").getByText("finished").waitFor();
  });

  test("the winner is copied in every form, and its command gives the value that is shown", async () => {
    const folder = temporaryFolder();
    const out = join(folder, "real");
    const { best: found } = await json(
      `run --space analognas-baseline --budget 30 --evaluator ${evaluator.address} --out ${out}`.split(" "),
    );
    const page = await visitRun(await startDashboard(folder), "real", {
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const copied = async (name: string) => {
      await panel(page, "Winner").getByRole("button", { name }).click();
      await page.getByRole("status").getByText("copied").waitFor();
      return await page.evaluate<string>("navigator.clipboard.readText()");
    };
    expect(JSON.parse(await copied("Copy JSON"))).toEqual(found?.architecture);
    expect(await copied("Copy template string")).toBe(found?.text);
    const command = await copied("Copy evaluate command");
    expect(command).toMatch(/^\S*collm-nas evaluate '/);
    const [, text = "", rest = ""] = /^\S*collm-nas evaluate '([^']+)' (.+)$/.exec(command) ?? [];
    const evaluated = await collmNas(["evaluate", text, ...rest.split(" ")]);
    expect(evaluated.code, evaluated.stderr).toBe(0);
    expect(evaluated.stdout).toContain(`${found?.metrics["accuracy"]?.toFixed(2)} %`);
  });

  // ----- Several runs -----

  test("runs ticked in the list are compared by the report's own tables and figures", async () => {
    const page = await reader.visit(shown.address);
    await page.getByLabel("Compare talked").check();
    await page.getByLabel("Compare drawn").check();
    await page.getByLabel("Compare left").check();
    await page.getByRole("link", { name: "Compare 3 runs" }).click();
    await page.getByRole("heading", { level: 2, name: "cells" }).waitFor();
    const main = page.locator("main");
    expect(await main.locator("table").count()).toBeGreaterThan(1);
    expect(await main.locator("svg").count()).toBeGreaterThan(3);
    expect(await main.textContent()).toMatch(/One run has not finished/);
    expect(await main.locator("svg a").first().getAttribute("href")).toMatch(/^#\/run\/\w+\/round-/);
    await page.goBack();
    expect(await page.getByLabel("Compare talked").isChecked()).toBe(true);
  });
});
