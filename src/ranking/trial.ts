/**
 * One trial of the ranking experiment: an architecture from each bin of equal count, in an order that tells nothing.
 *
 * Owns how a space is cut into bins and what is drawn from them (paper, section 3.1). Knows neither who ranks nor how a
 * ranking is scored: the same seed gives the same trials to every ranker.
 */
import { pick, randomStream, shuffle } from "../search/random.ts";

/** An architecture whose score is known. */
export interface Scored {
  /** Canonical. */
  readonly text: string;
  /** The objective on the split that the experiment looks at. */
  readonly value: number;
}

/** `fresh`: other architectures in each trial; `fixed`: one set for all trials, in another order each time. */
export type Draws = "fresh" | "fixed";

/**
 * Cuts architectures into bins by their values, the best bin first. The counts differ by one at most; equal values stay
 * in the order given.
 *
 * @param count at most as many as there are architectures
 */
export function cutIntoBins(
  architectures: readonly Scored[],
  count: number,
  higherIsBetter: boolean,
): Scored[][] {
  const sorted = architectures.toSorted((first, second) =>
    higherIsBetter ? second.value - first.value : first.value - second.value,
  );
  const start = (bin: number) => Math.floor((bin * sorted.length) / count);
  return Array.from({ length: count }, (_, bin) => sorted.slice(start(bin), start(bin + 1)));
}

/** The architectures of a trial, in the order in which they are shown. Trials count from 1. */
export function drawTrial(
  bins: readonly (readonly Scored[])[],
  seed: number,
  draws: Draws,
  trial: number,
): Scored[] {
  const cells = randomStream(seed, draws === "fixed" ? "ranking: cells" : `ranking ${trial}: cells`);
  return shuffle(
    randomStream(seed, `ranking ${trial}: order`),
    bins.map((bin) => pick(cells, bin)),
  );
}
