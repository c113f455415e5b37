/** The files of the live page in a browser: they load under its policy, and draw what a report draws. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hrefOf } from "../../src/dashboard/page/router.ts";
import { standalone } from "../../src/report/exhibit.ts";
import { sectionsOf } from "../../src/report/sections.ts";
import { cohortsOf } from "../../src/report/study.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { browserNote, chromiumPath, openBrowser } from "../support/browser.ts";
import { temporaryFolder } from "../support/cli.ts";
import { searchedRecord, writeRun } from "../support/live-runs.ts";
import { record, serve } from "../support/dashboard-server.ts";

describe(`the page's files in a browser${browserNote}`, () => {
  it.skipIf(chromiumPath === null)(
    "load under its policy, and draw the figures that a report has",
    async () => {
      const folder = temporaryFolder();
      const other = await searchedRecord({ searcher: "random", search: { budget: 40 } });
      writeRun(join(folder, "a"), record);
      writeRun(join(folder, "b"), other);
      const server = await serve(folder);
      const browser = await openBrowser();
      try {
        // Figures leave half a pixel out where a pixel is finer than one of the page.
        const page = await browser.newPage({ deviceScaleFactor: 2 });
        const [complaints, requests]: [string[], string[]] = [[], []];
        page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
        page.on("pageerror", (error) => complaints.push(error.message));
        // What is only tried, such as making code of text, breaks the policy without a word.
        await page.addInitScript(
          `addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
            console.error("against the policy:", violatedDirective, blockedURI))`,
        );
        page.on("request", (each) => requests.push(each.url()));
        await page.goto(`${server.origin}/#/compare/a,b`);
        await page.getByRole("heading", { level: 2, name: "cells" }).waitFor();
        const here = drawnHere({ a: record, b: other });
        const there: string[][] = [];
        for (const button of await page.getByRole("button", { name: /^Save .* as SVG$/ }).all()) {
          const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
          there.push([download.suggestedFilename(), readFileSync(await download.path(), "utf8")]);
        }
        expect(here.length).toBeGreaterThan(3);
        const blank = await browser.newPage();
        const trees = await blank.evaluate<unknown[]>(`(${treesOf})(${JSON.stringify([here, there])})`);
        expect(trees[1]).toEqual(trees[0]);
        await page.goto(`${server.origin}/#/run/a`);
        await page.getByText(`${record.length} events`, { exact: true }).waitFor();
        expect(complaints).toEqual([]);
        expect(requests.filter((url) => !url.startsWith(server.origin))).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );
});

/** The figures of some runs as files of a report, by name. */
function drawnHere(records: Readonly<Record<string, readonly RunEvent[]>>): string[][] {
  const runs = Object.entries(records).map(([folder, events]) => ({
    folder,
    state: fold(events) as RunState,
  }));
  const study = {
    title: "two runs",
    cohorts: cohortsOf(runs),
    references: [],
    unreadable: [],
    program: "collm-nas",
    benches: [],
    command: "report a b",
    madeAt: "2026-01-01T00:00:00.000Z",
    versions: {},
  };
  return sectionsOf(study, ({ folder }, { round, index }) =>
    hrefOf({ page: "run", id: folder, place: { round, candidate: index + 1 } }),
  )
    .flatMap(({ exhibits }) => exhibits)
    .flatMap((exhibit) => ("svg" in exhibit ? [[`${exhibit.id}.svg`, standalone(exhibit.svg)]] : []));
}

/** SVG texts as trees, for another document writes the same attributes in another order. Runs in a browser. */
const treesOf = `(texts) => {
  const walk = (node) =>
    node.nodeType === 3
      ? node.data
      : [
          node.nodeName,
          [...node.attributes].map(({ name, value }) => name + "=" + value).sort(),
          [...node.childNodes].map(walk),
        ];
  const tree = (svg) => walk(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement);
  return texts.map((figures) => figures.map(([id, svg]) => [id, tree(svg)]));
}`;
