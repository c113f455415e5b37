/**
 * A whole search against each model server as its documentation describes it: the way to ask is found out, said and
 * paid for, and the server's habits cost no architecture.
 */
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { ChatReply } from "../../src/search/events.ts";
import {
  collmNas,
  evaluator,
  type Ended,
  events,
  newRun,
  type Summary,
  temporaryFile,
} from "../support/cli.ts";
import { type GrpcServer, startGrpcServer } from "../support/grpc-server.ts";
import { anthropic } from "../support/servers/anthropic.ts";
import { deepseek } from "../support/servers/deepseek.ts";
import { gemini } from "../support/servers/gemini.ts";
import { type PlayedServer, pondering, type ServerKind } from "../support/servers/http.ts";
import { llamaCppPython } from "../support/servers/llama-cpp-python.ts";
import { llamaCpp } from "../support/servers/llama-cpp.ts";
import { lmStudio } from "../support/servers/lm-studio.ts";
import { ollama, ollamaCloud } from "../support/servers/ollama.ts";
import { openai } from "../support/servers/openai.ts";
import { sglang } from "../support/servers/sglang.ts";
import { vllm } from "../support/servers/vllm.ts";

// Texts as choices, and numbers as choices: not every server can be held to both.
const spaces = { texts: "analognas-baseline", numbers: "tiny" } as const;
const addresses = { texts: "", numbers: "" };
let tiny: GrpcServer;

beforeAll(async () => {
  tiny = await startGrpcServer();
  addresses.texts = evaluator.address;
  addresses.numbers = tiny.address;
});
afterAll(() => tiny.kill());

interface Searched {
  readonly run: string;
  readonly ended: Ended;
  readonly summary: Summary;
  readonly navigator: readonly ChatReply[];
  readonly generator: readonly ChatReply[];
}

/** `model` are further keys of the model. */
async function search(
  server: PlayedServer,
  name: string,
  model = "",
  of: keyof typeof spaces = "texts",
): Promise<Searched> {
  onTestFinished(() => server.close());
  const run = newRun();
  const file = temporaryFile(
    "search.yaml",
    `space: ${spaces[of]}
budget: 12
candidates: {min: 6, max: 6}
model: {name: "${name}", baseUrl: "${server.baseUrl}", keyVariable: TEST_KEY, retries: 3${model}}
`,
  );
  const ended = await collmNas(["run", file, "--evaluator", addresses[of], "--out", run, "--json"], {
    env: { TEST_KEY: "sk-0123456789abcdef0123456789abcdef" },
  });
  const summary = JSON.parse(ended.stdout || "null") as Summary;
  const repliesOf = (role: string) =>
    events(run).flatMap((event) =>
      event.type === "chat-replied" && event.role === role ? [event.reply] : [],
    );
  return { run, ended, summary, navigator: repliesOf("navigator"), generator: repliesOf("generator") };
}

/** All of the budget was used, in two rounds, and nothing was lost to the form of an answer. */
function expectUndisturbed({ ended, summary, run, generator }: Searched): void {
  expect(ended.code, ended.stderr).toBe(0);
  expect(summary).toMatchObject({
    status: "ended",
    stopReason: "budget",
    spend: { evaluations: 12, rejectedReplies: 0 },
    funnel: { unreadable: 0, illegal: 0, evaluated: 12 },
  });
  expect(generator.length, readFileSync(join(run, "journal.jsonl"), "utf8")).toBeLessThanOrEqual(3);
}

/** The first structured reply says how it was asked for and what found that out; the later ones keep to it. */
function expectOutputMode({ generator }: Searched, outputMode: ServerKind["outputMode"]): void {
  expect(generator.map((each) => each.outputMode)).toEqual(generator.map(() => outputMode));
  const [first, ...later] = generator.map(({ probes = [] }) => probes);
  expect(first?.length).toBeGreaterThan(0);
  expect(later.flat()).toEqual([]);
  const honoured = (first ?? []).filter(({ finding }) => finding === "honoured");
  if (outputMode === "text") expect(honoured).toEqual([]);
  else expect(honoured.at(-1)?.outputMode).toBe(outputMode);
}

