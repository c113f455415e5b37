/** A run as lines of JSON for a program that drives it: what they say, and that a slow reader is waited for. */
import { resolve } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { summarize } from "../../src/app/summary.ts";
import { runCli } from "../../src/cli/run-cli.ts";
import { RunLines } from "../../src/cli/run-lines.ts";
import { Interrupted } from "../../src/errors.ts";
import type { SearchConfig } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import { budgetSpent } from "../../src/search/progress.ts";
import { best } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { regularizedEvolution } from "../../src/searchers/regularized-evolution.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { keptStreams } from "../support/streams.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";
import { tinyScore } from "../support/tiny-space.ts";

type Line = { readonly kind: string } & Record<string, unknown>;

function linesIn(text: string): Line[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

/** A reader that takes nothing until it is told to. */
function slowReader() {
  const stream = new PassThrough({ highWaterMark: 64 });
  return { stream, text: () => (stream.read() as Buffer | null)?.toString("utf8") ?? "" };
}

const progress = {
  kind: "progress",
  split: "search",
  text: "a",
  place: 1,
  of: 2,
  fraction: 0.5,
  note: "",
} as const;

describe("the lines of a run", () => {
  it("begin with the run, have every event as it is stored, and end with the result without its trace", async () => {
    const streams = keptStreams();
    const lines = new RunLines(streams.stdout);
    const { journal, run } = await setUp({ searcher: regularizedEvolution, search: { budget: 15 } });
    lines.begun(fold(journal.events) as RunState, "runs/a", false);
    const state = await run(undefined, (notice) => lines.observe(notice));
    const summary = summarize(state, "runs/a");
    lines.result(summary);
    await lines.ended(0);
    const [begun, ...others] = linesIn(streams.text().stdout);
    const folder = resolve("runs/a");
    expect(begun).toEqual({ kind: "begun", run: folder, continued: false, evaluated: 0, budget: 15 });
    const { trace, ...rest } = summary;
    expect(others.pop()).toEqual({ kind: "ended", exitCode: 0, run: folder, summary: rest, error: null });
    expect(others.map(({ event }) => event)).toEqual(journal.events.slice(1));
    const measured = others.filter(({ evaluated }) => evaluated !== undefined);
    expect(measured.map(({ evaluated }) => evaluated)).toEqual(trace.map(({ evaluation }) => evaluation));
    expect(measured.at(-1)?.["best"]).toBe(summary.best?.metrics["accuracy"]);
  });

  // Results of equivalent architectures count where these are within a limit and the evaluated one is not.
  it.each<Partial<SearchConfig>>([
    { equivalent: "skip", overLimit: "evaluate" },
    { equivalent: "skip" },
    { overLimit: "evaluate" },
  ])("say with each evaluation how many there are and the best, as the selectors do: %o", async (search) => {
    const streams = keptStreams();
    const lines = new RunLines(streams.stdout);
    const places = tinyTexts.map((_, at) => (at * 41) % tinyTexts.length);
    const searcher = scriptedSearcher(({ round }) =>
      places.slice(8 * round - 8, 8 * round).map((at) => tinyTexts[at]),
    );
    const evaluator = new MemoryEvaluator({
      order: "shuffled",
      // Two in a row are equivalent, and a later one to both.
      equivalenceKey: ({ text }) => {
        const place = places.indexOf(tinyTexts.indexOf(text));
        return `${place < 72 ? Math.floor(place / 2) : place - 72}`;
      },
      // Equivalent architectures differ in their costs here, so that a limit comes between them.
      costs: ({ text }) => ({ flops_m: (tinyTexts.indexOf(text) * 7) % 100, params_m: 1 }),
      score: (architecture, split) =>
        tinyTexts.indexOf(architecture.text) % 5 === 0
          ? { kind: "failure", failure: "crashed", message: "" }
          : tinyScore(architecture, split),
    });
    const set = { budget: 60, limits: { flops_m: 40 }, candidates: { min: 8, max: 8 }, ...search };
    const { journal, run } = await setUp({ searcher, evaluator, search: set });
    lines.begun(fold(journal.events) as RunState, "runs/a", false);
    const expected: unknown[] = [];
    await run(undefined, (notice) => {
      if (notice.kind === "recorded" && notice.event.type === "architecture-measured")
        expected.push([budgetSpent(notice.state), best(notice.state)?.value ?? null]);
      return lines.observe(notice);
    });
    const said = linesIn(streams.text().stdout).filter(({ evaluated }) => evaluated !== undefined);
    const sums = said.slice(1).map((line) => [line["evaluated"], line["best"]]);
    expect(sums).toEqual(expected);
    expect(expected.length).toBeGreaterThan(10);
  });

  it("continue with the sums of a run that continues", async () => {
    const { journal, run } = await setUp({ searcher: regularizedEvolution, search: { budget: 15 } });
    const whole = await run();
    const part = journal.events.slice(0, 12);
    const streams = keptStreams();
    const lines = new RunLines(streams.stdout);
    lines.begun(fold(part) as RunState, "runs/a", true);
    let state = fold(part) as RunState;
    for (const [at, event] of journal.events.entries()) {
      if (at < part.length) continue;
      state = fold(journal.events.slice(0, at + 1)) as RunState;
      void lines.observe({ kind: "recorded", event, state });
    }
    const said = linesIn(streams.text().stdout);
    expect(said[0]).toMatchObject({ continued: true, evaluated: budgetSpent(fold(part) as RunState) });
    const last = said.findLast(
      ({ event }) => (event as Line | undefined)?.["type"] === "architecture-measured",
    );
    expect(last).toMatchObject({ evaluated: 15, best: best(whole)?.value });
  });

  it("name the error that a run ended with, and no command of a shell", async () => {
    const streams = keptStreams();
    const lines = new RunLines(streams.stdout);
    lines.failed(new Interrupted("stopped on request"), "stopped on request");
    await lines.ended(3);
    const error = { name: "Interrupted", message: "stopped on request" };
    const nothing = { run: null, summary: null };
    expect(linesIn(streams.text().stdout)).toEqual([{ kind: "ended", exitCode: 3, ...nothing, error }]);
  });

  it("write what a terminal would obey as JSON escapes", async () => {
    const streams = keptStreams();
    const note = "\u001b[2J\u202e";
    void new RunLines(streams.stdout).observe({ ...progress, note });
    const { stdout } = streams.text();
    expect(stdout).not.toContain("\u001b");
    expect(stdout).not.toContain("\u202e");
    expect(linesIn(stdout)).toEqual([{ ...progress, note }]);
  });
});

describe("a reader that is slow", () => {
  it("is waited for with every event, and gets no progress meanwhile", async () => {
    const reader = slowReader();
    const lines = new RunLines(reader.stream);
    const { journal, run } = await setUp({ searcher: regularizedEvolution, search: { budget: 15 } });
    lines.begun(fold(journal.events) as RunState, "runs/a", false);
    const ended = run(undefined, (notice) => lines.observe(notice));
    const before = await storedIn(journal.events);
    void lines.observe(progress);
    void lines.observe({ kind: "waiting", seconds: 1, reason: "it is away" });
    expect(await storedIn(journal.events)).toBe(before);
    expect(before).toBeLessThan(20);
    let text = "";
    const taking = setInterval(() => (text += reader.text()), 1);
    await ended;
    await lines.ended(0);
    await wait(20);
    clearInterval(taking);
    const kinds = linesIn(text).map(({ kind }) => kind);
    expect(kinds).toEqual(["begun", ...journal.events.slice(1).map(() => "event"), "ended"]);
  });

  it("that goes away holds up nothing", async () => {
    const reader = slowReader();
    reader.stream.on("error", () => {});
    const lines = new RunLines(reader.stream);
    const { journal, run } = await setUp({ searcher: regularizedEvolution, search: { budget: 5 } });
    lines.begun(fold(journal.events) as RunState, "runs/a", false);
    const ended = run(undefined, (notice) => lines.observe(notice));
    await storedIn(journal.events);
    reader.stream.destroy(new Error("EPIPE"));
    expect((await ended).ended).toBe("budget");
  });
});

/** How many events there are once nothing more is stored for a while. */
async function storedIn(events: readonly unknown[]): Promise<number> {
  for (let before = -1; ; ) {
    if (events.length === before) return before;
    before = events.length;
    await wait(20);
  }
}

describe("the command line", () => {
  async function driven(args: readonly string[]) {
    const streams = keptStreams();
    const code = await runCli(args, { ...streams, signal: new AbortController().signal });
    const { stdout, stderr } = streams.text();
    return { code, lines: linesIn(stdout), stderr };
  }

  it.each([
    ["a flag's value", ["run", "--budget", "none", "--events"], "'--budget <n>' argument 'none' is invalid"],
    ["a flag that does not exist", ["run", "--evnts", "--events"], "unknown option '--evnts'"],
    ["a setting", ["run", "--searcher", "randm", "--space", "tiny", "--events"], 'did you mean "random"'],
    ["two forms", ["run", "--json", "--space", "tiny", "--events"], "--json and --events"],
    ["no folder", ["run", "--continue", "--space", "tiny", "--events"], "name one with --out"],
    ["no run", ["resume", "test/fixtures", "--events"], "holds no run"],
  ])("names what is wrong in the last line: %s", async (_what, args, message) => {
    const { code, lines } = await driven(args);
    const error = { name: "UsageError", message: expect.stringContaining(message) as string };
    expect(lines).toEqual([{ kind: "ended", exitCode: 2, run: null, summary: null, error }]);
    expect(code).toBe(2);
  });

  it("sums up a run that has ended", async () => {
    const { code, lines, stderr } = await driven(["resume", "test/fixtures/rules-v1", "--events"]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(lines.map(({ kind }) => kind)).toEqual(["begun", "ended"]);
    expect(lines[0]).toMatchObject({ continued: true });
    expect(lines[1]).toMatchObject({ summary: { status: "ended" }, error: null });
  });
});
