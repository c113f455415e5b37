/** What is being evaluated, and how long the rest takes. */
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Pace } from "../../src/cli/pace.ts";
import { duration } from "../../src/text/durations.ts";
import type { Notice } from "../../src/search/live-run.ts";
import type { EvaluationMessage, Evaluator } from "../../src/search/ports.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";
import { tinyDescription } from "../support/tiny-space.ts";

const oneAtATime = { ...tinyDescription, parallelism: 1 };

interface Watched {
  /** Seconds that the evaluator tells of each evaluation. */
  readonly told?: number;
  readonly rounds?: readonly number[];
  readonly budget?: number;
  /** How many rounds the search may play; absent: no more than there are proposals for. */
  readonly mostRounds?: number;
  readonly parallelism?: number;
  /** After which shares of its time an evaluation tells which fraction of it is done. */
  readonly steps?: readonly (readonly [share: number, fraction: number])[];
}

/** Plays a run whose evaluations take `took` seconds each, and looks at the pace after every notice. */
async function watch(
  took: (evaluation: number) => number,
  look: (pace: Pace, notice: Notice, state: RunState) => void,
  {
    told = 0,
    rounds = [3],
    budget = 10,
    mostRounds = rounds.length,
    parallelism = 1,
    steps = [[0.25, 0.25]],
  }: Watched = {},
): Promise<void> {
  let seconds = 100;
  let evaluation = 0;
  const description = { ...oneAtATime, parallelism };
  const memory = new MemoryEvaluator({
    description,
    score: () => ({ kind: "measurement", metrics: { accuracy: 50 }, seconds: told }),
  });
  const evaluator: Evaluator = {
    measureCosts: (request, signal) => memory.measureCosts(request, signal),
    async *evaluate(request, signal): AsyncGenerator<EvaluationMessage> {
      for await (const message of memory.evaluate(request, signal)) {
        const begin = seconds;
        for (const [share, fraction] of steps) {
          seconds = begin + share * took(evaluation);
          yield { kind: "progress", index: message.index, fraction, note: "quarter" };
        }
        seconds = begin + took(evaluation);
        evaluation += 1;
        yield message;
        // What was measured is recorded before time goes on.
        await wait(0);
      }
    },
  };
  let next = 0;
  const proposals = rounds.map((count) => tinyTexts.slice(next, (next += count)));
  const { run, journal } = await setUp({
    description,
    evaluator,
    searcher: scriptedSearcher(proposals),
    search: { budget, rounds: mostRounds, stallRounds: 1, candidates: { min: 1, max: 10 } },
  });
  let state = fold(journal.events) as RunState;
  const pace = new Pace(() => seconds, state.seq);
  await run(undefined, (notice) => {
    if (notice.kind === "recorded") {
      state = notice.state;
      pace.recorded(notice);
    }
    if (notice.kind === "progress") pace.progress(notice);
    look(pace, notice, state);
  });
}

describe("the evaluation under way", () => {
  it("is the one that progress tells of, else the next of its round, else the winner's test, else none", async () => {
    const seen: unknown[] = [];
    await watch(
      () => 8,
      (pace, notice) => {
        const current = pace.current();
        const what = notice.kind === "recorded" ? notice.event.type : notice.kind;
        seen.push(
          current === null
            ? what
            : `${what}: ${current.split} ${current.place}/${current.of} ${current.fraction} ${current.note} ${current.seconds}`,
        );
      },
      { rounds: [2] },
    );
    expect(seen).toEqual([
      "round-proposed: search 1/2 0  0",
      "progress: search 1/2 0.25 quarter 2",
      "architecture-measured: search 2/2 0  0",
      "progress: search 2/2 0.25 quarter 2",
      "architecture-measured",
      "round-closed",
      "run-ended: test 1/1 0  0",
      "progress: test 1/1 0.25 quarter 2",
      "winner-tested",
    ]);
  });
});

