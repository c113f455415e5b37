/**
 * A search by written rules, without a language model: each round it reads which choices the good architectures share,
 * writes that down as a strategy in words, and draws new architectures by the shares in it.
 *
 * The rules say what counts as good, how sure the shares are, when they widen, and the words. Costs are free, so it
 * draws until enough architectures are new and within the limits. It keeps nothing between rounds and knows no space.
 */
import type { Searcher, Turn } from "../search/ports.ts";
import type { Architecture } from "../search/architecture.ts";
import { budgetLeft, budgetSpent } from "../search/progress.ts";
import { excessOf } from "../search/results.ts";
import { printRange, type Range } from "../search/strategy.ts";
import { drawNew, roundSize } from "./draws.ts";
import { drawByOdds, type Odds } from "./odds.ts";
import { fittest, individuals } from "./population.ts";

/** The share of results that counts as good, and the least and the largest number of them. */
const goodShare = 0.25;
const fewestGood = 4;
const mostGood = 12;
/** How many votes each choice has without any result, at the start and at the end of the budget. */
const firstPrior = 1;
const lastPrior = 0.25;
/** A choice below this share, or below half its even share, is left out of the strategy and of the draws. */
const smallestPercent = 3;
/**
 * The factors by which these votes grow, step by step, where nearly every draw is known; in the last step all shares
 * are even.
 */
const widths = [1, 4, 16, Number.POSITIVE_INFINITY];
/** How often a round looks again at the architectures nearest to the limits. */
const mostApproaches = 8;
/** How many draws are made for each architecture of a round before the next step. */
const drawsEach = 20;

export const rules: Searcher = {
  name: "rules",
  label: "rules, no language model",
  summary: "written rules, no language model: a strategy in words from what the best results share",
  async propose(turn) {
    const batch = new Batch(turn);
    const good = bestResults(turn);
    const plan = good.length > 0 ? await followResults(batch, good) : await approachLimits(batch);
    await turn.setStrategy(strategyOf(turn, plan));
    return batch.found.map(({ text }) => text);
  },
};

/** What a round draws by. */
interface Plan {
  /** The architectures that the shares come from, the best first. */
  readonly good: readonly Architecture[];
  /** `limits`: there is no result yet, and these are nearest to the limits. */
  readonly from: "results" | "limits";
  /** By which factor the shares are wider than from the results alone; infinite: they are even. */
  readonly width: number;
  readonly polls: readonly Poll[];
}

/** The new architectures of one round. */
class Batch {
  readonly turn: Turn;
  readonly found: Architecture[] = [];
  readonly #count: number;
  readonly #random: ReturnType<Turn["random"]>;

  constructor(turn: Turn) {
    this.turn = turn;
    this.#count = roundSize(turn);
    this.#random = turn.random("draws");
  }

