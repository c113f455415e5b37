/**
 * Works out the result of one run in numbers: after each evaluation, at its end, and round by round.
 *
 * Everything is computed from the folded run alone.
 */
import type { StopReason } from "../search/events.ts";
import { type Spend, spend } from "../search/spend.ts";
import { type Funnel, funnel } from "../search/funnel.ts";
import { errorOf } from "../search/noise.ts";
import {
  bestKnown,
  evaluations,
  isBetter,
  isOverLimit,
  objective,
  resultOf,
  valueOf,
} from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import type { ReportedRun } from "./study.ts";

/** The state of a run after one evaluation. */
export interface Step {
  /** The value of the objective that this evaluation gave, over a limit or not; null: it failed. */
  readonly value: number | null;
  /** The architecture that the search split would pick now: the best within the limits, the first on a tie. */
  readonly picked: string | null;
  /** Its value on the search split. */
  readonly best: number | null;
  /** Its value on the test split; null: not known. */
  readonly test: number | null;
  /** The best test value of everything evaluated so far within the limits; null: not all of it was tested. */
  readonly bestTest: number | null;
}

export interface RunOutcome {
  readonly folder: string;
  readonly seed: number;
  readonly higherIsBetter: boolean;
  readonly budget: number;
  /** Why it ended; null: it has no end. */
  readonly ended: StopReason | null;
  /** How many results were known before it began. They are no evaluations. */
  readonly known: number;
  /** Its state before the first evaluation: what was known; all null where nothing was. */
  readonly first: Omit<Step, "value">;
  /** One for each evaluation, failed ones included. */
  readonly steps: readonly Step[];
  /** Its state at the end; all null where nothing was known or evaluated. */
  readonly last: Omit<Step, "value">;
  /** The standard errors of `last.best` and `last.test`; null: not known. */
  readonly errors: { readonly search: number | null; readonly test: number | null };
  /** What was picked costs; null where nothing was picked. */
  readonly costs: Readonly<Record<string, number>> | null;
  readonly spend: Spend;
  readonly funnel: Funnel;
}

/** Works out the result of a run. */
export function outcomeOf({ folder, state }: ReportedRun): RunOutcome {
  const first = firstOf(state);
  const { steps, last } = stepsOf(state, first);
  return {
    folder,
    seed: state.search.seed,
    higherIsBetter: objective(state).higherIsBetter,
    budget: state.search.budget,
    ended: state.ended,
    known: state.known.length,
    first,
    steps,
    last,
    errors: last.picked === null ? { search: null, test: null } : errorsOfPick(state, last.picked),
    costs: last.picked === null ? null : (state.costs.get(last.picked)?.costs ?? null),
    spend: spend(state),
    funnel: funnel(state),
  };
}

/** The state of a run after `count` evaluations; of one that ended earlier, its last. Null: nothing was evaluated. */
export function stepAfter({ steps }: RunOutcome, count: number): Step | null {
  return steps[Math.min(count, steps.length) - 1] ?? null;
}

/**
 * How many evaluations it took until the best was at `threshold` or beyond; 0: what was known is there; null: it never was.
 */
export function evaluationsToReach(
  { first, steps, higherIsBetter }: RunOutcome,
  threshold: number,
): number | null {
  const at = [first, ...steps].findIndex(
    ({ best }) => best !== null && (higherIsBetter ? best >= threshold : best <= threshold),
  );
  return at === -1 ? null : at;
}

/**
 * Whether the best is the optimum, to one part in a million.
 *
 * That is coarser than a number of single precision, or of a table printed to four decimals, and finer than one image
 * more or less of 100,000.
 */
export function reachedOptimum({ last, higherIsBetter }: RunOutcome, optimum: number): boolean {
  if (last.best === null) return false;
  const missing = higherIsBetter ? optimum - last.best : last.best - optimum;
  return missing <= 1e-6 * Math.abs(optimum);
}

// ----- Round by round -----

/** A round in numbers. */
export interface RoundResult {
  readonly round: number;
  /** Evaluations of this round, failed ones included. */
  readonly evaluated: number;
  /** The best value within the limits among them; null: there is none. */
  readonly best: number | null;
  /** By how much `best` is better than all that was known before the round; null where either is not there. */
  readonly gain: number | null;
}

/** The rounds of a run, in order. */
export function roundResults(state: RunState): RoundResult[] {
  let before: number | null = bestKnown(state)?.value ?? null;
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

// --- internal ---

/** The best of what was known; without a best test value, which is one of evaluations. */
function firstOf(state: RunState): RunOutcome["first"] {
  const { text = null, value = null } = bestKnown(state) ?? {};
  return { picked: text, best: value, test: text === null ? null : testOf(state, text), bestTest: null };
}

/** An architecture that shares an equivalent one's result costs no evaluation and counts with the one before it. */
function stepsOf(state: RunState, first: RunOutcome["first"]): Pick<RunOutcome, "steps" | "last"> {
  const steps: Step[] = [];
  const isAllTested = evaluations(state).every(
    ({ measured, outcome }) =>
      outcome.kind === "failure" || state.oracleTests.get(measured.text)?.kind === "measurement",
  );
  let current = first;
  for (const candidate of state.rounds.flatMap(({ candidates }) => candidates)) {
    const { verdict } = candidate;
    const outcome = resultOf(state, candidate);
    if (outcome === null || !("measured" in verdict)) continue;
    const { measured } = verdict;
    const value = valueOf(state, outcome);
    if (value !== null && !isOverLimit(state, measured)) {
      const test = testOf(state, measured.text);
      if (isBetter(state, value, current.best))
        current = { ...current, picked: measured.text, best: value, test };
      if (isAllTested && test !== null && isBetter(state, test, current.bestTest))
        current = { ...current, bestTest: test };
    }
    if (verdict.kind === "accepted") steps.push({ ...current, value });
    else if (steps.length > 0) steps.push({ ...current, value: steps.pop()?.value ?? null });
  }
  return { steps, last: current };
}

function errorsOfPick(state: RunState, text: string): RunOutcome["errors"] {
  const candidate = state.visited.get(text);
  const test = state.oracleTests.get(text) ?? state.winnerTests.get(text);
  return {
    search: candidate === undefined ? null : errorOf(state, resultOf(state, candidate)),
    test: errorOf(state, test),
  };
}

function testOf(state: RunState, text: string): number | null {
  return (
    valueOf(state, state.oracleTests.get(text) ?? null) ?? valueOf(state, state.winnerTests.get(text) ?? null)
  );
}
