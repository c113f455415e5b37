import fc from "fast-check";
import JSON5 from "json5";
import { describe, expect, it } from "vitest";
import { repairKinds } from "../../src/search/repairs.ts";
import type { Space } from "../../src/search/space.ts";
import { type AskedForm, askedForm, readArchitectures } from "../../src/searchers/generator.ts";
import { locateJson } from "../../src/searchers/reply.ts";
import { readSolo } from "../../src/searchers/solo.ts";
import { tinySpace } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";
import { replied } from "../support/read-replies.ts";

const tiny = tinySpace();
const cell = vectorSpaces.get("cell") as Space;

const narrow = '{"depth": [1, 1], "width": [[16, 16], [16, 16]]}';
const wide = '{"depth": [2, 2], "width": [[32, 32], [32, 32]]}';
const whole = `{"architectures": [${narrow}, ${wide}]}`;
const conv = "|conv3~0|+|skip~0|conv1~1|+|none~0|pool~1|conv3~2|";

/** The repairs of a reply that is read; `count` says how many candidates it has to hold. */
function repairs(content: string, { asked, space = tiny, count = 2 }: Reader = {}): unknown {
  const reading = readArchitectures(space, asked)(replied(content));
  expect(reading.ok ? reading.value : reading.reasons).toHaveLength(count);
  if (reading.ok) for (const each of reading.value) expect(space.parse(each)).toMatchObject({ ok: true });
  return reading.ok ? reading.repairs : undefined;
}

interface Reader {
  readonly asked?: AskedForm;
  readonly space?: Space;
  readonly count?: number;
}

const inFence = (text: string) => `\`\`\`json\n${text}\n\`\`\``;

describe("the form asked for needs no repair", () => {
  it.each<[string, string, AskedForm]>([
    ["JSON", whole, "json"],
    ["JSON between blanks", `\ufeff\n ${whole}\r\n`, "json"],
    ["a fence", inFence(whole), "fence"],
    [
      "a fence after text with an example",
      `Go wide, as in\n${inFence('{"a": 1}')}\n\n${inFence(whole)}\n`,
      "fence",
    ],
    ["a fence that nothing closes", `Go wide.\n\`\`\`json\n${whole}`, "fence"],
    ["JSON where a fence was asked for", whole, "fence"],
    ["objects one after another in a fence", `Go.\n${inFence(`${narrow}\n${wide}`)}`, "sequence"],
  ])("%s", (_, text, asked) => {
    expect(repairs(text, { asked })).toBeUndefined();
  });

  it("follows from the settings of the search", () => {
    expect(askedForm({ structured: true })).toBe("json");
    expect(askedForm({ structured: true, promptExtras: false })).toBe("json");
    expect(askedForm({ structured: false })).toBe("fence");
    expect(askedForm({ structured: false, promptExtras: false })).toBe("sequence");
  });
});

