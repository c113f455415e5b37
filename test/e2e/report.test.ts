/** `report` as a person gives it, and its page as a browser shows it. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  browserNote,
  chromiumPath,
  contrast,
  type Opened,
  openBrowser,
  openFile,
} from "../support/browser.ts";
import { collmNas, evaluator, type Ended, json, temporaryFolder } from "../support/cli.ts";

/** A folder with four runs on one space and nothing else. */
let runs: string;
/** The page about them. */
let page: string;

beforeAll(async () => {
  const folder = temporaryFolder();
  [runs, page] = [join(folder, "runs"), join(folder, "report.html")];
  mkdirSync(runs);
  for (const searcher of ["rules", "random"])
    for (const seed of ["0", "1"])
      await json(
        `run --space analognas-baseline --budget 40 --limit flops_m=120 --searcher ${searcher} --seed ${seed}`
          .split(" ")
          .concat("--evaluator", evaluator.address, "--out", join(runs, `${searcher}-${seed}`)),
      );
  const made = await collmNas(["report", "runs"], { cwd: folder });
  expect(made, made.stderr).toMatchObject({ code: 0, stdout: "4 runs reported: report.html\n" });
});

/** A copy of the four runs, to be meddled with. */
function copied(): string {
  const folder = temporaryFolder();
  cpSync(runs, folder, { recursive: true });
  return folder;
}

async function report(...args: string[]): Promise<Ended> {
  return await collmNas(["report", ...args]);
}

test("a report in every form, as one object says", async () => {
  const folder = temporaryFolder();
  const [html, markdown, csv] = ["r.html", "r.md", "data"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const { code, stdout } = await report(runs, "--out", html, "--markdown", markdown, "--csv", csv, "--json");
  expect(code).toBe(0);
  const { exhibits, ...rest } = JSON.parse(stdout);
  expect(rest).toEqual({ out: html, markdown, csv, runs: 4, lost: [] });
  const ids = exhibits.map(({ id }: { id: string }) => id);
  expect(ids).toContain("results-analognas-baseline");
  expect(ids).toContain("curves-analognas-baseline");
  expect(new Set(readdirSync(csv))).toEqual(
    new Set([...ids.map((id: string) => `${id}.csv`), "exhibits.csv"]),
  );
  expect(readFileSync(join(csv, "curves-analognas-baseline.csv"), "utf8")).toMatch(
    /^search,evaluation,mean,low,high\r\n/,
  );
  expect(readFileSync(markdown, "utf8")).toContain("## Results on analognas-baseline");
  expect(readFileSync(html, "utf8")).toContain("Results on analognas-baseline");
});

test("an earlier report is made anew, another file is left alone", async () => {
  const folder = temporaryFolder();
  const [html, notes, csv] = ["r.html", "notes.md", "data"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(notes, "# Mine\n");
  mkdirSync(csv);
  writeFileSync(join(csv, "mine.csv"), "a,b\n");
  for (const args of [
    ["--out", notes],
    ["--out", html, "--markdown", notes],
    ["--csv", csv],
  ]) {
    const { code, stderr } = await report(runs, ...args);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^collm-nas: .+ (is no report of this program|holds other files)/),
    ]);
  }
  expect(existsSync(html)).toBe(false);
  expect(readFileSync(notes, "utf8")).toBe("# Mine\n");
  expect(readdirSync(csv)).toEqual(["mine.csv"]);
  const all = ["--out", html, "--markdown", join(folder, "r.md"), "--csv", join(folder, "own")];
  expect((await report(runs, ...all)).code).toBe(0);
  expect((await report(join(runs, "random-0"), ...all)).stdout).toMatch(/^1 run reported/);
  expect(readFileSync(html, "utf8")).toContain("1 counted");
});

test("a run that cannot be counted is named and left out", async () => {
  const folder = copied();
  const torn = join(folder, "random-0", "journal.jsonl");
  writeFileSync(torn, readFileSync(torn, "utf8").replace('"seq":3', '"seq":4'));
  const open = join(folder, "rules-1", "journal.jsonl");
  writeFileSync(open, `${readFileSync(open, "utf8").split("\n").slice(0, 8).join("\n")}\n`);
  const out = join(folder, "r.html");
  const { code, stdout } = await report(folder, "--out", out);
  expect(code).toBe(0);
  expect(stdout.split("\n")).toEqual([
    expect.stringMatching(/^left out: .*rules-1: unfinished/),
    expect.stringMatching(/^left out: .*random-0.*line 3: it holds event 4 instead of event 3/),
    `2 runs reported, 2 left out: ${out}`,
    "",
  ]);
  expect(readFileSync(out, "utf8")).toMatch(/2 counted[^]*2 left out[^]*it holds event 4 instead of event 3/);
});

test("nothing to report ends with one line and no file", async () => {
  const folder = copied();
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name, "journal.jsonl"), "{}\n");
  const out = join(folder, "r.html");
  const none = await report(folder, "--out", out);
  expect(none.code).toBe(5);
  expect(none.stderr).toMatch(/^collm-nas: none of 4 runs .*\n$/);
  const empty = await report(temporaryFolder(), "--out", out);
  expect(empty.code).toBe(2);
  expect(empty.stderr).toMatch(/^collm-nas: .* holds no run .*\n$/);
  expect(existsSync(out)).toBe(false);
});

