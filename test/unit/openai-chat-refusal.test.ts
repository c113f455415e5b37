/**
 * What the model adapter refuses: errors that end it at once, pages that are no reply, bodies without end.
 *
 * No error holds the key.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { OpenAIChatOptions } from "../../src/models/openai-chat.ts";
import {
  type Answer,
  emptyChoices,
  htmlPage,
  hugeBody,
  json,
  notFound,
  raw,
  refusal,
  resetConnection,
  serverError,
  unauthorized,
} from "../support/model-server.ts";
import { everythingIn, good, key, open, serve } from "../support/open-chat.ts";

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
    expect(message).toContain("redirects requests to https://models.example/v1 (308)");
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
    expect(message).toContain("give the base URL with http:// if the port speaks http");
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
