/** What a run may use: caps that hold, stops that can be resumed, and records of both that replay. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChatUnavailable, Interrupted } from "../../src/errors.ts";
import { runSearch, type SearchPorts } from "../../src/search/coordinator.ts";
import type { ChatReply, EventBody, Prices, RunEvent, SearchConfig } from "../../src/search/events.ts";
import type { ChatRequest, Deadline, Evaluator, Searcher } from "../../src/search/ports.ts";
import { metered, spend } from "../../src/search/spend.ts";
import { fold } from "../../src/search/fold.ts";
import { budgetSpent, secondsWorked } from "../../src/search/progress.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch, resumeSearch } from "../../src/search/replay.ts";
import { bodies, facts, StillClock, started } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { MemoryJournal } from "../support/memory-journal.ts";
import { ScriptedChat, type ScriptedReply } from "../support/scripted-chat.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";
import { runResumed } from "../support/run-events.ts";

const never = new AbortController().signal;
const bounds = {
  navigator: { maxTokens: 50, contextTokens: null },
  generator: { maxTokens: 50, contextTokens: null },
};

/** Asks both roles; the Generator gives the next two architectures. */
const searcher: Searcher = {
  name: "two roles",
  summary: "asks both",
  async propose(turn) {
    const prompt = { system: "You search.", schema: null, brief: null };
    const condensed = `in short, round ${turn.round}`;
    const read = ({ content }: ChatReply) => ({ ok: true, value: content }) as const;
    const strategy = await turn.ask(
      "navigator",
      { ...prompt, user: `results of round ${turn.round - 1}`, condensed },
      read,
    );
    if (strategy !== null) await turn.setStrategy(strategy);
    const reply = await turn.ask("generator", { ...prompt, user: "give two" }, read);
    return reply === null ? [] : (JSON.parse(reply) as string[]);
  },
};

function answer({ role, round }: ChatRequest): string {
  return role === "navigator"
    ? `strategy ${round}`
    : JSON.stringify(tinyTexts.slice(2 * round, 2 * round + 2));
}

interface World {
  readonly search: Partial<SearchConfig>;
  readonly say?: (request: ChatRequest) => ScriptedReply | Promise<ScriptedReply>;
  readonly prices?: Prices;
  readonly deadline?: Deadline;
  readonly evaluator?: Evaluator;
}

function portsOf(
  { say = answer, deadline, evaluator = new MemoryEvaluator() }: World,
  journal: MemoryJournal,
) {
  const chat = new ScriptedChat(say, "M");
  const ports: SearchPorts = {
    searcher,
    evaluator,
    models: { navigator: chat, generator: chat },
    journal,
    clock: new StillClock(),
    ...(deadline === undefined ? {} : { deadline }),
  };
  return { chat, ports };
}

async function search(world: World) {
  const journal = new MemoryJournal({ clock: new StillClock() });
  const begin = { ...started({ budget: 40, ...world.search }), models: { navigator: "M", generator: "M" } };
  await journal.append([{ ...begin, ...(world.prices === undefined ? {} : { prices: world.prices }) }]);
  const { chat, ports } = portsOf(world, journal);
  const state = await runSearch([...journal.events], ports, never).catch((error: unknown) => error as Error);
  return { chat, journal, events: journal.events, outcome: state };
}

async function resume(
  events: readonly RunEvent[],
  changes: Parameters<typeof runResumed>[0],
  world: Omit<World, "search">,
) {
  const journal = new MemoryJournal({ clock: new StillClock(), events });
  await journal.append([runResumed(changes)]);
  const { ports } = portsOf({ ...world, search: {} }, journal);
  const state = await resumeSearch([...journal.events], ports, never);
  return { state, events: journal.events };
}

async function expectReplays(events: readonly RunEvent[], complete = true): Promise<void> {
  const replayed = await replaySearch(events, searcher);
  expect(replayed.complete).toBe(complete);
  expect(facts(replayed.state)).toEqual(facts(fold(events) as RunState));
}

