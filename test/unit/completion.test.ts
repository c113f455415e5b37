/** Where the answer of a reply is: in the content, among the thoughts, or nowhere because it was kept back. */
import { describe, expect, test } from "vitest";
import { type Completion, findAnswer, readCompletion } from "../../src/models/completion.ts";

function read(message: object, finish_reason: string | null = "stop"): Completion {
  return readCompletion({ choices: [{ message, finish_reason }] }) as Completion;
}

const json = '{"architectures": [{"a": [1]}]}';
const cut = '{"architectures": [{"a": [1]';
const thoughts = `The user wants JSON, such as ${json}, so I will think of some.`;

describe.each(["reasoning_content", "reasoning"])("an answer in %s", (member) => {
  const apart = (text: string, content: unknown = null, reason: string | null = "stop") =>
    read({ content, [member]: text }, reason);

  test.each<[string, Completion, boolean | null, boolean]>([
    ["JSON, thinking off", apart(json), false, true],
    ["JSON, and nothing is said of thinking", apart(json), null, true],
    ["JSON in white space, content of spaces", apart(`\n${json}\n`, " \n"), null, true],
    ["JSON in a fence, thinking off", apart(`\`\`\`json\n${json}\n\`\`\``), false, true],
    ["free text, thinking off", apart("Widen the early slots."), false, false],
    ["without a reason for the end", apart(json, "", null), null, true],
  ])("is read from there: %s", (_name, completion, thinking, isJson) => {
    const { completion: found, note, unanswered } = findAnswer(completion, thinking, isJson);
    expect(found.content.trim()).toBe(completion.reasoning.trim());
    expect(found.reasoning).toBe("");
    expect(unanswered).toBeNull();
    expect(note).toContain(`"${member}"`);
    expect(note).toContain("--reasoning-parser");
    expect(note).toContain("leave thinking on");
  });

  test.each<[string, Completion, boolean | null, boolean]>([
    ["thoughts with JSON in them", apart(thoughts), null, true],
    ["JSON, thinking on", apart(json), true, true],
    ["free text, and nothing is said of thinking", apart("Widen the early slots."), null, false],
    ["JSON where free text was asked for", apart(json), null, false],
    ["half of the answer, thinking off", apart(cut, null, "length"), false, true],
  ])("is not read from there, but said to be there: %s", (_name, completion, thinking, isJson) => {
    const { completion: found, note, unanswered } = findAnswer(completion, thinking, isJson);
    expect(found).toEqual(completion);
    expect(unanswered?.why).toBe("in-thoughts");
    expect(unanswered?.words).toContain(`"${member}"`);
    for (const text of [unanswered?.next, note]) {
      expect(text).toContain("--reasoning-parser");
      expect(text).toMatch(thinking === false ? /leave thinking on/ : /enable_thinking: false/);
    }
  });

  test.each<[string, Completion, boolean | null]>([
    ["an answer in the content", apart("Hm.", json), false],
    ["no thoughts", apart(" \n"), false],
    ["thoughts that were cut off", apart("Hm, if", null, "length"), null],
    ["a call of tools", apart("Hm.", null, "tool_calls"), null],
  ])("is not spoken of beside %s", (_name, completion, thinking) => {
    expect(findAnswer(completion, thinking, true)).toEqual({ completion, note: null, unanswered: null });
  });
});

describe("an answer that was kept back", () => {
  test.each([
    "content_filter",
    "CONTENT_FILTERED",
    "SAFETY",
    "FinishReason.PROHIBITED_CONTENT",
    "BLOCKLIST",
    "SPII",
    "sensitive",
    "guardrail_intervened",
    "refusal",
    "ERROR_TOXIC",
  ])("by %s is none, however much of it is there", (reason) => {
    for (const content of [null, "", "Widen the early", json]) {
      const { note, unanswered } = findAnswer(read({ content }, reason), false, true);
      expect(unanswered).toMatchObject({ why: "withheld" });
      expect(unanswered?.words).toContain(`"${reason}"`);
      expect(note).toContain(unanswered?.next);
    }
  });

  test("by a refusal is none, and the model's words are told in one line", () => {
    const { unanswered } = findAnswer(
      read({ content: null, refusal: "I cannot\n\u001b[31mhelp." }),
      null,
      true,
    );
    expect(unanswered).toMatchObject({
      why: "refused",
      words: "the model refuses to answer (I cannot [31mhelp.)",
    });
    const long = findAnswer(read({ content: "", refusal: "no ".repeat(1_000) }), null, true);
    expect(long.unanswered?.words.length).toBeLessThan(300);
  });

  test("beside an answer is one", () => {
    const completion = read({ content: json, refusal: "" });
    expect(findAnswer(completion, null, true).unanswered).toBeNull();
    expect(findAnswer(read({ content: json, refusal: "Not all." }), null, true).unanswered).toBeNull();
  });
});
