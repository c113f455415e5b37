import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ContractViolation,
  EvaluatorUnavailable,
  Interrupted,
  UnusableReply,
  UsageError,
} from "../../src/errors.ts";
import type { Notice } from "../../src/search/coordinator.ts";
import type { Outcome, RunEvent, Verdict } from "../../src/search/events.ts";
import type { ChatRequest, EvaluationMessage, Evaluator, Turn } from "../../src/search/ports.ts";
import type { Architecture, SpaceDescription } from "../../src/search/space.ts";
import { spend } from "../../src/search/spend.ts";
import { best, budgetSpent, evaluations, funnel, trace } from "../../src/search/state.ts";
import { replaySearch } from "../../src/search/replay.ts";
import { bodies, facts, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { type ChatScript, ScriptedChat } from "../support/scripted-chat.ts";
import { askingSearcher, scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyBest, tinyDescription, tinyScore, tinySpace } from "../support/tiny-space.ts";

const space = tinySpace();
const all = [...space.all()].map(({ text }) => text);
const cheapestFirst = [...all].sort((first, second) => flopsOf(first) - flopsOf(second));

/** The widths of a text added up, halved: the cost that the tiny space's evaluator gives. */
function flopsOf(text: string): number {
  const widths = (JSON.parse(text) as { width: (number | null)[] }).width;
  return widths.reduce<number>((sum, width) => sum + (width ?? 0), 0) / 2;
}

const narrow = '{"depth":[1,1],"width":[16,null,16,null]}';
const middle = '{"depth":[1,1],"width":[24,null,16,null]}';
const wide = '{"depth":[1,1],"width":[32,null,16,null]}';
const right = '{"depth":[1,1],"width":[16,null,24,null]}';
const largest = '{"depth":[2,2],"width":[32,32,32,32]}';

function verdicts(events: readonly RunEvent[], round: number): Verdict[] {
  return bodies(events, "round-proposed")
    .filter((event) => event.round === round)
    .flatMap(({ candidates }) => candidates.map(({ verdict }) => verdict));
}

const kinds = (events: readonly RunEvent[], round: number) => verdicts(events, round).map(({ kind }) => kind);

/** An evaluator that answers as told, and for all else as the one in memory. */
function evaluatorWith(changes: Partial<Evaluator>, usual: Evaluator = new MemoryEvaluator()): Evaluator {
  return {
    measureCosts: (request, signal) => usual.measureCosts(request, signal),
    evaluate: (request, signal) => usual.evaluate(request, signal),
    ...changes,
  };
}

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

describe("the end of a search", () => {
  it("comes exactly with the budget, whatever is proposed", async () => {
    const proposals = fc.array(
      fc.array(
        fc.oneof(
          { arbitrary: fc.constantFrom(...all), weight: 4 },
          { arbitrary: fc.constantFrom<unknown>("?", null, {}), weight: 1 },
        ),
        { maxLength: 8 },
      ),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(
        proposals,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 6 }),
        async (script, budget, max) => {
          const evaluator = new MemoryEvaluator({
            order: "shuffled",
            score: (architecture, split) =>
              architecture.text.length % 3 === 0
                ? { kind: "failure", failure: "crashed", message: "" }
                : tinyScore(architecture, split),
          });
          const { journal, run } = await setUp({
            evaluator,
            searcher: scriptedSearcher(script),
            search: { budget, candidates: { min: 1, max }, stallRounds: 3 },
          });
          const state = await run();
          const paid = evaluator.evaluated.filter(({ split }) => split === "search").map(({ text }) => text);
          const left = (round: number) =>
            budget - evaluations(state).filter(({ candidate }) => candidate.round < round).length;
          expect(paid.length).toBeLessThanOrEqual(budget);
          expect(new Set(paid).size).toBe(paid.length);
          expect(budgetSpent(state)).toBe(paid.length);
          expect(state.ended).toBe(paid.length === budget ? "budget" : "stalled");
          for (const round of state.rounds) {
            const accepted = round.candidates.filter(({ verdict }) => verdict.kind === "accepted").length;
            const beyond = round.candidates.filter(({ verdict }) => verdict.kind === "beyond-budget").length;
            expect(accepted).toBeLessThanOrEqual(Math.min(max, left(round.round)));
            if (beyond > 0) expect(accepted).toBe(Math.min(max, left(round.round)));
          }
          const {
            proposed,
            unreadable,
            illegal,
            repeated,
            equivalent,
            overLimit,
            beyondBudget,
            evaluated,
            failed,
          } = funnel(state);
          expect(
            unreadable + illegal + repeated + equivalent + overLimit + beyondBudget + evaluated + failed,
          ).toBe(proposed);
          expect(journal.events.at(-1)?.type).toBe(best(state) === null ? "run-ended" : "winner-tested");
        },
      ),
      { numRuns: 60 },
    );
  });

  it("tells the searcher how many evaluations a round has left", async () => {
    const allowances: number[] = [];
    const { run } = await setUp({
      search: { budget: 7, candidates: { min: 1, max: 3 } },
      searcher: scriptedSearcher((turn) => {
        allowances.push(turn.allowance);
        return all.filter((text) => !turn.state.visited.has(text)).slice(0, 5);
      }),
    });
    await run();
    expect(allowances).toEqual([3, 3, 1]);
  });

  it("comes with the first round that reaches the target", async () => {
    const reaching = (target: number) =>
      setUp({ search: { target }, searcher: scriptedSearcher([[narrow], [middle, tinyBest], [wide]]) });
    const highest = tinyScore(space.fromText(tinyBest), "search");
    const missed = await (await reaching(highest + 0.001)).run();
    expect([missed.ended, missed.rounds.length]).toEqual(["stalled", 6]);
    const reached = await (await reaching(highest)).run();
    expect([reached.ended, reached.rounds.length]).toEqual(["target", 2]);
    expect(best(reached)?.value).toBe(highest);
  });

  it("comes with a target from above where less is better, and only within the limits", async () => {
    const description = {
      ...tinyDescription,
      metrics: [{ name: "loss", unit: "nats", meaning: "", higherIsBetter: false }],
    };
    const evaluator = () =>
      new MemoryEvaluator({
        description,
        score: ({ text }) => (text === largest ? 0.1 : text === middle ? 0.2 : 0.9),
      });
    const search = { target: 0.2, limits: { flops_m: 40 }, overLimit: "evaluate" as const };
    const { run } = await setUp({
      description,
      evaluator: evaluator(),
      search,
      searcher: scriptedSearcher([[largest], [narrow], [middle], [wide]]),
    });
    const state = await run();
    expect(state.ended).toBe("target");
    expect(state.rounds).toHaveLength(3);
    expect(best(state)).toMatchObject({ text: middle, value: 0.2 });
  });

  it("comes with the last round", async () => {
    const { run } = await setUp({
      search: { rounds: 2 },
      searcher: scriptedSearcher(all.map((text) => [text])),
    });
    const state = await run();
    expect(state.ended).toBe("rounds");
    expect(state.rounds).toHaveLength(2);
  });

  it("comes after rounds in a row without anything new, not after as many in all", async () => {
    const { run } = await setUp({
      search: { stallRounds: 2 },
      searcher: scriptedSearcher([[narrow], [narrow], [middle], ["?"], [wide], [narrow, middle], []]),
    });
    const state = await run();
    expect(state.ended).toBe("stalled");
    expect(state.rounds).toHaveLength(7);
  });

  it("is called by its name when nothing within the limits was ever seen", async () => {
    const { run } = await setUp({
      search: { limits: { flops_m: 15 }, stallRounds: 2 },
      searcher: scriptedSearcher([[narrow], [wide, largest]]),
    });
    const state = await run();
    expect(state.ended).toBe("nothing-within-limit");
    expect(best(state)).toBeNull();
    expect(budgetSpent(state)).toBe(0);
  });

  it("is a stall, not a limit, when there is no limit", async () => {
    const { run } = await setUp({ search: { stallRounds: 2 }, searcher: scriptedSearcher([["?"], []]) });
    expect((await run()).ended).toBe("stalled");
  });

  it("comes early where every evaluation fails, and not where a single one gave a result", async () => {
    const failed: Outcome = { kind: "failure", failure: "not-finite", message: "accuracy is NaN" };
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 3 }),
        fc.option(fc.integer({ min: 0, max: 11 }), { nil: null }),
        async (giveUpAfter, size, works) => {
          const { journal, run } = await setUp({
            search: { budget: 12, giveUpAfter, candidates: { min: 1, max: size } },
            searcher: scriptedSearcher((turn) => all.slice((turn.round - 1) * size, turn.round * size)),
            evaluator: new MemoryEvaluator({
              score: (architecture) => (architecture.text === all[works ?? -1] ? 50 : failed),
            }),
          });
          const state = await run();
          const until = Math.ceil(giveUpAfter / size) * size;
          const isHopeless = until <= 12 && (works === null || works >= until);
          expect(state.ended).toBe(isHopeless ? "nothing-succeeded" : "budget");
          expect(budgetSpent(state)).toBe(isHopeless ? until : 12);
          const replay = await replaySearch(
            journal.events,
            scriptedSearcher((turn) => all.slice((turn.round - 1) * size, turn.round * size)),
          );
          expect([replay.complete, facts(replay.state)]).toEqual([true, facts(state)]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("never comes early for failures in a record that says nothing of giving up", async () => {
    const { run } = await setUp({
      search: { budget: 40 },
      searcher: scriptedSearcher((turn) => all.slice((turn.round - 1) * 5, turn.round * 5)),
      evaluator: new MemoryEvaluator({ score: () => Number.NaN }),
    });
    expect((await run()).ended).toBe("budget");
  });

  it("tests the winner once, on the test split, and nothing else on it", async () => {
    const evaluator = new MemoryEvaluator();
    const { journal, run } = await setUp({
      evaluator,
      search: { budget: 4 },
      searcher: scriptedSearcher([
        [narrow, tinyBest],
        [middle, wide],
      ]),
    });
    const state = await run();
    expect(evaluator.evaluated.filter(({ split }) => split === "test")).toEqual([
      { split: "test", text: tinyBest },
    ]);
    expect(journal.events.slice(-2).map(({ type }) => type)).toEqual(["run-ended", "winner-tested"]);
    expect(bodies(journal.events, "winner-tested")).toMatchObject([
      { text: tinyBest, outcome: { kind: "measurement" } },
    ]);
    const measured = best(state)?.outcome.metrics["accuracy"] ?? 0;
    expect(state.winnerTests.get(tinyBest)).toMatchObject({ metrics: { accuracy: measured - 0.25 } });
    expect(budgetSpent(state)).toBe(4);
    // Going on with a finished record tests nothing again.
    await run();
    expect(evaluator.calls.evaluate).toBe(3);
    expect(journal.events.at(-1)?.seq).toBe(state.seq);
  });

  it.each<[string, string | null, string | null, boolean]>([
    ["the same text for both", "images 1", "images 1", true],
    ["another text", "images 1", "images 2", false],
    ["nothing of the one", null, "images 1", false],
    ["nothing", null, null, false],
  ])("records whether the test uses the images of the search, told %s", async (_, search, test, same) => {
    type Split = SpaceDescription["splits"][number];
    const [first, second] = tinyDescription.splits as [Split, Split];
    const described = (split: Split, data: string | null) => (data === null ? split : { ...split, data });
    const description = { ...tinyDescription, splits: [described(first, search), described(second, test)] };
    const { journal, run } = await setUp({
      description,
      search: { budget: 1 },
      searcher: scriptedSearcher([[narrow]]),
    });
    await run();
    const [tested] = bodies(journal.events, "winner-tested");
    expect(tested === undefined ? "none" : Object.keys(tested).includes("sameImagesAsSearch")).toBe(same);
    expect(tested?.sameImagesAsSearch).toBe(same ? true : undefined);
    expect(await replaySearch(journal.events, scriptedSearcher([[narrow]]))).toMatchObject({
      complete: true,
    });
  });

  it("tests nothing where there is no test split, and nothing when there is no winner", async () => {
    const description = { ...tinyDescription, splits: [{ name: "search", meaning: "" }] };
    const evaluator = new MemoryEvaluator({ description });
    const untested = await setUp({
      description,
      evaluator,
      search: { budget: 1 },
      searcher: scriptedSearcher([[narrow]]),
    });
    await untested.run();
    expect(untested.journal.events.at(-1)?.type).toBe("run-ended");
    const failing = new MemoryEvaluator({
      score: () => ({ kind: "failure", failure: "crashed", message: "" }),
    });
    const winnerless = await setUp({
      evaluator: failing,
      search: { budget: 1 },
      searcher: scriptedSearcher([[narrow]]),
    });
    await winnerless.run();
    expect(winnerless.journal.events.at(-1)?.type).toBe("run-ended");
    expect([...evaluator.evaluated, ...failing.evaluated].map(({ split }) => split)).toEqual([
      "search",
      "search",
    ]);
  });

  it("records a winner's failed test as a failure", async () => {
    const evaluator = new MemoryEvaluator({
      score: (architecture, split) => (split === "test" ? Number.NaN : tinyScore(architecture, split)),
    });
    const { run } = await setUp({ evaluator, search: { budget: 1 }, searcher: scriptedSearcher([[narrow]]) });
    const state = await run();
    expect(state.winnerTests.get(narrow)).toMatchObject({ kind: "failure", failure: "not-finite" });
    expect(best(state)?.text).toBe(narrow);
  });
});

describe("an evaluation that gives no number", () => {
  const failed: Outcome = { kind: "failure", failure: "out-of-memory", message: "too large" };

  it("is paid for, is no number anywhere, and is not tried again", async () => {
    const evaluator = new MemoryEvaluator({
      score: (architecture, split) =>
        architecture.text === narrow ? failed : tinyScore(architecture, split),
    });
    const { journal, run } = await setUp({
      evaluator,
      search: { budget: 2 },
      searcher: scriptedSearcher([[narrow], [narrow, middle]]),
    });
    const state = await run();
    expect(state.ended).toBe("budget");
    expect(funnel(state)).toMatchObject({ evaluated: 1, failed: 1, repeated: 1, improved: 1 });
    expect(trace(state)).toEqual([
      { evaluation: 1, text: null, value: null },
      { evaluation: 2, text: middle, value: expect.any(Number) },
    ]);
    expect(bodies(journal.events, "architecture-measured")[0]?.outcome).toEqual(failed);
    expect(best(state)?.text).toBe(middle);
  });

  const impossible: [string, Record<string, number>, "not-finite" | "out-of-range"][] = [
    ["NaN", { accuracy: Number.NaN, loss: 1 }, "not-finite"],
    ["infinity", { accuracy: Number.POSITIVE_INFINITY, loss: 1 }, "not-finite"],
    ["105 percent", { accuracy: 105, loss: 1 }, "out-of-range"],
    ["less than nothing", { accuracy: -0.001, loss: 1 }, "out-of-range"],
    ["no value of the objective", { loss: 1 }, "not-finite"],
    ["NaN in the second metric", { accuracy: 50, loss: Number.NaN }, "not-finite"],
    ["no value of the second metric", { accuracy: 50 }, "not-finite"],
  ];
  it.each(impossible)("is what %s becomes", async (_, metrics, failure) => {
    const description = {
      ...tinyDescription,
      metrics: [
        ...tinyDescription.metrics,
        { name: "loss", unit: "nats", meaning: "", higherIsBetter: false },
      ],
    };
    const evaluator = new MemoryEvaluator({
      description,
      score: () => ({ kind: "measurement", metrics, seconds: 1 }),
    });
    const { journal, run } = await setUp({
      description,
      evaluator,
      search: { budget: 1 },
      searcher: scriptedSearcher([[narrow]]),
    });
    const state = await run();
    expect(bodies(journal.events, "architecture-measured")[0]?.outcome).toMatchObject({
      kind: "failure",
      failure,
    });
    expect(best(state)).toBeNull();
    expect(trace(state)).toEqual([{ evaluation: 1, text: null, value: null }]);
    expect(state.ended).toBe("budget");
  });

  it("is not what the ends of the range are, nor a loss above 100", async () => {
    const description = {
      ...tinyDescription,
      metrics: [
        ...tinyDescription.metrics,
        { name: "loss", unit: "nats", meaning: "", higherIsBetter: false },
      ],
    };
    const evaluator = new MemoryEvaluator({
      description,
      score: ({ text }) => ({
        kind: "measurement",
        metrics: { accuracy: text === narrow ? 0 : 100, loss: 120 },
        seconds: 1,
      }),
    });
    const { run } = await setUp({
      description,
      evaluator,
      search: { budget: 2 },
      searcher: scriptedSearcher([[narrow, middle]]),
    });
    expect(funnel(await run())).toMatchObject({ evaluated: 2, failed: 0 });
  });
});

describe("an evaluator that is away", () => {
  const script = [
    [narrow, middle, wide],
    [right, tinyBest],
  ];
  const search = { budget: 5, patienceSeconds: 10 };
  const undisturbed = async () =>
    facts(await (await setUp({ search, searcher: scriptedSearcher(script) })).run());

  it("is asked again with growing waits until it is back, and the run is as if nothing had been", async () => {
    const evaluator = new MemoryEvaluator();
    const { run, clock } = await setUp({ evaluator, search, searcher: scriptedSearcher(script) });
    evaluator.goAway(4);
    const notices: Notice[] = [];
    const state = await run(undefined, (notice) => notices.push(notice));
    expect(clock.waits).toEqual([0.25, 0.5, 1, 2]);
    expect(notices.filter(({ kind }) => kind === "waiting")).toEqual(
      clock.waits.map((seconds) => ({ kind: "waiting", seconds, reason: "the evaluator went away" })),
    );
    expect(facts(state)).toEqual(await undisturbed());
  });

  it("is asked only for what has no answer when it breaks off in the middle", async () => {
    const evaluator = new MemoryEvaluator();
    evaluator.breakAfter(2);
    const asked: (readonly string[])[] = [];
    const watched = evaluatorWith(
      {
        evaluate: (request, signal) => {
          asked.push(request.texts);
          return evaluator.evaluate(request, signal);
        },
      },
      evaluator,
    );
    const { run, clock } = await setUp({ evaluator: watched, search, searcher: scriptedSearcher(script) });
    const state = await run();
    expect(asked).toEqual([[narrow, middle, wide], [wide], [right, tinyBest], [tinyBest]]);
    expect(evaluator.evaluated.map(({ text }) => text)).toEqual([
      narrow,
      middle,
      wide,
      right,
      tinyBest,
      tinyBest,
    ]);
    expect(clock.waits).toEqual([0.25]);
    expect(facts(state)).toEqual(await undisturbed());
  });

  it("is asked again when it closes the stream with answers missing", async () => {
    const usual = new MemoryEvaluator();
    const streams: EvaluationMessage[][] = [
      [{ kind: "progress", index: 1, fraction: 0.5, note: "half" }],
      [{ kind: "outcome", index: 2, outcome: { kind: "measurement", metrics: { accuracy: 1 }, seconds: 0 } }],
    ];
    const asked: number[] = [];
    const evaluator = evaluatorWith(
      {
        async *evaluate(request, signal) {
          asked.push(request.texts.length);
          const stream = streams.shift();
          if (stream === undefined) yield* usual.evaluate(request, signal);
          else yield* stream;
        },
      },
      usual,
    );
    const notices: Notice[] = [];
    const { run, clock } = await setUp({
      evaluator,
      search: { ...search, budget: 3 },
      searcher: scriptedSearcher(script),
    });
    const state = await run(undefined, (notice) => notices.push(notice));
    expect(asked).toEqual([3, 3, 2, 1]);
    // The answer in between starts patience, and the waits, anew.
    expect(clock.waits).toEqual([0.25, 0.25]);
    expect(state.visited.get(wide)?.outcome).toMatchObject({ metrics: { accuracy: 1 } });
    expect(notices).toContainEqual({
      kind: "progress",
      split: "search",
      text: middle,
      place: 2,
      of: 3,
      fraction: 0.5,
      note: "half",
    });
    expect(notices).toContainEqual(
      expect.objectContaining({
        kind: "waiting",
        reason: "the evaluator closed the stream with 3 architectures unanswered",
      }),
    );
  });

  it("ends the run when patience is exceeded, with everything recorded so far", async () => {
    const evaluator = new MemoryEvaluator();
    const { run, clock, journal } = await setUp({
      evaluator,
      search,
      searcher: scriptedSearcher((turn) => {
        if (turn.round === 2) evaluator.goAway(1_000);
        return script[turn.round - 1] ?? [];
      }),
    });
    await expect(run()).rejects.toThrow(new EvaluatorUnavailable("the evaluator went away (waited 10 s)"));
    expect(clock.waits.reduce((sum, seconds) => sum + seconds, 0)).toBe(10);
    expect(Math.max(...clock.waits)).toBeLessThanOrEqual(5);
    expect(journal.events.at(-1)?.type).toBe("round-closed");
    expect(bodies(journal.events, "architecture-measured")).toHaveLength(3);
  });

  it("is given up at once without patience", async () => {
    const evaluator = new MemoryEvaluator();
    evaluator.goAway(1);
    const { run, clock } = await setUp({
      evaluator,
      search: { patienceSeconds: 0 },
      searcher: scriptedSearcher(script),
    });
    await expect(run()).rejects.toThrow(EvaluatorUnavailable);
    expect(clock.waits).toEqual([]);
  });

  it("keeps the answers that came before it was given up", async () => {
    const usual = new MemoryEvaluator();
    let isGone = false;
    const evaluator = evaluatorWith(
      {
        async *evaluate(request, signal) {
          if (isGone) throw new EvaluatorUnavailable("gone");
          for await (const message of usual.evaluate(request, signal)) {
            yield message;
            if (message.index === 1) break;
          }
          isGone = true;
          throw new EvaluatorUnavailable("gone");
        },
      },
      usual,
    );
    const { run, journal } = await setUp({ evaluator, search, searcher: scriptedSearcher(script) });
    await expect(run()).rejects.toThrow("gone (waited 10 s)");
    expect(bodies(journal.events, "architecture-measured").map(({ text }) => text)).toEqual([narrow, middle]);
  });

  it("may take as long as it likes while answers keep coming", async () => {
    const usual = new MemoryEvaluator();
    const evaluator = evaluatorWith(
      {
        async *evaluate(request, signal) {
          clock.pass(60);
          for await (const message of usual.evaluate(request, signal)) {
            yield message;
            throw new EvaluatorUnavailable("one at a time");
          }
        },
      },
      usual,
    );
    const { run, clock } = await setUp({
      evaluator,
      search: { ...search, patienceSeconds: 1 },
      searcher: scriptedSearcher(script),
    });
    expect((await run()).ended).toBe("budget");
  });
});

describe("an evaluator that breaks the contract", () => {
  const outcome: Outcome = { kind: "measurement", metrics: { accuracy: 1 }, seconds: 0 };
  const streams: [string, EvaluationMessage[], string][] = [
    [
      "answers twice",
      [
        { kind: "outcome", index: 0, outcome },
        { kind: "outcome", index: 0, outcome },
      ],
      `the evaluator answered twice for ${narrow}`,
    ],
    [
      "answers for a place that was not asked for",
      [{ kind: "outcome", index: 2, outcome }],
      "the evaluator answered for place 2 of 2",
    ],
    [
      "answers for a place below the first",
      [{ kind: "progress", index: -1, fraction: 0, note: "" }],
      "the evaluator answered for place -1 of 2",
    ],
  ];
  it.each(streams)("and %s ends the run at once", async (_, stream, message) => {
    const evaluator = evaluatorWith({
      async *evaluate() {
        yield* stream;
      },
    });
    const { run, clock } = await setUp({ evaluator, searcher: scriptedSearcher([[narrow, middle]]) });
    await expect(run()).rejects.toThrow(new ContractViolation(message));
    expect(clock.waits).toEqual([]);
  });

  const costs: [string, Record<string, number>, RegExp][] = [
    ["no value of a limited cost", { params_m: 1 }, /no value for flops_m/],
    ["NaN as a limited cost", { flops_m: Number.NaN, params_m: 1 }, /flops_m/],
  ];
  it.each(costs)("and gives %s ends the run at once", async (_, given, message) => {
    const { run } = await setUp({
      evaluator: new MemoryEvaluator({ costs: () => given }),
      search: { limits: { flops_m: 9 } },
      searcher: scriptedSearcher([[narrow]]),
    });
    const ended = await run().then(String, (error: unknown) => error);
    expect(ended).toBeInstanceOf(ContractViolation);
    expect((ended as Error).message).toMatch(message);
  });

  it("and leaves out the costs of an architecture ends the run at once", async () => {
    const { run } = await setUp({
      evaluator: evaluatorWith({ measureCosts: async () => [] }),
      searcher: scriptedSearcher([[narrow]]),
    });
    await expect(run()).rejects.toThrow(
      new ContractViolation(
        `the evaluator gave no value for every cost of ${narrow}; its costs must follow its own description`,
      ),
    );
  });
});

describe("stopping on request", () => {
  it("ends before anything is done when the signal is up already", async () => {
    const { run, journal } = await setUp({
      searcher: scriptedSearcher(() => expect.unreachable("proposed")),
    });
    await expect(run(AbortSignal.abort())).rejects.toThrow(new Interrupted("stopped on request"));
    expect(journal.events).toHaveLength(1);
  });

  it("ends between rounds", async () => {
    const stop = new AbortController();
    const asked: number[] = [];
    const searcher = scriptedSearcher(({ round }) => {
      asked.push(round);
      return [[narrow, middle][round - 1]];
    });
    const { run, journal } = await setUp({ searcher });
    const running = run(stop.signal, (notice) => {
      if (notice.kind === "recorded" && notice.event.type === "round-closed") stop.abort();
    });
    await expect(running).rejects.toThrow(new Interrupted("stopped on request"));
    expect(journal.events.at(-1)?.type).toBe("round-closed");
    expect(asked).toEqual([1]);
  });

  it("ends in the middle of an evaluation, with the answers so far recorded", async () => {
    const stop = new AbortController();
    const evaluator = new MemoryEvaluator({
      score: (architecture, split) => {
        if (architecture.text === middle) stop.abort();
        return tinyScore(architecture, split);
      },
    });
    const { run, journal } = await setUp({ evaluator, searcher: scriptedSearcher([[narrow, middle, wide]]) });
    await expect(run(stop.signal)).rejects.toThrow(Interrupted);
    expect(bodies(journal.events, "architecture-measured").map(({ text }) => text)).toEqual([narrow, middle]);
  });

  it("ends while it waits for an evaluator", async () => {
    const stop = new AbortController();
    const evaluator = new MemoryEvaluator();
    evaluator.goAway(1_000);
    const { run, clock } = await setUp({ evaluator, searcher: scriptedSearcher([[narrow]]) });
    const running = run(stop.signal, (notice) => {
      if (notice.kind === "waiting" && notice.seconds >= 1) stop.abort();
    });
    await expect(running).rejects.toThrow(Interrupted);
    expect(clock.waits).toEqual([0.25, 0.5, 1]);
  });

  it("ends while it waits for a model, before the other is asked", async () => {
    const stop = new AbortController();
    const navigator = new ScriptedChat(async () => {
      await Promise.resolve();
      stop.abort();
      return await new Promise<never>(() => {});
    });
    const generator = new ScriptedChat([]);
    const { run, journal } = await setUp({ searcher: askingSearcher, models: { navigator, generator } });
    await expect(run(stop.signal)).rejects.toThrow(Interrupted);
    expect(generator.requests).toEqual([]);
    expect(journal.events).toHaveLength(1);
  });
});

describe("a record that cannot be written", () => {
  it.each(["round-proposed", "architecture-measured", "round-closed", "run-ended", "winner-tested"])(
    "ends the run with the journal's own error at %s",
    async (type) => {
      const full = new Error("no space left on device");
      const { run, journal } = await setUp({
        search: { budget: 3 },
        searcher: scriptedSearcher([[narrow, middle, wide]]),
        journal: {
          beforeAppend: (stored) => {
            if (stored.some((body) => body.type === type)) throw full;
          },
        },
      });
      await expect(run()).rejects.toBe(full);
      expect(journal.events.map((event) => event.type)).not.toContain(type);
    },
  );
});

describe("asking a role", () => {
  const proposal = (...texts: string[]) => JSON.stringify(texts);
  const asking = async (
    navigator: ChatScript,
    generator: ChatScript,
    search: Parameters<typeof setUp>[0]["search"] = {},
  ) => {
    const models = {
      navigator: new ScriptedChat(navigator, "N"),
      generator: new ScriptedChat(generator, "G"),
    };
    return { models, ...(await setUp({ searcher: askingSearcher, models, search })) };
  };
  const said = ({ messages }: ChatRequest) => messages.map(({ role, content }) => `${role}: ${content}`);

  const conversation = {
    navigator: [
      ["system: You navigate.", "user: Navigate round 1."],
      ["user: Navigate round 2."],
      ["user: Navigate round 3."],
    ],
    generator: [
      ["system: You generate.", 'user: Generate round 1 after "first".'],
      ['user: Generate round 2 after "second".'],
      ['user: Generate round 3 after "third".'],
    ],
  };
  const replies = {
    navigator: ["first", "second", "third"],
    generator: [proposal(narrow), proposal(middle), proposal(wide)],
  };

  const memories = [true, false].flatMap((navigator) =>
    [true, false].map((generator) => ({ navigator, generator })),
  );
  it.each(memories)("sends the messages of earlier rounds to the roles that remember: %o", async (memory) => {
    const { models, run, journal } = await asking(replies.navigator, replies.generator, {
      memory,
      budget: 3,
    });
    await run();
    for (const role of ["navigator", "generator"] as const) {
      const own = conversation[role];
      const system = own[0]?.[0] ?? "";
      const expected = own.map((_, round) =>
        memory[role]
          ? own
              .slice(0, round + 1)
              .flatMap((messages, earlier) => [
                ...messages,
                ...(earlier < round ? [`assistant: ${replies[role][earlier]}`] : []),
              ])
          : [system, own[round]?.at(-1)],
      );
      expect(models[role].requests.map(said)).toEqual(expected);
      const recorded = bodies(journal.events, "chat-replied").filter((event) => event.role === role);
      expect(recorded.map(({ carried, added }) => carried + added.length)).toEqual(
        expected.map(({ length }) => length),
      );
      expect(recorded.map(({ carried }) => carried)).toEqual(memory[role] ? [0, 3, 5] : [0, 0, 0]);
    }
  });

  it("hands over round, attempt, schema and brief, and a seed of its own to every request", async () => {
    const { models, run } = await asking(["?", "first", "second"], ["?", "?", proposal(narrow)], {
      budget: 1,
    });
    await run();
    const requests = [...models.navigator.requests, ...models.generator.requests];
    expect(requests.map(({ role, round, attempt }) => `${role} ${round}.${attempt}`)).toEqual([
      "navigator 1.1",
      "navigator 1.2",
      "navigator 2.1",
      "generator 1.1",
      "generator 1.2",
      "generator 2.1",
    ]);
    expect(new Set(requests.map(({ seed }) => seed)).size).toBe(6);
    expect(models.generator.requests.map(({ schema, brief }) => ({ schema, brief }))).toEqual(
      [1, 1, 2].map((round) => ({ schema: { type: "array" }, brief: { round } })),
    );
    expect(models.navigator.requests.every(({ schema }) => schema === null)).toBe(true);
  });

  it("asks once more with every reason, and counts both replies", async () => {
    const { models, run, journal } = await asking(
      ["first", "second"],
      ["? what", proposal(narrow), proposal(middle)],
      { budget: 2 },
    );
    const state = await run();
    expect(said(models.generator.requests[1] as ChatRequest)).toEqual([
      "system: You generate.",
      'user: Generate round 1 after "first".',
      "assistant: ? what",
      expect.stringMatching(/^user: [^]*- it begins with a question mark\n- it says \? what\n/),
    ]);
    expect(bodies(journal.events, "reply-rejected")).toMatchObject([
      {
        role: "generator",
        round: 1,
        attempt: 1,
        reasons: ["it begins with a question mark", "it says ? what"],
      },
    ]);
    expect(
      bodies(journal.events, "chat-replied").map(({ role, attempt, carried, added }) => [
        role,
        attempt,
        carried,
        added.length,
      ]),
    ).toEqual([
      ["navigator", 1, 0, 2],
      ["generator", 1, 0, 2],
      ["generator", 2, 3, 1],
      ["navigator", 1, 3, 1],
      ["generator", 1, 0, 2],
    ]);
    expect(spend(state)).toMatchObject({
      chatCalls: 5,
      rejectedReplies: 1,
      inputTokens: 50,
      outputTokens: 25,
    });
    expect(state.chats.map(({ rejected }) => rejected?.length ?? 0)).toEqual([0, 2, 0, 0, 0]);
    expect(funnel(state).evaluated).toBe(2);
  });

  it("remembers the rejected reply and the reasons where a role remembers", async () => {
    const { models, run } = await asking(["?", "first", "second"], [proposal(narrow), proposal(middle)], {
      budget: 2,
    });
    await run();
    expect(models.navigator.requests[2]?.messages.map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "user",
      "assistant",
      "user",
    ]);
    expect(models.navigator.requests[2]?.messages.slice(0, 5)).toEqual([
      ...(models.navigator.requests[1]?.messages ?? []),
      { role: "assistant", content: "first" },
    ]);
  });

  it("goes on without an answer when the second reply cannot be read either", async () => {
    const { run, journal } = await asking(["? a", "? b", "second"], [proposal(narrow), proposal(middle)], {
      budget: 2,
    });
    const state = await run();
    expect(bodies(journal.events, "strategy-set").map(({ round, text }) => [round, text])).toEqual([
      [2, "second"],
    ]);
    expect(state.ended).toBe("budget");
    expect(spend(state).rejectedReplies).toBe(2);
  });

  it("gives the model up when none of its replies can be read for as many rounds as a stall takes", async () => {
    const { run, journal } = await asking(
      (_, index) => `strategy ${index}`,
      () => "? no",
      { stallRounds: 2 },
    );
    await expect(run()).rejects.toThrow(UnusableReply);
    await expect(run()).rejects.toThrow(
      /no reply of .* could be read in the last 2 rounds \(it begins with a question mark\)/,
    );
    expect(bodies(journal.events, "round-closed")).toHaveLength(2);
    expect(journal.events.some(({ type }) => type === "run-ended")).toBe(false);
  });

  it("ends as stalled when replies are read but hold nothing new", async () => {
    const { run } = await asking(
      (_, index) => `strategy ${index}`,
      () => proposal(narrow),
      { stallRounds: 2 },
    );
    expect((await run()).ended).toBe("stalled");
  });

  it("records the reasoning and never sends it back", async () => {
    const reply = (content: string) => ({ content, reasoning: "secret thoughts" });
    const { models, run, journal } = await asking(
      [reply("first"), reply("second")],
      [reply(proposal(narrow)), reply(proposal(middle))],
      { budget: 2, memory: { navigator: true, generator: true } },
    );
    await run();
    expect(
      bodies(journal.events, "chat-replied").every((event) => event.reply.reasoning === "secret thoughts"),
    ).toBe(true);
    expect(JSON.stringify([models.navigator.requests, models.generator.requests])).not.toContain("secret");
  });

  it("survives half a character in a reply", async () => {
    const { run } = await asking(["first \ud800", "second"], [proposal(narrow), proposal(middle)], {
      budget: 2,
    });
    expect((await run()).ended).toBe("budget");
  });

  it("says that a model is missing when none was set up", async () => {
    const { run } = await setUp({ searcher: askingSearcher });
    await expect(run()).rejects.toThrow(
      new UsageError('searcher "asking" asks the navigator, but no model was set up'),
    );
  });

  it("lets a model's own error through", async () => {
    const { run, journal } = await asking([new TypeError("a bug")], []);
    await expect(run()).rejects.toThrow(new TypeError("a bug"));
    expect(journal.events).toHaveLength(1);
  });
});

