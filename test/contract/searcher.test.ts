/** Every Searcher in the registry, held to the one suite; then what each does that the others do not. */
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import type { SearchConfig } from "../../src/search/events.ts";
import type { Searcher } from "../../src/search/ports.ts";
import { randomStream } from "../../src/search/random.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import { Space } from "../../src/search/space.ts";
import { best } from "../../src/search/results.ts";
import { costliestFirst } from "../../src/searchers/costliest-first.ts";
import { evolution } from "../../src/searchers/evolution.ts";
import { localSearch } from "../../src/searchers/local-search.ts";
import { portfolioOf } from "../../src/searchers/portfolio.ts";
import { priorRandom } from "../../src/searchers/prior-random.ts";
import { random } from "../../src/searchers/random.ts";
import { asksRoles, checkSettings, searchers } from "../../src/searchers/registry.ts";
import { regularizedEvolution } from "../../src/searchers/regularized-evolution.ts";
import { reinforce } from "../../src/searchers/reinforce.ts";
import { surrogate } from "../../src/searchers/surrogate.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { searcherSubjects } from "../support/searcher-subjects.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";
import { countedCosts, limitFor, search, searcherSuite, separableScore } from "./searcher.ts";

const cell = vectorSpaces.get("cell") as Space;
const blocks = vectorSpaces.get("blocks") as Space;
const stages = vectorSpaces.get("stages") as Space;
const [first = "", second = ""] = cell.description.dimensions[0]?.choices ?? [];
const portfolio = searchers.find(({ name }) => name === "portfolio") as Searcher;

// The other kinds of space are searched by searcher.sweep.test.ts.
for (const subject of searcherSubjects) searcherSuite(subject, [tinyDescription, cell.description], random);

