/**
 * Draws an architecture slot by slot, each choice with its own odds.
 *
 * The source of the odds and the scores of architectures are not known here.
 */
import { ContractViolation } from "../errors.ts";
import type { Random } from "../search/random.ts";
import type { Architecture } from "../search/architecture.ts";
import type { Space } from "../search/space.ts";

/** Odds of the choices, by dimension and flat slot. The odds of a slot are at least 0, and not all 0. */
export type Odds = readonly (readonly (readonly number[])[])[];

const resolution = 2 ** 30;

/** A number from 0 up to 1, but never 1, in steps of 2^-30. */
function fraction(random: Random): number {
  return random.below(resolution) / resolution;
}

/** The flat slots of each dimension of a space, one value of `make` each. */
export function perSlot<T>(space: Space, make: (dimension: number, choices: number) => T): T[][] {
  return space.description.dimensions.map(({ choices, groups }, dimension) =>
    groups.flatMap(({ size }) => Array.from({ length: size }, () => make(dimension, choices.length))),
  );
}

/** Draws every slot by its odds, independently of the others. The draw for a slot out of use is dropped. */
export function drawByOdds(space: Space, odds: Odds, random: Random): Architecture {
  const raw = space.description.dimensions.map(({ name, choices }, dimension) => [
    name,
    (odds[dimension] ?? []).map((slot) => choices[drawChoice(slot, random)]),
  ]);
  const parsed = space.parse(Object.fromEntries(raw));
  if (!parsed.ok)
    throw new ContractViolation(`space ${space.id}: ${parsed.rejections[0]?.sentence ?? "unreadable"}`);
  return parsed.architecture;
}

/** The index of a choice drawn by its odds. */
function drawChoice(odds: readonly number[], random: Random): number {
  let left = fraction(random) * odds.reduce((sum, each) => sum + each, 0);
  for (const [choice, each] of odds.entries()) {
    left -= each;
    if (left < 0) return choice;
  }
  // Rounding may leave a small rest: it goes to the last choice with odds above 0.
  return odds.findLastIndex((each) => each > 0);
}