/** Every token that the server would charge for stands in the spend. */
function expectPaid({ summary }: Searched, { charged }: PlayedServer): void {
  expect(summary.spend).toMatchObject({
    inputTokens: charged.inputTokens,
    outputTokens: charged.outputTokens,
  });
}

type Start = () => Promise<PlayedServer>;

describe("a played server", () => {
  const token = { type: "string", enum: ["zebra"] };
  const schema = { type: "object", properties: { token }, required: ["token"], additionalProperties: false };
  const under = { type: "json_schema", json_schema: { name: "form", strict: true, schema } };
  const beside = { type: "json_object", schema };
  const free = "free";
  const any = "any object";

  test.each<[string, ServerKind, Start, unknown, unknown]>([
    ["OpenAI", openai, () => openai.start(), { token: "zebra" }, 400],
    ["vLLM", vllm, () => vllm.start(), { token: "zebra" }, any],
    ["SGLang", sglang, () => sglang.start(), { token: "zebra" }, any],
    ["llama.cpp", llamaCpp, () => llamaCpp.start(), { token: "zebra" }, { token: "zebra" }],
    ["llama-cpp-python", llamaCppPython, () => llamaCppPython.start(), 500, { token: "zebra" }],
    ["Ollama", ollama, () => ollama.start(), { token: "zebra" }, any],
    ["Ollama's cloud", ollamaCloud, () => ollamaCloud.start(), free, free],
    ["LM Studio", lmStudio, () => lmStudio.start(), { token: "zebra" }, 400],
    ["DeepSeek", deepseek, () => deepseek.start(), 400, any],
    ["Gemini", gemini, () => gemini.start(), { token: "zebra" }, 400],
    ["Anthropic", anthropic, () => anthropic.start(), free, free],
  ])("%s promises what its documentation does", async (_name, kind, start, bySchema, byObject) => {
    const server = await start();
    onTestFinished(() => server.close());
    const ask = async (format: unknown): Promise<unknown> => {
      const messages = [{ role: "user", content: "Say hello. No JSON is needed." }];
      const body = JSON.stringify({ model: kind.model, messages, response_format: format });
      const response = await fetch(`${server.baseUrl}/chat/completions`, { method: "POST", body });
      if (response.status !== 200) return response.status;
      const { choices } = (await response.json()) as { choices: [{ message: { content: string } }] };
      const { content } = choices[0].message;
      if (!content.startsWith("{")) return free;
      const value = JSON.parse(content) as Record<string, unknown>;
      return "token" in value ? value : any;
    };
    expect(await ask(under)).toEqual(bySchema);
    expect(await ask(beside)).toEqual(byObject);
    expect(await ask(undefined)).toBe(free);
  });
});

