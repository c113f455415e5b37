/**
 * Means and their uncertainty, paired differences, rank correlation and shares; and how they are written.
 *
 * All of it is deterministic: the same numbers give the same interval on every machine.
 */
import {
  quantileSorted,
  sampleStandardDeviation,
  mean as simpleMean,
  median as simpleMedian,
} from "simple-statistics";
import { randomStream } from "../search/random.ts";
import { amount, unknown } from "../text/numbers.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** How many resamples an interval is made of. */
const resampleCount = 10_000;

/** Under so many pairs nothing is said about which side is better. */
export const fewestPairs = 5;

/** Null for no values. */
export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : simpleMean(values);
}

/** The standard deviation of a sample (divided by n - 1); null under two values. */
export function sd(values: readonly number[]): number | null {
  return values.length < 2 ? null : sampleStandardDeviation(values);
}

/** Null for no values. */
export function median(values: readonly number[]): number | null {
  return values.length === 0 ? null : simpleMedian(values);
}

/** The value below which a share `p` of the values lies, straight between neighbours (type 7 of R); null for no values. */
export function quantile(values: readonly number[], p: number): number | null {
  return values.length === 0
    ? null
    : quantileSorted(
        values.toSorted((first, second) => first - second),
        p,
      );
}

/**
 * The 95 % interval of a mean by the percentile bootstrap.
 *
 * Percentile and not BCa: it is there for every sample, also one that mostly sits at a ceiling, and the interval of
 * first - second is that of second - first mirrored. Both are somewhat narrow for few values (about 90 % for ten from a
 * normal distribution). Of a single value it is that value alone.
 *
 * @param seed names the stream that resamples are drawn from; they depend on it and on the number of values alone
 * @throws RangeError for no values
 */
export function bootstrapMean(values: readonly number[], seed = 0): Interval {
  const count = values.length;
  if (count === 0) throw new RangeError("an interval needs at least one value");
  if (count === 1) return { low: values[0] as number, high: values[0] as number };
  const drawn = resamples(count, seed);
  const from = Float64Array.from(values);
  const means = new Float64Array(resampleCount);
  for (let resample = 0, at = 0; resample < resampleCount; resample++) {
    let sum = 0;
    for (const end = at + count; at < end; at++) sum += from[drawn[at] as number] as number;
    means[resample] = sum / count;
  }
  const sorted = Array.from(means.sort());
  return { low: quantileSorted(sorted, 0.025), high: quantileSorted(sorted, 0.975) };
}

/** `tie`: the interval holds zero, so nothing was shown; it does not show that both are the same. */
export type PairedVerdict = "ahead" | "behind" | "tie" | "too few";

export interface PairedComparison {
  readonly pairs: number;
  readonly mean: number | null;
  /** Of the mean difference; null under `fewestPairs`. */
  readonly interval: Interval | null;
  readonly verdict: PairedVerdict;
}

/**
 * Says which of two is better from the difference of each pair, first minus second.
 *
 * The first is ahead or behind when the 95 % bootstrap interval of the mean difference leaves out zero.
 */
export function comparePaired(differences: readonly number[], higherIsBetter: boolean): PairedComparison {
  const pairs = differences.length;
  if (pairs < fewestPairs) return { pairs, mean: mean(differences), interval: null, verdict: "too few" };
  const interval = bootstrapMean(differences);
  const isApart = interval.low > 0 || interval.high < 0;
  const verdict = isApart ? (interval.low > 0 === higherIsBetter ? "ahead" : "behind") : "tie";
  return { pairs, mean: mean(differences), interval, verdict };
}

/**
 * Kendall's rank correlation with ties (tau-b): 1 for the same order, -1 for the opposite one.
 *
 * @returns NaN where it is not defined: under two values, or all of one side equal
 * @throws RangeError when the two differ in length
 */
export function kendallTauB(first: readonly number[], second: readonly number[]): number {
  if (first.length !== second.length) throw new RangeError("a rank correlation needs values in pairs");
  let balance = 0;
  let untiedInFirst = 0;
  let untiedInSecond = 0;
  for (let one = 1; one < first.length; one++) {
    for (let other = 0; other < one; other++) {
      const inFirst = Math.sign((first[one] as number) - (first[other] as number));
      const inSecond = Math.sign((second[one] as number) - (second[other] as number));
      balance += inFirst * inSecond;
      untiedInFirst += Math.abs(inFirst);
      untiedInSecond += Math.abs(inSecond);
    }
  }
  // 0 / 0 where one side is constant.
  return balance / (Math.sqrt(untiedInFirst) * Math.sqrt(untiedInSecond));
}

/** The 95 % interval of a share by Wilson's score; all of 0 to 1 for no trials. */
export function wilson(successes: number, trials: number): Interval {
  if (trials === 0) return { low: 0, high: 1 };
  const z = 1.959963984540054;
  const share = successes / trials;
  const spread = z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials));
  const centre = share + (z * z) / (2 * trials);
  const scale = 1 + (z * z) / trials;
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) };
}

// ----- As text -----

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

// --- internal ---

/** Samples up to this size are common, and their resamples are kept: a report asks for the same sizes over and over. */
const largestKept = 1_000;
const kept = new Map<string, Uint32Array>();

/** For each resample the places of the values in it, one resample after another. */
function resamples(count: number, seed: number): Uint32Array {
  const key = `${seed} ${count}`;
  const before = kept.get(key);
  if (before !== undefined) return before;
  const random = randomStream(seed, `bootstrap of ${count}`);
  const places = new Uint32Array(resampleCount * count);
  for (let at = 0; at < places.length; at++) places[at] = random.below(count);
  if (count <= largestKept) kept.set(key, places);
  return places;
}
