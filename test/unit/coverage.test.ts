/** What the prompts tell beyond the results: what is unseen, what came again, the room under a limit, and costs. */
import { describe, expect, it } from "vitest";
import type { SearchConfig } from "../../src/search/events.ts";
import { randomStream } from "../../src/search/random.ts";
import type { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import type { RunState } from "../../src/search/state.ts";
import { measureSpread, spreadOf } from "../../src/searchers/cost-spread.ts";
import { collm } from "../../src/searchers/collm.ts";
import { coverageOf } from "../../src/searchers/coverage.ts";
import { navigatorPrompt } from "../../src/searchers/navigator.ts";
import { solo, soloPrompt } from "../../src/searchers/solo.ts";
import { countedCosts } from "../contract/searcher.ts";
import { bodies, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyDescription, tinySpace } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const tiny = tinySpace();
const smallest = { depth: [1, 1], width: [16, 16, 16, 16] };
const next = { depth: [1, 1], width: [24, 16, 16, 16] };
const wide = { depth: [2, 1], width: [24, 32, 32, 16] };
const widest = { depth: [2, 2], width: [32, 32, 32, 32] };

async function played(
  rounds: readonly (readonly unknown[])[],
  search: Partial<SearchConfig> = {},
  description: SpaceDescription = tinyDescription,
): Promise<RunState> {
  const { run } = await setUp({
    searcher: scriptedSearcher(async (turn) => {
      await measureSpread(turn);
      await turn.setStrategy(`strategy of round ${turn.round}`);
      return rounds[turn.round - 1] ?? [];
    }),
    description,
    evaluator: new MemoryEvaluator({
      description,
      ...(description === tinyDescription ? {} : { score: () => 50, costs: countedCosts(description) }),
    }),
    search: { rounds: rounds.length, stallRounds: 99, budget: 1_000, ...search },
  });
  return await run();
}

const refinement = (state: RunState, space: Space = tiny) =>
  navigatorPrompt(state, space, state.rounds.length + 1).user;

function draws(space: Space, count: number): string[] {
  const random = randomStream(5, "draws");
  return Array.from({ length: count }, () => space.sample(random).text);
}

describe("coverage", () => {
  const inform = ["coverage"] as const;

  it("names what no evaluated architecture has and what few have, and counts them by cost", async () => {
    const state = await played([[smallest, next, wide]], { inform: [...inform] });
    expect(refinement(state)).toContain(
      [
        "# What is still unseen",
        "- 3 of 144 architectures of the space have been evaluated.",
        // A choice in a place of two weighs more than one in a place of three; an unused place has none of its choices.
        "- Choices that no evaluated architecture has: width[3]: 16, 24, 32; width[1]: 16, 24; depth[1]: 2; width[0]: 32; width[2]: 24.",
        "- Evaluated by `flops_m` (millions): 16 to 21.6: 2; 21.6 to 27.2: 0; 27.2 to 32.8: 0; 32.8 to 38.4: 0; 38.4 to 44: 1.",
        "",
      ].join("\n"),
    );
  });

  it("tells what few have by how far they are below an even share", async () => {
    const many = [...tiny.all()].filter(({ choices: [, width] }) => width?.[0] === 0);
    const others = [...tiny.all()].filter(({ choices: [, width] }) => width?.[0] === 1);
    const state = await played([[...many.slice(0, 30), ...others.slice(0, 1)].map(({ text }) => text)], {
      candidates: { min: 1, max: 99 },
    });
    expect(coverageOf(state, tiny)).toMatchObject({
      evaluated: 31,
      size: "144",
      rare: { text: expect.stringMatching(/^width\[0\]: 24 \(1 of 31\)/) as string, more: 0 },
    });
    expect(coverageOf(state, tiny)?.never?.text).toContain("width[0]: 32");
  });

  it("counts costs up to the limit where nothing over it is evaluated, and by the limited cost", async () => {
    const limits = { params_m: 1 };
    const skipped = await played([[smallest, next, widest]], { limits });
    expect(coverageOf(skipped, tiny)?.bands).toEqual({
      cost: "params_m",
      unit: "millions",
      text: "0.5 to 0.6: 1; 0.6 to 0.7: 1; 0.7 to 0.8: 0; 0.8 to 0.9: 0; 0.9 to 1: 0",
    });
    const taken = await played([[smallest, next, widest]], { limits, overLimit: "evaluate" });
    expect(coverageOf(taken, tiny)?.bands?.text).toMatch(/^0\.5 to 0\.8: 2; .* to 2: 1$/);
  });

  it("says nothing before anything was evaluated, and no ranges where all cost the same", async () => {
    expect(refinement(await played([["junk"]], { inform: [...inform] }))).not.toContain("unseen");
    expect(coverageOf(await played([[smallest]]), tiny)?.bands).toBeNull();
  });

  it.each([...vectorSpaces])("keeps short in %s, after one result and after many", async (_, space) => {
    for (const count of [1, 10, 90]) {
      const state = await played(
        [draws(space, count)],
        { inform: [...inform], candidates: { min: 1, max: 99 } },
        space.description,
      );
      for (const wording of ["standard", "concise", "coaching"] as const) {
        const told = { ...state, search: { ...state.search, wording } };
        const silent = { ...told, search: { ...told.search, inform: [] } };
        const length = refinement(told, space).length - refinement(silent, space).length;
        expect(length).toBeGreaterThan(50);
        expect(length).toBeLessThan(1_250);
      }
    }
  });

  it("puts the slots of a long dimension together, by group", async () => {
    const stages = vectorSpaces.get("stages") as Space;
    const state = await played([draws(stages, 2)], {}, stages.description);
    const text = coverageOf(state, stages)?.never?.text ?? "";
    expect(text).toMatch(/(^|; )d\[\d\]: /);
    expect(text).not.toMatch(/(ks|e)\[\d+\]/);
    expect(coverageOf(state, stages)?.size).toBeNull();
    const none = stages.parse({ r: [160], d: [2, 2, 2, 2, 2], ks: Array(20).fill(3), e: Array(20).fill(3) });
    if (!none.ok) throw new Error(JSON.stringify(none));
    const alike = await played([[none.architecture.text]], {}, stages.description);
    expect(coverageOf(alike, stages)?.never).toMatchObject({
      text: expect.stringContaining("ks[0-3]: 5, 7") as string,
    });
  });
});

describe("duplicates", () => {
  it("shows what was proposed again, how often, and what came of it, the most frequent first", async () => {
    const rounds = [
      [smallest, wide, widest],
      [wide, smallest, wide, next, widest],
    ];
    const state = await played(rounds, { inform: ["duplicates"], limits: { flops_m: 50 } });
    const count = "- 4 repeated an architecture proposed earlier: ask for new combinations.";
    expect(refinement(state)).toContain(
      `${count}\n- Proposed again: 2 × accuracy 94.9984: {"depth": [2, 1], "width": [[24, 32], [32, null]]}; ` +
        '1 × accuracy 88.6876: {"depth": [1, 1], "width": [[16, null], [16, null]]}; ' +
        '1 × over the limit: {"depth": [2, 2], "width": [[32, 32], [32, 32]]}.',
    );
    const without = { ...state, search: { ...state.search, inform: [] } };
    expect(refinement(without)).toContain(count);
    expect(refinement(without)).not.toContain("Proposed again");
  });

  it("shows five of them at most", async () => {
    const some = [...tiny.all()].slice(0, 8).map(({ text }) => text);
    const state = await played([some, [...some, smallest]], {
      inform: ["duplicates"],
      candidates: { min: 1, max: 9 },
    });
    const line = refinement(state)
      .split("\n")
      .find((each) => each.includes("Proposed again"));
    expect(line?.match(/×/g)).toHaveLength(5);
  });
});

describe("headroom", () => {
  it("tells what part of each limit the best and the middle one use, and the nearest misses first", async () => {
    const over = [
      { depth: [2, 2], width: [32, 32, 32, 32] },
      { depth: [2, 2], width: [24, 16, 24, 24] },
    ];
    const search = {
      inform: ["headroom"],
      limits: { flops_m: 40, params_m: 10 },
    } satisfies Partial<SearchConfig>;
    const state = await played(
      [[smallest, next, { depth: [1, 1], width: [32, 16, 32, 16] }, ...over]],
      search,
    );
    const text = refinement(state);
    expect(text).toContain(
      "- Use of `flops_m`: the best uses 80% of the limit; the middle one of this round's evaluated architectures 50%.",
    );
    expect(text).toContain("- Use of `params_m`: the best uses 10% of");
    expect(text).toMatch(/2 were over the limit and not evaluated, for example flops_m 44, .*; flops_m 64, /);
    const without = refinement({ ...state, search: { ...state.search, inform: ["coverage"] } });
    expect(without).toMatch(/for example flops_m 64, .*; flops_m 44, /);
    expect(without).not.toContain("Use of");
  });

  it("says nothing without a limit, and nothing of a middle where nothing was evaluated", async () => {
    expect(refinement(await played([[smallest]], { inform: ["headroom"] }))).not.toContain("Use of");
    const search = { inform: ["headroom"], limits: { flops_m: 40 } } satisfies Partial<SearchConfig>;
    expect(refinement(await played([[widest]], search))).not.toContain("Use of");
    expect(refinement(await played([[smallest], [widest]], search))).toContain(
      "Use of `flops_m`: the best uses 40% of the limit.\n",
    );
  });
});

describe("the costs of random architectures", () => {
  it("are in the first request for a strategy, with the share that keeps the limit", async () => {
    const state = await played([[smallest]], { inform: ["costs"], limits: { flops_m: 30 } });
    const spread = spreadOf(state, tiny);
    const [flops] = spread?.costs ?? [];
    expect(spread).toMatchObject({ drawn: 100, costs: [{ name: "flops_m" }, { name: "params_m" }] });
    expect(flops?.lowest).toBeLessThan(flops?.lowerQuarter as number);
    expect(flops?.upperQuarter).toBeLessThan(flops?.highest as number);
    for (const { user } of [navigatorPrompt(state, tiny, 1), soloPrompt(state, tiny, 1)]) {
      expect(user).toContain(
        `# What 100 random architectures cost\n- \`flops_m\`: ${flops?.lowest} to ${flops?.highest} millions, half of them ${flops?.lowerQuarter} to ${flops?.upperQuarter}.\n`,
      );
      expect(user).toContain(`\n- ${spread?.within}% of them keep within the limit.\n`);
    }
    // By hand, from every architecture there is.
    const all = [...tiny.all()].map((each) => state.costs.get(each.text)?.costs["flops_m"]);
    const known = all.filter((cost) => cost !== undefined);
    expect(Math.min(...known)).toBe(flops?.lowest);
    expect(Math.max(...known)).toBe(flops?.highest);
  });

  it("are measured once in a search, and shown again where the first reply was of no use", async () => {
    for (const [searcher, role] of [
      [collm, "navigator"],
      [solo, "generator"],
    ] as const) {
      const mute = new ScriptedChat(({ round }) => (round === 1 ? "No." : "Still not."));
      const { journal, run } = await setUp({
        searcher,
        models: { navigator: mute, generator: mute },
        search: { rounds: 2, inform: ["costs"] },
      });
      await run().catch(() => null);
      const [first, second] = bodies(journal.events, "chat-replied").filter(({ attempt }) => attempt === 1);
      expect([first?.role, second?.round]).toEqual([role, 2]);
      for (const call of [first, second])
        expect(call?.added.at(-1)?.content).toContain("# What 100 random architectures cost\n- `flops_m`: ");
      const [measured, ...more] = bodies(journal.events, "costs-measured");
      expect(measured?.seq).toBeLessThan(first?.seq ?? 0);
      expect(more).toEqual([]);
    }
  });

  it("are asked for and shown only where they are wanted and measured, and where the space has costs", async () => {
    const silent = await played([[smallest]], { inform: ["coverage"] });
    expect(silent.costs.size).toBe(1);
    const open = { ...silent, search: { ...silent.search, inform: ["costs" as const] } };
    expect(spreadOf(open, tiny)).toBeNull();
    const bare = { ...tinyDescription, costs: [] };
    const { run } = await setUp({
      searcher: scriptedSearcher(async (turn) => {
        await measureSpread(turn);
        return [];
      }),
      description: bare,
      search: { rounds: 1, inform: ["costs"] },
    });
    expect((await run()).costs.size).toBe(0);
    const unlimited = await played([[smallest]], { inform: ["costs"] });
    expect(navigatorPrompt(unlimited, tiny, 1).user).toContain("random architectures cost");
    expect(navigatorPrompt(unlimited, tiny, 1).user).not.toContain("keep within the limit");
  });
});

it("tells nothing of all this without prompt extras", async () => {
  const inform = ["coverage", "duplicates", "headroom", "costs"] as const;
  const rounds = [
    [smallest, wide],
    [smallest, next, widest],
  ];
  const strict = { promptExtras: false, limits: { flops_m: 50 } } satisfies Partial<SearchConfig>;
  const [told, silent] = [
    await played(rounds, { ...strict, inform: [...inform] }),
    await played(rounds, strict),
  ];
  expect(told.costs).toEqual(silent.costs);
  expect(navigatorPrompt(told, tiny, 1)).toEqual(navigatorPrompt(silent, tiny, 1));
  expect(navigatorPrompt(told, tiny, 3)).toEqual(navigatorPrompt(silent, tiny, 3));
});
