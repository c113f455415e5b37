import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { randomStream } from "../../src/search/random.ts";
import { Space } from "../../src/search/space.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { collm } from "../../src/searchers/collm.ts";
import { generatorPrompt, readArchitectures } from "../../src/searchers/generator.ts";
import { architecturesSchema, writeArchitecture } from "../../src/searchers/prompts.ts";
import { findJson } from "../../src/searchers/reply.ts";
import { arbitraryDescription } from "../support/arbitrary-space.ts";
import { setUp } from "../support/core-ports.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyDescription, tinySpace } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";
import { replied } from "../support/read-replies.ts";

const tiny = tinySpace();
const cell = vectorSpaces.get("cell") as Space;

const narrow = {
  depth: [1, 1],
  width: [
    [16, 16],
    [16, 16],
  ],
};
const wide = {
  depth: [2, 2],
  width: [
    [32, 32],
    [32, 32],
  ],
};
const conv = "|conv3~0|+|skip~0|conv1~1|+|none~0|pool~1|conv3~2|";
const skip = "|skip~0|+|skip~0|skip~1|+|skip~0|skip~1|skip~2|";

/** What a reply gives; repairs are tested in reply-repairs.test.ts. */
function read(space: Space, content: unknown, finishReason = "stop") {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const reading = readArchitectures(space)(replied(text, finishReason));
  return reading.ok ? { ok: true as const, value: reading.value } : reading;
}

