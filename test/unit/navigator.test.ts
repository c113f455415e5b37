import { describe, expect, it } from "vitest";
import type { ChatReply, Outcome, SearchConfig } from "../../src/search/events.ts";
import { Space, type SpaceDescription } from "../../src/search/space.ts";
import { strategySections } from "../../src/search/strategy.ts";
import { fold, type RunState } from "../../src/search/state.ts";
import { collm } from "../../src/searchers/collm.ts";
import { generatorPrompt } from "../../src/searchers/generator.ts";
import { type NavigatorBrief, navigatorPrompt, readStrategy } from "../../src/searchers/navigator.ts";
import { rulesModel } from "../../src/searchers/rules.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyDescription, tinySpace } from "../support/tiny-space.ts";
import { describedAs, spellingVectors, vectorSpaces } from "../support/vector-spaces.ts";

const tiny = tinySpace();

const smallest = '{"depth":[1,1],"width":[16,null,16,null]}';
const middle = '{"depth":[1,1],"width":[24,null,16,null]}';
const good = '{"depth":[2,1],"width":[24,32,32,null]}';
const largest = '{"depth":[2,2],"width":[32,32,32,32]}';
/** The same as a model sees them, by hand. */
const shown = {
  [smallest]: '{"depth": [1, 1], "width": [[16, null], [16, null]]}',
  [middle]: '{"depth": [1, 1], "width": [[24, null], [16, null]]}',
  [good]: '{"depth": [2, 1], "width": [[24, 32], [32, null]]}',
  [largest]: '{"depth": [2, 2], "width": [[32, 32], [32, 32]]}',
};

interface Played {
  readonly rounds: readonly (readonly unknown[])[];
  readonly search?: Partial<SearchConfig>;
  readonly description?: SpaceDescription;
  readonly score?: (text: string) => number | Outcome;
  readonly equivalenceKey?: () => string;
}

/** The state after some rounds of written candidates, each with a strategy. */
async function played({ rounds, search = {}, description = tinyDescription, score, equivalenceKey }: Played) {
  const { run } = await setUp({
    searcher: scriptedSearcher(async (turn) => {
      await turn.setStrategy(`strategy of round ${turn.round}`);
      return rounds[turn.round - 1] ?? [];
    }),
    description,
    evaluator: new MemoryEvaluator({
      description,
      ...(score === undefined ? {} : { score: ({ text }) => score(text) }),
      ...(equivalenceKey === undefined ? {} : { equivalenceKey }),
    }),
    search: { rounds: Math.max(1, rounds.length), ...search },
  });
  return await run();
}

async function begun(space: Space, search: Partial<SearchConfig> = {}): Promise<RunState> {
  const { journal } = await setUp({
    searcher: scriptedSearcher([]),
    description: space.description,
    search,
  });
  return fold(journal.events) as RunState;
}

/** The message about the results of the last of some rounds. */
async function refinement(told: Played): Promise<string> {
  const state = await played(told);
  return navigatorPrompt(state, new Space(state.space), state.rounds.length + 1).user;
}

/** The lines of a text from one that begins with `from` up to the next empty one. */
function block(text: string, from: string): string[] {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.startsWith(from));
  expect(at, `${from} in:\n${text}`).toBeGreaterThan(-1);
  const end = lines.indexOf("", at);
  return lines.slice(at, end === -1 ? lines.length : end);
}