describe("a cap on tokens", () => {
  it("is never overstepped by a server that keeps to the longest reply, and ends the run with what it bought", async () => {
    const say = (request: ChatRequest) => ({
      content: answer(request),
      inputTokens: request.messages.reduce((sum, { content }) => sum + content.length, 0),
      outputTokens: 50,
    });
    for (const tokens of [500, 900, 1_700, 2_500]) {
      const { outcome, events } = await search({ search: { caps: { tokens }, bounds }, say });
      const state = outcome as RunState;
      expect(state.ended).toBe("token-cap");
      expect(metered(state).tokens).toBeLessThanOrEqual(tokens);
      const [reached] = bodies(events, "cap-reached");
      expect(reached).toMatchObject({ cap: "tokens", allowed: tokens, spent: metered(state).tokens });
      expect((reached?.spent ?? 0) + (reached?.needed ?? 0)).toBeGreaterThan(tokens);
      await expectReplays(events);
    }
  });

  it("is asked for nothing where not even the first call fits", async () => {
    const { outcome, chat } = await search({ search: { caps: { tokens: 60 }, bounds } });
    expect((outcome as RunState).ended).toBe("token-cap");
    expect(chat.requests).toHaveLength(0);
  });

  it("records by how much a server overstepped it, uses that reply, and stops", async () => {
    const say = (request: ChatRequest) => ({
      content: answer(request),
      inputTokens: 20,
      outputTokens: 5_000,
    });
    const { outcome, chat, events } = await search({ search: { caps: { tokens: 3_000 }, bounds }, say });
    expect((outcome as RunState).ended).toBe("token-cap");
    expect(chat.requests).toHaveLength(1);
    expect(bodies(events, "cap-reached")).toMatchObject([{ allowed: 3_000, spent: 5_020, needed: 0 }]);
    expect(bodies(events, "strategy-set")).toHaveLength(1);
    await expectReplays(events);
  });

  it("is overstepped by one reply at most, however much longer than allowed a server writes", async () => {
    const price = { inputUsd: 1, cachedInputUsd: null, outputUsd: 1, source: "test" };
    const prices = { navigator: price, generator: price };
    for (const [role, written] of [
      ["navigator", 60],
      ["navigator", 900],
      ["generator", 900],
      ["generator", 5_000],
    ] as const) {
      const say = (request: ChatRequest) => ({
        content: answer(request),
        inputTokens: 20,
        outputTokens: request.role === role ? written : 40,
        ...(request.role === role ? { exceedsMaxTokens: true as const } : {}),
      });
      for (const cap of ["tokens", "usd"] as const) {
        const caps = cap === "tokens" ? { tokens: 9_000 } : { usd: 9_000 / 1e6 };
        const { outcome, events } = await search({ search: { caps, bounds, budget: 1_000 }, say, prices });
        const state = outcome as RunState;
        expect(state.ended).toBe(cap === "tokens" ? "token-cap" : "money-cap");
        // The first reply of its length cannot be foreseen; every later one is.
        const over = metered(state).tokens - 9_000;
        expect(over).toBeLessThanOrEqual(0);
        const replies = bodies(events, "chat-replied").filter((each) => each.role === role);
        expect(replies[0]?.reserved?.outputTokens).toBe(50);
        for (const { reserved } of replies.slice(1)) expect(reserved?.outputTokens).toBe(written);
        await expectReplays(events);
      }
    }
  });

  it("counts a reply without reported tokens as the most it can have been", async () => {
    const say = (request: ChatRequest) => ({
      content: answer(request),
      inputTokens: null,
      outputTokens: null,
    });
    const { outcome, events } = await search({ search: { caps: { tokens: 1_000 }, bounds }, say });
    const state = outcome as RunState;
    expect(state.ended).toBe("token-cap");
    const reserved = bodies(events, "chat-replied").map((each) => each.reserved);
    const most = reserved.reduce(
      (sum, each) => sum + (each?.inputTokens ?? 0) + (each?.outputTokens ?? 0),
      0,
    );
    expect(metered(state).tokens).toBe(most);
    expect(spend(state)).toMatchObject({ inputTokens: null, outputTokens: null });
  });

  it("lets a server charge for failed attempts as often as there is room, and counts them", async () => {
    const asked: (number | undefined)[] = [];
    const say = ({ mostBilled }: ChatRequest) => {
      asked.push(mostBilled);
      return new ChatUnavailable("the model server stalled", {
        failures: ["stalled"],
        billed: 4,
        seconds: 9,
      });
    };
    const { outcome, events } = await search({ search: { caps: { tokens: 700 }, bounds }, say });
    expect((outcome as RunState).ended).toBe("token-cap");
    expect(asked).toEqual([4]);
    expect(bodies(events, "chat-failed")).toMatchObject([{ failures: ["stalled"], billed: 4, seconds: 9 }]);
    expect(spend(outcome as RunState)).toMatchObject({
      failedAttempts: 1,
      billedFailures: 4,
      chatSeconds: 9,
    });
    await expectReplays(events);
  });

  it("is raised by a resume, which spends what was added", async () => {
    const first = await search({ search: { caps: { tokens: 400 }, bounds, budget: 30 } });
    const before = budgetSpent(first.outcome as RunState);
    expect(before).toBeLessThan(30);
    const { state, events } = await resume(first.events, { caps: { tokens: 100_000 } }, {});
    expect(state.ended).toBe("budget");
    expect(budgetSpent(state)).toBe(30);
    await expectReplays(events);
  });
});

