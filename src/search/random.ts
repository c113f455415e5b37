/**
 * Seeded randomness: independent streams named by (seed, label).
 *
 * Owns how a seed becomes numbers. Knows no clock and no global generator, so the same seed and label give the
 * same numbers on every machine, in a live run, a resumed one and a replay.
 */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { digestOf } from "./digest.ts";

/** A stream of random numbers; every call moves it on. */
export interface Random {
  /** A whole number from 0 to `bound` - 1, each as likely. */
  below(bound: number): number;
}

/** The stream called `label` of a run's `seed`. Two labels give unrelated streams. */
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
