/** The rules: whole searches with them, and the strategies that they write. */
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/search/events.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import { funnel } from "../../src/search/funnel.ts";
import { best, isOverLimit } from "../../src/search/results.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import type { RunState } from "../../src/search/state.ts";
import { strategySections, strategySummary } from "../../src/search/strategy.ts";
import { isStrategy } from "../../src/searchers/navigator.ts";
import { random } from "../../src/searchers/random.ts";
import { rules } from "../../src/searchers/rules.ts";
import { countedCosts, limitFor, mean, search, valuesOf } from "../contract/searcher.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const blocks = vectorSpaces.get("blocks") as Space;
const cell = vectorSpaces.get("cell") as Space;
const stages = vectorSpaces.get("stages") as Space;
const everySpace = [tinyDescription, ...[...vectorSpaces.values()].map(({ description }) => description)];
const everyName = everySpace.map((description) => [description.id, description] as const);
const seeds = [...Array(10).keys()];
const hundred = { budget: 100, rounds: null };

/** The shares that a strategy gives the choices of a slot, in percent. */
function sharesOf(strategy: string, dimension: string, slot: number): ReadonlyMap<string, number> {
  const [, list = ""] =
    strategy
      .split("\n")
      .map((line) => line.split(`- ${dimension}[${slot}]: `))
      .find(({ length }) => length === 2) ?? [];
  const shares = list.split(", ").flatMap((share) => {
    const [, token = "", percent] = /^(.+) (\d+)%$/.exec(share) ?? [];
    return percent === undefined ? [] : [[token, Number(percent)] as const];
  });
  return new Map(shares);
}

function shareOf(strategy: string, dimension: string, slot: number, token: string): number {
  return sharesOf(strategy, dimension, slot).get(token) ?? 0;
}

const summaries = ({ rounds }: RunState) => rounds.map(({ strategy }) => strategySummary(strategy ?? ""));

