/** What the model adapter sends to a server, and what becomes of a request that is interrupted. */
import { getEventListeners, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { OpenAIChat, type OpenAIChatOptions } from "../../src/models/openai-chat.ts";
import { Interrupted, UsageError } from "../../src/errors.ts";
import type { Clock } from "../../src/search/ports.ts";
import { rateLimited, stalledBody, stalledHeaders } from "../support/model-server.ts";
import { ask, good, key, open, serve } from "../support/open-chat.ts";

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

  test("keeps the query of the base URL, and nothing after a #", async () => {
    const paths: string[] = [];
    const server = createServer((incoming, response) => {
      paths.push(incoming.url ?? "");
      response.writeHead(200, { "content-type": "application/json" });
      response.end('{"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}');
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    for (const rest of ["/v1?api-version=2026-10-21&tag=a&tag=b", "/v1/#models"]) {
      const { reply } = await open([], { baseUrl: `http://127.0.0.1:${port}${rest}` });
      expect((await reply()).content).toBe("fine");
    }
    expect(paths).toEqual([
      "/v1/chat/completions?api-version=2026-10-21&tag=a&tag=b",
      "/v1/chat/completions",
    ]);
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
    const outcome = reply({}, controller.signal);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), 10_000);
    await interruptedAfter(200, outcome, controller);
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
    const outcome = reply({}, controller.signal);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), 10_000);
    await interruptedAfter(300, outcome, controller);
    expect(server.requests).toHaveLength(1);
  });

  test("leaves nothing on a signal that outlives many requests", async () => {
    const { reply } = await open(() => good);
    const { signal } = new AbortController();
    for (let count = 0; count < 20; count++) await reply({}, signal);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
