/**
 * Tables that compare searches pair by pair of runs with one seed: with the controls, and with names against blind.
 *
 * statistics.ts decides whether a difference shows anything.
 */
import { digestOf } from "../search/digest.ts";
import {
  type ComparedCohort,
  type ComparedSpace,
  intervalNote,
  kindOf,
  type Measure,
  measureNote,
  nameOf,
  pairedDifference,
  pickedTest,
  searchValue,
} from "./comparison.ts";
import { type DataRow, type Note, numberColumn, type Table, tableOf, textColumn } from "./exhibit.ts";
import { fewestPairs, type PairedComparison, range, spreadOf } from "./statistics.ts";
import { signed } from "../text/numbers.ts";
import { settingsOf } from "./run-settings.ts";

/** Every search against every control, by search value and by test; controls among themselves once. */
export function controlTables(space: ComparedSpace): Table[] {
  const { cohorts } = space;
  const controls = cohorts.filter(({ isControl }) => isControl);
  const couples = [
    ...cohorts
      .filter(({ isControl }) => !isControl)
      .flatMap((first) => controls.map((second): Couple => ({ first, second }))),
    ...controls.flatMap((first, at) => controls.slice(at + 1).map((second): Couple => ({ first, second }))),
  ];
  if (couples.length === 0) return [];
  return measuresOf(space).map((measure) => controlTable(space, couples, measure));
}

/** For each search that was made both with and without the space's names: what the names were worth. */
export function blindTables(space: ComparedSpace): Table[] {
  const read = space.cohorts.filter(({ runs }) => runs.length > 0);
  const couples = read
    .filter(({ isBlind }) => !isBlind)
    .flatMap((first) =>
      read
        .filter((second) => second.isBlind && sightedKey(second) === sightedKey(first))
        .map((second): Couple => ({ first, second })),
    );
  return couples.length === 0 ? [] : [blindTable(space, couples)];
}

// --- internal ---

interface Couple {
  readonly first: ComparedCohort;
  readonly second: ComparedCohort;
}

const differenceNote: Note = {
  term: "Difference",
  words: "the mean over pairs of runs with the same seed; a seed that either side lacks is left out.",
};

const verdictNote: Note = {
  term: "Ahead, behind, tie",
  words: `ahead or behind: the interval leaves out zero; tie: it does not, which shows neither a difference nor that both are equal; too few: under ${fewestPairs} pairs; no common seed: no pair. Nothing is corrected for the number of comparisons.`,
};

/** Why there are dashes where every row would hold nothing else. */
function unpairedSentence(differences: readonly PairedComparison[]): string[] {
  if (differences.some(({ pairs }) => pairs > 0)) return [];
  return ["No two of these runs have a common seed and a result each: there is nothing to compare."];
}

function measuresOf({ hasTest }: ComparedSpace): Measure[] {
  return hasTest ? [searchValue, pickedTest] : [searchValue];
}

function controlTable(space: ComparedSpace, couples: readonly Couple[], measure: Measure): Table {
  const { id, slug, higherIsBetter } = space;
  const compared = couples.map((couple) => ({
    ...couple,
    difference: pairedDifference(couple.first, couple.second, measure, higherIsBetter),
  }));
  return tableOf(
    {
      id: `controls-${measure.id}-${slug}`,
      title: `Against the controls by ${measure.name} on ${id}`,
      caption: [
        "Search minus control, in pairs of runs with the same seed.",
        ...unpairedSentence(compared.map(({ difference }) => difference)),
        ...budgetSentence(couples),
      ].join(" "),
      notes: [measureNote(measure, space), differenceNote, intervalNote, verdictNote],
      data: compared.map(
        ({ first, second, difference }): DataRow => ({
          search: first.label,
          kind: kindOf(first),
          against: second.label,
          ...differenceData(difference),
        }),
      ),
    },
    [textColumn("search", "Search"), textColumn("against", "Against"), ...differenceColumns],
    compared.map(({ first, second, difference }) => ({
      search: nameOf(first),
      against: second.label,
      ...differenceCells(difference, space),
    })),
  );
}

function blindTable(space: ComparedSpace, couples: readonly Couple[]): Table {
  const { id, slug, decimals, higherIsBetter } = space;
  const measures = measuresOf(space);
  const compared = couples.flatMap(({ first, second }) =>
    measures.map((measure) => ({
      first,
      second,
      measure,
      difference: pairedDifference(first, second, measure, higherIsBetter),
    })),
  );
  return tableOf(
    {
      id: `blind-${slug}`,
      title: `With and without names on ${id}`,
      caption: [
        "With names minus blind, in pairs of runs with the same seed; ahead says that the names helped.",
        ...unpairedSentence(compared.map(({ difference }) => difference)),
      ].join(" "),
      notes: [
        {
          term: "Blind",
          words:
            "a search that sees the space under neutral names and in another order, and no task; all else is equal. What a model already knows of the space, it knows by its names.",
        },
        ...measures.map((measure) => measureNote(measure, space)),
        differenceNote,
        intervalNote,
        verdictNote,
      ],
      data: compared.map(
        ({ first, second, measure, difference }): DataRow => ({
          search: first.label,
          blind: second.label,
          measure: measure.id,
          ...differenceData(difference),
        }),
      ),
    },
    [
      textColumn("search", "Search"),
      textColumn("blind", "Blind twin"),
      textColumn("measure", "Measure"),
      numberColumn("named", "With names"),
      numberColumn("unnamed", "Blind"),
      ...differenceColumns,
    ],
    compared.map(({ first, second, measure, difference }) => ({
      search: nameOf(first),
      blind: second.label,
      measure: measure.name,
      named: spreadOf(first.outcomes.map(measure.of), decimals),
      unnamed: spreadOf(second.outcomes.map(measure.of), decimals),
      ...differenceCells(difference, space),
    })),
  );
}

const differenceColumns = [
  numberColumn("difference", "Difference"),
  numberColumn("interval", "95 % interval"),
  numberColumn("pairs", "Pairs"),
  textColumn("verdict", "Verdict"),
];

/** Differences are small: they are shown with one decimal more than the values. */
function differenceCells({ mean, interval, pairs, verdict }: PairedComparison, { decimals }: ComparedSpace) {
  const write = (value: number) => signed(value, decimals + 1);
  return {
    difference: signed(mean, decimals + 1),
    interval: range(interval, write),
    pairs: `${pairs}`,
    verdict: pairs === 0 ? "no common seed" : verdict,
  };
}

function differenceData({ mean, interval, pairs, verdict }: PairedComparison) {
  return { pairs, difference: mean, low: interval?.low ?? null, high: interval?.high ?? null, verdict };
}

function budgetSentence(couples: readonly Couple[]): string[] {
  const isUneven = couples.some(({ first, second }) => {
    const [own, other] = [first, second].map(({ outcomes }) => outcomes[0]?.budget);
    return own !== undefined && other !== undefined && own !== other;
  });
  return isUneven ? ["Not all of these searches had the same budget: see the results."] : [];
}

/** What a blind search and its twin with names share: all settings but the task, which the blind one does not get. */
function sightedKey({ runs }: ComparedCohort): string {
  const [first] = runs;
  if (first === undefined) return "";
  const { blind: _blind, task: _task, seed: _seed, ...settings } = settingsOf(first.state);
  return digestOf(settings);
}
