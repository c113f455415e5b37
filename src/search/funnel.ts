/**
 * The funnel: counts in which state the proposed candidates ended.
 */
import type { Outcome, Verdict } from "./events.ts";
import { bestKnown, isBetter, valueOf } from "./results.ts";
import type { Candidate, RunState } from "./state.ts";

/** Where candidates were lost. `proposed` is the sum of the eight states that follow it. */
export interface Funnel {
  proposed: number;
  unreadable: number;
  illegal: number;
  repeated: number;
  equivalent: number;
  overLimit: number;
  beyondBudget: number;
  evaluated: number;
  failed: number;
  /** Part of `evaluated`: better than everything before, within the limits; known results are before it. */
  improved: number;
  /** Part of `evaluated`: over a limit. */
  overLimitEvaluated: number;
  /** Part of `evaluated`: computes the same function as one evaluated before. */
  equivalentEvaluated: number;
  /** Part of `evaluated`: the evaluator had the result in its store. */
  storedEvaluated: number;
}

/** The funnel of the whole run, or of one round. Candidates still to be evaluated are not counted. */
export function funnel(state: RunState, only?: number): Funnel {
  const settled = settledOf(state);
  const isSettled = only !== undefined && only <= settled.bestBefore.length;
  const first = isSettled ? only - 1 : settled.bestBefore.length;
  const total = only === undefined ? { ...settled.total } : emptyFunnel();
  let bestSoFar = isSettled ? (settled.bestBefore[first] ?? null) : settled.best;
  for (const { round, candidates } of state.rounds.slice(first, only)) {
    const counts = only === undefined || only === round ? total : emptyFunnel();
    bestSoFar = count(state, candidates, bestSoFar, counts);
  }
  return total;
}

// --- internal ---

/** The funnel of the closed rounds from the first one on. These do not change any more, so each is counted once. */
interface Settled {
  readonly total: Funnel;
  /** The best so far before each of them. */
  readonly bestBefore: (number | null)[];
  /** The best so far after them. */
  best: number | null;
}

const settledRuns = new WeakMap<RunState, Settled>();

function settledOf(state: RunState): Settled {
  let settled = settledRuns.get(state);
  if (settled === undefined) {
    settled = { total: emptyFunnel(), bestBefore: [], best: bestKnown(state)?.value ?? null };
    // Before the first round, known results may still come.
    if (state.rounds.length > 0) settledRuns.set(state, settled);
  }
  const { bestBefore, total } = settled;
  for (
    let next = state.rounds[bestBefore.length];
    next?.closed === true;
    next = state.rounds[bestBefore.length]
  ) {
    bestBefore.push(settled.best);
    settled.best = count(state, next.candidates, settled.best, total);
  }
  return settled;
}

function emptyFunnel(): Funnel {
  return {
    proposed: 0,
    unreadable: 0,
    illegal: 0,
    repeated: 0,
    equivalent: 0,
    overLimit: 0,
    beyondBudget: 0,
    evaluated: 0,
    failed: 0,
    improved: 0,
    overLimitEvaluated: 0,
    equivalentEvaluated: 0,
    storedEvaluated: 0,
  };
}

/** Adds the candidates of a round to `total`. @returns the best so far after them */
function count(
  state: RunState,
  candidates: readonly Candidate[],
  before: number | null,
  total: Funnel,
): number | null {
  let bestSoFar = before;
  for (const { verdict, outcome } of candidates) {
    const value = valueOf(state, outcome);
    const improved =
      value !== null &&
      verdict.kind === "accepted" &&
      !verdict.overLimit &&
      isBetter(state, value, bestSoFar);
    if (improved) bestSoFar = value;
    const stateName = funnelState(verdict, outcome);
    if (stateName === null) continue;
    total.proposed += 1;
    total[stateName] += 1;
    if (stateName !== "evaluated" || verdict.kind !== "accepted") continue;
    if (improved) total.improved += 1;
    if (verdict.overLimit) total.overLimitEvaluated += 1;
    if (verdict.twin !== null) total.equivalentEvaluated += 1;
    if (outcome?.kind === "measurement" && outcome.stored === true) total.storedEvaluated += 1;
  }
  return bestSoFar;
}

function funnelState(verdict: Verdict, outcome: Outcome | null): keyof Funnel | null {
  switch (verdict.kind) {
    case "unreadable":
    case "illegal":
    case "repeated":
    case "equivalent":
      return verdict.kind;
    case "over-limit":
      return "overLimit";
    case "beyond-budget":
      return "beyondBudget";
    case "accepted":
      return outcome === null ? null : outcome.kind === "failure" ? "failed" : "evaluated";
  }
}
