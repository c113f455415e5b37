/**
 * Compares what a ranker said of one trial with the values.
 *
 * Predictions are numbers that grow with the expected value, so that a model and a cost are scored alike. It also says
 * whether the best architecture was put first. Sums over trials, and their errors, are computed elsewhere.
 */
import type { Trial } from "./record.ts";

/** A number for each architecture of a trial, in the order shown: higher is better. */
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

/** The control: costlier is better. Equal costs are ties. */
export function byCost({ architectures }: Trial, cost: string): Standing {
  return architectures.map(({ costs }) => costs[cost] ?? 0);
}

/**
 * 1 when the best architecture is put first, 0 when another one is. A tie at the top counts as the share of the best
 * ones in it: the average when one of them is drawn.
 */
export function bestFirst(predicted: Standing, truth: Standing): number {
  const [top, best] = [Math.max(...predicted), Math.max(...truth)];
  const first = truth.filter((_, at) => predicted[at] === top);
  return first.filter((value) => value === best).length / first.length;
}
