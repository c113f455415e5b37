/** Answers that a server or a proxy compresses although nobody asked for that: read, bounded, or told. */
import { setTimeout as wait } from "node:timers/promises";
import { brotliCompressSync, constants, createGzip, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Answer } from "../support/model-server.ts";
import { good, open } from "../support/open-chat.ts";

describe("a compressed answer, which was not asked for,", () => {
  const text = JSON.stringify({
    choices: [{ message: { content: "fine \u00e9 ".repeat(20_000) }, finish_reason: "stop" }],
  });
  const events = `data: ${JSON.stringify({ choices: [{ delta: { content: "fine" }, finish_reason: "stop" }] })}\n\n`;
  const whole = (body: Buffer, encoding: string): Answer => sent(body, encoding, "application/json");

  function sent(body: Buffer, encoding: string, type: string): Answer {
    return (response) => {
      response.writeHead(200, { "content-type": type, "content-encoding": encoding });
      response.end(body);
    };
  }

  const ways: [string, (body: string | Buffer) => Buffer][] = [
    ["gzip", gzipSync],
    ["x-gzip", gzipSync],
    ["GZip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
    ["deflate, gzip", (body) => gzipSync(deflateSync(body))],
    ["identity", (body) => Buffer.from(body)],
  ];

  const quickBrotli = (body: Buffer) =>
    brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });

  test.each(ways)("is read: %s", async (encoding, compress) => {
    const { reply } = await open([
      whole(compress(text), encoding),
      sent(compress(events), encoding, "text/event-stream"),
    ]);
    expect((await reply()).content).toBe("fine \u00e9 ".repeat(20_000));
    expect((await reply()).content).toBe("fine");
  });

  test("is read as a stream while it is written", async () => {
    const lengths: number[] = [];
    const answer: Answer = async (response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
      const gzip = createGzip();
      gzip.pipe(response);
      gzip.write('data: {"choices":[{"delta":{"content":"fi"}}]}\n\n');
      gzip.flush();
      while (lengths.length === 0 && !response.destroyed) await wait(5);
      gzip.end('data: {"choices":[{"delta":{"content":"ne"},"finish_reason":"stop"}]}\n\n');
    };
    const { reply } = await open([answer], { onText: (length) => lengths.push(length) });
    expect((await reply()).content).toBe("fine");
    expect(lengths).toEqual([2, 4]);
  });

  test.each(["gzip", "br", "gzip, gzip"])("is bounded by what it expands to: %s", async (encoding) => {
    const zeros = Buffer.alloc(17 * 1024 * 1024);
    const body =
      encoding === "br"
        ? quickBrotli(zeros)
        : encoding === "gzip"
          ? gzipSync(zeros)
          : gzipSync(gzipSync(zeros));
    expect(body.length).toBeLessThan(100_000);
    for (const type of ["application/json", "text/event-stream"]) {
      const { server, failure } = await open([sent(body, encoding, type)]);
      expect((await failure()).message).toContain("more than 16 MB");
      expect(server.requests).toHaveLength(1);
    }
  });

  test.each<[string, string]>([
    ["in name only", "gzip"],
    ["in an unknown way", "zstd"],
    ["more often than is undone", "gzip, gzip, gzip, gzip"],
  ])("does not hide a refusal: %s", async (_name, encoding) => {
    const refused: Answer = (response) => {
      response.writeHead(401, { "content-type": "application/json", "content-encoding": encoding });
      response.end('{"error": "no"}');
    };
    const { server, failure } = await open([refused]);
    expect((await failure()).message).toContain("refuses the key");
    expect(server.requests).toHaveLength(1);
  });

  test.each<[string, Buffer, string]>([
    ["cut off", gzipSync(text).subarray(0, 60), "gzip"],
    ["in name only", Buffer.from(text), "gzip"],
    ["in name only, otherwise", Buffer.from(text), "br"],
    ["in an unknown way", Buffer.from(text), "zstd"],
    ["again and again", gzipSync(text), "gzip, gzip, gzip, gzip"],
  ])("is told where it cannot be read: %s", async (_name, body, encoding) => {
    const { server, reply, retried } = await open([whole(body, encoding), good]);
    expect(await reply()).toMatchObject({ content: "fine", billedFailures: 1 });
    expect(retried[0]).toContain(`answered in a compression that cannot be read (${encoding})`);
    expect(server.requests).toHaveLength(2);
  });
});
