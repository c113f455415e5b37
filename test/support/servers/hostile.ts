/**
 * A server that answers in every bad way that anybody has thought of: broken HTTP, broken JSON, and whole JSON that says
 * strange things.
 *
 * Owns the ways, each with a name and, where nothing else would be right, what has to come of it. Knows no client.
 */
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { type Answer, chat, hugeBody, json, raw, resetConnection } from "../model-server.ts";

export interface Hostility {
  readonly name: string;
  /** What has to come of it where free text was asked for; null: an error and a reply are both right. */
  readonly ends: "reply" | "error" | null;
  readonly answer: Answer;
  /** Whether nothing but running out of time ends it. */
  readonly stalls?: true;
  /** The most bytes that the server may get rid of in one attempt. */
  readonly mostBytes?: number;
}

/** The words of every answer that can be read. */
export const words = "Widen the early slots first, then deepen the late ones.";

// ----- Parts -----

const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

/** A good completion, with members of the whole replaced. */
function completion(changed: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_760_000_000,
    model: "some-model",
    choices: [{ index: 0, message: { role: "assistant", content: words }, finish_reason: "stop" }],
    usage,
    ...changed,
  };
}

const goodText = JSON.stringify(completion());
const goodBytes = Buffer.byteLength(goodText);

/** A good completion with another message. */
function message(changed: unknown, finish_reason: unknown = "stop"): Answer {
  return json(200, completion({ choices: [{ index: 0, message: changed, finish_reason }] }));
}

/** Bytes on the wire as they are; then the connection is closed unless it is to stay open. */
function wire(bytes: string | Buffer, after: "close" | "stay" = "close"): Answer {
  return ({ socket }) => {
    socket?.on("error", () => {});
    if (after === "stay") socket?.write(bytes);
    else socket?.end(bytes);
  };
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/** A piece again and again until the client leaves. */
function endless(begin: string, piece: string, pauseMs = 0): Answer {
  return async ({ socket }) => {
    if (socket === null) return;
    let isGone = false;
    socket.on("error", () => {}).on("close", () => (isGone = true));
    socket.write(begin);
    while (!isGone) {
      if (!socket.write(piece) && pauseMs === 0)
        // A client that leaves may show as an error before it shows as a close.
        await Promise.race([once(socket, "drain"), once(socket, "close")]).catch(() => {});
      await wait(pauseMs);
    }
  };
}

function bytes(status: number, body: Buffer | string, headers: Readonly<Record<string, string>>): Answer {
  return (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

const typed = { "content-type": "application/json" };

function events(...lines: readonly string[]): Answer {
  return bytes(200, lines.map((line) => `data: ${line}\n\n`).join(""), {
    "content-type": "text/event-stream",
  });
}

function chunk(delta: unknown, finish_reason: string | null = null): string {
  return JSON.stringify({
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason }],
  });
}

/** An error that quotes the key in a way of its own. */
function echo(status: number, form: (key: string) => string): Answer {
  return (response, request) => {
    const key = (request.headers.authorization ?? "").replace("Bearer ", "");
    const quoted = form(key);
    json(
      status,
      { error: { message: `Not with ${quoted}`, code: quoted, [quoted]: quoted } },
      {
        "x-echo": encodeURIComponent(quoted),
      },
    )(response, request);
  };
}

/** A reply that quotes the key wherever a text may stand. */
function echoReply(form: (key: string) => string): Answer {
  return (response, request) => {
    const quoted = form((request.headers.authorization ?? "").replace("Bearer ", ""));
    json(
      200,
      completion({
        model: quoted,
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: `${words} ${quoted}`, reasoning: quoted },
            finish_reason: quoted,
          },
        ],
      }),
    )(response, request);
  };
}

