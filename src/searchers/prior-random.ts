/**
 * Draws from fixed odds: what somebody, or a model, believed before the search.
 *
 * It takes the odds from the configuration, and shows how much a prior alone can find. It reads no results.
 */
import { UsageError } from "../errors.ts";
import type { SearchConfig } from "../search/events.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import type { Searcher } from "../search/ports.ts";
import type { Space } from "../search/space.ts";
import type { Dimension } from "../search/space-description.ts";
import { drawNew, roundSize } from "./draws.ts";
import { drawByOdds, type Odds, perSlot } from "./odds.ts";

export const priorRandom: Searcher = {
  name: "prior-random",
  summary: "draws without repeats from fixed odds of each choice (setting: prior)",
  async propose(turn) {
    const odds = checkPrior(turn.space, turn.state.search.prior);
    const stream = turn.random("draws");
    const drawn = await drawNew(turn, roundSize(turn), () => drawByOdds(turn.space, odds, stream));
    return drawn.map(({ text }) => text);
  },
};

/**
 * The odds that a prior gives every slot. A dimension that it does not name is drawn evenly. In a dimension
 * that it names, a choice that it does not name is never drawn.
 *
 * @throws UsageError when there is no prior, or it has a name that the space does not have, or gives a slot no choice
 */
export function checkPrior(space: Space, prior: SearchConfig["prior"]): Odds {
  const { dimensions } = space.description;
  if (prior === undefined)
    throw new UsageError(
      `searcher "${priorRandom.name}" draws from odds, and none are set; add "prior" to the configuration, for example prior: {${example(dimensions[0])}}`,
    );
  const names = dimensions.map(({ name }) => name);
  for (const name of Object.keys(prior)) {
    if (!names.includes(name))
      throw new UsageError(
        `prior: space ${space.id} has no dimension "${name}"; they are ${names.join(", ")}${didYouMean(name, names)}`,
      );
  }
  const odds = dimensions.map((dimension) =>
    Object.hasOwn(prior, dimension.name)
      ? oddsIn(dimension, prior[dimension.name] ?? {})
      : dimension.choices.map(() => 1),
  );
  return perSlot(space, (dimension) => odds[dimension] ?? []);
}

function oddsIn(dimension: Dimension, weights: Readonly<Record<string, number>>): number[] {
  const { name, choices } = dimension;
  const odds = choices.map(() => 0);
  for (const [token, weight] of Object.entries(weights)) {
    const choice = choices.findIndex(
      (each) => each === token || (dimension.numeric && Number(each) === Number(token)),
    );
    if (choice === -1)
      throw new UsageError(
        `prior.${name}: "${token}" is no choice; they are ${choices.join(", ")}${didYouMean(token, choices)}`,
      );
    odds[choice] = weight;
  }
  const total = odds.reduce((sum, each) => sum + each, 0);
  if (total <= 0 || !Number.isFinite(total))
    throw new UsageError(
      `prior.${name}: the weights add up to ${total}; give at least one choice a weight above 0, or leave the dimension out for even odds`,
    );
  return odds;
}

function example(dimension: Dimension | undefined): string {
  if (dimension === undefined) return "";
  const weights = dimension.choices.map((choice, index) => `${choice}: ${dimension.choices.length - index}`);
  return `${dimension.name}: {${weights.join(", ")}}`;
}
