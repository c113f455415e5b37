import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ContractViolation } from "../../src/errors.ts";
import { BlindEvaluator, blindSpace, reveal } from "../../src/search/blind.ts";
import type { Outcome, RunEvent } from "../../src/search/events.ts";
import type { EvaluationMessage, Evaluator, Searcher } from "../../src/search/ports.ts";
import { randomStream } from "../../src/search/random.ts";
import { Space } from "../../src/search/space.ts";
import { type SpaceDescription, spaceDescriptionSchema } from "../../src/search/space-description.ts";
import { fold } from "../../src/search/fold.ts";
import { best, evaluations } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch, resumeSearch } from "../../src/search/replay.ts";
import { collm } from "../../src/searchers/collm.ts";
import { rules } from "../../src/searchers/rules.ts";
import { solo } from "../../src/searchers/solo.ts";
import { arbitraryDescription } from "../support/arbitrary-space.ts";
import { facts, setUp, StillClock, started } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { MemoryJournal } from "../support/memory-journal.ts";
import { playedLabel, playedRoles } from "../support/played-roles.ts";
import { tinyBest, tinyCosts, tinyDescription, tinyScore } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";
import { runResumed } from "../support/run-events.ts";

const never = new AbortController().signal;
const everySpace = [tinyDescription, ...[...vectorSpaces.values()].map(({ description }) => description)];
const everyName = everySpace.map((description) => [description.id, description] as const);

/** Every word and number of a text. */
const wordsOf = (text: string) => new Set(text.match(/[\p{L}\p{N}_.]+/gu)?.map((word) => word.toLowerCase()));

describe("a blind space", () => {
  it("is a legal space of the same size and with the same goals, in any space and for any seed", () => {
    fc.assert(
      fc.property(arbitraryDescription, fc.nat(), (original, seed) => {
        const blind = blindSpace(original, seed);
        expect(spaceDescriptionSchema.parse(JSON.parse(JSON.stringify(blind)))).toEqual(blind);
        expect(new Space(blind).size).toBe(new Space(original).size);
        expect(blind.metrics).toEqual(original.metrics);
        expect(blindSpace(original, seed)).toEqual(blind);
      }),
    );
  });

  it("says nothing that the original says of its dimensions, but for the numbers that count slots", () => {
    fc.assert(
      fc.property(arbitraryDescription, fc.nat(), (original, seed) => {
        const { dimensions } = blindSpace(original, seed);
        const own = new Set(original.dimensions.flatMap(({ name, choices }) => [name, ...choices]));
        const counting = new Set(dimensions.map(({ activeCount }) => activeCount));
        for (const { name, choices, numeric } of dimensions) {
          expect(own).not.toContain(name);
          expect(numeric).toBe(counting.has(name));
          if (!numeric) expect(choices.filter((choice) => own.has(choice))).toEqual([]);
        }
      }),
    );
  });

  it.each(everyName)(
    "keeps no text of %s but the names and units of its metrics and costs",
    (_, original) => {
      const wordy: SpaceDescription = {
        ...original,
        summary: "Nets for photographs.",
        provenance: "A paper.",
        metrics: [{ name: "accuracy", unit: "percent", meaning: "Of photographs.", higherIsBetter: true }],
        costs: [{ name: "flops_m", unit: "millions", meaning: "For photographs." }],
        splits: [{ name: "search", meaning: "Photographs.", data: "photographs" }],
        dimensions: original.dimensions.map((each) => ({
          ...each,
          meaning: "Of a photograph.",
          slotNames: each.groups.flatMap(({ size }, group) =>
            Array.from({ length: size }, (__, at) => `photograph ${group} ${at}`),
          ),
        })),
      };
      const blind = blindSpace(wordy, 3);
      expect(blind).toMatchObject({
        id: wordy.id,
        summary: "",
        provenance: "",
        template: "",
        metrics: [{ name: "accuracy", unit: "percent", meaning: "", higherIsBetter: true }],
        costs: [{ name: "flops_m", unit: "millions", meaning: "" }],
        splits: [{ name: "search", meaning: "", data: "photographs" }],
      });
      const told = JSON.stringify(blind.dimensions);
      expect(told).not.toMatch(/photograph|stage|node|layer|network/i);
      expect(blind.digest).not.toBe(wordy.digest);
    },
  );

  it("keeps slots in order where a count says how many of them are in use, and each group with its count", () => {
    const original = (vectorSpaces.get("stages") as Space).description;
    const seen = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const blind = new Space(blindSpace(original, seed));
      const { dimensions } = blind.description;
      const depth = dimensions.findIndex(({ numeric }) => numeric);
      const governed = dimensions.filter(({ activeCount }) => activeCount === dimensions[depth]?.name);
      expect(governed.map(({ groups }) => groups.map(({ size }) => size))).toEqual([
        [4, 4, 4, 4, 4],
        [4, 4, 4, 4, 4],
      ]);
      const random = randomStream(seed, "draws");
      for (let draw = 0; draw < 50; draw++) {
        const drawn = blind.sample(random);
        const open = JSON.parse(reveal(original, seed)(drawn.text)) as { d: number[]; ks: (number | null)[] };
        for (const [stage, count] of open.d.entries()) {
          const used = open.ks.slice(4 * stage, 4 * stage + 4).map((each) => each !== null);
          expect(used).toEqual([0, 1, 2, 3].map((at) => at < count));
        }
      }
      seen.add(JSON.stringify(dimensions.map(({ name, choices }) => [name, choices])));
    }
    expect(seen.size).toBeGreaterThan(15);
  });

  it("has slots, choices and letters in another order with another seed", () => {
    const { description } = vectorSpaces.get("cell") as Space;
    const seeds = [...Array(20).keys()];
    const letters = seeds.map((seed) => blindSpace(description, seed).dimensions[0]?.name);
    expect(new Set(letters).size).toBeGreaterThan(5);
    const open = seeds.map((seed) => {
      const { name = "", choices = [] } = blindSpace(description, seed).dimensions[0] ?? {};
      const [first, second] = choices;
      return reveal(description, seed)(JSON.stringify({ [name]: [first, ...Array(5).fill(second)] }));
    });
    expect(new Set(open).size).toBeGreaterThan(15);
  });
});

