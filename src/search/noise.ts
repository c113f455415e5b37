/**
 * How sure a result is: its standard error, and which results cannot be told from the best.
 *
 * One rule for every place that shows it. It knows the standard errors that evaluators give, and estimates none: a result
 * without one is in no comparison.
 */
import type { Outcome, StandardErrors } from "./events.ts";
import { best, type Evaluation, isOverLimit, objective, resultsSoFar, valueOf } from "./results.ts";
import type { RunState } from "./state.ts";

/** A value of the objective with its standard error. */
export interface NoisyValue {
  readonly value: number;
  readonly error: number;
}

/** The objective of a result with its standard error; null where either is not known. */
export function noisyValueOf(state: RunState, outcome: Outcome | null | undefined): NoisyValue | null {
  const value = valueOf(state, outcome ?? null);
  const error = errorOf(state, outcome);
  return value === null || error === null ? null : { value, error };
}

/** The standard error of the objective of a result; null where it is not known, or there is no result. */
export function errorOf(state: RunState, outcome: Outcome | null | undefined): number | null {
  return errorsOf(outcome)?.[objective(state).name] ?? null;
}

/** All standard errors of a result, by metric; null where none is known. */
export function errorsOf(outcome: Outcome | null | undefined): StandardErrors | null {
  return (outcome?.kind === "measurement" ? outcome.standardErrors : undefined) ?? null;
}

/**
 * Whether the difference of two values is within the noise of both: less than 1.96 standard errors of a difference.
 *
 * Both count as independent. Two architectures on the same images err together, and their difference is surer than that:
 * the rule is cautious.
 */
export function isWithinNoise(one: NoisyValue, other: NoisyValue): boolean {
  return Math.abs(one.value - other.value) < 1.96 * Math.hypot(one.error, other.error);
}

/**
 * What was measured within the limits and cannot be told from the best, without the best itself, in the order of
 * `resultsSoFar`.
 *
 * @returns null where there is no best, or its standard error is not known
 */
export function tiesWithBest(state: RunState): Evaluation[] | null {
  const winner = best(state);
  const found = noisyValueOf(state, winner?.outcome);
  if (winner === null || found === null) return null;
  return resultsSoFar(state).filter(({ measured, outcome }) => {
    const own = noisyValueOf(state, outcome);
    const isOther = measured.text !== winner.text && !isOverLimit(state, measured);
    return isOther && own !== null && isWithinNoise(found, own);
  });
}
