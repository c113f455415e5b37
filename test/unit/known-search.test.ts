/** What results that were known before a search are to it: facts that cost no budget, and everything else of a result. */
import { describe, expect, it } from "vitest";
import { requireAllKnown } from "../../src/app/known.ts";
import { summarize } from "../../src/app/summary.ts";
import { UsageError } from "../../src/errors.ts";
import { knownSentences, comparedSpaces } from "../../src/report/comparison.ts";
import { evaluationsToReach, outcomeOf, roundResults } from "../../src/report/outcome.ts";
import { cohortsOf } from "../../src/report/study.ts";
import type { Outcome, SearchConfig } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import { funnel } from "../../src/search/funnel.ts";
import { budgetLeft, budgetSpent } from "../../src/search/progress.ts";
import { replaySearch } from "../../src/search/replay.ts";
import { best, trace } from "../../src/search/results.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import type { RunState } from "../../src/search/state.ts";
import { coverageOf } from "../../src/searchers/coverage.ts";
import { portfolioOf } from "../../src/searchers/portfolio.ts";
import { rules } from "../../src/searchers/rules.ts";
import type { Searcher } from "../../src/search/ports.ts";
import { navigatorPrompt } from "../../src/searchers/navigator.ts";
import { regularizedEvolution } from "../../src/searchers/regularized-evolution.ts";
import { evolution } from "../../src/searchers/evolution.ts";
import { soloPrompt } from "../../src/searchers/solo.ts";
import { improvers, candidateWords } from "../../src/dashboard/page/candidate-words.ts";
import { kinds, knownEvents, knownFacts, setUp, started } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyBest, tinyCosts, tinyDescription, tinyScore, tinySpace } from "../support/tiny-space.ts";

const space = tinySpace();
const all = [...space.all()].sort(
  (first, second) => tinyScore(second, "search") - tinyScore(first, "search"),
);
const ranked = all.map(({ text }) => text as string);
const scoreOf = (text: string) => tinyScore(space.fromText(text), "search");

interface Given {
  /** Places among all architectures, 0 being the best. */
  readonly known: readonly number[];
  readonly proposed: readonly (readonly number[])[];
  readonly search?: Partial<SearchConfig>;
  readonly equivalenceKey?: (architecture: Architecture) => string;
  readonly score?: (architecture: Architecture, split: "search" | "test") => number | Outcome;
}

/** A search that begins with some results and proposes others. */
async function searched({ known, proposed, search = {}, ...world }: Given) {
  const evaluator = new MemoryEvaluator(world);
  const facts = await knownFacts(
    evaluator,
    tinyDescription,
    known.map((place) => ranked[place] as string),
  );
  const searcher = scriptedSearcher(async ({ round }) =>
    (proposed[round - 1] ?? []).map((place) => ranked[place]),
  );
  const { journal, run } = await setUp({
    searcher,
    evaluator,
    known: facts,
    search: { rounds: proposed.length, ...search },
  });
  return { state: await run(), events: journal.events, searcher, evaluator };
}

