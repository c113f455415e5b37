import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { SearchConfig } from "../../src/search/events.ts";
import { strategySections } from "../../src/search/strategy.ts";
import { fold } from "../../src/search/fold.ts";
import { funnel } from "../../src/search/funnel.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch } from "../../src/search/replay.ts";
import { navigatorPrompt } from "../../src/searchers/navigator.ts";
import { findJson } from "../../src/searchers/reply.ts";
import { readSolo, solo, soloPrompt } from "../../src/searchers/solo.ts";
import { bodies, setUp } from "../support/core-ports.ts";
import { type ChatScript, ScriptedChat } from "../support/scripted-chat.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyDescription, tinySpace } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";
import { replied } from "../support/read-replies.ts";

const tiny = tinySpace();
const narrow = { depth: [1, 1], width: [16, 16, 16, 16] };
const middle = { depth: [1, 2], width: [24, 16, 24, 16] };
const wide = { depth: [2, 2], width: [32, 32, 32, 32] };
const reflection = "## Summary\nTry the wide networks first, they have capacity.";

const json = (value: unknown) => JSON.stringify(value);
const fence = (...values: unknown[]) => `\`\`\`json\n${values.map(json).join("\n")}\n\`\`\``;

/** What a reply gives; repairs are tested in reply-repairs.test.ts. */
function read(content: string, finishReason = "stop") {
  const reading = readSolo(tiny)(replied(content, finishReason));
  return reading.ok ? { ok: true, value: reading.value } : reading;
}

/** A search with one model that gives scripted replies. */
async function searched(script: ChatScript, search: Partial<SearchConfig> = {}) {
  const model = new ScriptedChat(script);
  const { journal, run } = await setUp({
    searcher: solo,
    models: { navigator: new ScriptedChat([]), generator: model },
    search: { rounds: 3, memory: { navigator: true, generator: true }, ...search },
  });
  return { model, journal, run };
}

/** A state after some rounds of written candidates, and what is asked next. */
async function prompted(rounds: readonly (readonly unknown[])[], search: Partial<SearchConfig> = {}) {
  const { run } = await setUp({
    searcher: scriptedSearcher(rounds),
    search: { rounds: Math.max(1, rounds.length), ...search },
  });
  const state = await run();
  const before = { ...state, rounds: state.rounds.slice(0, rounds.length) };
  return { state: before, prompt: soloPrompt(before, tiny, rounds.length + 1) };
}

