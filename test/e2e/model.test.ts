/**
 * A whole search with a language model behind a real HTTP server: what is asked, what is made of good answers and of
 * bad ones, and what is recorded.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator,
  decisions,
  type Ended,
  events,
  json,
  killAt,
  newRun,
  outcome,
  start,
  type Summary,
  temporaryFile,
  until,
} from "../support/cli.ts";
import {
  type Answer,
  chat,
  emptyChoices,
  fencedJson,
  htmlPage,
  type ModelRequest,
  type ModelServer,
  nullContent,
  playRoles,
  rateLimited,
  reasoned,
  resetConnection,
  serverError,
  stalledBody,
  stalledHeaders,
  startModelServer,
  thoughtAloud,
  truncatedJson,
  unauthorized,
} from "../support/model-server.ts";

const space = "analognas-baseline";
const good = playRoles();

const servers: ModelServer[] = [];

afterAll(() => Promise.all(servers.map((each) => each.close())));

/** A server that plays both roles well, but for the requests of these numbers, counted from 0. */
async function server(answers: Readonly<Record<number, Answer>> = {}): Promise<ModelServer> {
  return await serve((request, index) => answers[index] ?? good(request));
}

async function serve(
  script: (request: ModelRequest, index: number) => Answer,
  port = 0,
): Promise<ModelServer> {
  const started = await startModelServer(script, port);
  servers.push(started);
  return started;
}

/** The command line of a search of two or three rounds; `yaml` are further keys, `model` further keys of the model. */
function commandLine(url: string, run: string, yaml = "", model = ""): string[] {
  const file = temporaryFile(
    "search.yaml",
    `space: ${space}
budget: 12
candidates: {min: 6, max: 6}
model: {name: test-model, baseUrl: "${url}", keyVariable: TEST_KEY${model}}
${yaml}`,
  );
  return ["run", file, "--evaluator", evaluator.address, "--out", run, "--json"];
}

interface Searched {
  readonly run: string;
  readonly ended: Ended;
  readonly summary: Summary;
}

async function search(url: string, yaml = "", model = ""): Promise<Searched> {
  const run = newRun();
  const ended = await collmNas(commandLine(url, run, yaml, model));
  const summary = JSON.parse(ended.stdout || "null") as Summary;
  return { run, ended, summary };
}

function expectWholeSearch({ ended, summary }: Searched): void {
  expect(ended.code, ended.stderr).toBe(0);
  expect(summary).toMatchObject({ status: "ended", stopReason: "budget", spend: { evaluations: 12 } });
  const { proposed, unreadable, illegal, repeated, equivalent, overLimit, beyondBudget, evaluated, failed } =
    summary.funnel;
  const parts = [unreadable, illegal, repeated, equivalent, overLimit, beyondBudget, evaluated, failed];
  expect(parts.reduce((sum, part) => sum + part, 0)).toBe(proposed);
}

/** How many rounds a run has closed. */
function rounds(run: string): number {
  return events(run).filter(({ type }) => type === "round-closed").length;
}

function rolesOf(request: ModelRequest): string[] {
  return (request.body.messages ?? []).map(({ role }) => String(role));
}

const isForGenerator = ({ body }: ModelRequest) => body.response_format !== undefined;

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

// ----- Bad answers -----

const cells = (count: number) => Array.from({ length: count }, (_, index) => ({ op: cell(index) }));
const operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"];
const cell = (number: number) =>
  Array.from({ length: 6 }, (_, edge) => operations[Math.floor(number / 5 ** edge) % 5]);

