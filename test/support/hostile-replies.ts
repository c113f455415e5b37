/**
 * Bad replies of a language model as text, one entry a kind, and what has to come out of each.
 *
 * Owns the texts. Knows nothing of how a reply is read.
 */
import { randomStream } from "../../src/search/random.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import type { Space } from "../../src/search/space.ts";
import { architecturesSchema, writeArchitecture } from "../../src/searchers/prompts.ts";

export interface HostileReply {
  readonly name: string;
  readonly text: string;
  /** The canonical texts of the architectures that must be read, in order. */
  readonly legal: readonly string[];
  /** How many more candidates are read, each refused with reasons. No candidate at all: the reply is refused. */
  readonly refused: number;
}

/** `count` different architectures whose slots are all in use, so that a missing slot is always missed. */
function fullArchitectures(space: Space, count: number): Architecture[] {
  const random = randomStream(7, space.id);
  const found = new Map<string, Architecture>();
  while (found.size < count) {
    const architecture = space.sample(random);
    if (architecture.choices.every((slots) => slots.every((choice) => choice !== null)))
      found.set(architecture.text, architecture);
  }
  return [...found.values()];
}

/** More than sixty kinds for a space. */
export function hostileReplies(space: Space): HostileReply[] {
  const [first, second] = fullArchitectures(space, 2) as [Architecture, Architecture];
  const [a, b] = [writeArchitecture(space, first), writeArchitecture(space, second)];
  const both = [first.text, second.text];
  const { name = "", numeric = false } = space.description.dimensions[0] ?? {};
  const answer = (...items: readonly string[]) => `{"architectures": [${items.join(", ")}]}`;
  const slot = /": \[+([^,\]]+)/.exec(a)?.[1] ?? "";
  const word = numeric ? slot : slot.slice(1, -1);
  /** The first architecture with something else in its first slot. */
  const holding = (entry: string) => a.replace(/(": \[+)[^,\]]+/, (_, before: string) => before + entry);
  const without = (what: RegExp) => a.replace(what, "$1");
  const key = `"${name}"`;
  const python = (json: string) => json.replaceAll('"', "'");

  const nothing = (kind: string, text: string): HostileReply => ({ name: kind, text, legal: [], refused: 0 });
  const refusal = (kind: string, text: string, refused = 1): HostileReply => ({
    name: kind,
    text,
    legal: [],
    refused,
  });
  const legal = (kind: string, text: string, texts = both, refused = 0): HostileReply => ({
    name: kind,
    text,
    legal: texts,
    refused,
  });
  const one = [first.text];

  return [
    // No answer.
    nothing("nothing", ""),
    nothing("spaces", " ".repeat(5_000)),
    nothing("line breaks and tabs", "\r\n\t".repeat(500)),
    nothing("a refusal", "I'm sorry, but I can't help with designing neural networks."),
    nothing("a question back", `Which values of ${key} do you prefer? [a] small, [b] large, {other}?`),
    nothing("an empty fence", "```json\n```"),
    nothing("an error page", "<html><style>body {margin: 0}</style><body>502 Bad Gateway</body></html>"),
    nothing("XML", `<architectures><architecture ${name}="${word}"/></architectures>`),
    nothing("null", "null"),
    nothing("a number", "42"),
    nothing("a truth value", "true"),
    nothing("a text in quotes", '"architectures"'),
    nothing("an empty list", "[]"),
    nothing("the list asked for, empty", answer()),
    nothing("a list of numbers", answer("1", "2", "3")),
    nothing("lists of lists of numbers", "[[1, 2], [3, [4]]]"),
    nothing("a word that never stops", "the ".repeat(50_000)),
    nothing("an opening that never stops", '{"architectures": ['.repeat(5_000)),
    nothing("a key that never stops", `${key}: `.repeat(20_000)),
    nothing("quotation marks that never stop", '"'.repeat(100_000)),
    nothing("single quotes that never stop", "{'".repeat(50_000)),
    nothing("comment marks that never stop", "{/*".repeat(50_000)),
    nothing("a megabyte of one letter", "a".repeat(1_000_000)),
    nothing("ten thousand brackets that nothing closes", "[".repeat(10_000)),
    nothing("ten thousand lists in one another", "[".repeat(10_000) + "]".repeat(10_000)),
    nothing("NUL bytes", "\0".repeat(1_000)),
    nothing("halves of surrogate pairs", "\ud83d\udc00\ud83d{\udc00}"),
    nothing("marks that set the direction of writing", "\u202e\u200f\u2067".repeat(100)),
    nothing("emoji", "🤖🧠📉".repeat(1_000)),
    nothing("a bomb for regular expressions", `${"a".repeat(30_000)}!${"`".repeat(30_000)}`),
    // An answer in a form that is none.
    nothing("base64", Buffer.from(answer(a, b)).toString("base64")),
    nothing("YAML", `architectures:\n  - ${name}:\n      - ${word}\n      - ${word}`),
    nothing("a table", `| ${name} | value |\n|---|---|\n| 1 | ${word} |`),
    nothing("comma-separated values", `${name},value\n1,${word}\n`),
    nothing("LaTeX", `\\begin{itemize} \\item $${name} = \\{${word}\\}$ \\end{itemize}`),
    nothing(
      "code that would make one",
      `const all = [];\nfor (const x of [1, 2]) { all.push({ ${name}: x }); }`,
    ),
    nothing(
      "tuples",
      python(answer(a))
        .replaceAll(/\[(?!\{)/g, "(")
        .replaceAll(/\](?!\})|\](?=\}[,\]])/g, ")"),
    ),
    nothing("JSON quoted as one text", JSON.stringify(answer(a, b))),
    nothing("the schema itself", JSON.stringify(architecturesSchema(space, { min: 1, max: 9 }))),
    nothing("a bare word in a slot", answer(holding("whatever"))),
    nothing("NaN in a slot", answer(holding("NaN"))),
    nothing("minus Infinity in a slot", answer(holding("-Infinity"))),
    nothing("a number in hexadecimal in a slot", answer(holding("0x10"))),
    nothing("a number with a plus in a slot", answer(holding("+3"))),
    nothing("a number with underscores in a slot", answer(holding("1_6"))),
    nothing("full-width digits in a slot", answer(holding("\uff13"))),
    nothing("half an architecture", `{"architectures": [${a.slice(0, -3)}`),
    nothing("an architecture cut in its first name", answer(a).slice(0, 20)),
    nothing("an architecture closed with the wrong bracket", `{"architectures": [${a.slice(0, -1)}]]`),
    // An answer without a legal architecture in it.
    refusal("an empty object", "{}"),
    refusal("an error in JSON", '{"error": {"message": "model overloaded", "code": 503}}'),
    refusal("null under the key asked for", '{"architectures": null}'),
    refusal("a text under the key asked for", '{"architectures": "see above"}'),
    refusal("ten thousand empty objects", "{}".repeat(10_000), 10_000),
    refusal("ten thousand objects in one another", `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`),
    refusal("a schema of one architecture", JSON.stringify({ properties: { [name]: { type: "array" } } })),
    refusal("a key in the wrong case", answer(a.replace(key, `"${name.toUpperCase()}_"`))),
    refusal("a key with a space", answer(a.replace(key, `"${name} "`))),
    refusal("a key too many", answer(a.replace("{", '{"reason": "wide", '))),
    refusal("a dimension missing", answer(`{"${name}x": [1]}`)),
    refusal("one slot short", answer(without(/(": \[+)[^,\]]+(?:, )?/))),
    refusal("one slot short behind a trailing comma", answer(a.replace(/, [^,\]]+\]/, ",]"))),
    refusal("one slot too many", answer(holding(`${slot}, ${slot}`))),
    refusal("an empty list for every slot", answer(a.replace(/: \[.*?\](?=, "|\})/, ": []"))),
    refusal("a choice that is none", answer(holding(numeric ? "177" : '"conv99"'))),
    refusal("a number beyond all numbers", answer(holding("1e400"))),
    refusal("a number of a hundred thousand digits", answer(holding("9".repeat(100_000)))),
    refusal("a text of a megabyte in a slot", answer(holding(`"${"a".repeat(1_000_000)}"`))),
    refusal("full-width digits as text in a slot", answer(holding('"\uff13"'))),
    refusal("a choice with a space behind it", answer(holding(`"${word} "`))),
    refusal("a choice with a NUL behind it", answer(holding(`"${word}\\u0000"`))),
    refusal("half a surrogate pair in a slot", answer(holding('"\\ud83d"'))),
    refusal("null in a slot in use", answer(holding("null"))),
    refusal("None in a slot in use", answer(holding("None"))),
    refusal("a truth value in a slot", answer(holding("true"))),
    refusal("an object in a slot", answer(holding(`{"value": ${slot}}`))),
    refusal("a slot nested too deep", answer(holding(`[[[${slot}]]]`))),
    refusal("keys that pollute prototypes", answer(a.replace("{", '{"__proto__": {"polluted": true}, '))),
    refusal("the names of methods as keys", answer('{"toString": [1], "constructor": [2]}')),
    refusal("two refused in two ways", answer(holding("null"), holding('"?"')), 2),
    refusal(
      "a call of a tool with its arguments as text",
      `{"name": "f", "arguments": ${JSON.stringify(a)}}`,
    ),
    // An answer that holds some.
    legal("a list that is cut off in the second", answer(a, b).slice(0, -8), one),
    legal("a list with junk beside one", answer(a, "null", "7", '"?"', "[]", "{}"), one, 5),
    legal("one whole, one short", answer(b, without(/(": \[+)[^,\]]+(?:, )?/)), [second.text], 1),
    legal("an ellipsis between two", answer(a, "...", b)),
    legal("one broken by a NUL", answer(holding(`"${word}\0"`), b), [second.text]),
    legal("one commented out", `{"architectures": [\n${a},\n// ${b}\n]}`, one),
    legal(
      "an echo of the prompt with its example",
      `Answer in JSON like ${answer(a, "...")}. The answer:`,
      one,
    ),
    legal(
      "a key that stands twice, of which the last holds",
      answer(a.replace("{", `{${key}: [999], `)),
      one,
    ),
    legal("two answers, of which the last holds", `${answer(a)}\nWait, better:\n${answer(b)}`, [second.text]),
    legal("a draft among its thoughts", `<think>Maybe ${a}?</think>\n${b}`, [second.text]),
    legal("an answer among its thoughts alone", `<think>${answer(a)}</think>Done.`, one),
    legal("thoughts that never end", `<think>\nLet me see: ${a}`, one),
    legal(
      "a byte order mark and line breaks of Windows",
      `\ufeff${answer(a, b).replaceAll(", ", ",\r\n")}\r\n`,
    ),
    legal("marks that nobody sees", answer(a, b).replaceAll(", ", ",\u200b ")),
    legal("no-break spaces", answer(a, b).replaceAll(" ", "\u00a0")),
    legal("Python", python(answer(a, b)).replace("{", "{'done': True, 'left': None, ")),
    legal("JavaScript", `const answer = ${answer(a, b).replaceAll(/"(\w+)":/g, "$1:")};`),
    legal("typographic quotes", answer(a, b).replaceAll(/"([^"]*)"/g, "\u201c$1\u201d")),
    legal(
      "commas behind everything",
      answer(a, b)
        .replaceAll(/([\]}])(?=[\]}])/g, "$1,")
        .replaceAll("}]", "},]"),
    ),
    legal("no commas between objects", answer(a, b).replace("}, {", "}\n{")),
    legal("one a line", `${a}\n${b}\n`),
    legal("a log", `[info] 1: ${a}\n[info] 2: ${b}\n[info] done`),
    legal("a closing bracket too many", `${answer(a, b)}]}`),
    legal("no closing bracket", answer(a, b).slice(0, -2)),
    legal("a call of a tool", `{"name": "propose", "arguments": ${answer(a, b)}}`),
    legal("architectures as text", answer(JSON.stringify(a), JSON.stringify(b))),
    legal("a fence in a fence", `\`\`\`\`md\n\`\`\`json\n${answer(a, b)}\n\`\`\`\n\`\`\`\``),
    legal(
      "a list beside a strategy with line breaks",
      `{"strategy": "go\nwide",\n"architectures": [${a}, ${b}]}`,
    ),
  ];
}
