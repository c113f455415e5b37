/**
 * The model adapter against a real HTTP server that misbehaves in every way known of model servers.
 *
 * Waits between attempts go through a clock that records them and returns at once; all else takes its real time.
 */
import { getEventListeners, once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { Worker } from "node:worker_threads";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { OpenAIChat, type OpenAIChatOptions } from "../../src/models/openai-chat.ts";
import { Interrupted, UsageError } from "../../src/errors.ts";
import { chatReplySchema } from "../../src/search/events.ts";
import type { Clock } from "../../src/search/ports.ts";
import { Space } from "../../src/search/space.ts";
import { funnel } from "../../src/search/state.ts";
import { collm } from "../../src/searchers/collm.ts";
import { architecturesSchema } from "../../src/searchers/prompts.ts";
import { setUp } from "../support/core-ports.ts";
import { ask, everythingIn, key, open, serve } from "../support/open-chat.ts";
import {
  type Answer,
  chat,
  emptyChoices,
  fencedJson,
  htmlPage,
  hugeBody,
  json,
  notFound,
  nullContent,
  playRoles,
  rateLimited,
  raw,
  reasoned,
  refusal,
  resetConnection,
  serverError,
  stalledBody,
  stalledHeaders,
  startModelServer,
  thoughtAloud,
  truncatedJson,
  unauthorized,
} from "../support/model-server.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const good = chat("fine");

/** A port at which connections are waited for and never made: who listens is asleep, and there is no more room. */
async function deafHost(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const source = `
    const { parentPort } = require("node:worker_threads");
    const server = require("node:net").createServer();
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    });`;
  const worker = new Worker(source, { eval: true });
  const [port] = (await once(worker, "message")) as [number];
  await wait(50);
  const sockets: Socket[] = [];
  for (let isFull = false; !isFull && sockets.length < 20; ) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    sockets.push(socket);
    isFull = await Promise.race([once(socket, "connect").then(() => false), wait(100, true)]);
  }
  return {
    port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await worker.terminate();
    },
  };
}

// ----- Tests -----