describe("reading a strategy", () => {
  const reply = (content: string, finishReason = "stop"): ChatReply => ({
    model: "m",
    content,
    reasoning: null,
    finishReason,
    inputTokens: null,
    outputTokens: null,
    seconds: 0,
    failures: [],
  });

  it("takes any text with some words in it, without the white space around it", () => {
    const text = "## Summary\nTry wide networks first.";
    expect(readStrategy(reply(`\n  ${text}\n`))).toEqual({ ok: true, value: text });
    expect(readStrategy(reply(text, "length"))).toEqual({ ok: true, value: text });
  });

  it.each([
    ["nothing", "", "the reply is empty"],
    ["blanks", " \n\t ", "the reply is empty"],
    ["a word or two", "OK, sure.", 'the reply is no strategy: "OK, sure."'],
  ])("refuses %s and says so", (_, content, reason) => {
    expect(readStrategy(reply(content))).toEqual({ ok: false, reasons: [reason] });
    expect(readStrategy(reply(content, "length"))).toEqual({
      ok: false,
      reasons: [`${reason}; it was cut off by the length limit`],
    });
  });

  it("quotes no more of a reply than helps", () => {
    const result = readStrategy(reply("x".repeat(1_000_000)));
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
        [smallest, largest, good],
        [middle, largest],
      ],
    });
    expect(block(user, "1.")).toEqual([`1. accuracy 89.6866, flops_m 20, params_m 0.625: ${shown[middle]}`]);
    const first = await refinement({ rounds: [[smallest, largest, good]] });
    expect(block(first, "1.")).toEqual([
      expect.stringMatching(/^1\. accuracy [\d.]+, flops_m 44, params_m 1\.375: /),
      expect.stringMatching(/^2\. accuracy [\d.]+, flops_m 64, params_m 2: /),
      expect.stringMatching(/^3\. accuracy [\d.]+, flops_m 16, params_m 0\.5: /),
    ]);
    expect(block(first, "1.").map((line) => line.slice(line.indexOf("{")))).toEqual(
      [good, largest, smallest].map((text) => shown[text as keyof typeof shown]),
    );
    expect(first).toContain("# Results of round 1, best first (null marks an unused slot)");
  });

  it("says where the search stands: the best, used and left, the limit, the target", async () => {
    const user = await refinement({
      rounds: [[smallest, good], [middle]],
      search: { budget: 12, limits: { flops_m: 50 }, target: 99 },
    });
    expect(block(user, "# Where we stand")).toEqual([
      "# Where we stand",
      expect.stringMatching(/^- Best within the limit: accuracy [\d.]+ with flops_m 44, params_m 1\.375: /),
      "- Evaluations: 3 used, 9 left.",
      "- Limit: `flops_m` at most 50 millions.",
      "- Target: 99 percent.",
    ]);
    expect(block(user, "# Where we stand")[1]).toContain(shown[good]);
  });

  it("asks what the good ones share, which ranges to explore, and how the score moves with cost", async () => {
    const user = await refinement({ rounds: [[smallest]] });
    expect(user).toContain("what the architectures with the best accuracy have in common");
    expect(user).toContain("which ranges deserve more samples");
    expect(user).toContain("how accuracy moves with cost");
  });

  it("puts lower values first where those are better, and aims low", async () => {
    const user = await refinement({
      rounds: [[smallest, largest, good]],
      description: lowerIsBetter(),
      score: (text) => text.length,
    });
    const values = block(user, "1.").map((line) => Number(/latency ([\d.]+)/.exec(line)?.[1]));
    expect(values).toEqual([...values].sort((first, second) => first - second));
    expect(user).toContain(`- Best: latency ${values[0]} `);
    expect(user).toContain("- Target: as low as possible.");
    expect(await refinement({ rounds: [[smallest]] })).toContain("- Target: as high as possible.");
  });

  it("tells of failed evaluations after the others, by kind", async () => {
    const user = await refinement({
      rounds: [[smallest, good]],
      score: (text) =>
        text === smallest ? { kind: "failure", failure: "out-of-memory", message: "cuda" } : 90,
    });
    expect(block(user, "1.")).toEqual([
      `1. accuracy 90, flops_m 44, params_m 1.375: ${shown[good]}`,
      `2. evaluation failed (out-of-memory), flops_m 16, params_m 0.5: ${shown[smallest]}`,
    ]);
    expect(block(user, "# Where we stand")).toContain("- Evaluations: 2 used, 18 left.");
  });

  it("tells of repeated, invalid and equivalent candidates, and of those beyond the round", async () => {
    const user = await refinement({
      rounds: [
        [smallest],
        [
          smallest,
          smallest,
          { depth: [1, 9], width: [16, 16, 16, 16] },
          { depth: [1, 9], width: [16, 16, 16, 16] },
          "nonsense",
          good,
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
      rounds: [[smallest, good, largest]],
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
      rounds: [[smallest, good, largest]],
      search: { limits: { flops_m: 40 } },
    });
    expect(block(user, "1.")).toHaveLength(1);
    const [, line] = block(user, "Not evaluated:");
    expect(line).toContain("- 2 were over the limit and not evaluated");
    expect(line).toContain(`flops_m 44, params_m 1.375: ${shown[good]}`);
    expect(line).toContain(`flops_m 64, params_m 2: ${shown[largest]}`);
  });

  it("marks those over the limit that were evaluated, and does not call them the best", async () => {
    const user = await refinement({
      rounds: [[smallest, good]],
      search: { limits: { flops_m: 40 }, overLimit: "evaluate" },
    });
    const [first, second] = block(user, "1.");
    expect(first).toContain(`(over the limit): ${shown[good]}`);
    expect(second).not.toContain("over the limit");
    expect(block(user, "# Where we stand")[1]).toContain(shown[smallest]);
    expect(user).not.toContain("Not evaluated:");
  });

  it("asks for a refinement only where the conversation is kept", async () => {
    expect(await refinement({ rounds: [[smallest]] })).toContain("Now refine the strategy.");
    const memory = { navigator: false, generator: false };
    const forgetful = await refinement({ rounds: [[smallest]], search: { memory } });
    expect(forgetful).toContain("Now write the strategy for the next round from these results.");
  });

  it("says so when there was nothing at all, and when there is no best yet", async () => {
    const empty = await refinement({ rounds: [[]] });
    expect(empty).toContain("The Generator gave no architectures.");
    expect(empty).toContain("- Best: none yet.");
    expect(empty).not.toContain("Not evaluated:");
    const over = await refinement({ rounds: [[good]], search: { limits: { flops_m: 1 } } });
    expect(over).toContain("No architecture of this round could be evaluated.");
    expect(over).toContain("- Best within the limit: none yet.");
  });
});

