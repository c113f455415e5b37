/** Prompts that a server cuts without a word: noticed where it happens, and nowhere else; stopped for, or met by fewer words. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChatUnavailable } from "../../src/errors.ts";
import { runSearch, type SearchPorts } from "../../src/search/coordinator.ts";
import type { ChatReply, EventBody, Message, RunEvent, SearchConfig } from "../../src/search/events.ts";
import type { ChatRequest, Searcher } from "../../src/search/ports.ts";
import { randomStream } from "../../src/search/random.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch, resumeSearch } from "../../src/search/replay.ts";
import { bodies, facts, StillClock, started } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { MemoryJournal } from "../support/memory-journal.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";
import { runResumed } from "../support/run-events.ts";

const never = new AbortController().signal;
const rounds = 9;

/** Some words, of about so many bytes. */
function prose(label: string, bytes: number): string {
  const key = `${label} ${bytes}`;
  const known = texts.get(key);
  if (known !== undefined) return known;
  const random = randomStream(7, label);
  const words = ["results", "of", "the", "round", "accuracy", "94.31", "width", "16", "skip"];
  let text = label;
  while (text.length < bytes) text += ` ${words[random.below(words.length)]}`;
  texts.set(key, text);
  return text;
}

const texts = new Map<string, string>();

/** About as long as the real prompts are; `bytes` is the length of a round's results. */
function searcherTelling(bytes: (round: number) => number): Searcher {
  return {
    name: "two roles",
    summary: "asks both",
    async propose(turn) {
      const { round } = turn;
      const read = ({ content }: ChatReply) => ({ ok: true, value: content }) as const;
      const strategy = await turn.ask(
        "navigator",
        {
          system: prose("You refine strategies.", 4_000),
          user: prose(`results ${round - 1}`, bytes(round)),
          condensed: prose(`in short, round ${round}`, 2_500),
          schema: null,
        },
        read,
      );
      if (strategy !== null) await turn.setStrategy(strategy);
      const system = prose("You write architectures.", 3_000);
      const user = `follow: ${strategy}`;
      const reply = await turn.ask("generator", { system, user, schema: null }, read);
      return reply === null ? [] : (JSON.parse(reply) as string[]);
    },
  };
}

/** How a server counts a prompt; `seen` are the messages of the prompts before, in text. */
type Count = (messages: readonly Message[], seen: ReadonlySet<string>) => Partial<ChatReply>;

const bytesIn = (messages: readonly Message[]) =>
  messages.reduce((sum, { content }) => sum + content.length, 0);
const whole = (rate: number, messages: readonly Message[]) => Math.ceil(bytesIn(messages) * rate) + 30;
const fresh = (messages: readonly Message[], seen: ReadonlySet<string>) =>
  messages.filter(({ role, content }) => role !== "assistant" && !seen.has(content));

/** The system message and as many of the latest others as have room; the last one in any case. */
function latest(rate: number, window: number, messages: readonly Message[]): Message[] {
  const [system, ...others] = messages as [Message, ...Message[]];
  while (others.length > 1 && whole(rate, [system, ...others]) > window) others.shift();
  return [system, ...others];
}

interface World {
  readonly count: Count;
  readonly how?: "stop" | "shorten" | null;
  readonly bytes?: (round: number) => number;
  /** The length of the Navigator's replies. */
  readonly strategyBytes?: (round: number) => number;
  readonly memory?: SearchConfig["memory"];
  readonly contextTokens?: number | null;
}

const usual = (round: number) => 1_200 + ((round * 613) % 900);

const usualStrategy = (round: number) => 1_000 + ((round * 401) % 800);

function portsOf({ count, bytes = usual, strategyBytes = usualStrategy }: World, journal: MemoryJournal) {
  const seen = new Set<string>();
  const say = ({ role, round, messages }: ChatRequest) => {
    const counted = count(messages, seen);
    for (const { content } of messages) seen.add(content);
    const content =
      role === "navigator"
        ? prose(`strategy ${round}`, strategyBytes(round))
        : JSON.stringify(tinyTexts.slice(2 * round, 2 * round + 2));
    return { content, ...counted };
  };
  const chat = new ScriptedChat(say, "M");
  const ports: SearchPorts = {
    searcher: searcherTelling(bytes),
    evaluator: new MemoryEvaluator(),
    models: { navigator: chat, generator: chat },
    journal,
    clock: new StillClock(),
  };
  return { ports, chat };
}

