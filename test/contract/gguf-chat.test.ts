/** A model of random weights in a GGUF file, held to the suite of chat-model.ts, and to what a file adds to it. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { GgufChatOptions } from "../../src/models/gguf-chat.ts";
import { type Gguf, type GgufOptions, openGguf } from "../../src/models/gguf-file.ts";
import { systemClock } from "../../src/system/clock.ts";
import { ChatUnavailable, Interrupted, UsageError } from "../../src/errors.ts";
import type { ChatRequest } from "../../src/search/ports.ts";
import { Space } from "../../src/search/space.ts";
import { readArchitectures } from "../../src/searchers/generator.ts";
import { architecturesSchema } from "../../src/searchers/prompts.ts";
import {
  chatTemplate,
  llamaFolder,
  type RandomGguf,
  randomGguf,
  withoutLlama,
} from "../support/random-gguf.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { describeChatModel } from "./chat-model.ts";

const missing = await withoutLlama();
if (missing !== null) console.warn(`models in GGUF files: ${missing}`);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "collm-nas-gguf-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const opened: Gguf[] = [];
afterEach(async () => {
  for (const file of opened.splice(0)) await file.close();
});

let files = 0;

/** Writes a file of its own; returns its path. */
function written(bytes: Uint8Array | string): string {
  const path = join(folder, `model-${files++}.gguf`);
  writeFileSync(path, bytes);
  return path;
}

/** Loads a model of random weights, or the file at a path. */
async function load(model: RandomGguf | string = {}, options: Partial<GgufOptions> = {}): Promise<Gguf> {
  const file = await openGguf({
    path: typeof model === "string" ? model : written(randomGguf(model)),
    gpu: "off",
    threads: 1,
    contextTokens: null,
    clock: systemClock,
    moduleFolder: llamaFolder,
    ...options,
  });
  opened.push(file);
  return file;
}

const settings: GgufChatOptions = { temperature: 0.6, topP: null, maxTokens: 300, seed: null };
const quiet = () => new AbortController().signal;

function ask(user: string, schema: ChatRequest["schema"] = null, seed = 1): ChatRequest {
  const messages = [
    { role: "system", content: "You are a die." },
    { role: "user", content: user },
  ] as const;
  return { role: "generator", round: 1, attempt: 1, messages: [...messages], schema, seed };
}

/** Names the request, and then goes on for as long as the model likes. */
const numbered = (number: number) => ({
  type: "object",
  properties: { number: { type: "number", enum: [number] }, words: { type: "string" } },
  required: ["number", "words"],
  additionalProperties: false,
});

