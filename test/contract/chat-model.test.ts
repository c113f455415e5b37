/** Every ChatModel there is, held to the one suite of chat-model.ts. */
import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { OpenAIChat } from "../../src/models/openai-chat.ts";
import { Interrupted } from "../../src/errors.ts";
import type { ChatRequest, Clock } from "../../src/search/ports.ts";
import {
  chat,
  type ModelRequest,
  type Script,
  stalledBody,
  startModelServer,
} from "../support/model-server.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { describeChatModel } from "./chat-model.ts";

/** Requests of which each is answered by its own last words. */
function request(number: number): ChatRequest {
  return {
    role: number % 2 === 0 ? "navigator" : "generator",
    round: 1,
    attempt: 1,
    messages: [
      { role: "system", content: "Repeat after me." },
      { role: "user", content: `words ${number}` },
    ],
    schema: number % 2 === 0 ? null : { type: "object", properties: {}, additionalProperties: false },
    seed: number,
  };
}

const isAnswer = (number: number, { content }: { readonly content: string }) => content === `words ${number}`;

describeChatModel("in memory", {
  request,
  isAnswer,
  open: async () =>
    new ScriptedChat(async ({ messages, seed }) => {
      await wait(10 - seed);
      return messages.at(-1)?.content ?? "";
    }),
  openSilent: async () => new ScriptedChat(() => new Promise<never>(() => {})),
});

test("in memory, more requests than replies are an error", async () => {
  const model = new ScriptedChat(["one", { content: "two", finishReason: "length" }, new Error("three")]);
  const { signal } = new AbortController();
  expect((await model.reply(request(0), signal)).content).toBe("one");
  expect(await model.reply(request(1), signal)).toMatchObject({ content: "two", finishReason: "length" });
  await expect(model.reply(request(2), signal)).rejects.toThrow("three");
  await expect(model.reply(request(3), signal)).rejects.toThrow("scripted replies exhausted");
  expect(model.requests.map(({ seed }) => seed)).toEqual([0, 1, 2, 3]);
});

describeChatModel("over HTTP", {
  request,
  isAnswer,
  open: () =>
    openOverHttp(({ body }: ModelRequest) => async (response, incoming) => {
      // The last to ask is the first to be answered.
      await wait(80 - 10 * (body.seed ?? 0));
      await chat(body.messages?.at(-1)?.["content"])(response, incoming);
    }),
  openSilent: () => openOverHttp(() => stalledBody()),
});

async function openOverHttp(script: Script): Promise<OpenAIChat> {
  const server = await startModelServer(script);
  onTestFinished(() => server.close());
  return new OpenAIChat({
    model: "echo",
    baseUrl: server.baseUrl,
    apiKey: null,
    keyVariable: "SOME_KEY",
    temperature: 0.6,
    topP: null,
    maxTokens: null,
    timeoutSeconds: 20,
    retries: 0,
    clock: systemClock,
    onRetry: () => {},
  });
}

const systemClock: Clock = {
  now: () => new Date().toISOString(),
  seconds: () => performance.now() / 1_000,
  sleep: async (seconds, signal) => {
    await wait(seconds * 1_000, undefined, { signal }).catch(() => {
      throw new Interrupted("stopped on request");
    });
  },
};
