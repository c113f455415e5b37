/**
 * Plays two searchers in one run: an early one that needs no results, then the one that learns most from them.
 *
 * It decides which of them plays a round, by the gain of each. The gains and the earlier players are computed from the
 * rounds so far, so nothing has to be remembered. Neither searcher is known here.
 */
import { UsageError } from "../errors.ts";
import type { SearchConfig } from "../search/events.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import type { Searcher } from "../search/ports.ts";
import { bestKnown, evaluationsAmong, isBetter, valueOf } from "../search/results.ts";
import type { RunState } from "../search/state.ts";

/** The early searcher plays until this many evaluations have been made. */
const opening = 10;
/** A searcher is judged by this many of its latest evaluations. */
const window = 20;

type EarlySettings = Pick<SearchConfig, "early" | "prior">;
type Arm = "early" | "late";

/**
 * A searcher that begins with one of `others`, which `early` in the configuration names, and changes to `late` by their
 * gains.
 */
export function portfolioOf(others: readonly Searcher[], late: Searcher): Searcher {
  return {
    name: "portfolio",
    summary: `an early searcher (setting: early), then ${late.name}, by what each gains an evaluation`,
    async propose(turn) {
      const early = checkEarly(turn.state.search, others);
      return await { early, late }[nextArm(turn.state)].propose(turn);
    },
  };
}

/**
 * The searcher that a portfolio begins with: the configured one; else draws from the prior; without a prior, even
 * draws.
 */
export function earlyName({ early, prior }: EarlySettings): string {
  return early ?? (prior === undefined ? "random" : "prior-random");
}

/**
 * The searcher among `others` that a portfolio begins with.
 *
 * @throws UsageError when it is none of them
 */
export function checkEarly(search: EarlySettings, others: readonly Searcher[]): Searcher {
  const name = earlyName(search);
  const early = others.find((each) => each.name === name);
  if (early !== undefined) return early;
  const names = others.map((each) => each.name);
  throw new UsageError(
    `early: a portfolio cannot begin with "${name}"; choose one of ${names.join(", ")}${didYouMean(name, names)}`,
  );
}

// --- internal ---

/** Whose turn it is after the rounds so far. */
function nextArm(state: RunState): Arm {
  const gains: Record<Arm, number[]> = { early: [], late: [] };
  // Known results are draws too: with enough of them the searcher that learns begins.
  let made = state.known.length;
  let best: number | null = bestKnown(state)?.value ?? null;
  let arm: Arm = made >= opening ? "late" : "early";
  for (const { candidates } of state.rounds.filter(({ closed }) => closed)) {
    const evaluations = evaluationsAmong(candidates);
    for (const { outcome, overLimit } of evaluations) {
      made += 1;
      const value = valueOf(state, outcome);
      const improves = value !== null && !overLimit && isBetter(state, value, best);
      if (improves) best = value;
      // Of n equal draws the last is the best so far with odds of 1 in n. With this factor pure luck gains 1 on
      // average.
      gains[arm].push(improves ? made : 0);
    }
    if (evaluations.length === 0) {
      // A searcher without a proposal gives way to the other: idle rounds in a row would end the run.
      gains[arm].push(0);
      arm = arm === "early" ? "late" : "early";
    } else if (made >= opening || gains.late.length > 0) {
      arm = recent(gains.early) > recent(gains.late) ? "early" : "late";
    }
  }
  return arm;
}

/** The mean gain of the latest evaluations. A searcher without evaluations must be tried. */
function recent(gains: readonly number[]): number {
  const latest = gains.slice(-window);
  return latest.length === 0
    ? Number.POSITIVE_INFINITY
    : latest.reduce((sum, each) => sum + each, 0) / latest.length;
}