describe("a turn", () => {
  it("gives costs in the order asked, once a run and architecture, and records what was new", async () => {
    const asked: (readonly string[])[] = [];
    const evaluator = new MemoryEvaluator();
    const watched = evaluatorWith(
      {
        measureCosts: (request, signal) => {
          asked.push(request.texts);
          return evaluator.measureCosts(request, signal);
        },
      },
      evaluator,
    );
    const [first, second, third] = cheapestFirst.slice(0, 3).map((text) => space.fromText(text)) as [
      Architecture,
      Architecture,
      Architecture,
    ];
    const told: string[][] = [];
    const { run, journal } = await setUp({
      evaluator: watched,
      search: { budget: 2 },
      searcher: scriptedSearcher(async (turn) => {
        for (const list of [[second, first, second], [], [third, first]])
          told.push((await turn.costs(list)).map(({ text }) => text));
        return turn.round === 1 ? [first.text] : [third.text];
      }),
    });
    await run();
    expect(told).toEqual(
      [1, 2].flatMap(() =>
        [[second, first, second], [], [third, first]].map((list) => list.map(({ text }) => text)),
      ),
    );
    expect(asked).toEqual([[second.text, first.text], [third.text]]);
    expect(
      bodies(journal.events, "costs-measured").map(({ round, measured }) => [
        round,
        measured.map(({ text }) => text),
      ]),
    ).toEqual([
      [1, [second.text, first.text]],
      [1, [third.text]],
    ]);
  });

  it("shows the state as it is at every moment", async () => {
    const seen: unknown[] = [];
    const { run } = await setUp({
      search: { budget: 2, stallRounds: 1 },
      searcher: scriptedSearcher(async (turn) => {
        await turn.setStrategy(`strategy ${turn.round}`);
        seen.push([turn.state.rounds.at(-1)?.strategy, budgetSpent(turn.state)]);
        return turn.round === 1 ? [narrow] : [middle];
      }),
    });
    await run();
    expect(seen).toEqual([
      ["strategy 1", 0],
      ["strategy 2", 1],
    ]);
  });

  it("draws from a stream that depends on seed, round and label alone", async () => {
    const draws = async (seed: number) => {
      const drawn: string[] = [];
      const { run } = await setUp({
        search: { seed, rounds: 2 },
        searcher: scriptedSearcher((turn: Turn) => {
          for (const label of ["a", "b"]) {
            const random = turn.random(label);
            drawn.push(Array.from({ length: 5 }, () => random.below(1_000)).join());
          }
          return [space.sample(turn.random("a")).text];
        }),
      });
      await run();
      return drawn;
    };
    const drawn = await draws(7);
    expect(drawn).toEqual(await draws(7));
    expect(new Set([...drawn, ...(await draws(8))]).size).toBe(8);
  });
});

