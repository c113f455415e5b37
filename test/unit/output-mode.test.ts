/** How the adapter finds out, on a real server, in which way a form is to be asked for, and what it does with that. */
import { describe, expect, test } from "vitest";
import { ChatUnavailable, Interrupted } from "../../src/errors.ts";
import { chatReplySchema } from "../../src/search/events.ts";
import { ask, key, open as openAt } from "../support/open-chat.ts";
import {
  type Answer,
  chat,
  json,
  type ModelRequest,
  refusal,
  resetConnection,
  serverError,
  stalledHeaders,
} from "../support/model-server.ts";

const schema = {
  type: "object",
  properties: { a: { type: "array", items: { enum: [1, 2] } } },
  required: ["a"],
  additionalProperties: false,
};
const value = '{"a": [1]}';

/** What a request asks for: the small question or the real one, and how. */
function kindOf({ body }: ModelRequest): string {
  const isReal = (body.messages?.length ?? 0) > 1;
  const format = body.response_format;
  const how =
    format === undefined
      ? "text"
      : format.type === "json_object" && format.schema === undefined
        ? "bare"
        : format.type;
  return `${isReal ? "real" : "probe"} ${how}`;
}

const open = (answer: (kind: string, request: ModelRequest, index: number) => Answer, changed = {}) =>
  openAt((request, index) => answer(kindOf(request), request, index), changed, { probes: "scripted" });

const hello = chat("Hello! How can I help?");
const honoured = chat('{"token": "zebra-41"}');
const anObject = chat('{"greeting": "hello"}');
const real = chat(value);

/** llama-cpp-python's words. */
const validationError = serverErrorWith(
  `[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': "Input should be 'text' or 'json_object'", 'input': 'json_schema'}]`,
);

function serverErrorWith(message: string): Answer {
  return json(500, { error: { message, type: "internal_server_error", param: null, code: null } });
}

