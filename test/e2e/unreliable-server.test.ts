/**
 * A search of 100 evaluations against a server that fails three calls in ten: it comes to the same as with a server that
 * never fails, and being asked to slow down costs neither a candidate nor a round.
 */
import { describe, expect, onTestFinished, test } from "vitest";
import { openModels } from "../../src/app/compose.ts";
import { parseConfig, type ModelConfig } from "../../src/settings/config.ts";
import type { RunEvent } from "../../src/search/events.ts";
import type { Clock } from "../../src/search/ports.ts";
import type { Space } from "../../src/search/space.ts";
import { spend } from "../../src/search/spend.ts";
import { funnel } from "../../src/search/funnel.ts";
import { trace } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch } from "../../src/search/replay.ts";
import { collm } from "../../src/searchers/collm.ts";
import {
  collmNas,
  evaluator,
  decisions,
  events,
  newRun,
  type Summary,
  temporaryFile,
} from "../support/cli.ts";
import { bodies, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { type Answer, type ModelRequest, playRoles, startModelServer } from "../support/model-server.ts";
import { failures, slowDowns, unreliable } from "../support/servers/unreliable.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const good = playRoles();
const budget = 100;

// ----- In this process, without waiting -----

const { description } = [...vectorSpaces.values()].find(({ size }) => size > 1_000n) as Space;

/** A clock whose waits are over at once and are recorded. */
class HastyClock implements Clock {
  readonly waits: number[] = [];
  #seconds = 0;

  now(): string {
    return new Date(Date.UTC(2026, 0, 1)).toISOString();
  }

  seconds(): number {
    return this.#seconds;
  }

  async sleep(seconds: number): Promise<void> {
    this.waits.push(seconds);
    this.#seconds += seconds;
  }
}

interface Searched {
  readonly state: RunState;
  readonly events: readonly RunEvent[];
  readonly requests: number;
  readonly waits: readonly number[];
}

/** A search of 100 evaluations, four a round, so that there are many calls. */
async function searchHere(answer: (request: ModelRequest) => Answer): Promise<Searched> {
  const server = await startModelServer(answer);
  onTestFinished(() => server.close());
  const { model } = parseConfig(
    {
      space: "any",
      model: { name: "some-model", baseUrl: server.baseUrl, keyVariable: "NO_KEY", timeoutSeconds: 0.5 },
    },
    "",
  );
  const clock = new HastyClock();
  const { models, close } = await openModels(model as ModelConfig, clock, { onRetry: () => {} });
  onTestFinished(close);
  const evaluator = new MemoryEvaluator({
    description,
    score: ({ text }) => 50 + (text.length % 40),
    costs: ({ text }) => ({ flops_m: text.length }),
  });
  const { run, journal } = await setUp({
    searcher: collm,
    description,
    evaluator,
    models,
    search: { budget, candidates: { min: 4, max: 4 } },
  });
  const state = await run();
  return { state, events: journal.events, requests: server.requests.length, waits: clock.waits };
}

/** What a search decided, reply by reply, without what it took to get each. */
function decided(recorded: readonly RunEvent[]): unknown[] {
  return recorded.map(({ at: _at, seq: _seq, v: _v, ...body }) => {
    const { chain: _seal, ...rest } = body as Record<string, unknown>;
    if (body.type !== "chat-replied") return rest;
    const { seconds: _seconds, failures: _failures, billedFailures: _billed, ...reply } = body.reply;
    return { ...rest, reply };
  });
}

describe("100 evaluations, and three calls in ten fail", () => {
  test.each([1, 2, 3, 4])("seed %i: all comes out as without failures", async (seed) => {
    const undisturbed = await searchHere(good);
    const server = unreliable(good, { seed, percent: 30, ways: failures });
    const searched = await searchHere(server.answer);
    expect(server.failed.length).toBeGreaterThan(10);
    expect(searched.state.ended).toBe("budget");
    expect(funnel(searched.state)).toEqual(funnel(undisturbed.state));
    expect(funnel(searched.state).evaluated).toBe(budget);
    expect(trace(searched.state)).toEqual(trace(undisturbed.state));
    expect(decided(searched.events)).toEqual(decided(undisturbed.events));
    expect(spend(searched.state)).toMatchObject({
      chatCalls: spend(undisturbed.state).chatCalls,
      rejectedReplies: 0,
    });
    // Each failure is told, whichever call it struck, and answered by one more request.
    const told = bodies(searched.events, "chat-replied").flatMap(({ reply }) => reply.failures);
    expect(told).toHaveLength(server.failed.length);
    expect(searched.requests).toBe(undisturbed.requests + server.failed.length);
    expect(searched.waits).toHaveLength(server.failed.length);
    expect((await replaySearch(searched.events, collm)).complete).toBe(true);
  });

  test("all failures together take every way there is", async () => {
    const ways = [1, 2, 3, 4].flatMap((seed) => {
      const server = unreliable(() => () => {}, { seed, percent: 30, ways: failures });
      for (let call = 0; call < 100; call++) server.answer(undefined as unknown as ModelRequest);
      return server.failed;
    });
    expect(new Set(ways)).toEqual(new Set(Object.keys(failures)));
  });

  test("half of the calls are asked to slow down: no candidate and no round is lost, nothing is paid for", async () => {
    const undisturbed = await searchHere(good);
    const server = unreliable(good, { seed: 1, percent: 50, ways: slowDowns });
    const searched = await searchHere(server.answer);
    expect(server.failed.length).toBeGreaterThan(20);
    expect(searched.state.rounds).toHaveLength(undisturbed.state.rounds.length);
    expect(decided(searched.events)).toEqual(decided(undisturbed.events));
    expect(spend(searched.state)).toMatchObject({
      failedAttempts: server.failed.length,
      billedFailures: 0,
      inputTokens: spend(undisturbed.state).inputTokens,
    });
    // What the server asked for is what was waited.
    const asked = server.failed.filter((way) => way !== "429 without either").length;
    expect(searched.waits.filter((seconds) => seconds === 0.01)).toHaveLength(asked);
  });
});

// ----- As a person runs it -----

test("the command line, with the real evaluator, comes to the same and says what it waits for", async () => {
  const searchThere = async (answer: (request: ModelRequest) => Answer) => {
    const server = await startModelServer(answer);
    onTestFinished(() => server.close());
    const file = temporaryFile(
      "search.yaml",
      `space: analognas-baseline
budget: ${budget}
candidates: {min: 10, max: 10}
model: {name: some-model, baseUrl: "${server.baseUrl}", keyVariable: TEST_KEY, timeoutSeconds: 2}
`,
    );
    const run = newRun();
    const ended = await collmNas(["run", file, "--evaluator", evaluator.address, "--out", run, "--json"]);
    expect(ended.code, ended.stderr).toBe(0);
    return { run, stderr: ended.stderr, summary: JSON.parse(ended.stdout) as Summary };
  };
  const undisturbed = await searchThere(good);
  // Most of these say how long to wait, so that the test need not wait long.
  const short = ["429 with Retry-After", "429 with retry-after-ms", "503 with Retry-After"];
  const ways = [...short, "a reset in the body", "JSON cut off"];
  const server = unreliable(good, {
    seed: 5,
    percent: 30,
    ways: Object.fromEntries(Object.entries(failures).filter(([way]) => ways.includes(way))),
  });
  const { run, stderr, summary } = await searchThere(server.answer);
  expect(server.failed.length).toBeGreaterThan(4);
  expect(summary).toMatchObject({ status: "ended", stopReason: "budget", spend: { evaluations: budget } });
  expect(summary.funnel).toEqual(undisturbed.summary.funnel);
  expect(summary.best?.text).toBe(undisturbed.summary.best?.text);
  expect(decisionsWithoutReplies(run)).toEqual(decisionsWithoutReplies(undisturbed.run));
  expect(summary.spend.failedAttempts).toBe(server.failed.length);
  expect(stderr.match(/^waiting /gm)).toHaveLength(server.failed.length);
  expect(events(run).filter(({ type }) => type === "round-closed")).toHaveLength(
    events(undisturbed.run).filter(({ type }) => type === "round-closed").length,
  );
});

function decisionsWithoutReplies(run: string): unknown[] {
  return decisions(run).filter((event) => {
    const { type } = event as { readonly type: string };
    return type === "round-proposed" || type === "strategy-set" || type === "architecture-measured";
  });
}