describe.skipIf(missing !== null)(missing ?? "with node-llama-cpp", () => {
  describeChatModel("a GGUF file", {
    open: async () => (await load()).chat({ ...settings, maxTokens: 60 }),
    request: (number) => ask(`Request ${number}.`, numbered(number), number),
    isAnswer: (number, { content, outputMode }) =>
      outputMode === "json-schema" && new RegExp(`^\\{ ?"number": ?${number} ?,`).test(content),
    openSilent: async () => (await load({ endless: true })).chat({ ...settings, maxTokens: null }),
  });

  test("an answer under a schema has its form, whatever the weights are", async () => {
    const space = new Space(tinyDescription);
    const model = (await load()).chat(settings);
    const schema = architecturesSchema(space, { min: 3, max: 3 });
    for (let seed = 0; seed < 10; seed++) {
      const reply = await model.reply(ask("Three architectures.", schema, seed), quiet());
      expect(reply).toMatchObject({ finishReason: "stop", outputMode: "json-schema" });
      const read = readArchitectures(space)(reply);
      expect(read.ok && read.value.map((each) => space.parse(each).ok)).toEqual([true, true, true]);
    }
  });

  test("the same seed gives the same words, another one others, and a fixed one wins", async () => {
    const file = await load();
    const said = async (seed: number, fixed: number | null = null) =>
      (await file.chat({ ...settings, maxTokens: 40, seed: fixed }).reply(ask("Say.", null, seed), quiet()))
        .content;
    const first = await said(1);
    expect(await said(1)).toBe(first);
    expect(await said(2)).not.toBe(first);
    expect(await said(2, 1)).toBe(first);
    expect(await said(2 ** 40 + 1)).toBe(first);
  });

  test("counts what it read and wrote, and what it had read before", async () => {
    const model = (await load({ endless: true })).chat({ ...settings, maxTokens: 25 });
    const first = await model.reply(ask("Once."), quiet());
    expect(first).toMatchObject({ outputTokens: 25, finishReason: "length" });
    expect(first).not.toHaveProperty("outputMode");
    expect(first).not.toHaveProperty("cachedTokens");
    const longer = await model.reply(ask("Once. And more."), quiet());
    // A vocabulary of single characters makes every character a token.
    expect(longer.inputTokens).toBe((first.inputTokens ?? 0) + " And more.".length);
    expect(longer.cachedTokens).toBeGreaterThan(20);
    expect(longer.cachedTokens).toBeLessThan(longer.inputTokens ?? 0);
  });

  test("two roles that take turns keep what they have read", async () => {
    const file = await load();
    const [navigator, generator] = [
      file.chat({ ...settings, maxTokens: 5 }),
      file.chat({ ...settings, maxTokens: 5 }),
    ];
    await navigator.reply(ask("A long story of the navigator."), quiet());
    await generator.reply(ask("Something else for the generator."), quiet());
    const again = await navigator.reply(ask("A long story of the navigator."), quiet());
    expect(again.cachedTokens).toBe(again.inputTokens);
  });

  test("says once that its window is smaller than it could be", async () => {
    const model = (await load({ contextTokens: 32_768 })).chat({ ...settings, maxTokens: 5 });
    const { notes } = await model.reply(ask("Hello."), quiet());
    expect(notes).toEqual([expect.stringMatching(/8192 of the 32768 tokens .* contextTokens/)]);
    expect(await model.reply(ask("Hello."), quiet())).not.toHaveProperty("notes");
  });

  test("a prompt longer than the window is refused, and the next one answered", async () => {
    const file = await load({}, { contextTokens: 512 });
    expect(file.contextTokens).toBe(512);
    const model = file.chat(settings);
    const refused = await model.reply(ask("x".repeat(600)), quiet()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ChatUnavailable);
    expect((refused as Error).message).toMatch(
      /^a prompt of 6\d\d tokens .* 512 tokens \(contextTokens\) .*raise/,
    );
    expect((await model.reply(ask("x"), quiet())).outputTokens).toBeGreaterThan(0);
  });

  test("a reply ends where the window does, with nothing of the prompt lost", async () => {
    const model = (await load({ endless: true }, { contextTokens: 512 })).chat({
      ...settings,
      maxTokens: null,
    });
    const reply = await model.reply(ask("x".repeat(400)), quiet());
    expect(reply.finishReason).toBe("length");
    const { inputTokens, outputTokens } = reply;
    expect((inputTokens ?? 0) + (outputTokens ?? 0)).toBeLessThanOrEqual(512);
  });

  test("a request that was stopped while it read its prompt leaves the model fit for the next", async () => {
    const model = (await load({ endless: true })).chat({ ...settings, maxTokens: 20 });
    const expected = await model.reply(ask("Say."), quiet());
    const controller = new AbortController();
    const stopped = model.reply(ask("x".repeat(7_000)), controller.signal).catch((error: unknown) => error);
    setTimeout(() => controller.abort(), 20);
    expect(await stopped).toBeInstanceOf(Interrupted);
    const { content } = await model.reply(ask("Say."), quiet());
    expect(content).toBe(expected.content);
  });

  test("tells how long a reply has become while it is written", async () => {
    const lengths: number[] = [];
    const model = (await load()).chat({
      ...settings,
      maxTokens: 50,
      onText: (length) => lengths.push(length),
    });
    await model.reply(ask("Say."), quiet());
    expect(lengths.length).toBeGreaterThan(10);
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
  });

  test("closing ends what is under way; nothing can be asked afterwards", async () => {
    const file = await load({ endless: true });
    const model = file.chat({ ...settings, maxTokens: null });
    const running = model.reply(ask("Say."), quiet()).catch((error: unknown) => error);
    const waiting = model.reply(ask("Say."), quiet()).catch((error: unknown) => error);
    await file.close();
    expect(await running).toBeInstanceOf(Interrupted);
    expect(await waiting).toBeInstanceOf(Interrupted);
    await expect(model.reply(ask("Say."), quiet())).rejects.toBeInstanceOf(Interrupted);
  });

  test("a template that opens the thoughts: an answer under a schema is still the answer", async () => {
    const template = chatTemplate.replace("<|assistant|>\n", "<|assistant|>\n<think>\n");
    const model = (await load({ template })).chat({ ...settings, maxTokens: 40 });
    const reply = await model.reply(ask("Say.", numbered(3)), quiet());
    expect(reply.content).toMatch(/^\{ ?"number": ?3 ?,/);
    expect(reply.reasoning).toBeNull();
  });

  test.each<[what: string, path: () => string, message: RegExp]>([
    ["that is absent", () => join(folder, "absent.gguf"), /absent\.gguf: there is no such file/],
    ["that is a folder", () => folder, /folder/],
    ["of another format", () => written("PK\u0003\u0004 and so on"), /is not a GGUF file: .*--base-url/],
    ["that is empty", () => written(""), /is not a GGUF file/],
    ["that was cut off", cutOff, /cannot be loaded \(.+\): use another GGUF file/],
    ["that ends after its first bytes", () => written("GGUF\u0003\0\0\0"), /cannot be loaded/],
    ["of a version to come", () => written("GGUF\u0063\0\0\0"), /version 99 of the GGUF format/],
    [
      "of an architecture that nobody knows",
      () => written(randomGguf({ architecture: "perceptron" })),
      /cannot be loaded \(.*perceptron.*\)/,
    ],
  ])("a file %s is refused in one line", async (_what, path, message) => {
    const error = await load(path()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain("\n");
  });

  test("a computer without the wanted graphics card is told what to do", async () => {
    const error = await load({}, { gpu: process.platform === "darwin" ? "cuda" : "metal" }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(/cannot compute on gpu: .* setup:llm/);
  });
});

test("without node-llama-cpp the way to get it is named", async () => {
  // Nothing is looked for in the ordinary places of a checkout: it is no dependency.
  const error = await load({}, { moduleFolder: folder }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  expect((error as Error).message).toMatch(
    /need node-llama-cpp, .*npm run setup:llm.*npm install node-llama-cpp@/,
  );
});

function cutOff(): string {
  const path = written(randomGguf());
  truncateSync(path, 200_000);
  return path;
}
