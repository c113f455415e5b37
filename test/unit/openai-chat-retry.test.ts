/**
 * When the model adapter asks again, how long it waits, and what it names when it gives up.
 *
 * Waits between attempts go through a clock that records them and returns at once.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, onTestFinished, test } from "vitest";
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
import { good, key, open } from "../support/open-chat.ts";

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