describe("results that are known before a search", () => {
  const usual: Given = {
    known: [20, 3, 40],
    proposed: [
      [3, 30, 50],
      [1, 4],
    ],
  };

  it("cost no budget and no round, and are no evaluations", async () => {
    const { state } = await searched(usual);
    expect([budgetSpent(state), budgetLeft(state)]).toEqual([4, 16]);
    expect(state.rounds).toHaveLength(2);
    expect(funnel(state)).toMatchObject({ proposed: 5, repeated: 1, evaluated: 4, improved: 1 });
    expect(summarize(state, "run").spend.evaluations).toBe(4);
  });

  it("are repeated by a proposal of one of them, which is not measured again", async () => {
    const { events, evaluator } = await searched(usual);
    expect(kinds(events, 1)).toEqual(["repeated", "accepted", "accepted"]);
    const times = evaluator.evaluated.filter(({ text, split }) => text === ranked[3] && split === "search");
    // Once, to know it.
    expect(times).toHaveLength(1);
  });

  it("begin the best so far", async () => {
    const { state } = await searched(usual);
    const [known, found] = [ranked[3], ranked[1]] as [string, string];
    expect(trace(state).map(({ text }) => text)).toEqual([known, known, found, found]);
    expect(summarize(state, "run")).toMatchObject({
      best: { text: found, isKnown: false },
      known: { count: 3, source: "a test" },
    });
    const outcome = outcomeOf({ folder: "run", state });
    expect(outcome.steps.map(({ best: value }) => value)).toEqual([known, known, found, found].map(scoreOf));
    expect(evaluationsToReach(outcome, scoreOf(known))).toBe(0);
    expect(evaluationsToReach(outcome, scoreOf(found))).toBe(3);
    expect(roundResults(state)[0]?.gain).toBeLessThan(0);
    expect([...improvers(state)]).toEqual(["2-0"]);
    const [repeat] = state.rounds[0]?.candidates ?? [];
    expect(candidateWords(state, repeat as never).reasons[0]?.sentence).toBe(
      "Known before the search began.",
    );
  });

  it("can win, and the winner is tested as always", async () => {
    const { state } = await searched({ known: [0, 9], proposed: [[5]] });
    expect(best(state)?.text).toBe(tinyBest);
    expect(state.winnerTests.get(tinyBest)).toMatchObject({ kind: "measurement" });
    expect(summarize(state, "run").best).toMatchObject({
      isKnown: true,
      test: { accuracy: tinyScore(space.fromText(tinyBest), "test") },
    });
  });

  it("end a search at once where one reaches the target", async () => {
    const { state } = await searched({
      known: [2],
      proposed: [[5]],
      search: { target: scoreOf(ranked[2] as string) },
    });
    expect(state).toMatchObject({ ended: "target", rounds: [] });
    expect(outcomeOf({ folder: "run", state }).last.picked).toBe(ranked[2]);
  });

  it("are within the limits or not, like all others", async () => {
    const costly = all.findIndex((each) => (tinyCosts(each)["flops_m"] as number) > 40);
    const { state } = await searched({
      known: [costly],
      proposed: [[]],
      search: { limits: { flops_m: 40 }, stallRounds: 1 },
    });
    expect(state.known[0]?.verdict).toMatchObject({ kind: "accepted", overLimit: true });
    expect(best(state)).toBeNull();
  });

  it("share their result with an equivalent architecture", async () => {
    const equivalenceKey = ({ text }: Architecture) => ([ranked[3], ranked[30]].includes(text) ? "same" : "");
    const { state, events } = await searched({ ...usual, equivalenceKey, search: { equivalent: "skip" } });
    expect(kinds(events, 1)).toEqual(["repeated", "equivalent", "accepted"]);
    expect(outcomeOf({ folder: "run", state }).steps).toHaveLength(3);
  });

  it("are part of the record: a replay decides the same, and a changed one is found", async () => {
    const { events, searcher, state } = await searched(usual);
    const again = await replaySearch(events, searcher);
    expect(again.complete).toBe(true);
    expect(again.state.known).toEqual(state.known);
    const changed = structuredClone(events);
    const fact = changed.find((event) => event.type === "results-known") as never as {
      results: { metrics: Record<string, number> }[];
    };
    (fact.results[0] as { metrics: Record<string, number> }).metrics["accuracy"] = 99;
    await expect(replaySearch(changed, searcher)).rejects.toThrow(/event \d+/);
  });

  it("come before the first round, and all of them or no search", async () => {
    const { events } = await searched(usual);
    const late = events.findIndex(({ type }) => type === "round-closed") + 1;
    const moved = events.toSpliced(late, 0, events[1] as (typeof events)[number]);
    expect(() => fold(moved)).toThrow("known results come before the first round");
    const begun = (count: number) => {
      const facts = (events as { type: string }[]).slice(0, count);
      const state = fold(facts as never) as RunState;
      return { ...state, search: { ...state.search, known: { count: 3, digest: "d" } } };
    };
    expect(() => requireAllKnown(begun(3))).not.toThrow();
    expect(() => requireAllKnown(begun(2))).toThrow(UsageError);
    expect(() => requireAllKnown(begun(2))).toThrow("2 of 3 results");
  });
});

