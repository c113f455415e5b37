/**
 * Reads results as individuals with a fitness, for evolutionary searchers.
 *
 * How individuals are selected and bred is not known here.
 */
import type { Architecture } from "../search/architecture.ts";
import type { Space } from "../search/space.ts";
import { type Evaluation, evaluationsByRound, knownResults, objective, valueOf } from "../search/results.ts";
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
export function individuals(state: RunState, space: Space): readonly Individual[] {
  const { settled, open } = evaluationsByRound(state);
  const before = read.get(state) ?? {
    count: 0,
    found: knownResults(state).flatMap((evaluation) => individualOf(state, space, evaluation)),
  };
  // Before the first round, known results may still come.
  if (state.rounds.length > 0) read.set(state, before);
  for (; before.count < settled.length; before.count++)
    before.found.push(...individualOf(state, space, settled[before.count] as Evaluation));
  const { found } = before;
  if (open.length === 0) return found;
  return [...found, ...open.flatMap((evaluation) => individualOf(state, space, evaluation))];
}

/** The individuals of closed rounds, and among how many evaluations. Each is read once. */
const read = new WeakMap<RunState, { count: number; readonly found: Individual[] }>();

/** The fittest first; earlier ones first on a tie. */
export function ranked(population: readonly Individual[]): Individual[] {
  return [...population].sort((first, second) => second.fitness - first.fitness);
}

/** The first `count` of `ranked`, in one pass. */
export function fittest(population: readonly Individual[], count: number): Individual[] {
  const found: Individual[] = [];
  for (const each of population) {
    if (found.length === count && each.fitness <= (found.at(-1)?.fitness ?? 0)) continue;
    const place = found.findIndex(({ fitness }) => fitness < each.fitness);
    found.splice(place === -1 ? found.length : place, 0, each);
    if (found.length > count) found.pop();
  }
  return found;
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
