import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { findJson, locateJson } from "../../src/searchers/reply.ts";

const first = { op: ["conv", "skip"], width: [8] };
const second = { op: ["none", "conv"], width: [16] };
const both = { architectures: [first, second] };
const json = JSON.stringify(both);

describe("where JSON is", () => {
  it.each([
    ["alone", json],
    ["between white space", `\n\t ${json} \r\n`],
    ["on many lines", JSON.stringify(both, null, 2)],
    ["in a fence that names its language", `\`\`\`json\n${json}\n\`\`\``],
    ["in a fence without a name", `\`\`\`\n${json}\n\`\`\``],
    ["in a fence of tildes", `~~~json\n${json}\n~~~`],
    ["on the lines of its fence", `\`\`\`json ${json}\`\`\``],
    ["in a fence that is never closed", `Sure!\n\`\`\`json\n${json}`],
    ["between sentences", `Here is the list: ${json} I hope it's what you wanted.`],
    ["after brackets that close", `The slots [a] to [d] (see {above}) hold [160, 176...]. ${json}`],
    ["after a bracket that nothing closes", `The interval [0, 1) and a brace { first.\n${json}`],
    ["before a bracket that nothing opens", `${json}\nas asked for :-] and done }`],
    ["after apostrophes", `I've kept stage 1's kernels at what's best.\n${json}`],
    ["after quotation marks", `It is "deep" and he said "go.\n${json}`],
    ["after inches inside an open bracket", `[use a 5" kernel, then ${json}`],
    ["after a string inside an open bracket", `{see: "wide\n${json}`],
    ["after a string that ends in a backslash", `{see: "wide\\\n${json}`],
  ])("%s", (_, text) => {
    expect(findJson(text)).toEqual([both]);
  });

  it("is given with each value", () => {
    expect(locateJson(` \n${json} `)).toEqual([{ value: both, start: 2, end: 2 + json.length }]);
    const text = `Two [1 of them: ${JSON.stringify(first)} and\n${JSON.stringify(second)}.`;
    const found = locateJson(text);
    expect(found.map(({ value }) => value)).toEqual([first, second]);
    for (const { value, start, end } of found) expect(text.slice(start, end)).toBe(JSON.stringify(value));
  });

  it("may be in several values, one after another, in or out of fences", () => {
    const text = `1. ${JSON.stringify(first)}\n2. ${JSON.stringify(second)}\n\n\`\`\`json\n${json}\n\`\`\`\n[7]`;
    expect(findJson(text)).toEqual([first, second, both, [7]]);
  });

  it("is distinguished from the prose in its own strings", () => {
    const tricky = { note: 'a } and ] and { and [ and "quoted" and \\ and\n', list: [{ deep: ["}"] }] };
    for (const around of ["", "so: ", "[not this] "]) {
      expect(findJson(`${around}${JSON.stringify(tricky)} end`)).toContainEqual(tricky);
    }
  });

  it("is the outermost whole value, and not its parts as well", () => {
    expect(findJson('{"a":{"b":[1,{"c":2}]}}')).toEqual([{ a: { b: [1, { c: 2 }] } }]);
    expect(findJson('(a [b {"a":{"b":[1]}} c] d)')).toEqual([{ a: { b: [1] } }]);
  });

  it.each([
    ["no text", ""],
    ["white space", " \n"],
    ["prose", "I cannot do that."],
    ["a number", "42"],
    ["a string", '"[a]"'],
    ["null", "null"],
    ["an HTML page", '<html><body class="error">502 Bad Gateway</body></html>'],
    ["single quotes", "{'op': ['conv']}"],
    ["brackets that do not fit", "[1, 2}"],
    ["an object without an end", '{"op": "conv"'],
  ])("is not in %s", (_, text) => {
    expect(findJson(text)).toEqual([]);
  });
});

describe("a list that is not whole", () => {
  it("keeps the members before the cut", () => {
    const text = `{"architectures": [${JSON.stringify(first)}, ${JSON.stringify(second)}, {"op": ["co`;
    expect(findJson(text)).toEqual([first, second]);
  });

  it("keeps them wherever the cut is: in a name, a string, a number, after a comma", () => {
    const list = `[${JSON.stringify(first)},${JSON.stringify(second)}]`;
    const afterFirst = JSON.stringify(first).length + 1;
    for (let cut = afterFirst; cut < list.length - 2; cut++) {
      const found = findJson(list.slice(0, cut));
      expect(found[0], `cut at ${cut}`).toEqual(first);
      expect(found).not.toContainEqual(second);
    }
  });

  it("keeps the members of a list with trailing commas", () => {
    expect(findJson(`{"architectures": [${JSON.stringify(first)},${JSON.stringify(second)},],}`)).toEqual([
      first,
      second,
    ]);
  });

  it("leaves out the member that is broken and keeps the ones around it", () => {
    const broken = '{"op": ["conv", skip]}';
    expect(findJson(`[${JSON.stringify(first)}, ${broken}, ${JSON.stringify(second)}]`)).toEqual([
      first,
      second,
    ]);
    expect(findJson(`[${JSON.stringify(first)}, ..., ${JSON.stringify(second)}]`)).toEqual([first, second]);
  });
});