describe("a request", () => {
  test("carries the conversation, the seed and the sampling, and nothing else", async () => {
    const { server, reply } = await open([good]);
    await reply();
    expect(server.requests[0]?.path).toBe("/v1/chat/completions");
    expect(server.requests[0]?.body).toEqual({
      model: "tiny-1",
      messages: ask.messages,
      seed: 42,
      temperature: 0.6,
    });
  });

  test("carries top_p and max_tokens when they are set, and no temperature when it is not", async () => {
    const { server, reply } = await open([good], { temperature: null, topP: 0.9, maxTokens: 2_000 });
    await reply();
    const body = { model: "tiny-1", messages: ask.messages, seed: 42, top_p: 0.9, max_tokens: 2_000 };
    expect(server.requests[0]?.body).toEqual(body);
  });

  test("asks for JSON under the schema, strictly", async () => {
    const schema = {
      type: "object",
      properties: { a: { enum: [1] } },
      required: ["a"],
      additionalProperties: false,
    };
    const { server, reply } = await open([good]);
    await reply({ schema });
    expect(server.requests[0]?.body.response_format).toEqual({
      type: "json_schema",
      json_schema: { name: "generator_reply", strict: true, schema },
    });
  });

  test("sends of each message its role and its content only", async () => {
    const { server, reply } = await open([good]);
    const remembered = { role: "assistant", content: "Done.", reasoning: "private" } as const;
    await reply({ messages: [remembered] });
    expect(server.requests[0]?.body.messages).toEqual([{ role: "assistant", content: "Done." }]);
  });

  test("shows the key in one header, and EMPTY where there is none", async () => {
    const withKey = await open([good]);
    await withKey.reply();
    expect(withKey.server.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
    for (const apiKey of [null, "", " \n"]) {
      const without = await open([good], { apiKey });
      await without.reply();
      expect(without.server.requests[0]?.headers.authorization).toBe("Bearer EMPTY");
    }
    const trimmed = await open([good], { apiKey: `${key}\n` });
    await trimmed.reply();
    expect(trimmed.server.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
  });

  test("takes nothing from the environment", async () => {
    vi.stubEnv("OPENAI_API_KEY", "sk-of-somebody-else");
    vi.stubEnv("OPENAI_ADMIN_KEY", "sk-admin");
    vi.stubEnv("OPENAI_ORG_ID", "org-secret");
    vi.stubEnv("OPENAI_PROJECT_ID", "project-secret");
    vi.stubEnv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1");
    vi.stubEnv("OPENAI_CUSTOM_HEADERS", "authorization: Bearer other\nx-secret: 1");
    vi.stubEnv("OPENAI_LOG", "debug");
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const printed = vi.spyOn(console, "debug");
    const { server, reply } = await open([good], { apiKey: null });
    await reply();
    expect(Object.keys(server.requests[0]?.headers ?? {}).sort()).toEqual([
      "accept",
      "accept-encoding",
      "authorization",
      "connection",
      "content-length",
      "content-type",
      "host",
      "user-agent",
    ]);
    expect(server.requests[0]?.headers.authorization).toBe("Bearer EMPTY");
    expect(server.requests[0]?.headers["accept-encoding"]).toBe("identity");
    expect(printed).not.toHaveBeenCalled();
  });

  test("goes to a base URL that ends in a slash just as well", async () => {
    const server = await serve([good]);
    const { reply } = await open([], { baseUrl: `${server.baseUrl}/` });
    expect((await reply()).content).toBe("fine");
  });

  test.each(["sk two words", "sk-\u201cquoted\u201d", "sk-\u0000"])(
    "refuses a key that cannot be one: %j",
    (apiKey) => {
      const options = { model: "m", baseUrl: "http://localhost/v1", apiKey, keyVariable: "TINY_API_KEY" };
      const make = () => new OpenAIChat(options as OpenAIChatOptions);
      expect(make).toThrow(UsageError);
      expect(make).toThrow("TINY_API_KEY");
      expect(make).not.toThrow(apiKey);
    },
  );

  test.each(["", "localhost:8000/v1", "ftp://host/v1", "not a url"])(
    "refuses a base URL that is none: %j",
    (baseUrl) => {
      const options = { model: "m", baseUrl, apiKey: null, keyVariable: "TINY_API_KEY" };
      expect(() => new OpenAIChat(options as OpenAIChatOptions)).toThrow(UsageError);
    },
  );
});

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

describe("asking again", () => {
  const cut = raw(200, '{"choices": [', { "content-type": "application/json" });

  test.each<[string, Answer]>([
    ["408", refusal(408, "timed out")],
    ["409", refusal(409, "locked")],
    ["429", refusal(429, "slow down")],
    ["500", serverError(500)],
    ["502", htmlPage(502)],
    ["503", serverError(503)],
    ["504", serverError(504)],
    ["529", serverError(529)],
    ["a reset", resetConnection("at once")],
    ["a reset in the body", resetConnection("in the body")],
    ["HTML with 200", htmlPage()],
    ["empty choices", emptyChoices()],
    ["no choices", json(200, {})],
    ["null", json(200, null)],
    ["204", raw(204, "", {})],
    ["JSON that was cut", cut],
    ["a reply that says it broke off", chat("half of a", { finishReason: "error" })],
  ])("helps after %s", async (_name, answer) => {
    const { server, reply, clock, retried } = await open([answer, good]);
    expect((await reply()).content).toBe("fine");
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]?.body).toEqual(server.requests[0]?.body);
    expect(clock.slept).toHaveLength(1);
    expect(clock.slept[0]).toBeGreaterThanOrEqual(0.5);
    expect(clock.slept[0]).toBeLessThanOrEqual(1);
    expect(retried).toHaveLength(1);
    expect(retried[0]).toMatch(/^[\d.]+ the model server /);
  });

  test.each([
    ["headers", stalledHeaders()],
    ["body", stalledBody()],
  ])("helps after a stalled %s, which is given up and closed", async (_name, stalled) => {
    const { server, reply, retried } = await open([stalled, good], { timeoutSeconds: 0.3 });
    expect((await reply()).content).toBe("fine");
    expect(retried[0]).toContain("no whole reply within 0.3 s");
    expect(await server.requests[0]?.over).toMatchObject({ whole: false });
  });

  test("waits half to all of a time that doubles up to a minute", async () => {
    const { server, failure, clock } = await open(
      Array.from({ length: 13 }, () => serverError(503)),
      { retries: 12 },
    );
    const { message } = await failure();
    expect(message).toContain("in the last of 13 attempts");
    expect(message).toContain("The server had an error while processing your request");
    expect(server.requests).toHaveLength(13);
    expect(clock.slept).toHaveLength(12);
    for (const [index, seconds] of clock.slept.entries()) {
      const longest = Math.min(60, 2 ** index);
      expect(seconds).toBeGreaterThanOrEqual(longest / 2);
      expect(seconds).toBeLessThanOrEqual(longest);
    }
    expect(new Set(clock.slept.slice(6)).size).toBeGreaterThan(1);
  });

  test("happens in this layer only: retries: 0 is one request", async () => {
    const { server, failure, clock } = await open([serverError()], { retries: 0 });
    await failure();
    expect(server.requests).toHaveLength(1);
    expect(clock.slept).toEqual([]);
  });

  test("says before each wait how long it is and why", async () => {
    const { reply, retried } = await open([rateLimited({ "retry-after": "7" }), good]);
    await reply();
    expect(retried).toEqual(["7 the model server asks to slow down (429: Rate limit reached for requests)"]);
  });

  test.each([
    [true, 5],
    [false, 3],
  ])(
    "a server that goes away for good is named with what to do: answered before: %s",
    async (isKnown, most) => {
      const { server, clock, reply, failure } = await open([good]);
      if (isKnown) await reply();
      await server.close();
      const { message } = await failure();
      expect(message).toContain("cannot be reached (ECONNREFUSED)");
      expect(message).toContain(server.baseUrl);
      expect(message).toContain(`in the last of ${most} attempts`);
      expect(message).toContain("then resume");
      // Where there never was a server, nobody waits long to be told so.
      const waited = clock.slept.reduce((sum, seconds) => sum + seconds, 0);
      expect(waited < 4).toBe(!isKnown);
    },
  );

  test("a host that takes no connection is given up by itself, and named", async () => {
    const { port, close } = await deafHost();
    onTestFinished(close);
    const { failure } = await open([], {
      baseUrl: `http://127.0.0.1:${port}/v1`,
      connectSeconds: 0.2,
      retries: 1,
    });
    const { message, spent } = await failure();
    expect(message).toContain("cannot be reached (no connection within 0.2 s)");
    expect(spent.billed).toBe(0);
  });

  test("a host that does not exist is named", async () => {
    const { failure } = await open([], { baseUrl: "http://no-such-host.invalid/v1", retries: 1 });
    expect((await failure()).message).toMatch(/cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/);
  });

  test("timeouts for good are named", async () => {
    const { failure } = await open([stalledBody(), stalledHeaders()], { timeoutSeconds: 0.2, retries: 1 });
    expect((await failure()).message).toContain("raise the timeout");
  });
});

