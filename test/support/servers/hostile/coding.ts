/** Whole HTTP with a body in a wrong coding: compressed, in another form, cut, or no JSON. */
import { gzipSync } from "node:zlib";
import { type Answer } from "../../model-server.ts";
import { bytes, goodBytes, goodText, megabyte, type Row, typed, words } from "./parts.ts";

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

function deep(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

export const coded: readonly Row[] = [
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