describe("a search by the rules", () => {
  it("does better than even draws in a hundred evaluations, with most seeds and by a clear margin", async () => {
    for (const space of [blocks, stages]) {
      const bests = async (searcher: typeof rules) =>
        await Promise.all(
          seeds.map(async (seed) => {
            const { state } = await search(searcher, space.description, { search: { ...hundred, seed } });
            return best(state)?.value ?? 0;
          }),
        );
      const [ruled, drawn] = [await bests(rules), await bests(random)];
      const won = ruled.filter((value, seed) => value > (drawn[seed] as number)).length;
      expect(won, `${space.id}: ${ruled.join()} against ${drawn.join()}`).toBeGreaterThanOrEqual(8);
      expect(mean(ruled)).toBeGreaterThan(mean(drawn) + 3);
    }
  });

  it("narrows: later rounds score better than the first", async () => {
    const { state } = await search(rules, blocks.description, { search: hundred });
    const values = valuesOf(state);
    expect(mean(values.slice(-20))).toBeGreaterThan(mean(values.slice(0, 20)) + 10);
  });

  it.each(everyName)(
    "has a strategy in words in every round, the same with the same seed, in %s",
    async (_, description) => {
      const [first, again, other] = await Promise.all(
        [4, 4, 5].map((seed) => search(rules, description, { search: { ...hundred, budget: 60, seed } })),
      );
      const strategies = (run: typeof first) => run?.state.rounds.map(({ strategy }) => strategy) ?? [];
      expect(strategies(first).every((strategy) => isStrategy(strategy ?? ""))).toBe(true);
      expect(strategies(again)).toEqual(strategies(first));
      expect(strategies(other)).not.toEqual(strategies(first));
      expect(first?.state.chats).toEqual([]);
    },
  );

  it("draws from the shares that it wrote down, and from nothing else", async () => {
    const { state } = await search(rules, blocks.description, { search: hundred });
    let left = 0;
    for (const { strategy, candidates } of state.rounds) {
      for (const { verdict } of candidates) {
        const { block } = JSON.parse("measured" in verdict ? verdict.measured.text : "{}") as {
          block: number[];
        };
        for (const [slot, choice] of block.entries()) {
          const shares = sharesOf(strategy ?? "", "block", slot);
          expect([...shares.keys()]).toContain(`${choice}`);
          left += shares.size < 4 ? 1 : 0;
        }
      }
    }
    expect(left).toBeGreaterThan(100);
  });

  it.each(["skip", "evaluate"] as const)(
    "fills every round within a tight limit, and proposes nothing over it (%s)",
    async (overLimit) => {
      const firsts: string[] = [];
      for (const space of [stages, blocks]) {
        const limits = limitFor(space, 0.005);
        for (const seed of seeds.slice(0, 3)) {
          const { state, costsAsked } = await search(rules, space.description, {
            search: { ...hundred, budget: 50, limits, overLimit, seed },
          });
          const sizes = state.rounds.map(({ candidates }) => candidates.length);
          expect(sizes, `${space.id}, seed ${seed}`).toEqual([10, 10, 10, 10, 10]);
          expect(funnel(state)).toMatchObject({ proposed: 50, evaluated: 50, overLimitEvaluated: 0 });
          // Even draws would take two hundred costs an architecture.
          expect(costsAsked).toBeLessThan(2_500);
          firsts.push(summaries(state)[0] ?? "");
        }
      }
      expect(firsts.join()).toContain("come nearest to them agree most on");
    },
  );

  it("ends soon where nothing keeps to the limit, having asked for few costs", async () => {
    const { state, costsAsked } = await search(rules, stages.description, {
      search: { ...hundred, limits: { flops_m: 1 } },
    });
    expect(state.ended).toBe("nothing-within-limit");
    expect([...state.costs.values()].every((measured) => isOverLimit(state, measured))).toBe(true);
    expect(costsAsked).toBeLessThan(13_000);
  });

  it("widens where nearly everything near the best is known, and proposes nothing twice", async () => {
    const { state } = await search(rules, cell.description, { search: { ...hundred, budget: 600 } });
    expect(funnel(state)).toMatchObject({ proposed: 600, evaluated: 600 });
    expect(
      summaries(state).filter((words) => words.includes("vary more than before")).length,
    ).toBeGreaterThan(3);
  });

  it("starts again from even shares at last, and finds everything there is", async () => {
    const { state } = await search(rules, tinyDescription, { search: { ...hundred, budget: 1_000 } });
    expect(funnel(state)).toMatchObject({ proposed: 144, evaluated: 144 });
    expect(state.ended).toBe("stalled");
    const again = summaries(state).find((words) => words.includes("start again from even shares"));
    expect(again).toMatch(/^Nearly everything close to the best of \d+ results is known/);
  });

  it("says wherever it is shown that it is no language model", () => {
    expect(rules.label).toBe("rules, no language model");
    expect(rules.summary).toContain("no language model");
  });
});

/** One result of the first round of a search. */
interface Result {
  readonly text: string;
  /** Null: its evaluation failed. */
  readonly value: number | null;
}

/** What the rules write in the second round, about the results of the first. */
async function strategyAfter(
  space: Space,
  results: readonly Result[],
  { higherIsBetter = true, budget = 100 } = {},
): Promise<string> {
  const description: SpaceDescription = {
    ...space.description,
    metrics: space.description.metrics.map((metric) => ({ ...metric, higherIsBetter })),
  };
  const values = new Map(results.map(({ text, value }) => [text, value]));
  const score = ({ text }: Architecture): number | Outcome =>
    values.get(text) ?? { kind: "failure", failure: "crashed", message: "boom" };
  const first = scriptedSearcher([results.map(({ text }) => text)]);
  const { run } = await setUp({
    searcher: {
      name: "rules",
      summary: "the rules, after a round that was written down",
      propose: async (turn) => await (turn.round === 1 && results.length > 0 ? first : rules).propose(turn),
    },
    description,
    evaluator: new MemoryEvaluator({ description, score, costs: countedCosts(description) }),
    search: { budget, rounds: 2 },
  });
  const state = await run();
  return state.rounds[results.length > 0 ? 1 : 0]?.strategy ?? "";
}

