/**
 * The model adapter and a whole search against a server that answers in every bad way: each call ends as a reply or as
 * one line that says what happened, nothing is buffered without bound, and the next good answer is as good as ever.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openModels } from "../../src/app/compose.ts";
import { parseConfig, type ModelConfig } from "../../src/settings/config.ts";
import { ChatUnavailable, CollmError, UnusableReply } from "../../src/errors.ts";
import { chatReplySchema, type Role, type RunEvent } from "../../src/search/events.ts";
import type { ChatModel, ChatRequest, Clock } from "../../src/search/ports.ts";
import { pick, randomStream } from "../../src/search/random.ts";
import { fold } from "../../src/search/fold.ts";
import { funnel } from "../../src/search/funnel.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch, resumeSearch } from "../../src/search/replay.ts";
import { collm } from "../../src/searchers/collm.ts";
import { setUp } from "../support/core-ports.ts";
import {
  type Answer,
  type ModelRequest,
  type ModelServer,
  playRoles,
  startModelServer,
} from "../support/model-server.ts";
import { casesOf } from "../support/sweep.ts";
import { hostilities } from "../support/servers/hostile.ts";
import { type Hostility, words } from "../support/servers/hostile/parts.ts";
import { runResumed } from "../support/run-events.ts";

const key = 'sk-"t\\e/s+t=&%0123456789abcdef';
const good = playRoles();
const never = new AbortController().signal;

beforeAll(() => void vi.stubEnv("HOSTILE_KEY", key));
afterAll(() => void vi.unstubAllEnvs());

/** A clock whose waits are over at once, however long. */
function hastyClock(): Clock {
  let seconds = 0;
  return {
    now: () => new Date(Date.UTC(2026, 0, 1)).toISOString(),
    seconds: () => seconds,
    sleep: async (wait) => void (seconds += wait),
  };
}

interface Opened {
  readonly models: Record<Role, ChatModel>;
  readonly server: ModelServer;
}

/** Both roles of a model at a server that answers as told, request by request; for as long as `use` takes. */
async function using(
  answer: (request: ModelRequest, index: number) => Answer,
  settings: object,
  use: (opened: Opened) => Promise<void>,
): Promise<void> {
  const server = await startModelServer(answer);
  const { model } = parseConfig(
    {
      space: "tiny",
      model: { name: "some-model", baseUrl: server.baseUrl, keyVariable: "HOSTILE_KEY", ...settings },
    },
    "",
  );
  const { models, close } = await openModels(model as ModelConfig, hastyClock(), { onRetry: () => {} });
  try {
    await use({ models, server });
  } finally {
    await close();
    await server.close();
  }
}

const schema = {
  type: "object",
  properties: {
    architectures: { type: "array", items: { type: "string", enum: ["a", "b"] }, minItems: 1, maxItems: 3 },
  },
  required: ["architectures"],
  additionalProperties: false,
};

function request(role: Role): ChatRequest {
  return {
    role,
    round: 1,
    attempt: 1,
    messages: [
      { role: "system", content: "You are an expert." },
      { role: "user", content: "Say something of use." },
    ],
    schema: role === "generator" ? schema : null,
    seed: 5,
  };
}

/** The forms in which a key may be spelt out again. */
const forms = [
  key,
  JSON.stringify(key).slice(1, -1),
  encodeURIComponent(key),
  Buffer.from(key).toString("base64").replace(/=+$/, ""),
];

function expectNoKey(text: string): void {
  for (const form of forms) expect(text.includes(form), text.slice(0, 500)).toBe(false);
}

/** What comes of a call: a whole reply, or an error of one line. Anything else fails the test. */
async function outcomeOf(model: ChatModel, role: Role): Promise<"reply" | "error"> {
  try {
    const reply = await model.reply(request(role), never);
    expect(chatReplySchema.parse(JSON.parse(JSON.stringify(reply)))).toEqual(reply);
    expectNoKey(JSON.stringify(reply));
    return "reply";
  } catch (error) {
    if (!(error instanceof CollmError)) throw error;
    expect(error).toBeInstanceOf(ChatUnavailable);
    expect(error.message).toMatch(/^[^\p{Cc}\u2028\u2029]+$/u);
    expect(error.message.length).toBeLessThan(2_000);
    expectNoKey(JSON.stringify([error.message, error.stack, error.cause, (error as ChatUnavailable).spent]));
    return "error";
  }
}

test("there are more than 60 ways, and no two have one name", () => {
  expect(new Set(hostilities.map(({ name }) => name)).size).toBe(hostilities.length);
  expect(hostilities.length).toBeGreaterThan(200);
});

/** All ways for one of the requests; for each of the other three all of them too, or every third, no way twice. */
function waysFor(request: number): readonly Hostility[] {
  const third = request === 0 ? hostilities : hostilities.filter((_, at) => at % 3 === request - 1);
  return casesOf({ few: third, all: hostilities });
}