describe("reading a reply", () => {
  const both = { strategy: reflection, candidates: [narrow, wide] };

  it.each<[string, string]>([
    ["the object asked for", json({ strategy: reflection, architectures: [narrow, wide] })],
    ["the object in a fence", fence({ strategy: `\n${reflection}\n`, architectures: [narrow, wide] })],
    ["text, then a fenced list", `${reflection}\n\n${fence({ architectures: [narrow, wide] })}`],
    ["text, then objects one after another in a fence", `${reflection}\n\n${fence(narrow, wide)}\nDone.`],
    ["text, then a fence for each", `${reflection}\n\n${fence(narrow)}\n\n${fence(wide)}`],
    ["text, then bare JSON", `${reflection}\n${json([narrow, wide])}`],
    [
      "text, then a fence that was cut off",
      `${reflection}\n\`\`\`json\n${json(narrow)}\n${json(wide)}\n{"depth": [`,
    ],
    ["a list under another key", json({ strategy: reflection, candidates: [narrow, wide] })],
    [
      "a strategy in both places",
      `Here it is, all of it now.\n${json({ strategy: reflection, architectures: [narrow, wide] })}`,
    ],
  ])("takes %s", (_, content) => {
    expect(read(content)).toEqual({ ok: true, value: both });
  });

  it("takes examples in the strategy for what they are", () => {
    const example = `${reflection}\n## Examples\n${json(middle)}`;
    expect(read(`${example}\n\n${fence(narrow, wide)}`)).toEqual({
      ok: true,
      value: { strategy: example, candidates: [narrow, wide] },
    });
    const outlined = `\`\`\`\n## Summary\n\`\`\`\n${example}`;
    expect(read(`${outlined}\n\n${fence(narrow, wide)}`)).toEqual({
      ok: true,
      value: { strategy: outlined, candidates: [narrow, wide] },
    });
    expect(read(`${example}\n\n${json({ architectures: [narrow, wide] })}`)).toEqual({
      ok: true,
      value: { strategy: example, candidates: [narrow, wide] },
    });
  });

  it.each<[string, string]>([
    ["nothing", json({ architectures: [narrow, wide] })],
    ["a word", `Sure:\n${fence({ architectures: [narrow, wide] })}`],
    ["no text", json({ strategy: ["wide"], architectures: [narrow, wide] })],
    ["blanks", json({ strategy: "  \n", architectures: [narrow, wide] })],
    [
      "the beginning of an object that was cut off",
      json({ strategy: reflection, architectures: [narrow, wide, wide] }).slice(0, -9),
    ],
  ])("does without a strategy where the reply holds %s", (_, content) => {
    expect(read(content)).toEqual({ ok: true, value: { strategy: null, candidates: [narrow, wide] } });
  });

  it.each([
    ["nothing", "", "the reply is empty"],
    ["a strategy alone", reflection, "no architecture could be found"],
    ["a strategy in an object alone", json({ strategy: reflection, architectures: [] }), "no architecture"],
  ])("refuses %s, with the form it expects", (_, content, reason) => {
    expect(read(content)).toEqual({ ok: false, reasons: [expect.stringContaining(reason)] });
    expect(json(read(content))).toContain("architectures");
    expect(json(read(content, "length"))).toContain("cut off by the length limit");
  });

  it("reads long nonsense in no time", () => {
    const long = 200_000;
    for (const content of [
      "```".repeat(long),
      `\`\`\`${" ".repeat(long)}x`,
      "{".repeat(long),
      "```\n".repeat(long),
    ])
      expect(read(content).ok).toBe(false);
    expect(read(`${"```\n".repeat(long)}${`${json(narrow)}\n`.repeat(9_999)}`)).toMatchObject({ ok: true });
  });
});

describe("the prompt", () => {
  it("shows what the Navigator is shown: the problem, the space, the results, the outline", async () => {
    const search = { target: 94, limits: { flops_m: 50 }, task: "They tell cats from dogs." };
    const { state, prompt } = await prompted(
      [
        [narrow, wide, "nonsense"],
        [middle, narrow],
      ],
      search,
    );
    const remembering = {
      ...state,
      search: { ...state.search, memory: { navigator: true, generator: true } },
    };
    // The Navigator refines a strategy; one was never set here.
    const told = {
      ...remembering,
      rounds: remembering.rounds.map((round) => ({ ...round, strategy: "Go wide." })),
    };
    const { system, user } = navigatorPrompt(told, tiny, 3);
    const from = (text: string, heading: string) => text.slice(text.indexOf(heading));
    const facts = from(system, "# The problem").split("\n\n# How to work")[0] as string;
    expect(prompt.system).toContain(facts);
    const results = user.split("\n\nNow refine")[0]?.replace("ask for new", "look for new") as string;
    expect(results).toContain("# Where we stand");
    expect(prompt.user).toContain(results);
    for (const section of strategySections) expect(prompt.system).toContain(`\n## ${section}\n`);
    expect(prompt.system).toContain("### depth\n### width");
  });

  it("asks to reflect first, and then for as many architectures as a Generator is asked for", async () => {
    const open = (await prompted([], { candidates: { min: 7, max: 9 } })).prompt;
    expect(open.user).toContain("Nothing has been evaluated yet. Reflect on the space, then give 7 to 9");
    expect(open.user).toContain("favour diversity");
    const later = (await prompted([[narrow]], { candidates: { min: 7, max: 9 } })).prompt;
    expect(later.user).toContain(
      "Write the whole strategy under the same headings, then 7 to 9 architectures",
    );
    expect(later.user).toContain("complete and valid");
    expect(open.system.indexOf("First the strategy")).toBeLessThan(
      open.system.indexOf("Then the architectures"),
    );
  });

  it("asks for a refinement only where the conversation is kept", async () => {
    const memory = (generator: boolean) => ({ memory: { navigator: false, generator } });
    expect((await prompted([[narrow]], memory(true))).prompt.user).toContain("refine the strategy");
    expect((await prompted([[narrow]], memory(false))).prompt.user).toContain("from these results");
  });

  it("opens again as long as there are no candidates, and says so when a later round gave none", async () => {
    expect((await prompted([[], []])).prompt.user).toContain("Nothing has been evaluated yet.");
    expect((await prompted([["nonsense"]])).prompt.user).toContain("# Results of round 1");
    const gone = (await prompted([[narrow], []])).prompt.user;
    expect(gone).toContain("# Results of round 2");
    expect(gone).toContain("You gave no architectures.");
  });

  it("asks for both in JSON under a schema when structured, and for text and a fence when not", async () => {
    for (const space of [tiny, ...vectorSpaces.values()]) {
      const at = async (structured: boolean) => {
        const { journal } = await setUp({
          searcher: solo,
          description: space === tiny ? tinyDescription : space.description,
          search: { structured },
        });
        return soloPrompt(fold(journal.events) as RunState, space, 1);
      };
      const [strict, free] = [await at(true), await at(false)];
      const example = findJson(strict.system).filter((value) => space.parse(value).ok);
      expect(example).toHaveLength(1);
      const schema = z.fromJSONSchema(strict.schema as never);
      const whole = { strategy: "text", architectures: [example[0], example[0]] };
      expect(schema.safeParse(whole).success).toBe(true);
      expect(schema.safeParse({ architectures: whole.architectures }).success).toBe(false);
      expect(schema.safeParse({ ...whole, strategy: 7 }).success).toBe(false);
      expect(Object.keys((strict.schema as { properties: object }).properties)).toEqual([
        "strategy",
        "architectures",
      ]);
      expect(strict.system).toContain('{"strategy": "...", "architectures": [');
      expect(free.schema).toBeNull();
      expect(free.system).toContain('```json\n{"architectures": [');
    }
  });
});

describe("a search alone", () => {
  const answers = [
    json({ strategy: `${reflection} One.`, architectures: [narrow, wide] }),
    json({ strategy: `${reflection} Two.`, architectures: [middle] }),
    json({ architectures: [{ depth: [2, 1], width: [16, 16, 16, 16] }] }),
  ];

  it("makes one call a round, whose reflection is the strategy and whose architectures are proposed", async () => {
    const { model, journal, run } = await searched(answers);
    const state = await run();
    expect(model.requests.map(({ role, round }) => [role, round])).toEqual([
      ["generator", 1],
      ["generator", 2],
      ["generator", 3],
    ]);
    expect(state.rounds.map(({ strategy }) => strategy)).toEqual([
      `${reflection} One.`,
      `${reflection} Two.`,
      null,
    ]);
    expect(state.rounds.map(({ candidates }) => candidates.map(({ raw }) => raw))).toEqual([
      [narrow, wide],
      [middle],
      [{ depth: [2, 1], width: [16, 16, 16, 16] }],
    ]);
    expect(funnel(state)).toMatchObject({ evaluated: 4 });
    expect(await replaySearch(journal.events, solo)).toMatchObject({ complete: true });
  });

  it("keeps its conversation where memory says so, and else sees the last round's results alone", async () => {
    const third = async (generator: boolean) => {
      const { model, run } = await searched(answers, { memory: { navigator: true, generator } });
      await run();
      const request = model.requests[2];
      return (request?.messages ?? []).map(({ content }) => content);
    };
    const kept = await third(true);
    expect(kept).toHaveLength(6);
    expect(kept[2]).toBe(answers[0]);
    expect(kept[5]).toContain("# Results of round 2");
    const lost = await third(false);
    expect(lost).toHaveLength(2);
    expect(lost.join()).not.toContain("One.");
  });

  it("is asked once more with the reasons, and continues with the next round when that does not help", async () => {
    const { model, journal, run } = await searched(
      [reflection, "no", answers[0] as string, ...answers.slice(1)],
      { rounds: 2 },
    );
    const state = await run();
    expect(bodies(journal.events, "reply-rejected").map(({ round, attempt }) => [round, attempt])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(model.requests[1]?.messages.at(-1)?.content).toContain(
      "no architecture could be found in the reply",
    );
    expect(model.requests[2]?.messages.at(-1)?.content).toContain("Nothing has been evaluated yet.");
    expect(state.rounds[0]).toMatchObject({ strategy: null, candidates: [] });
    expect(state.rounds[1]).toMatchObject({ strategy: `${reflection} One.` });
    expect(state.ended).toBe("rounds");
  });

  it("gives a model up that never answers with architectures", async () => {
    const { run } = await searched(() => reflection, { rounds: null, stallRounds: 2 });
    await expect(run()).rejects.toThrow("no reply of the Generator could be read in the last 2 rounds");
  });
});