describe("a reply that broke off at its provider", () => {
  // The words of OpenRouter, vLLM and SGLang, DeepSeek, Ollama, GLM, watsonx, Anthropic, LM Studio, and of Gemini through gateways.
  const brokenReasons = [
    "error",
    "abort",
    "aborted",
    "cancelled",
    "canceled",
    "USER_CANCEL",
    "timeout",
    "TIME_LIMIT",
    "insufficient_system_resource",
    "load",
    "unload",
    "network_error",
    "not_finished",
    "pause_turn",
    "userStopped",
    "modelUnloaded",
    "incomplete",
    "failed",
    "RECITATION",
    "OTHER",
    "FinishReason.OTHER",
    "MALFORMED_FUNCTION_CALL",
    "malformed_function_call",
    "FINISH_REASON_UNEXPECTED_TOOL_CALL",
  ];
  const answers: [string, Answer][] = [
    ...brokenReasons.map((finishReason): [string, Answer] => [
      finishReason,
      chat("half of a", { finishReason }),
    ]),
    ["the provider's own word", choice({ finish_reason: "stop", native_finish_reason: "abort" })],
    ["an error in the choice", choice({ finish_reason: "stop", error: { code: 502, message: "gone" } })],
    ["an error of text in the choice", choice({ finish_reason: null, error: "gone" })],
    ["an error beside the choice", choice({ finish_reason: "stop" }, { error: { message: "gone" } })],
    ["an error that stands by itself", json(200, { object: "error", message: "gone", code: 500 })],
    ["an error beside no choice", json(200, { choices: [], error: { message: "gone" } })],
  ];

  function choice(changed: object, rest: object = {}): Answer {
    const message = { role: "assistant", content: "half of a" };
    return json(200, { choices: [{ index: 0, message, ...changed }], ...rest });
  }

  test.each(answers)("is asked for again, and may have cost something: %s", async (_name, answer) => {
    const { server, reply } = await open([answer, good]);
    expect(await reply()).toMatchObject({ content: "fine", billedFailures: 1 });
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]?.body).toEqual(server.requests[0]?.body);
  });

  test("is told with the error's words or the reason, and never with the key", async () => {
    const { reply, retried } = await open([
      choice({ finish_reason: "error", error: { message: `upstream said no to ${key}` } }),
      chat("half", { finishReason: "insufficient_system_resource" }),
      good,
    ]);
    expect((await reply()).content).toBe("fine");
    expect(retried[0]).toContain("broke off the reply with an error (upstream said no to [key])");
    expect(retried[1]).toContain('(finish reason "insufficient_system_resource")');
  });

  test("is paid for no more often than there is room for", async () => {
    const { server, failure } = await open(() => chat("half of a", { finishReason: "error" }));
    const { message, spent } = await failure({ mostBilled: 2 });
    expect(message).toContain("beyond a cap");
    expect(spent).toMatchObject({ billed: 2 });
    expect(server.requests).toHaveLength(2);
  });

  test.each(["stop", "eos", "end_turn", "COMPLETE", "tool_calls", "no such reason", "errorless", "mother"])(
    "is none where nothing is missing: %s",
    async (finishReason) => {
      const { reply } = await open([chat("fine", { finishReason })]);
      expect(await reply()).toMatchObject({ content: "fine", finishReason, failures: [] });
    },
  );

  test.each([null, false, 0, "", {}, [], { code: 0, message: "" }, { message: "", type: "", param: null }])(
    "is none beside an error that says nothing: %j",
    async (error) => {
      for (const answer of [
        choice({ finish_reason: "stop", error }),
        choice({ finish_reason: "stop" }, { error }),
      ]) {
        const { reply } = await open([answer]);
        expect(await reply()).toMatchObject({ content: "half of a", failures: [] });
      }
    },
  );

  test.each([
    ["length", "incomplete", { finishReason: "length", failures: [] }],
    ["content_filter", "OTHER", { unanswered: { why: "withheld" }, failures: [] }],
  ])(
    "is none where %s tells why it ended, whatever the provider's own word",
    async (reason, native, expected) => {
      const { server, reply } = await open([
        choice({ finish_reason: reason, native_finish_reason: native }),
        good,
      ]);
      expect(await reply()).toMatchObject(expected);
      expect(server.requests).toHaveLength(1);
    },
  );

  test.each(["length", "MAX_TOKENS", "max_tokens", "model_length", "token_limit", "FinishReason.MAX_TOKENS"])(
    "is none where a limit on the length was reached, by whatever name: %s",
    async (finishReason) => {
      const { reply } = await open([chat("half of a", { finishReason })]);
      expect(await reply()).toMatchObject({ content: "half of a", finishReason: "length", failures: [] });
    },
  );
});

