/** Bad HTTP: statuses, headers, lengths, connections. */
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { type Answer, chat, hugeBody, json, raw, resetConnection } from "../../model-server.ts";
import { bytes, goodBytes, goodText, type Hostility, megabyte, type Row, typed, words } from "./parts.ts";

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

function statuses(ends: Hostility["ends"], numbers: readonly number[]): Row[] {
  return numbers.map((number) => [`status ${number}`, ends, json(number, { detail: `status ${number}` })]);
}

export const http: readonly Row[] = [
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
