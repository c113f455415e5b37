/**
 * What each round of a run brought.
 *
 * Owns how the best of a round and its gain are counted. Knows one run.
 */
import { isBetter, isOverLimit, objective, resultOf, valueOf } from "../search/results.ts";
import type { RunState } from "../search/state.ts";

/** A round in numbers. */
export interface RoundResult {
  readonly round: number;
  /** Evaluations of this round, failed ones included. */
  readonly evaluated: number;
  /** The best value within the limits among them; null: there is none. */
  readonly best: number | null;
  /** By how much `best` is better than the best of all rounds before; null where either is not there. */
  readonly gain: number | null;
}

/** The rounds of a run, in order. */
export function roundResults(state: RunState): RoundResult[] {
  let before: number | null = null;
  return state.rounds.map(({ round, candidates }) => {
    let best: number | null = null;
    for (const candidate of candidates) {
      const { verdict } = candidate;
      const value = valueOf(state, resultOf(state, candidate));
      if (value === null || !("measured" in verdict) || isOverLimit(state, verdict.measured)) continue;
      if (isBetter(state, value, best)) best = value;
    }
    const rise = best === null || before === null ? null : best - before;
    const gain = rise === null || objective(state).higherIsBetter ? rise : -rise;
    if (best !== null && isBetter(state, best, before)) before = best;
    return { round, evaluated: candidates.filter(({ outcome }) => outcome !== null).length, best, gain };
  });
}
