/**
 * What the model adapter reads from a server's reply: content, thoughts, tokens and reasons, in every form known.
 */
import { describe, expect, test } from "vitest";
import { chatReplySchema } from "../../src/search/events.ts";
import {
  type Answer,
  chat,
  fencedJson,
  json,
  nullContent,
  rateLimited,
  raw,
  reasoned,
  thoughtAloud,
  truncatedJson,
} from "../support/model-server.ts";
import { good, key, open } from "../support/open-chat.ts";

describe("a reply", () => {
  test("comes back whole", async () => {
    const { reply, model } = await open([chat("Some text.", { model: "tiny-1-2026-10" })]);
    expect(await reply()).toEqual({
      failures: [],
      model: "tiny-1-2026-10",
      content: "Some text.",
      reasoning: null,
      finishReason: "stop",
      inputTokens: 11,
      outputTokens: 7,
      seconds: 0,
    });
    expect(model.label).toBe("tiny-1");
  });

  test("may be fenced or cut off: the text and the reason are kept as they are", async () => {
    const { reply } = await open([fencedJson({ a: [1] }), truncatedJson({ architectures: [1, 2, 3] })]);
    expect((await reply()).content).toContain("```json");
    expect(await reply()).toMatchObject({ content: '{"architectur', finishReason: "length" });
  });

  test.each(["refusal", "tool calls"] as const)("without content is an empty one: %s", async (why) => {
    const { reply, clock } = await open([nullContent(why)]);
    expect(await reply()).toMatchObject({
      content: "",
      finishReason: why === "refusal" ? "stop" : "tool_calls",
    });
    expect(clock.slept).toEqual([]);
  });

  const message = (fields: Record<string, unknown>) => json(200, { choices: [{ message: fields }] });

  test.each<[string, Answer, string]>([
    ["no message", json(200, { choices: [{}] }), ""],
    ["a choice that is null", json(200, { choices: [null] }), ""],
    ["no content", message({}), ""],
    ["a number", message({ content: 5 }), ""],
    ["an object", message({ content: { a: 1 } }), ""],
    [
      "parts",
      message({ content: [{ type: "text", text: "one " }, { type: "text", text: "two" }, null, 3] }),
      "one two",
    ],
    [
      "JSON sent as text",
      raw(200, '{"choices":[{"message":{"content":"fine"}}]}', { "content-type": "text/plain" }),
      "fine",
    ],
  ])("of an odd form is read without complaint: %s", async (_name, answer, content) => {
    const { reply } = await open([answer]);
    const read = await reply();
    expect(read).toEqual({
      failures: [],
      model: "tiny-1",
      content,
      reasoning: null,
      finishReason: null,
      inputTokens: null,
      outputTokens: null,
      seconds: 0,
    });
    expect(chatReplySchema.parse(read)).toEqual(read);
  });

  test.each([
    undefined,
    null,
    "11",
    { prompt_tokens: "11", completion_tokens: 1.5 },
    { prompt_tokens: -1 },
    [],
  ])("without usable token counts has none: %j", async (usage) => {
    const { reply } = await open([chat("fine", { usage })]);
    expect(await reply()).toMatchObject({ inputTokens: null, outputTokens: null });
  });

  test("counts thoughts that the server counts beside the completion, and says where more was written than allowed", async () => {
    const usage = {
      prompt_tokens: 30,
      completion_tokens: 90,
      total_tokens: 1_120,
      completion_tokens_details: { reasoning_tokens: 1_000 },
    };
    const long = chat("fine", { usage });
    const { reply } = await open([long, chat("fine"), long], { maxTokens: 100 });
    const read = await reply();
    expect(read).toMatchObject({
      inputTokens: 30,
      outputTokens: 1_090,
      reasoningTokens: 1_000,
      exceedsMaxTokens: true,
    });
    expect(read.notes?.join()).toContain("wrote 1090 tokens, though at most 100 were allowed");
    expect(chatReplySchema.parse(read)).toEqual(read);
    const second = await reply();
    expect(second).not.toHaveProperty("exceedsMaxTokens");
    expect(second).not.toHaveProperty("notes");
    const third = await reply();
    expect(third.exceedsMaxTokens).toBe(true);
    expect(third).not.toHaveProperty("notes");
  });

  test.each(["max_tokens", "max_completion_tokens"])(
    "is not blamed for a length that the request allows in %s of its own",
    async (name) => {
      const usage = { prompt_tokens: 30, completion_tokens: 900 };
      const { server, reply } = await open([chat("fine", { usage })], {
        maxTokens: 100,
        extraBody: { [name]: 1_000 },
      });
      const read = await reply();
      expect(server.requests[0]?.body).toMatchObject({ [name]: 1_000 });
      expect(read.exceedsMaxTokens).toBe(true);
      expect(read).not.toHaveProperty("notes");
    },
  );

  test("takes as long as the clock says, waits included", async () => {
    const { reply, clock } = await open([rateLimited({ "retry-after": "90" }), good]);
    expect((await reply()).seconds).toBe(90);
    expect(clock.slept).toEqual([90]);
  });

  test("is not searched for a key that could be a word", async () => {
    const { reply } = await open([chat("ollama says hello")], { apiKey: "ollama" });
    expect((await reply()).content).toBe("ollama says hello");
  });

  test("never holds a key that could be none", async () => {
    const { reply } = await open([
      chat(`your key is ${key}`, { model: key, finishReason: key, message: { reasoning: key } }),
    ]);
    expect(JSON.stringify(await reply())).not.toContain(key);
  });
});