describe("searchers that begin with known results", () => {
  const known = Array.from({ length: 40 }, (_, place) => 3 * place).toReversed();

  it("breed from the best of them: evolution", async () => {
    const [children, parents] = await firstChildren(evolution, 5);
    const isCrossed = ({ choices }: Architecture) =>
      parents.some((mother) =>
        parents.some((father) =>
          choices
            .flat()
            .every((choice, slot) =>
              [mother.choices.flat()[slot], father.choices.flat()[slot]].includes(choice),
            ),
        ),
      );
    expect(children.filter((child) => !isNear(child, parents) && !isCrossed(child))).toEqual([]);
  });

  it("breed from the best of them: regularized evolution", async () => {
    const [children, parents] = await firstChildren(regularizedEvolution, 20);
    expect(children.filter((child) => !isNear(child, parents))).toEqual([]);
  });

  /** What is proposed first, and the best of what was known. The best come first, so the last are not the best. */
  async function firstChildren(searcher: Searcher, count: number): Promise<[Architecture[], Architecture[]]> {
    const evaluator = new MemoryEvaluator();
    const texts = known.toReversed().map((place) => ranked[place] as string);
    const facts = await knownFacts(evaluator, tinyDescription, texts);
    const { run } = await setUp({
      searcher,
      evaluator,
      known: facts,
      search: { budget: 10, candidates: { min: 10, max: 20 } },
    });
    const children =
      (await run()).rounds[0]?.candidates.map(({ raw }) => space.fromText(raw as string)) ?? [];
    expect(children.length).toBeGreaterThanOrEqual(4);
    return [children, texts.slice(0, count).map((text) => space.fromText(text))];
  }

  function isNear({ text }: Architecture, parents: readonly Architecture[]): boolean {
    return parents.some((parent) => space.neighbours(parent).some((each) => each.text === text));
  }

  it("are judged by whether they improve on the best of them: a portfolio", async () => {
    const played: string[] = [];
    const evaluator = new MemoryEvaluator({ score: ({ text }) => scores.get(text) ?? 90 });
    const scores = new Map<string, number>();
    const arm = (name: string, score: number): Searcher => ({
      name,
      summary: name,
      propose: async ({ state }) => {
        played.push(name);
        const fresh = ranked.filter((text) => !state.visited.has(text)).slice(0, 5);
        for (const text of fresh) scores.set(text, score);
        return fresh;
      },
    });
    const facts = await knownFacts(evaluator, tinyDescription, ranked.slice(0, 10));
    const searcher = portfolioOf([arm("early", 50)], arm("late", 40));
    await (await setUp({ searcher, evaluator, known: facts, search: { budget: 20, early: "early" } })).run();
    // Neither improves on what was known, so it stays with the one that learns.
    expect(played).toEqual(["late", "early", "late", "late"]);
  });

  it("tell of them wherever they tell of results", async () => {
    const facts = await knownFacts(
      new MemoryEvaluator(),
      tinyDescription,
      [0, 7, 9, 11].map((place) => ranked[place] as string),
    );
    const words = (await (await setUp({ searcher: rules, known: facts, search: { rounds: 1 } })).run())
      .rounds[0]?.strategy;
    expect(words).toContain("best of 4 results");
    const searcher = scriptedSearcher(async (turn) => {
      await turn.setStrategy("A strategy of five words.");
      return [ranked[30]];
    });
    const state = await (await setUp({ searcher, known: facts, search: { rounds: 1 } })).run();
    expect(coverageOf(state, space)?.evaluated).toBe(5);
    const { user, condensed } = navigatorPrompt(state, space, 2);
    const value = scoreOf(tinyBest).toPrecision(6);
    expect(condensed).toContain(`1. accuracy ${Number(value)}`);
    expect(user).toContain(`${Number(value)}`);
  });

  const wordings = ["standard", "concise", "coaching"] as const;
  it.each(wordings)(
    "tell a model of the best ones, and of no evaluation that was not made: %s",
    async (wording) => {
      const facts = await knownFacts(
        new MemoryEvaluator(),
        tinyDescription,
        known.map((place) => ranked[place] as string),
      );
      const begin = [started({ wording }), ...knownEvents(facts)];
      const state = fold(
        begin.map((body, index) => ({
          v: 1,
          seq: index + 1,
          at: "2026-01-01T00:00:00.000Z",
          ...body,
        })) as never,
      ) as RunState;
      for (const { user } of [navigatorPrompt(state, space, 1), soloPrompt(state, space, 1)]) {
        const lines = user.split("\n").filter((line) => /^\d+\. accuracy/.test(line));
        expect(lines).toHaveLength(20);
        const best20 = known
          .toReversed()
          .slice(0, 20)
          .map((place) => scoreOf(ranked[place] as string).toPrecision(6));
        expect(lines.map((line) => Number(/accuracy ([\d.]+)/.exec(line)?.[1]))).toEqual(best20.map(Number));
        expect(user).toContain("20 of 40 results");
        expect(user).not.toMatch(/nothing has been evaluated|no evaluations so far|not evaluated anything/i);
      }
    },
  );
});

describe("reports of searches that began with known results", () => {
  it("keep them apart from others, and say it", async () => {
    const runs = await Promise.all(
      [
        ["a", [3]],
        ["b", [4]],
        [null, []],
      ].map(async ([digest, known]) => {
        const recorded =
          digest === null ? {} : { known: { count: 1, digest: `${digest as string}`.repeat(20) } };
        const { state } = await searched({ known: known as number[], proposed: [[30]], search: recorded });
        return { folder: `runs/${digest as string}`, state };
      }),
    );
    const cohorts = cohortsOf(runs);
    expect(cohorts.map(({ label }) => label)).toEqual([
      "collm, 1 known result (digest aaaaaaaaaaaa)",
      "collm, 1 known result (digest bbbbbbbbbbbb)",
      "collm, no known results",
    ]);
    const study = { cohorts, references: [], program: "collm-nas" } as never;
    const sentences = knownSentences(comparedSpaces(study)[0]?.cohorts ?? []);
    expect(sentences).toHaveLength(2);
    expect(sentences[0]).toContain("began with 1 known result from a test, which costs no budget");
  });
});
