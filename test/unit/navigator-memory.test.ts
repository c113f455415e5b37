/** The Navigator's prompts without prompt extras, over several rounds, and for every kind of space. */
import { describe, expect, it } from "vitest";
import type { SearchConfig } from "../../src/search/events.ts";
import { Space } from "../../src/search/space.ts";
import type { Dimension } from "../../src/search/space-description.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { collm } from "../../src/searchers/collm.ts";
import { generatorPrompt } from "../../src/searchers/generator.ts";
import { navigatorPrompt } from "../../src/searchers/navigator.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { playedRoles } from "../support/played-roles.ts";
import { begun, block, refinement, shown, tiny } from "../support/played-rounds.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { largest, middle, narrow } from "../support/tiny-architectures.ts";
import { tinyBest, tinyDescription } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

describe("without prompt extras", () => {
  const bare = {
    promptExtras: false,
    limits: { flops_m: 40 },
    target: 99,
    task: "They tell cats from dogs.",
  } as const;

  it("the role gets the problem, the space, an example, a short way of working and the outline", async () => {
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
      rounds: [[narrow, tinyBest, narrow, "nonsense", { depth: [9, 1] }]],
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
    expect(user).toContain(`: ${shown[tinyBest]}`);
  });
});

describe("memory", () => {
  const replies = (wide: string) => [
    "A strategy: begin with everything at once.",
    JSON.stringify({ architectures: [JSON.parse(narrow), JSON.parse(wide)] }),
    "A strategy: go on with the wide ones only.",
    JSON.stringify({ architectures: [JSON.parse(middle)] }),
    "A strategy: and now with the narrow ones.",
    JSON.stringify({ architectures: [JSON.parse(tinyBest)] }),
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
    const { third } = await conversations({ navigator: false, generator: false });
    const messages = third("navigator");
    expect(messages).toHaveLength(2);
    expect(messages[1]).toContain("# Results of round 2");
    expect(messages[1]).toContain(shown[middle]);
    expect(messages.join("\n")).not.toContain("begin with everything at once");
    expect(messages.join("\n")).not.toContain(shown[narrow]);
  });

  it("continues with the last strategy when a reply cannot be read; without a strategy there is nothing to ask", async () => {
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
    expect(system).toContain(
      "## `e`: 20 slots, each one of 3, 4, 6\n\nWritten as 5 lists, one a group, of 4 slots each. e[i] counts the slots from 0 through all groups. The groups and slots are those of `ks`: e[i] is at the place of ks[i].\n\n##",
    );
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
    expect(system.match(/- layers: .*/g)).toEqual(["- layers: mlp[0], mlp[1], mlp[2], mlp[3]"]);
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

  const described = async (changes: (dimension: Dimension) => Partial<Dimension>) => {
    const { description } = vectorSpaces.get("stages") as Space;
    const dimensions = description.dimensions.map((each) => ({ ...each, ...changes(each) }));
    const space = new Space({ ...description, dimensions });
    return navigatorPrompt(await begun(space), space, 1);
  };

  it("says little of a dimension with one choice, and asks nothing about it", async () => {
    const meaning = "Side of the kernel. Larger kernels see more.";
    const fixed = await described(({ name, choices }) =>
      ["r", "ks"].includes(name) ? { choices: choices.slice(0, 1), meaning } : {},
    );
    expect(fixed.system).toContain(
      "## `r`: one slot, always 160\n\nSide of the kernel.\n\n## `d`: 5 slots, each one of 2, 3, 4",
    );
    expect(fixed.system).toContain(
      "## `ks`: 20 slots, each always 3\n\nSide of the kernel.\n\nWritten as 5 lists, one a group, of 4 slots each.\n\n## `e`",
    );
    // What is not listed cannot be referred to.
    expect(fixed.system).toContain("- stage 5: e[16], e[17], e[18], e[19]");
    expect(fixed.system).toContain("## Directions\n### d\n### e\n## Ranges\n- d[0]: ");
    expect(fixed.user).toContain("how the choices in `d`, `e` trade");
  });

  it("lists slots again where they may be other places", async () => {
    const apart = await described(({ name }) => (name === "e" ? { activeCount: "" } : {}));
    expect(apart.system).toContain("- stage 5: e[16], e[17], e[18], e[19]");
    const slotNames = Array.from({ length: 20 }, (_, slot) => `block ${slot}`);
    const named = await described(({ name }) =>
      name === "e" ? { slotNames, activeCount: "" } : name === "ks" ? { slotNames } : {},
    );
    expect(named.system).toContain("ks[19] (block 19)");
    expect(named.system).toContain("e[i] is at the place of ks[i].");
    expect(named.system).not.toContain("e[19]");
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
        models: playedRoles(),
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