describe.skipIf(chromiumPath === null)(`in a browser${browserNote}`, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  async function looked<T>(
    at: { readonly width: number; readonly theme: "light" | "dark" },
    look: (opened: Opened) => Promise<T>,
  ): Promise<T> {
    const opened = await openFile(browser, page, at);
    try {
      return await look(opened);
    } finally {
      await opened.page.close();
    }
  }

  const views = [375, 1280, 2560].flatMap((width) =>
    (["light", "dark"] as const).map((theme) => ({ width, theme })),
  );

  test.each(views)(
    "$width px, $theme: shows everything, complains of nothing, asks for nothing",
    async (view) => {
      await looked(view, async ({ page: shown, complaints, requests }) => {
        const sizes = await shown.locator("svg:visible").evaluateAll((figures) =>
          figures.map((figure) => {
            const { width, height } = figure.getBoundingClientRect();
            return Math.min(width, height);
          }),
        );
        expect(sizes).toHaveLength(6);
        for (const size of sizes) expect(size).toBeGreaterThan(200);
        const { body, screen } = (await shown.evaluate(
          "({ body: document.documentElement.scrollWidth, screen: innerWidth })",
        )) as { body: number; screen: number };
        expect(body).toBeLessThanOrEqual(screen);
        expect(await shown.locator("figcaption").count()).toBe(await shown.locator("figure").count());
        expect(complaints).toEqual([]);
        expect(requests).toEqual([shown.url()]);
      });
    },
  );

  test("both themes can be read, and they differ", async () => {
    const colours = (elements: Locator) =>
      elements.evaluateAll((all): { words: string; text: string; fill: string; paper: string }[] =>
        all.map((element) => {
          const { defaultView: view, body } = element.ownerDocument;
          const { color, fill } = view.getComputedStyle(element);
          const paper = view.getComputedStyle(body).backgroundColor;
          return { words: element.textContent, text: color, fill, paper };
        }),
      );
    const papers = await Promise.all(
      (["light", "dark"] as const).map((theme) =>
        looked({ width: 1280, theme }, async ({ page: shown }) => {
          const words = await colours(shown.locator("p, .caption, td, th, pre, a[download]"));
          for (const { words: said, text, paper } of words)
            expect(contrast(text, paper), `${said} in ${theme}`).toBeGreaterThan(4.5);
          const labels = await colours(shown.locator("svg text"));
          for (const { words: said, fill, paper } of labels)
            expect(contrast(fill, paper), `${said} in ${theme}`).toBeGreaterThan(4.5);
          expect(Math.min(words.length, labels.length)).toBeGreaterThan(50);
          return words[0]?.paper;
        }),
      ),
    );
    expect(papers[0]).not.toBe(papers[1]);
  });

  test.each([375, 1280])(
    "%d px: no label of the curves lies on another or outside of its figure",
    async (width) => {
      await looked({ width, theme: "light" }, async ({ page: shown }) => {
        for (const figure of await shown
          .locator("#curves-analognas-baseline svg:visible, #rounds-analognas-baseline svg:visible")
          .all()) {
          const boxes = await figure.locator("text").evaluateAll((labels) =>
            labels.map((label) => {
              const { left, right, top, bottom } = label.getBoundingClientRect();
              return { left, right, top, bottom, text: label.textContent };
            }),
          );
          const frame = await figure.evaluate((element) => {
            const { left, right } = element.getBoundingClientRect();
            return { left, right };
          });
          for (const [index, one] of boxes.entries()) {
            expect(one.left, `${one.text}`).toBeGreaterThanOrEqual(frame.left - 1);
            expect(one.right, `${one.text}`).toBeLessThanOrEqual(frame.right + 1);
            for (const other of boxes.slice(index + 1)) {
              const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
              // Boxes are as high as the font's tallest letter, so that neighbours may touch.
              const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
              expect(across > 0 && down > 4, `${one.text} and ${other.text}`).toBe(false);
            }
          }
        }
      });
    },
  );

  test("the data of an exhibit can be had without a network", async () => {
    await looked({ width: 1280, theme: "light" }, async ({ page: shown }) => {
      const [download] = await Promise.all([
        shown.waitForEvent("download"),
        shown.locator("#curves-analognas-baseline a[download$='.csv']").click(),
      ]);
      expect(download.suggestedFilename()).toBe("curves-analognas-baseline.csv");
      expect(readFileSync(await download.path(), "utf8")).toMatch(
        /^search,evaluation,mean,low,high\r\nrandom,1,.*\r\n"rules, no language model",1,/s,
      );
    });
  });

  test("on paper it is light and nothing is cut off", async () => {
    await looked({ width: 680, theme: "dark" }, async ({ page: shown }) => {
      await shown.emulateMedia({ media: "print", colorScheme: "dark" });
      const paper = await shown.evaluate("getComputedStyle(document.body).backgroundColor");
      expect(contrast(String(paper), "#ffffff")).toBe(1);
      const cut = await shown
        .locator(".box")
        .evaluateAll((boxes) =>
          boxes
            .filter(
              (box) =>
                box.firstElementChild.getBoundingClientRect().right >
                box.ownerDocument.defaultView.innerWidth,
            )
            .map((box) => box.closest("figure").id),
        );
      expect(cut).toEqual([]);
    });
  });
});
