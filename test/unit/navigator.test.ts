/** What the Navigator is asked at the opening and in a refinement, and how its strategy is read. */
import { describe, expect, it } from "vitest";
import type { SearchConfig } from "../../src/search/events.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { strategySections } from "../../src/search/strategy.ts";
import { navigatorPrompt, readStrategy } from "../../src/searchers/navigator.ts";
import { begun, block, refinement, shown, tiny } from "../support/played-rounds.ts";
import { largest, middle, narrow } from "../support/tiny-architectures.ts";
import { tinyBest, tinyDescription } from "../support/tiny-space.ts";
import { describedAs, spellingVectors } from "../support/vector-spaces.ts";
import { replied } from "../support/read-replies.ts";

describe("reading a strategy", () => {
  it("takes any text with some words in it, without the white space around it", () => {
    const text = "## Summary\nTry wide networks first.";
    expect(readStrategy(replied(`\n  ${text}\n`))).toEqual({ ok: true, value: text });
    expect(readStrategy(replied(text, "length"))).toEqual({ ok: true, value: text });
  });

  it.each([
    ["nothing", "", "the reply is empty"],
    ["blanks", " \n\t ", "the reply is empty"],
    ["a word or two", "OK, sure.", 'the reply is no strategy: "OK, sure."'],
  ])("refuses %s and says so", (_, content, reason) => {
    expect(readStrategy(replied(content))).toEqual({ ok: false, reasons: [reason] });
    expect(readStrategy(replied(content, "length"))).toEqual({
      ok: false,
      reasons: [`${reason}; it was cut off by the length limit`],
    });
  });

  it("quotes no more of a reply than helps", () => {
    const result = readStrategy(replied("x".repeat(1_000_000)));
    expect(result.ok ? "" : result.reasons.join().length).toBeLessThan(500);
  });
});

describe("the opening", () => {
  it("asks for diversity, and for ways to keep close under a limit where there is one", async () => {
    const open = async (search: Partial<SearchConfig>) =>
      navigatorPrompt(await begun(tiny, search), tiny, 1).user;
    const free = await open({ candidates: { min: 4, max: 8 } });
    expect(free).toContain("favour diversity: the first 4 to 8 architectures");
    expect(free).toContain("`depth`, `width`");
    expect(free).toContain("from the smallest to the largest");
    expect(free).not.toContain("limit");
    const limited = await open({ limits: { flops_m: 50 } });
    expect(limited).toContain("close under the limit");
    expect(limited).not.toContain("from the smallest to the largest");
  });

  it("comes with what the role is, the problem, the space and the outline of an answer", async () => {
    const state = await begun(tiny, {
      task: "They tell cats from dogs.",
      target: 94,
      budget: 33,
      limits: { flops_m: 48.5, params_m: 2 },
      candidates: { min: 4, max: 8 },
    });
    const { system, schema } = navigatorPrompt(state, tiny, 1);
    expect(schema).toBeNull();
    for (const words of [
      "4 to 8 concrete architectures",
      "They tell cats from dogs.",
      "maximise `accuracy` (percent): Share of images classified correctly.",
      "Target: 94 percent.",
      "Strict limit: `flops_m` at most 48.5 millions.",
      "Strict limit: `params_m` at most 2 millions.",
      "Budget: 33 evaluated architectures",
      "aim close under it",
      "A network of two stages, each with one or two layers.",
      "How many channels each layer has; cost grows in proportion.",
      "`params_m` (millions): Weights.",
    ]) {
      expect(system).toContain(words);
    }
    const outline = block(system, "```").join("\n");
    const places = strategySections.map((section) => outline.indexOf(`## ${section}`));
    expect(places.every((place) => place >= 0)).toBe(true);
    expect([...places].sort((first, second) => first - second)).toEqual(places);
    expect(outline).toContain("### depth\n### width");
  });

  it("speaks of lower values where those are better", async () => {
    const description = lowerIsBetter();
    const state = await begun(new Space(description));
    expect(navigatorPrompt(state, new Space(description), 1).system).toContain("minimise `latency` (ms)");
  });

  it("leaves out units and meanings that the description does not give", async () => {
    const description = {
      ...describedAs("layers", spellingVectors.spaces["layers"] as never),
      summary: "",
      metrics: [{ name: "score", unit: "", meaning: "", higherIsBetter: true }],
      costs: [{ name: "size", unit: "", meaning: "" }],
    };
    const space = new Space(description);
    const { system } = navigatorPrompt(await begun(space, { limits: { size: 3 }, target: 0.5 }), space, 1);
    expect(block(system, "- Objective")).toEqual([
      "- Objective: maximise `score`",
      "- Target: 0.5. Reaching it ends the search.",
      "- Strict limit: `size` at most 3.",
      "- Budget: 20 evaluated architectures in all.",
      expect.stringContaining("over a limit"),
    ]);
    expect(block(system, "- `size`")).toEqual(["- `size`"]);
    expect(system).not.toMatch(/\(\)|^- .*: *$|\n{3}/m);
  });
});

