/** The wordings of the prompts: different words, the same facts, and without prompt extras the paper's facts alone. */
import { number } from "../../src/text/numbers.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { informSchema, type SearchConfig, type Wording, wordingSchema } from "../../src/search/events.ts";
import type { Prompt } from "../../src/search/ports.ts";
import { randomStream } from "../../src/search/random.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { best, evaluations, valueOf } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { measureSpread } from "../../src/searchers/cost-spread.ts";
import { generatorPrompt } from "../../src/searchers/generator.ts";
import { navigatorPrompt, outlineOf } from "../../src/searchers/navigator.ts";
import { answerForm, describeSpace, writeArchitecture } from "../../src/searchers/prompts.ts";
import { costRevisionPrompt } from "../../src/searchers/cost-revision.ts";
import { soloPrompt } from "../../src/searchers/solo.ts";
import { arbitraryDescription } from "../support/arbitrary-space.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { casesOf } from "../support/sweep.ts";

const wordings = wordingSchema.options;
const rounds = 2;

/** A search that met everything there is to tell of: results, failures, repeats, junk, and architectures over a limit. */
async function searched(description: SpaceDescription, search: Partial<SearchConfig>, seed: number) {
  const space = new Space(description);
  const random = randomStream(seed, "draws");
  const sizes = new Map<string, number>();
  const { run } = await setUp({
    searcher: scriptedSearcher(async (turn) => {
      await measureSpread(turn);
      await turn.setStrategy("A strategy of five words.");
      const drawn: unknown[] = Array.from({ length: 20 }, () => space.sample(random).text);
      return [...drawn, drawn[0], "junk"];
    }),
    description,
    evaluator: new MemoryEvaluator({
      description,
      score: ({ text }) =>
        text.length % 4 === 0
          ? { kind: "failure", failure: "out-of-memory", message: "cuda" }
          : 50 + (text.length % 37) / 8,
      costs: ({ text }) => {
        if (!sizes.has(text)) sizes.set(text, 100 + 7 * sizes.size);
        return { size: sizes.get(text) as number };
      },
    }),
    search: { rounds, candidates: { min: 13, max: 17 }, budget: 4321, ...search },
  });
  return { space, state: await run() };
}

const kinds = [
  "opening",
  "refinement",
  "generator",
  "costRevision",
  "soloOpening",
  "solo",
  "condensed",
] as const;
type Told = Readonly<Record<(typeof kinds)[number], Prompt>>;

function promptsOf(state: RunState, space: Space, wording: Wording): Told {
  const worded = { ...state, search: { ...state.search, wording } };
  const measured = evaluations(state)[0]?.measured ?? { text: "", costs: { size: 1 }, equivalenceKey: "" };
  const architecture = space.sample(randomStream(0, "draft"));
  // A role that keeps its conversation may have to begin a new one.
  const solo = soloPrompt(worded, space, rounds + 1);
  const long = state.search.memory.navigator ? navigatorPrompt(worded, space, rounds + 1) : solo;
  return {
    opening: navigatorPrompt(worded, space, 1),
    refinement: navigatorPrompt(worded, space, rounds + 1),
    generator: generatorPrompt(worded, space, "A strategy of five words."),
    soloOpening: soloPrompt(worded, space, 1),
    solo,
    condensed: { ...long, user: long.condensed ?? "" },
    costRevision: costRevisionPrompt(worded, space, "A strategy of five words.", [
      { kind: "fine", architecture, measured },
      { kind: "illegal", raw: "junk", sentences: ["not readable"] },
    ]),
  };
}

const whole = ({ system, user }: Prompt) => `${system}\n\n${user}`;