describe("the way to ask is found out before the first request under a schema", () => {
  test("a server that honours a schema is asked once, and then for real", async () => {
    const { server, reply } = await open((kind) => (kind === "probe json_schema" ? honoured : real));
    const first = await reply({ schema });
    expect(first).toMatchObject({ content: value, outputMode: "json-schema" });
    expect(first.probes).toEqual([
      {
        outputMode: "json-schema",
        finding: "honoured",
        words: "the answer follows the schema",
        inputTokens: 11,
        outputTokens: 7,
        seconds: 0,
      },
    ]);
    expect(chatReplySchema.parse(first)).toEqual(first);
    const second = await reply({ schema });
    expect(second.outputMode).toBe("json-schema");
    expect(second).not.toHaveProperty("probes");
    expect(server.requests.map(kindOf)).toEqual([
      "probe json_schema",
      "real json_schema",
      "real json_schema",
    ]);
  });

  test("a request without a schema asks nothing of the kind", async () => {
    const { server, reply } = await open(() => real);
    const read = await reply();
    expect(read).not.toHaveProperty("outputMode");
    expect(read).not.toHaveProperty("probes");
    expect(server.requests.map(kindOf)).toEqual(["real text"]);
  });

  test.each([
    ["400", refusal(400, "This response_format type is unavailable now")],
    ["400 without a reason", refusal(400, "Bad Request")],
    ["422", json(422, { detail: [{ type: "literal_error", loc: ["body", "response_format", "type"] }] })],
    ["500 with a validation error", validationError],
  ])("a refusal of json_schema leads to json_object, and costs nothing: %s", async (_name, answer) => {
    const { server, reply, clock } = await open((kind) =>
      kind.endsWith("json_schema") ? answer : kind.startsWith("probe") ? honoured : real,
    );
    const { outputMode, probes, content, failures } = await reply({ schema });
    expect(outputMode).toBe("json-object");
    expect(content).toBe(value);
    expect(failures).toEqual([]);
    expect(clock.slept).toEqual([]);
    expect(probes?.map((each) => [each.outputMode, each.finding, each.inputTokens])).toEqual([
      ["json-schema", "refused", null],
      ["json-object", "honoured", 11],
    ]);
    const body = server.requests.at(-1)?.body;
    expect(body?.response_format).toEqual({ type: "json_object", schema });
    const last = String(body?.messages?.at(-1)?.["content"]);
    expect(last.startsWith("Again.\n\n")).toBe(true);
    expect(last).toContain("JSON");
    expect(last).toContain(JSON.stringify(schema));
    expect(body?.messages?.slice(0, -1)).toEqual(ask.messages.slice(0, -1));
  });

  test("a server that takes json_schema and ignores it is noticed; text is the last way", async () => {
    const { server, reply } = await open((kind) => (kind.startsWith("probe") ? hello : real));
    const { outputMode, probes } = await reply({ schema });
    expect(outputMode).toBe("text");
    expect(probes?.map((each) => [each.outputMode, each.finding])).toEqual([
      ["json-schema", "ignored"],
      ["json-object", "ignored"],
    ]);
    expect(probes?.[0]?.words).toContain("Hello! How can I help?");
    const body = server.requests.at(-1)?.body;
    expect(body).not.toHaveProperty("response_format");
    expect(String(body?.messages?.at(-1)?.["content"])).toContain(JSON.stringify(schema));
  });

  test("json_object without its schema is tried where the schema is refused", async () => {
    const strict = refusal(400, "Unknown parameter: 'response_format.schema'.");
    const { server, reply } = await open((kind) =>
      kind.endsWith("json_schema")
        ? refusal(400, "json_schema is not supported")
        : kind.endsWith("json_object")
          ? strict
          : kind.startsWith("probe")
            ? anObject
            : real,
    );
    const { outputMode, probes } = await reply({ schema });
    expect(outputMode).toBe("json-object");
    expect(probes?.map(({ finding }) => finding)).toEqual(["refused", "refused", "honoured"]);
    expect(server.requests.at(-1)?.body.response_format).toEqual({ type: "json_object" });
  });

  test("LM Studio's words against json_object lead on to text", async () => {
    const { reply } = await open((kind) =>
      kind.endsWith("json_schema")
        ? hello
        : /json_object|bare/.test(kind)
          ? json(400, { error: "'response_format.type' must be 'json_schema' or 'text'" })
          : real,
    );
    expect((await reply({ schema })).outputMode).toBe("text");
  });

  test.each([
    ["cut off by its length", chat("Hello", { finishReason: "length" })],
    ["of spaces alone", chat("  \n ")],
    ["of nothing but thoughts", chat("<think>Hm, the user", { finishReason: "length" })],
    ["withheld by a filter", chat("Hello", { finishReason: "content_filter" })],
    ["that is a refusal", chat(null, { message: { refusal: "I would rather not." } })],
  ])("an answer %s tells nothing: the output mode stays", async (_name, answer) => {
    const { reply } = await open((kind) => (kind.startsWith("probe") ? answer : real));
    const { outputMode, probes } = await reply({ schema });
    expect(outputMode).toBe("json-schema");
    expect(probes?.map(({ finding }) => finding)).toEqual(["unclear"]);
  });

  test("thoughts in front of the answer are no part of it", async () => {
    const thinking = chat('<think>Why zebra?</think>{"token": "zebra-41"}');
    const { reply } = await open((kind) => (kind.startsWith("probe") ? thinking : real));
    expect((await reply({ schema })).probes?.[0]?.finding).toBe("honoured");
  });

  test("an answer among the thoughts counts, and its place is named", async () => {
    const apart = chat(null, { message: { reasoning_content: '{"token": "zebra-41"}' } });
    const { reply } = await open((kind) => (kind.startsWith("probe") ? apart : real));
    expect((await reply({ schema })).probes).toMatchObject([
      {
        finding: "honoured",
        words: "the answer follows the schema, though it is in reasoning_content",
      },
    ]);
  });

  test("JSON in a fence shows that the server does not keep the form", async () => {
    const fenced = chat('```json\n{"token": "zebra-41"}\n```');
    const { reply } = await open((kind) => (kind.startsWith("probe") ? fenced : real));
    expect((await reply({ schema })).probes?.[0]?.finding).toBe("ignored");
  });

  test.each([
    [null, 1_024],
    [300, 300],
    [50_000, 1_024],
  ])("the small question is short: of max tokens %s it may use %i", async (maxTokens, most) => {
    const { server, reply } = await open((kind) => (kind.startsWith("probe") ? honoured : real), {
      maxTokens,
    });
    await reply({ schema });
    expect(server.requests[0]?.body.max_tokens).toBe(most);
    expect(JSON.stringify(server.requests[0]?.body.messages).length).toBeLessThan(400);
  });

  test.each([
    [{}, ["In answer to a small question the server wrote 900 tokens, though at most 300 were allowed."]],
    [{ max_tokens: 1_000 }, undefined],
  ])("an answer that is too long is named, unless the request allows it: %j", async (extraBody, notes) => {
    const long = chat('{"token": "zebra-41"}', { usage: { prompt_tokens: 9, completion_tokens: 900 } });
    const { reply } = await open((kind) => (kind.startsWith("probe") ? long : real), {
      maxTokens: 300,
      extraBody,
    });
    expect((await reply({ schema })).notes).toEqual(notes);
  });

  test("requests that come together share it", async () => {
    const { server, reply } = await open((kind) => (kind.startsWith("probe") ? honoured : real));
    const replies = await Promise.all([1, 2, 3, 4].map((seed) => reply({ schema, seed })));
    expect(server.requests.filter((request) => kindOf(request).startsWith("probe"))).toHaveLength(1);
    expect(replies.flatMap(({ probes = [] }) => probes)).toHaveLength(1);
    expect(replies.map(({ outputMode }) => outputMode)).toEqual(Array(4).fill("json-schema"));
  });

  test("who waits for another's question is not stopped with it", async () => {
    const { reply } = await open((kind, _request, index) =>
      kind.startsWith("real") ? real : index === 0 ? stalledHeaders() : honoured,
    );
    const stop = new AbortController();
    const first = reply({ schema }, stop.signal).catch((error: unknown) => error);
    const second = reply({ schema });
    setTimeout(() => stop.abort(), 100);
    expect(await first).toBeInstanceOf(Interrupted);
    expect((await second).outputMode).toBe("json-schema");
  });

  test("who waits for another's question shares its failure, but not what it took", async () => {
    const { server, reply } = await open(() => serverError(), { retries: 1 });
    const errors = await Promise.all([1, 2].map(() => reply({ schema }).catch((error: unknown) => error)));
    expect(server.requests).toHaveLength(2);
    const spent = errors.map((error) => (error as ChatUnavailable).spent.failures.length);
    expect(spent.sort((one, other) => one - other)).toEqual([0, 2]);
  });
});