describe("without prompt extras", () => {
  const bare = {
    promptExtras: false,
    limits: { flops_m: 40 },
    target: 99,
    task: "They tell cats from dogs.",
  } as const;

  it("the role is told the problem, the space, an example, a short way of working and the outline", async () => {
    const { system } = navigatorPrompt(await begun(tiny, bare), tiny, 1);
    expect(block(system, "- Objective")).toEqual([
      "- Objective: maximise `accuracy` (percent): Share of images classified correctly.",
      "- Target: 99 percent.",
      "- Strict limit: `flops_m` at most 40 millions.",
      "- An architecture far below the limit leaves capacity unused and is likely worse: aim close under it.",
    ]);
    expect(system).toContain(bare.task);
    expect(system).toContain('its choices mean nothing:\n\n{"depth": [');
    expect(block(system, "# How to work")).toHaveLength(4);
    expect(block(system, "```")).toEqual([
      "```",
      "## Summary",
      "## What worked and why",
      "## Directions",
      "### depth",
      "### width",
      "```",
    ]);
    expect(system).not.toMatch(/Budget|remembers nothing|CHOICE|Avoid|Say which|worth nothing/);
  });

  it("the opening asks for breadth, and says nothing of the limit", async () => {
    const { user } = navigatorPrompt(await begun(tiny, bare), tiny, 1);
    expect(user).toContain("favour diversity");
    expect(user.match(/^- /gm)).toHaveLength(3);
    expect(user).not.toMatch(/limit|smallest to the largest/);
  });

  it("a refinement holds what was evaluated, the best, the limit, the target and the questions, nothing else", async () => {
    const user = await refinement({
      rounds: [[smallest, good, smallest, "nonsense", { depth: [9, 1] }]],
      search: { ...bare, overLimit: "evaluate" },
    });
    expect(user.split("\n\n").map((part) => part.split("\n"))).toEqual([
      ["# Results of round 1, best first (null marks an unused slot)"],
      [
        expect.stringMatching(/^1\. accuracy [\d.]+, flops_m 44, params_m 1\.375: /),
        expect.stringMatching(/^2\. accuracy [\d.]+, flops_m 16, params_m 0\.5: /),
      ],
      [
        "# Where we stand",
        expect.stringMatching(/^- Best within the limit: accuracy [\d.]+ with flops_m 16, params_m 0\.5: /),
        "- Limit: `flops_m` at most 40 millions.",
        "- Target: 99 percent.",
      ],
      ["Now refine the strategy. Work out:", ...Array(4).fill(expect.stringMatching(/^- /))],
      ["Write the whole strategy under the same headings."],
    ]);
    expect(user).toContain(`: ${shown[good]}`);
  });
});