describe("an answer that cannot be read", () => {
  // The Generator's first request is number 1, its repetition number 2.
  test.each<[string, Answer]>([
    ["null content, a refusal", nullContent("refusal")],
    ["null content, a call of tools", nullContent("tool calls")],
    ["empty content", chat("")],
    ["prose", chat("I would rather talk about something else today.")],
    [
      "JSON cut off in its first architecture",
      chat('{"architectures": [{"op": ["none", "no', { finishReason: "length" }),
    ],
    ["an empty list", chat('{"architectures": []}')],
  ])("%s is asked for once more with the reasons, and counted", async (_what, answer) => {
    const { baseUrl, requests } = await server({ 1: answer });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(2);
    expect(result.summary.spend).toMatchObject({ rejectedReplies: 1, chatCalls: 5 });
    expect(requests[2]?.body.messages?.at(-1)?.["content"]).toContain("could not be used");
    expect(result.ended.stderr).toContain("the generator's reply could not be read: asking once more");
    expect((await collmNas(["replay", result.run])).code).toBe(0);
  });

  test("twice in a row costs the Generator its round, and the search goes on", async () => {
    const { baseUrl } = await server({ 1: nullContent("refusal"), 2: chat("no") });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(3);
    expect(result.summary.spend.rejectedReplies).toBe(2);
  });

  test("twice in a row from the Navigator leaves the last strategy in force", async () => {
    const { baseUrl, requests } = await server({ 2: nullContent("refusal"), 3: chat("") });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(2);
    expect(result.summary.spend.rejectedReplies).toBe(2);
    const [first, second] = requests
      .filter(isForGenerator)
      .map(({ body }) => body.messages?.at(-1)?.["content"]);
    expect(second).toBe(first);
  });

  test("because the model refuses ends the search soon, with its words and what to do", async () => {
    const { baseUrl, requests } = await serve((request) =>
      isForGenerator(request) ? nullContent("refusal") : good(request),
    );
    const { ended } = await search(baseUrl);
    expect(ended.code, ended.stderr).toBe(4);
    expect(ended.stderr).toContain("the model refuses to answer (I cannot help with that.)");
    expect(ended.stderr).toContain("put the task in other words");
    expect(requests.filter(isForGenerator)).toHaveLength(4);
  });

  test("for ever ends the search with exit 4", async () => {
    const { baseUrl } = await serve((request) =>
      isForGenerator(request) ? chat("I refuse.") : good(request),
    );
    const { ended, summary } = await search(baseUrl, "stallRounds: 2\n");
    expect(ended.code, ended.stderr).toBe(4);
    expect(ended.stderr).toContain("no architecture could be found in the reply");
    expect(summary).toMatchObject({ status: "failed", best: null, spend: { rejectedReplies: 4 } });
  });
});

describe("an answer that can be read in part", () => {
  test("JSON in a fence is read as it stands", async () => {
    const { baseUrl } = await server({ 1: fencedJson({ architectures: cells(6) }) });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(result.summary.spend.rejectedReplies).toBe(0);
  });

  test("JSON that is cut off gives the architectures that are whole", async () => {
    const { baseUrl } = await server({ 1: truncatedJson({ architectures: cells(6) }) });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(result.summary.spend.rejectedReplies).toBe(0);
    const [proposed] = events(result.run).flatMap((event) =>
      event.type === "round-proposed" ? [event.candidates.map(({ verdict }) => verdict.kind)] : [],
    );
    expect(proposed?.length).toBeGreaterThan(0);
    expect(proposed?.length).toBeLessThan(6);
    expect(new Set(proposed)).toEqual(new Set(["accepted"]));
  });

  test("10,000 architectures are counted, and no more than a round's are evaluated", async () => {
    const { baseUrl } = await server({ 1: chat(JSON.stringify({ architectures: cells(10_000) })) });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(2);
    expect(result.summary.funnel.proposed).toBeGreaterThanOrEqual(10_000);
    expect(result.summary.funnel.beyondBudget).toBeGreaterThanOrEqual(9_994);
    expect((await collmNas(["replay", result.run])).code).toBe(0);
  });

  test("architectures of another space are counted as illegal, with the reasons told to the Navigator", async () => {
    const others = Array.from({ length: 6 }, () => ({
      r: [224],
      d: [2, 3, 4, 2, 3],
      ks: [3, 5, 7],
      e: [3, 4, 6],
    }));
    const { baseUrl, requests } = await server({ 1: chat(JSON.stringify({ architectures: others })) });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(result.summary.funnel.unreadable + result.summary.funnel.illegal).toBe(6);
    expect(requests[2]?.body.messages?.at(-1)?.["content"]).toMatch(/6 were not valid: /);
  });

  test("the same list again is counted as repeated, and the search goes on", async () => {
    const again = chat(JSON.stringify({ architectures: cells(6) }));
    const { baseUrl, requests } = await server({ 1: again, 3: again, 5: again });
    const result = await search(baseUrl);
    expectWholeSearch(result);
    expect(rounds(result.run)).toBe(4);
    expect(result.summary.funnel.repeated).toBeGreaterThanOrEqual(12);
    expect(requests[4]?.body.messages?.at(-1)?.["content"]).toMatch(/6 repeated/);
  });
});

