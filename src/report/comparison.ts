/**
 * The searches on one space with the results of their runs, ready to be compared.
 *
 * This file pairs runs by seed, picks the reference of each space, and has the sentences that several captions share.
 */
import { digestOf } from "../search/digest.ts";
import { hasTest, testsOnSearchImages } from "../search/results.ts";
import type { PrintedRow, Reference } from "./bench-record.ts";
import type { Note } from "./exhibit.ts";
import { outcomeOf, type RunOutcome } from "./outcome.ts";
import { comparePaired, mean, type PairedComparison } from "./statistics.ts";
import { bySpace, type Cohort, type ReportedRun, type SpaceGroup, type Study } from "./study.ts";
import { decimalsFor } from "../text/numbers.ts";
import { listed, slug } from "../text/words.ts";
import { knownWords } from "./words.ts";

export interface ComparedCohort extends Cohort {
  /** One for each of `runs`. */
  readonly outcomes: readonly RunOutcome[];
  /** Runs that were meant to be made: those that are counted and those that were lost. */
  readonly planned: number;
}

export interface ComparedSpace {
  readonly id: string;
  readonly space: SpaceGroup["space"];
  /** The id as part of the ids of exhibits; no two spaces of a study share one. */
  readonly slug: string;
  readonly cohorts: readonly ComparedCohort[];
  readonly optimum: Reference["optimum"];
  readonly printed: readonly PrintedRow[];
  readonly higherIsBetter: boolean;
  /** The objective's name, unit and direction. */
  readonly objective: string;
  /** How many decimals its values are shown with. */
  readonly decimals: number;
  readonly hasTest: boolean;
  readonly testsOnSearchImages: boolean;
  /** How the reader calls this program. */
  readonly program: string;
}

/** What of a run is compared. */
export interface Measure {
  readonly id: "search" | "test";
  readonly name: string;
  readonly of: (outcome: RunOutcome) => number | null;
}

export const searchValue: Measure = { id: "search", name: "search value", of: ({ last }) => last.best };
export const pickedTest: Measure = { id: "test", name: "test of the picked", of: ({ last }) => last.test };

/** Everything that a study compares, space by space. */
export function comparedSpaces({ cohorts, references, program }: Study): ComparedSpace[] {
  const taken: string[] = [];
  return bySpace(cohorts).map(({ id, space, cohorts: members }) => {
    const compared = members.map(
      (cohort): ComparedCohort => ({
        ...cohort,
        outcomes: cohort.runs.map(outcomeOf),
        planned: cohort.runs.length + cohort.lost.length,
      }),
    );
    const own = references.filter((reference) => reference.space === id);
    const optimum = own.find((reference) => reference.optimum !== null)?.optimum ?? null;
    const printed = new Map(own.flatMap((reference) => reference.printed.map((row) => [digestOf(row), row])));
    const name = uniqueSlug(id, taken);
    taken.push(name);
    const metric = space?.metrics[0];
    const numbers = [
      ...compared.flatMap(({ outcomes }) => outcomes.flatMap(({ last }) => [last.best, last.test])),
      ...[...printed.values()].flatMap(({ search, test }) => [search?.mean ?? null, test?.mean ?? null]),
      optimum?.search ?? null,
    ].filter((value) => value !== null);
    return {
      id,
      program,
      space,
      slug: name,
      cohorts: compared,
      optimum,
      printed: [...printed.values()],
      higherIsBetter: metric?.higherIsBetter ?? true,
      objective:
        metric === undefined
          ? "the objective"
          : `${metric.name} (${[metric.unit, metric.higherIsBetter ? "higher is better" : "lower is better"].filter((part) => part !== "").join(", ")})`,
      decimals: decimalsFor(numbers),
      hasTest: space !== null && hasTest({ space }),
      testsOnSearchImages: space !== null && testsOnSearchImages({ space }),
    };
  });
}

/** The label, and whether it is a control. */
export function nameOf({ label, isControl }: Cohort): string {
  return isControl ? `${label} (control)` : label;
}

/** As a word of the data. */
export function kindOf({ isControl }: Cohort): "search" | "control" {
  return isControl ? "control" : "search";
}

/** How the runs of two cohorts with the same seed differ, first minus second, where both have a value. */
export function pairedDifference(
  first: ComparedCohort,
  second: ComparedCohort,
  { of }: Measure,
  higherIsBetter: boolean,
): PairedComparison {
  const differences = first.outcomes.flatMap((outcome) => {
    const partner = second.outcomes.find(({ seed }) => seed === outcome.seed);
    const [own, other] = [of(outcome), partner === undefined ? null : of(partner)];
    return own === null || other === null ? [] : [own - other];
  });
  return comparePaired(differences, higherIsBetter);
}

// ----- Of one search -----

/** Whether the runs of a cohort follow a strategy in words, as language models and rules do. */
export function hasStrategy({ runs }: Pick<ComparedCohort, "runs">): boolean {
  return runs.some(
    ({ state }) => state.models !== null || state.rounds.some(({ strategy }) => strategy !== null),
  );
}