describe("an outage is never taken for an objection to the form", () => {
  test.each<[string, Answer]>([
    ["429", refusal(429, "Rate limit reached")],
    ["500", serverError()],
    ["502 that talks of a schema", refusal(502, "upstream failed: schema registry is down")],
    ["503", serverError(503)],
    ["a reset", resetConnection("at once")],
    ["no answer", stalledHeaders()],
    ["a greeting that broke off", chat("Hello! How can", { finishReason: "error" })],
    ["an aborted greeting", chat("Hello! How can", { finishReason: "abort" })],
    ["an error with success", json(200, { choices: [], error: { message: "gone" } })],
  ])("%s: asked again on the same output mode", async (_name, answer) => {
    const { server, reply } = await open(
      (kind, _request, index) => (index === 0 ? answer : kind.startsWith("probe") ? honoured : real),
      { timeoutSeconds: 0.5 },
    );
    const read = await reply({ schema });
    expect(read.outputMode).toBe("json-schema");
    expect(read.failures).toHaveLength(1);
    expect(server.requests.map(kindOf)).toEqual([
      "probe json_schema",
      "probe json_schema",
      "real json_schema",
    ]);
  });

  test.each<[number, string]>([
    [401, "refuses the key"],
    [403, "does not let"],
    [404, "has no model"],
    [402, "out of credit"],
  ])("%i ends it at once", async (status, words) => {
    const { server, failure } = await open(() => refusal(status, "no"));
    expect((await failure({ schema })).message).toContain(words);
    expect(server.requests).toHaveLength(1);
  });

  test("a refusal of something else that is named ends it at once", async () => {
    const { server, failure } = await open(
      () => json(400, { error: { message: "Invalid value for 'top_k'", param: "top_k" } }),
      { extraBody: { top_k: 0 } },
    );
    expect((await failure({ schema })).message).toContain("top_k");
    expect(server.requests).toHaveLength(1);
  });

  test("the next reply reports what was found out before a call failed", async () => {
    let isDown = true;
    const { reply, failure } = await open(
      (kind) => (kind.startsWith("probe") ? honoured : isDown ? serverError() : real),
      { retries: 1 },
    );
    await failure({ schema });
    isDown = false;
    expect((await reply()).probes?.map(({ finding }) => finding)).toEqual(["honoured"]);
    expect(await reply({ schema })).not.toHaveProperty("probes");
  });
});