async function search(world: World) {
  const { how = "stop", memory = { navigator: true, generator: false }, contextTokens = null } = world;
  const watched = how === null ? {} : { onTruncation: { navigator: how, generator: how } };
  const bound = { maxTokens: 500, contextTokens };
  const journal = new MemoryJournal({ clock: new StillClock() });
  const begin = started({
    budget: 40,
    rounds,
    memory,
    bounds: { navigator: bound, generator: bound },
    ...watched,
  });
  await journal.append([{ ...begin, models: { navigator: "M", generator: "M" } } as EventBody]);
  const { ports, chat } = portsOf(world, journal);
  const outcome = await runSearch([...journal.events], ports, never).catch((error: unknown) => error);
  return { outcome, events: journal.events, chat };
}

async function resume(events: readonly RunEvent[], changes: Parameters<typeof runResumed>[0], world: World) {
  const journal = new MemoryJournal({ clock: new StillClock(), events });
  await journal.append([runResumed(changes)]);
  const { ports } = portsOf(world, journal);
  const outcome = await resumeSearch([...journal.events], ports, never).catch((error: unknown) => error);
  return { outcome, events: journal.events };
}

async function expectReplays(events: readonly RunEvent[], complete: boolean): Promise<void> {
  const replayed = await replaySearch(events, searcherTelling(usual));
  expect(replayed.complete).toBe(complete);
  expect(facts(replayed.state)).toEqual(facts(fold(events) as RunState));
}

const cutIn = (events: readonly RunEvent[]) =>
  bodies(events, "chat-replied").filter(({ truncated }) => truncated !== undefined);

const cutting: Readonly<Record<string, Count>> = {
  "reads one length of each": (messages) => ({ inputTokens: Math.min(2_500, whole(0.27, messages)) }),
  "reads less than the first prompts": (messages) => ({
    inputTokens: Math.min(1_026, whole(0.27, messages)),
  }),
  "drops the oldest messages": (messages) => ({
    inputTokens: whole(0.27, latest(0.27, 2_600, messages)),
  }),
  "drops half of what is too long": (messages) => {
    const tokens = whole(0.27, messages);
    return { inputTokens: tokens <= 2_600 ? tokens : 1_300 + (tokens % 1_300) };
  },
  "tells what it had read before": (messages) => ({
    inputTokens: Math.min(2_500, whole(0.27, messages)),
    cachedTokens: 1_024,
  }),
};

const keeping: Readonly<Record<string, Count>> = {
  "counts everything": (messages) => ({ inputTokens: whole(0.27, messages) }),
  "counts what it had not read before": (messages, seen) => ({
    inputTokens: whole(0.27, fresh(messages, seen)),
  }),
  "counts the two apart": (messages, seen) => ({
    inputTokens: whole(0.27, fresh(messages, seen)),
    cachedTokens: whole(0.27, messages) - whole(0.27, fresh(messages, seen)),
  }),
  "tells how much of all it had read before": (messages, seen) => ({
    inputTokens: whole(0.27, messages),
    cachedTokens: whole(0.27, messages) - whole(0.27, fresh(messages, seen)),
  }),
  "no longer has what it had read before, after a while": (messages, seen) => ({
    inputTokens: whole(0.27, messages),
    cachedTokens: seen.size < 14 ? Math.floor(0.9 * whole(0.27, messages)) : 0,
  }),
  "forgets now and then what it had read": (messages, seen) => ({
    inputTokens: whole(0.27, seen.size % 5 === 0 ? messages : fresh(messages, seen)),
  }),
  "keeps what it had read from some day on": (messages, seen) => ({
    inputTokens: whole(0.27, seen.size < 18 ? messages : fresh(messages, seen)),
  }),
  "keeps the system message alone": (messages) => ({ inputTokens: whole(0.27, messages.slice(1)) }),
  "counts nothing": () => ({ inputTokens: null }),
  "counts nothing, and says 0": () => ({ inputTokens: 0 }),
  "counts one number": () => ({ inputTokens: 11 }),
  "puts a long text of its own before": (messages) => ({ inputTokens: 3_000 + whole(0.27, messages) }),
};

