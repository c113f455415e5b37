/**
 * What a ranker said of one trial, set against the values.
 *
 * Owns predictions as numbers that grow with what is expected, so that a model and a cost are scored alike, and the
 * question whether the best architecture was put first. Sums over trials, and their errors, are made elsewhere.
 */
import type { Trial } from "./record.ts";

/** A number for each architecture of a trial, in the order shown: the higher, the better. */
export type Standing = readonly number[];

/** The values themselves. */
export function truthOf({ architectures }: Trial, higherIsBetter: boolean): Standing {
  return architectures.map(({ value }) => (higherIsBetter ? value : -value));
}

/** The model's ranking; null where it gave none that could be read. */
export function byModel({ ranking, architectures }: Trial): Standing | null {
  if (ranking === null) return null;
  return architectures.map((_, at) => -ranking.indexOf(at + 1));
}

/** The control: the costlier, the better. Equal costs are ties. */
export function byCost({ architectures }: Trial, cost: string): Standing {
  return architectures.map(({ costs }) => costs[cost] ?? 0);
}

/**
 * 1 when the best architecture is put first, 0 when another one is. A tie at the top counts by the share of the best
 * ones in it: what drawing one of them would give on average.
 */
export function bestFirst(predicted: Standing, truth: Standing): number {
  const [top, best] = [Math.max(...predicted), Math.max(...truth)];
  const first = truth.filter((_, at) => predicted[at] === top);
  return first.filter((value) => value === best).length / first.length;
}
