/**
 * What a run came to, as one object: the shape of `--json`.
 *
 * It computes nothing itself: every number is a selector of search/state.ts.
 */
import { NoUsableWinner } from "../errors.ts";
import { reveal } from "../search/blind.ts";
import type { StandardErrors, StopReason } from "../search/events.ts";
import { errorsOf, tiesWithBest } from "../search/noise.ts";
import { Space } from "../search/space.ts";
import { type Spend, spend } from "../search/spend.ts";
import { best, evaluations, isKnown, smallestCosts, testsOnSearchImages, trace } from "../search/results.ts";
import { type Funnel, funnel } from "../search/funnel.ts";
import { type RunState } from "../search/state.ts";
import { number } from "../text/numbers.ts";

export type Status = "ended" | "interrupted" | "failed";

/** `nothing-evaluated`: nothing legal and new was proposed. */
type NoWinner = "nothing-succeeded" | "nothing-within-limits" | "nothing-evaluated";

/** The object that `--json` prints. */
export interface Summary {
  readonly run: string;
  readonly space: string;
  readonly searcher: string;
  /** Who played the roles; null for searchers without roles. */
  readonly models: RunState["models"];
  readonly seed: number;
  readonly status: Status;
  /** `stopped`: the run did not come to an end of its own and can be resumed. */
  readonly stopReason: StopReason | "stopped";
  readonly best: {
    readonly architecture: Record<string, (string | number | null)[]>;
    readonly text: string;
    /** Whether it was known before the search began, so that the search found nothing better. */
    readonly isKnown: boolean;
    /** The same architecture under its own names where the search was blind to them; else null. */
    readonly original: string | null;
    readonly metrics: Readonly<Record<string, number>>;
    /** By metric, as far as they are known; null: none is. */
    readonly standardErrors: StandardErrors | null;
    /** How many others that were measured within the limits cannot be told from it; null: its noise is not known. */
    readonly withinNoise: number | null;
    readonly costs: Readonly<Record<string, number>>;
    readonly test: Readonly<Record<string, number>> | null;
    /** Of `test`. */
    readonly testStandardErrors: StandardErrors | null;
    /** Whether `test` was measured on the images that the search has seen, as the evaluator tells. */
    readonly sameImagesAsSearch: boolean;
  } | null;
  /** Why a run that has ended has no winner; null: it has one, or has not ended. */
  readonly noWinner: { readonly reason: NoWinner; readonly words: string } | null;
  readonly funnel: Funnel;
  readonly spend: Spend;
  readonly trace: readonly { evaluation: number; text: string | null; value: number | null }[];
  /** How many results the search began with, and where they come from; absent: none. They are in neither funnel nor spend. */
  readonly known?: { readonly count: number; readonly source: string };
  /** How many hints a person gave; absent: none, so that what was found was found without. */
  readonly hints?: number;
}

/** @param status defaults to what the record says: ended, or interrupted */
export function summarize(state: RunState, run: string, status?: Status): Summary {
  const winner = best(state);
  const test = winner === null ? undefined : state.winnerTests.get(winner.text);
  const space = new Space(state.space);
  return {
    run,
    space: state.space.id,
    searcher: state.search.searcher,
    models: state.models,
    seed: state.search.seed,
    status: status ?? (state.ended === null ? "interrupted" : "ended"),
    stopReason: state.ended ?? "stopped",
    best:
      winner === null
        ? null
        : {
            architecture: space.toObject(space.fromText(winner.text)),
            text: winner.text,
            isKnown: isKnown(winner.candidate),
            original:
              state.original === undefined ? null : reveal(state.original, state.search.seed)(winner.text),
            metrics: winner.outcome.metrics,
            standardErrors: errorsOf(winner.outcome),
            withinNoise: tiesWithBest(state)?.length ?? null,
            costs: winner.measured.costs,
            test: test?.kind === "measurement" ? test.metrics : null,
            testStandardErrors: errorsOf(test),
            sameImagesAsSearch: test?.kind === "measurement" && testsOnSearchImages(state),
          },
    noWinner: winner === null && state.ended !== null ? whyNoWinner(state) : null,
    funnel: funnel(state),
    spend: spend(state),
    trace: trace(state),
    ...(state.known.length === 0
      ? {}
      : { known: { count: state.known.length, source: state.knownFrom ?? "" } }),
    ...(state.hints.length === 0 ? {} : { hints: state.hints.length }),
  };
}

/** A summary whose size does not grow with the run, for a line of its own. */
export function withoutTrace({ trace: _trace, ...rest }: Summary): Omit<Summary, "trace"> {
  return rest;
}

/** Why there is no winner: the nearest miss of a limit, or what the first evaluation failed with. */
export function whyNoWinner(state: RunState): NonNullable<Summary["noWinner"]> {
  const missed = smallestCosts(state).filter(({ limit, smallest }) => smallest !== null && smallest > limit);
  if (missed.length > 0) {
    const misses = missed.map(
      ({ name, limit, smallest }) =>
        `no legal architecture at or below ${name} ${limit} found; the smallest seen costs ${number(smallest ?? 0)}`,
    );
    return { reason: "nothing-within-limits", words: misses.join("; ") };
  }
  const { evaluated, failed, overLimit } = funnel(state);
  if (evaluated + (failed === 0 ? overLimit : 0) > 0)
    return {
      reason: "nothing-within-limits",
      words:
        "nothing that was proposed keeps to the limits, though others do; the funnel shows where candidates were lost",
    };
  const first = evaluations(state).find(({ outcome }) => outcome.kind === "failure")?.outcome;
  if (first?.kind === "failure")
    return {
      reason: "nothing-succeeded",
      words: `no evaluation gave a result: ${failed} failed, the first one with ${first.failure}${first.message === "" ? "" : ` (${first.message})`}`,
    };
  return {
    reason: "nothing-evaluated",
    words: "no evaluation gave a result; the funnel shows where candidates were lost",
  };
}

/** The end of a run as an error, where it has come to one without a winner; else null. */
export function endWithoutWinner(state: RunState): NoUsableWinner | null {
  return state.ended === null || best(state) !== null
    ? null
    : new NoUsableWinner(`ended without a usable winner: ${whyNoWinner(state).words}`);
}