describe("a server that cuts prompts", () => {
  it.each(Object.keys(cutting))("is noticed when it %s, and the run stops with a way out", async (name) => {
    const { outcome, events } = await search({ count: cutting[name] as Count });
    expect(outcome).toBeInstanceOf(ChatUnavailable);
    const [cut, ...others] = cutIn(events);
    expect(others).toEqual([]);
    expect(cut?.role).toBe("navigator");
    expect(cut?.truncated?.promptTokens).toBeLessThan(2_700);
    for (const words of [
      `${cut?.truncated?.promptTokens} tokens`,
      "OLLAMA_CONTEXT_LENGTH",
      "--max-model-len",
    ])
      expect((outcome as Error).message).toContain(words);
    expect((outcome as Error).message).toContain("--on-truncation shorten");
    await expectReplays(events, false);
  });

  it("stops the run again where nothing was done about it, and lets it continue where something was", async () => {
    const cuts = { count: cutting["reads one length of each"] as Count };
    const first = await search(cuts);
    const again = await resume(first.events, {}, cuts);
    expect(again.outcome).toBeInstanceOf(ChatUnavailable);
    expect(cutIn(again.events)).toHaveLength(2);
    await expectReplays(again.events, false);
    const mended = await resume(again.events, {}, { count: keeping["counts everything"] as Count });
    expect((mended.outcome as RunState).ended).toBe("rounds");
    expect(cutIn(mended.events)).toHaveLength(2);
    await expectReplays(mended.events, true);
  });

  it("shortens older rounds where that is wanted, and every later prompt is read whole", async () => {
    const window = 3_000;
    const count: Count = (messages) => ({ inputTokens: Math.min(window, whole(0.27, messages)) });
    const { outcome, events, chat } = await search({ count, how: "shorten" });
    expect((outcome as RunState).ended).toBe("rounds");
    const asked = bodies(events, "chat-replied");
    const at = asked.findIndex(({ truncated }) => truncated !== undefined);
    expect(at).toBeGreaterThan(0);
    expect(asked.slice(at + 1).find(({ role }) => role === "navigator")?.condensed).toBe(true);
    expect(cutIn(events)).toHaveLength(1);
    for (const { messages } of chat.requests.slice(at + 1))
      expect(whole(0.27, messages)).toBeLessThanOrEqual(window);
    await expectReplays(events, true);
  });

  it("stops the run where not even that has room, and replays; a resume may choose this way too", async () => {
    const count: Count = (messages) => ({ inputTokens: Math.min(1_300, whole(0.27, messages)) });
    const stopped = await search({ count });
    const onTruncation = { navigator: "shorten" } as const;
    const { outcome, events } = await resume(stopped.events, { onTruncation }, { count });
    expect(outcome).toBeInstanceOf(ChatUnavailable);
    const shortened = await search({ count, how: "shorten" });
    expect((shortened.outcome as Error).message).toContain("cuts even the shortened conversation");
    expect(cutIn(shortened.events).map(({ condensed = false }) => condensed)).toEqual([false, true]);
    for (const record of [events, shortened.events]) await expectReplays(record, false);
  });
});

describe("a server that reads prompts whole", () => {
  it.each(Object.keys(keeping))("is left alone when it %s", async (name) => {
    for (const memory of [
      { navigator: true, generator: false },
      { navigator: true, generator: true },
      { navigator: false, generator: false },
    ]) {
      const { outcome, events } = await search({ count: keeping[name] as Count, memory });
      expect((outcome as RunState).ended).toBe("rounds");
      expect(cutIn(events)).toEqual([]);
      await expectReplays(events, true);
    }
  });

  it("is left alone whatever its tokens and however long the rounds", async () => {
    const tokens = fc.double({ min: 0.12, max: 0.9, noNaN: true });
    const lengths = fc.array(fc.integer({ min: 40, max: 6_000 }), { minLength: rounds, maxLength: rounds });
    await fc.assert(
      fc.asyncProperty(
        tokens,
        lengths,
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (rate, bytes, kept) => {
          const random = randomStream(Math.round(1e6 * kept), "kept");
          const count: Count = (messages, seen) => ({
            inputTokens: whole(rate, random.below(1_000) < 1_000 * kept ? fresh(messages, seen) : messages),
          });
          const { events } = await search({ count, bytes: (round) => bytes[round - 1] ?? 0 });
          expect(cutIn(events)).toEqual([]);
        },
      ),
      { numRuns: 15 },
    );
  });

  it("is left alone when it had read the system messages in an earlier run, and counts only the rest", async () => {
    const count: Count = (messages, seen) => ({
      inputTokens: whole(
        0.27,
        fresh(messages, seen).filter(({ role }) => role !== "system"),
      ),
    });
    const { events } = await search({
      count,
      bytes: (round) => 1_200 + (round % 2) * 40,
      strategyBytes: () => 300,
    });
    expect(cutIn(events)).toEqual([]);
  });

  it("is left alone when new conversations begin for another reason", async () => {
    const { events } = await search({ count: keeping["counts everything"] as Count, contextTokens: 3_500 });
    expect(bodies(events, "chat-replied").some(({ condensed }) => condensed === true)).toBe(true);
    expect(cutIn(events)).toEqual([]);
    await expectReplays(events, true);
  });

  it("is not asked for by the records of older programs", async () => {
    const { events } = await search({ count: cutting["reads one length of each"] as Count, how: null });
    expect(cutIn(events)).toEqual([]);
    expect(bodies(events, "run-ended")).toHaveLength(1);
    await expectReplays(events, true);
  });
});