describe("reading a reply", () => {
  it.each<[string, unknown, unknown[]]>([
    ["the form asked for", { architectures: [narrow, wide] }, [narrow, wide]],
    ["a bare list", [narrow, wide], [narrow, wide]],
    ["a list under another key", { candidates: [narrow, wide] }, [narrow, wide]],
    ["one architecture", narrow, [narrow]],
    ["one architecture under a key", { architecture: narrow }, [narrow]],
    ["architectures under keys of their own", { a: narrow, b: wide }, [narrow, wide]],
    ["a list beside notes", { notes: ["go wide", "or not"], architectures: [narrow] }, [narrow]],
    ["a list in an object in an object", { answer: [{ architectures: [wide] }] }, [wide]],
    ["each wrapped with its reason", [{ why: "small", network: narrow }, { network: wide }], [narrow, wide]],
    [
      "lists one after another",
      `${JSON.stringify([narrow])}\n\nand\n\n${JSON.stringify([wide])}`,
      [narrow, wide],
    ],
    ["objects one after another", `${JSON.stringify(narrow)}\n${JSON.stringify(wide)}`, [narrow, wide]],
    [
      "a fence and prose",
      `Two:\n\`\`\`json\n${JSON.stringify([narrow, wide])}\n\`\`\`\nDone.`,
      [narrow, wide],
    ],
    ["citations in the prose", `As in [1] and [2, 3]: ${JSON.stringify([narrow])}`, [narrow]],
  ])("takes %s", (_, content, expected) => {
    expect(read(tiny, content)).toEqual({ ok: true, value: expected });
  });

  it("takes what is set down last as the answer, and not the drafts before it", () => {
    const draft = JSON.stringify({ architectures: [narrow, { depth: [1, 1] }] });
    const text = `A draft: ${draft}\nor ${JSON.stringify(narrow)}? No:\n${JSON.stringify({ architectures: [wide] })}`;
    expect(read(tiny, text)).toEqual({ ok: true, value: [wide] });
  });

  it.each<[string, unknown, unknown[]]>([
    ["in the form asked for", { architectures: [conv, skip] }, [conv, skip]],
    ["in a bare list", [conv, skip], [conv, skip]],
    [
      "with a wrong choice among them",
      [conv.replaceAll("conv3", "conv9")],
      [conv.replaceAll("conv3", "conv9")],
    ],
  ])("takes texts of the space's own form %s", (_, content, expected) => {
    expect(read(cell, content)).toEqual({ ok: true, value: expected });
  });

  it("hands on what is no architecture beside what is one: the Coordinator judges and counts it", () => {
    const odd = [narrow, null, 7, "?", [], { depht: [1, 1] }, { layers: [1, 2] }];
    expect(read(tiny, { architectures: odd })).toEqual({ ok: true, value: odd });
    expect(read(tiny, [{ layers: [1, 2] }])).toEqual({ ok: true, value: [{ layers: [1, 2] }] });
  });

  it("keeps the whole members of a list that was cut off, and no pieces of the last one", () => {
    const text = JSON.stringify({ architectures: [narrow, wide, wide] });
    const end = text.length - 3;
    for (let cut = end - JSON.stringify(wide).length; cut < end; cut++) {
      expect(read(tiny, text.slice(0, cut), "length"), `cut at ${cut}`).toEqual({
        ok: true,
        value: [narrow, wide],
      });
    }
    const cells = JSON.stringify({ architectures: [{ op: ["none", "skip"] }, { op: ["conv1", "pool"] }] });
    expect(read(cell, cells.slice(0, -4), "length")).toEqual({ ok: true, value: [{ op: ["none", "skip"] }] });
  });

  it("takes ten thousand", () => {
    const many = Array.from({ length: 10_000 }, () => narrow);
    const result = read(tiny, { architectures: many });
    expect(result.ok && result.value.length).toBe(10_000);
  });

  it.each<[string, unknown, string]>([
    ["nothing", "", "the reply is empty"],
    ["blanks", " \n ", "the reply is empty"],
    ["prose", "I am sorry, I cannot.", "no architecture could be found in the reply"],
    ["null", "null", "no architecture could be found in the reply"],
    ["a number", "20", "no architecture could be found in the reply"],
    ["an empty list", [], "no architecture could be found in the reply"],
    ["the form asked for, empty", { architectures: [] }, "no architecture could be found in the reply"],
    ["a list of numbers", { architectures: [1, 2] }, "no architecture could be found in the reply"],
    ["lists of lists", [[[]], [[1]]], "no architecture could be found in the reply"],
    [
      "an HTML page",
      "<html><body>502 Bad Gateway</body></html>",
      "no architecture could be found in the reply",
    ],
    ["an architecture's own lists alone", '"depth": [1, 1], "width": [[16', "no architecture could be found"],
  ])("refuses %s, with the form it expects", (_, content, reason) => {
    const result = read(tiny, content);
    expect(result).toEqual({ ok: false, reasons: [expect.stringContaining(reason)] });
    expect(result.ok ? "" : result.reasons[0]).toContain(
      '{"architectures": [{"depth": [...], "width": [...]}, ...]}',
    );
  });

  it("says when the length limit is to blame", () => {
    for (const content of ["", '{"architectures": [{"depth": [1, ']) {
      const result = read(tiny, content, "length");
      expect(result.ok ? "" : result.reasons[0]).toContain("cut off by the length limit");
    }
    expect(JSON.stringify(read(tiny, ""))).not.toContain("cut off");
  });

  it("survives nesting beyond all measure", () => {
    const deep = 200_000;
    expect(read(tiny, `${"[".repeat(deep)}${"]".repeat(deep)}`).ok).toBe(false);
    // One candidate that is none: the Coordinator says so.
    expect(read(tiny, `${'{"a":['.repeat(deep)}${"]}".repeat(deep)}`)).toMatchObject({ ok: true });
  });
});

