import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Interrupted } from "../../src/errors.ts";
import type { ChatRequest } from "../../src/search/ports.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { funnel } from "../../src/search/funnel.ts";
import { best, isOverLimit } from "../../src/search/results.ts";
import { readRanges, strategySections, strategySummary } from "../../src/search/strategy.ts";
import { collm } from "../../src/searchers/collm.ts";
import { type GeneratorBrief, readArchitectures } from "../../src/searchers/generator.ts";
import { type NavigatorBrief, readStrategy } from "../../src/searchers/navigator.ts";
import { architecturesSchema } from "../../src/searchers/prompts.ts";
import { random } from "../../src/searchers/random.ts";
import { rulesLabel, rulesModel } from "../../src/searchers/rules.ts";
import type { SoloBrief } from "../../src/searchers/solo.ts";
import { limitFor, mean, search, valuesOf } from "../contract/searcher.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const blocks = vectorSpaces.get("blocks") as Space;
const stages = vectorSpaces.get("stages") as Space;
const everySpace = [tinyDescription, ...[...vectorSpaces.values()].map(({ description }) => description)];
const everyName = everySpace.map((description) => [description.id, description] as const);
const seeds = [...Array(10).keys()];
const hundred = { budget: 100, rounds: null };

/** What a player answers to a brief, the messages left empty: it reads none. */
async function answer(brief: NavigatorBrief | GeneratorBrief | SoloBrief, seed = 0) {
  const request: ChatRequest = {
    role: brief.role === "navigator" ? "navigator" : "generator",
    round: 1,
    attempt: 1,
    messages: [],
    schema: null,
    seed,
    brief,
  };
  return await rulesModel.reply(request, new AbortController().signal);
}

/** The architectures that the Generator makes of a strategy. */
async function generated(space: Space, strategy: string, count: number, seed = 0) {
  const brief: GeneratorBrief = { role: "generator", space, strategy, min: count, max: count };
  const reading = readArchitectures(space)(await answer(brief, seed));
  if (!reading.ok) throw new Error(reading.reasons.join());
  return reading.value.map((raw) => {
    const parsed = space.parse(raw);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.rejections));
    return parsed.architecture;
  });
}

/** What the Navigator writes about some results; a text with a null value is over the limit by as much as told. */
async function strategyFor(
  space: Space,
  results: readonly { readonly text: string; readonly value: number | null; readonly excess?: number }[],
  { higherIsBetter = true, budgetLeft = 50 } = {},
): Promise<string> {
  const scored = results.filter(({ excess }) => excess === undefined);
  const reply = await answer({
    role: "navigator",
    space,
    higherIsBetter,
    results: scored.map(({ text }) => ({
      candidate: {} as never,
      measured: { text, costs: {}, equivalenceKey: "" },
      overLimit: false,
      outcome: {} as never,
    })),
    values: scored.map(({ value }) => value),
    overLimit: results.flatMap(({ text, excess }) => (excess === undefined ? [] : [{ text, excess }])),
    budgetLeft,
    budget: 100,
  });
  return reply.content;
}

/** The share of a choice that a strategy gives a slot, in percent. */
function shareOf(strategy: string, dimension: string, slot: number, token: string): number {
  const range = readRanges(strategy).find((each) => each.dimension === dimension && each.slot === slot);
  return range?.shares.find((share) => share.token === token)?.percent ?? 0;
}

