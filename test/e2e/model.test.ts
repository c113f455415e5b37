/**
 * A whole search with a language model behind a real HTTP server: what is asked and how, what each role remembers, and
 * what becomes of thoughts.
 */
import { describe, expect, test } from "vitest";
import { collmNas, evaluator, events, newRun } from "../support/cli.ts";
import {
  type Answer,
  type ModelRequest,
  playRoles,
  reasoned,
  thoughtAloud,
} from "../support/model-server.ts";
import {
  commandLine,
  expectWholeSearch,
  good,
  isForGenerator,
  rolesOf,
  search,
  serve,
  server,
  space,
} from "../support/model-searches.ts";

describe("a search", () => {
  test("has both roles played by the model, and says so", async () => {
    const { baseUrl, requests } = await server();
    const result = await search(baseUrl);
    expectWholeSearch(result);
    const { summary, ended, run } = result;
    expect(summary.models).toEqual({ navigator: "test-model", generator: "test-model" });
    expect(ended.stderr).toContain("collm (test-model)");
    expect(summary.spend).toMatchObject({
      chatCalls: requests.length,
      rejectedReplies: 0,
      failedAttempts: 0,
      // The one that found out how the server takes a schema is counted too.
      probes: 1,
      inputTokens: 11 * (requests.length + 1),
      outputTokens: 7 * (requests.length + 1),
      chatSeconds: expect.any(Number),
    });
    expect(requests.map(isForGenerator)).toEqual(requests.map((_, index) => index % 2 === 1));
    expect((await collmNas(["replay", run])).code).toBe(0);
  });

  test("comes to the same with the same seed, as far as the model does", async () => {
    const { baseUrl } = await server();
    const [first, second] = [await search(baseUrl), await search(baseUrl)];
    expect(second.summary.trace).toEqual(first.summary.trace);
  });

  test("asks as configured", async () => {
    const { baseUrl, requests } = await server();
    const flags = commandLine(baseUrl, newRun(), "", ", temperature: 0.2, topP: 0.9, maxTokens: 4000");
    await collmNas(flags, { env: { TEST_KEY: "sk-test-0123456789abcdef" } });
    for (const { body, headers } of requests) {
      expect(headers.authorization).toBe("Bearer sk-test-0123456789abcdef");
      expect(body).toMatchObject({
        model: "test-model",
        temperature: 0.2,
        top_p: 0.9,
        max_tokens: 4000,
        seed: expect.any(Number),
      });
    }
  });

  test("asks for a temperature of 0.6 and for JSON under the space's schema by default", async () => {
    const { baseUrl, requests } = await server();
    await search(baseUrl);
    expect(new Set(requests.map(({ body }) => body.temperature))).toEqual(new Set([0.6]));
    const [strategy, architectures] = requests;
    expect(strategy?.body.response_format).toBeUndefined();
    expect(architectures?.body.response_format).toMatchObject({
      type: "json_schema",
      json_schema: { strict: true },
    });
    expect(JSON.stringify(architectures?.body.response_format)).toContain("nor_conv_3x3");
    expect(architectures?.body).not.toHaveProperty("top_p");
    expect(architectures?.body).not.toHaveProperty("max_tokens");
  });

  test("asks for fenced JSON where the server knows no schema", async () => {
    const described = await collmNas(["spaces", space, "--json", "--evaluator", evaluator.address]);
    const { size: _size, ...description } = JSON.parse(described.stdout);
    const play = playRoles(description);
    const { baseUrl, requests } = await serve((request) => play(request));
    const result = await search(baseUrl, "structured: false\n");
    expectWholeSearch(result);
    expect(requests.filter(isForGenerator)).toEqual([]);
    expect(result.summary.funnel).toMatchObject({ unreadable: 0, illegal: 0 });
  });
});

describe("memory", () => {
  const fresh = ["system", "user"];
  const carried = ["system", "user", "assistant", "user"];

  test.each([
    ["by default", "", carried, fresh],
    ["without the Navigator's", "memory: {navigator: false}\n", fresh, fresh],
    ["with the Generator's", "memory: {generator: true}\n", carried, carried],
    ["the other way round", "memory: {navigator: false, generator: true}\n", fresh, carried],
  ])("%s", async (_which, yaml, navigator, generator) => {
    const { baseUrl, requests } = await server();
    expectWholeSearch(await search(baseUrl, yaml));
    expect(requests.slice(0, 4).map(rolesOf)).toEqual([fresh, fresh, navigator, generator]);
    // What the last round brought is told in any case.
    expect(requests[2]?.body.messages?.at(-1)?.["content"]).toContain("Results of round 1");
  });
});

describe("reasoning", () => {
  test.each([
    [
      "in a field of its own",
      (request: ModelRequest) => reasoned("reasoning_content", "my-own-thoughts", replyTo(request)),
    ],
    ["in front of the reply", (request: ModelRequest) => thoughtAloud("my-own-thoughts", replyTo(request))],
  ])("%s is recorded, but not sent back", async (_where, script) => {
    const { baseUrl, requests } = await serve(script);
    const result = await search(baseUrl, "memory: {generator: true}\n");
    expectWholeSearch(result);
    const replies = events(result.run).flatMap((event) =>
      event.type === "chat-replied" ? [event.reply] : [],
    );
    expect(replies.map(({ reasoning }) => reasoning)).toEqual(replies.map(() => "my-own-thoughts"));
    expect(requests.length).toBeGreaterThan(3);
    expect(JSON.stringify(requests.map(({ body }) => body))).not.toContain("my-own-thoughts");
  });

  /** A good reply as text. */
  function replyTo(request: ModelRequest): string {
    const written: string[] = [];
    const response = {
      writeHead: () => {},
      setHeader: () => {},
      end: (body: string) => void written.push(body),
    };
    void good(request)(response as unknown as Parameters<Answer>[0], request);
    return (JSON.parse(written.join("")) as { choices: [{ message: { content: string } }] }).choices[0]
      .message.content;
  }
});