describe("every repair is counted under its name", () => {
  const single = whole.replaceAll('"', "'");
  const cases: [kind: string, text: string, counted: Record<string, number>, reader?: Reader][] = [
    ["thinking", `<think>Is ${narrow} good?</think>\n${whole}`, { thinking: 1 }],
    [
      "earlier-answers",
      `{"architectures": [${wide}]}\n${whole}`,
      // The earlier answer is text around the one that counts.
      { "earlier-answers": 1, prose: 1 },
    ],
    ["fence", inFence(whole), { fence: 1 }],
    [
      "fences, several where one was asked for",
      `${inFence(narrow)}\n${inFence(wide)}`,
      { fence: 1 },
      { asked: "sequence" },
    ],
    ["prose before", `Here it is: ${whole}`, { prose: 1 }],
    ["prose after a fence that was asked for", `${inFence(whole)}\nEnjoy!`, { prose: 1 }, { asked: "fence" }],
    ["prose and a fence", `Sure:\n${inFence(whole)}\nDone.`, { prose: 1, fence: 1 }],
    ["sequence", `${narrow}\n${wide}`, { sequence: 1 }],
    ["sequence between commas", `${narrow},\n${wide},`, { sequence: 1 }],
    ["bare-list", `[${narrow}, ${wide}]`, { "bare-list": 1 }],
    ["cut-list", `${whole.slice(0, -2)}, {"depth": [1`, { "cut-list": 1 }],
    ["cut-list of a broken one", whole.replace("}, {", '}, {"depth": x}, {'), { "cut-list": 1 }],
    ["cut-list without its closing brackets", whole.slice(0, -2), { "cut-list": 1 }],
    ["wrapped under another key", whole.replace("architectures", "candidates"), { wrapped: 1 }],
    ["wrapped deeper", `{"name": "f", "arguments": ${whole}}`, { wrapped: 1 }],
    ["wrapped one by one", `{"architectures": [{"net": ${narrow}}, {"net": ${wide}}]}`, { wrapped: 1 }],
    ["trailing-comma", `{"architectures": [${narrow}, ${wide},],}`, { "trailing-comma": 2 }],
    [
      "trailing-comma before a comment",
      `{"architectures": [${narrow}, ${wide}, /* end */]}`,
      { "trailing-comma": 1, comments: 1 },
    ],
    ["missing-comma", `{"architectures": [${narrow}\n${wide}]}`, { "missing-comma": 1 }],
    [
      "comments",
      `{"architectures": [ // it's [two]\n${narrow}, # or {more}\n${wide} /* " */]}`,
      { comments: 3 },
    ],
    [
      "comments with nothing between them and what follows",
      `{"architectures": [/*one*/${narrow},/*two*/${wide}/*end*/]}`,
      { comments: 3 },
    ],
    [
      "cut-list around a comment with half a pair of brackets",
      whole.replace("[{", "[ // {two\n{"),
      { "cut-list": 1, comments: 1 },
    ],
    ["single-quotes", single, { "single-quotes": 5 }],
    ["smart-quotes", whole.replaceAll(/"(\w+)"/g, "\u201c$1\u201d"), { "smart-quotes": 5 }],
    ["unquoted-keys", whole.replaceAll(/"(\w+)"/g, "$1"), { "unquoted-keys": 5 }],
    [
      "python-literals",
      whole.replace("{", '{"done": True, "rest": None, "more": False, '),
      { "python-literals": 3 },
    ],
    ["odd-space", whole.replaceAll(", {", ",\u00a0{"), { "odd-space": 1 }],
    ["line-breaks", whole.replace("{", '{"strategy": "go\n\twide", '), { "line-breaks": 2 }],
    ["item-as-text", `{"architectures": ["${conv}"]}`, { "item-as-text": 1 }, { space: cell, count: 1 }],
    [
      "item-as-text of JSON",
      `{"architectures": [${JSON.stringify(narrow)}, ${wide}]}`,
      { "item-as-text": 1 },
    ],
    ["number-as-text", whole.replace("[1, 1]", '["1", "1"]'), { "number-as-text": 1 }],
    [
      "bare-slot",
      `{"architectures": [{"mlp": [4, 4, 4, 4], "heads": [3, 3, 3, 3], "depth": 4, "dim": [192]}]}`,
      { "bare-slot": 1 },
      { space: vectorSpaces.get("layers") as Space, count: 1 },
    ],
    ["flat-groups", whole.replace("[[16, 16], [16, 16]]", "[16, 16, 16, 16]"), { "flat-groups": 1 }],
    ["grouped-slots", whole.replace("[1, 1]", "[[1, 1]]"), { "grouped-slots": 1 }],
    [
      "grouped-slots of unequal groups",
      '{"architectures": [{"op": [["none"], ["skip", "skip"], ["none", "none", "none"]]}]}',
      { "grouped-slots": 1 },
      { space: cell, count: 1 },
    ],
    ["active-only", whole.replace("[[16, 16], [16, 16]]", "[[16], [16]]"), { "active-only": 1 }],
    [
      "several at once",
      `Sure:\n${inFence(`${single.slice(0, -2)},],}`)}`,
      { prose: 1, fence: 1, "single-quotes": 5, "trailing-comma": 2 },
    ],
  ];

  it.each(cases)("%s", (_, text, counted, reader) => {
    expect(repairs(text, reader)).toEqual(counted);
  });

  it("and no kind goes without an example", () => {
    const seen = new Set(cases.flatMap(([, , counted]) => Object.keys(counted)));
    expect([...seen].sort()).toEqual(Object.keys(repairKinds).sort());
  });

  it("but not where nothing came of it: an illegal architecture stays what it is", () => {
    const text = whole.replace("[1, 1]", '["1", "9"]');
    const reading = readArchitectures(tiny)(replied(text));
    expect(reading).toEqual({ ok: true, value: JSON.parse(text).architectures });
  });

  it("and not for what the answer does not hold", () => {
    expect(repairs(`A draft: {'architectures': [${wide},]}\n${whole}`)).toEqual({
      "earlier-answers": 1,
      prose: 1,
    });
  });
});