describe("memory", () => {
  const replies = (wide: string) => [
    "A strategy: begin with everything at once.",
    JSON.stringify({ architectures: [JSON.parse(smallest), JSON.parse(wide)] }),
    "A strategy: go on with the wide ones only.",
    JSON.stringify({ architectures: [JSON.parse(middle)] }),
    "A strategy: and now with the narrow ones.",
    JSON.stringify({ architectures: [JSON.parse(good)] }),
  ];

  async function conversations(memory: SearchConfig["memory"]) {
    const model = new ScriptedChat(replies(largest));
    const { run } = await setUp({
      searcher: collm,
      models: { navigator: model, generator: model },
      search: { memory, rounds: 3 },
    });
    const state = await run();
    const third = (role: "navigator" | "generator") => {
      const request = model.requests.find((each) => each.role === role && each.round === 3);
      return (request?.messages ?? []).map(({ content }) => content);
    };
    return { state, model, third };
  }

  it("of the Navigator is its own strategies and every round's results", async () => {
    const { third } = await conversations({ navigator: true, generator: false });
    const messages = third("navigator");
    expect(messages).toHaveLength(6);
    expect(messages[2]).toContain("begin with everything at once");
    expect(messages[3]).toContain("# Results of round 1");
    expect(messages[5]).toContain("# Results of round 2");
    expect(third("generator")).toHaveLength(2);
  });

  it("switched off takes the conversation away, not the round's results", async () => {
    const { third, model, state } = await conversations({ navigator: false, generator: false });
    const messages = third("navigator");
    expect(messages).toHaveLength(2);
    expect(messages[1]).toContain("# Results of round 2");
    expect(messages[1]).toContain(shown[middle]);
    expect(messages.join("\n")).not.toContain("begin with everything at once");
    expect(messages.join("\n")).not.toContain(shown[smallest]);
    const brief = model.requests.find(({ role, round }) => role === "navigator" && round === 3)
      ?.brief as NavigatorBrief;
    expect(brief.results.map(({ measured }) => measured.text)).toEqual([middle]);
    const remembering = {
      ...state,
      search: { ...state.search, memory: { navigator: true, generator: false } },
    };
    expect((navigatorPrompt(remembering, tiny, 3).brief as NavigatorBrief).results).toHaveLength(4);
  });

  it("goes on with the last strategy when a reply cannot be read, and with none there is nothing to ask", async () => {
    const silent = new ScriptedChat(({ role, round }) =>
      role === "navigator"
        ? round === 2
          ? "no"
          : "Try the wide networks of the space."
        : (replies(largest)[1] as string),
    );
    const { run, journal } = await setUp({
      searcher: collm,
      models: { navigator: silent, generator: silent },
      search: { rounds: 2, stallRounds: 2 },
    });
    const state = await run();
    expect(state.rounds.map(({ strategy }) => strategy)).toEqual([
      "Try the wide networks of the space.",
      null,
    ]);
    const asked = silent.requests.filter(({ role, round }) => role === "generator" && round === 2);
    expect(asked[0]?.messages[1]?.content).toContain("Try the wide networks of the space.");
    expect(journal.events.filter(({ type }) => type === "reply-rejected")).toHaveLength(2);

    const mute = new ScriptedChat(() => "");
    const nothing = await setUp({
      searcher: collm,
      models: { navigator: mute, generator: mute },
      search: { rounds: 1 },
    });
    await expect(nothing.run()).rejects.toThrow("no reply of");
    const after = fold(nothing.journal.events) as RunState;
    expect(mute.requests.map(({ role }) => role)).toEqual(["navigator", "navigator"]);
    // Without any strategy yet the next round opens the search once more.
    expect(navigatorPrompt(after, tiny, 2).user).toContain("Nothing has been evaluated yet.");
  });
});