describe("the translation", () => {
  it("is one to one on the architectures of any space", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryDescription, fc.nat(), async (original, seed) => {
        const space = blindSpace(original, seed);
        const random = randomStream(seed, "draws");
        const texts = Array.from({ length: 5 }, () => new Space(space).sample(random).text);
        const open = texts.map(reveal(original, seed));
        expect(open.map((text) => new Space(original).fromText(text).text)).toEqual(open);
        const there = new BlindEvaluator(echo, original, seed);
        const back = await there.measureCosts({ space, texts }, never);
        expect(back.map(({ text }) => text)).toEqual(texts);
      }),
    );
    for (const original of [tinyDescription, (vectorSpaces.get("cell") as Space).description]) {
      const open = [...new Space(blindSpace(original, 9)).all()].map(({ text }) => reveal(original, 9)(text));
      expect(new Set(open).size).toBe(Number(new Space(original).size));
    }
  });
});

describe("a blind evaluator", () => {
  const blind = blindSpace(tinyDescription, 7);
  const texts = [...new Space(blind).all()].map(({ text }) => text).slice(0, 10);
  const open = texts.map(reveal(tinyDescription, 7));
  const setting = () => {
    const inner = new MemoryEvaluator({ equivalenceKey: ({ text }) => `key of ${text}`, order: "shuffled" });
    return { inner, evaluator: new BlindEvaluator(inner, tinyDescription, 7) };
  };
  const collected = async (messages: AsyncIterable<EvaluationMessage>) => {
    const all: EvaluationMessage[] = [];
    for await (const message of messages) all.push(message);
    return all;
  };

  it("gives the costs, keys and outcomes of the architectures that the texts mean", async () => {
    const { inner, evaluator } = setting();
    const costs = await evaluator.measureCosts({ space: blind, texts }, never);
    const openCosts = await inner.measureCosts({ space: tinyDescription, texts: open }, never);
    expect(costs).toEqual(openCosts.map((each, at) => ({ ...each, text: texts[at] })));
    for (const split of ["search", "test"] as const) {
      const outcomes = await collected(evaluator.evaluate({ space: blind, texts, split }, never));
      expect(outcomes).toEqual(
        await collected(inner.evaluate({ space: tinyDescription, texts: open, split }, never)),
      );
    }
  });

  it("refuses another space, and so one that was disguised otherwise", async () => {
    const { evaluator } = setting();
    for (const space of [tinyDescription, blindSpace(tinyDescription, 8), { ...blind, maxBatch: 99 }])
      await expect(evaluator.measureCosts({ space, texts }, never)).rejects.toThrow(ContractViolation);
  });
});