describe("a repair changes no meaning", () => {
  const mended = (text: string) => locateJson(text, () => true).map(({ value }) => value);

  it("puts right nothing within a text", () => {
    const tricky = `{'a': 'None, // [#] ,] \\'x\\' "y" True', "b": "it's {k: 1,} \u201cso\u201d /* */",}`;
    expect(mended(tricky)).toEqual([
      { a: "None, // [#] ,] 'x' \"y\" True", b: "it's {k: 1,} \u201cso\u201d /* */" },
    ]);
  });

  it("reads what another reader of JSON5 reads, of what it puts right", () => {
    const key = fc.stringMatching(/^[a-z_$][a-z0-9_$]{0,4}$/);
    const texts = fc.string({ unit: "grapheme" }).filter((text) => !/[[\]{}]/.test(text));
    const value = fc.object({
      key,
      values: [
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
        texts,
      ],
      maxDepth: 3,
    });
    fc.assert(
      fc.property(value, fc.constantFrom("'", '"'), fc.constantFrom("", "\t", "  "), (each, quote, space) => {
        const text = JSON5.stringify(each, { quote, space });
        // JSON5 has escapes that JSON has not; what holds one is not read.
        fc.pre(!/\\[xv0]/.test(text));
        expect(mended(text)).toEqual([JSON5.parse(text)]);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ["a bare word", "{'a': [b]}"],
    ["NaN", "{'a': NaN}"],
    ["Infinity", "{'a': -Infinity}"],
    ["a number in hexadecimal", "{'a': 0x10}"],
    ["a number that begins with a plus", "{'a': +1}"],
    ["a number that begins with a point", "{'a': .5}"],
    ["undefined", "{'a': undefined}"],
    ["a comma without a value before it", "{'a': {,}}"],
    ["two commas", "{'a': {'b': 1,,}}"],
    ["no comma between numbers", "{'a': {'b': 1 'c': 2}}"],
    ["a text that nothing closes", "{'a': 'b}"],
    ["an apostrophe in single quotes", "{'a': 'it's'}"],
    ["a line break in single quotes", "{'a': 'b\nc'}"],
    ["a comment that nothing closes", "{'a': 1 /* }"],
    ["a call", "{'a': f(1)}"],
    ["a colon too many", "{'a':: 1}"],
  ])("and does not read %s", (_, text) => {
    expect(mended(text)).toEqual([]);
  });

  it("is not made unless it is asked for, for then nobody counts it", () => {
    expect(locateJson("{'a': 1,}")).toEqual([]);
    expect(locateJson("{'a': 1,}", () => false)).toEqual([]);
  });

  it("takes no prose for an architecture", () => {
    for (const text of ["{note: 1}", "body {margin: 0}", "{'see': [1, 2,]}"])
      expect(readArchitectures(tiny)(replied(text)).ok).toBe(false);
  });
});

describe("a solo's reply", () => {
  const strategy = "## Summary\nTry the wide networks first, they have capacity.";

  it("is repaired in the same way, its strategy included", () => {
    const text = `{'strategy': "${strategy}", 'architectures': [${narrow}, ${wide},]}`;
    expect(readSolo(tiny)(replied(text))).toEqual({
      ok: true,
      value: { strategy, candidates: [JSON.parse(narrow), JSON.parse(wide)] },
      repairs: { "line-breaks": 1, "single-quotes": 2, "trailing-comma": 1 },
    });
  });

  it("is the form asked for where the strategy is before a fence, and prose where JSON was asked for", () => {
    const text = `${strategy}\n\n${inFence(whole)}`;
    const value = { strategy, candidates: [JSON.parse(narrow), JSON.parse(wide)] };
    expect(readSolo(tiny, "fence")(replied(text))).toEqual({ ok: true, value });
    expect(readSolo(tiny, "json")(replied(text))).toEqual({
      ok: true,
      value,
      repairs: { fence: 1, prose: 1 },
    });
  });

  it("keeps no thoughts in its strategy", () => {
    const text = `<think>Perhaps ${wide}, since it has so much capacity.</think>\n${strategy}\n${inFence(whole)}`;
    expect(readSolo(tiny, "fence")(replied(text))).toMatchObject({
      value: { strategy },
      repairs: { thinking: 1 },
    });
  });
});

describe("long replies in bad form", () => {
  it.each([
    ["comments", "{/**/".repeat(200_000)],
    ["single quotes", "{'a':".repeat(200_000) + "}".repeat(200_000)],
    ["keys", "{a:".repeat(300_000) + "}".repeat(300_000)],
    ["trailing commas", "[1,".repeat(300_000) + "],".repeat(300_000)],
    ["blanks after brackets", `[${" ".repeat(1_000_000)}${`${narrow} x `.repeat(2_000)}]`],
    ["blanks after commas", `{'a': [${`1${" ".repeat(1_000)},`.repeat(1_000)}`],
    ["ends of thoughts", "</think>".repeat(100_000)],
    ["fences", "```".repeat(300_000)],
  ])("of %s come to an end", (_, text) => {
    readArchitectures(tiny)(replied(text));
    readSolo(tiny)(replied(text));
  });
});