describe("the space in a prompt", () => {
  const systemOf = async (name: string) => {
    const space = vectorSpaces.get(name) as Space;
    return navigatorPrompt(await begun(space), space, 1).system;
  };

  it("shows slots by stage, and which of them each depth switches on", async () => {
    const system = await systemOf("stages");
    expect(system).toContain("## `ks`: 20 slots, each one of 3, 5, 7");
    expect(system).toContain("Written as 5 lists, one a group, of 4 slots each.");
    expect(system).toContain(
      "- stage 1: ks[0], ks[1], ks[2], ks[3]\n- stage 2: ks[4], ks[5], ks[6], ks[7]\n- stage 3: ks[8], ",
    );
    expect(system).toContain("- stage 5: e[16], e[17], e[18], e[19]");
    expect(system).toContain("## `r`: one slot, one of 160, 176, 192");
    expect(block(system, "- Of the slots")).toEqual([
      "- Of the slots of `ks` and `e` only these are in use: the first d[0] of stage 1, the first d[1] of stage 2, the first d[2] of stage 3, the first d[3] of stage 4, the first d[4] of stage 5.",
      expect.stringContaining("Fill the unused slots with any choice"),
    ]);
  });

  it("shows one list where there is one group, and what its depth is", async () => {
    const system = await systemOf("layers");
    expect(system).toContain("## `heads`: 4 slots, each one of 3, 4");
    expect(system).toContain("Written as one flat list of 4 slots, counted from 0.");
    expect(system).toContain("- Of the slots of `mlp` and `heads` only these are in use: the first `depth`.");
  });

  it("shows groups of different sizes, and no rules where every slot is in use", async () => {
    const cell = await systemOf("cell");
    expect(cell).toContain("- node 1: op[0]\n- node 2: op[1], op[2]\n- node 3: op[3], op[4], op[5]");
    const blocks = await systemOf("blocks");
    expect(blocks).toContain("Written as one flat list of 20 slots");
    expect(blocks).toContain("- stage 3: block[8], block[9], ");
    for (const system of [cell, blocks]) expect(system).not.toMatch(/in use|unused|null/);
  });

  it("names slots as the description does", async () => {
    const system = navigatorPrompt(await begun(tiny), tiny, 1).system;
    expect(system).toContain("- stages: depth[0] (stage 1), depth[1] (stage 2)");
  });

  it("names no space, benchmark or data set but in the task sentence", async () => {
    const task = "The networks name the objects in ImageNet's photographs.";
    const famous =
      /nas-?\s?bench|nats|cifar|image\s?net|once.for.all|\bofa\b|\bspos\b|single.path|auto\s?former|analog|mobile\s?net|shuffle|\bvit\b|darts|coco|\btiny\b/i;
    for (const description of [
      tinyDescription,
      ...[...vectorSpaces.values()].map((space) => space.description),
    ]) {
      const { run, journal } = await setUp({
        searcher: collm,
        description: { ...description, id: "nasbench201-cifar10", provenance: "NAS-Bench-201, CIFAR-10" },
        evaluator: new MemoryEvaluator({
          description: { ...description, id: "nasbench201-cifar10", provenance: "NAS-Bench-201, CIFAR-10" },
          score: ({ text }) => (text.length * 7) % 90,
          costs: ({ choices }) => ({
            flops_m: choices.flat().reduce<number>((sum, choice) => sum + (choice ?? 0), 0),
            params_m: 1,
          }),
        }),
        models: { navigator: rulesModel, generator: rulesModel },
        search: { task, rounds: 3, limits: { flops_m: 1_000 } },
      });
      const state = await run();
      const messages = journal.events.flatMap((event) => (event.type === "chat-replied" ? event.added : []));
      const free = { ...state, search: { ...state.search, structured: false } };
      const space = new Space(state.space);
      const prompts = [generatorPrompt(free, space, "s"), navigatorPrompt(free, space, 2)];
      const all = [
        ...messages.map(({ content }) => content),
        ...prompts.flatMap(({ system, user }) => [system, user]),
      ];
      expect(all.length).toBeGreaterThan(8);
      expect(all.filter((text) => text.includes(task)).length).toBeGreaterThan(3);
      for (const text of all) expect(text.replaceAll(task, "")).not.toMatch(famous);
    }
  });
});

// --- internal ---

function lowerIsBetter(): SpaceDescription {
  return {
    ...tinyDescription,
    metrics: [{ name: "latency", unit: "ms", meaning: "Time of one image.", higherIsBetter: false }],
  };
}
