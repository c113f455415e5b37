/** What becomes of each candidate of a round: one verdict with its reasons, and what is paid for. */
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/search/events.ts";
import { funnel } from "../../src/search/funnel.ts";
import { budgetSpent } from "../../src/search/progress.ts";
import { best, trace } from "../../src/search/results.ts";
import { bodies, kinds, setUp, verdicts } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { flopsOf, largest, middle, narrow, right, wide } from "../support/tiny-architectures.ts";

describe("the verdict on a candidate", () => {
  it("is one of seven, in the order proposed", async () => {
    const evaluator = new MemoryEvaluator({
      equivalenceKey: ({ text }) => (text === right ? "same" : text === middle ? "same" : ""),
    });
    const { journal, run } = await setUp({
      evaluator,
      search: { limits: { flops_m: 30 }, equivalent: "skip", candidates: { min: 1, max: 2 }, stallRounds: 1 },
      searcher: scriptedSearcher([
        [
          "nonsense",
          { depth: [1, 3], width: [] },
          middle,
          { depth: [1, 1], width: [[24], [16]] },
          largest,
          right,
          narrow,
          wide,
          wide,
        ],
        [narrow, middle, right, largest, wide],
      ]),
    });
    const state = await run();
    expect(kinds(journal.events, 1)).toEqual([
      "unreadable",
      "illegal",
      "accepted",
      "repeated",
      "over-limit",
      "equivalent",
      "accepted",
      "beyond-budget",
      "repeated",
    ]);
    // Only what was beyond the budget may be proposed again.
    expect(kinds(journal.events, 2)).toEqual(["repeated", "repeated", "repeated", "repeated", "accepted"]);
    expect(funnel(state)).toEqual({
      proposed: 14,
      unreadable: 1,
      illegal: 1,
      repeated: 6,
      equivalent: 1,
      overLimit: 1,
      beyondBudget: 1,
      evaluated: 3,
      failed: 0,
      improved: expect.any(Number),
      overLimitEvaluated: 0,
      equivalentEvaluated: 0,
      storedEvaluated: 0,
    });
    expect(evaluator.evaluated.filter(({ split }) => split === "search").map(({ text }) => text)).toEqual([
      middle,
      narrow,
      wide,
    ]);
  });

  it("names the reasons, the costs, the twin and the limit", async () => {
    const { journal, run } = await setUp({
      evaluator: new MemoryEvaluator({ equivalenceKey: () => "all the same" }),
      search: {
        limits: { flops_m: 20 },
        overLimit: "evaluate",
        candidates: { min: 1, max: 9 },
        stallRounds: 1,
      },
      searcher: scriptedSearcher([
        [
          17,
          { depth: [1, 9], width: 0, height: 1 },
          narrow,
          largest,
          { width: [[24], [16]], depth: ["1", 1.0] },
        ],
      ]),
    });
    await run();
    const costs = (text: string) => ({
      text,
      costs: { flops_m: flopsOf(text), params_m: flopsOf(text) / 32 },
      equivalenceKey: "all the same",
    });
    const [unreadable, illegal, ...legal] = verdicts(journal.events, 1);
    expect(unreadable).toMatchObject({ kind: "unreadable", rejections: [{ code: "unreadable", place: "" }] });
    expect(illegal).toMatchObject({
      kind: "illegal",
      rejections: [
        { code: "not-a-choice", place: "depth[1]" },
        { code: "unknown-dimension", place: "height" },
      ],
    });
    expect(legal).toEqual([
      { kind: "accepted", measured: costs(narrow), overLimit: false, twin: null },
      { kind: "accepted", measured: costs(largest), overLimit: true, twin: narrow },
      { kind: "accepted", measured: costs(middle), overLimit: false, twin: narrow },
    ]);
  });

  it("keeps the raw candidates as they came", async () => {
    const raws = [null, 17, ["x"], { depth: "?" }, narrow, " \t" + middle, { 'a"b': { c: [true] } }];
    const { journal, run } = await setUp({ searcher: scriptedSearcher([raws]), search: { stallRounds: 1 } });
    await run();
    expect(bodies(journal.events, "round-proposed")[0]?.candidates.map(({ raw }) => raw)).toEqual(raws);
  });

  it("is recorded whatever a model makes up: long texts, halves of characters, ten thousand levels", async () => {
    const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels)) as unknown;
    const deep = nested(10_000);
    const raws = [
      "x".repeat(1_000_000),
      { depth: ["🙂".repeat(3_000), "x".repeat(59) + "🙂"], width: "\ud800" },
      "\udfff",
      { "\ud800": 1 },
      { depth: deep, width: [deep] },
      deep,
      nested(1_900),
      { depth: [Number.NaN, Number.POSITIVE_INFINITY], width: undefined },
      narrow,
    ];
    const { journal, run } = await setUp({ searcher: scriptedSearcher([raws]), search: { stallRounds: 1 } });
    await run();
    expect(kinds(journal.events, 1)).toEqual([
      "unreadable",
      "illegal",
      "unreadable",
      "illegal",
      "illegal",
      "unreadable",
      "unreadable",
      "illegal",
      "accepted",
    ]);
    const proposed = JSON.stringify(bodies(journal.events, "round-proposed")[0]);
    expect(proposed.length).toBeLessThan(30_000);
  });

  it("counts an architecture over the limit as evaluated when that is asked for, but never as the best", async () => {
    const { run } = await setUp({
      evaluator: new MemoryEvaluator({ score: ({ text }) => (text === largest ? 90 : 50) }),
      search: { limits: { flops_m: 20 }, overLimit: "evaluate", stallRounds: 1 },
      searcher: scriptedSearcher([[largest, narrow]]),
    });
    const state = await run();
    expect(funnel(state)).toMatchObject({ evaluated: 2, overLimit: 0, overLimitEvaluated: 1, improved: 1 });
    expect(best(state)?.text).toBe(narrow);
    expect(trace(state).map(({ value }) => value)).toEqual([null, 50]);
  });

  it("holds against a limit exactly met", async () => {
    const { journal, run } = await setUp({
      search: { limits: { flops_m: 16, params_m: 0.5 }, stallRounds: 1 },
      searcher: scriptedSearcher([[narrow, middle]]),
    });
    await run();
    expect(kinds(journal.events, 1)).toEqual(["accepted", "over-limit"]);
  });

  it("shares the result of an equivalent architecture without paying for it", async () => {
    const evaluator = new MemoryEvaluator({
      equivalenceKey: ({ text }) => (text === middle || text === right ? "m" : text),
    });
    const { run } = await setUp({
      evaluator,
      search: { equivalent: "skip", budget: 3, stallRounds: 1 },
      searcher: scriptedSearcher([[middle], [right, narrow], [wide]]),
    });
    const state = await run();
    expect(funnel(state)).toMatchObject({ proposed: 4, equivalent: 1, evaluated: 3 });
    expect(budgetSpent(state)).toBe(3);
    expect(state.ended).toBe("budget");
    expect(evaluator.evaluated.map(({ text }) => text)).not.toContain(right);
  });

  it("takes the next of a kind for the first one when that failed", async () => {
    const failed: Outcome = { kind: "failure", failure: "crashed", message: "boom" };
    const evaluator = new MemoryEvaluator({
      equivalenceKey: () => "one kind",
      score: ({ text }) => (text === narrow ? failed : 60),
    });
    const { journal, run } = await setUp({
      evaluator,
      search: { equivalent: "skip", stallRounds: 1 },
      searcher: scriptedSearcher([[narrow], [middle], [right]]),
    });
    await run();
    expect([1, 2, 3].map((round) => verdicts(journal.events, round)[0])).toMatchObject([
      { kind: "accepted", twin: null },
      { kind: "accepted", twin: null },
      { kind: "equivalent", twin: middle },
    ]);
  });
});
