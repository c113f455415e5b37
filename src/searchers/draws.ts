/**
 * Draws architectures that are worth proposing: new to the run and within its limits.
 *
 * Every searcher without roles draws again through this module, up to a bound, so that repeats and limits cost no
 * budget. The source of the draws and their scores are not known here.
 */
import type { Turn } from "../search/ports.ts";
import type { Architecture } from "../search/architecture.ts";
import { isOverLimit } from "../search/results.ts";

const mostDraws = 10_000;
const firstBatch = 20;
const largestBatch = 1_000;

/**
 * Up to `count` different architectures from `draw` that were not visited and keep to the limits.
 *
 * @param most the most draws; after them the result may be shorter
 */
export async function drawNew(
  turn: Turn,
  count: number,
  draw: () => Architecture,
  taken: readonly Architecture[] = [],
  most: number = mostDraws,
): Promise<Architecture[]> {
  const seen = new Set(taken.map(({ text }) => text));
  const found: Architecture[] = [];
  const isLimited = Object.keys(turn.state.search.limits).length > 0;
  let size = firstBatch;
  for (let draws = 0; draws < most && found.length < count; size = Math.min(2 * size, largestBatch)) {
    const fresh: Architecture[] = [];
    const wanted = isLimited ? size : count - found.length;
    for (let batch = 0; batch < size && fresh.length < wanted; batch++, draws++) {
      const architecture = draw();
      if (seen.has(architecture.text) || turn.state.visited.has(architecture.text)) continue;
      seen.add(architecture.text);
      fresh.push(architecture);
    }
    found.push(...(await withinLimits(turn, fresh)));
  }
  return found.slice(0, count);
}

/** Those of some architectures that keep to every limit. It asks for costs only where there is a limit. */
export async function withinLimits(
  turn: Turn,
  architectures: readonly Architecture[],
): Promise<Architecture[]> {
  if (Object.keys(turn.state.search.limits).length === 0 || architectures.length === 0)
    return [...architectures];
  const measured = await turn.costs(architectures);
  return architectures.filter((_, index) => {
    const each = measured[index];
    return each !== undefined && !isOverLimit(turn.state, each);
  });
}

/** How many architectures a searcher proposes a round. */
export function roundSize(turn: Turn): number {
  return Math.min(turn.allowance, turn.state.search.candidates.min);
}