describe.each([
  { at: 0, what: "free text", role: "navigator", stream: false },
  { at: 1, what: "JSON under a schema", role: "generator", stream: false },
  { at: 2, what: "free text as a stream", role: "navigator", stream: true },
  { at: 3, what: "JSON under a schema as a stream", role: "generator", stream: true },
] as const)("asked for $what", ({ at, role, stream }) => {
  test.concurrent.each(waysFor(at).map((each) => [each.name, each] as const))(
    "%s",
    async (_name, hostility) => {
      let isHostile = true;
      const answer = (asked: ModelRequest) => (isHostile ? hostility.answer : good(asked));
      await using(answer, { retries: 1, stream, ...patience(hostility) }, async ({ models, server }) => {
        const model = models[role];
        const ended = await outcomeOf(model, role);
        if (role === "navigator" && !stream && hostility.ends !== null) expect(ended).toBe(hostility.ends);
        const asked = [...server.requests];
        isHostile = false;
        const after = await model.reply(request(role), never);
        expect(after.content.length).toBeGreaterThan(2);
        if (hostility.mostBytes === undefined) return;
        for (const { over } of asked) expect((await over).bytes).toBeLessThan(hostility.mostBytes);
      });
    },
  );
});

test("a reply in an unusual wrapping is read to the letter", async () => {
  for (const name of [
    "a byte order mark",
    "HTTP/1.0 without a length",
    "early hints first",
    "content in parts",
  ]) {
    const hostility = hostilities.find((each) => each.name === name) as Hostility;
    await using(
      () => hostility.answer,
      { retries: 0 },
      async ({ models }) => {
        expect((await models.navigator.reply(request("navigator"), never)).content, name).toBe(words);
      },
    );
  }
});

test("no reply changes what all objects have", async () => {
  for (const hostility of hostilities.filter(({ name }) => name.includes("__proto__"))) {
    await using(
      () => hostility.answer,
      { retries: 0 },
      async ({ models }) => {
        await outcomeOf(models.navigator, "navigator");
      },
    );
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  }
});

/** Stalls are given up soon; everything else has all the time it needs on a busy machine. */
function patience({ stalls }: Hostility): object {
  return stalls === true ? { timeoutSeconds: 0.5, idleSeconds: 0.4 } : { timeoutSeconds: 30 };
}

describe("a whole search", () => {
  const playedInAll: string[] = [];

  test.each(casesOf({ few: [1, 2], all: [1, 2, 3, 4, 5, 6, 7, 8] }))(
    "half of the answers hostile, seed %i: ends as documented",
    async (seed) => {
      const random = randomStream(seed, "hostile");
      const played: string[] = [];
      const answer = (asked: ModelRequest) => {
        if (random.below(2) === 0) return good(asked);
        const hostility = pick(random, hostilities);
        played.push(hostility.name);
        return hostility.answer;
      };
      const events: RunEvent[] = [];
      let ended: string | null = null;
      await using(answer, { retries: 2, timeoutSeconds: 1, idleSeconds: 0.5 }, async ({ models }) => {
        const { ports, journal, run } = await setUp({ searcher: collm, models, search: { stallRounds: 4 } });
        const goOn = async () => {
          await journal.append([runResumed()]);
          return await resumeSearch([...journal.events], ports, never);
        };
        // What a person does who is told to go on: resume, until the search has come to its own end.
        for (let runs = 0; ended === null && runs < 60; runs++) {
          try {
            ended = (await (runs === 0 ? run() : goOn())).ended;
          } catch (error) {
            if (!(error instanceof ChatUnavailable || error instanceof UnusableReply)) throw error;
            expect(error.message).toMatch(/^[^\p{Cc}\u2028\u2029]+$/u);
            if (error instanceof UnusableReply) ended = "unusable";
          }
        }
        events.push(...journal.events);
      });
      const state = fold(events) as RunState;
      expect(["budget", "stalled", "unusable"], played.join(", ")).toContain(ended);
      expect(played.length).toBeGreaterThan(0);
      playedInAll.push(...played);
      const {
        proposed,
        unreadable,
        illegal,
        repeated,
        equivalent,
        overLimit,
        beyondBudget,
        evaluated,
        failed,
      } = funnel(state);
      const parts = [unreadable, illegal, repeated, equivalent, overLimit, beyondBudget, evaluated, failed];
      expect(parts.reduce((sum, part) => sum + part, 0)).toBe(proposed);
      if (ended === "budget") expect(evaluated).toBe(20);
      expectNoKey(JSON.stringify(events));
      const replay = await replaySearch(events, collm);
      expect(replay.complete).toBe(ended !== "unusable");
    },
  );

  test("was tried with many ways", () => {
    expect(new Set(playedInAll).size).toBeGreaterThan(casesOf({ few: 5, all: 30 }));
  });
});
