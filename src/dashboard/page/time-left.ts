/** Estimates how long a run may still take, from the times in its record. */
import { budgetSpent, secondsWorked } from "../../search/progress.ts";
import { spend } from "../../search/spend.ts";
import type { RunState } from "../../search/state.ts";
import { secondsLeft as estimate } from "../../search/time-left.ts";

/** Null: it is over, or nothing is known. What was no time of a model counts as the time of the evaluations. */
export function secondsLeft(state: RunState): number | null {
  const [made, worked] = [budgetSpent(state), secondsWorked(state)];
  if (state.ended !== null || made === 0 || worked <= 0) return null;
  return estimate(state, Math.max(0, worked - spend(state).chatSeconds) / made);
}