describe("a wait that the server asks for", () => {
  const clockTime = Date.parse("2026-11-05T12:00:00Z");
  const date = (seconds: number) => new Date(clockTime + seconds * 1_000).toUTCString();

  test.each<[string, Answer, number]>([
    ["seconds", rateLimited({ "retry-after": "7" }), 7],
    ["fractions", rateLimited({ "retry-after": "0.25" }), 0.25],
    ["a day", rateLimited({ "retry-after": "86400" }), 86_400],
    ["milliseconds", rateLimited({ "retry-after-ms": "150" }), 0.15],
    ["both", rateLimited({ "retry-after-ms": "2500", "retry-after": "3" }), 2.5],
    ["a date, read against the clock", rateLimited({ "retry-after": date(120), date: "none" }), 120],
    [
      "a date of a server whose clock is wrong",
      rateLimited({ "retry-after": date(9_000), date: date(8_900) }),
      100,
    ],
    ["with another status", refusal(503, "loading", { "retry-after": "30" }), 30],
  ])("is obeyed at any length: %s", async (_name, answer, seconds) => {
    const { reply, clock } = await open([answer, good]);
    expect((await reply()).content).toBe("fine");
    expect(clock.slept).toEqual([seconds]);
  });

  test.each<[string, Record<string, string>]>([
    ["zero", { "retry-after": "0" }],
    ["negative", { "retry-after": "-5" }],
    ["no time", { "retry-after": "soon" }],
    ["past", { "retry-after": date(-60), date: "none" }],
    ["empty", { "retry-after": "", "retry-after-ms": "abc" }],
  ])("is replaced by the usual back-off when it is none: %s", async (_name, headers) => {
    const { reply, clock } = await open([rateLimited(headers), good]);
    await reply();
    expect(clock.slept[0]).toBeGreaterThanOrEqual(0.5);
    expect(clock.slept[0]).toBeLessThanOrEqual(1);
  });

  test("is not waited for when the server says that asking again is useless", async () => {
    const spent = refusal(429, "You exceeded your current quota", { "x-should-retry": "false" });
    const { server, failure } = await open([spent]);
    expect((await failure()).message).toContain("You exceeded your current quota");
    expect(server.requests).toHaveLength(1);
  });
});