/** What names or counts something in a text: numbers but those of lines, quoted names, headings, and all in braces. */
const figuresOf = (text: string) =>
  [
    ...new Set(
      text.replaceAll(/^\d+\. /gm, "").match(/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?%?|`[^`\n]+`|\{.*\}|#{2,3} \S+/g),
    ),
  ].sort();

const settings = fc.record({
  seed: fc.nat(1_000),
  description: arbitraryDescription.map((description) => ({
    ...description,
    costs: [{ name: "size", unit: "kB", meaning: "Of the file." }],
  })),
  search: fc.record({
    target: fc.constantFrom(null, 77.5),
    limits: fc.constantFrom({}, { size: 126 }),
    overLimit: fc.constantFrom("skip" as const, "evaluate" as const),
    structured: fc.boolean(),
    task: fc.constantFrom(null, "They tell cats from dogs."),
    memory: fc.constantFrom({ navigator: true, generator: false }, { navigator: false, generator: true }),
  }),
  promptExtras: fc.boolean(),
  inform: fc.subarray([...informSchema.options]),
});

it("every wording carries the same facts, and none names anything beyond", async () => {
  await fc.assert(
    fc.asyncProperty(settings, async ({ seed, description, search, promptExtras, inform }) => {
      const told = { ...search, inform, ...(promptExtras ? {} : { promptExtras }) };
      const { space, state } = await searched(description, told, seed);
      const standard = promptsOf(state, space, "standard");
      const last = evaluations(state).filter(({ candidate }) => candidate.round === rounds);
      const results = last.flatMap(({ measured, outcome }) => {
        const value = valueOf(state, outcome);
        const architecture = writeArchitecture(space, space.fromText(measured.text));
        const size = `size ${number(measured.costs["size"] ?? 0)}`;
        return value === null ? [size, architecture] : [`accuracy ${number(value)}, ${size}`, architecture];
      });
      const winner = best(state);
      const problem = [
        "`accuracy` (percent)",
        ...(search.target === null ? [] : ["77.5 percent"]),
        ...("size" in search.limits ? ["`size` at most 126 kB"] : []),
        ...(search.task === null ? [] : [search.task]),
        ...(promptExtras ? ["4321"] : []),
        describeSpace(space),
        "13 to 17",
      ];
      const standing = [
        ...results,
        ...(winner === null ? [] : [writeArchitecture(space, space.fromText(winner.text))]),
        ...(promptExtras ? [`${evaluations(state).length}`] : []),
      ];
      const expected: Record<keyof Told, string[]> = {
        opening: [...problem, outlineOf(state, space)],
        refinement: [...problem, outlineOf(state, space), ...standing],
        generator: [
          ...problem,
          answerForm(state, space),
          "<strategy>\nA strategy of five words.\n</strategy>",
        ],
        soloOpening: [...problem, outlineOf(state, space), answerForm(state, space, '"strategy": "...", ')],
        solo: [...problem, outlineOf(state, space), ...standing],
        condensed: [...problem, outlineOf(state, space), ...standing],
        costRevision: [
          ...problem,
          answerForm(state, space),
          "<strategy>\nA strategy of five words.\n</strategy>",
          '2. not valid (not readable): "junk"',
        ],
      };
      for (const wording of wordings) {
        const told = promptsOf(state, space, wording);
        for (const kind of Object.keys(expected) as (keyof Told)[]) {
          const text = whole(told[kind]);
          for (const fact of expected[kind]) expect(text, `${wording} ${kind}`).toContain(fact);
          expect(figuresOf(text), `${wording} ${kind}`).toEqual(figuresOf(whole(standard[kind])));
          expect(told[kind].schema).toEqual(standard[kind].schema);
          expect(text).not.toMatch(/undefined|\[object/);
        }
      }
    }),
    { numRuns: casesOf({ few: 15, all: 150 }) },
  );
});

describe("the words", () => {
  it("differ from wording to wording in every line that is no fact", async () => {
    for (const promptExtras of [true, false]) {
      for (const search of [
        { overLimit: "skip", structured: true, memory: { navigator: true, generator: false } },
        {
          overLimit: "evaluate",
          structured: false,
          target: 77,
          memory: { navigator: false, generator: true },
        },
      ] as const) {
        const { space, state } = await searched(
          { ...tinyDescription, costs: [{ name: "size", unit: "kB", meaning: "" }] },
          {
            limits: { size: 500 },
            inform: [...informSchema.options],
            ...search,
            ...(promptExtras ? {} : { promptExtras }),
          },
          1,
        );
        const facts = `${describeSpace(space)}\n${outlineOf(state, space)}\n${answerForm(state, space)}\n${answerForm(state, space, '"strategy": "...", ')}`;
        const isFact = (line: string) =>
          line === "" ||
          facts.includes(line) ||
          /^\d+\. (accuracy|evaluation|size|not valid)|^<|^A strategy|^\{/.test(line);
        const linesOf = (wording: Wording, kind: keyof Told) =>
          whole(promptsOf(state, space, wording)[kind])
            .split("\n")
            .filter((line) => !isFact(line));
        for (const kind of kinds) {
          for (const [one, other] of [
            ["standard", "concise"],
            ["standard", "coaching"],
            ["concise", "coaching"],
          ] as const) {
            const others = linesOf(other, kind);
            const shared = linesOf(one, kind).filter((line) => others.includes(line));
            expect(shared.filter((line) => !/^- Target: \S+ percent\.$/.test(line))).toEqual([]);
          }
        }
      }
    }
  });

  it("are what the configuration says, the standard ones by default", async () => {
    const { space, state } = await searched(
      { ...tinyDescription, costs: [{ name: "size", unit: "", meaning: "" }] },
      {},
      1,
    );
    expect(navigatorPrompt(state, space, 1)).toEqual(promptsOf(state, space, "standard").opening);
    expect(promptsOf(state, space, "concise").opening.system).toMatch(/^Role: Navigator/);
    expect(promptsOf(state, space, "coaching").opening.system).toMatch(/^Welcome/);
  });
});

describe("without prompt extras", () => {
  const description = { ...tinyDescription, costs: [{ name: "size", unit: "kB", meaning: "" }] };
  const limited = { limits: { size: 126 }, target: 77.5 };

  it.each(wordings)("the %s wording tells no losses, no budget, and gives no shares", async (wording) => {
    for (const overLimit of ["skip", "evaluate"] as const) {
      const at = async (search: Partial<SearchConfig>) => {
        const { space, state } = await searched(description, { ...limited, overLimit, ...search }, 3);
        return promptsOf(state, space, wording);
      };
      const [bare, full] = [await at({ promptExtras: false }), await at({})];
      for (const kind of ["opening", "refinement", "generator", "soloOpening", "solo"] as const) {
        const [less, more] = [whole(bare[kind]), whole(full[kind])];
        expect(more).toContain("4321");
        expect(less).not.toMatch(/4321|\b43\d\d\b/);
        if (kind !== "generator") {
          expect(more).toMatch(/CHOICE 60%/);
          expect(less).not.toMatch(/%|CHOICE|\bshares? of\b|(?<!#)## Avoid/);
        }
        expect(less).not.toMatch(
          /waste of|not worth|thrown away|dropped|put aside|uses up|costs (us )?an evaluation/,
        );
      }
      for (const kind of ["refinement", "solo"] as const) {
        const [less, more] = [bare[kind].user, full[kind].user];
        // The junk, and what was proposed twice.
        expect(more).toContain("not readable as an architecture");
        expect(less).not.toMatch(
          /readable|valid:|repeated|proposed (already|before|earlier)|could not evaluate|Lost before|Not evaluated/,
        );
        expect(more).toContain("Evaluations");
        expect(less).not.toContain("Evaluations");
        expect(less).not.toContain("(over the limit)");
      }
    }
  });

  it.each(wordings)(
    "the %s wording keeps the paper's: results with those over the limit, best, limit, target",
    async (wording) => {
      const { space, state } = await searched(
        description,
        { ...limited, overLimit: "evaluate", promptExtras: false },
        3,
      );
      const told = promptsOf(state, space, wording);
      const over = evaluations(state).filter(
        ({ candidate, overLimit }) => candidate.round === rounds && overLimit,
      );
      expect(over.length).toBeGreaterThan(0);
      for (const kind of ["refinement", "solo"] as const) {
        const { user } = told[kind];
        for (const { measured } of over) {
          const architecture = writeArchitecture(space, space.fromText(measured.text));
          expect(user).toContain(`size ${measured.costs["size"]}: ${architecture}`);
        }
        expect(user).toMatch(/best.*within the limit.*accuracy/i);
        expect(user).toContain("`size` at most 126 kB");
        expect(user).toContain("77.5 percent");
        expect(user).toMatch(/ranges/);
        expect(user).toMatch(/cost/);
        expect(user).toMatch(/common|share/);
      }
      for (const kind of ["opening", "generator", "soloOpening"] as const) {
        const { system } = told[kind];
        expect(system).toContain("`size` at most 126 kB");
        expect(system).toContain("77.5 percent");
        expect(system).toMatch(/[Ff]ar below/);
        // A whole example of the form.
        expect(system).toContain(
          writeArchitecture(space, space.sample(randomStream(0, "example")), "choice"),
        );
      }
      expect(told.opening.user).toMatch(/diversity|variety/i);
      expect(told.opening.system).toContain(
        "## Summary\n## What worked and why\n## Directions\n### depth\n### width\n```",
      );
      expect(told.opening.system).toContain("## Constraints, ## Ranges, ## Examples");
      expect(told.generator.user).toMatch(/complete,? (and )?valid/);
      expect(told.generator.user).toMatch(/no two may be the same|no repeats|none comes twice/);
    },
  );
});