describe("a search", () => {
  test.each<[string, ServerKind, Start, (keyof typeof spaces)?]>([
    ["OpenAI", openai, () => openai.start()],
    ["vLLM", vllm, () => vllm.start()],
    ["vLLM, numeric choices", vllm, () => vllm.start({ errors: "flat" }), "numbers"],
    ["SGLang", sglang, () => sglang.start()],
    ["llama.cpp", llamaCpp, () => llamaCpp.start()],
    ["llama-cpp-python", llamaCppPython, () => llamaCppPython.start()],
    ["llama-cpp-python, numeric choices", llamaCppPython, () => llamaCppPython.start(), "numbers"],
    ["Ollama", ollama, () => ollama.start()],
    ["Ollama's cloud", ollamaCloud, () => ollamaCloud.start()],
    ["LM Studio", lmStudio, () => lmStudio.start()],
    ["DeepSeek", deepseek, () => deepseek.start()],
    ["Gemini, numeric choices", gemini, () => gemini.start(), "numbers"],
    ["Anthropic", anthropic, () => anthropic.start()],
    ["Anthropic, numeric choices", anthropic, () => anthropic.start(), "numbers"],
  ])("%s: finds the way to ask, says it and pays for it", async (_name, kind, start, of = "texts") => {
    const server = await start();
    const searched = await search(server, kind.model, "", of);
    expectUndisturbed(searched);
    expectOutputMode(searched, kind.outputMode);
    expectPaid(searched, server);
    // What is refused once is not sent again.
    const learned = server.requests.findIndex(({ body }) => JSON.stringify(body).includes('"architectures"'));
    expect(server.statuses.slice(learned + 3).filter((status) => status !== 200)).toEqual([]);
  });

  test.each<[string, ServerKind, Start]>([
    ["vLLM", vllm, () => vllm.start({ thinks: true })],
    ["SGLang", sglang, () => sglang.start({ thinks: true })],
    ["llama.cpp", llamaCpp, () => llamaCpp.start({ thinks: true })],
    ["Ollama", ollama, () => ollama.start({ thinks: true })],
    ["DeepSeek", deepseek, () => deepseek.start({ thinks: true })],
  ])("%s with a thinking model: thoughts are recorded and never sent back", async (_name, kind, start) => {
    const server = await start();
    const searched = await search(server, kind.model);
    expectUndisturbed(searched);
    expectOutputMode(searched, kind.outputMode);
    expectPaid(searched, server);
    const replies = [...searched.navigator, ...searched.generator];
    expect(replies.map(({ reasoning }) => reasoning)).toEqual(replies.map(() => pondering));
    expect(JSON.stringify(server.requests.map(({ body }) => body))).not.toContain(pondering);
  });

  test.each([false, true])(
    "vLLM with its answers among the thoughts, as a stream: %s: they are read, and it is said",
    async (stream) => {
      const server = await vllm.start({ parsesThoughts: true });
      const off = "extraBody: {chat_template_kwargs: {enable_thinking: false}}";
      const searched = await search(server, vllm.model, `, stream: ${stream}, ${off}`);
      expectUndisturbed(searched);
      expectOutputMode(searched, vllm.outputMode);
      expectPaid(searched, server);
      const replies = [...searched.navigator, ...searched.generator];
      for (const { answerIn } of replies) expect(answerIn).toBe("reasoning_content");
      expect(searched.ended.stderr).toContain('The answer was in "reasoning_content"');
    },
  );

  test("LM Studio with thoughts in front of the answer: they are told apart", async () => {
    const server = await lmStudio.start({ thinks: true });
    const searched = await search(server, lmStudio.model);
    expectUndisturbed(searched);
    expectOutputMode(searched, lmStudio.outputMode);
    expect(searched.navigator.map(({ reasoning }) => reasoning)).toEqual(
      searched.navigator.map(() => pondering),
    );
  });

  test.each<[string, ServerKind, Start]>([
    ["OpenAI", openai, () => openai.start({ thinks: true })],
    ["vLLM", vllm, () => vllm.start({ thinks: true })],
    ["llama.cpp", llamaCpp, () => llamaCpp.start({ thinks: true })],
    ["DeepSeek", deepseek, () => deepseek.start()],
    ["Anthropic", anthropic, () => anthropic.start()],
  ])("%s as a stream: the same replies and the same bill", async (_name, kind, start) => {
    const server = await start();
    const searched = await search(server, kind.model, ", stream: true");
    expectUndisturbed(searched);
    expectOutputMode(searched, kind.outputMode);
    expectPaid(searched, server);
    expect(server.requests.map(({ body }) => (body as { stream?: boolean }).stream)).toContain(true);
  });
});

