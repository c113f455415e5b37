/**
 * The control without a search: proposes the costliest architectures first.
 *
 * It shows how much of a result comes from "bigger is better" alone. It reads no results.
 */
import { UsageError } from "../errors.ts";
import type { Searcher, Turn } from "../search/ports.ts";
import { randomStream, shuffle } from "../search/random.ts";
import type { Architecture } from "../search/architecture.ts";
import { withinLimits, worthProposing } from "./draws.ts";

/** Spaces up to this size are listed whole; of larger ones a sample is listed. */
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
    // The list is shuffled by the seed and the sort is stable, so architectures of equal cost come in random order.
    const ordered = [...costs].sort(
      (first, second) => (second.costs[cost.name] ?? 0) - (first.costs[cost.name] ?? 0),
    );
    const texts = new Map(open.map((each) => [each.text as string, each]));
    const worth = await worthProposing(
      turn,
      ordered.flatMap(({ text }) => texts.get(text) ?? []),
    );
    return worth.slice(0, turn.allowance).map(({ text }) => text);
  },
};

/** Every listed architecture within the limits, in an order that depends on the seed alone. */
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
