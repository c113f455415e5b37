/** Shows the strategy of each round next to what the round brought. */
import type { RunState } from "../search/state.ts";
import { strategySummary } from "../search/strategy.ts";
import { type ComparedCohort, type ComparedSpace, representative } from "./comparison.ts";
import { type DataRow, numberColumn, type Table, tableOf, textColumn } from "./exhibit.ts";
import type { Subject } from "./figures/subject.ts";
import { type RoundResult, roundResults } from "./outcome.ts";
import { signed } from "../text/numbers.ts";

/** One table for each search with a strategy that is shown in detail. */
export function strategyTables({ space, withStrategy }: Subject): Table[] {
  return withStrategy.flatMap((cohort, index) => strategyTable(space, cohort, index) ?? []);
}

// --- internal ---

const longestSummary = 400;

interface Line extends RoundResult {
  /** The summary of the strategy that was set in this round; empty: none was. */
  readonly strategy: string;
}

function strategyTable(
  { id, slug, decimals }: ComparedSpace,
  cohort: ComparedCohort,
  index: number,
): Table | null {
  const { folder, state } = representative(cohort);
  const lines = linesOf(state);
  if (lines.every(({ strategy }) => strategy === "")) return null;
  return tableOf(
    {
      id: `strategies-${index + 1}-${slug}`,
      title: `Strategies of ${cohort.label} on ${id}, round by round`,
      caption: `${cohort.runs.length === 1 ? "The only run" : `The median of ${cohort.runs.length} runs by final value`}: seed ${state.search.seed}, ${folder}.`,
      notes: [
        { term: "Best of round", words: "the best value within the limits among what the round evaluated." },
        {
          term: "Gain",
          words: "by how much that is better than the best of all rounds before, below 0 where it is worse.",
        },
      ],
      data: lines.map(
        ({ strategy, ...result }): DataRow => ({
          search: cohort.label,
          seed: state.search.seed,
          ...result,
          strategy,
        }),
      ),
    },
    [
      numberColumn("round", "Round"),
      textColumn("strategy", "Strategy in summary"),
      numberColumn("evaluated", "Evaluated"),
      numberColumn("best", "Best of round"),
      numberColumn("gain", "Gain"),
    ],
    lines.map(({ round, strategy, evaluated, best, gain }) => ({
      round: `${round}`,
      strategy,
      evaluated: `${evaluated}`,
      best: best?.toFixed(decimals),
      gain: gain === null ? undefined : signed(gain, decimals),
    })),
  );
}

function linesOf(state: RunState): Line[] {
  return roundResults(state).map((result, index) => {
    const strategy = state.rounds[index]?.strategy ?? null;
    return { ...result, strategy: cut(strategy === null ? "" : strategySummary(strategy)) };
  });
}

function cut(text: string): string {
  return text.length <= longestSummary ? text : `${text.slice(0, longestSummary - 1)}…`;
}
