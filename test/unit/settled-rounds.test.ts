/** What selectors keep of closed rounds: a state that is read at every event says what a state says that is read once. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fold } from "../../src/search/fold.ts";
import { funnel } from "../../src/search/funnel.ts";
import { budgetSpent, idleRounds, isHopeless } from "../../src/search/progress.ts";
import {
  best,
  closedRounds,
  evaluationCount,
  evaluations,
  evaluationsAmong,
  hasMeasured,
  trace,
} from "../../src/search/results.ts";
import { Space } from "../../src/search/space.ts";
import type { RunState } from "../../src/search/state.ts";
import { fittest, individuals, ranked } from "../../src/searchers/population.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";
import { tinyDescription, tinyScore } from "../support/tiny-space.ts";

const space = new Space(tinyDescription);

function read(state: RunState): unknown {
  return {
    evaluations: evaluations(state),
    count: evaluationCount(state),
    spent: budgetSpent(state),
    hasMeasured: hasMeasured(state),
    isHopeless: isHopeless(state),
    closed: closedRounds(state),
    idle: idleRounds(state),
    best: best(state),
    funnel: funnel(state),
    rounds: state.rounds.map(({ round }) => funnel(state, round)),
    individuals: [...individuals(state, space)],
  };
}

/** The same without anything that is kept. */
function expectPlain(state: RunState): void {
  const plain = state.rounds.flatMap(({ candidates }) => evaluationsAmong(candidates));
  expect(evaluations(state)).toEqual(plain);
  expect(evaluationCount(state)).toBe(plain.length);
  expect(hasMeasured(state)).toBe(plain.some(({ outcome }) => outcome.kind === "measurement"));
  expect(closedRounds(state)).toBe(state.rounds.filter(({ closed }) => closed).length);
  const sums: Record<string, number> = {};
  for (const { round } of state.rounds)
    for (const [name, times] of Object.entries(funnel(state, round))) sums[name] = (sums[name] ?? 0) + times;
  if (state.rounds.length > 0) expect(sums).toEqual(funnel(state));
  expect(funnel(state).improved).toBe(new Set(trace(state).flatMap(({ text }) => text ?? [])).size);
}

describe("a state that is read at every event", () => {
  it.each([
    ["results", 5, 0],
    // The first evaluations all fail.
    ["late results", 1, 20],
  ])("says what a state says that is read once: %s", async (_what, share, failing) => {
    let asked = 0;
    const evaluator = new MemoryEvaluator({
      order: "shuffled",
      equivalenceKey: ({ text }) => `${tinyTexts.indexOf(text) % 25}`,
      costs: ({ text }) => ({ flops_m: (tinyTexts.indexOf(text) * 7) % 100, params_m: 1 }),
      score: (architecture, split) =>
        asked++ < failing || tinyTexts.indexOf(architecture.text) % share === 1
          ? { kind: "failure", failure: "crashed", message: "" }
          : tinyScore(architecture, split),
    });
    const searcher = scriptedSearcher(({ round }) => tinyTexts.slice(4 * round, 4 * round + 8));
    const search = {
      budget: 60,
      limits: { flops_m: 60 },
      overLimit: "evaluate",
      equivalent: "skip",
      candidates: { min: 8, max: 8 },
      giveUpAfter: 100,
    } as const;
    const { journal, run } = await setUp({ searcher, evaluator, search });
    let reads = 0;
    const state = await run(undefined, (notice) => {
      if (notice.kind !== "recorded") return;
      reads += 1;
      const fresh = fold(journal.events.slice(0, notice.event.seq)) as RunState;
      expect(read(notice.state)).toEqual(read(structuredClone(fresh)));
      expectPlain(notice.state);
    });
    expect(reads).toBe(journal.events.length - 1);
    expect(evaluationCount(state)).toBeGreaterThan(20);
    expect(state.rounds.length).toBeGreaterThan(10);
  });

  it("is not changed by what is done with an answer", async () => {
    const { run } = await setUp({
      searcher: scriptedSearcher([tinyTexts.slice(0, 4)]),
      search: { rounds: 1 },
    });
    const state = await run();
    evaluations(state).length = 0;
    funnel(state).evaluated = 7;
    expect([evaluations(state).length, funnel(state).evaluated]).toEqual([4, 4]);
  });
});

it("the fittest are the first of those in order", () => {
  const some = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 });
  fc.assert(
    fc.property(some, fc.integer({ min: 1, max: 12 }), (values, count) => {
      const population = values.map((fitness, round) => ({
        architecture: space.all().next().value,
        fitness,
        round,
      }));
      const all = population as Parameters<typeof ranked>[0];
      expect(fittest(all, count)).toEqual(ranked(all).slice(0, count));
    }),
  );
});