describe("a real request that is refused", () => {
  const tooComplex = refusal(400, "Invalid schema for response_format: enum is not supported");

  test("goes down an output mode, says so, and is remembered once it works", async () => {
    const { server, reply } = await open((kind) =>
      kind === "real json_schema" ? tooComplex : kind.startsWith("probe") ? honoured : real,
    );
    const first = await reply({ schema });
    expect(first.outputMode).toBe("json-object");
    expect(first.probes?.map((each) => each.outputMode)).toEqual(["json-schema", "json-object"]);
    expect(first.notes?.join()).toContain("json-object");
    expect(first.notes?.join()).toContain("enum is not supported");
    const before = server.requests.length;
    const second = await reply({ schema });
    expect(second.outputMode).toBe("json-object");
    expect(second).not.toHaveProperty("notes");
    expect(server.requests.slice(before).map(kindOf)).toEqual(["real json_object"]);
  });

  test("on every output mode is reported as it was first refused, and nothing is remembered", async () => {
    const { server, failure } = await open((kind) =>
      kind === "probe json_schema"
        ? honoured
        : refusal(400, kind === "real json_schema" ? "the first reason" : "another reason"),
    );
    expect((await failure({ schema })).message).toContain("the first reason");
    const before = server.requests.length;
    await failure({ schema });
    expect(kindOf(server.requests[before] as ModelRequest)).toBe("probe json_schema");
  });

  test("a server that refuses everything is reported by its first words", async () => {
    const { failure } = await open((kind) => refusal(400, `no ${kind}`));
    expect((await failure({ schema })).message).toContain("no probe json_schema");
  });

  test.each([
    [
      "maximum context length",
      "This model's maximum context length is 4096 tokens. You requested 5000",
      "4096",
    ],
    ["llama.cpp", "request (913 tokens) exceeds the available context size (512 tokens)", "512"],
    ["Anthropic", "prompt is too long: 210000 tokens > 200000 maximum", "200000"],
  ])("as too long keeps its output mode and names the window: %s", async (_name, words, tokens) => {
    const { server, failure } = await open((kind) =>
      kind.startsWith("probe") ? honoured : refusal(400, words),
    );
    const { message } = await failure({ schema });
    expect(message).toContain(words);
    expect(message).toContain(`set model.contextTokens to ${tokens}`);
    expect(server.requests).toHaveLength(2);
  });

  test("a reply that is no JSON at all is noted, and the output mode stays", async () => {
    const { reply } = await open((kind) =>
      kind.startsWith("probe") ? honoured : chat("I would rather not."),
    );
    for (const _ of [1, 2]) {
      const { notes, outputMode } = await reply({ schema });
      expect(notes?.join()).toContain("asked for JSON as json-schema");
      expect(outputMode).toBe("json-schema");
    }
  });
});

describe("an output mode that is given", () => {
  test.each([
    ["json-schema", "real json_schema"],
    ["json-object", "real json_object"],
    ["text", "real text"],
  ] as const)("%s is used without a question, forced or known", async (outputMode, kind) => {
    for (const changed of [{ outputMode }, { known: outputMode }]) {
      const { server, reply, model } = await open(() => real, changed);
      const read = await reply({ schema });
      expect(read.outputMode).toBe(outputMode);
      expect(read).not.toHaveProperty("probes");
      expect(server.requests.map(kindOf)).toEqual([kind]);
      expect(await model.learn(new AbortController().signal)).toEqual({ outputMode, probes: [] });
    }
  });

  test("forced, is never left", async () => {
    const { server, failure } = await open(() => refusal(400, "no response_format here"), {
      outputMode: "json-schema",
    });
    expect((await failure({ schema })).message).toContain("no response_format here");
    expect(server.requests).toHaveLength(1);
  });

  test("known, is left when the server has changed", async () => {
    const { reply } = await open(
      (kind) =>
        kind.endsWith("json_schema") ? refusal(400, "gone") : kind.startsWith("probe") ? honoured : real,
      { known: "json-schema" },
    );
    expect((await reply({ schema })).outputMode).toBe("json-object");
  });

  test("is the user's own when the extra body holds a response_format", async () => {
    const own = { type: "regex", pattern: ".*" };
    const { server, reply } = await open(() => real, { extraBody: { response_format: own } });
    expect(await reply({ schema })).not.toHaveProperty("outputMode");
    expect(server.requests.map(({ body }) => body.response_format)).toEqual([own]);
  });
});

test("learning by itself tells the output mode and what it took, once", async () => {
  const { model, reply, server } = await open((kind) =>
    kind === "probe json_schema"
      ? refusal(400, `not with ${key}`)
      : kind.startsWith("probe")
        ? anObject
        : real,
  );
  const { outputMode, probes } = await model.learn(new AbortController().signal);
  expect(outputMode).toBe("json-object");
  expect(probes.map(({ words }) => words)).toEqual([
    "400: not with [key]",
    "the answer is JSON, but does not follow the schema sent with it",
  ]);
  expect(server.requests).toHaveLength(2);
  expect(await reply({ schema })).not.toHaveProperty("probes");
});
