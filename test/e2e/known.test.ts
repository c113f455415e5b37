/** Searches that begin with what is known, as a person makes them: from a run, from a file, in a bench; and refusals. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import {
  collmNas,
  evaluator,
  events,
  json,
  newRun,
  shown,
  type Summary,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";
import { expectHonestCounts, search, space } from "../support/searches.ts";

let first: Summary;
const flags = ["--searcher", "evolution", "--budget", "10"];

beforeAll(async () => {
  first = await search(["--searcher", "random", "--budget", "25"]);
});

function csvOf(run: string): string {
  const rows = events(run).flatMap((event) =>
    event.type === "architecture-measured" && event.outcome.kind === "measurement"
      ? [`"${event.text}",${event.outcome.metrics["accuracy"]}`]
      : [],
  );
  return ["architecture,accuracy", ...rows].join("\n");
}

test("a search begins with the results of a run, and needs the run no more", async () => {
  const moved = join(temporaryFolder(), "earlier");
  renameSync(first.run, moved);
  const out = newRun();
  const ended = await collmNas([
    "run",
    "--space",
    space,
    "--evaluator",
    evaluator.address,
    ...flags,
    "--known",
    moved,
    "--out",
    out,
  ]);
  expect(ended.code, ended.stderr).toBe(0);
  expect(`${ended.stdout}${ended.stderr}`).toContain(
    "25 known results from the run earlier, which cost no budget",
  );
  renameSync(moved, first.run);
  const summary = await shown(out);
  expectHonestCounts({ ...summary, funnel: { ...summary.funnel, improved: improvedBeyond(summary) } });
  expect(summary).toMatchObject({
    known: { count: 25, source: "the run earlier" },
    spend: { evaluations: 10 },
  });
  expect(summary.trace[0]?.value).toBeGreaterThanOrEqual(first.best?.metrics["accuracy"] as number);
  const before = new Set(
    csvOf(first.run)
      .split("\n")
      .slice(1)
      .map((row) => row.split('"')[1]),
  );
  expect(summary.trace).toHaveLength(10);
  for (const event of events(out))
    if (event.type === "architecture-measured") expect(before).not.toContain(event.text);
  expect((await collmNas(["replay", out])).stdout).toContain(
    "every decision of the run came out as recorded",
  );
  const prolonged = await json(["resume", out, "--budget", "20", "--evaluator", evaluator.address]);
  expect(prolonged).toMatchObject({ known: { count: 25 }, spend: { evaluations: 20 } });
  expect((await collmNas(["show", out])).stdout).toContain(
    "began with 25 known results from the run earlier",
  );
});

/** How often the trace steps, its first value being what was known. */
function improvedBeyond({ trace, funnel }: Summary): number {
  const steps = trace.filter(({ text }, index) => index === 0 || text !== trace[index - 1]?.text).length;
  expect([steps, steps - 1]).toContain(funnel.improved);
  return steps;
}

test("a file beside a configuration gives the same search as the run, blind or not", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "known.csv"), csvOf(first.run));
  const config = join(folder, "search.yaml");
  writeFileSync(config, `space: ${space}\nsearcher: evolution\nbudget: 10\nknown: known.csv\n`);
  const base = ["run", config, "--evaluator", evaluator.address];
  const [fromFile, fromRun] = await Promise.all([
    json([...base, "--out", newRun()]),
    json([...base, "--known", first.run, "--out", newRun()]),
  ]);
  expect(fromFile.known).toEqual({ count: 25, source: "the file known.csv" });
  expect(fromFile.trace).toEqual(fromRun.trace);
  const blind = await json([...base, "--blind", "--out", newRun()]);
  expect(blind.trace[0]?.value).toBeGreaterThanOrEqual(first.best?.metrics["accuracy"] as number);
  expect(readFileSync(join(blind.run, "journal.jsonl"), "utf8").split("\n")[1]).not.toContain("conv");
  expect((await collmNas(["replay", blind.run])).code).toBe(0);
});

test("what cannot be known is refused before anything is made", async () => {
  const out = newRun();
  const refusal = async (...more: string[]) => {
    const ended = await collmNas(["run", "--evaluator", evaluator.address, "--out", out, ...flags, ...more]);
    expect(ended.code, ended.stderr).toBe(2);
    return ended.stderr;
  };
  expect(await refusal("--space", "analognas-noisy", "--known", first.run)).toMatch(
    /searched analognas-baseline \(digest \w+\), and this search is on/,
  );
  const file = temporaryFile("wrong.jsonl", '{"architecture": "|conv~0|", "accuracy": 50}\n');
  expect(await refusal("--space", space, "--known", file)).toContain(
    "wrong.jsonl, line 1: no architecture of",
  );
  const paper = temporaryFile("paper.yaml", `paper: true\nknown: ${file}\nspace: ${space}\n`);
  expect(await refusal(paper)).toContain('"known" is');
  expect((await collmNas(["show", out])).stderr).toContain("there is no run folder");
});

test("a record that was cut off among its known results is not continued", async () => {
  const { run } = await search([...flags, "--known", first.run]);
  const [begin = "", ...others] = readFileSync(join(run, "journal.jsonl"), "utf8").split("\n");
  expect(JSON.parse(others[0] as string)).toMatchObject({ type: "results-known" });
  writeFileSync(join(run, "journal.jsonl"), `${begin}\n${(others[0] as string).slice(0, 100)}`);
  const ended = await collmNas(["resume", run, "--evaluator", evaluator.address]);
  expect(ended.stderr).toContain("0 of 25 results");
  expect(ended.code).toBe(2);
});

test("a bench varies what its searches begin with, and does not take other results for the same", async () => {
  const folder = temporaryFolder();
  const known = join(folder, "known.csv");
  writeFileSync(known, csvOf(first.run));
  const plan = join(folder, "plan.yaml");
  writeFileSync(
    plan,
    `title: Known\nspaces: [${space}]\nseeds: 1\nsearchers: [evolution]\ncontrols: []\nrun: {budget: 10}\nsettings: {cold: {}, warm: {known: known.csv}}\n`,
  );
  const args = ["bench", plan, "--evaluator", evaluator.address, "--out", join(folder, "bench")];
  const made = await collmNas(args);
  expect(made.code, made.stderr).toBe(0);
  const report = join(folder, "report.md");
  expect((await collmNas(["report", join(folder, "bench"), "--markdown", report])).code).toBe(0);
  expect(readFileSync(report, "utf8")).toMatch(/began with 25 known results from the file known\.csv/);
  writeFileSync(known, readFileSync(known, "utf8").split("\n").slice(0, 9).join("\n"));
  const other = await collmNas(args);
  expect(other.stderr).toContain("was run with another known");
  rmSync(known);
  expect((await collmNas(args)).stderr).toContain(`cannot read ${join(dirname(plan), "known.csv")}`);
});
