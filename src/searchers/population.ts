/**
 * Reads results as individuals with a fitness, for evolutionary searchers.
 *
 * How individuals are selected and bred is not known here.
 */
import type { Architecture } from "../search/architecture.ts";
import type { Space } from "../search/space.ts";
import { type Evaluation, objective, resultsSoFar, valueOf } from "../search/results.ts";
import type { RunState } from "../search/state.ts";

/** An evaluated architecture; a higher fitness is better, in either direction of the objective. */
export interface Individual {
  readonly architecture: Architecture;
  readonly fitness: number;
  /** 0: it was known before the search began. */
  readonly round: number;
}

/**
 * Every result within the limits, in order, what was known before the search first; failures have no fitness and are left
 * out.
 */
export function individuals(state: RunState, space: Space): Individual[] {
  return resultsSoFar(state).flatMap((evaluation) => individualOf(state, space, evaluation));
}

/** The fittest first; earlier ones first on a tie. */
export function ranked(population: readonly Individual[]): Individual[] {
  return [...population].sort((first, second) => second.fitness - first.fitness);
}

function individualOf(
  state: RunState,
  space: Space,
  { candidate, measured, outcome, overLimit }: Evaluation,
): Individual[] {
  const value = valueOf(state, outcome);
  if (value === null || overLimit) return [];
  const fitness = objective(state).higherIsBetter ? value : -value;
  return [{ architecture: space.fromText(measured.text), fitness, round: candidate.round }];
}