describe("what holds for any text", () => {
  /** Text made of what confuses a search for JSON, so that much of it nearly is. */
  const pieces = fc.constantFrom(
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\n",
    " ",
    "1",
    "a",
    "'",
    "```",
    json,
  );
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 40 }).map((all) => all.join("")),
    fc.string({ unit: "grapheme", maxLength: 60 }),
    fc.json({ maxDepth: 4 }),
  );

  it("returns nothing that is not in the text, and each piece once", () => {
    fc.assert(
      fc.property(text, (around) => {
        let at = 0;
        for (const value of findJson(around)) {
          const end = endOf(around, at, value);
          expect(end).not.toBeNull();
          at = end as number;
        }
      }),
      { numRuns: 400 },
    );
  });

  it("finds JSON on lines of its own whatever the lines around it hold", () => {
    const prose = fc
      .array(pieces, { maxLength: 12 })
      .map((all) => all.filter((each) => each !== json).join(""));
    const value = fc.oneof(
      fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
      fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(prose, value, fc.boolean(), (line, inside, isLong) => {
        const written = JSON.stringify(inside, null, isLong ? 2 : 0);
        const found = findJson(`${line}\n${written}\n${line}`);
        // The lines around it may happen to make a larger whole with it.
        expect(JSON.stringify(found)).toContain(JSON.stringify(JSON.parse(written)));
      }),
      { numRuns: 400 },
    );
  });
});

describe("a text of megabytes", () => {
  const size = 5_000_000;

  it.each([
    ["of {", "{".repeat(size)],
    ["of [", "[".repeat(size)],
    ['of "', '"'.repeat(size)],
    ['of {"', '{"'.repeat(size / 2)],
    ["of } after {", "{".repeat(size / 2) + "}".repeat(size / 2)],
    ["of ] after {", "{".repeat(size / 2) + "]".repeat(size / 2)],
    ["of ] after one [ among {", `[${"{".repeat(size / 2)}${"]".repeat(size / 2)}`],
    ["of many small pieces that are none", "{]}".repeat(size / 60)],
    ["of nested broken lists", `${"[1,".repeat(size / 30)}${"],".repeat(size / 30)}`],
  ])("%s comes to an end", (_, text) => {
    findJson(text);
  });

  const pieces = [
    "[",
    "{",
    "[1,],",
    "{a:1,}",
    "[]",
    '{"a":',
    "['",
    '["',
    "{/*",
    "[ \n",
    "a [b ",
    "[{",
    "```json\n[",
    "]",
  ];
  it.each(pieces)("of %j takes work in proportion, and hides no answer after it", (piece) => {
    const text = `${piece.repeat(size / piece.length)}\n\n${json}`;
    const work = { calls: 0, characters: 0 };
    const parse = JSON.parse;
    const spy = vi.spyOn(JSON, "parse").mockImplementation((part: string) => {
      work.calls += 1;
      work.characters += part.length;
      return parse(part) as unknown;
    });
    try {
      const found = locateJson(text, () => true);
      if (!/["'*]|:$/.test(piece)) expect(found.map(({ value }) => value)).toContainEqual(both);
    } finally {
      spy.mockRestore();
    }
    expect(work.calls).toBeLessThan(110_000);
    expect(work.characters).toBeLessThan(25_000_000);
  });

  it("looks for JSON no deeper than any answer has it", () => {
    const spy = vi.spyOn(JSON, "parse");
    for (const deep of ["[".repeat(size), "[".repeat(size / 2) + "]".repeat(size / 2)])
      expect(findJson(deep)).toEqual([]);
    const characters = spy.mock.calls.reduce((sum, [part]) => sum + part.length, 0);
    spy.mockRestore();
    expect(characters).toBeLessThan(1_000_000);
  });

  it("keeps what can be read beside what nests too deeply", () => {
    const deep = "{".repeat(100_000) + "}".repeat(100_000);
    expect(findJson(`${deep}\n${json}`)).toEqual([both]);
    expect(findJson(`${json}\n${deep}`)).toEqual([both]);
  });

  it("of ten thousand members gives all of them, whole or cut", () => {
    const members = Array.from({ length: 10_000 }, (_, index) => ({ op: ["conv", "skip"], width: [index] }));
    const text = JSON.stringify({ architectures: members });
    expect(findJson(`Here:\n${text}`)).toEqual([{ architectures: members }]);
    expect(findJson(text.slice(0, -2))).toEqual(members);
    expect(findJson(members.map((each) => JSON.stringify(each)).join("\n"))).toEqual(members);
  });
});

// --- internal ---

/** Where the first stretch of `text` from `at` on that parses to `value` ends, or null. */
function endOf(text: string, at: number, value: unknown): number | null {
  const wanted = JSON.stringify(value);
  for (let start = at; start < text.length; start++) {
    if (text[start] !== "{" && text[start] !== "[") continue;
    for (let end = start + 2; end <= text.length; end++) {
      if (text[end - 1] !== "}" && text[end - 1] !== "]") continue;
      try {
        if (JSON.stringify(JSON.parse(text.slice(start, end))) === wanted) return end;
      } catch {
        // Not a whole value yet.
      }
    }
  }
  return null;
}
