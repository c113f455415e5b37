/**
 * Makes a trial of the ranking experiment: an architecture from each bin of equal count, in random order.
 *
 * It cuts a space into bins and draws from them (paper, section 3.1). The same seed gives the same trials to every
 * ranker. The ranker and the scores are not known here.
 */
import { pick, randomStream, shuffle } from "../search/random.ts";

/** An architecture whose score is known. */
export interface Scored {
  /** The canonical text. */
  readonly text: string;
  /** The objective on the split of the experiment. */
  readonly value: number;
}

/** `fresh`: new architectures in each trial; `fixed`: one set for all trials, in a new order each time. */
export type Draws = "fresh" | "fixed";

/**
 * Cuts architectures into bins by their values, the best bin first. The counts differ by at most one; equal values keep
 * the order given.
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