describe("a search with the rules", () => {
  it("does better than even draws in a hundred evaluations, with most seeds and by a clear margin", async () => {
    for (const space of [blocks, stages]) {
      const bests = async (searcher: typeof collm) =>
        await Promise.all(
          seeds.map(async (seed) => {
            const { state } = await search(searcher, space.description, { search: { ...hundred, seed } });
            return best(state)?.value ?? 0;
          }),
        );
      const [ruled, drawn] = [await bests(collm), await bests(random)];
      const won = ruled.filter((value, seed) => value > (drawn[seed] as number)).length;
      expect(won, `${space.id}: ${ruled.join()} against ${drawn.join()}`).toBeGreaterThanOrEqual(8);
      expect(mean(ruled)).toBeGreaterThan(mean(drawn) + 3);
    }
  });

  it("narrows: later rounds score better than the first", async () => {
    const { state } = await search(collm, blocks.description, { search: hundred });
    const values = valuesOf(state);
    expect(mean(values.slice(-20))).toBeGreaterThan(mean(values.slice(0, 20)) + 10);
  });

  it.each(everyName)(
    "spends its budget and comes out the same with the same seed in %s",
    async (_, description) => {
      const runs = await Promise.all(
        [4, 4, 5].map((seed) => search(collm, description, { search: { ...hundred, budget: 60, seed } })),
      );
      const [first, again, other] = runs;
      expect(again?.proposals).toEqual(first?.proposals);
      expect(again?.state.rounds.map(({ strategy }) => strategy)).toEqual(
        first?.state.rounds.map(({ strategy }) => strategy),
      );
      expect(other?.proposals).not.toEqual(first?.proposals);
      expect(first && funnel(first.state)).toMatchObject({ unreadable: 0, illegal: 0, evaluated: 60 });
    },
  );

  it.each(["skip", "evaluate"] as const)(
    "finds its way under a tight limit, architectures over it being told (%s)",
    async (overLimit) => {
      for (const space of [stages, blocks]) {
        const limits = limitFor(space, 0.01);
        for (const seed of seeds.slice(0, 4)) {
          const { state } = await search(collm, space.description, {
            search: { ...hundred, limits, overLimit, seed },
          });
          const kept = state.rounds.map(
            ({ candidates }) =>
              candidates.filter(
                ({ verdict }) => "measured" in verdict && !isOverLimit(state, verdict.measured),
              ).length,
          );
          expect(best(state), `${space.id}, seed ${seed}: ${kept.join()}`).not.toBeNull();
          // At the start hardly one in a hundred keeps to it.
          expect(kept.at(-1), `${space.id}, seed ${seed}: ${kept.join()}`).toBeGreaterThan(
            (kept[0] ?? 0) + 3,
          );
        }
      }
    },
  );

  it("does well without the Navigator's memory, too", async () => {
    const memory = { navigator: false, generator: false };
    const ruled = await search(collm, blocks.description, { search: { ...hundred, memory } });
    const drawn = await search(random, blocks.description, { search: hundred });
    expect(mean(valuesOf(ruled.state))).toBeGreaterThan(mean(valuesOf(drawn.state)) + 3);
  });

  it("says in every reply that no language model wrote it, and that it used none", async () => {
    const { state } = await search(collm, tinyDescription);
    expect(rulesModel.label).toBe(rulesLabel);
    expect(rulesLabel).toBe("rules, no language model");
    for (const { reply, rejected } of state.chats) {
      expect(reply).toMatchObject({
        model: rulesLabel,
        reasoning: null,
        inputTokens: 0,
        outputTokens: 0,
        seconds: 0,
      });
      expect(rejected).toBeNull();
    }
  });

  it("stops when it is told to", async () => {
    const brief: GeneratorBrief = { role: "generator", space: blocks, strategy: "", min: 1, max: 1 };
    const request = {
      role: "generator",
      round: 1,
      attempt: 1,
      messages: [],
      schema: null,
      seed: 0,
      brief,
    } as const;
    await expect(rulesModel.reply(request, AbortSignal.abort())).rejects.toThrow(Interrupted);
  });
});

