import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EventBody, formatVersion, type Outcome } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import { best, trace } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { evaluationsToReach, outcomeOf, reachedOptimum, stepAfter } from "../../src/report/outcome.ts";
import { type RunOptions, reportedRun } from "../support/reported-runs.ts";
import { runStarted, tinySpace } from "../support/run-events.ts";

const outcome = (scores: readonly (number | null)[], options: RunOptions = {}) =>
  outcomeOf(reportedRun(scores, options));
const lower = {
  ...tinySpace,
  metrics: [{ name: "error", unit: "%", meaning: "Share classified wrongly.", higherIsBetter: false }],
};

describe("the steps of a run", () => {
  it("are one for each evaluation, a failed one among them", () => {
    const { steps, last } = outcome([80, null, 85, 82]);
    expect(steps.map(({ value }) => value)).toEqual([80, null, 85, 82]);
    expect(steps.map(({ best: so }) => so)).toEqual([80, 80, 85, 85]);
    expect(steps.map(({ picked }) => picked)).toEqual(["|conv~0|", "|conv~0|", "|conv~2|", "|conv~2|"]);
    expect(last).toMatchObject({ picked: "|conv~2|", best: 85 });
  });

  it("pick nothing over a limit", () => {
    const { steps, costs } = outcome([95, 80, 90, 85], {
      search: { limits: { flops_m: 300 }, overLimit: "evaluate" },
      flops: [301, 200, 400, 300],
    });
    expect(steps.map(({ value }) => value)).toEqual([95, 80, 90, 85]);
    expect(steps.map(({ best: so }) => so)).toEqual([null, 80, 80, 85]);
    expect(costs).toEqual({ flops_m: 300 });
  });

  it("go down where lower is better", () => {
    const { steps } = outcome([20, 25, 15], { started: { space: lower } });
    expect(steps.map(({ best: so }) => so)).toEqual([20, 20, 15]);
  });

  it("agree with the state on the winner and on the way there", () => {
    const score = fc.option(fc.integer({ min: 0, max: 8 }), { nil: null });
    const run = fc.array(fc.tuple(score, fc.integer({ min: 1, max: 4 })), { maxLength: 12 });
    fc.assert(
      fc.property(run, fc.boolean(), (drawn, isLower) => {
        const reported = reportedRun(
          drawn.map(([value]) => value),
          {
            flops: drawn.map(([, flops]) => flops),
            search: { budget: 20, limits: { flops_m: 2 }, overLimit: "evaluate" },
            started: { space: isLower ? lower : tinySpace },
          },
        );
        const { steps, last } = outcomeOf(reported);
        expect(steps.map(({ picked, best: so }) => [picked, so])).toEqual(
          trace(reported.state).map(({ text, value }) => [text, value]),
        );
        expect(last.picked).toBe(best(reported.state)?.text ?? null);
      }),
    );
  });

  it("count what shares an equivalent's result with the evaluation before it", () => {
    const state = equivalentWithinLimit();
    const { steps, last } = outcomeOf({ folder: "run", state });
    expect(steps.map(({ value, picked }) => [value, picked])).toEqual([
      [90, "lean"],
      [70, "lean"],
    ]);
    expect(last.picked).toBe(best(state)?.text);
  });
});

describe("what is known of the test split", () => {
  const testOf = (at: number) => [70, 75, 71][at] ?? 0;

  it("is the winner's value alone where only the winner was tested", () => {
    const { steps, last } = outcome([80, 85, 90], { testOf });
    expect(steps.map(({ test }) => test)).toEqual([null, null, 71]);
    expect(steps.map(({ bestTest }) => bestTest)).toEqual([null, null, null]);
    expect(last).toMatchObject({ test: 71, bestTest: null });
  });

  it("is each pick's value and the best of all seen where everything was tested", () => {
    const { steps } = outcome([80, 85, null, 84], {
      testOf: (at) => [70, 71, 0, 75][at] ?? 0,
      tests: "oracle",
    });
    expect(steps.map(({ test }) => test)).toEqual([70, 71, 71, 71]);
    expect(steps.map(({ bestTest }) => bestTest)).toEqual([70, 71, 71, 75]);
  });

  it("leaves out of the best seen what is over a limit", () => {
    const { last } = outcome([80, 95], {
      search: { limits: { flops_m: 300 }, overLimit: "evaluate" },
      flops: [100, 400],
      testOf: (at) => [70, 94][at] ?? 0,
      tests: "oracle",
    });
    expect(last.bestTest).toBe(70);
  });

  it("is the lowest where lower is better", () => {
    const { last } = outcome([20, 10, 15], {
      started: { space: lower },
      testOf: (at) => [30, 20, 12][at] ?? 0,
      tests: "oracle",
    });
    expect(last).toMatchObject({ best: 10, test: 20, bestTest: 12 });
  });

  it("does not claim a best seen while an answer is missing", () => {
    const run = reportedRun([80, 85], { tests: "oracle" });
    run.state.oracleTests.delete("|conv~0|");
    expect(outcomeOf(run).last).toMatchObject({ test: 84, bestTest: null });
  });

  it("is nothing where nobody asked", () => {
    expect(outcome([80], { tests: "none" }).last).toMatchObject({ best: 80, test: null, bestTest: null });
  });
});