describe("a refusal ends it at once", () => {
  async function refusedAtOnce(answer: Answer, changed: Partial<OpenAIChatOptions> = {}): Promise<string> {
    const { server, failure, clock } = await open([answer], changed);
    const { message } = await failure();
    expect(server.requests).toHaveLength(1);
    expect(clock.slept).toEqual([]);
    expect(message).toContain(server.baseUrl);
    expect(message.split("\n")).toHaveLength(1);
    return message;
  }

  test("401 names the variable, and never the key that the server quotes", async () => {
    const message = await refusedAtOnce(unauthorized());
    expect(message).toContain("refuses the key in TINY_API_KEY");
    expect(message).toContain("Incorrect API key provided: [key].");
  });

  test("401 without a key says that none was given", async () => {
    const message = await refusedAtOnce(refusal(401, "Missing bearer"), { apiKey: null });
    expect(message).toContain("none was given");
    expect(message).toContain("set TINY_API_KEY");
  });

  test("403 names the variable and the model", async () => {
    const message = await refusedAtOnce(refusal(403, "Country not supported"));
    expect(message).toContain("TINY_API_KEY");
    expect(message).toContain('"tiny-1"');
    expect(message).toContain("Country not supported");
  });

  test("404 names the model and the base URL", async () => {
    const message = await refusedAtOnce(notFound("tiny-1"));
    expect(message).toContain('no model "tiny-1"');
    expect(message).toContain("/v1");
  });

  test("404 of a web server that is no model API", async () => {
    const server = await serve([]);
    const { failure } = await open([], { baseUrl: server.baseUrl.replace("/v1", "") });
    expect((await failure()).message).toContain("no model API at this address (404: ");
  });

  test.each([
    [
      400,
      refusal(400, "This model's maximum context length is 4096 tokens"),
      "maximum context length is 4096",
    ],
    [
      400,
      json(400, { object: "error", message: "guided decoding failed", code: 400 }),
      "guided decoding failed",
    ],
    [
      422,
      json(422, { detail: [{ loc: ["body", "seed"], msg: "value is not valid" }] }),
      "value is not valid",
    ],
    [400, json(400, { error: "model requires more memory" }), "(400: model requires more memory)"],
    [413, raw(413, "Payload\n  Too Large", {}), "(413: Payload Too Large)"],
    [400, raw(400, "", {}), "(400)"],
    [418, htmlPage(418), "(418: Open WebUI)"],
    [402, refusal(402, "Insufficient Balance"), "Insufficient Balance"],
  ])("%i comes with the server's own words", async (_status, answer, words) => {
    expect(await refusedAtOnce(answer)).toContain(words);
  });

  test.each<[string, Answer]>([
    [
      "Azure",
      json(400, {
        error: {
          message: "The response was filtered due to the prompt triggering a content management policy.",
          code: "content_filter",
          innererror: { code: "ResponsibleAIPolicyViolation" },
        },
      }),
    ],
    ["OpenAI", json(400, { error: { message: "no", code: "content_policy_violation" } })],
    [
      "Qwen",
      json(400, { error: { message: "Input data may be inappropriate", code: "data_inspection_failed" } }),
    ],
    [
      "OpenRouter",
      json(403, {
        error: { message: "The model requires moderation and your input was flagged", code: 403 },
      }),
    ],
  ])("a filter that takes offence at the prompt is told as such: %s", async (_name, answer) => {
    for (const schema of [null, { type: "object" }]) {
      const { server, failure } = await open([answer]);
      expect((await failure({ schema })).message).toContain("refuses the words of the request");
      expect(server.requests).toHaveLength(1);
    }
  });

  test("long words are cut", async () => {
    expect((await refusedAtOnce(refusal(400, "no ".repeat(10_000)))).length).toBeLessThan(1_000);
  });

  test("a redirect is not followed but shown", async () => {
    const message = await refusedAtOnce(
      raw(308, "", { location: "https://models.example/v1/chat/completions?token=1" }),
    );
    expect(message).toContain("sends requests on to https://models.example/v1 (308)");
  });

  test("a status that HTTP does not have", async () => {
    const { failure } = await open([raw(999, "", {}), raw(999, "", {})], { retries: 1 });
    await failure();
  });
});