  /**
   * Draws by a plan until the batch is full, or after a number of draws unless `isLast`. Returns whether it is full.
   */
  async fill(plan: Plan, isLast: boolean): Promise<boolean> {
    const { space } = this.turn;
    const odds = oddsOf(plan.polls);
    const draw = () => drawByOdds(space, odds, this.#random);
    const most = isLast ? undefined : drawsEach * this.#count;
    this.found.push(...(await drawNew(this.turn, this.#count - this.found.length, draw, this.found, most)));
    return this.found.length === this.#count;
  }
}

/** Draws near the best results, and more widely where hardly anything new is left there. */
async function followResults(batch: Batch, good: readonly Architecture[]): Promise<Plan> {
  let plan: Plan | undefined;
  for (const [step, width] of widths.entries()) {
    plan = planOf(batch.turn, good, "results", width);
    if (await batch.fill(plan, step === widths.length - 1)) break;
  }
  return plan as Plan;
}

/** Draws evenly; where few such draws keep the limits, draws near the architectures nearest to the limits. */
async function approachLimits(batch: Batch): Promise<Plan> {
  const isLimited = Object.keys(batch.turn.state.search.limits).length > 0;
  let plan = planOf(batch.turn, nearestToLimits(batch.turn), "limits", 1);
  for (let step = 1; !(await batch.fill(plan, !isLimited)); step++) {
    if (!isLimited || step === mostApproaches) break;
    plan = planOf(batch.turn, nearestToLimits(batch.turn), "limits", 1);
  }
  return plan;
}

// ----- What is good -----

function bestResults({ state, space }: Turn): Architecture[] {
  const all = individuals(state, space);
  return fittest(all, goodCount(all)).map(({ architecture }) => architecture);
}

/** Of all architectures with known costs that were not proposed, those that exceed the limits least. */
function nearestToLimits({ state, space }: Turn): Architecture[] {
  if (Object.keys(state.search.limits).length === 0) return [];
  const known = [...state.costs.values()].filter(({ text }) => !state.visited.has(text));
  const ordered = known
    .map(({ text, costs }) => ({ text, excess: Math.max(0, excessOf(state, costs)) }))
    .sort((first, second) => first.excess - second.excess);
  return goodAmong(ordered).map(({ text }) => space.fromText(text));
}

/** The first of a list that begins with the best. */
function goodAmong<T>(ordered: readonly T[]): T[] {
  return ordered.slice(0, goodCount(ordered));
}

/** How many of so many count as good. */
function goodCount({ length }: readonly unknown[]): number {
  return Math.min(mostGood, Math.max(fewestGood, Math.round(length * goodShare)));
}

// ----- Shares -----

/** The shares of the choices of one slot, the largest first. */
interface Poll extends Range {
  readonly slot: number;
  /** All choices of the slot, also those without a share. */
  readonly choices: readonly string[];
  /** Choices that hardly any good architecture has. */
  readonly rare: readonly string[];
}

function planOf(turn: Turn, good: readonly Architecture[], from: Plan["from"], width: number): Plan {
  const { search } = turn.state;
  const left = budgetLeft(turn.state) / search.budget;
  const prior = width * (lastPrior + (firstPrior - lastPrior) * left);
  const { dimensions } = turn.space.description;
  const polls = dimensions.flatMap(({ name, choices, groups }, dimension) =>
    Array.from({ length: groups.reduce((sum, { size }) => sum + size, 0) }, (_, slot) => {
      const held = good.map((architecture) => architecture.choices[dimension]?.[slot] ?? null);
      return pollOf({ dimension: name, slot, choices }, held, prior);
    }),
  );
  return { good, from, width, polls };
}

/** Votes of the good architectures, better ones with more weight. A slot that none of them uses gets even shares. */
function pollOf(
  place: Pick<Poll, "dimension" | "slot" | "choices">,
  held: readonly (number | null)[],
  prior: number,
): Poll {
  const votes = place.choices.map((_, choice) =>
    Number.isFinite(prior)
      ? held.reduce<number>(
          (sum, each, rank) => (each === choice ? sum + 2 * (1 - rank / held.length) : sum),
          prior,
        )
      : 1,
  );
  const total = votes.reduce((sum, vote) => sum + vote, 0);
  const shares = place.choices
    .map((token, choice) => ({ token, percent: Math.round((100 * (votes[choice] ?? 0)) / total) }))
    .sort((first, second) => second.percent - first.percent);
  const isRare = ({ percent }: { percent: number }) =>
    percent < Math.min(smallestPercent, 50 / shares.length);
  return {
    ...place,
    shares: shares.filter((share) => !isRare(share)),
    rare: shares.filter(isRare).map(({ token }) => token),
  };
}

/** The shares as odds. They are even in a slot with so many choices that each share rounds to 0. */
function oddsOf(polls: readonly Poll[]): Odds {
  const byDimension = new Map<string, number[][]>();
  for (const { dimension, choices, shares } of polls) {
    const percents = new Map(shares.map(({ token, percent }) => [token, percent]));
    const odds = choices.map((token) => (shares.length === 0 ? 1 : (percents.get(token) ?? 0)));
    byDimension.set(dimension, [...(byDimension.get(dimension) ?? []), odds]);
  }
  return [...byDimension.values()];
}

// ----- Words -----

function strategyOf({ space, state }: Turn, { good, from, width, polls }: Plan): string {
  const isEven = good.length === 0 || !Number.isFinite(width);
  const favourites = polls
    .filter(({ choices }) => choices.length > 1)
    .sort((first, second) => topPercent(second) - topPercent(first))
    .slice(0, 3);
  const spent = state.known.length + budgetSpent(state);
  const agreement = `agree most on ${named(favourites)}`;
  const summary =
    good.length === 0
      ? "Nothing is known yet: sample every choice of every slot evenly."
      : from === "limits"
        ? `There is no result within the limits yet; the ${good.length} that come nearest to them ${agreement}. Go further that way.`
        : isEven
          ? `Nearly everything close to the best of ${spent} results is known: start again from even shares.`
          : `The ${good.length} best of ${spent} results ${agreement}. ${nextStep(width, favourites)}`;
  const directions = space.description.dimensions.map(({ name }) => {
    const own = favourites.filter(({ dimension }) => dimension === name);
    return `### ${name}\n${own.length > 0 && !isEven ? `Prefer ${named(own)}; elsewhere follow the ranges.` : "Follow the ranges."}`;
  });
  const rare = polls.flatMap((poll) =>
    poll.rare.map((token) => `${poll.dimension}[${poll.slot}] = ${token}`),
  );
  const { budget } = state.search;
  const left = `${budgetLeft(state)} of ${budget} evaluations are left`;
  const worked =
    good.length === 0 || from === "limits"
      ? `No results within the limits yet; ${left}.`
      : `Ranges gives the share of each choice among the best results; ${left}.`;
  return [
    `## Summary\n${summary}`,
    `## What worked and why\n${worked}`,
    `## Directions\n${directions.join("\n")}`,
    `## Ranges\n${polls
      .filter(({ shares }) => shares.length > 0)
      .map(printRange)
      .join("\n")}`,
    `## Avoid\n${rare.length === 0 || isEven ? "Repeating an architecture." : `Hardly any good architecture has ${rare.slice(0, 8).join(", ")}.`}`,
  ].join("\n\n");
}

function nextStep(width: number, favourites: readonly Poll[]): string {
  if (width > 1) return "Nearly everything that close is known: vary more than before.";
  return favourites.some((poll) => topPercent(poll) >= 50)
    ? "Stay close to that and vary the rest."
    : "They still differ widely, so keep sampling broadly.";
}

function named(polls: readonly Poll[]): string {
  return polls.map(({ dimension, slot, shares }) => `${dimension}[${slot}] = ${shares[0]?.token}`).join(", ");
}

function topPercent({ shares }: Poll): number {
  return shares[0]?.percent ?? 0;
}
