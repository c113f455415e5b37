/** Finds how a strategy differs from the one before, word by word, within a short time. */
import { diffWordsWithSpace } from "diff";
import type { RunState } from "../../search/state.ts";

/** A stretch of text that is in both, or in one alone. */
export interface Piece {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
}

/** Two long texts with nothing in common are shown as removed and added whole, rather than make a reader wait. */
const mostMilliseconds = 100;

/** From one strategy to the next; all of the added pieces and the same ones, put together, are `after`. */
export function strategyChange(before: string, after: string): Piece[] {
  const changes = diffWordsWithSpace(before, after, { timeout: mostMilliseconds });
  if (changes === undefined)
    return [
      { kind: "removed", text: before },
      { kind: "added", text: after },
    ];
  return changes.map(({ added, removed, value }) => ({
    kind: added ? "added" : removed ? "removed" : "same",
    text: value,
  }));
}

/** The rounds that set a strategy, by number. */
export function roundsWithStrategy(state: RunState): number[] {
  return state.rounds.flatMap(({ round, strategy }) => (strategy === null ? [] : [round]));
}
