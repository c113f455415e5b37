/**
 * What every Searcher does, however it proposes.
 *
 * Owns the promises of the port, and made-up scores and costs for any space. Knows one thing of a searcher: whether
 * it asks the roles, which are played in memory.
 */
import { describe, expect, it } from "vitest";
import type { Outcome, SearchConfig } from "../../src/search/events.ts";
import type { Searcher } from "../../src/search/ports.ts";
import { randomStream } from "../../src/search/random.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { funnel } from "../../src/search/funnel.ts";
import { best, evaluations, valueOf } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch } from "../../src/search/replay.ts";
import { asksRoles } from "../../src/searchers/registry.ts";
import { bodies, knownFacts, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { playedRoles } from "../support/played-roles.ts";

// ----- A world for any space -----

/**
 * A score between 20 and 90 to which every slot contributes by itself: one choice of each is the right one, and some
 * slots weigh a little more than others.
 */
export function separableScore({ dimensions }: SpaceDescription): (architecture: Architecture) => number {
  const wanted = dimensions.map(({ name, choices, groups }) =>
    groups.flatMap(({ size }, group) =>
      Array.from({ length: size }, (_, within) =>
        randomStream(7, `${name} ${group} ${within}`).below(choices.length),
      ),
    ),
  );
  return ({ choices }) => {
    let right = 0;
    let all = 0;
    for (const [dimension, slots] of choices.entries()) {
      for (const [slot, choice] of slots.entries()) {
        if (choice === null) continue;
        const weight = 1 + slot / 37 + dimension / 11;
        all += weight;
        if (choice === wanted[dimension]?.[slot]) right += weight;
      }
    }
    return 20 + (70 * right) / all;
  };
}

/** Every cost of the space: later choices cost more, slots that are not in use nothing. Many architectures share one. */
export function countedCosts({
  costs,
}: SpaceDescription): (architecture: Architecture) => Record<string, number> {
  return ({ choices }) => {
    const total = choices.flat().reduce<number>((sum, choice) => sum + (choice === null ? 0 : choice + 1), 0);
    return Object.fromEntries(costs.map(({ name }) => [name, total]));
  };
}

/** The cost below which `share` of all architectures lie, by and large. */
export function limitFor(space: Space, share: number): Record<string, number> {
  const random = randomStream(3, "limit");
  const costs = countedCosts(space.description);
  const name = space.description.costs[0]?.name ?? "";
  const drawn = Array.from({ length: 400 }, () => costs(space.sample(random))[name] ?? 0);
  return { [name]: drawn.sort((first, second) => first - second)[Math.floor(400 * share)] ?? 0 };
}

export interface World {
  readonly search?: Partial<SearchConfig>;
  /** Canonical texts of architectures whose results are known before the search. */
  readonly known?: readonly string[];
  readonly score?: (architecture: Architecture) => number | Outcome;
  readonly equivalenceKey?: (architecture: Architecture) => string;
}

/** Odds of every choice for any space, no two of a slot alike. */
export function unevenPrior({ dimensions }: SpaceDescription): NonNullable<SearchConfig["prior"]> {
  return Object.fromEntries(
    dimensions.map(({ name, choices }) => [
      name,
      Object.fromEntries(choices.map((choice, index) => [choice, 3 / (index + 1)])),
    ]),
  );
}

/** A whole search, and what came of it: the record, the state, every raw candidate by round, every evaluated text. */
export async function search(
  searcher: Searcher,
  description: SpaceDescription,
  { search: changes, score, equivalenceKey = () => "", known = [] }: World = {},
) {
  const evaluator = new MemoryEvaluator({
    description,
    score: score ?? separableScore(description),
    costs: countedCosts(description),
    equivalenceKey,
  });
  const { journal, run } = await setUp({
    searcher,
    description,
    evaluator,
    known: await knownFacts(evaluator, description, known),
    models: asksRoles({ searcher: searcher.name, ...changes }) ? playedRoles() : null,
    search: { budget: 40, candidates: { min: 10, max: 20 }, stallRounds: 5, ...changes },
  });
  const state = await run();
  return {
    events: journal.events,
    state,
    proposals: state.rounds.map(({ candidates }) => candidates.map(({ raw }) => raw)),
    texts: evaluations(state).map(({ measured }) => measured.text),
    costsAsked: bodies(journal.events, "costs-measured").reduce(
      (sum, { measured }) => sum + measured.length,
      0,
    ),
  };
}

/** Every objective value, in order. */
export function valuesOf(state: RunState): number[] {
  return evaluations(state).flatMap(({ outcome }) => valueOf(state, outcome) ?? []);
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

// ----- The suite -----

export interface SearcherSubject {
  readonly searcher: Searcher;
  /** Proposes what it never proposed before, and no more than can be evaluated. */
  readonly isFrugal: boolean;
  /** Learns from results, and so does better than even draws. */
  readonly learns: boolean;
  /** What has to be set for it in a space. */
  readonly settings?: (description: SpaceDescription) => Partial<SearchConfig>;
}

const nameOf = ({ searcher, settings }: SearcherSubject, description: SpaceDescription): string => {
  const early = settings?.(description).early;
  return `searcher: ${searcher.name}${early === undefined ? "" : `, ${early} first`}`;
};

const playing =
  ({ searcher, settings = () => ({}) }: SearcherSubject) =>
  (description: SpaceDescription, { search: changes, ...world }: World = {}) =>
    search(searcher, description, { search: { ...settings(description), ...changes }, ...world });

/** The mean value of three searches, so that a search that learns can be held against even draws. */
async function meanOf(each: ReturnType<typeof playing>, directed: SpaceDescription): Promise<number> {
  const runs = [1, 2, 3].map((seed) => each(directed, { search: { seed, budget: 60 } }));
  return mean((await Promise.all(runs)).flatMap(({ state }) => valuesOf(state)));
}

/** The means of even draws, by space and direction: the same for every searcher. */
const evenMeans = new Map<string, Promise<number>>();

/** Declares the whole suite for a searcher. All spaces hold more than 100 architectures, the first one less than 1,000. */
export function searcherSuite(
  subject: SearcherSubject,
  spaces: readonly SpaceDescription[],
  even: Searcher,
): void {
  const { searcher, isFrugal } = subject;
  const play = playing(subject);
  const small = spaces[0] as SpaceDescription;
  suiteInSpaces(subject, spaces, even, true);

  describe(nameOf(subject, small), () => {
    it("has a summary of one line", () => {
      expect(searcher.summary).toMatch(/^\S.*\S$/);
    });

    it("comes to an end in a space smaller than the budget", async () => {
      const { state, texts } = await play(small, { search: { budget: 1_000 } });
      expect(["stalled", "rounds"]).toContain(state.ended);
      expect(new Set(texts).size).toBe(texts.length);
      if (isFrugal) expect(texts.length).toBeGreaterThan(Number(new Space(small).size) / 2);
    });

    it("comes to an end in a space of one architecture", async () => {
      const [dimension] = small.dimensions;
      const only = {
        ...small,
        dimensions: [{ ...dimension, choices: dimension?.choices.slice(0, 1) }],
      } as SpaceDescription;
      const { state, texts } = await play(only);
      expect(state.ended).toBe("stalled");
      expect(texts).toHaveLength(1);
    });

    it("does a bounded amount of work when nothing keeps to the limit, and evaluates nothing", async () => {
      for (const description of spaces.slice(0, 2)) {
        const limits = Object.fromEntries(description.costs.map(({ name }) => [name, 0]));
        const { state, texts, costsAsked } = await play(description, { search: { limits } });
        expect(state.ended).toBe("nothing-within-limit");
        expect(texts).toEqual([]);
        expect(state.rounds).toHaveLength(5);
        expect(costsAsked).toBeLessThanOrEqual(50_000);
      }
    });
  });
}

/**
 * Declares what a searcher does in every space.
 *
 * @param isWhole false: only that it proposes what is legal, new and within the limits
 */
export function suiteInSpaces(
  subject: SearcherSubject,
  spaces: readonly SpaceDescription[],
  even: Searcher,
  isWhole: boolean,
): void {
  const { searcher, isFrugal, learns } = subject;
  const play = playing(subject);
  describe(nameOf(subject, spaces[0] as SpaceDescription), () => {
    describe.each(spaces.map((description) => [description.id, description] as const))(
      "in %s",
      (_, description) => {
        const space = new Space(description);

        it("proposes legal architectures only, each once, and spends the budget to the last", async () => {
          const { state, proposals, texts } = await play(description, { search: { budget: 37 } });
          expect(proposals.flat().filter((raw) => !space.parse(raw).ok)).toEqual([]);
          expect(state.ended).toBe("budget");
          expect(texts).toHaveLength(37);
          expect(new Set(texts).size).toBe(37);
          const { repeated, beyondBudget } = funnel(state);
          if (isFrugal) expect({ repeated, beyondBudget }).toEqual({ repeated: 0, beyondBudget: 0 });
        });

        it("keeps within the limits, and spends the budget there", async () => {
          const limits = limitFor(space, 0.5);
          const { state, texts } = await play(description, { search: { limits, budget: 25 } });
          expect(texts).toHaveLength(25);
          const costs = countedCosts(description);
          for (const text of texts) {
            for (const [name, limit] of Object.entries(limits))
              expect(costs(space.fromText(text))[name]).toBeLessThanOrEqual(limit);
          }
          if (isFrugal) expect(funnel(state)).toMatchObject({ overLimit: 0, repeated: 0 });
        });

        if (!isWhole) return;

        it.runIf(isFrugal && space.size > 10_000n)(
          "spends the budget within a limit that one even draw in a hundred keeps, and proposes nothing over it",
          async () => {
            const { state } = await play(description, {
              search: { limits: limitFor(space, 0.01), budget: 25 },
            });
            expect(state.ended).toBe("budget");
            expect(funnel(state)).toMatchObject({ proposed: 25, evaluated: 25 });
          },
        );

        it.runIf(isFrugal && space.size > 10_000n)(
          "spends the budget on different functions where equivalent architectures are skipped",
          async () => {
            // About a hundred functions in all.
            const equivalenceKey = ({ choices }: Architecture) => {
              const used = choices.flat().filter((choice) => choice !== null);
              return `${used.filter((choice) => choice === 0).length} of ${used.length}, ${used[0]}${used[1]}`;
            };
            const { state } = await play(description, {
              equivalenceKey,
              search: { equivalent: "skip", redrawsEquivalent: true, budget: 25 },
            });
            expect(state.ended).toBe("budget");
            expect(funnel(state)).toMatchObject({ proposed: 25, evaluated: 25 });
          },
        );

        it("proposes the same with the same seed, and something else with another", async () => {
          const [first, again, other] = await Promise.all(
            [1, 1, 2].map((seed) => play(description, { search: { seed } })),
          );
          expect(again?.proposals).toEqual(first?.proposals);
          expect(other?.texts).not.toEqual(first?.texts);
        });

        it("decides the same again from its record alone", async () => {
          const limits = limitFor(space, 0.7);
          const { events, texts } = await play(description, { search: { limits } });
          const again = await replaySearch(events, searcher);
          expect(again.complete).toBe(true);
          expect(evaluations(again.state).map(({ measured }) => measured.text)).toEqual(texts);
        });

        it("never repeats what was known before, and begins from it", async () => {
          const stream = randomStream(11, "known");
          const draws = Array.from({ length: 60 }, () => space.sample(stream).text as string);
          const known = [...new Set(draws)].slice(0, 30);
          const seeds = [1, 2, 3];
          const runs = await Promise.all(
            seeds.map((seed) => play(description, { known, search: { seed, budget: 20 } })),
          );
          for (const { state, events, texts } of runs) {
            expect(texts).toHaveLength(20);
            expect(texts.filter((text) => known.includes(text))).toEqual([]);
            if (isFrugal) expect(funnel(state).repeated).toBe(0);
            const again = await replaySearch(events, searcher);
            expect(evaluations(again.state).map(({ measured }) => measured.text)).toEqual(texts);
          }
          // In the small space most of what is near the known ones is known too.
          if (!learns || space.size < 1_000n) return;
          // Without results a searcher begins with even draws.
          const fresh = await Promise.all(
            seeds.map((seed) => search(even, description, { search: { seed, budget: 20 } })),
          );
          const [own, drawn] = [runs, fresh].map((all) =>
            mean(all.flatMap(({ state }) => valuesOf(state).slice(0, 10))),
          ) as [number, number];
          expect(own).toBeGreaterThan(drawn + 1);
        });

        it("goes on when every evaluation fails", async () => {
          const { state, texts } = await play(description, {
            score: () => ({ kind: "failure", failure: "crashed", message: "boom" }),
          });
          expect(state.ended).toBe("budget");
          expect(new Set(texts).size).toBe(40);
          expect(best(state)).toBeNull();
        });

        it("goes on when all architectures are equally good", async () => {
          const { state, texts } = await play(description, { score: () => 50 });
          expect(state.ended).toBe("budget");
          expect(new Set(texts).size).toBe(40);
        });

        const directions = learns ? ["higher", "lower"] : [];
        it.each(directions)(
          "finds %s values than even draws do where those are better",
          async (direction) => {
            const [metric] = description.metrics;
            const higherIsBetter = direction === "higher";
            const directed = { ...description, metrics: [{ ...metric, higherIsBetter }] } as SpaceDescription;
            const key = `${description.id} ${direction}`;
            const drawing = evenMeans.get(key) ?? meanOf((...world) => search(even, ...world), directed);
            evenMeans.set(key, drawing);
            const averages = [await meanOf(play, directed), await drawing];
            const [learnt, drawn] = (higherIsBetter ? averages : averages.reverse()) as [number, number];
            expect(learnt).toBeGreaterThan(drawn + 1);
          },
        );
      },
    );
  });
}