describe("the Navigator's rules", () => {
  it.each(everyName)(
    "write every section and a range for every slot, even at first, in %s",
    async (_, description) => {
      const space = new Space(description);
      const strategy = await strategyFor(space, []);
      expect(readStrategy({ content: strategy } as never)).toEqual({ ok: true, value: strategy });
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
      expect(strategy).not.toContain("Hardly any good result");
    },
  );

  const withBlocks = (token: string, slot = 0) => {
    const text = JSON.stringify({
      block: Array.from({ length: 20 }, (_, at) => (at === slot ? Number(token) : 0)),
    });
    return text;
  };

  it("favour the choices that good results share, more the better they are", async () => {
    const results = [
      { text: withBlocks("3"), value: 90 },
      { text: withBlocks("2"), value: 80 },
      { text: withBlocks("1"), value: 70 },
    ];
    const up = await strategyFor(blocks, results);
    const shares = (strategy: string) => ["1", "2", "3"].map((token) => shareOf(strategy, "block", 0, token));
    const [low = 0, middle = 0, high = 0] = shares(up);
    expect(low).toBeLessThan(middle);
    expect(middle).toBeLessThan(high);
    expect(shareOf(up, "block", 5, "0")).toBeGreaterThan(50);
    const down = await strategyFor(blocks, results, { higherIsBetter: false });
    expect(shares(down)).toEqual([high, middle, low]);
  });

  it("leave failures out of account", async () => {
    const strategy = await strategyFor(blocks, [
      { text: withBlocks("3"), value: null },
      { text: withBlocks("2"), value: 80 },
    ]);
    expect(shareOf(strategy, "block", 0, "2")).toBeGreaterThan(shareOf(strategy, "block", 0, "3"));
    expect(strategySummary(await strategyFor(blocks, [{ text: withBlocks("3"), value: null }]))).toContain(
      "Nothing is known yet",
    );
  });

  it("follow those that exceed the limit least as long as nothing keeps to it, and say so", async () => {
    const over = [
      { text: withBlocks("3"), value: null, excess: 1.1 },
      { text: withBlocks("1"), value: null, excess: 3 },
    ];
    const strategy = await strategyFor(blocks, over);
    expect(strategySummary(strategy)).toContain("Everything so far is over the limit");
    expect(shareOf(strategy, "block", 0, "3")).toBeGreaterThan(shareOf(strategy, "block", 0, "1"));
    const found = await strategyFor(blocks, [...over, { text: withBlocks("2"), value: 40 }]);
    expect(strategySummary(found)).not.toContain("over the limit");
    expect(shareOf(found, "block", 0, "2")).toBeGreaterThan(shareOf(found, "block", 0, "3"));
  });

  it("grow surer as the budget runs out", async () => {
    const results = [{ text: withBlocks("3"), value: 90 }];
    const shares = await Promise.all(
      [90, 50, 10].map(async (budgetLeft) =>
        shareOf(await strategyFor(blocks, results, { budgetLeft }), "block", 0, "3"),
      ),
    );
    expect(shares).toEqual([...shares].sort((first, second) => first - second));
    expect(shares[0]).toBeLessThan(shares[2] as number);
  });

  it("have a range for slots of many choices, too", async () => {
    const [dimension] = blocks.description.dimensions;
    const many = new Space({
      ...blocks.description,
      dimensions: [{ ...dimension, choices: Array.from({ length: 60 }, (_, index) => `${index}`) }],
    } as SpaceDescription);
    expect(readRanges(await strategyFor(many, []))).toHaveLength(20);
    expect(shareOf(await strategyFor(many, []), "block", 0, "59")).toBeGreaterThan(0);
  });
});

