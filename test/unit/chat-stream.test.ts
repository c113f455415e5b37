/** Replies that arrive as a stream: whole or not at all, bounded, and closed when they are given up. */
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { Interrupted } from "../../src/errors.ts";
import {
  type Answer,
  chat,
  htmlPage,
  json,
  type Piece,
  rateLimited,
  raw,
  stalledBody,
  streamed,
} from "../support/model-server.ts";
import { key, open as openAt } from "../support/open-chat.ts";

const open = (script: Parameters<typeof openAt>[0], changed = {}) =>
  openAt(script, { stream: true, ...changed });

const said = (content: string): Piece => ({ delta: { content } });
const stop: Piece = { finishReason: "stop" };
const usage: Piece = { rest: { usage: { prompt_tokens: 20, completion_tokens: 5 } } };
const whole = streamed([said("fi"), said("ne"), stop, usage]);

describe("a stream", () => {
  test("is asked for with its usage, and read to one reply", async () => {
    const lengths: number[] = [];
    const { server, reply } = await open([whole], { onText: (length: number) => lengths.push(length) });
    expect(await reply()).toEqual({
      failures: [],
      model: "tiny-1",
      content: "fine",
      reasoning: null,
      finishReason: "stop",
      inputTokens: 20,
      outputTokens: 5,
      seconds: 0,
    });
    expect(server.requests[0]?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(lengths).toEqual([2, 4]);
  });

  test.each(["reasoning_content", "reasoning"])("keeps thoughts in %s apart", async (field) => {
    const thoughts = ["H", "m."].map((text) => ({ delta: { [field]: text } }));
    const { reply } = await open([streamed([...thoughts, said("Yes."), stop])]);
    expect(await reply()).toMatchObject({ content: "Yes.", reasoning: "Hm.", inputTokens: null });
  });

  test("keeps thoughts in tags apart, wherever the tags are cut", async () => {
    const pieces = ["<thi", "nk>H", "m.</th", "ink>\n", "Yes."].map(said);
    const { reply } = await open([streamed([...pieces, stop])]);
    expect(await reply()).toMatchObject({ content: "Yes.", reasoning: "Hm." });
  });

  test("holds its answer wherever it came, and a refusal in pieces", async () => {
    const apart = ["Wid", "en it."].map((text) => ({ delta: { reasoning_content: text } }));
    const refusal = ["I can", "not."].map((text) => ({ delta: { refusal: text } }));
    const { reply } = await open([streamed([...apart, stop]), streamed([...refusal, stop])], {
      extraBody: { chat_template_kwargs: { enable_thinking: false } },
    });
    expect(await reply()).toMatchObject({ content: "Widen it.", reasoning: null });
    expect((await reply()).unanswered?.words).toBe("the model refuses to answer (I cannot.)");
  });

  const told = { prompt_tokens: 20, completion_tokens: 5 };
  test.each<[string, readonly Piece[]]>([
    ["in a last piece without a choice", [said("fine"), stop, { rest: { usage: told } }]],
    [
      "so far in every piece",
      [said("fi"), said("ne"), stop].map((piece, at) => ({
        ...piece,
        rest: { usage: { ...told, completion_tokens: 1 + 2 * at } },
      })),
    ],
    [
      "the prompt first and the rest later",
      [
        { ...said("fine"), rest: { usage: { prompt_tokens: 20, completion_tokens: 0 } } },
        { ...stop, rest: { usage: { prompt_tokens: 0, completion_tokens: 5 } } },
      ],
    ],
    ["and then an empty count", [said("fine"), { ...stop, rest: { usage: told } }, { rest: { usage: {} } }]],
    [
      "in the choice",
      [said("fine"), { rest: { choices: [{ delta: {}, finish_reason: "stop", usage: told }] } }],
    ],
    ["in a member of Groq's own", [said("fine"), { ...stop, rest: { x_groq: { usage: told } } }]],
  ])("counts its tokens wherever they are told: %s", async (_name, pieces) => {
    const { reply } = await open([streamed(pieces)]);
    expect(await reply()).toMatchObject({ content: "fine", inputTokens: 20, outputTokens: 5 });
  });

  test("holds no key", async () => {
    const { reply } = await open([streamed([said(key.slice(0, 8)), said(key.slice(8)), stop])]);
    expect((await reply()).content).toBe("[key]");
  });

  test.each<[string, Answer]>([
    ["a mark of its end, and no reason", streamed([said("fine")], "done")],
    ["a reason, and no mark", streamed([said("fine"), stop], "closed")],
    ["a reason, and then a reset", streamed([said("fine"), stop], "reset")],
  ])("is whole with %s", async (_name, answer) => {
    const { server, reply } = await open([answer]);
    expect((await reply()).content).toBe("fine");
    expect(server.requests).toHaveLength(1);
  });

  test.each<[string, Answer, string]>([
    ["closed in the middle", streamed([said("fi")], "closed"), "broke off the reply"],
    ["reset in the middle", streamed([said("fi")], "reset"), "broke off the connection"],
    [
      "ended by an error",
      streamed([said("fi"), { rest: { error: { message: `overloaded ${key}` } } }]),
      "(overloaded [key])",
    ],
    [
      "of broken JSON",
      raw(200, 'data: {"choices": [\n\n', { "content-type": "text/event-stream" }),
      "broken",
    ],
    ["that says it broke off", streamed([said("fi"), { finishReason: "error" }, usage]), '"error"'],
    ["that is aborted", streamed([said("fi"), { finishReason: "abort" }]), '"abort"'],
    [
      "with an error beside its last piece",
      streamed([
        { delta: { content: "fi" }, finishReason: "error", rest: { error: { code: 502, message: "gone" } } },
      ]),
      "(gone)",
    ],
    [
      "with an error in its last choice",
      streamed([
        said("fi"),
        { rest: { choices: [{ delta: {}, finish_reason: "stop", error: { message: "gone" } }] } },
      ]),
      "(gone)",
    ],
    [
      "with an error after its reason",
      streamed([said("fi"), stop, { rest: { error: { message: "gone" } } }]),
      "(gone)",
    ],
    [
      "with an error that stands by itself",
      streamed([said("fi"), { rest: { object: "error", message: "gone", code: 500 } }]),
      "(gone)",
    ],
    [
      'that writes "null" for no reason, and is closed in the middle',
      streamed([{ delta: { content: "fi" }, finishReason: "null" }], "closed"),
      "broke off the reply",
    ],
    ["without a single choice", streamed([usage]), "without a single choice"],
    ["empty", streamed([], "closed"), "broke off the reply"],
    ["that is none", htmlPage(), "an HTML page"],
  ])("%s is no reply: it is asked for again, and may have cost something", async (name, answer, words) => {
    const printed = ["log", "warn", "error"].map((method) => vi.spyOn(console, method as "log"));
    const { reply, retried } = await open([answer, whole]);
    const { content, failures, billedFailures } = await reply();
    expect(content).toBe("fine");
    expect(failures).toHaveLength(1);
    expect(retried.join()).toContain(words);
    expect(billedFailures).toBe(name === "that is none" ? undefined : 1);
    expect(printed.flatMap((each) => each.mock.calls)).toEqual([]);
  });

  test("text that looks like the mark of the end is text", async () => {
    const { failure } = await open([streamed([said("data: [DONE]\n\ndata: [DONE]")], "closed")], {
      retries: 0,
    });
    expect((await failure()).message).toContain("broke off the reply");
  });

  test("a server that answers with a plain completion is read as such", async () => {
    const { reply } = await open([chat("fine")]);
    expect((await reply()).content).toBe("fine");
  });

  test("a refusal is read as ever", async () => {
    const { reply, clock } = await open([rateLimited({ "retry-after": "7" }), whole]);
    expect((await reply()).content).toBe("fine");
    expect(clock.slept).toEqual([7]);
  });

  test("that was not asked for is read all the same", async () => {
    const { reply } = await openAt([whole]);
    expect((await reply()).content).toBe("fine");
  });

  test("of half a million pieces is read", async () => {
    const answer: Answer = (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n'.repeat(300_000));
      response.end('data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
    };
    const { reply } = await open([answer]);
    expect((await reply()).content).toHaveLength(300_000);
  }, 60_000);
});

describe("a stream without end", () => {
  test("is left once it is too long", async () => {
    const event = `data: {"choices":[{"delta":{"content":"${"x".repeat(64 * 1024)}"}}]}\n\n`;
    const answer: Answer = async (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      while (!response.destroyed) {
        response.write(event);
        await wait(0);
      }
    };
    const { server, failure } = await open([answer]);
    expect((await failure()).message).toContain("more than 16 MB");
    const { whole: isWhole, bytes } = (await server.requests[0]?.over) ?? { whole: true, bytes: 0 };
    expect(isWhole).toBe(false);
    expect(bytes).toBeLessThan(40 * 1024 * 1024);
  });

  test("is given up when time is up, however busy it is", async () => {
    const answer: Answer = async (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      while (!response.destroyed) {
        response.write(": still there\n\n");
        await wait(20);
      }
    };
    const { server, reply, retried } = await open([answer, whole], { timeoutSeconds: 0.5 });
    expect((await reply()).billedFailures).toBe(1);
    expect(retried[0]).toContain("no whole reply within 0.5 s");
    expect(await server.requests[0]?.over).toMatchObject({ whole: false });
  });
});

describe("silence", () => {
  test.each<[string, Answer, boolean]>([
    ["in a stream", streamed([said("fi")], "stalled"), true],
    ["in a plain body", stalledBody(), false],
  ])("%s is given up and closed", async (_name, stalled, stream) => {
    const { server, reply, retried } = await open([stalled, stream ? whole : chat("fine")], {
      stream,
      idleSeconds: 0.3,
    });
    const { content, billedFailures } = await reply();
    expect(content).toBe("fine");
    expect(billedFailures).toBe(1);
    expect(retried[0]).toContain("was silent for 0.3 s");
    expect(await server.requests[0]?.over).toMatchObject({ whole: false });
  });

  test("is no matter while an answer has not begun, nor between signs of life", async () => {
    const slow: Answer = async (response) => {
      await wait(600);
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let count = 0; count < 8; count++) {
        response.write(": thinking\n\n");
        await wait(100);
      }
      response.end('data: {"choices":[{"delta":{"content":"fine"},"finish_reason":"stop"}]}\n\n');
    };
    const { reply } = await open([slow], { idleSeconds: 0.4 });
    expect(await reply()).toMatchObject({ content: "fine", failures: [] });
  });
});

test("an interruption in a stream closes the connection and is no reply", async () => {
  const { server, reply } = await open([streamed([said("fi")], "stalled")]);
  const controller = new AbortController();
  const outcome = reply({}, controller.signal).catch((error: unknown) => error);
  await vi.waitFor(() => expect(server.requests).toHaveLength(1), 10_000);
  await wait(300);
  controller.abort();
  expect(await outcome).toBeInstanceOf(Interrupted);
  expect(await server.requests[0]?.over).toMatchObject({ whole: false });
});

test("stream_options that a server does not take are left out", async () => {
  const { server, reply } = await open([
    json(400, { error: { message: "Unrecognized request argument supplied: stream_options", param: null } }),
    streamed([said("fine"), stop]),
  ]);
  expect((await reply()).notes?.join()).toContain("stream_options");
  expect(server.requests[1]?.body).not.toHaveProperty("stream_options");
  expect(server.requests[1]?.body.stream).toBe(true);
});