describe("the strategy", () => {
  it.each(everyName)(
    "has every section, and a range for every slot, even at first, in %s",
    async (_, description) => {
      const strategy = await strategyAfter(new Space(description), []);
      for (const section of strategySections) expect(strategy).toContain(`## ${section}\n`);
      for (const { name, choices, groups } of description.dimensions) {
        expect(strategy).toContain(`### ${name}\n`);
        const slots = groups.reduce((sum, { size }) => sum + size, 0);
        for (let slot = 0; slot < slots; slot++) {
          for (const token of choices)
            expect(shareOf(strategy, name, slot, token)).toBe(Math.round(100 / choices.length));
        }
      }
      expect(strategySummary(strategy)).toContain("Nothing is known yet");
      expect(strategy).not.toContain("Hardly any");
    },
  );

  const withBlocks = (token: string, slot = 0) =>
    JSON.stringify({ block: Array.from({ length: 20 }, (_, at) => (at === slot ? Number(token) : 0)) });

  it("favours the choices that good results share, more the better they are", async () => {
    const results = [
      { text: withBlocks("3"), value: 90 },
      { text: withBlocks("2"), value: 80 },
      { text: withBlocks("1"), value: 70 },
    ];
    const up = await strategyAfter(blocks, results);
    const shares = (strategy: string) => ["1", "2", "3"].map((token) => shareOf(strategy, "block", 0, token));
    const [low = 0, middle = 0, high = 0] = shares(up);
    expect(low).toBeLessThan(middle);
    expect(middle).toBeLessThan(high);
    expect(shareOf(up, "block", 5, "0")).toBeGreaterThan(50);
    const down = await strategyAfter(blocks, results, { higherIsBetter: false });
    expect(shares(down)).toEqual([high, middle, low]);
  });

  it("leaves failures out of account", async () => {
    const strategy = await strategyAfter(blocks, [
      { text: withBlocks("3"), value: null },
      { text: withBlocks("2"), value: 80 },
    ]);
    expect(shareOf(strategy, "block", 0, "2")).toBeGreaterThan(shareOf(strategy, "block", 0, "3"));
    const nothing = await strategyAfter(blocks, [{ text: withBlocks("3"), value: null }]);
    expect(strategySummary(nothing)).toContain("Nothing is known yet");
  });

  it("grows surer as the budget runs out", async () => {
    const results = [{ text: withBlocks("3"), value: 90 }];
    const shares = await Promise.all(
      [100, 4, 2].map(async (budget) =>
        shareOf(await strategyAfter(blocks, results, { budget }), "block", 0, "3"),
      ),
    );
    expect(shares).toEqual([...shares].sort((first, second) => first - second));
    expect(shares[0]).toBeLessThan(shares[2] as number);
  });

  it.each([60, 300])("can be followed where slots have %i choices", async (count) => {
    const [dimension] = blocks.description.dimensions;
    const many = new Space({
      ...blocks.description,
      dimensions: [{ ...dimension, choices: Array.from({ length: count }, (_, index) => `${index}`) }],
    } as SpaceDescription);
    const strategy = await strategyAfter(many, []);
    expect(shareOf(strategy, "block", 0, "59")).toBe(count === 60 ? 2 : 0);
    const { state } = await search(rules, many.description, { search: { budget: 30 } });
    const blocksOf = (text: string) => (JSON.parse(text) as { block: number[] }).block;
    const seen = new Set(
      state.rounds.flatMap(({ candidates }) => candidates.flatMap(({ raw }) => blocksOf(String(raw)))),
    );
    expect(seen.size).toBeGreaterThan(40);
  });
});
