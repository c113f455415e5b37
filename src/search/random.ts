/**
 * Makes random numbers from seeds: independent streams named by (seed, label).
 *
 * The same seed and label give the same numbers on every machine, in a live run, a resumed run and a replay. No clock
 * and no global generator is used.
 */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { digestOf } from "./digest.ts";

/** A stream of random numbers. Every call takes the next one. */
export interface Random {
  /** A whole number from 0 to `bound` - 1, all equally likely. */
  below(bound: number): number;
}

/** The stream called `label` of a run's `seed`. Different labels give independent streams. */
export function randomStream(seed: number, label: string): Random {
  const generator = xoroshiro128plus(Number.parseInt(digestOf([seed, label]).slice(0, 8), 16));
  return { below: (bound) => uniformInt(generator, 0, bound - 1) };
}

/** One element of a non-empty list. */
export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[random.below(items.length)];
  if (item === undefined) throw new RangeError("pick needs a non-empty list");
  return item;
}

/** A shuffled copy (Fisher and Yates). */
export function shuffle<T>(random: Random, items: readonly T[]): T[] {
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T];
  }
  return shuffled;
}