describe("a blind run", () => {
  /** A run from its first event; the live evaluator is wrapped, as a command does it. */
  async function run(searcher: Searcher, rounds: number, original: SpaceDescription, inner: MemoryEvaluator) {
    const space = blindSpace(original, 5);
    const models = searcher === rules ? null : playedRoles();
    const journal = new MemoryJournal({ clock: new StillClock() });
    await journal.append([
      {
        ...(started({ searcher: searcher.name, seed: 5, rounds, budget: 60, blind: true }, space) as Begun),
        models: models === null ? null : { navigator: playedLabel, generator: playedLabel },
        original,
      },
    ]);
    const evaluator = new BlindEvaluator(inner, original, 5);
    const ports = { searcher, evaluator, models, journal, clock: new StillClock() };
    await resumeSearch([...journal.events], ports, never);
    return { journal, ports };
  }

  it.each([collm, solo, rules])(
    "is resumed from its record, and replayed from it alone: $name",
    async (searcher) => {
      const whole = await run(searcher, 6, tinyDescription, new MemoryEvaluator());
      const half = await run(searcher, 3, tinyDescription, new MemoryEvaluator());
      const stopped = fold(half.journal.events) as RunState;
      expect(stopped.rounds).toHaveLength(3);
      await half.journal.append([runResumed({ rounds: 6 })]);
      const again = new BlindEvaluator(
        new MemoryEvaluator(),
        stopped.original as SpaceDescription,
        stopped.search.seed,
      );
      const resumed = await resumeSearch(
        [...half.journal.events],
        { ...half.ports, evaluator: again },
        never,
      );
      const straight = fold(whole.journal.events) as RunState;
      expect(resumed.rounds).toEqual(straight.rounds);
      const { state, complete } = await replaySearch(whole.journal.events, searcher);
      expect(complete).toBe(true);
      expect(facts(state)).toEqual(facts(straight));
    },
  );

  it("finds what a search with open eyes finds: the same values for the same architectures", async () => {
    const { journal } = await run(rules, 12, tinyDescription, new MemoryEvaluator());
    const state = fold(journal.events) as RunState;
    const shown = reveal(tinyDescription, 5);
    const tiny = new Space(tinyDescription);
    for (const { measured, outcome } of evaluations(state)) {
      const architecture = tiny.fromText(shown(measured.text));
      expect(measured.costs).toEqual(tinyCosts(architecture));
      expect(outcome).toMatchObject({ metrics: { accuracy: tinyScore(architecture, "search") } });
    }
    const winner = best(state);
    expect(shown(winner?.text ?? "")).toBe(tinyBest);
    expect(state.winnerTests.get(winner?.text ?? "")).toMatchObject({
      metrics: { accuracy: tinyScore(tiny.fromText(tinyBest), "test") },
    });
  });

  it("shows its models no name, choice or meaning of the space", async () => {
    const original: SpaceDescription = {
      ...tinyDescription,
      id: "quodlibet",
      summary: "Zyzzyva networks of brambles.",
      provenance: "From the florilegium.",
      dimensions: [
        named("thicket", ["2", "3"], { numeric: true, groups: [{ name: "copse", size: 2 }] }),
        named("frond", ["1007", "2003", "4001"], {
          numeric: true,
          activeCount: "thicket",
          groups: [1, 2].map((at) => ({ name: `glade ${at}`, size: 3 })),
        }),
        named("spinney", ["fescue", "sorrel"], { groups: [{ name: "heath", size: 3 }] }),
      ],
      metrics: [{ name: "accuracy", unit: "percent", meaning: "Of lichens.", higherIsBetter: true }],
      costs: [{ name: "flops_m", unit: "millions", meaning: "Per moss." }],
    };
    const secret =
      /quodlibet|zyzzyva|bramble|florilegium|thicket|copse|frond|glade|spinney|fescue|sorrel|heath|lichen|moss|place|1007|2003|4001/i;
    for (const searcher of [collm, solo]) {
      for (const settings of [{}, { promptExtras: false, wording: "coaching", structured: false }] as const) {
        const space = blindSpace(original, 2);
        const failing = (text: string): Outcome | number =>
          text.length % 5 === 0
            ? { kind: "failure", failure: "crashed", message: `${text} broke` }
            : (text.length * 7) % 90;
        const inner = new MemoryEvaluator({
          description: original,
          score: ({ text }) => failing(text),
          costs: ({ choices }) => ({
            flops_m: choices.flat().reduce<number>((sum, each) => sum + (each ?? 0), 0),
          }),
        });
        const { journal, run: begin } = await setUp({
          searcher,
          description: space,
          evaluator: new BlindEvaluator(inner, original, 2),
          models: playedRoles(new Space(space)),
          search: { rounds: 4, budget: 60, limits: { flops_m: 7 }, ...settings },
        });
        await begin();
        const told = (journal.events as readonly RunEvent[]).flatMap((event) =>
          event.type === "chat-replied" ? event.added.map(({ content }) => content) : [],
        );
        expect(told.length).toBeGreaterThan(4);
        for (const text of told) expect([...wordsOf(text)].filter((word) => secret.test(word))).toEqual([]);
        expect(inner.evaluated.length).toBeGreaterThan(5);
      }
    }
  });
});

// --- internal ---

type Begun = Extract<ReturnType<typeof started>, { type: "run-started" }>;
type Dimension = SpaceDescription["dimensions"][number];

function named(name: string, choices: string[], rest: Partial<Dimension>): Dimension {
  const groups = rest.groups ?? [];
  const count = groups.reduce((sum, { size }) => sum + size, 0);
  const slotNames = Array.from({ length: count }, (_, at) => `place ${at}`);
  return {
    name,
    meaning: `The ${name} of a ${choices[0]}.`,
    choices,
    numeric: false,
    groups,
    activeCount: "",
    slotNames,
    ...rest,
  };
}

/** Has the same to say of every architecture. */
const echo: Evaluator = {
  measureCosts: async ({ texts }) => texts.map((text) => ({ text, costs: {}, equivalenceKey: "" })),
  evaluate: () => {
    throw new Error("nobody asked");
  },
};
