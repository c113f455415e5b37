/**
 * The model adapter at a scripted server, with everything that can be looked at afterwards.
 *
 * Owns the settings that tests of the adapter share. Waits between attempts go through a clock that records them and
 * returns at once.
 */
import { expect, onTestFinished } from "vitest";
import { OpenAIChat, type OpenAIChatOptions } from "../../src/models/openai-chat.ts";
import { ChatUnavailable } from "../../src/errors.ts";
import type { ChatRequest, Clock } from "../../src/search/ports.ts";
import { chat, type ModelServer, type Script, type ServerOptions, startModelServer } from "./model-server.ts";

/** A clock whose waits are recorded and over at once. */
class RecordingClock implements Clock {
  readonly slept: number[] = [];
  time = Date.parse("2026-11-05T12:00:00.000Z") / 1_000;

  now(): string {
    return new Date(this.time * 1_000).toISOString();
  }

  seconds(): number {
    return this.time;
  }

  async sleep(seconds: number): Promise<void> {
    this.slept.push(seconds);
    this.time += seconds;
  }
}

/** The answer of tests that are about something else. */
export const good = chat("fine");

export const key = "sk-test-4f9a0c77d1e2b3a4";
export const ask: ChatRequest = {
  role: "generator",
  round: 3,
  attempt: 1,
  messages: [
    { role: "system", content: "You are the Generator." },
    { role: "user", content: "Give architectures." },
    { role: "assistant", content: "None yet." },
    { role: "user", content: "Again." },
  ],
  schema: null,
  seed: 42,
};

/** A server for one test. */
export async function serve(script: Script, options: ServerOptions = {}): Promise<ModelServer> {
  const server = await startModelServer(script, 0, options);
  onTestFinished(() => server.close());
  return server;
}

/** A model at a server with this script, with everything that can be looked at afterwards. */
export async function open(
  script: Script,
  changed: Partial<OpenAIChatOptions> = {},
  options: ServerOptions = {},
) {
  const server = await serve(script, options);
  const clock = new RecordingClock();
  const retried: string[] = [];
  const model = new OpenAIChat({
    model: "tiny-1",
    baseUrl: server.baseUrl,
    apiKey: key,
    keyVariable: "TINY_API_KEY",
    temperature: 0.6,
    topP: null,
    maxTokens: null,
    timeoutSeconds: 20,
    retries: 4,
    clock,
    onRetry: (seconds, reason) => retried.push(`${seconds} ${reason}`),
    ...changed,
  });
  const reply = (request: Partial<ChatRequest> = {}, signal = new AbortController().signal) =>
    model.reply({ ...ask, ...request }, signal);
  /** What the model throws, once it was searched for the key. */
  const failure = async (request: Partial<ChatRequest> = {}): Promise<ChatUnavailable> => {
    const error = await reply(request).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ChatUnavailable);
    expect(everythingIn(error)).not.toContain(changed.apiKey ?? key);
    expect(retried.join()).not.toContain(changed.apiKey ?? key);
    return error as ChatUnavailable;
  };
  return { server, clock, retried, model, reply, failure };
}

/** All that could be printed of an error and whatever hangs on it, names and hidden fields included. */
export function everythingIn(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (seen.has(value)) return "";
  seen.add(value);
  const names = Reflect.ownKeys(value);
  const fields = names.map((name) => `${String(name)}: ${everythingIn(Reflect.get(value, name), seen)}`);
  const entries = value instanceof Map || value instanceof Headers ? [...value].join() : "";
  return `${Object.prototype.toString.call(value)} ${entries} ${fields.join("\n")} ${JSON.stringify(value) ?? ""}`;
}
