/** Every Searcher in the registry, held to the one suite; then what each does that the others do not. */
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import type { Searcher } from "../../src/search/ports.ts";
import { randomStream } from "../../src/search/random.ts";
import { type Architecture, Space } from "../../src/search/space.ts";
import { costliestFirst } from "../../src/searchers/costliest-first.ts";
import { evolution } from "../../src/searchers/evolution.ts";
import { localSearch } from "../../src/searchers/local-search.ts";
import { random } from "../../src/searchers/random.ts";
import { asksRoles, searchers } from "../../src/searchers/registry.ts";
import { regularizedEvolution } from "../../src/searchers/regularized-evolution.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";
import { countedCosts, limitFor, search, searcherSuite, separableScore } from "./searcher.ts";

const cell = vectorSpaces.get("cell") as Space;
const blocks = vectorSpaces.get("blocks") as Space;
const stages = vectorSpaces.get("stages") as Space;
const layers = vectorSpaces.get("layers") as Space;

/** Those that do not look at results: the controls. */
const blind: readonly Searcher[] = [random, costliestFirst];

for (const searcher of searchers) {
  searcherSuite(
    { searcher, isFrugal: !asksRoles({ searcher: searcher.name }), learns: !blind.includes(searcher) },
    [tinyDescription, layers.description, cell.description, stages.description],
    random,
  );
}

describe("the registry", () => {
  it("knows every searcher by a name of its own, and which of them ask the roles", () => {
    const names = searchers.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((searcher) => asksRoles({ searcher }))).toContain("collm");
    expect(asksRoles({ searcher: "random" })).toBe(false);
    for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
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