describe("the Generator's rules", () => {
  const slotOf = (
    architecture: { choices: readonly (readonly (number | null)[])[] },
    dimension: number,
    slot: number,
  ) => architecture.choices[dimension]?.[slot];

  it.each(everyName)("answer under the schema, each architecture once, in %s", async (_, description) => {
    const space = new Space(description);
    const brief: GeneratorBrief = { role: "generator", space, strategy: "Anything.", min: 10, max: 20 };
    const { content } = await answer(brief);
    const schema = z.fromJSONSchema(architecturesSchema(space, { min: 10, max: 20 }));
    expect(schema.safeParse(JSON.parse(content)).success).toBe(true);
    const texts = (await generated(space, "Anything.", 20)).map(({ text }) => text);
    expect(new Set(texts).size).toBe(20);
  });

  it("follow the ranges that a person wrote: one slot, one dimension, the rest evenly", async () => {
    const strategy = [
      "Keep the first block simple and never pool.",
      "- block[0]: 2 100%",
      "- block: 1 (75%), 3 (25%)",
      "- blok[1]: 0 100%",
      "- block[99]: 0 100%",
    ].join("\n");
    const made = await generated(blocks, strategy, 100);
    expect(made.map((each) => slotOf(each, 0, 0))).toEqual(made.map(() => 2));
    const others = made.flatMap(({ choices }) => (choices[0] ?? []).slice(1));
    expect(others.every((choice) => choice === 1 || choice === 3)).toBe(true);
    const share = others.filter((choice) => choice === 1).length / others.length;
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeLessThan(0.8);
  });

  it("obey a range for a depth, and with it which slots are in use", async () => {
    for (const each of await generated(stages, "- d: 2 100%\n- d[4]: 4 100%\n- ks: 7 100%", 30)) {
      expect(each.choices[1]).toEqual([0, 0, 0, 0, 2]);
      expect(each.choices[2]?.slice(0, 4)).toEqual([2, 2, null, null]);
    }
  });

  it.each([
    [
      "prose without ranges",
      "Use larger kernels in the late stages, and about half as many in the early ones.",
    ],
    ["ranges of choices there are not", "- block: 9 60%, conv 40%"],
    ["shares of nothing", "- block: 1 0%, 2 0%"],
    ["ranges of other dimensions", "- ks: 3 100%"],
  ])("sample evenly where the strategy holds %s", async (_, strategy) => {
    const made = await generated(blocks, strategy, 200);
    const all = made.flatMap(({ choices }) => choices[0] ?? []);
    for (const choice of [0, 1, 2, 3]) {
      const share = all.filter((each) => each === choice).length / all.length;
      expect(share).toBeGreaterThan(0.22);
      expect(share).toBeLessThan(0.28);
    }
  });

  it("read choices whose names hold spaces and commas, as the Navigator writes them", async () => {
    const [dimension] = blocks.description.dimensions;
    const choices = ["conv 3x3, wide", 'the "new" one', "none"];
    const named = new Space({
      ...blocks.description,
      dimensions: [{ ...dimension, numeric: false, choices }],
    } as SpaceDescription);
    const text = JSON.stringify({ block: Array.from({ length: 20 }, () => choices[0]) });
    const strategy = await strategyFor(named, [{ text, value: 90 }], { budgetLeft: 0 });
    expect(shareOf(strategy, "block", 7, choices[0] as string)).toBeGreaterThan(60);
    const all = (await generated(named, strategy, 50)).flatMap((each) => each.choices[0] ?? []);
    expect(all.filter((choice) => choice === 0).length / all.length).toBeGreaterThan(0.6);
  });

  it("depend on the strategy and the seed alone", async () => {
    const [first, again, other] = await Promise.all(
      [1, 1, 2].map((seed) => generated(blocks, "- block[0]: 2 50%", 5, seed)),
    );
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(await generated(blocks, "- block[0]: 3 50%", 5, 1)).not.toEqual(first);
  });

  it("give what there is when there is less than asked for", async () => {
    const all = await generated(new Space(tinyDescription), "- depth: 1 100%", 100);
    expect(all).toHaveLength(9);
  });
});

describe("the rules of who plays alone", () => {
  it("are those of both roles, one after the other", async () => {
    const known = { space: blocks, higherIsBetter: true, results: [], values: [], overLimit: [] };
    const budget = { budgetLeft: 30, budget: 40 };
    const strategy = (await answer({ role: "navigator", ...known, ...budget })).content;
    const { content } = await answer({ role: "solo", ...known, ...budget, min: 3, max: 6 }, 5);
    const both = JSON.parse(content) as { strategy: string; architectures: unknown[] };
    expect(both.strategy).toBe(strategy);
    const generator = await answer({ role: "generator", space: blocks, strategy, min: 3, max: 6 }, 5);
    expect({ architectures: both.architectures }).toEqual(JSON.parse(generator.content));
    expect(both.architectures).toHaveLength(6);
  });
});
