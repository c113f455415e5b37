/** A run for a program, one object a line: all that the record has of its candidates, as the selectors say it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { recordLines } from "../../src/app/record-lines.ts";
import { summarize, withoutTrace } from "../../src/app/summary.ts";
import { runCli } from "../../src/cli/run-cli.ts";
import type { SearchConfig } from "../../src/search/events.ts";
import { trace } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { random } from "../../src/searchers/random.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { searchedRun } from "../support/searched-runs.ts";
import { keptStreams } from "../support/streams.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";
import { tinyDescription, tinyScore } from "../support/tiny-space.ts";

type Line = Readonly<Record<string, unknown>>;

function linesOf(state: RunState): Line[] {
  return [...recordLines({ state, damage: null, worker: "nobody" }, "runs/a")] as Line[];
}

function candidatesOf(state: RunState): Line[] {
  return linesOf(state).filter(({ kind }) => kind === "candidate");
}

/** Every verdict and every kind of outcome: an equivalence key is a remainder, every fifth one fails. */
async function mixedRun(search: Partial<SearchConfig> = {}): Promise<RunState> {
  const evaluator = new MemoryEvaluator({
    order: "shuffled",
    equivalenceKey: ({ text }) => `${tinyTexts.indexOf(text) % 40}`,
    costs: ({ text }) => ({ flops_m: (7 * tinyTexts.indexOf(text)) % 100, params_m: 1 }),
    score: (architecture, split) =>
      tinyTexts.indexOf(architecture.text) % 5 === 1
        ? { kind: "failure", failure: "crashed", message: "it fell over" }
        : tinyScore(architecture, split),
  });
  const searcher = scriptedSearcher(async (turn) => {
    await turn.setStrategy(`strategy ${turn.round}`);
    const from = 12 * turn.round;
    return [...tinyTexts.slice(from, from + 12), tinyTexts[from], "nonsense", '{"depth":[1,9],"width":[16]}'];
  });
  const usual = {
    budget: 45,
    limits: { flops_m: 80 },
    candidates: { min: 10, max: 10 },
    equivalent: "skip",
  } as const;
  const { run } = await setUp({ searcher, evaluator, search: { ...usual, ...search } });
  return await run();
}