describe("the time left", () => {
  const measured = (notice: Notice) =>
    notice.kind === "recorded" && notice.event.type === "architecture-measured";

  it("is not known before anything is measured", async () => {
    const seen: unknown[] = [];
    await watch(
      () => 8,
      (pace, notice, state) => {
        if (seen.length < 2 && !measured(notice)) seen.push(pace.secondsLeft(state));
      },
    );
    expect(seen).toEqual([null, null]);
  });

  it("follows from the seconds that evaluations were watched to take, less what is done of the one under way", async () => {
    const left: unknown[] = [];
    await watch(
      (evaluation) => [4, 8, 12][evaluation] ?? 0,
      (pace, notice, state) => {
        if (measured(notice) || notice.kind === "progress") left.push(pace.secondsLeft(state));
      },
      { mostRounds: 9 },
    );
    // Of ten: nine at 4 s, then eight at 6 s, then seven at 8 s; a quarter of one less in between.
    expect(left.slice(0, 6)).toEqual([null, 36, 35, 48, 46.5, 56]);
  });

  it("never goes back as long as evaluations take about as long as before, whatever they tell of themselves", async () => {
    const speeds = [40, 43, 38, 42, 44, 39, 41, 45, 40, 43];
    const tellings: readonly (readonly (readonly [number, number])[])[] = [
      [[0.25, 0.25]],
      // Nothing for most of the time, then little.
      [0.1, 0.3, 0.5, 0.7, 0.71, 0.8, 0.9].map((share) => [share, share < 0.71 ? 0 : share - 0.69]),
      // Slow at first, then fast.
      [0.2, 0.4, 0.6, 0.8, 0.9].map((share) => [share, share ** 2]),
      // Back to an earlier share, as after a batch that was too large.
      [
        [0.3, 0.4],
        [0.5, 0.2],
        [0.9, 0.8],
      ],
    ];
    for (const steps of tellings) {
      const left: number[] = [];
      await watch(
        (evaluation) => speeds[evaluation] ?? 40,
        (pace, _, state) => {
          const seconds = pace.secondsLeft(state);
          if (seconds !== null) left.push(seconds);
        },
        { rounds: [3, 3, 3], mostRounds: 9, budget: 10, steps },
      );
      expect(left.length).toBeGreaterThan(10);
      expect(left).toEqual(left.toSorted((one, other) => other - one));
    }
  });

  it("follows from the seconds that the evaluator tells where it tells them, so many at a time", async () => {
    const left: unknown[] = [];
    await watch(
      () => 100,
      (pace, notice, state) => {
        if (measured(notice)) left.push(pace.secondsLeft(state));
      },
      { told: 10, parallelism: 2, rounds: [2, 2], mostRounds: 9 },
    );
    expect(left).toEqual([45, 40, 35, 30]);
  });

  it("counts nothing that was recorded before anybody watched", async () => {
    const left: unknown[] = [];
    await watch(
      () => 4,
      (_, notice, state) => {
        if (notice.kind !== "recorded" || notice.event.type !== "round-closed") return;
        const late = new Pace(() => 0, notice.event.seq);
        left.push(late.secondsLeft(state));
      },
    );
    expect(left).toEqual([null]);
  });

  it("ends with the rounds where those end before the budget", async () => {
    const left: unknown[] = [];
    await watch(
      () => 4,
      (pace, notice, state) => {
        if (measured(notice)) left.push(pace.secondsLeft(state));
      },
      { rounds: [3, 3], budget: 60 },
    );
    expect(left).toEqual([20, 16, 12, 8, 4, 0]);
  });
});

describe("a length of time", () => {
  it.each([
    [0.4, "0 s"],
    [89.4, "89 s"],
    [90, "2 min"],
    [3_600, "60 min"],
    [5_370, "1 h 30 min"],
    [100_000, "27 h 47 min"],
  ])("%d s reads %s", (seconds, words) => {
    expect(duration(seconds)).toBe(words);
  });
});