describe("a page that is no reply", () => {
  test.each<[string, Answer, string]>([
    ["HTML", htmlPage(), "an HTML page"],
    ["another API", json(200, { result: "ok" }), "something else"],
    ["a list", json(200, [1, 2]), "something else"],
    ["choices that are no list", json(200, { choices: "none" }), "something else"],
    ["broken JSON", raw(200, "{", { "content-type": "application/json" }), "broken JSON"],
    ["nothing", raw(200, "", {}), "something else"],
    [
      "an error with status 200",
      json(200, { error: { message: `upstream said no to ${key}` } }),
      "upstream said no",
    ],
  ])("is asked for three times, then the base URL is doubted: %s", async (_name, answer, what) => {
    const { server, failure } = await open([answer, answer, answer], { retries: 10 });
    const { message } = await failure();
    expect(message).toContain(what);
    expect(message).toContain("this URL does not look like a model API");
    expect(message).toContain("/v1");
    expect(server.requests).toHaveLength(3);
  });

  test("no choice at all, three times", async () => {
    const { server, failure } = await open([emptyChoices(), emptyChoices(), emptyChoices()], { retries: 10 });
    expect((await failure()).message).toContain("without a single choice in the last of 3 attempts");
    expect(server.requests).toHaveLength(3);
  });

  test("is forgiven between failures of other kinds", async () => {
    const script = [
      serverError(),
      serverError(),
      serverError(),
      htmlPage(),
      serverError(),
      emptyChoices(),
      good,
    ];
    const { reply } = await open(script, { retries: 6 });
    expect((await reply()).content).toBe("fine");
  });

  test("a server that speaks no HTTP", async () => {
    const server = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.9\r\n"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
    });
    const { port } = server.address() as { port: number };
    for (const scheme of ["http", "https"]) {
      const { failure } = await open([], { baseUrl: `${scheme}://127.0.0.1:${port}/v1` });
      expect((await failure()).message).toContain(`does not speak the protocol of its base URL, ${scheme}`);
    }
  });

  test("https spoken to a port of http is named, with the way out", async () => {
    const server = await serve([]);
    const { failure, clock } = await open([], { baseUrl: server.baseUrl.replace("http:", "https:") });
    const { message } = await failure();
    expect(message).toContain("does not speak the protocol of its base URL, https");
    expect(message).toContain("give the base URL with http:// if that is what the port speaks");
    expect(clock.slept.length).toBeLessThan(3);
  });

  test("http spoken to a port of TLS alone is thought of, as long as nothing else was heard of it", async () => {
    const server = createTlsServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
    });
    const { port } = server.address() as { port: number };
    const { failure } = await open([], { baseUrl: `http://127.0.0.1:${port}/v1`, retries: 0 });
    expect((await failure()).message).toContain("if its port speaks https, give the base URL with https://");
    const known = await open([good, resetConnection("at once")], { retries: 0 });
    await known.reply();
    expect((await known.failure()).message).not.toContain("https://");
  });

  test.each([
    "Client sent an HTTP request to an HTTPS server.\n",
    "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
  ])("http spoken to a port of https is named: %j", async (page) => {
    const { server, failure } = await open([raw(400, page, { "content-type": "text/html" })]);
    const { message } = await failure();
    expect(message).toContain("speaks https, not http");
    expect(message).toContain("give the base URL with https://");
    expect(server.requests).toHaveLength(1);
  });
});