describe("a refinement", () => {
  it("carries each evaluated architecture of the round with its costs and its score, best first", async () => {
    const user = await refinement({
      rounds: [
        [narrow, largest, tinyBest],
        [middle, largest],
      ],
    });
    expect(block(user, "1.")).toEqual([`1. accuracy 89.6866, flops_m 20, params_m 0.625: ${shown[middle]}`]);
    const first = await refinement({ rounds: [[narrow, largest, tinyBest]] });
    expect(block(first, "1.")).toEqual([
      expect.stringMatching(/^1\. accuracy [\d.]+, flops_m 44, params_m 1\.375: /),
      expect.stringMatching(/^2\. accuracy [\d.]+, flops_m 64, params_m 2: /),
      expect.stringMatching(/^3\. accuracy [\d.]+, flops_m 16, params_m 0\.5: /),
    ]);
    expect(block(first, "1.").map((line) => line.slice(line.indexOf("{")))).toEqual(
      [tinyBest, largest, narrow].map((text) => shown[text as keyof typeof shown]),
    );
    expect(first).toContain("# Results of round 1, best first (null marks an unused slot)");
  });

  it("shows the state of the search: the best, used and left, the limit, the target", async () => {
    const user = await refinement({
      rounds: [[narrow, tinyBest], [middle]],
      search: { budget: 12, limits: { flops_m: 50 }, target: 99 },
    });
    expect(block(user, "# Where we stand")).toEqual([
      "# Where we stand",
      expect.stringMatching(/^- Best within the limit: accuracy [\d.]+ with flops_m 44, params_m 1\.375: /),
      "- Evaluations: 3 used, 9 left.",
      "- Limit: `flops_m` at most 50 millions.",
      "- Target: 99 percent.",
    ]);
    expect(block(user, "# Where we stand")[1]).toContain(shown[tinyBest]);
  });

  it("asks what the good ones share, which ranges to explore, and how the score moves with cost", async () => {
    const user = await refinement({ rounds: [[narrow]] });
    expect(user).toContain("what the architectures with the best accuracy have in common");
    expect(user).toContain("which ranges deserve more samples");
    expect(user).toContain("how accuracy moves with cost");
  });

  it("puts lower values first where those are better, and aims low", async () => {
    const user = await refinement({
      rounds: [[narrow, largest, tinyBest]],
      description: lowerIsBetter(),
      score: (text) => text.length,
    });
    const values = block(user, "1.").map((line) => Number(/latency ([\d.]+)/.exec(line)?.[1]));
    expect(values).toEqual([...values].sort((first, second) => first - second));
    expect(user).toContain(`- Best: latency ${values[0]} `);
    expect(user).toContain("- Target: as low as possible.");
    expect(await refinement({ rounds: [[narrow]] })).toContain("- Target: as high as possible.");
  });

  it("tells of failed evaluations after the others, by kind", async () => {
    const user = await refinement({
      rounds: [[narrow, tinyBest]],
      score: (text) =>
        text === narrow ? { kind: "failure", failure: "out-of-memory", message: "cuda" } : 90,
    });
    expect(block(user, "1.")).toEqual([
      `1. accuracy 90, flops_m 44, params_m 1.375: ${shown[tinyBest]}`,
      `2. evaluation failed (out-of-memory), flops_m 16, params_m 0.5: ${shown[narrow]}`,
    ]);
    expect(block(user, "# Where we stand")).toContain("- Evaluations: 2 used, 18 left.");
  });

  it("tells of repeated, invalid and equivalent candidates, and of those beyond the round", async () => {
    const user = await refinement({
      rounds: [
        [narrow],
        [
          narrow,
          narrow,
          { depth: [1, 9], width: [16, 16, 16, 16] },
          { depth: [1, 9], width: [16, 16, 16, 16] },
          "nonsense",
          tinyBest,
          middle,
        ],
      ],
      search: { candidates: { min: 1, max: 1 } },
    });
    expect(block(user, "Not evaluated:")).toEqual([
      "Not evaluated:",
      "- 2 repeated an architecture proposed earlier: ask for new combinations.",
      expect.stringMatching(/^- 3 were not valid: "depth\[1\]" is 9; choices are 1, 2; not readable as /),
      "- 1 were more than this round could evaluate.",
    ]);
    const equivalent = await refinement({
      rounds: [[narrow, tinyBest, largest]],
      search: { equivalent: "skip" },
      equivalenceKey: () => "all the same",
    });
    expect(block(equivalent, "Not evaluated:")).toEqual([
      "Not evaluated:",
      "- 2 compute the same function as an architecture already evaluated.",
    ]);
  });

  it("tells of architectures over the limit with their costs, and that they were not evaluated", async () => {
    const user = await refinement({
      rounds: [[narrow, tinyBest, largest]],
      search: { limits: { flops_m: 40 } },
    });
    expect(block(user, "1.")).toHaveLength(1);
    const [, line] = block(user, "Not evaluated:");
    expect(line).toContain("- 2 were over the limit and not evaluated");
    expect(line).toContain(`flops_m 44, params_m 1.375: ${shown[tinyBest]}`);
    expect(line).toContain(`flops_m 64, params_m 2: ${shown[largest]}`);
  });

  it("marks those over the limit that were evaluated, and does not call them the best", async () => {
    const user = await refinement({
      rounds: [[narrow, tinyBest]],
      search: { limits: { flops_m: 40 }, overLimit: "evaluate" },
    });
    const [first, second] = block(user, "1.");
    expect(first).toContain(`(over the limit): ${shown[tinyBest]}`);
    expect(second).not.toContain("over the limit");
    expect(block(user, "# Where we stand")[1]).toContain(shown[narrow]);
    expect(user).not.toContain("Not evaluated:");
  });

  it("asks for a refinement only where the conversation is kept", async () => {
    expect(await refinement({ rounds: [[narrow]] })).toContain("Now refine the strategy.");
    const memory = { navigator: false, generator: false };
    const forgetful = await refinement({ rounds: [[narrow]], search: { memory } });
    expect(forgetful).toContain("Now write the strategy for the next round from these results.");
  });

  it("says so when there was nothing at all, and when there is no best yet", async () => {
    const empty = await refinement({ rounds: [[]] });
    expect(empty).toContain("The Generator gave no architectures.");
    expect(empty).toContain("- Best: none yet.");
    expect(empty).not.toContain("Not evaluated:");
    const over = await refinement({ rounds: [[tinyBest]], search: { limits: { flops_m: 1 } } });
    expect(over).toContain("No architecture of this round could be evaluated.");
    expect(over).toContain("- Best within the limit: none yet.");
  });
});

function lowerIsBetter(): SpaceDescription {
  return {
    ...tinyDescription,
    metrics: [{ name: "latency", unit: "ms", meaning: "Time of one image.", higherIsBetter: false }],
  };
}