describe("the schema", () => {
  const candidates = { min: 2, max: 4 };
  const accepts = (space: Space, texts: readonly string[]) =>
    z
      .fromJSONSchema(architecturesSchema(space, candidates))
      .safeParse(JSON.parse(`{"architectures": [${texts.join(", ")}]}`)).success;

  it("admits every architecture of the space in the form an answer has, in as many as are asked for", () => {
    for (const space of [tiny, ...vectorSpaces.values()]) {
      const random = randomStream(1, space.id);
      for (let draw = 0; draw < 30; draw++) {
        const text = writeArchitecture(space, space.sample(random), "choice");
        expect(accepts(space, [text, text]), `${space.id}: ${text}`).toBe(true);
        expect(accepts(space, Array(4).fill(text))).toBe(true);
      }
      const one = writeArchitecture(space, space.sample(random), "choice");
      expect(accepts(space, [one])).toBe(false);
      expect(accepts(space, Array(5).fill(one))).toBe(false);
    }
  });

  it("admits nothing that is not legal, in any space", () => {
    fc.assert(
      fc.property(arbitraryDescription, fc.infiniteStream(fc.nat()), (description, numbers) => {
        const space = new Space(description);
        const { properties } = architecturesSchema(space, candidates) as unknown as Schema;
        const answer = built(properties["architectures"]?.items as Schema, numbers);
        expect(space.parse(answer)).toMatchObject({ ok: true });
        expect(space.parse(JSON.parse(JSON.stringify(answer)))).toMatchObject({ ok: true });
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["a strange key", '{"depth": [1, 1], "width": [[16, 16], [16, 16]], "note": "x"}'],
    ["a missing key", '{"depth": [1, 1]}'],
    ["a flat list where groups are asked for", '{"depth": [1, 1], "width": [16, 16, 16, 16]}'],
    ["too short a list", '{"depth": [1], "width": [[16, 16], [16, 16]]}'],
    ["a choice there is not", '{"depth": [1, 1], "width": [[16, 16], [16, 17]]}'],
    ["a number in letters", '{"depth": ["1", 1], "width": [[16, 16], [16, 16]]}'],
    [
      "null, which a constrained model would put anywhere",
      '{"depth": [1, 1], "width": [[16, null], [16, 16]]}',
    ],
  ])("does not admit %s", (_, text) => {
    expect(accepts(tiny, [text, text])).toBe(false);
  });

  it("uses constructs that every constrained decoder honours, and no others", () => {
    const known = [
      "type",
      "properties",
      "required",
      "additionalProperties",
      "items",
      "minItems",
      "maxItems",
      "enum",
    ];
    for (const space of [tiny, ...vectorSpaces.values()]) {
      const keys = new Set<string>();
      const walk = (schema: Schema) => {
        for (const key of Object.keys(schema)) keys.add(key);
        for (const inner of Object.values(schema.properties ?? {})) walk(inner);
        if (schema.items !== undefined) walk(schema.items);
        if (schema.type === "object") {
          expect(schema.required).toEqual(Object.keys(schema.properties));
          expect(schema.additionalProperties).toBe(false);
        }
      };
      walk(architecturesSchema(space, candidates) as unknown as Schema);
      expect(known).toEqual(expect.arrayContaining([...keys]));
    }
  });
});

describe("the prompt", () => {
  it("gives an example that is legal, whole, and of the form that the schema asks for", async () => {
    for (const space of [tiny, ...vectorSpaces.values()]) {
      for (const structured of [true, false]) {
        const state = await begun(space, { structured });
        const { system } = generatorPrompt(state, space, "Go wide.");
        const examples = findJson(system).filter((value) => space.parse(value).ok);
        expect(examples, system).toHaveLength(1);
        const check = z.fromJSONSchema(architecturesSchema(space, { min: 1, max: 1 }));
        expect(check.safeParse({ architectures: examples }).success, JSON.stringify(examples)).toBe(true);
      }
    }
  });

  it("holds the strategy, how many are wanted and what makes an answer complete", async () => {
    const state = await begun(tiny, { candidates: { min: 7, max: 9 } });
    const { system, user } = generatorPrompt(state, tiny, "Widen stage 2 of the network.");
    expect(user).toContain("<strategy>\nWiden stage 2 of the network.\n</strategy>");
    expect(user).toContain("7 to 9 architectures");
    expect(system).toContain("7 to 9 architectures");
  });

  it("asks for JSON under the schema when structured, and for a fence after free thought when not", async () => {
    const structured = generatorPrompt(await begun(tiny), tiny, "s");
    expect(structured.schema).toEqual(architecturesSchema(tiny, { min: 2, max: 5 }));
    expect(structured.system).toContain("one JSON object and nothing else");
    const free = generatorPrompt(await begun(tiny, { structured: false }), tiny, "s");
    expect(free.schema).toBeNull();
    expect(free.system).toContain("```json\n");
    expect(free.system).not.toContain("nothing else");
  });

  it("asks in the paper's form without prompt extras: objects one after another inside one fence, no list", async () => {
    const bare = await begun(tiny, { structured: false, promptExtras: false });
    const { system, user } = generatorPrompt(bare, tiny, "s");
    expect(system).toMatch(/```json\n\{"depth": \[.*\]\}\n\{\.\.\.\}\n```/);
    expect(system).not.toContain('architectures":');
    expect(system).not.toMatch(/Budget|share|combined|avoided|ends the search/);
    expect(system).toContain("1. Read the strategy.\n2. Write 2 to 5 architectures");
    expect(user).toContain("complete and valid, and no two may be the same");
    const strict = generatorPrompt(await begun(tiny, { promptExtras: false }), tiny, "s");
    expect(strict.system).toContain('{"architectures": [');
  });

  it("tells the limit, the target, the budget and the task, as far as there are any", async () => {
    const bare = generatorPrompt(await begun(tiny), tiny, "s").system;
    expect(bare).not.toMatch(/limit:|aim close/i);
    expect(bare).toContain("Target: none given");
    const { system } = generatorPrompt(
      await begun(tiny, {
        limits: { flops_m: 48.5 },
        target: 94,
        budget: 33,
        task: "They tell cats from dogs.",
      }),
      tiny,
      "s",
    );
    for (const words of [
      "They tell cats from dogs.",
      "maximise `accuracy` (percent): Share of images classified correctly.",
      "Target: 94 percent.",
      "Strict limit: `flops_m` at most 48.5 millions.",
      "Budget: 33 evaluated architectures",
      "thrown away without being evaluated",
    ]) {
      expect(system).toContain(words);
    }
    const evaluated = await begun(tiny, { limits: { flops_m: 48.5 }, overLimit: "evaluate" });
    expect(generatorPrompt(evaluated, tiny, "s").system).toContain("can never win");
  });

  it("is the same in every round but for the strategy: nothing of earlier rounds is in it", async () => {
    const { run, journal } = await setUp({
      searcher: scriptedSearcher([[narrow, wide, "nonsense"], [wide]]),
      search: { stallRounds: 1 },
    });
    const before = fold(journal.events) as RunState;
    const prompts = [before, await run()].map((state) => {
      const { system, user, schema } = generatorPrompt(state, tiny, "Go wide.");
      return { system, user, schema };
    });
    expect(prompts[1]).toEqual(prompts[0]);
  });
});

describe("a search in the paper's form", () => {
  it("reads objects in a fence after free thought, and judges each", async () => {
    const objects = [narrow, wide, { depth: [1, 9], width: [[16], [16]] }].map((each) =>
      JSON.stringify(each),
    );
    const content = `The strategy wants wide networks, with depth in [1, 2].\n\n\`\`\`json\n${objects.join("\n\n")}\n\`\`\`\nThese are 3.`;
    const { run } = await setUp({
      searcher: collm,
      models: {
        navigator: new ScriptedChat(["Go wide in both stages, please."]),
        generator: new ScriptedChat([content]),
      },
      search: {
        rounds: 1,
        structured: false,
        promptExtras: false,
        overLimit: "evaluate",
        limits: { flops_m: 40 },
      },
    });
    const { rounds } = await run();
    expect(rounds[0]?.candidates.map(({ verdict }) => verdict.kind)).toEqual([
      "accepted",
      "accepted",
      "illegal",
    ]);
    expect(rounds[0]?.candidates[1]?.verdict).toMatchObject({ overLimit: true });
  });
});

// --- internal ---

interface Schema {
  readonly type: string;
  readonly properties: Record<string, Schema>;
  readonly required?: string[];
  readonly additionalProperties?: boolean;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly enum?: unknown[];
}

/** A value that a schema of this module's kind admits. */
function built({ properties, items, minItems, enum: choices }: Schema, numbers: Iterator<number>): unknown {
  if (choices !== undefined) return choices[(numbers.next().value as number) % choices.length];
  if (items !== undefined) return Array.from({ length: minItems ?? 0 }, () => built(items, numbers));
  return Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, built(inner, numbers)]));
}

/** A run in which nothing has happened yet. */
async function begun(space: Space, search: Parameters<typeof setUp>[0]["search"] = {}): Promise<RunState> {
  const description = space === tiny ? tinyDescription : space.description;
  const { journal } = await setUp({ searcher: scriptedSearcher([]), description, search });
  return fold(journal.events) as RunState;
}
