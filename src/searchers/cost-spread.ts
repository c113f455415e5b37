/**
 * Computes what random architectures cost: a fact for the author of the first strategy.
 *
 * It draws the same architectures in every round of a run. The author and the words are not known here.
 */
import type { Turn } from "../search/ports.ts";
import { randomStream } from "../search/random.ts";
import type { Architecture } from "../search/architecture.ts";
import type { Space } from "../search/space.ts";
import { isOverLimit } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { informs } from "./prompts.ts";

const draws = 100;

/** How the costs of random architectures spread. */
export interface CostSpread {
  /** How many were drawn. */
  readonly drawn: number;
  readonly costs: readonly {
    readonly name: string;
    readonly unit: string;
    readonly lowest: number;
    readonly highest: number;
    /** Half of them are between these two. */
    readonly lowerQuarter: number;
    readonly upperQuarter: number;
  }[];
  /** How many keep every limit; null where there is no limit. */
  readonly within: number | null;
}

/** Asks for the costs that `spreadOf` reads, where the spread is shown. */
export async function measureSpread(turn: Turn): Promise<void> {
  if (isShown(turn.state)) await turn.costs(drawn(turn.state, turn.space));
}

/** The spread, or null where it is not shown or not measured. */
export function spreadOf(state: RunState, space: Space): CostSpread | null {
  if (!isShown(state)) return null;
  const measured = drawn(state, space).flatMap(({ text }) => state.costs.get(text) ?? []);
  if (measured.length < draws) return null;
  const costs = space.description.costs.flatMap(({ name, unit }) => {
    const values = measured
      .flatMap(({ costs: { [name]: value } }) => (value === undefined ? [] : [value]))
      .sort((first, second) => first - second);
    if (values.length < draws) return [];
    const [lowest, lowerQuarter, upperQuarter, highest] = [0, draws / 4, (3 * draws) / 4 - 1, draws - 1].map(
      (place) => values[place] as number,
    ) as [number, number, number, number];
    return [{ name, unit, lowest, highest, lowerQuarter, upperQuarter }];
  });
  if (costs.length === 0) return null;
  const isLimited = Object.keys(state.search.limits).length > 0;
  const within = measured.filter((each) => !isOverLimit(state, each)).length;
  return { drawn: draws, costs, within: isLimited ? within : null };
}

// --- internal ---

function isShown(state: RunState): boolean {
  return informs(state.search, "costs") && state.space.costs.length > 0;
}

function drawn({ search: { seed } }: RunState, space: Space): Architecture[] {
  const random = randomStream(seed, "cost spread");
  return Array.from({ length: draws }, () => space.sample(random));
}
