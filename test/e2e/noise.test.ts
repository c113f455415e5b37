/** Standard errors from a Python evaluator to the terminal, the record, a bench, its report and the live page. */
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { browserNote, chromiumPath } from "../support/browser.ts";
import {
  collmNas,
  type EvaluatorProcess,
  events,
  json,
  newRun,
  startEvaluator,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";
import { Reader, startDashboard } from "../support/live-page.ts";

let noisy: EvaluatorProcess;
/** A run of 25 evaluations. */
let run: string;
let said: string;

beforeAll(async () => {
  noisy = await startEvaluator({ file: "noisy_evaluator.py" });
  run = newRun();
  const flags = ["--space", "noisy", "--searcher", "random", "--budget", "25", "--limit", "units=10"];
  const ended = await collmNas(["run", ...flags, "--evaluator", noisy.address, "--out", run], {
    columns: 80,
  });
  expect(ended.code, ended.stderr).toBe(0);
  said = ended.stdout;
});

afterAll(() => noisy.kill());

test("a winner is printed with its standard errors and ties, recorded with them, and replays", async () => {
  expect(said).toMatch(/accuracy 8\d\.\d % ± 1\.9 {2}images 400\.0 {2}units \d+/);
  expect(said).toMatch(/test split: accuracy \d\d\.\d % ± [12]\.\d/);
  const { best } = await json(["show", run]);
  expect(best?.standardErrors).toEqual({ accuracy: expect.closeTo(1.9, 1) });
  expect(said).toContain(`${best?.withinNoise} others within noise`);
  const outcomes = events(run).flatMap((event) => ("outcome" in event ? [event.outcome] : []));
  expect(outcomes.length).toBeGreaterThan(20);
  for (const outcome of outcomes)
    expect(outcome).toMatchObject({ standardErrors: { accuracy: expect.any(Number) } });
  const shown = await collmNas(["show", run, "--lines"]);
  const lines = shown.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.find(({ isBest }) => isBest === true)).toMatchObject({
    standard_errors: best?.standardErrors,
    test_standard_errors: best?.testStandardErrors,
  });
  expect((await collmNas(["replay", run])).code).toBe(0);
  const evaluated = await collmNas([
    "evaluate",
    '{"units":[1,1,1]}',
    "--space",
    "noisy",
    "--evaluator",
    noisy.address,
  ]);
  expect(evaluated.stdout).toMatch(/accuracy 7\d\.\d % ± 2\.\d/);
});

test("a bench says what its space cannot decide, and what was picked at a budget of its own", async () => {
  const plan = temporaryFile(
    "plan.yaml",
    "title: Noise\nspaces: [noisy]\nseeds: 3\nsearchers: [evolution]\ncontrols: [random]\nrun: {budget: 13}\n",
  );
  const out = join(temporaryFolder(), "bench");
  const args = ["bench", plan, "--evaluator", noisy.address, "--out", out];
  const text = await collmNas(args, { columns: 80 });
  expect(text.code, text.stderr).toBe(0);
  const words = text.stdout.replace(/\s+/g, " ");
  expect(words).toMatch(
    /The space noisy cannot tell these two searches apart, even where all seeds agree: by test of the picked their means differ by \d\.?\d*, and one pick has a standard error of [12]\.\d\./,
  );
  const again = JSON.parse((await collmNas([...args, "--json"])).stdout) as {
    undecided: { space: string; noise: number; words: string }[];
    tables: { id: string; columns: { name: string }[]; rows: string[][] }[];
  };
  expect(again.undecided).toMatchObject([
    { space: "noisy", measure: "test", searches: 2, pairs: 1, close: 1 },
  ]);
  const progress = again.tables.find(({ id }) => id === "progress-test-noisy");
  expect(progress?.columns.map(({ name }) => name)).toEqual(["Search", "After 10", "After 13"]);
  for (const row of progress?.rows ?? []) expect(row[2]).toMatch(/^\d\d\.\d\d ± \d/);
  const file = join(temporaryFolder(), "report.html");
  expect((await collmNas(["report", out, "--out", file])).code).toBe(0);
  const page = readFileSync(file, "utf8").replaceAll("&quot;", '"');
  expect(page).toContain(again.undecided[0]?.words ?? "nothing");
  expect(page).toMatch(
    /± is the spread over seeds; one evaluation of a winner has a standard error of [12]\.\d/,
  );
});

test.skipIf(chromiumPath === null)(`the live page shows them${browserNote}`, async () => {
  const reader = await Reader.open();
  try {
    const { address, process } = await startDashboard(dirname(run));
    const page = await reader.visit(address);
    await page.getByRole("link", { name: basename(run), exact: true }).click();
    const headline = page.locator("[data-part=best]");
    await headline.waitFor();
    expect(await headline.textContent()).toMatch(/^8\d\.\d % ± 1\.9$/);
    expect(await page.locator("[data-part=ties]").textContent()).toMatch(/; \d+ others within noise\.$/);
    const cells = await page.locator("table.candidates td").allTextContents();
    expect(cells).toContainEqual(expect.stringMatching(/^\d\d\.\d ± \d\.\d$/));
    expect(cells.join()).toContain("within noise of the best");
    process.kill("SIGTERM");
    expect(await reader.complaints()).toEqual([]);
  } finally {
    await reader.close();
  }
});