/** The run whose final value is the median of its cohort's; of an even number the lower one, by seed on a tie. */
export function representative({ runs, outcomes }: ComparedCohort): ReportedRun {
  // A run that found nothing is the worst, whichever direction is better.
  const rank = ({ last, higherIsBetter }: RunOutcome) =>
    last.best === null ? Number.NEGATIVE_INFINITY : higherIsBetter ? last.best : -last.best;
  const order = outcomes
    .map((outcome, index) => ({ outcome, index }))
    .sort((first, second) => rank(first.outcome) - rank(second.outcome));
  return runs[order[Math.floor((order.length - 1) / 2)]?.index ?? 0] as ReportedRun;
}

/** The run with the best final value, the one with the lowest seed on a tie; null where none found anything. */
export function bestRun(
  { runs, outcomes }: ComparedCohort,
  higherIsBetter: boolean,
): { run: ReportedRun; outcome: RunOutcome } | null {
  let found: { run: ReportedRun; outcome: RunOutcome; value: number } | null = null;
  for (const [index, outcome] of outcomes.entries()) {
    const value = outcome.last.best;
    if (value === null) continue;
    if (found !== null && (higherIsBetter ? value <= found.value : value >= found.value)) continue;
    found = { run: runs[index] as ReportedRun, outcome, value };
  }
  return found;
}

/** The mean of the final values; null where no run found anything. */
export function finalMean({ outcomes }: ComparedCohort): number | null {
  return mean(outcomes.flatMap(({ last }) => (last.best === null ? [] : [last.best])));
}

/** Sorts the better mean first, and what found nothing last. */
export function compare(first: ComparedCohort, second: ComparedCohort, higherIsBetter: boolean): number {
  const worst = higherIsBetter ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const [one, other] = [finalMean(first) ?? worst, finalMean(second) ?? worst];
  if (one === other) return 0;
  return one > other === higherIsBetter ? -1 : 1;
}

// ----- Sentences -----

/** How many runs there are, and how many more were meant to be. */
export function runsSentence(cohorts: readonly ComparedCohort[]): string {
  const counted = cohorts.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
  const planned = cohorts.reduce((sum, cohort) => sum + cohort.planned, 0);
  const outcomes = cohorts.flatMap((cohort) => cohort.outcomes);
  const fruitless = outcomes.filter(({ ended, last }) => ended !== null && last.best === null).length;
  const without =
    fruitless === 0
      ? ""
      : ` ${planned === 1 ? "It" : `${fruitless} of them`} ended without a usable winner and ${fruitless === 1 ? "has" : "have"} no value.`;
  if (counted === 1 && planned === 1) return `One run.${without}`;
  return counted === planned
    ? `All ${planned} planned runs are counted.${without}`
    : `${counted} of ${planned} planned runs are counted; those that failed or did not finish are in no number.${without}`;
}

/** What the value of a run is, on which split. */
export function measureNote(
  { id }: Measure,
  { objective, testsOnSearchImages: isSame, id: space }: ComparedSpace,
): Note {
  if (id === "search")
    return {
      term: "Search value",
      words: `${objective} on the search split of the best architecture within the limits.`,
    };
  const caveat = isSame ? ` The test split of ${space} uses the same images as its search split.` : "";
  return {
    term: "Test of the picked",
    words: `${objective} on the test split of the architecture that the search split alone picked; the search never saw that value.${caveat}`,
  };
}

/** Whether any search has more than one run, so that there are means to speak of. */
export function hasMeans(cohorts: readonly ComparedCohort[]): boolean {
  return cohorts.some(({ outcomes }) => outcomes.length > 1);
}

/** What costs may be at most; nothing where there is no limit. */
export function limitsSentences(cohorts: readonly ComparedCohort[]): string[] {
  const limits = cohorts.flatMap(({ runs }) =>
    runs.map(({ state }) =>
      Object.entries(state.search.limits).map(([name, limit]) => {
        const unit = state.space.costs.find((cost) => cost.name === name)?.unit ?? "";
        return [name, "at most", `${limit}`, unit].filter((part) => part !== "").join(" ");
      }),
    ),
  );
  const [first = "", ...others] = new Set(limits.map(listed));
  if (others.length > 0) return ["Limits differ between these searches."];
  return first === "" ? [] : [`Limits: ${first}.`];
}

/** What searches began with that they did not evaluate; nothing where they began with nothing. */
export function knownSentences(cohorts: readonly ComparedCohort[]): string[] {
  return cohorts.flatMap((cohort) => {
    const began = cohort.runs.map(({ state }) => state).filter(({ known }) => known.length > 0);
    const words = [...new Set(began.map(knownWords))];
    return words.length === 0
      ? []
      : [
          `${nameOf(cohort)} began with ${listed(words)}. This is no equal budget with a search that did not.`,
        ];
  });
}

export const intervalNote: Note = {
  term: "95 % interval",
  words:
    "a percentile bootstrap interval of a mean (10,000 resamples, fixed seed); with few runs it is somewhat narrow.",
};

export const spreadNote: Note = {
  term: "Mean ± deviation",
  words:
    "over runs that differ in the seed alone, with the number of these runs where it is not all; a single run has no deviation.",
};

// --- internal ---

function uniqueSlug(id: string, taken: readonly string[]): string {
  const wanted = slug(id) || "space";
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    if (!taken.includes(name)) return name;
  }
}
