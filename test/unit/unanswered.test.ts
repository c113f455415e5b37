/** Replies without an answer: rejected as what they are, asked for less often than unreadable ones, and in the record. */
import { describe, expect, test } from "vitest";
import { RecordedChat } from "../../src/models/recorded-chat.ts";
import { UnusableReply } from "../../src/errors.ts";
import type { ChatReply, Role, Unanswered } from "../../src/search/events.ts";
import type { ChatRequest } from "../../src/search/ports.ts";
import { fold } from "../../src/search/fold.ts";
import { funnel } from "../../src/search/funnel.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch, resumeSearch } from "../../src/search/replay.ts";
import { askForRanking } from "../../src/ranking/ranker.ts";
import { collm } from "../../src/searchers/collm.ts";
import { bodies, facts, setUp } from "../support/core-ports.ts";
import { playedReply } from "../support/played-roles.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { runResumed } from "../support/run-events.ts";

const never = new AbortController().signal;
const kinds: readonly Unanswered[] = [
  { why: "refused", words: "the model refuses to answer (no)", next: "use another model" },
  { why: "withheld", words: "the answer was withheld", next: "use another model" },
  { why: "in-thoughts", words: "all of the reply stands among the thoughts", next: "mend the server" },
];

/** Legal text in the content does not make a reply an answer. */
function noAnswer(unanswered: Unanswered): Partial<ChatReply> {
  return { content: "## Directions\nWiden the early slots and nothing else.", unanswered };
}

/** Both roles played in memory, but for the requests that get no answer. */
async function search(isUnanswered: (request: ChatRequest, index: number) => Unanswered | null, search = {}) {
  const chat = new ScriptedChat((request, index) => {
    const unanswered = isUnanswered(request, index);
    return unanswered === null ? playedReply(request) : noAnswer(unanswered);
  });
  const models = { navigator: chat, generator: chat };
  return { chat, ...(await setUp({ searcher: collm, models, search })) };
}

describe.each(kinds)("$why", (unanswered) => {
  test.each<Role>(["navigator", "generator"])(
    "again and again of the %s ends the run soon, with what to do",
    async (role) => {
      const { chat, run, journal } = await search((request) => (request.role === role ? unanswered : null));
      const error = await run().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(UnusableReply);
      expect(String(error)).toContain(`(${unanswered.words}); ${unanswered.next}, then resume`);
      expect(chat.requests.filter((request) => request.role === role)).toHaveLength(4);
      for (const { reasons } of bodies(journal.events, "reply-rejected"))
        expect(reasons).toEqual([unanswered.words]);
      expect((await replaySearch(journal.events, collm)).complete).toBe(false);
    },
  );

  test("once in a while costs no round; the run continues and replays", async () => {
    const { run, journal } = await search(({ round, attempt }) =>
      round % 2 === 1 && attempt === 1 ? unanswered : null,
    );
    const state = await run();
    expect(state.ended).toBe("budget");
    expect(funnel(state).evaluated).toBe(20);
    expect(state.rounds.every(({ candidates }) => candidates.length > 0)).toBe(true);
    const replayed = await replaySearch(journal.events, collm);
    expect(replayed.complete).toBe(true);
    expect(facts(replayed.state)).toEqual(facts(fold(journal.events) as RunState));
  });

  test("ends a run that can be resumed once the model answers, and the whole replays", async () => {
    let isMended = false;
    const { run, journal, ports } = await search(({ round }) => (!isMended && round > 2 ? unanswered : null));
    await expect(run()).rejects.toBeInstanceOf(UnusableReply);
    isMended = true;
    await journal.append([runResumed()]);
    const state = await resumeSearch([...journal.events], ports, never);
    expect(state.ended).toBe("budget");
    const replayed = await replaySearch(journal.events, collm);
    expect(replayed.complete).toBe(true);
    expect(facts(replayed.state)).toEqual(facts(state));
  });

  test("is given by a recorded model as it was", async () => {
    const { run, journal } = await search(({ round, attempt }) =>
      round === 1 && attempt === 1 ? unanswered : null,
    );
    await run();
    const player = new RecordedChat(journal.events, "runs/a").player("navigator");
    const request = bodies(journal.events, "chat-replied")[0];
    const asked = { role: "navigator", round: 1, attempt: 1, schema: null, seed: 1, brief: null } as const;
    const reply = await player.reply({ ...asked, messages: request?.added ?? [] }, never);
    expect(reply.unanswered).toEqual(unanswered);
  });

  test("is no ranking either", async () => {
    const chat = new ScriptedChat(() => ({ content: '{"ranking": [2, 1]}', unanswered }));
    const prompt = { system: "You rank.", user: "Rank.", schema: null, brief: null };
    const { ranking, replies } = await askForRanking(chat, prompt, { count: 2, seed: 1, trial: 1 }, never);
    expect(ranking).toBeNull();
    expect(replies.map(({ rejected }) => rejected)).toEqual([[unanswered.words], [unanswered.words]]);
  });
});

test("unreadable replies among them leave the model its usual patience", async () => {
  const stallRounds = 4;
  const chat = new ScriptedChat((_request, index) =>
    index % 3 === 2 ? "No." : noAnswer(kinds[0] as Unanswered),
  );
  const { run } = await setUp({
    searcher: collm,
    models: { navigator: chat, generator: chat },
    search: { stallRounds },
  });
  await expect(run()).rejects.toThrow(`in the last ${stallRounds} rounds`);
});