describe("a cap on money", () => {
  const price = { inputUsd: 1_000, cachedInputUsd: 100, outputUsd: 10_000, source: "test" };

  it("counts each role at its own price, cached tokens at theirs", async () => {
    const say = (request: ChatRequest) => ({
      content: answer(request),
      inputTokens: 100,
      outputTokens: 10,
      ...(request.role === "navigator" ? { cachedTokens: 60 } : {}),
    });
    const prices = { navigator: price, generator: { ...price, inputUsd: 2_000 } };
    const { outcome } = await search({ search: { budget: 2 }, say, prices });
    // Navigator: 40 at 1,000 and 60 at 100 and 10 at 10,000 a million; Generator: 100 at 2,000 and 10 at 10,000.
    expect(spend(outcome as RunState).usd).toBeCloseTo(0.146 + 0.3, 9);
  });

  it("ends the run before it is overstepped", async () => {
    const prices = { navigator: price, generator: price };
    const { outcome, events } = await search({ search: { caps: { usd: 2 }, bounds }, prices });
    expect((outcome as RunState).ended).toBe("money-cap");
    expect(metered(outcome as RunState).usd).toBeLessThanOrEqual(2);
    expect(bodies(events, "chat-replied").length).toBeGreaterThan(1);
    await expectReplays(events);
  });

  it("is not known where a price is not", async () => {
    const { outcome } = await search({
      search: { budget: 2 },
      prices: { navigator: price, generator: null },
    });
    expect(spend(outcome as RunState).usd).toBeNull();
  });
});

describe("a cap on time", () => {
  /** A deadline that passes when it is told to. */
  function deadline() {
    const over = new AbortController();
    const without = <T>(wait: () => Promise<T>) => wait();
    return { signal: over.signal, isOver: () => over.signal.aborted, without, pass: () => over.abort() };
  }

  it("breaks off a call that waits, however long the server asks to wait", async () => {
    const end = deadline();
    const say = (request: ChatRequest) => {
      if (request.role === "navigator") return answer(request);
      setImmediate(end.pass);
      return new Promise<never>(() => {});
    };
    const { outcome, events } = await search({ search: { caps: { seconds: 60 } }, say, deadline: end });
    expect((outcome as RunState).ended).toBe("time-cap");
    expect(bodies(events, "cap-reached")).toMatchObject([{ cap: "seconds", allowed: 60 }]);
    await expectReplays(events);
  });

  it("breaks off an evaluation; a resume continues that round", async () => {
    const end = deadline();
    const inner = new MemoryEvaluator();
    let evaluated = 0;
    const evaluator: Evaluator = {
      measureCosts: (request, signal) => inner.measureCosts(request, signal),
      async *evaluate(request, signal) {
        for await (const message of inner.evaluate(request, never)) {
          if (request.split === "search" && ++evaluated === 4) end.pass();
          if (signal.aborted) throw new Interrupted("stopped on request");
          yield message;
        }
      },
    };
    const world = { search: { caps: { seconds: 60 }, budget: 8 }, deadline: end, evaluator };
    const first = await search(world);
    const stopped = first.outcome as RunState;
    expect(stopped.ended).toBe("time-cap");
    expect(budgetSpent(stopped)).toBe(3);
    expect(stopped.rounds.at(-1)).toMatchObject({ round: 2, closed: false });
    await expectReplays(first.events);
    const { state, events } = await resume(first.events, { caps: { seconds: 600 } }, {});
    expect(state.ended).toBe("budget");
    expect(budgetSpent(state)).toBe(8);
    // Round 2 was proposed once: its second candidate was evaluated when the run went on.
    expect(bodies(events, "round-proposed").filter(({ round }) => round === 2)).toHaveLength(1);
    await expectReplays(events);
  });

  it("does not pass off a person's stop as its own", async () => {
    const stop = new AbortController();
    const journal = new MemoryJournal({ clock: new StillClock() });
    await journal.append([
      { ...started({ caps: { seconds: 60 } }), models: { navigator: "M", generator: "M" } } as EventBody,
    ]);
    const say = () => {
      setImmediate(() => stop.abort());
      return new Promise<never>(() => {});
    };
    const { ports } = portsOf({ search: {}, say, deadline: deadline() }, journal);
    await expect(runSearch([...journal.events], ports, stop.signal)).rejects.toThrow(Interrupted);
    expect(bodies(journal.events, "cap-reached")).toHaveLength(0);
  });
});