describe("a run without a result", () => {
  it.each([
    ["nothing evaluated", []],
    ["only failures", [null, null]],
  ])("has no pick: %s", (_, scores) => {
    const { last, costs, spend } = outcome(scores, { search: { budget: 5 } });
    expect(last).toMatchObject({ picked: null, best: null, test: null, bestTest: null });
    expect(costs).toBeNull();
    expect(spend.evaluations).toBe(scores.length);
  });
});

describe("thresholds", () => {
  it("are reached at the value or beyond it, after so many evaluations", () => {
    const run = outcome([80, null, 85, 90]);
    expect(evaluationsToReach(run, 80)).toBe(1);
    expect(evaluationsToReach(run, 80.1)).toBe(3);
    expect(evaluationsToReach(run, 90)).toBe(4);
    expect(evaluationsToReach(run, 90.1)).toBeNull();
    expect(evaluationsToReach(outcome([20, 10], { started: { space: lower } }), 10)).toBe(2);
  });

  it("see the optimum through rounding, and nothing else", () => {
    expect(reachedOptimum(outcome([Math.fround(91.60667)]), 91.60667)).toBe(true);
    expect(reachedOptimum(outcome([91.6054]), 91.60667)).toBe(false);
    expect(reachedOptimum(outcome([5], { started: { space: lower } }), 5)).toBe(true);
    expect(reachedOptimum(outcome([5.001], { started: { space: lower } }), 5)).toBe(false);
    expect(reachedOptimum(outcome([null]), 5)).toBe(false);
  });

  it("find a run that ended early as it ended", () => {
    const run = outcome([80, 85], { search: { budget: 50 } });
    expect(stepAfter(run, 1)?.best).toBe(80);
    expect(stepAfter(run, 50)?.best).toBe(85);
    expect(stepAfter(outcome([], { search: { budget: 50 } }), 10)).toBeNull();
  });
});

/** Evaluates one over the limit; its equivalent within the limit then wins without an evaluation. */
function equivalentWithinLimit(): RunState {
  const started = runStarted();
  const cost = (text: string, flops_m: number) => ({ text, costs: { flops_m }, equivalenceKey: "same" });
  const measured = (accuracy: number): Outcome => ({
    kind: "measurement",
    metrics: { accuracy },
    seconds: 1,
  });
  const bodies: EventBody[] = [
    {
      ...started,
      search: { ...started.search, limits: { flops_m: 100 }, overLimit: "evaluate", equivalent: "skip" },
    },
    {
      type: "round-proposed",
      round: 1,
      candidates: [
        { raw: 0, verdict: { kind: "accepted", measured: cost("heavy", 200), overLimit: true, twin: null } },
        { raw: 1, verdict: { kind: "equivalent", measured: cost("lean", 50), twin: "heavy" } },
        {
          raw: 2,
          verdict: {
            kind: "accepted",
            measured: { ...cost("other", 60), equivalenceKey: "other" },
            overLimit: false,
            twin: null,
          },
        },
      ],
    },
    { type: "architecture-measured", round: 1, candidate: 0, text: "heavy", outcome: measured(90) },
    { type: "architecture-measured", round: 1, candidate: 2, text: "other", outcome: measured(70) },
    { type: "run-ended", reason: "budget", chain: "" },
  ];
  return fold(
    bodies.map((body, index) => ({
      v: formatVersion,
      seq: index + 1,
      at: "2026-01-01T00:00:00.000Z",
      ...body,
    })),
  ) as RunState;
}
