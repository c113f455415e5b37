/** Searches that have played some written rounds, and the Navigator's prompts about them. */
import { expect } from "vitest";
import type { Outcome, SearchConfig } from "../../src/search/events.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { navigatorPrompt } from "../../src/searchers/navigator.ts";
import { setUp } from "./core-ports.ts";
import { MemoryEvaluator } from "./memory-evaluator.ts";
import { scriptedSearcher } from "./scripted-searcher.ts";
import { largest, middle, narrow } from "./tiny-architectures.ts";
import { tinyBest, tinyDescription, tinySpace } from "./tiny-space.ts";

export const tiny = tinySpace();

/** The same as a model sees them, by hand. */
export const shown = {
  [narrow]: '{"depth": [1, 1], "width": [[16, null], [16, null]]}',
  [middle]: '{"depth": [1, 1], "width": [[24, null], [16, null]]}',
  [tinyBest]: '{"depth": [2, 1], "width": [[24, 32], [32, null]]}',
  [largest]: '{"depth": [2, 2], "width": [[32, 32], [32, 32]]}',
};

export interface Played {
  readonly rounds: readonly (readonly unknown[])[];
  readonly search?: Partial<SearchConfig>;
  readonly description?: SpaceDescription;
  readonly score?: (text: string) => number | Outcome;
  readonly equivalenceKey?: () => string;
}

/** The state after some rounds of written candidates, each with a strategy. */
async function played({ rounds, search = {}, description = tinyDescription, score, equivalenceKey }: Played) {
  const { run } = await setUp({
    searcher: scriptedSearcher(async (turn) => {
      await turn.setStrategy(`strategy of round ${turn.round}`);
      return rounds[turn.round - 1] ?? [];
    }),
    description,
    evaluator: new MemoryEvaluator({
      description,
      ...(score === undefined ? {} : { score: ({ text }) => score(text) }),
      ...(equivalenceKey === undefined ? {} : { equivalenceKey }),
    }),
    search: { rounds: Math.max(1, rounds.length), ...search },
  });
  return await run();
}

export async function begun(space: Space, search: Partial<SearchConfig> = {}): Promise<RunState> {
  const { journal } = await setUp({
    searcher: scriptedSearcher([]),
    description: space.description,
    search,
  });
  return fold(journal.events) as RunState;
}

/** The message about the results of the last of some rounds. */
export async function refinement(told: Played): Promise<string> {
  const state = await played(told);
  return navigatorPrompt(state, new Space(state.space), state.rounds.length + 1).user;
}

/** The lines of a text from one that begins with `from` up to the next empty one. */
export function block(text: string, from: string): string[] {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.startsWith(from));
  expect(at, `${from} in:\n${text}`).toBeGreaterThan(-1);
  const end = lines.indexOf("", at);
  return lines.slice(at, end === -1 ? lines.length : end);
}
