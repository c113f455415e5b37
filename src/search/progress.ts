/**
 * How far a run is: budget, rounds, time, and whether it still finds something new.
 *
 * Selectors over the state of a run.
 */
import { evaluationCount, hasMeasured } from "./results.ts";
import type { Round, RunState } from "./state.ts";

/** Evaluations paid for so far, failed ones included. */
export function budgetSpent(state: RunState): number {
  return evaluationCount(state);
}

/** Evaluations that may still be made. */
export function budgetLeft(state: RunState): number {
  return Math.max(0, state.search.budget - budgetSpent(state));
}

/**
 * The most rounds. Without a configured number, a search that asks roles has 20, and in proportion more for budgets
 * above 100. Searchers without roles end by budget, so that a control never gets a smaller one.
 */
export function roundLimit(state: RunState): number {
  if (state.search.rounds !== null) return state.search.rounds;
  return state.models === null ? Number.POSITIVE_INFINITY : Math.max(20, Math.ceil(state.search.budget / 5));
}

/** How long the run has been worked on, in seconds, from the times in its record. */
export function secondsWorked({
  secondsBefore,
  resumedAt,
  lastAt,
  isPaused,
}: Pick<RunState, "secondsBefore" | "resumedAt" | "lastAt" | "isPaused">): number {
  return secondsBefore + (isPaused ? 0 : Math.max(0, secondsAt(lastAt) - secondsAt(resumedAt)));
}

/** How many closed rounds at the end of the run accepted nothing. */
export function idleRounds(state: RunState): number {
  const isIdle = ({ closed, candidates }: Round) =>
    closed && !candidates.some(({ verdict }) => verdict.kind === "accepted");
  const last = state.rounds.findLastIndex((round) => !isIdle(round));
  return state.rounds.length - Math.max(last + 1, state.idleFrom);
}

/** Whether to give the run up: `giveUpAfter` or more evaluations were made, and all of them failed. */
export function isHopeless(state: RunState): boolean {
  const { giveUpAfter = Number.POSITIVE_INFINITY } = state.search;
  return budgetSpent(state) - state.forgivenFailures >= giveUpAfter && !hasMeasured(state);
}

/**
 * Whether the search is unlikely to find anything new: after `stallRounds` idle rounds, and sooner where these are idle
 * because replies have no answers.
 */
export function isStalled(state: RunState): boolean {
  const idle = idleRounds(state);
  if (idle >= state.search.stallRounds) return true;
  const recent = state.chats.filter(({ round }) => round > state.rounds.length - idle);
  const rejected = recent.filter((chat) => chat.rejected !== null);
  return (
    rejected.length >= mostUnanswered &&
    rejected.every(({ reply }) => reply.unanswered !== undefined) &&
    recent.every((chat) => chat.role === "navigator" || chat.rejected !== null)
  );
}

// --- internal ---

/** A model is given up after this many replies without an answer in a row. */
const mostUnanswered = 3;

/** A time of day in ISO 8601, UTC, as seconds since a fixed day: days are counted from March, after a leap day. */
function secondsAt(time: string): number {
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = time
    .split(/[-T:Z]/)
    .map(Number);
  const fromMarch = (month + 9) % 12;
  const years = year - (month < 3 ? 1 : 0);
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  const days = 365 * years + leapDays + Math.floor((153 * fromMarch + 2) / 5) + day;
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}