describe("the registry", () => {
  it("knows every searcher by a name of its own, and which of them ask the roles", () => {
    const names = searchers.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((searcher) => asksRoles({ searcher }))).toContain("collm");
    expect(asksRoles({ searcher: "random" })).toBe(false);
    for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it("knows that a portfolio asks the roles when its early searcher does", () => {
    expect(asksRoles({ searcher: "portfolio", early: "collm" })).toBe(true);
    expect(asksRoles({ searcher: "portfolio", early: "local-search" })).toBe(false);
    expect(asksRoles({ searcher: "portfolio" })).toBe(false);
    expect(asksRoles({ searcher: "random", early: "collm" })).toBe(false);
  });

  it("refuses settings that do not fit the searcher or the space, before anything is searched", () => {
    const check = (settings: Parameters<typeof checkSettings>[1]) => () => checkSettings(cell, settings);
    expect(check({ searcher: "surrogate" })).not.toThrow();
    expect(check({ searcher: "portfolio" })).not.toThrow();
    expect(check({ searcher: "portfolio", prior: { op: { none: 1 } } })).not.toThrow();
    expect(check({ searcher: "prior-random" })).toThrow('add "prior" to the configuration');
    expect(check({ searcher: "portfolio", early: "prior-random" })).toThrow('add "prior"');
    expect(check({ searcher: "prior-random", prior: { ops: { none: 1 } } })).toThrow('did you mean "op"?');
    expect(check({ searcher: "random", prior: { ops: { none: 1 } } })).not.toThrow();
    expect(check({ searcher: "prior-random", prior: { op: { none: 1 } }, blind: true })).toThrow("blind");
    expect(check({ searcher: "portfolio", early: "evolutoin" })).toThrow('did you mean "evolution"?');
    expect(check({ searcher: "portfolio", early: "portfolio" })).toThrow("cannot begin with");
  });
});

const scoreOf = separableScore(blocks.description);

/** In how many slots two architectures differ. */
function distance(first: Architecture, second: Architecture): number {
  const others = second.choices.flat();
  return first.choices.flat().filter((choice, slot) => choice !== others[slot]).length;
}

/** The evaluated architectures of each round. */
async function generations(searcher: Searcher, space: Space, world: Parameters<typeof search>[2] = {}) {
  const { state } = await search(searcher, space.description, world);
  return state.rounds.map(({ candidates }) =>
    candidates.flatMap(({ verdict }) =>
      verdict.kind === "accepted" ? [space.fromText(verdict.measured.text)] : [],
    ),
  );
}

describe("evolution", () => {
  it("has ten founders, keeps the better half, and breeds five children from it by mutation and crossover", async () => {
    const [founders, ...children] = await generations(evolution, blocks, { search: { budget: 60 } });
    expect(founders).toHaveLength(10);
    let population = founders as Architecture[];
    const kinds = { mutation: 0, crossover: 0 };
    let fromTheWorse = 0;
    for (const generation of children) {
      expect(generation).toHaveLength(5);
      const ordered = [...population].sort((first, second) => scoreOf(second) - scoreOf(first));
      const [better, worse] = [ordered.slice(0, 5), ordered.slice(5)];
      for (const child of generation) {
        const kind = descent(child, better);
        expect(kind, child.text).not.toBeNull();
        kinds[kind as keyof typeof kinds] += 1;
        if (descent(child, worse) !== null) fromTheWorse += 1;
      }
      population = [...better, ...generation];
    }
    // A crossover of parents that are nearly alike looks like a mutation.
    expect(kinds.mutation).toBeGreaterThan(10);
    expect(kinds.crossover).toBeGreaterThan(3);
    expect(fromTheWorse).toBeLessThan(10);
  });

  it("breeds no child from one that failed", async () => {
    const failing = (architecture: Architecture) => architecture.choices[0]?.[0] === 0;
    const [founders, first] = await generations(evolution, blocks, {
      search: { budget: 40 },
      score: (architecture) =>
        failing(architecture)
          ? { kind: "failure", failure: "crashed", message: "boom" }
          : scoreOf(architecture),
    });
    expect(founders?.some(failing)).toBe(true);
    // Founders are drawn until ten are scored.
    expect(first?.length).toBeLessThanOrEqual(founders?.filter(failing).length ?? 0);
  });

  function descent(child: Architecture, parents: readonly Architecture[]): "mutation" | "crossover" | null {
    if (parents.some((parent) => distance(child, parent) === 1)) return "mutation";
    const slots = child.choices.flat();
    const isCrossed = parents.some((mother) =>
      parents.some((father) =>
        slots.every((choice, slot) =>
          [mother.choices.flat()[slot], father.choices.flat()[slot]].includes(choice),
        ),
      ),
    );
    return isCrossed ? "crossover" : null;
  }
});

describe("regularized evolution", () => {
  it("breeds from the last twenty alone, however good the dead were", async () => {
    let evaluated = 0;
    const rounds = await generations(regularizedEvolution, blocks, {
      search: { budget: 90 },
      // The first ones are the best for ever.
      score: () => 90 - evaluated++ / 2,
    });
    const born: Architecture[] = [];
    for (const children of rounds) {
      if (born.length >= 20) {
        const alive = born.slice(-20);
        for (const child of children) expect(alive.map((parent) => distance(child, parent))).toContain(1);
      }
      born.push(...children);
    }
    expect(born).toHaveLength(90);
  });

  it("draws evenly until twenty are alive", async () => {
    const [first, second] = await generations(regularizedEvolution, blocks, { search: { budget: 40 } });
    const nearest = (second ?? []).flatMap((each) => (first ?? []).map((other) => distance(each, other)));
    expect(Math.min(...nearest)).toBeGreaterThan(3);
  });
});

describe("local search", () => {
  it.each([
    ["without a limit", {}],
    ["within a limit", limitFor(cell, 0.5)],
  ])(
    "steps to neighbours of the best only, and starts anew when all of them are known: %s",
    async (_, limits) => {
      const score = separableScore(cell.description);
      const costs = countedCosts(cell.description);
      const isWithin = (each: Architecture) =>
        Object.entries(limits).every(([name, limit]) => (costs(each)[name] ?? 0) <= limit);
      const rounds = await generations(localSearch, cell, { search: { budget: 150, limits } });
      const visited = new Set<string>();
      let stand: Architecture | null = null;
      let restarts = 0;
      for (const steps of rounds) {
        const open: string[] =
          stand === null
            ? []
            : cell
                .neighbours(stand)
                .flatMap((each) => (visited.has(each.text) || !isWithin(each) ? [] : [each.text]));
        if (open.length > 0) {
          expect(open).toEqual(expect.arrayContaining(steps.map(({ text }) => text)));
        } else {
          restarts += 1;
          stand = null;
        }
        for (const step of steps) {
          visited.add(step.text);
          if (stand === null || score(step) > score(stand)) stand = step;
        }
      }
      expect(restarts).toBeGreaterThan(1);
    },
  );
});

/** How often each choice stands in the slots of one dimension, as shares by choice. */
function shares(space: Space, texts: readonly string[], dimension: number): number[] {
  const drawn = texts.flatMap((text) => space.fromText(text).choices[dimension] ?? []);
  const active = drawn.filter((choice) => choice !== null);
  const choices = space.description.dimensions[dimension]?.choices ?? [];
  return choices.map((_, index) => active.filter((choice) => choice === index).length / active.length);
}

describe("draws from a prior", () => {
  const draw = (space: Space, prior: SearchConfig["prior"], budget: number) =>
    search(priorRandom, space.description, { search: { budget, ...(prior === undefined ? {} : { prior }) } });

  it("draws the choices of a dimension by their weights, and evenly where none are given", async () => {
    // Numbers are named by value, whatever their spelling; what is not named is never drawn.
    const place = stages.description.dimensions.findIndex(({ name }) => name === "d");
    const prior = { d: { "4": 6, "2.0": 2 } };
    const { texts } = await draw(stages, prior, 500);
    const [two, three, four] = shares(stages, texts, place);
    expect(two).toBeCloseTo(0.25, 1);
    expect(three).toBe(0);
    expect(four).toBeCloseTo(0.75, 1);
    for (const [index, dimension] of stages.description.dimensions.entries()) {
      if (index === place) continue;
      for (const share of shares(stages, texts, index))
        expect(share).toBeCloseTo(1 / dimension.choices.length, 1);
    }
  });

  it("ends the run when everything that has any odds is known", async () => {
    const { state, texts } = await draw(cell, { op: { [first]: 1, [second]: 3 } }, 100);
    expect(texts).toHaveLength(2 ** 6);
    expect(state.ended).toBe("stalled");
  });

  it.each<[string, SearchConfig["prior"], string]>([
    ["none at all", undefined, 'add "prior" to the configuration, for example prior: {op: {'],
    ["an unknown dimension", { opp: { none: 1 } }, 'has no dimension "opp"; they are op; did you mean "op"?'],
    ["an unknown choice", { op: { non: 1 } }, 'prior.op: "non" is no choice'],
    ["odds beyond all numbers", { op: { none: 1e308, skip: 1e308 } }, "prior.op"],
  ])("refuses a prior with %s", async (_, prior, message) => {
    const drawn = draw(cell, prior, 10);
    await expect(drawn).rejects.toThrow(UsageError);
    await expect(drawn).rejects.toThrow(message);
  });
});

describe("reinforce", () => {
  it("draws what scored more and more often, and evenly as long as nothing tells choices apart", async () => {
    const world = { search: { budget: 300 } };
    const rewarded = await search(reinforce, blocks.description, {
      ...world,
      score: ({ choices }) => 10 * choices.flat().filter((choice) => choice === 0).length,
    });
    const even = await search(reinforce, blocks.description, { ...world, score: () => 50 });
    const early = shares(blocks, rewarded.texts.slice(0, 50), 0)[0] as number;
    const late = shares(blocks, rewarded.texts.slice(-50), 0)[0] as number;
    expect(late).toBeGreaterThan(1.5 * early);
    for (const share of shares(blocks, even.texts, 0))
      expect(share).toBeCloseTo(1 / (blocks.description.dimensions[0]?.choices.length as number), 1);
  });
});

describe("surrogate", () => {
  it("finds the best of thousands within a few dozen evaluations, where even draws would need luck", async () => {
    const score = separableScore(cell.description);
    const highest = Math.max(...[...cell.all()].map(score));
    for (const seed of [1, 2, 3, 4, 5]) {
      const { state } = await search(surrogate, cell.description, { search: { seed, budget: 60 } });
      expect(best(state)?.value).toBe(highest);
    }
  });

  it("draws ten evenly, then proposes five a round, or more where the rounds would not suffice", async () => {
    const sizes = async (rounds: number | null) =>
      (await generations(surrogate, cell, { search: { budget: 60, rounds } })).map(({ length }) => length);
    expect(await sizes(null)).toEqual([10, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]);
    expect(await sizes(6)).toEqual([10, 10, 10, 10, 10, 10]);
  });

  it("asks for the costs of what it might propose, and not of all that it considers", async () => {
    const { texts, costsAsked } = await search(surrogate, stages.description, {
      search: { budget: 60, limits: limitFor(stages, 0.8) },
    });
    expect(texts).toHaveLength(60);
    expect(costsAsked).toBeLessThan(11 * 60);
  });
});

describe("portfolio", () => {
  /** Who played each round of 60 evaluations, when the two score as told. */
  async function players(early: () => number, late: () => number): Promise<string[]> {
    const played: string[] = [];
    let score = early;
    const arm = (name: string, scores: () => number): Searcher => ({
      name,
      summary: name,
      propose: async (turn) => {
        played.push(name);
        score = scores;
        return (await random.propose(turn)).slice(0, 5);
      },
    });
    await search(portfolioOf([arm("first", early)], arm("second", late)), cell.description, {
      search: { budget: 60, early: "first" },
      score: () => score(),
    });
    return played;
  }
  const rising = (from: number) => () => from++;

  it("begins with the early searcher for ten evaluations, then goes over to the one that gains", async () => {
    const played = await players(() => 20, rising(21));
    expect(played).toEqual(["first", "first", ...Array.from({ length: 10 }, () => "second")]);
  });

  it("goes back to the early searcher when that one gains and the other does not", async () => {
    const played = await players(rising(21), () => 20);
    expect(played).toEqual(["first", "first", "second", ...Array.from({ length: 9 }, () => "first")]);
  });

  it("stays with the later searcher when neither gains any more", async () => {
    const played = await players(
      () => 20,
      () => 20,
    );
    expect(played.slice(-4)).toEqual(["second", "second", "second", "second"]);
    expect(played.filter((name) => name === "second").length).toBeGreaterThan(5);
  });

  it("goes on without an early searcher that has nothing left to propose", async () => {
    const { state } = await search(portfolio, cell.description, {
      search: { budget: 150, early: "prior-random", prior: { op: { [first]: 1, [second]: 0.001 } } },
    });
    expect(state.ended).toBe("budget");
  });

  it("draws from the prior first where there is one", async () => {
    const { texts } = await search(portfolio, cell.description, {
      search: { budget: 30, prior: { op: { [first]: 1, [second]: 1 } } },
    });
    const isFromPrior = (text: string) =>
      cell
        .fromText(text)
        .choices.flat()
        .every((choice) => (choice ?? 0) < 2);
    expect(texts.slice(0, 10).every(isFromPrior)).toBe(true);
    expect(texts.every(isFromPrior)).toBe(false);
  });

  it("asks the roles first when told to, and spends the budget within the rounds that these get", async () => {
    const { state, texts } = await search(portfolio, cell.description, {
      search: { budget: 100, early: "collm" },
    });
    expect(texts).toHaveLength(100);
    expect(state.chats[0]?.round).toBe(1);
    expect(new Set(state.chats.map(({ round }) => round)).size).toBeLessThan(state.rounds.length);
  });
});

describe("costliest first", () => {
  const costs = countedCosts(cell.description);
  const costOf = (text: string) => costs(cell.fromText(text))["flops_m"] as number;

  it.each([
    ["the whole list", {}, Number.POSITIVE_INFINITY],
    ["the list within a limit", limitFor(cell, 0.5), limitFor(cell, 0.5)["flops_m"] as number],
  ])("goes down %s by cost", async (_, limits, limit) => {
    const { texts } = await search(costliestFirst, cell.description, { search: { limits, budget: 60 } });
    const all = [...cell.all()].map(({ text }) => costOf(text)).filter((cost) => cost <= limit);
    expect(texts.map(costOf)).toEqual(all.sort((first, second) => second - first).slice(0, 60));
  });

  it("has those of one cost in an order that the seed decides", async () => {
    const runs = await Promise.all(
      [1, 1, 2].map((seed) => search(costliestFirst, cell.description, { search: { seed, budget: 60 } })),
    );
    const [first, again, other] = runs.map(({ texts }) => texts);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(other?.map(costOf)).toEqual(first?.map(costOf));
  });

  it("stands in for a large space by the costliest of ten thousand draws, within the limit", async () => {
    const limits = limitFor(stages, 0.5);
    const of = countedCosts(stages.description);
    const { texts, costsAsked } = await search(costliestFirst, stages.description, {
      search: { limits, budget: 60 },
    });
    const spent = texts.map((text) => of(stages.fromText(text))["flops_m"] as number);
    expect(spent).toEqual([...spent].sort((first, second) => second - first));
    expect(Math.min(...spent)).toBe(limits["flops_m"]);
    expect(costsAsked).toBeGreaterThanOrEqual(10_000);
    expect(costsAsked).toBeLessThan(40_000);
    // Without a limit the top of the sample is as far above the usual as one in a hundred.
    const free = await search(costliestFirst, stages.description, { search: { budget: 20 } });
    const stream = randomStream(5, "draws");
    const draws = Array.from({ length: 500 }, () => of(stages.sample(stream))["flops_m"] as number);
    const rare = draws.sort((first, second) => second - first)[5] as number;
    for (const text of free.texts) expect(of(stages.fromText(text))["flops_m"]).toBeGreaterThanOrEqual(rare);
  });

  it("refuses a space without costs", async () => {
    const searched = search(costliestFirst, { ...cell.description, costs: [] });
    await expect(searched).rejects.toThrow(UsageError);
    await expect(searched).rejects.toThrow("has no cost to order by");
  });
});