describe("what is recorded", () => {
  it("stands in the order in which it happened, and every record is shown to the onlooker with its state", async () => {
    const notices: Notice[] = [];
    const { run, journal } = await setUp({
      search: { budget: 3 },
      searcher: scriptedSearcher(async (turn) => {
        await turn.setStrategy("go");
        return turn.round === 1 ? [narrow, middle] : [wide];
      }),
    });
    await run(undefined, (notice) => notices.push(notice));
    const types = [
      "run-started",
      "strategy-set",
      "round-proposed",
      "architecture-measured",
      "architecture-measured",
      "round-closed",
      "strategy-set",
      "round-proposed",
      "architecture-measured",
      "round-closed",
      "run-ended",
      "winner-tested",
    ];
    expect(journal.events.map(({ type }) => type)).toEqual(types);
    expect(notices.flatMap((notice) => (notice.kind === "recorded" ? [notice.event.seq] : []))).toEqual(
      types.slice(1).map((_, index) => index + 2),
    );
  });

  it("adds up to the same whatever the order in which answers come", async () => {
    const script = [all.slice(0, 5), all.slice(3, 9), all.slice(20, 25)];
    const outcome = async (order: "asked" | "shuffled") => {
      const { run, journal } = await setUp({
        evaluator: new MemoryEvaluator({ order }),
        search: { budget: 13 },
        searcher: scriptedSearcher(script),
      });
      return {
        state: await run(),
        places: bodies(journal.events, "architecture-measured").map(({ candidate }) => candidate),
      };
    };
    const [asked, shuffled] = [await outcome("asked"), await outcome("shuffled")];
    expect(shuffled.places).not.toEqual(asked.places);
    expect(facts(shuffled.state)).toEqual(facts(asked.state));
    expect(trace(shuffled.state)).toEqual(trace(asked.state));
  });

  it("is the same twice over", async () => {
    const once = async () => {
      const { run, journal } = await setUp({
        search: { budget: 4 },
        searcher: scriptedSearcher((turn) => [space.sample(turn.random("x")).text]),
      });
      await run();
      return journal.events;
    };
    expect(await once()).toEqual(await once());
  });
});
