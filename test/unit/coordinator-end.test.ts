/** How a search ends: by its budget, target, rounds or a stall, with a test of the winner, or on request. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Interrupted } from "../../src/errors.ts";
import type { Outcome } from "../../src/search/events.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { funnel } from "../../src/search/funnel.ts";
import { budgetSpent } from "../../src/search/progress.ts";
import { best, evaluations } from "../../src/search/results.ts";
import { replaySearch } from "../../src/search/replay.ts";
import { bodies, facts, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { askingSearcher, scriptedSearcher } from "../support/scripted-searcher.ts";
import { largest, middle, narrow, tinyTexts, wide } from "../support/tiny-architectures.ts";
import { tinyBest, tinyDescription, tinyScore, tinySpace } from "../support/tiny-space.ts";

const space = tinySpace();

describe("the end of a search", () => {
  it("comes exactly with the budget, whatever is proposed", async () => {
    const proposals = fc.array(
      fc.array(
        fc.oneof(
          { arbitrary: fc.constantFrom(...tinyTexts), weight: 4 },
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
        return tinyTexts.filter((text) => !turn.state.visited.has(text)).slice(0, 5);
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
      searcher: scriptedSearcher(tinyTexts.map((text) => [text])),
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
            searcher: scriptedSearcher((turn) => tinyTexts.slice((turn.round - 1) * size, turn.round * size)),
            evaluator: new MemoryEvaluator({
              score: (architecture) => (architecture.text === tinyTexts[works ?? -1] ? 50 : failed),
            }),
          });
          const state = await run();
          const until = Math.ceil(giveUpAfter / size) * size;
          const isHopeless = until <= 12 && (works === null || works >= until);
          expect(state.ended).toBe(isHopeless ? "nothing-succeeded" : "budget");
          expect(budgetSpent(state)).toBe(isHopeless ? until : 12);
          const replay = await replaySearch(
            journal.events,
            scriptedSearcher((turn) => tinyTexts.slice((turn.round - 1) * size, turn.round * size)),
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
      searcher: scriptedSearcher((turn) => tinyTexts.slice((turn.round - 1) * 5, turn.round * 5)),
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
  ])("records whether the test uses the images of the search, given %s", async (_, search, test, same) => {
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
