/** Estimates how long a run may still take, from the pace in its record. */
import { budgetLeft, budgetSpent, roundLimit, secondsWorked } from "../../search/progress.ts";
import type { RunState } from "../../search/state.ts";

/**
 * Seconds until the budget is spent or the last round is played, whichever is sooner, at the pace so far; never more
 * than the cap on time leaves. Null: it is over, or nothing is known.
 */
export function secondsLeft(state: RunState): number | null {
  if (state.ended !== null) return null;
  const worked = secondsWorked(state);
  const made = budgetSpent(state);
  const closed = state.rounds.filter((round) => round.closed).length;
  if (made === 0 || worked <= 0) return null;
  const byBudget = (worked / made) * budgetLeft(state);
  const roundsLeft = Math.max(0, roundLimit(state) - closed);
  const byRounds = closed === 0 ? Number.POSITIVE_INFINITY : (worked / closed) * roundsLeft;
  const byCap = Math.max(0, (state.search.caps?.seconds ?? Number.POSITIVE_INFINITY) - worked);
  return Math.min(byBudget, byRounds, byCap);
}
