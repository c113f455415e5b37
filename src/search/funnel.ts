/**
 * The funnel: counts in which state the proposed candidates ended.
 */
import type { Outcome, Verdict } from "./events.ts";
import { bestKnown, isBetter, valueOf } from "./results.ts";
import type { RunState } from "./state.ts";

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
}

/** The funnel of the whole run, or of one round. Candidates still to be evaluated are not counted. */
export function funnel(state: RunState, only?: number): Funnel {
  const total: Funnel = {
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
  };
  let bestSoFar: number | null = bestKnown(state)?.value ?? null;
  for (const { round, candidates } of state.rounds) {
    const counted = only === undefined || only === round;
    for (const { verdict, outcome } of candidates) {
      const value = valueOf(state, outcome);
      const improved =
        value !== null &&
        verdict.kind === "accepted" &&
        !verdict.overLimit &&
        isBetter(state, value, bestSoFar);
      if (improved) bestSoFar = value;
      const stateName = funnelState(verdict, outcome);
      if (!counted || stateName === null) continue;
      total.proposed += 1;
      total[stateName] += 1;
      if (stateName !== "evaluated" || verdict.kind !== "accepted") continue;
      if (improved) total.improved += 1;
      if (verdict.overLimit) total.overLimitEvaluated += 1;
      if (verdict.twin !== null) total.equivalentEvaluated += 1;
    }
  }
  return total;
}

// --- internal ---

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
