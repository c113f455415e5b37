/** A shortened search: what a new conversation still holds of older rounds. */
import { number } from "../../src/text/numbers.ts";
import { describe, expect, it } from "vitest";
import type { SearchConfig } from "../../src/search/events.ts";
import { randomStream } from "../../src/search/random.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { evaluations, valueOf } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { navigatorPrompt } from "../../src/searchers/navigator.ts";
import { writeArchitecture } from "../../src/searchers/prompts.ts";
import { soloPrompt } from "../../src/searchers/solo.ts";
import { countedCosts, separableScore } from "../contract/searcher.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyDescription, tinySpace } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const tiny = tinySpace();
const stages = vectorSpaces.get("stages") as Space;

async function played(
  space: Space,
  rounds: readonly (readonly unknown[])[],
  search: Partial<SearchConfig> = {},
  strategy = (round: number) =>
    `## Summary\nIdea ${round}, explained here.\n\n## Directions\nDetail ${round}.`,
): Promise<RunState> {
  const description: SpaceDescription = space.description;
  const { run } = await setUp({
    searcher: scriptedSearcher(async (turn) => {
      await turn.setStrategy(strategy(turn.round));
      return rounds[turn.round - 1] ?? [];
    }),
    description,
    evaluator: new MemoryEvaluator({
      description,
      ...(description === tinyDescription
        ? {}
        : { score: separableScore(description), costs: countedCosts(description) }),
    }),
    search: { rounds: rounds.length, stallRounds: 99, budget: 10_000, ...search },
  });
  return await run();
}

const prompt = (state: RunState, space: Space) => navigatorPrompt(state, space, state.rounds.length + 1);

function drawn(space: Space, rounds: number, each: number): string[][] {
  const random = randomStream(3, "draws");
  return Array.from({ length: rounds }, () => Array.from({ length: each }, () => space.sample(random).text));
}

describe("the request", () => {
  const smallest = { depth: [1, 1], width: [16, 16, 16, 16] };
  const wide = { depth: [2, 1], width: [24, 32, 32, 16] };
  const widest = { depth: [2, 2], width: [32, 32, 32, 32] };
  const next = { depth: [1, 1], width: [24, 16, 16, 16] };

  it("shows older rounds in a line each, the latest strategy and the best whole, then the usual request", async () => {
    const state = await played(tiny, [[smallest, widest], [wide], [next]], { limits: { flops_m: 50 } });
    const { user, condensed } = prompt(state, tiny);
    expect(condensed).toBe(
      [
        "# Earlier rounds in short",
        "The conversation so far has grown too long to be repeated; this is what it came to.",
        "- Round 1: 1 evaluated, best accuracy 88.6876. Idea 1, explained here.\n- Round 2: 1 evaluated, best accuracy 94.9984. Idea 2, explained here.",
        "In the whole search 0 evaluations failed and 1 proposed architectures were over the limit.",
        "Your latest strategy:",
        "<strategy>\n## Summary\nIdea 3, explained here.\n\n## Directions\nDetail 3.\n</strategy>",
        "# The best 3 of the whole search",
        [
          '1. accuracy 94.9984, flops_m 44, params_m 1.375: {"depth": [2, 1], "width": [[24, 32], [32, null]]}',
          '2. accuracy 89.6866, flops_m 20, params_m 0.625: {"depth": [1, 1], "width": [[24, null], [16, null]]}',
          '3. accuracy 88.6876, flops_m 16, params_m 0.5: {"depth": [1, 1], "width": [[16, null], [16, null]]}',
        ].join("\n"),
        user,
      ].join("\n\n"),
    );
  });

  it("exists for a role that keeps its conversation, from the second round on, and for no other role", async () => {
    const state = await played(tiny, [[smallest]]);
    const remembering = { ...state.search, memory: { navigator: true, generator: true } };
    const started = { ...state, search: remembering };
    expect(navigatorPrompt(started, tiny, 1)).not.toHaveProperty("condensed");
    expect(soloPrompt(started, tiny, 1)).not.toHaveProperty("condensed");
    expect(navigatorPrompt(started, tiny, 2)).toHaveProperty("condensed");
    expect(soloPrompt(started, tiny, 2).condensed).toMatch(/^# Earlier rounds[^]*no two may be the same\.$/);
    const forgetful = {
      ...state,
      search: { ...state.search, memory: { navigator: false, generator: false } },
    };
    expect(navigatorPrompt(forgetful, tiny, 2)).not.toHaveProperty("condensed");
    expect(soloPrompt(forgetful, tiny, 2)).not.toHaveProperty("condensed");
  });

  it("counts no losses without prompt extras, and has no best as long as all are over the limit", async () => {
    const strict = await played(tiny, [[widest], [widest, smallest]], {
      promptExtras: false,
      limits: { flops_m: 50 },
    });
    expect(prompt(strict, tiny).condensed).not.toContain("In the whole search");
    const over = await played(tiny, [[widest], [wide]], { limits: { flops_m: 10 } });
    expect(prompt(over, tiny).condensed).toContain("- Round 1: 0 evaluated, best none. Idea 1");
    expect(prompt(over, tiny).condensed).not.toContain("# The best");
  });
});

describe("a long search", () => {
  it("never shortens the best: ten of all rounds are shown in full, however early they were", async () => {
    const state = await played(stages, drawn(stages, 60, 5));
    const { condensed = "" } = prompt(state, stages);
    const ranked = evaluations(state)
      .map(({ measured, outcome }) => ({ text: measured.text, value: valueOf(state, outcome) ?? 0 }))
      .sort((first, second) => second.value - first.value);
    const lines = condensed.split("\n");
    for (const [index, { text, value }] of ranked.slice(0, 10).entries()) {
      const architecture = writeArchitecture(stages, stages.fromText(text));
      const line = lines.find((each) => each.startsWith(`${index + 1}. `));
      expect(line).toContain(`accuracy ${number(value)}, flops_m `);
      expect(line?.endsWith(`: ${architecture}`)).toBe(true);
    }
  });

  it("puts the oldest rounds together, so that it grows no further", async () => {
    const longWinded = (round: number) => `## Summary\n${`Idea ${round}. `.repeat(5_000)}`;
    const sizes: number[] = [];
    for (const rounds of [31, 32, 60, 200]) {
      const state = await played(stages, drawn(stages, rounds, 5), {}, longWinded);
      const { user, condensed = "" } = prompt(state, stages);
      sizes.push(condensed.length - user.length);
      const lines = condensed.split("\n").filter((line) => /^- Rounds? \d/.test(line));
      expect(lines.length).toBeLessThanOrEqual(30);
      for (const line of lines) expect(line.length).toBeLessThan(300);
      const evaluated = lines.map((line) => Number(/: (\d+) evaluated/.exec(line)?.[1]));
      expect(evaluated.reduce((sum, count) => sum + count, 0)).toBe(
        evaluations({ ...state, rounds: state.rounds.slice(0, -1) }).length,
      );
    }
    expect(sizes[0]).toBeLessThan(20_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual((sizes[0] as number) + 1_000);
    const state = await played(stages, drawn(stages, 60, 5));
    const { condensed = "" } = prompt(state, stages);
    expect(condensed).toContain("- Rounds 1 to 4: 20 evaluated, best accuracy ");
    expect(condensed).toMatch(/- Rounds 37 to 39: .*\n- Round 40: .* Idea 40, /);
  });
});