describe("a server that fails once", () => {
  // These mostly wait.
  test.concurrent.each<[string, Answer, RegExp]>([
    ["without a choice", emptyChoices(), /answered without a single choice/],
    ["with an HTML page", htmlPage(), /answered with an HTML page instead of a reply/],
    [
      "with 429 and how long to wait",
      rateLimited({ "retry-after": "1" }),
      /^waiting 1\.0 s: .*asks to slow down/m,
    ],
    ["with 500", serverError(), /failed \(500: /],
    ["with 503", serverError(503), /failed \(503: /],
    ["by resetting the connection", resetConnection("in the body"), /broke off the connection/],
    ["by stalling in the reply", stalledBody(), /gave no whole reply within 0\.5 s/],
    ["by stalling before it", stalledHeaders(), /gave no whole reply within 0\.5 s/],
  ])("%s is asked again, and no round is lost", async (_how, answer, said) => {
    const { baseUrl, requests } = await server({ 1: answer, 4: answer });
    const result = await search(baseUrl, "", ", timeoutSeconds: 0.5");
    expectWholeSearch(result);
    expect(result.ended.stderr).toMatch(said);
    expect(rounds(result.run)).toBe(2);
    expect(requests).toHaveLength(6);
    expect(result.summary.spend).toMatchObject({ chatCalls: 4, rejectedReplies: 0, failedAttempts: 2 });
  });
});

describe("a server that keeps failing", () => {
  test.concurrent.each<[string, Answer, string]>([
    ["without a choice", emptyChoices(), "try another model or another server"],
    ["with an HTML page", htmlPage(), "check the base URL"],
    ["with 500", serverError(), "failed (500: "],
  ])("%s ends the run with exit 3 and the way to go on", async (_how, answer, said) => {
    const bad = await serve((request, index) => (index < 3 ? good(request) : answer));
    const { ended, summary, run } = await search(bad.baseUrl, "", ", retries: 1");
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain(said);
    expect(ended.stderr).toMatch(new RegExp(`then go on with: \\S*bin/collm-nas resume ${run}$`, "m"));
    expect(summary).toMatchObject({ status: "failed", stopReason: "stopped", spend: { evaluations: 6 } });

    const { baseUrl } = await server();
    const resumed = await json(["resume", run, "--base-url", baseUrl]);
    expect(resumed).toMatchObject({ status: "ended", spend: { evaluations: 12, chatCalls: 4 } });
  });

  test("by refusing the key stops at once and names the variable", async () => {
    const { baseUrl, requests } = await serve(() => unauthorized());
    const run = newRun();
    const key = "sk-test-0123456789abcdef";
    const ended = await collmNas(commandLine(baseUrl, run), { env: { TEST_KEY: key } });
    expect(ended.code, ended.stderr).toBe(3);
    expect(requests).toHaveLength(1);
    expect(ended.stderr).toContain("refuses the key in TEST_KEY");
    expect(ended.stderr).toContain("set TEST_KEY to a valid key");
    expect(ended.stderr + ended.stdout).not.toContain(key);
  });

  test("for want of a key names the variable, too", async () => {
    const { baseUrl } = await serve(() => unauthorized());
    const { ended } = await search(baseUrl);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain("wants a key, and none was given");
    expect(ended.stderr).toContain("set TEST_KEY to a valid key");
  });
});

test("the key stands in no file of a run and in nothing that is printed", async () => {
  const key = "sk-test-0123456789abcdef";
  // A server that quotes the key in its reply, in an error and in its thoughts.
  const { baseUrl } = await server({
    0: reasoned(
      "reasoning",
      `The key is ${key}.`,
      `My strategy: keep ${key} to myself, search widely and evenly.`,
    ),
    1: chat(`Your key is ${key}, I answer nothing.`),
    4: serverError(),
  });
  const run = newRun();
  const ended = await collmNas(commandLine(baseUrl, run), { env: { TEST_KEY: key } });
  expect(ended.code, ended.stderr).toBe(0);
  const shown = await collmNas(["show", run, "--round", "1"]);
  const files = readdirSync(run).map((name) => readFileSync(join(run, name), "utf8"));
  for (const text of [ended.stdout, ended.stderr, shown.stdout, ...files]) expect(text).not.toContain(key);
  expect(files.join("")).toContain("[key]");
});

describe("resume", () => {
  test("asks for no reply that was recorded", async () => {
    const undisturbed = await server();
    const whole = await search(undisturbed.baseUrl);
    const seqs = events(whole.run).flatMap(({ type, seq }) => (type === "chat-replied" ? [seq] : []));
    expect(seqs).toHaveLength(4);
    for (const [index, seq] of seqs.entries()) {
      const { baseUrl, requests } = await server();
      const run = newRun();
      const killed = await collmNas(commandLine(baseUrl, run), { env: killAt(seq) });
      expect(killed.signal).toBe("SIGKILL");
      expect(requests).toHaveLength(index + 1);
      const summary = await json(["resume", run]);
      expect(requests).toHaveLength(4);
      expect(requests.map(({ body }) => body)).toEqual(undisturbed.requests.map(({ body }) => body));
      const { spend: _own, ...same } = outcome(summary);
      const { spend: _spent, ...expected } = outcome(whole.summary);
      expect(same).toEqual(expected);
    }
  });

  test("may go on with another model at another address, which is recorded", async () => {
    const first = await server();
    const run = newRun();
    await collmNas(commandLine(first.baseUrl, run), { env: killAt(10) });
    const second = await server();
    const summary = await json(["resume", run, "--model", "other-model", "--base-url", second.baseUrl]);
    expect(summary).toMatchObject({ status: "ended", models: { navigator: "other-model" } });
    expect(new Set(second.requests.map(({ body }) => body.model))).toEqual(new Set(["other-model"]));
    expect(first.requests.length + second.requests.length).toBe(4);
    expect((await collmNas(["replay", run])).code).toBe(0);
  });
});

test("Ctrl-C while a model does not answer ends within 2 s, and the run goes on later", async () => {
  const { baseUrl, requests } = await server({ 2: stalledBody() });
  const run = newRun();
  const process = start(commandLine(baseUrl, run));
  await until("the model is asked a third time", () => requests.length === 3);
  const begin = performance.now();
  process.interrupt();
  const { code, stderr } = await process.ended;
  expect((performance.now() - begin) / 1000).toBeLessThan(2);
  expect(code, stderr).toBe(3);
  expect(stderr).toContain(`resume ${run}`);
  expect(await json(["resume", run])).toMatchObject({ status: "ended", spend: { evaluations: 12 } });
  expect(decisions(run).length).toBeGreaterThan(12);
});
