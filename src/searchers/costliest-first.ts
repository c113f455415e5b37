/**
 * The control without a search: down the list by cost, the costliest first.
 *
 * Owns the list. Shows how much of a result comes from "bigger is better" alone. Knows no result.
 */
import { UsageError } from "../errors.ts";
import type { Searcher, Turn } from "../search/ports.ts";
import { randomStream, shuffle } from "../search/random.ts";
import type { Architecture } from "../search/architecture.ts";
import { withinLimits } from "./draws.ts";

/** Spaces up to this size are listed whole; larger ones stand in by a sample. */
const largestListed = 50_000n;
const sampleSize = 10_000;
const mostBatches = 10;

export const costliestFirst: Searcher = {
  name: "costliest-first",
  summary: "no search at all: the costliest architectures within the limits, one after another",
  async propose(turn) {
    const [cost] = turn.space.description.costs;
    if (cost === undefined)
      throw new UsageError(`space ${turn.space.id} has no cost to order by; choose another searcher`);
    const open = (await listed(turn)).filter(({ text }) => !turn.state.visited.has(text));
    const costs = await turn.costs(open);
    // The list is shuffled once a seed and the sort is stable: architectures of one cost come in random order.
    const ordered = [...costs].sort(
      (first, second) => (second.costs[cost.name] ?? 0) - (first.costs[cost.name] ?? 0),
    );
    return ordered.slice(0, turn.allowance).map(({ text }) => text);
  },
};

/** Everything within the limits that takes part, in an order that depends on the seed alone. */
async function listed(turn: Turn): Promise<Architecture[]> {
  const stream = randomStream(turn.state.search.seed, "costliest-first");
  if (turn.space.size <= largestListed)
    return await withinLimits(turn, shuffle(stream, [...turn.space.all()]));
  const drawn = new Map<string, Architecture>();
  for (let batch = 0; batch < mostBatches && drawn.size < sampleSize; batch++) {
    const draws = Array.from({ length: sampleSize - drawn.size }, () => turn.space.sample(stream));
    for (const each of await withinLimits(turn, draws)) drawn.set(each.text, each);
  }
  return [...drawn.values()];
}
