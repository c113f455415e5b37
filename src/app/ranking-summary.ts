/**
 * What a ranking experiment came to, as one object: the shape of `--json`.
 *
 * Each ranker is scored on the same trials: the model where its reply could be read, the costs always.
 */
import type { Trial } from "../ranking/record.ts";
import { bestFirst, byCost, byModel, type Standing, truthOf } from "../ranking/score.ts";
import type { Draws } from "../ranking/trial.ts";
import { bootstrapMean, kendallTauB, mean, wilson } from "../report/statistics.ts";

/** The mean over trials and its 95 % interval: of τ-b by the bootstrap, of a share by Wilson's score. */
export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** How many trials it is the mean of: all that were ranked, but for τ-b not those in which everything is tied. */
  readonly trials: number;
}

export interface RankerSummary {
  readonly ranker: string;
  /** The cost that a control ranks by; null for the model. */
  readonly cost: string | null;
  readonly readable: number;
  /** Trials in which no reply could be read; they are in no mean. */
  readonly unreadable: number;
  /** Kendall's τ-b between the ranking and the values; null where it is not defined in a single trial. */
  readonly tau: Estimate | null;
  /** The share of trials in which the best architecture was put first; a tie counts by the share of the best in it. */
  readonly bestFirst: Estimate | null;
}

/** What is known beside the trials. */
export interface RankingFacts {
  readonly file: string;
  readonly status: "ended" | "interrupted" | "failed";
  /** Why it did not come to its end; null: it did. */
  readonly reason: string | null;
  readonly space: string;
  readonly split: "search" | "test";
  readonly metric: string;
  readonly cells: number;
  readonly draws: Draws;
  readonly seed: number;
  /** How many trials were wanted. */
  readonly asked: number;
  readonly model: string | null;
  readonly architectures: { readonly measured: number; readonly failed: number };
}

/** The object that `--json` prints. */
export interface RankingSummary extends RankingFacts {
  readonly trials: number;
  readonly rankers: readonly RankerSummary[];
  /** What the model took; null without one. */
  readonly spend: {
    readonly replies: number;
    readonly unreadableReplies: number;
    /** Attempts that brought no reply at all. */
    readonly failedAttempts: number;
    /** Sums over the replies whose server counted tokens; null when none did. */
    readonly inputTokens: number | null;
    readonly outputTokens: number | null;
    readonly seconds: number;
  } | null;
}

/** @param costs the costs that controls rank by */
export function summarizeRanking(
  trials: readonly Trial[],
  facts: RankingFacts,
  { costs, higherIsBetter }: { readonly costs: readonly string[]; readonly higherIsBetter: boolean },
): RankingSummary {
  const of = (ranker: string, cost: string | null, standing: (trial: Trial) => Standing | null) => ({
    ranker,
    cost,
    ...scoreRanker(trials, standing, higherIsBetter),
  });
  return {
    ...facts,
    trials: trials.length,
    rankers: [
      ...(facts.model === null ? [] : [of(facts.model, null, byModel)]),
      ...costs.map((cost) => of(`by ${cost}`, cost, (trial) => byCost(trial, cost))),
    ],
    spend: facts.model === null ? null : spendOf(trials),
  };
}

// --- internal ---

function scoreRanker(
  trials: readonly Trial[],
  standing: (trial: Trial) => Standing | null,
  higherIsBetter: boolean,
): Pick<RankerSummary, "readable" | "unreadable" | "tau" | "bestFirst"> {
  const ranked = trials.flatMap((trial) => {
    const predicted = standing(trial);
    return predicted === null ? [] : [{ predicted, truth: truthOf(trial, higherIsBetter) }];
  });
  const taus = ranked
    .map(({ predicted, truth }) => kendallTauB(predicted, truth))
    .filter((tau) => !Number.isNaN(tau));
  const firsts = ranked.map(({ predicted, truth }) => bestFirst(predicted, truth));
  return {
    readable: ranked.length,
    unreadable: trials.length - ranked.length,
    tau: estimateOf(taus, (values) => bootstrapMean(values)),
    bestFirst: estimateOf(firsts, (values, share) => wilson(share * values.length, values.length)),
  };
}

function estimateOf(
  values: readonly number[],
  interval: (values: readonly number[], mean: number) => Pick<Estimate, "low" | "high">,
): Estimate | null {
  const middle = mean(values);
  return middle === null ? null : { mean: middle, ...interval(values, middle), trials: values.length };
}

function spendOf(trials: readonly Trial[]): NonNullable<RankingSummary["spend"]> {
  const replies = trials.flatMap((trial) => trial.replies);
  const sum = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 && values.length > 0 ? null : known.reduce((total, value) => total + value, 0);
  };
  return {
    replies: replies.length,
    unreadableReplies: replies.filter(({ rejected }) => rejected !== null).length,
    failedAttempts: replies.reduce((total, { reply }) => total + reply.failures.length, 0),
    inputTokens: sum(replies.map(({ reply }) => reply.inputTokens)),
    outputTokens: sum(replies.map(({ reply }) => reply.outputTokens)),
    seconds: sum(replies.map(({ reply }) => reply.seconds)) ?? 0,
  };
}