describe("the lines of a record", () => {
  it("begin with the run, its settings, its space and what it came to", async () => {
    const state = await mixedRun();
    const [first] = linesOf(state);
    expect(first).toMatchObject({
      kind: "run",
      run: resolve("runs/a"),
      status: "ended",
      damage: null,
      worker: "nobody",
      seed: 0,
      budget: 45,
      limits: { flops_m: 80 },
      settings: { budget: 45, equivalent: "skip", "candidates.max": 10 },
      space: tinyDescription,
    });
    expect(first?.["summary"]).toEqual(withoutTrace(summarize(state, "runs/a")));
    expect(first?.["summary"]).not.toHaveProperty("trace");
  });

  it("have every strategy before the candidates of its round, and every candidate in order", async () => {
    const state = await mixedRun();
    const places = linesOf(state)
      .slice(1)
      .map(({ kind, round, index, text }) => (kind === "strategy" ? [round, text] : [round, index]));
    expect(places).toEqual(
      state.rounds.flatMap(({ round, strategy, candidates }) => [
        [round, strategy],
        ...candidates.map(({ index }) => [round, index]),
      ]),
    );
  });

  it("count as the funnel does, by verdict and outcome", async () => {
    const state = await mixedRun();
    const lines = candidatesOf(state);
    const { funnel } = summarize(state, "runs/a");
    const count = (matches: (line: Line) => boolean) => lines.filter(matches).length;
    const isEvaluated = ({ verdict, value }: Line) => verdict === "accepted" && value !== null;
    expect({
      proposed: lines.length,
      unreadable: count(({ verdict }) => verdict === "unreadable"),
      illegal: count(({ verdict }) => verdict === "illegal"),
      repeated: count(({ verdict }) => verdict === "repeated"),
      equivalent: count(({ verdict }) => verdict === "equivalent"),
      overLimit: count(({ verdict }) => verdict === "over-limit"),
      beyondBudget: count(({ verdict }) => verdict === "beyond-budget"),
      evaluated: count(isEvaluated),
      failed: count(({ verdict, failure }) => verdict === "accepted" && failure !== null),
    }).toEqual({
      ...funnel,
      improved: undefined,
      overLimitEvaluated: undefined,
      equivalentEvaluated: undefined,
      storedEvaluated: undefined,
    });
    for (const [name, times] of Object.entries(funnel))
      if (!["overLimitEvaluated", "equivalentEvaluated", "storedEvaluated"].includes(name))
        expect(times, name).toBeGreaterThan(0);
  });

  it("give the trace again, the winner and its test", async () => {
    const state = await mixedRun();
    const lines = candidatesOf(state);
    const steps = lines.filter(({ evaluation }) => evaluation !== null);
    const expected = trace(state).map(({ evaluation, value }) => [evaluation, value]);
    expect(steps.map(({ evaluation, bestSoFar }) => [evaluation, bestSoFar])).toEqual(expected);
    const winners = lines.filter(({ isBest }) => isBest === true);
    const { best } = summarize(state, "runs/a");
    expect(winners).toHaveLength(1);
    const { text, architecture, metrics, costs, test } = winners[0] ?? {};
    expect({ text, architecture, metrics, costs, test }).toEqual({
      text: best?.text,
      architecture: best?.architecture,
      metrics: best?.metrics,
      costs: best?.costs,
      test: best?.test,
    });
    expect(test).not.toBeNull();
  });

  it("say why something was not evaluated, how an evaluation failed, and whose result is shared", async () => {
    const lines = candidatesOf(await mixedRun());
    const first = (kind: string) => lines.find(({ verdict }) => verdict === kind);
    const nothing = { costs: null, value: null, metrics: null, seconds: null, evaluation: null, test: null };
    expect(first("unreadable")).toMatchObject({ ...nothing, text: null, architecture: null });
    expect(first("illegal")?.["reasons"]).toContain('"depth[1]" is 9; choices are 1, 2');
    expect(first("repeated")).toMatchObject({ ...nothing, text: tinyTexts[12], reasons: [] });
    expect(first("over-limit")).toMatchObject({ overLimit: true, value: null, evaluation: null });
    expect(lines.find(({ failure }) => failure !== null)).toMatchObject({
      verdict: "accepted",
      failure: { kind: "crashed", message: "it fell over" },
      value: null,
      metrics: null,
    });
    const shared = lines.filter(({ verdict, value }) => verdict === "equivalent" && value !== null);
    for (const { twin, value, seconds, evaluation } of shared) {
      expect({ value, seconds, evaluation }).toEqual({
        value: lines.find(({ text }) => text === twin)?.["value"],
        seconds: null,
        evaluation: null,
      });
    }
    expect(shared.length).toBeGreaterThan(0);
  });

  it("have the members that the reference names, and no others", async () => {
    const page = readFileSync("docs/reference/driving.md", "utf8").split("## Read a run")[1] ?? "";
    const rows = page.split("\n").filter((line) => line.startsWith("| "));
    const named = (cell = "") => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    const lines = linesOf(await mixedRun());
    const keys = (wanted: string) =>
      Object.keys(lines.find(({ kind }) => kind === wanted) ?? {}).filter((key) => key !== "kind");
    const members = rows.slice(5).flatMap((row) => named(row.split("|")[1]));
    expect(new Set(members)).toEqual(new Set(keys("candidate")));
    const ofRun = rows.find((row) => row.startsWith("| `run`"))?.split("|")[2];
    for (const key of keys("run")) expect(named(ofRun)).toContain(key);
    expect(keys("strategy")).toEqual(["round", "text"]);
  });

  it("have what the oracle said of each", async () => {
    const lines = candidatesOf(await mixedRun({ oracle: true }));
    const tested = lines.filter(({ test }) => test !== null);
    expect(tested.length).toBeGreaterThan(20);
    for (const { value, test } of tested) expect(test).toEqual({ accuracy: (value as number) - 0.25 });
  });

  it("have the space and the architectures under their own names where the search was blind to them", async () => {
    const { state } = await searchedRun(random, { blind: true, budget: 6, seed: 2 });
    const [first, ...candidates] = linesOf(state);
    expect(first).toMatchObject({ space: tinyDescription, settings: { blind: true } });
    for (const { text, original, architecture } of candidates) {
      expect(tinyTexts).toContain(original);
      expect(architecture).toEqual(JSON.parse(original as string));
      expect(text).not.toEqual(original);
    }
    expect(candidates).toHaveLength(6);
    const { state: plain } = await searchedRun(random, { budget: 6 });
    expect(candidatesOf(plain).map(({ original }) => original)).toEqual(Array(6).fill(null));
  });
});

describe("show --lines", () => {
  const folder = mkdtempSync(join(tmpdir(), "collm-nas-lines-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function shown(args: readonly string[]) {
    const streams = keptStreams();
    const code = await runCli(["show", ...args], { ...streams, signal: new AbortController().signal });
    return { code, ...streams.text() };
  }

  it("prints a released run", async () => {
    const run = "test/fixtures/run-v1";
    const [{ code, stdout, stderr }, object] = await Promise.all([
      shown([run, "--lines"]),
      shown([run, "--json"]),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
    const { trace: steps, ...summary } = JSON.parse(object.stdout) as { trace: unknown[] };
    expect(lines[0]?.["summary"]).toEqual(summary);
    expect(lines.filter(({ evaluation }) => typeof evaluation === "number")).toHaveLength(steps.length);
  });

  it("prints what can be trusted of a damaged run, says what is wrong with it, and ends with its exit code", async () => {
    const text = readFileSync("test/fixtures/rules-v1/journal.jsonl", "utf8").split("\n");
    const last = text.length - 4;
    text[last] = (text[last] as string).slice(0, -2);
    writeFileSync(join(folder, "journal.jsonl"), text.join("\n"));
    const { code, stdout, stderr } = await shown([folder, "--lines"]);
    const first = JSON.parse(stdout.split("\n")[0] as string) as Line;
    expect(first).toMatchObject({
      status: "damaged",
      damage: expect.stringContaining(`line ${last + 1}`) as string,
    });
    expect(stdout.split("\n").length).toBeGreaterThan(3);
    expect(code).toBe(5);
    expect(stderr).toContain(`line ${last + 1}`);
  });

  it.each([["--json"], ["--round", "1"]])("is refused with %s", async (...flags) => {
    const { code, stdout, stderr } = await shown(["test/fixtures/run-v1", "--lines", ...flags]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("leave --json and --round out");
  });
});
