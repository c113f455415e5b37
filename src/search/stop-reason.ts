/**
 * Why a search ends.
 *
 * It decides from the state alone, so that a live run and its replay end at the same place.
 */
import type { StopReason } from "./events.ts";
import { budgetLeft, idleRounds, isHopeless, isStalled, roundLimit } from "./progress.ts";
import { best, closedRounds, isBetter, sawWithinLimit } from "./results.ts";
import type { RunState } from "./state.ts";

/** Why the search should end now, or null. */
export function stopReason(state: RunState): StopReason | null {
  const { target } = state.search;
  const value = best(state)?.value ?? null;
  if (target !== null && value !== null && !isBetter(state, target, value)) return "target";
  if (isHopeless(state)) return "nothing-succeeded";
  if (budgetLeft(state) === 0) return "budget";
  if (state.capReached !== null) return capReasons[state.capReached.cap];
  if (isStalled(state)) {
    const isLimited = Object.keys(state.search.limits).length > 0;
    return isLimited && !sawWithinLimit(state) ? "nothing-within-limit" : "stalled";
  }
  if (closedRounds(state) >= roundLimit(state)) return "rounds";
  return null;
}

const capReasons = { tokens: "token-cap", usd: "money-cap", seconds: "time-cap" } as const;

/**
 * The message when a search ends because no reply of its model could be read; null: it ends for another reason.
 */
export function unreadReplies(state: RunState, reason: StopReason): string | null {
  const last = roundsToJudge(state, reason);
  const recent = state.chats.filter(({ round }) => round > state.rounds.length - last);
  const wasRead = ({ role, rejected }: RunState["chats"][number]) =>
    role === "generator" && rejected === null;
  if (recent.length === 0 || recent.some(wasRead)) return null;
  const isIdle =
    reason === "stalled" ||
    reason === "nothing-within-limit" ||
    (reason === "rounds" && !state.chats.some(wasRead));
  if (!isIdle) return null;
  const { rejected, reply } = recent.at(-1) ?? {};
  return `no reply of ${state.models?.generator ?? "the Generator"} could be read in the last ${Math.min(last, state.rounds.length)} rounds (${rejected?.[0] ?? ""}); ${reply?.unanswered?.next ?? "try another model"}, then resume`;
}

// --- internal ---

/** How many of the last rounds decide whether a model is usable. A model that gives no answers is given up sooner. */
function roundsToJudge(state: RunState, reason: StopReason): number {
  const { stallRounds } = state.search;
  return reason === "rounds" ? stallRounds : Math.min(stallRounds, idleRounds(state));
}
