/**
 * How long a search still takes: model time by rounds, evaluation time by evaluations.
 *
 * It is a selector over the state of a run, for the case that the whole budget is spent. The caller says what an
 * evaluation takes, because only some callers have a clock. The test of the winner is not counted.
 */
import { budgetLeft, roundLimit, secondsWorked } from "./progress.ts";
import type { Round, RunState } from "./state.ts";

/**
 * Seconds until the budget is spent, the last round is played, or the cap on time is reached, whichever is first; null
 * before the first proposal.
 *
 * @param secondsEach from one evaluation to the next, so many at a time as the evaluator makes
 * @param begun how much of the next evaluation is done
 */
export function secondsLeft(state: RunState, secondsEach: number, begun = 0): number | null {
  const rounds = proposedRounds(state);
  const size = acceptedARound(state);
  if (size === null) return null;
  const open = rounds.flatMap(accepted).filter(({ outcome }) => outcome === null).length;
  const byBudget = size === 0 ? 0 : Math.ceil(Math.max(0, budgetLeft(state) - open) / size);
  const roundsAhead = Math.min(byBudget, Math.max(0, roundLimit(state) - rounds.length));
  const evaluationsAhead = Math.min(budgetLeft(state), open + roundsAhead * size);
  const evaluating = Math.max(0, evaluationsAhead - begun) * secondsEach;
  const cap = (state.search.caps?.seconds ?? Number.POSITIVE_INFINITY) - secondsWorked(state);
  return Math.max(0, Math.min(evaluating + roundsAhead * modelSecondsARound(state), cap));
}

/** How many architectures a round has to evaluate, on average; null before the first proposal. */
export function acceptedARound(state: RunState): number | null {
  const rounds = proposedRounds(state);
  return rounds.length === 0 ? null : rounds.flatMap(accepted).length / rounds.length;
}

// --- internal ---

/** The calls of a round, each as long as a call takes. The first call may load the model: it counts only where there is no other. */
function modelSecondsARound(state: RunState): number {
  const rounds = proposedRounds(state).length;
  const seconds = state.chats.filter(({ round }) => round <= rounds).map(({ reply }) => reply.seconds);
  const typical = seconds.length > 1 ? seconds.slice(1) : seconds;
  if (typical.length === 0) return 0;
  const each = typical.reduce((sum, value) => sum + value, 0) / typical.length;
  return (each * seconds.length) / rounds;
}

function proposedRounds({ rounds }: RunState): readonly Round[] {
  return rounds.filter(({ candidates, closed }) => closed || candidates.length > 0);
}

function accepted({ candidates }: Round): Round["candidates"] {
  return candidates.filter(({ verdict }) => verdict.kind === "accepted");
}
