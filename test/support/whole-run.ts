/** A search that does all that a search can do, for tests that cut its record, resume and replay it. */
import { expect } from "vitest";
import type { SearchPorts } from "../../src/search/coordinator.ts";
import type { Outcome, RunEvent, SearchConfig } from "../../src/search/events.ts";
import type { ChatRequest, Searcher } from "../../src/search/ports.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch, resumeSearch } from "../../src/search/replay.ts";
import { facts, StillClock } from "./core-ports.ts";
import { MemoryEvaluator } from "./memory-evaluator.ts";
import { MemoryJournal } from "./memory-journal.ts";
import { runResumed } from "./run-events.ts";
import { ScriptedChat } from "./scripted-chat.ts";
import { askingSearcher } from "./scripted-searcher.ts";
import { tinyTexts } from "./tiny-architectures.ts";
import { tinyScore, tinySpace } from "./tiny-space.ts";

export const space = tinySpace();

const never = new AbortController().signal;

/** Asks both roles, and for costs before it proposes; adds draws of its own to what the Generator says. */
export const searcher: Searcher = {
  name: "everything",
  summary: "does all that a searcher can do",
  async propose(turn) {
    const asked = await askingSearcher.propose(turn);
    const random = turn.random("draws");
    const drawn = [space.sample(random), space.sample(random)];
    const costs = await turn.costs(drawn);
    return [...asked, ...costs.map(({ text }) => text)];
  },
};

/** Replies that depend on the request alone: some cannot be read, some hold nonsense and repeats. */
function content({ role, round, attempt }: ChatRequest): string {
  const isMute =
    (role === "navigator" && round % 3 === 2 && attempt === 1) || (role === "generator" && round === 3);
  if (isMute) return `? ${role} ${round}.${attempt}`;
  if (role === "navigator") return `strategy ${round}`;
  const from = (round * 29) % 100;
  return JSON.stringify([
    ...tinyTexts.slice(from, from + 3),
    tinyTexts[0],
    tinyTexts.at(-1),
    "nonsense",
    { depth: [3, round] },
  ]);
}

export const failed: Outcome = { kind: "failure", failure: "crashed", message: "every fifth one" };

/** A world that answers the same questions in the same way each time it is made. */
export function world() {
  const models = { navigator: new ScriptedChat(content, "N"), generator: new ScriptedChat(content, "G") };
  const evaluator = new MemoryEvaluator({
    order: "shuffled",
    equivalenceKey: ({ text }) => `${text.length}${text.includes("24")}${text.includes("32,")}${text.at(-3)}`,
    score: (architecture, split) =>
      tinyTexts.indexOf(architecture.text) % 5 === 1 ? failed : tinyScore(architecture, split),
  });
  return { searcher, models, evaluator, clock: new StillClock() };
}

export const wholeSearch: Partial<SearchConfig> = {
  budget: 12,
  limits: { flops_m: 50 },
  equivalent: "skip",
  candidates: { min: 1, max: 3 },
};

export async function resumed(
  events: readonly RunEvent[],
  changes: Parameters<typeof runResumed>[0] = {},
  ports: Omit<SearchPorts, "journal"> = world(),
) {
  const journal = new MemoryJournal({ events });
  await journal.append([runResumed(changes)]);
  const state = await resumeSearch([...journal.events], { ...ports, journal }, never);
  return { state, events: journal.events };
}

export async function expectReplays(events: readonly RunEvent[], state: RunState): Promise<void> {
  const replay = await replaySearch(events, searcher);
  expect(replay.complete).toBe(true);
  expect(facts(replay.state)).toEqual(facts(state));
  expect(facts(fold(events) as RunState)).toEqual(facts(state));
}
