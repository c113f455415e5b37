/**
 * Draws architectures that are worth proposing: new to the run, within its limits, and no twins where those are skipped.
 *
 * Every searcher without roles draws again through this module, up to a bound, so that what is known without an
 * evaluation costs no budget. The source of the draws and their scores are not known here.
 */
import type { Turn } from "../search/ports.ts";
import type { Architecture } from "../search/architecture.ts";
import { isOverLimit } from "../search/results.ts";

const mostDraws = 10_000;
const firstBatch = 20;
const largestBatch = 1_000;

/**
 * Up to `count` different architectures from `draw` that were not visited and are worth proposing.
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
  const needsCosts = isLimited(turn) || skipsTwins(turn);
  let size = firstBatch;
  for (let draws = 0; draws < most && found.length < count; size = Math.min(2 * size, largestBatch)) {
    const fresh: Architecture[] = [];
    const wanted = needsCosts ? size : count - found.length;
    for (let batch = 0; batch < size && fresh.length < wanted; batch++, draws++) {
      const architecture = draw();
      if (seen.has(architecture.text) || turn.state.visited.has(architecture.text)) continue;
      seen.add(architecture.text);
      fresh.push(architecture);
    }
    found.push(...(await worthProposing(turn, fresh, [...taken, ...found])));
  }
  return found.slice(0, count);
}

/** Those of some architectures that keep to every limit. It asks for costs only where there is a limit. */
export async function withinLimits(
  turn: Turn,
  architectures: readonly Architecture[],
): Promise<Architecture[]> {
  if (!isLimited(turn) || architectures.length === 0) return [...architectures];
  const measured = await turn.costs(architectures);
  return architectures.filter((_, index) => {
    const each = measured[index];
    return each !== undefined && !isOverLimit(turn.state, each);
  });
}

/**
 * Those of some architectures that keep to every limit and, where equivalent ones are skipped, compute what neither an
 * evaluated one does, nor one of `taken`, nor one before them.
 */
export async function worthProposing(
  turn: Turn,
  architectures: readonly Architecture[],
  taken: readonly Architecture[] = [],
): Promise<Architecture[]> {
  const within = await withinLimits(turn, architectures);
  if (!skipsTwins(turn) || within.length === 0) return within;
  const keys = (await turn.costs([...taken, ...within])).map(({ equivalenceKey }) => equivalenceKey);
  const seen = new Set(keys.slice(0, taken.length));
  return within.filter((_, index) => {
    const key = keys[taken.length + index] ?? "";
    if (key === "") return true;
    if (seen.has(key) || turn.state.firstOfKey.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Whether a searcher leaves out what computes the same as something evaluated. */
export function skipsTwins({ state }: Pick<Turn, "state">): boolean {
  return state.search.redrawsEquivalent === true;
}

/** How many architectures a searcher proposes a round. */
export function roundSize(turn: Turn): number {
  return Math.min(turn.allowance, turn.state.search.candidates.min);
}

// --- internal ---

function isLimited({ state }: Turn): boolean {
  return Object.keys(state.search.limits).length > 0;
}