describe("the time that a run was worked on", () => {
  it("is what lies between the times in its record, over months and leap days", () => {
    const time = fc.date({
      min: new Date("2000-01-01"),
      max: new Date("2400-01-01"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(time, time, (first, second) => {
        const [from, to] = [first, second].sort((one, other) => Number(one) - Number(other)) as [Date, Date];
        const times = {
          resumedAt: from.toISOString(),
          lastAt: to.toISOString(),
          secondsBefore: 5,
          isPaused: false,
        };
        const seconds = (Number(to) - Number(from)) / 1_000;
        expect(secondsWorked(times)).toBeCloseTo(5 + seconds, 3);
      }),
    );
  });
});

describe("a call that brought no reply", () => {
  it("is recorded with its attempts; the run can be resumed and replays", async () => {
    let calls = 0;
    const say = (request: ChatRequest) =>
      ++calls === 3
        ? new ChatUnavailable("the model server is away", {
            failures: ["away", "away"],
            billed: 0,
            seconds: 3,
          })
        : answer(request);
    const first = await search({ search: { budget: 6 }, say });
    expect(first.outcome).toBeInstanceOf(ChatUnavailable);
    expect(first.events.at(-1)).toMatchObject({
      type: "chat-failed",
      role: "navigator",
      round: 2,
      seconds: 3,
    });
    await expectReplays(first.events, false);
    const { state, events } = await resume(first.events, {}, {});
    expect(budgetSpent(state)).toBe(6);
    expect(spend(state)).toMatchObject({ failedAttempts: 2, chatSeconds: 3 });
    await expectReplays(events);
  });
});

describe("a conversation that no longer fits the window", () => {
  it("begins again with older rounds in short, as often as necessary, and says so in the record", async () => {
    const window = {
      navigator: { maxTokens: 20, contextTokens: 260 },
      generator: { maxTokens: 20, contextTokens: null },
    };
    const say = (request: ChatRequest) => ({
      content: answer(request),
      inputTokens: Math.ceil(request.messages.reduce((sum, { content }) => sum + content.length, 0) / 3),
      outputTokens: 5,
    });
    const { outcome, chat, events } = await search({ search: { budget: 20, bounds: window }, say });
    expect((outcome as RunState).ended).toBe("budget");
    const asked = chat.requests.filter(({ role }) => role === "navigator");
    const anew = bodies(events, "chat-replied").filter(({ condensed }) => condensed === true);
    expect(anew.length).toBeGreaterThan(0);
    for (const { round, added, carried } of anew) {
      expect(carried).toBe(0);
      expect(added).toEqual([
        { role: "system", content: "You search." },
        { role: "user", content: `in short, round ${round}` },
      ]);
    }
    const longest = Math.max(...asked.map(({ messages }) => messages.length));
    expect(longest).toBeLessThan(2 * asked.length);
    const afterwards = asked.find(({ round }) => round === (anew[0]?.round ?? 0) + 1);
    expect(afterwards?.messages[1]?.content).toBe(`in short, round ${anew[0]?.round}`);
    await expectReplays(events);
  });
});