describe("what a server refuses is left out or renamed, and said", () => {
  const notesOf = ({ navigator, generator }: Searched) =>
    [...navigator, ...generator].flatMap(({ notes = [] }) => notes).join("\n");

  test("OpenAI's thinking models: max_tokens and temperature", async () => {
    const server = await openai.start({ thinks: true });
    const searched = await search(server, openai.model, ", maxTokens: 5000, topP: 0.9");
    expectUndisturbed(searched);
    expectOutputMode(searched, "json-schema");
    const notes = notesOf(searched);
    for (const field of ["max_tokens", "temperature", "top_p"]) expect(notes).toContain(field);
    const last = server.requests.at(-1)?.body as Record<string, unknown>;
    expect(last["max_completion_tokens"]).toBe(5000);
    for (const field of ["max_tokens", "temperature", "top_p"]) expect(last).not.toHaveProperty(field);
    expect(searched.summary.spend.reasoningTokens).toBeGreaterThan(0);
    expect(searched.summary.spend.cachedTokens).toBeGreaterThan(0);
  });

  test("Gemini: seed", async () => {
    const server = await gemini.start();
    const searched = await search(server, gemini.model, "", "numbers");
    expectUndisturbed(searched);
    expect(notesOf(searched)).toContain("seed");
    expect(server.requests.at(-1)?.body).not.toHaveProperty("seed");
  });

  test("a temperature above 1 where only 1 is allowed", async () => {
    const server = await anthropic.start({ strictTemperature: true });
    const searched = await search(server, anthropic.model, ", temperature: 1.3");
    expectUndisturbed(searched);
    expectOutputMode(searched, "text");
    expect(notesOf(searched)).toContain("temperature");
  });
});

describe("a server in trouble", () => {
  test("OpenAI's retry-after-ms is obeyed, and costs nothing", async () => {
    const server = await openai.start({ tooSoon: [0, 2, 3] });
    const searched = await search(server, openai.model);
    expectUndisturbed(searched);
    expectOutputMode(searched, "json-schema");
    expectPaid(searched, server);
    expect(server.statuses.filter((status) => status === 429)).toHaveLength(3);
    expect(searched.ended.stderr).toMatch(/^waiting 0\.0\d? s: .*asks to slow down/m);
  });

  test("an empty account ends the run at once, with what to do", async () => {
    const server = await openai.start({ emptyFrom: 0 });
    const { ended } = await search(server, openai.model);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain("quota");
    expect(server.requests).toHaveLength(1);
  });

  test("llama.cpp that still loads its model is waited for", async () => {
    const server = await llamaCpp.start({ loading: 1 });
    const searched = await search(server, llamaCpp.model);
    expectUndisturbed(searched);
    expectOutputMode(searched, "json-schema");
    expect(searched.ended.stderr).toContain("Loading model");
  });

  test("DeepSeek's answers of nothing but spaces are asked for again", async () => {
    const server = await deepseek.start({ blank: [1] });
    const { ended, summary, generator } = await search(server, deepseek.model);
    expect(ended.code, ended.stderr).toBe(0);
    expect(summary).toMatchObject({ status: "ended", spend: { evaluations: 12 }, funnel: { evaluated: 12 } });
    expect(generator.every(({ outputMode }) => outputMode === "json-object")).toBe(true);
    expect(
      new Set(events(summary.run).flatMap((event) => (event.type === "round-closed" ? [event.round] : []))),
    ).toEqual(new Set([1, 2]));
  });

  test.each<[string, ServerKind, Start]>([
    ["vLLM", vllm, () => vllm.start({ maxModelLen: 60 })],
    ["vLLM of old", vllm, () => vllm.start({ maxModelLen: 60, errors: "flat" })],
    ["llama.cpp", llamaCpp, () => llamaCpp.start({ contextTokens: 60 })],
    ["llama-cpp-python", llamaCppPython, () => llamaCppPython.start({ contextTokens: 60 })],
    ["Anthropic", anthropic, () => anthropic.start({ contextTokens: 60 })],
  ])("%s with too small a window ends the run, with the server's words", async (_name, kind, start) => {
    const server = await start();
    const { ended } = await search(server, kind.model);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toMatch(/context|too long/);
    expect(ended.stderr).toContain("60");
    expect(server.requests.length).toBeLessThanOrEqual(2);
  });

  test.each<[string, ServerKind, Start]>([
    ["Ollama", ollama, () => ollama.start()],
    ["vLLM", vllm, () => vllm.start()],
    ["OpenAI", openai, () => openai.start()],
  ])("%s without the model ends the run at once, with its name", async (_name, _kind, start) => {
    const server = await start();
    const { ended } = await search(server, "no-such-model");
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain('has no model "no-such-model"');
    expect(server.requests).toHaveLength(1);
  });
});
