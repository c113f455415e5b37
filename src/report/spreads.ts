/**
 * Means, medians and intervals as text.
 *
 * Rounds and words what statistics.ts computes.
 */
import { amount, unknown } from "../text/numbers.ts";
import { type Interval, mean, median, sd } from "./statistics.ts";

/** Mean ± standard deviation of the numbers that are known, and of how many where that is not all. */
export function spreadOf(values: readonly (number | null)[], decimals: number): string {
  const known = values.filter((value) => value !== null);
  const centre = mean(known);
  if (centre === null) return unknown;
  const some = known.length === values.length ? "" : ` (${known.length} of ${values.length})`;
  return `${plusMinus({ mean: centre, sd: sd(known) }, decimals)}${some}`;
}

export function plusMinus(spread: { mean: number; sd: number | null }, decimals: number): string {
  const centre = spread.mean.toFixed(decimals);
  return spread.sd === null ? centre : `${centre} ± ${spread.sd.toFixed(decimals)}`;
}

export function range(interval: Interval | null, write: (value: number) => string): string {
  return interval === null ? unknown : `${write(interval.low)} to ${write(interval.high)}`;
}

/**
 * The median of numbers some of which were never reached (null, later than all others), or how many were reached where
 * that is no more than half.
 */
export function reachedMedian(values: readonly (number | null)[]): { median: number | null; text: string } {
  const reached = values.filter((value) => value !== null).length;
  const middle = median(values.map((value) => value ?? Number.POSITIVE_INFINITY)) ?? Number.POSITIVE_INFINITY;
  if (!Number.isFinite(middle))
    return { median: null, text: values.length === 0 ? unknown : `${reached} of ${values.length} reached` };
  const some = reached === values.length ? "" : `, ${reached} of ${values.length} reached`;
  return { median: middle, text: `${amount(middle)}${some}` };
}