/** Text in which each character is written as an escape of JSON. */
function escaped(text: string): string {
  return Array.from(text, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}

function deep(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

const megabyte = "x".repeat(1024 * 1024);

type Ends = Hostility["ends"];
type Row = readonly [
  name: string,
  ends: Ends,
  answer: Answer,
  rest?: Pick<Hostility, "stalls" | "mostBytes">,
];

function statuses(ends: Ends, numbers: readonly number[]): Row[] {
  return numbers.map((number) => [`status ${number}`, ends, json(number, { detail: `status ${number}` })]);
}

// ----- The ways -----

const http: readonly Row[] = [
  ...statuses(
    "error",
    [400, 402, 403, 404, 405, 406, 408, 409, 410, 411, 413, 415, 418, 422, 423, 424, 425, 426, 431, 451],
  ),
  ...statuses("error", [500, 501, 502, 503, 504, 505, 507, 511, 520, 529, 599, 600, 777, 999]),
  ["status 204", "error", bytes(204, "", {})],
  ["status 205", "error", bytes(205, "", {})],
  [
    "status 206 with the first half",
    "error",
    bytes(206, goodText.slice(0, 80), { ...typed, "content-range": `bytes 0-79/${goodBytes}` }),
  ],
  ["status 304", "error", bytes(304, "", {})],
  [
    "a redirect to itself",
    "error",
    (response, request) => raw(307, "", { location: request.path })(response, request),
  ],
  ["a redirect to nowhere", "error", bytes(302, "", {})],
  ["a redirect to a file", "error", bytes(301, "", { location: "file:///etc/passwd" })],
  ["a redirect to no address", "error", bytes(308, "", { location: "http://[" })],
  ["an answer of 300", "error", json(300, { choices: [] })],
  [
    "a page of a proxy",
    "error",
    bytes(502, "<html>\r\n<head><title>502 Bad Gateway</title></head></html>", {
      "content-type": "text/html",
    }),
  ],
  [
    "a page where a reply belongs",
    "error",
    bytes(200, "<!doctype html><title>Sign in</title>", { "content-type": "text/html" }),
  ],
  ["a page that calls itself JSON", "error", bytes(200, "<!doctype html><title>Sign in</title>", typed)],
  ["429 without a word", "error", bytes(429, "", {})],
  ["429 with a Retry-After of words", "error", json(429, {}, { "retry-after": "soon, I hope" })],
  ["429 with a negative Retry-After", "error", json(429, {}, { "retry-after": "-5" })],
  [
    "429 with a Retry-After of yesterday",
    "error",
    json(429, {}, { "retry-after": "Tue, 24 Nov 2020 00:00:00 GMT" }),
  ],
  ["429 with a Retry-After without end", "error", json(429, {}, { "retry-after": "9".repeat(400) })],
  ["429 with an empty retry-after-ms", "error", json(429, {}, { "retry-after-ms": "", "retry-after": "" })],
  ["an empty body", "error", bytes(200, "", typed)],
  ["an empty body without a type", "error", bytes(200, "", {})],
  ["only white space", "error", bytes(200, " \r\n\t ", typed)],
  [
    "100 Continue first",
    "reply",
    (response, request) => {
      response.writeContinue();
      return chat(words)(response, request);
    },
  ],
  [
    "early hints first",
    "reply",
    (response, request) => {
      response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
      return chat(words)(response, request);
    },
  ],
  [
    "102 Processing without end",
    "error",
    endless("", "HTTP/1.1 102 Processing\r\n\r\n", 5),
    { stalls: true },
  ],
  [
    "101 Switching Protocols unasked",
    "error",
    wire("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "stay"),
    { stalls: true },
  ],
  [
    "HTTP/1.0 without a length",
    "reply",
    wire(`HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n${goodText}`),
  ],
  ["HTTP/0.9", "error", wire(goodText)],
  ["HTTP/3.7", null, wire(`HTTP/3.7 200 OK\r\n\r\n${goodText}`)],
  ["another protocol", "error", wire("SSH-2.0-OpenSSH_9.6\r\n")],
  ["TLS where none is", "error", wire(Buffer.from("15030100020228", "hex"))],
  ["a status of letters", "error", wire("HTTP/1.1 okay fine\r\n\r\n")],
  ["random bytes", "error", wire(Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7919) % 251)))],
  ["a length too small", null, wire(`${head}Content-Length: 60\r\n\r\n${goodText}`)],
  [
    "garbage behind the body",
    null,
    wire(`${head}Content-Length: ${goodBytes}\r\n\r\n${goodText}HTTP/1.1 nonsense\0\0`),
  ],
  ["a length too large", "error", wire(`${head}Content-Length: ${goodBytes + 50}\r\n\r\n${goodText}`)],
  [
    "a length too large, and then silence",
    "error",
    wire(`${head}Content-Length: ${goodBytes + 50}\r\n\r\n${goodText}`, "stay"),
    { stalls: true },
  ],
  ["a negative length", "error", wire(`${head}Content-Length: -1\r\n\r\n${goodText}`)],
  ["a length of words", "error", wire(`${head}Content-Length: a lot\r\n\r\n${goodText}`)],
  ["two lengths", null, wire(`${head}Content-Length: ${goodBytes}\r\nContent-Length: 3\r\n\r\n${goodText}`)],
  [
    "a length and chunks",
    null,
    wire(
      `${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${goodBytes.toString(16)}\r\n${goodText}\r\n0\r\n\r\n`,
    ),
  ],
  [
    "chunks that are cut off",
    "error",
    wire(`${head}Transfer-Encoding: chunked\r\n\r\n${goodBytes.toString(16)}\r\n${goodText.slice(0, 40)}`),
  ],
  [
    "chunks without the last one",
    "error",
    wire(`${head}Transfer-Encoding: chunked\r\n\r\n${goodBytes.toString(16)}\r\n${goodText}\r\n`),
  ],
  [
    "chunks of a strange length",
    "error",
    wire(`${head}Transfer-Encoding: chunked\r\n\r\nzzz\r\n${goodText}\r\n0\r\n\r\n`),
  ],
  [
    "a header without a colon",
    null,
    wire(`${head}this is no header\r\nContent-Length: ${goodBytes}\r\n\r\n${goodText}`),
  ],
  [
    "a header with zero bytes",
    null,
    wire(`${head}X-Zero: a\0b\r\nContent-Length: ${goodBytes}\r\n\r\n${goodText}`),
  ],
  [
    "a header beyond ASCII",
    null,
    wire(Buffer.from(`${head}X-Odd: \u00e9\u4e16\r\nContent-Length: ${goodBytes}\r\n\r\n${goodText}`)),
  ],
  [
    "a header of a megabyte",
    "error",
    wire(`${head}X-Long: ${megabyte}\r\nContent-Length: ${goodBytes}\r\n\r\n${goodText}`),
  ],
  [
    "a thousand cookies",
    null,
    wire(`${head}${"Set-Cookie: a=b\r\n".repeat(1000)}Content-Length: ${goodBytes}\r\n\r\n${goodText}`),
  ],
  [
    "headers without end",
    "error",
    endless(head, `X-More: ${"y".repeat(1000)}\r\n`),
    { mostBytes: 16 * 1024 * 1024 },
  ],
  ["a header one byte at a time", "error", endless(`${head}X-Slow: `, "z", 20), { stalls: true }],
  [
    "a body one byte at a time",
    "error",
    endless(`${head}Content-Length: 100000\r\n\r\n{"choices": "`, "z", 20),
    { stalls: true },
  ],
  ["silence", "error", () => {}, { stalls: true }],
  ["headers and silence", "error", wire(`${head}Content-Length: 10\r\n\r\n`, "stay"), { stalls: true }],
  [
    "half a reply and silence",
    "error",
    wire(`${head}Content-Length: ${goodBytes}\r\n\r\n${goodText.slice(0, 60)}`, "stay"),
    { stalls: true },
  ],
  ["a closed connection", "error", wire("")],
  ["a connection closed within the headers", "error", wire(head)],
  ["a reset at once", "error", resetConnection("at once")],
  ["a reset in the body", "error", resetConnection("in the body")],
  ["50 MB, announced", "error", hugeBody(50 * 1024 * 1024, "announced"), { mostBytes: 24 * 1024 * 1024 }],
  ["50 MB in chunks", "error", hugeBody(50 * 1024 * 1024, "chunked"), { mostBytes: 40 * 1024 * 1024 }],
  [
    "a body without end",
    "error",
    endless(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"choices": "`, "y".repeat(65_536)),
    { mostBytes: 40 * 1024 * 1024 },
  ],
  [
    "an error without end",
    "error",
    endless(`HTTP/1.1 500 Oh\r\nContent-Type: application/json\r\n\r\n{"error": "`, "y".repeat(65_536)),
    { mostBytes: 40 * 1024 * 1024 },
  ],
];

const coded: readonly Row[] = [
  ["gzip unasked", "reply", bytes(200, gzipSync(goodText), { ...typed, "content-encoding": "gzip" })],
  ["gzip that says nothing of it", "error", bytes(200, gzipSync(goodText), typed)],
  ["gzip in name only", "error", bytes(200, goodText, { ...typed, "content-encoding": "gzip" })],
  [
    "a gzip bomb",
    "error",
    bytes(200, gzipSync(Buffer.alloc(64 * 1024 * 1024)), { ...typed, "content-encoding": "gzip" }),
  ],
  [
    "a gzip bomb that says nothing of it",
    "error",
    bytes(200, gzipSync(Buffer.alloc(64 * 1024 * 1024)), typed),
  ],
  ["an unknown encoding", "error", bytes(200, goodText, { ...typed, "content-encoding": "br, zstd, magic" })],
  ["JSON that calls itself a page", "reply", bytes(200, goodText, { "content-type": "text/html" })],
  ["JSON that calls itself nothing", "reply", bytes(200, goodText, {})],
  ["JSON that calls itself a picture", "reply", bytes(200, goodText, { "content-type": "image/png" })],
  ["JSON with a type of garbage", "reply", bytes(200, goodText, { "content-type": ";;;=,/" })],
  [
    "UTF-16",
    null,
    bytes(200, Buffer.from(`\ufeff${goodText}`, "utf16le"), {
      "content-type": "application/json; charset=utf-16",
    }),
  ],
  ["a byte order mark", "reply", bytes(200, `\ufeff${goodText}`, typed)],
  [
    "bytes that are no UTF-8",
    "reply",
    bytes(200, Buffer.from(goodText.replace("early", "\u00ff\u00fe\u00c0"), "latin1"), typed),
  ],
  ["events unasked", null, events(chunk({ role: "assistant", content: words }), chunk({}, "stop"), "[DONE]")],
  ["an error as an event", "error", events(JSON.stringify({ error: { message: "CUDA out of memory" } }))],
  ["events that are cut off", null, events(chunk({ content: words.slice(0, 9) }))],
  ["events of garbage", "error", events("{", "null", "[]", "[DONE]")],
  ["only [DONE]", "error", events("[DONE]")],
  [
    "only comments of an event stream",
    "error",
    bytes(200, ": ping\n\n".repeat(50), { "content-type": "text/event-stream" }),
  ],
  ["an event of a megabyte", null, events(chunk({ content: megabyte }), "[DONE]")],
  [
    "one JSON object a line",
    "error",
    bytes(200, `${goodText}\n${goodText}\n`, { "content-type": "application/x-ndjson" }),
  ],
  ["XML", "error", bytes(200, "<?xml version='1.0'?><choices/>", { "content-type": "application/xml" })],
  ["JSON cut in half", "error", bytes(200, goodText.slice(0, goodBytes / 2), typed)],
  ["JSON twice", "error", bytes(200, goodText + goodText, typed)],
  ["JSON with a comment", "error", bytes(200, `// hello\n${goodText}`, typed)],
  ["JSON with NaN", "error", bytes(200, goodText.replace("11", "NaN"), typed)],
  ["JSON in single quotes", "error", bytes(200, goodText.replaceAll('"', "'"), typed)],
  ["JSON with members twice", null, bytes(200, goodText.replace("{", '{"choices": 3,'), typed)],
  ["100,000 brackets", "error", bytes(200, deep(100_000), typed)],
  ["100,000 brackets unclosed", "error", bytes(200, "[".repeat(100_000), typed)],
  [
    "100,000 brackets beside a reply",
    null,
    bytes(200, goodText.replace("{", `{"extra": ${deep(100_000)},`), typed),
  ],
  ["100,000 brackets as an error", "error", bytes(400, `{"error": ${deep(100_000)}}`, typed)],
];

const content: readonly Row[] = [
  ...([null, true, 7, "text", [], {}, [[]]] as const).map(
    (value): Row => [`the JSON ${JSON.stringify(value)}`, "error", json(200, value)],
  ),
  ...([null, "text", 3, {}, [], [null], ["text"], [3], [[]], [{}]] as const).map(
    (choices): Row => [
      `choices that are ${JSON.stringify(choices)}`,
      Array.isArray(choices) && choices.length > 0 ? null : "error",
      json(200, completion({ choices })),
    ],
  ),
  ...([null, "text", 3, [], {}] as const).map(
    (value): Row => [`a message that is ${JSON.stringify(value)}`, null, message(value)],
  ),
  ...([undefined, null, 3, true, {}, [], [null, 3, "text"], { text: "text" }] as const).map(
    (value): Row => [
      `content that is ${JSON.stringify(value) ?? "missing"}`,
      null,
      message({ role: "assistant", content: value }),
    ],
  ),
  [
    "content in parts",
    "reply",
    message({ content: [{ type: "text", text: words }, { type: "image_url" }, null] }),
  ],
  ["empty content", null, message({ content: "" })],
  ["content of spaces", null, message({ content: " \n".repeat(500) })],
  ["content of a megabyte", "reply", message({ content: megabyte })],
  ["content of zero bytes and escapes", "reply", message({ content: `\0\u001b[2J\u0007${words}\u2028` })],
  ["half of a surrogate pair", "reply", bytes(200, goodText.replace("early", "\\ud800 early"), typed)],
  ["a thought that never ends", null, message({ content: `<think>${megabyte}` })],
  ["thoughts within thoughts", null, message({ content: `${"<think>".repeat(20_000)}${words}` })],
  ["thoughts closed again and again", null, message({ content: `${"</think>".repeat(20_000)}${words}` })],
  ["a thought and nothing else", null, message({ content: "<think>Hm.</think>" })],
  ["only thoughts apart", null, message({ content: null, reasoning_content: "Hm." })],
  ["thoughts that are no text", "reply", message({ content: words, reasoning: 3, reasoning_content: [{}] })],
  ["a refusal", "reply", message({ content: null, refusal: "I cannot help with that." })],
  [
    "a call of tools",
    null,
    message(
      { content: null, tool_calls: [{ id: "1", function: { name: "f", arguments: "{" } }] },
      "tool_calls",
    ),
  ],
  ["a call of a function of old", null, message({ function_call: "yes" }, "function_call")],
  ["audio", null, message({ content: null, audio: { data: "AAAA" } })],
  ...([null, undefined, 3, {}, [], "", "no such reason", megabyte] as const).map(
    (reason, at): Row => [`finish reason ${at}`, "reply", message({ content: words }, reason)],
  ),
  ...(["error", "abort", "insufficient_system_resource", "MALFORMED_FUNCTION_CALL"] as const).map(
    (reason): Row => [`broken off: ${reason}`, "error", message({ content: words }, reason)],
  ),
  [
    "an error in the choice",
    "error",
    json(200, completion({ choices: [{ message: { content: words }, error: "gone" }] })),
  ],
  ["an error beside the choice", "error", json(200, completion({ error: { message: "gone" } }))],
  ["cut by the length limit", "reply", message({ content: words }, "length")],
  ["cut by a filter", "reply", message({ content: null }, "content_filter")],
  ...(
    [
      null,
      "many",
      [],
      { prompt_tokens: -5, completion_tokens: -7 },
      { prompt_tokens: 1e300, completion_tokens: 1e300 },
      { prompt_tokens: 0.5, completion_tokens: "7" },
      { prompt_tokens: null, completion_tokens: {} },
      { prompt_tokens: 2 ** 53, completion_tokens: 7 },
      { ...usage, prompt_tokens_details: 3, completion_tokens_details: { reasoning_tokens: -1 } },
      { ...usage, prompt_tokens_details: { cached_tokens: 1e9 }, completion_tokens_details: [] },
      { ...usage, prompt_cache_hit_tokens: "all", completion_tokens_details: { reasoning_tokens: 1e9 } },
    ] as const
  ).map((value, at): Row => [`usage of garbage ${at}`, "reply", json(200, completion({ usage: value }))]),
  ["a model's name of a megabyte", "reply", json(200, completion({ model: megabyte }))],
  ["a model's name that is none", "reply", json(200, completion({ model: { name: "x" } }))],
  ["a model's name of several lines", "reply", json(200, completion({ model: "a\r\nb\u001b[31m" }))],
  ["ids and times of garbage", "reply", json(200, completion({ id: {}, object: 3, created: "today" }))],
  [
    "ten choices",
    "reply",
    json(
      200,
      completion({
        choices: Array.from({ length: 10 }, (_, index) => ({ index, message: { content: words } })),
      }),
    ),
  ],
  ["a choice with text of old", null, json(200, completion({ choices: [{ text: words }] }))],
  [
    "members named __proto__",
    "reply",
    bytes(
      200,
      goodText.replaceAll(
        "{",
        '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}},',
      ),
      typed,
    ),
  ],
  ["a whole that has only __proto__", "error", bytes(200, `{"__proto__": ${goodText}}`, typed)],
  [
    "toString and toJSON as members",
    null,
    message({ content: words, toString: 3, toJSON: 4, valueOf: null }),
  ],
  ["an error with success", "error", json(200, { error: { message: "out of memory", code: 500 } })],
  ["an error of text with success", "error", json(200, { error: "out of memory" })],
  ["an error of nothing beside a reply", "reply", json(200, completion({ error: null }))],
  ["an error without words", "error", json(400, { error: {} })],
  [
    "an error of several lines",
    "error",
    json(400, { error: { message: "one\r\ntwo\n\u001b[31mthree\u0007\u2028four" } }),
  ],
  ["an error of a megabyte", "error", json(400, { error: { message: megabyte } })],
  [
    "an error in a list",
    "error",
    json(400, [{ error: { code: 400, message: "one", status: "INVALID_ARGUMENT" } }]),
  ],
  ["an error that is a number", "error", json(400, { error: 42 })],
  ["an error that is true", "error", json(500, { error: true })],
  [
    "an error with a message in a message",
    "error",
    json(400, { error: { message: { message: { message: "deep" } } } }),
  ],
  [
    "an error that names every member",
    "error",
    json(400, {
      error: {
        message: "model, messages, seed, temperature, max_tokens, response_format, stream are unknown",
      },
    }),
  ],
  [
    "an error that names no member there is",
    "error",
    json(400, {
      error: { message: "Unsupported parameter: 'wings'", param: "wings", code: "unsupported_parameter" },
    }),
  ],
  [
    "an error that wants another member again and again",
    "error",
    json(400, {
      error: {
        message: "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
        param: "max_tokens",
      },
    }),
  ],
  [
    "an error that wants messages gone",
    "error",
    json(400, {
      error: {
        message: "Unsupported parameter: 'messages'",
        param: "messages",
        code: "unsupported_parameter",
      },
    }),
  ],
];

const secrets: readonly Row[] = [
  ["an error that quotes the key", "error", echo(401, (key) => key)],
  ["an error that quotes the key in percents", "error", echo(400, encodeURIComponent)],
  ["an error that quotes the key as JSON", "error", echo(500, (key) => JSON.stringify(key))],
  [
    "an error that quotes the key in Base64",
    "error",
    echo(403, (key) => Buffer.from(key).toString("base64")),
  ],
  [
    "an error that quotes the key as its text",
    "error",
    (response, request) =>
      bytes(500, `Bearer ${request.headers.authorization}`, { "content-type": "text/plain" })(
        response,
        request,
      ),
  ],
  [
    "an error that quotes the key in escapes",
    "error",
    (response, request) =>
      bytes(
        400,
        `{"error": {"message": "${escaped(request.headers.authorization ?? "")}"}}`,
        typed,
      )(response, request),
  ],
  ["a reply that quotes the key", "reply", echoReply((key) => key)],
  ["a reply that quotes the key in percents", "reply", echoReply(encodeURIComponent)],
  ["a reply that quotes the key as JSON", "reply", echoReply((key) => JSON.stringify(key))],
  ["a reply that quotes the key in Base64", "reply", echoReply((key) => Buffer.from(key).toString("base64"))],
  [
    "a redirect that quotes the key",
    "error",
    (response, request) =>
      bytes(302, "", {
        location: `http://127.0.0.1/${encodeURIComponent(request.headers.authorization ?? "")}/v1/chat/completions`,
      })(response, request),
  ],
];

/** Every way there is; no two have the same name. */
export const hostilities: readonly Hostility[] = [...http, ...coded, ...content, ...secrets].map(
  ([name, ends, answer, rest = {}]) => ({ name, ends, answer, ...rest }),
);
