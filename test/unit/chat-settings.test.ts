/** What is sent beside a prompt, what a server does not take of it, and what its calls cost, failed ones included. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { OpenAIChat } from "../../src/models/openai-chat.ts";
import { UsageError } from "../../src/errors.ts";
import { chatReplySchema } from "../../src/search/events.ts";
import {
  type Answer,
  chat,
  emptyChoices,
  htmlPage,
  json,
  rateLimited,
  raw,
  refusal,
  resetConnection,
  serverError,
  stalledBody,
  stalledHeaders,
} from "../support/model-server.ts";
import { ask, everythingIn, good, open } from "../support/open-chat.ts";

describe("further settings", () => {
  test("a seed of the user's own is sent in place of the request's", async () => {
    const { server, reply } = await open([good], { seed: 7 });
    await reply();
    expect(server.requests[0]?.body.seed).toBe(7);
  });

  test("the extra body stands beside the rest, and overrules all but model and messages", async () => {
    const extraBody = {
      chat_template_kwargs: { enable_thinking: false },
      temperature: 0.1,
      model: "other",
      messages: [],
    };
    const { server, reply } = await open([good], { extraBody });
    await reply();
    expect(server.requests[0]?.body).toEqual({
      model: "tiny-1",
      messages: ask.messages,
      seed: 42,
      temperature: 0.1,
      chat_template_kwargs: { enable_thinking: false },
    });
  });

  test("headers are sent, and replace the own ones of the same name", async () => {
    const headers = { "X-Title": "a search", Authorization: "Basic abc", "User-Agent": "mine" };
    const { server, reply } = await open([good], { headers });
    await reply();
    expect(server.requests[0]?.headers).toMatchObject({
      "x-title": "a search",
      authorization: "Basic abc",
      "user-agent": "mine",
    });
  });

  test("what headers hold is in no error and no reply, in whole or without its first word", async () => {
    const secret = "tok_0123456789abcdef";
    const headers = { "x-api-key": secret, "x-other": `Bearer ${secret}xyz`, "x-short": "fine" };
    const echo = `your headers: ${JSON.stringify(headers)}`;
    const { reply, failure } = await open([chat(echo), refusal(400, echo)], { headers });
    const { content } = await reply();
    expect(content).not.toContain(secret);
    expect(content).toContain("[header]");
    expect(content).toContain('"x-short":"fine"');
    expect(everythingIn(await failure())).not.toContain(secret);
  });

  test("a header that cannot be one is refused without its value", () => {
    const options = {
      model: "m",
      baseUrl: "http://localhost/v1",
      apiKey: null,
      headers: { "x-a": "se\ncret" },
    };
    const make = () => new OpenAIChat(options as never);
    expect(make).toThrow(UsageError);
    expect(make).toThrow("x-a");
    expect(make).not.toThrow("cret");
  });

  test("a base URL may hold a query, as Azure's does", async () => {
    const paths: (string | undefined)[] = [];
    const server = createServer((incoming, response) => {
      paths.push(incoming.url);
      response.end('{"choices": [{"message": {"content": "fine"}}]}');
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { reply } = await open([], { baseUrl: `http://127.0.0.1:${port}/openai/?api-version=1` });
    expect((await reply()).content).toBe("fine");
    expect(paths).toEqual(["/openai/chat/completions?api-version=1"]);
  });
});

describe("a setting that the server does not take", () => {
  const error = (message: string, param: string | null = null, code: string | null = null) =>
    json(400, { error: { message, type: "invalid_request_error", param, code } });
  const openai = (name: string) =>
    error(
      `Unsupported value: '${name}' does not support 0.6 with this model. Only the default (1) value is supported.`,
      name,
      "unsupported_value",
    );
  const google = json(400, [
    {
      error: {
        code: 400,
        message:
          'Invalid JSON payload received. Unknown name "seed": Cannot find field.\nInvalid JSON payload received. Unknown name "top_p": Cannot find field.',
        status: "INVALID_ARGUMENT",
      },
    },
  ]);
  const mistral = json(422, {
    detail: [
      { type: "extra_forbidden", loc: ["body", "seed"], msg: "Extra inputs are not permitted", input: 42 },
    ],
  });

  test.each<[string, Answer, readonly string[]]>([
    ["OpenAI's temperature", openai("temperature"), ["temperature"]],
    ["OpenAI's top_p", openai("top_p"), ["top_p"]],
    ["Google's seed and top_p", google, ["seed", "top_p"]],
    ["Mistral's seed", mistral, ["seed"]],
    ["a range of temperatures", error("temperature: range: 0..1"), ["temperature"]],
  ])("is left out, and said the first time: %s", async (_name, answer, fields) => {
    const { server, reply, clock } = await open([answer, good, good], { topP: 0.9 });
    const first = await reply();
    expect(first).toMatchObject({ content: "fine", failures: [] });
    expect(first.notes).toHaveLength(fields.length);
    for (const field of fields) expect(first.notes?.join()).toContain(`"${field}"`);
    expect(await reply()).not.toHaveProperty("notes");
    const kept = ["seed", "temperature", "top_p"].filter((field) => !fields.includes(field));
    for (const { body } of server.requests.slice(1)) {
      expect(Object.keys(body).sort()).toEqual(["messages", "model", ...kept].sort());
    }
    expect(clock.slept).toEqual([]);
    expect(chatReplySchema.parse(first)).toEqual(first);
  });

  const newName = error(
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "max_tokens",
    "unsupported_parameter",
  );

  test("max_tokens gets its newer name", async () => {
    const { server, reply } = await open([newName, good, good], { maxTokens: 500 });
    expect((await reply()).notes?.join()).toContain('"max_completion_tokens" is sent instead');
    await reply();
    for (const { body } of server.requests.slice(1)) {
      expect(body.max_completion_tokens).toBe(500);
      expect(body).not.toHaveProperty("max_tokens");
    }
  });

  test("a limit that goes by neither name is given up, and said to be", async () => {
    const neither = error("Unknown parameter: 'max_completion_tokens'", "max_completion_tokens");
    const { server, reply } = await open([newName, neither, good], { maxTokens: 500 });
    expect((await reply()).notes?.join()).toContain("no limit on the length of replies is sent");
    expect(Object.keys(server.requests[2]?.body ?? {})).not.toContain("max_completion_tokens");
  });

  test("is learned before a form is asked for", async () => {
    const { reply } = await open(
      [openai("temperature"), chat('{"token": "zebra-41"}'), chat("{}")],
      {},
      { probes: "scripted" },
    );
    const { outputMode, probes, notes } = await reply({ schema: { type: "object" } });
    expect(outputMode).toBe("json-schema");
    expect(probes?.map(({ finding }) => finding)).toEqual(["honoured"]);
    expect(notes).toHaveLength(1);
  });

  test.each<[string, Answer]>([
    ["the user's own", error("Unsupported parameter: 'top_k'", "top_k", "unsupported_parameter")],
    ["one that was not sent", error("Unsupported parameter: 'top_p'", "top_p", "unsupported_parameter")],
    [
      "a value that is merely wrong",
      error("max_tokens is too large: 500. At most 100 are allowed.", "max_tokens"),
    ],
  ])("but %s is for the user to change", async (_name, answer) => {
    const { server, failure } = await open([answer], { maxTokens: 500, extraBody: { top_k: 5 } });
    await failure();
    expect(server.requests).toHaveLength(1);
  });
});

describe("being asked to wait", () => {
  test("for a time that is told counts as no attempt", async () => {
    const pause = rateLimited({ "retry-after": "20" });
    const { reply, clock } = await open([pause, pause, pause, pause, pause, serverError(), good], {
      retries: 1,
    });
    const { failures, billedFailures } = await reply();
    expect(failures).toHaveLength(6);
    expect(billedFailures).toBeUndefined();
    expect(clock.slept.slice(0, 5)).toEqual([20, 20, 20, 20, 20]);
  });

  test("for a time that is not told does", async () => {
    const { server, failure } = await open([rateLimited({}), rateLimited({})], { retries: 1 });
    await failure();
    expect(server.requests).toHaveLength(2);
  });

  test("for short times without end is obeyed ever more slowly", async () => {
    const script = Array.from({ length: 16 }, () => rateLimited({ "retry-after-ms": "1" }));
    const { reply, clock } = await open([...script, good], { retries: 4 });
    await reply();
    expect(clock.slept[0]).toBe(0.001);
    expect(clock.slept.at(-1)).toBeGreaterThanOrEqual(30);
  });

  test("Google says in the body how long", async () => {
    const message = "You exceeded your current quota, please check your plan and billing details.";
    const details = [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34.5s" }];
    const answer = json(429, [{ error: { code: 429, message, status: "RESOURCE_EXHAUSTED", details } }]);
    const { reply, clock } = await open([answer, good]);
    await reply();
    expect(clock.slept).toEqual([34.5]);
  });

  test.each<[string, Answer]>([
    [
      "OpenAI",
      json(429, { error: { message: "You exceeded your current quota", code: "insufficient_quota" } }),
    ],
    ["in words", refusal(429, "Your credit balance is too low")],
    ["402", refusal(402, "Insufficient Balance")],
  ])("is not what an empty account says: it ends at once, with what to do (%s)", async (_name, answer) => {
    const { server, failure } = await open([answer]);
    const { message } = await failure();
    expect(message).toContain("is out of credit");
    expect(message).toContain("add credit");
    expect(server.requests).toHaveLength(1);
  });
});

describe("failures that may be charged for", () => {
  const cut = raw(200, '{"choices": [', { "content-type": "application/json" });

  test.each<[string, Answer]>([
    ["no answer in time", stalledHeaders()],
    ["a body without end", stalledBody()],
    ["a reset", resetConnection("at once")],
    ["a reset in the body", resetConnection("in the body")],
    ["broken JSON", cut],
    ["no choice", emptyChoices()],
  ])("are counted: %s", async (_name, answer) => {
    const { reply } = await open([answer, good], { timeoutSeconds: 0.5 });
    expect(await reply()).toMatchObject({ billedFailures: 1, failures: [expect.any(String)] });
  });

  test.each<[string, Answer]>([
    ["429", rateLimited({})],
    ["500", serverError()],
    ["408", refusal(408, "late")],
    ["a web page", htmlPage()],
  ])("are not: %s", async (_name, answer) => {
    const { reply } = await open([answer, good]);
    expect(await reply()).not.toHaveProperty("billedFailures");
  });

  test("end a call once they are as many as it may make", async () => {
    const { server, failure } = await open([cut, serverError(), cut, good], { retries: 10 });
    const { message, spent } = await failure({ mostBilled: 2 });
    expect(server.requests).toHaveLength(3);
    expect(spent).toMatchObject({ billed: 2 });
    expect(spent.failures).toHaveLength(3);
    expect(message).toContain("beyond a cap");
  });

  test("do not take the one attempt that is allowed", async () => {
    const { reply } = await open([serverError(), good]);
    expect((await reply({ mostBilled: 1 })).content).toBe("fine");
  });

  test("those of the small question count too", async () => {
    const { failure, server } = await open([cut, good], {}, { probes: "scripted" });
    expect((await failure({ schema: { type: "object" }, mostBilled: 1 })).spent.billed).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  test("a server that was never reached charges nothing", async () => {
    const { server, failure } = await open([], { retries: 1 });
    await server.close();
    const { spent } = await failure();
    expect(spent.billed).toBe(0);
    expect(spent.failures).toHaveLength(2);
    expect(spent.seconds).toBeGreaterThan(0);
  });

  test("what a refusal at once took is told too", async () => {
    const { failure } = await open([rateLimited({ "retry-after": "9" }), refusal(401, "no")]);
    expect((await failure()).spent).toEqual({
      failures: [
        "asks to slow down (429: Rate limit reached for requests)",
        "refuses the key in TINY_API_KEY (401: no)",
      ],
      billed: 0,
      seconds: 9,
    });
  });
});

describe("tokens", () => {
  test.each([
    [
      "OpenAI's",
      {
        prompt_tokens: 100,
        completion_tokens: 50,
        prompt_tokens_details: { cached_tokens: 64 },
        completion_tokens_details: { reasoning_tokens: 40 },
      },
      { cachedTokens: 64, reasoningTokens: 40 },
    ],
    [
      "DeepSeek's",
      {
        prompt_tokens: 100,
        completion_tokens: 50,
        prompt_cache_hit_tokens: 32,
        prompt_cache_miss_tokens: 68,
      },
      { cachedTokens: 32 },
    ],
    ["none at all", { prompt_tokens: 100, completion_tokens: 50, prompt_tokens_details: null }, {}],
  ])("cached and thought ones are told apart: %s", async (_name, usage, expected) => {
    const { reply } = await open([chat("fine", { usage })]);
    const read = await reply();
    const { cachedTokens, reasoningTokens } = read;
    expect(JSON.parse(JSON.stringify({ cachedTokens, reasoningTokens }))).toEqual(expected);
    expect(chatReplySchema.parse(read)).toEqual(read);
  });

  test("beyond the limit are noted", async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 900 };
    const { reply } = await open([chat("fine", { usage }), good], { maxTokens: 500 });
    expect((await reply()).notes?.join()).toMatch(/900 tokens.*500/);
    expect(await reply()).not.toHaveProperty("notes");
  });
});