describe("a body without end", () => {
  const megabyte = 1024 * 1024;

  test.each(["announced", "chunked"] as const)(
    "is refused before it has been read whole: %s",
    async (length) => {
      const { server, failure } = await open([hugeBody(64 * megabyte, length)]);
      expect((await failure()).message).toContain("more than 16 MB");
      const { whole, bytes } = (await server.requests[0]?.over) ?? { whole: true, bytes: Number.NaN };
      expect(whole).toBe(false);
      expect(bytes).toBeLessThan(40 * megabyte);
      expect(server.requests).toHaveLength(1);
    },
  );

  test("is refused as an error page too", async () => {
    const page = raw(500, "x".repeat(20 * megabyte), {});
    const { failure } = await open([page]);
    expect((await failure()).message).toContain("more than 16 MB");
  });

  test("is read when it is merely large", async () => {
    const { reply } = await open([hugeBody(15 * megabyte, "chunked")]);
    expect((await reply()).content).toHaveLength(15 * megabyte);
  });
});

describe("an interruption", () => {
  const promptly = 1_000;

  async function interruptedAfter(
    milliseconds: number,
    outcome: Promise<unknown>,
    controller: AbortController,
  ) {
    const caught = outcome.catch((error: unknown) => error);
    await wait(milliseconds);
    const begin = performance.now();
    controller.abort(new Error("enough"));
    expect(await caught).toBeInstanceOf(Interrupted);
    expect(performance.now() - begin).toBeLessThan(promptly);
  }

  test("before the request sends none", async () => {
    const { server, reply } = await open([]);
    await expect(reply({}, AbortSignal.abort())).rejects.toBeInstanceOf(Interrupted);
    expect(server.requests).toEqual([]);
  });

  test.each([
    ["headers are awaited", stalledHeaders()],
    ["the body is read", stalledBody()],
  ])("while %s closes the connection", async (_name, stalled) => {
    const { server, reply, clock } = await open([stalled]);
    const controller = new AbortController();
    await interruptedAfter(200, reply({}, controller.signal), controller);
    expect(await server.requests[0]?.over).toMatchObject({ whole: false });
    expect(clock.slept).toEqual([]);
  });

  test("in a wait ends it", async () => {
    const clock: Clock = {
      now: () => new Date().toISOString(),
      seconds: () => performance.now() / 1_000,
      sleep: (_seconds, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Interrupted("stopped on request")));
        }),
    };
    const { server, reply } = await open([rateLimited({ "retry-after": "86400" })], { clock });
    const controller = new AbortController();
    await interruptedAfter(300, reply({}, controller.signal), controller);
    expect(server.requests).toHaveLength(1);
  });

  test("leaves nothing on a signal that outlives many requests", async () => {
    const { reply } = await open(() => good);
    const { signal } = new AbortController();
    for (let count = 0; count < 20; count++) await reply({}, signal);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("the key", () => {
  const answers: [string, Answer][] = [
    ["in words", refusal(400, `bad key ${key}`)],
    ["in plain text", raw(401, `Bearer ${key} is unknown`, {})],
    ["in a page", raw(403, `<!doctype html><title>${key}</title>`, { "content-type": "text/html" })],
    ["in a redirect", raw(302, "", { location: `https://other.example/v1?key=${key}` })],
    ["in a redirect's path", raw(302, "", { location: `https://other.example/${key}/v1` })],
    ["cut in two by the limit on words", refusal(400, `${"x".repeat(482)}${key}`)],
    ["in a server error, again and again", serverError()],
    ["in headers", refusal(429, "slow down", { "x-echo": key, "x-request-id": key })],
  ];

  test.each(answers)("is in no error, whatever the server echoes: %s", async (_name, answer) => {
    const { failure } = await open([answer, answer], { retries: 1 });
    const error = await failure();
    expect(everythingIn(error)).not.toContain(key.slice(0, 12));
  });

  test("is found in any spelling", async () => {
    const apiKey = 'sk+"quoted"/and=more';
    const echo = refusal(400, `${apiKey} ${encodeURIComponent(apiKey)} ${JSON.stringify({ apiKey })}`);
    const { failure } = await open([echo], { apiKey });
    expect((await failure()).message).toContain('(400: [key] [key] {"apiKey":"[key]"})');
  });

  test("is not in the address of an error either", async () => {
    const server = await serve([refusal(400, "no")]);
    const { failure } = await open([], { baseUrl: `${server.baseUrl}?key=${key}` });
    await failure();
  });

  test("is printed nowhere", async () => {
    const printed = ["log", "info", "warn", "error", "debug"].map((name) => vi.spyOn(console, name as "log"));
    const { failure } = await open([unauthorized()]);
    await failure();
    expect(printed.flatMap((each) => each.mock.calls)).toEqual([]);
  });
});

describe("the model server that plays both roles", () => {
  test("answers a schema by legal architectures, the same ones for the same seed", async () => {
    for (const space of vectorSpaces.values()) {
      const { reply } = await open(playRoles());
      const schema = architecturesSchema(space, { min: 10, max: 20 });
      const first = await reply({ schema, seed: 1 });
      const { architectures } = JSON.parse(first.content) as { architectures: unknown[] };
      expect(architectures.length).toBeGreaterThanOrEqual(10);
      expect(architectures.length).toBeLessThanOrEqual(20);
      expect(architectures.map((each) => space.parse(each)).filter(({ ok }) => !ok)).toEqual([]);
      expect((await reply({ schema, seed: 1 })).content).toBe(first.content);
      expect((await reply({ schema, seed: 2 })).content).not.toBe(first.content);
    }
  });

  test("answers the Navigator by a strategy, and a free Generator by a fence", async () => {
    const [space] = vectorSpaces.values();
    const { description } = space as Space;
    const { reply } = await open(playRoles(description));
    expect((await reply()).content).toContain("## Directions");
    const { content } = await reply({
      messages: [{ role: "system", content: "Like this:\n```json\n{}\n```" }],
    });
    expect(content).toContain('```json\n{\n  "architectures"');
  });

  test.each([true, false])(
    "carries a whole search, past one failure in three: structured %s",
    async (structured) => {
      const play = playRoles(tinyDescription);
      const failures = [
        rateLimited({ "retry-after": "5" }),
        resetConnection("at once"),
        htmlPage(),
        serverError(),
      ];
      const { model, server, retried } = await open((request, index) =>
        index % 3 === 1 ? (failures[index % failures.length] as Answer) : play(request),
      );
      const search = await setUp({
        searcher: collm,
        models: { navigator: model, generator: model },
        search: { structured },
      });
      const state = await search.run();
      expect(funnel(state).evaluated).toBe(20);
      expect(retried.length).toBe(Math.floor((server.requests.length + 1) / 3));
    },
  );

  test("fails a test that asks more often than was scripted", async () => {
    const server = await startModelServer([good]);
    const { model } = await open([], { baseUrl: server.baseUrl, retries: 0 });
    const { signal } = new AbortController();
    await model.reply(ask, signal);
    await expect(model.reply(ask, signal)).rejects.toThrow("scripted replies exhausted");
    await expect(server.close()).rejects.toThrow("scripted replies exhausted");
  });
});
