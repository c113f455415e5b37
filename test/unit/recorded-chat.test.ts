/** A finished run's replies in place of a model: by content, and said where the content is another one. */
import { describe, expect, it } from "vitest";
import { RecordedChat } from "../../src/models/recorded-chat.ts";
import { ChatUnavailable, Interrupted } from "../../src/errors.ts";
import {
  type ChatReply,
  chatReplySchema,
  type RunEvent,
  type SearchConfig,
} from "../../src/search/events.ts";
import type { ChatRequest, Searcher } from "../../src/search/ports.ts";
import { fold } from "../../src/search/fold.ts";
import { trace } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { setUp } from "../support/core-ports.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";

const never = new AbortController().signal;

function searcherSaying(words: string): Searcher {
  return {
    name: "asks both",
    summary: "asks both roles",
    async propose(turn) {
      const ask = { system: "You search.", user: `${words} ${turn.round}`, schema: null, brief: null };
      const read = ({ content }: ChatReply) =>
        content === "?" ? ({ ok: false, reasons: ["no"] } as const) : ({ ok: true, value: content } as const);
      await turn.ask("navigator", ask, read);
      return JSON.parse((await turn.ask("generator", ask, read)) ?? "[]") as string[];
    },
  };
}

/** The Navigator's first reply of each second round cannot be read. */
function said({ role, round, attempt }: ChatRequest) {
  if (role === "navigator") return round % 2 === 0 && attempt === 1 ? "?" : `strategy ${round}`;
  return {
    content: JSON.stringify(tinyTexts.slice(2 * round, 2 * round + 2)),
    reasoning: "because",
    outputTokens: 9,
  };
}

async function recordedRun(): Promise<readonly RunEvent[]> {
  const model = new ScriptedChat(said, "M");
  const { run, journal } = await setUp({
    searcher: searcherSaying("round"),
    models: { navigator: model, generator: model },
    search: { budget: 10 },
  });
  await run();
  return journal.events;
}

describe("a recorded model", () => {
  it("plays the same search again, replies that were asked for twice included", async () => {
    const events = await recordedRun();
    const recorded = new RecordedChat(events, "runs/a");
    const models = { navigator: recorded.player("navigator"), generator: recorded.player("generator") };
    const again = await setUp({ searcher: searcherSaying("round"), models, search: { budget: 10 } });
    const state = await again.run();
    expect(trace(state)).toHaveLength(10);
    expect(state.chats.map(({ reply }) => reply.content)).toEqual(
      events.flatMap((event) => (event.type === "chat-replied" ? [event.reply.content] : [])),
    );
    for (const { reply } of state.chats) {
      expect(reply.notes).toBeUndefined();
      expect(reply.seconds).toBe(0);
      expect(chatReplySchema.parse(reply)).toEqual(reply);
    }
    expect(state.chats.some(({ rejected }) => rejected !== null)).toBe(true);
  });

  it("answers a changed prompt by its place, and says once what changed", async () => {
    const recorded = new RecordedChat(await recordedRun(), "runs/a");
    const models = { navigator: recorded.player("navigator"), generator: recorded.player("generator") };
    const changed = await setUp({ searcher: searcherSaying("stage"), models, search: { budget: 10 } });
    const state = await changed.run();
    expect(trace(state)).toHaveLength(10);
    expect(state.chats.flatMap(({ reply }) => reply.notes ?? [])).toEqual([
      'The prompts differ from those of runs/a, so replies are found by their place in the record: no setting is known to differ, but from character 12 on it was "round 1" and is "stage 1".',
    ]);
    expect(state.chats[0]?.reply.notes).toHaveLength(1);
  });

  it("names every setting that makes the prompts others, and none that does not", async () => {
    const events = await recordedRun();
    const { search, space } = fold(events) as RunState;
    const spoken = async (changes: Partial<SearchConfig>, served = space, words = "stage") => {
      const recorded = new RecordedChat(events, "runs/a", {
        search: { ...search, ...changes },
        space: served,
      });
      const models = { navigator: recorded.player("navigator"), generator: recorded.player("generator") };
      const state = await (
        await setUp({ searcher: searcherSaying(words), models, search: { budget: 10 } })
      ).run();
      return state.chats.flatMap(({ reply }) => reply.notes ?? []).map((note) => note.split("record: ")[1]);
    };
    const settings: readonly [Partial<SearchConfig>, string][] = [
      [{ task: "They tell cats from dogs." }, 'task is unset there and "They tell cats from dogs." here.'],
      [{ wording: "concise" }, 'wording is unset there and "concise" here.'],
      [
        { budget: 9, limits: { flops_m: 4 } },
        'budget is 10 there and 9 here; limits is {} there and {"flops_m":4} here.',
      ],
      [{ task: "x".repeat(500) }, `task is unset there and "${"x".repeat(79)}… here.`],
    ];
    for (const [changes, words] of settings) expect(await spoken(changes)).toEqual([words]);
    expect(
      await spoken({ patienceSeconds: 1, stallRounds: 9, giveUpAfter: 20, caps: { tokens: 5 } }),
    ).toEqual([expect.stringMatching(/^no setting is known to differ/)]);
    expect(await spoken({}, { ...space, digest: "other" })).toEqual([
      `space "${space.id}" has other data here.`,
    ]);
    expect(await spoken({}, { ...space, id: "other" })).toEqual([
      `space is "${space.id}" there and "other" here.`,
    ]);
    expect(await spoken({ task: "They tell cats from dogs." }, space, "round")).toEqual([]);
  });

  it("ends with one clear line where the record has no more", async () => {
    const recorded = new RecordedChat(await recordedRun(), "runs/a");
    const models = { navigator: recorded.player("navigator"), generator: recorded.player("generator") };
    const longer = await setUp({ searcher: searcherSaying("round"), models, search: { budget: 14 } });
    const failure = await longer.run().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ChatUnavailable);
    expect(String(failure)).toContain("the record of runs/a holds no reply of the navigator for round 6");
  });

  it("stops when it is told to", async () => {
    const player = new RecordedChat(await recordedRun(), "runs/a").player("navigator");
    expect(player.label).toBe("no model, recorded in runs/a");
    const stopped = new AbortController();
    stopped.abort();
    const request = {
      role: "navigator",
      round: 1,
      attempt: 1,
      messages: [],
      schema: null,
      seed: 0,
      brief: null,
    } as const;
    await expect(player.reply(request, stopped.signal)).rejects.toThrow(Interrupted);
    await expect(player.reply({ ...request, round: 99 }, never)).rejects.toThrow(ChatUnavailable);
  });
});