describe("thinking", () => {
  test.each<[string, Answer, { content: string; reasoning: string | null }]>([
    [
      "in reasoning_content",
      reasoned("reasoning_content", "Hm.", "Yes."),
      { content: "Yes.", reasoning: "Hm." },
    ],
    ["in reasoning", reasoned("reasoning", "Hm.", "Yes."), { content: "Yes.", reasoning: "Hm." }],
    ["and nothing else", reasoned("reasoning", "Hm.", null), { content: "", reasoning: "Hm." }],
    [
      "in a field that is empty",
      reasoned("reasoning_content", "", "Yes."),
      { content: "Yes.", reasoning: null },
    ],
    ["in tags", thoughtAloud("Hm.\nWell.", '{"a": 1}'), { content: '{"a": 1}', reasoning: "Hm.\nWell." }],
    ["in empty tags", chat("<think>\n\n</think>\n\nYes."), { content: "Yes.", reasoning: null }],
    ["in tags that the prompt opened", chat("Hm.\n</think>\nYes."), { content: "Yes.", reasoning: "Hm." }],
    ["cut off", chat("<think>Hm, if", { finishReason: "length" }), { content: "", reasoning: "Hm, if" }],
    [
      "in two places",
      reasoned("reasoning", "One.", "<think>Two.</think>Yes."),
      { content: "Yes.", reasoning: "One.\n\nTwo." },
    ],
    [
      "quoted later on",
      chat("Yes, <think>Hm.</think> is a tag."),
      { content: "Yes, <think>Hm.</think> is a tag.", reasoning: null },
    ],
    ["closed for nothing", chat("Yes.\n</think>"), { content: "Yes.\n</think>", reasoning: null }],
  ])("is kept apart from the content: %s", async (_name, answer, expected) => {
    const { reply } = await open([answer]);
    expect(await reply()).toMatchObject(expected);
  });
});

describe("an answer that is not in the content", () => {
  const value = '{"a": [1]}';
  const off = { extraBody: { chat_template_kwargs: { enable_thinking: false } } };

  test("is read from the thoughts where thinking is off, and the record says so", async () => {
    const { reply } = await open(() => reasoned("reasoning_content", "Widen it.", null), off);
    const read = await reply();
    expect(read).toMatchObject({ content: "Widen it.", reasoning: null, answerIn: "reasoning_content" });
    expect(read.notes?.join()).toContain('was in "reasoning_content"');
    expect(read).not.toHaveProperty("unanswered");
    const second = await reply();
    expect(second.answerIn).toBe("reasoning_content");
    expect(second).not.toHaveProperty("notes");
    expect(chatReplySchema.parse(read)).toEqual(read);
  });

  test("is read from there where it is the JSON asked for and nothing else", async () => {
    const { reply } = await open([reasoned("reasoning", value, null)]);
    expect(await reply({ schema: { type: "object" } })).toMatchObject({ content: value, reasoning: null });
  });

  test("is said to be there where it may be thoughts", async () => {
    const { reply, clock } = await open([reasoned("reasoning", "Hm.", null)]);
    const read = await reply();
    expect(read).toMatchObject({ content: "", reasoning: "Hm.", unanswered: { why: "in-thoughts" } });
    expect(chatReplySchema.parse(read)).toEqual(read);
    expect(clock.slept).toEqual([]);
  });

  test("was kept back: the refusal is told, and never with the key", async () => {
    const { reply } = await open([
      chat(null, { message: { refusal: `${"x".repeat(195)}${key}` } }),
      chat("Widen the", { finishReason: "content_filter" }),
    ]);
    const read = await reply();
    expect(read.unanswered).toMatchObject({ why: "refused" });
    expect(read.notes?.join()).toContain("xxx");
    expect(JSON.stringify(read)).not.toContain(key.slice(0, 4));
    expect((await reply()).unanswered).toMatchObject({ why: "withheld" });
  });
});
