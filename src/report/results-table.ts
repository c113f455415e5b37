/**
 * The main table of a space: a row for each search, next to published rows and the optimum.
 *
 * A cell is left open where its number is not known.
 */
import type { PrintedRow } from "./bench-record.ts";
import {
  type ComparedCohort,
  type ComparedSpace,
  hasMeans,
  intervalNote,
  kindOf,
  knownSentences,
  limitsSentences,
  measureNote,
  nameOf,
  pickedTest,
  runsSentence,
  searchValue,
  spreadNote,
} from "./comparison.ts";
import { noiseNotes, noiseSentences } from "./noise.ts";
import { type DataRow, type Note, numberColumn, type Table, tableOf, textColumn } from "./exhibit.ts";
import { evaluationsToReach, reachedOptimum, type RunOutcome } from "./outcome.ts";
import {
  bootstrapMean,
  mean,
  median,
  plusMinus,
  range,
  reachedMedian,
  sd,
  spreadOf,
  wilson,
} from "./statistics.ts";
import { amount, fixed, unknown } from "../text/numbers.ts";

/** The results on one space. */
export function resultsTable(space: ComparedSpace): Table {
  const { id, slug, cohorts, optimum, printed, decimals } = space;
  const toReach = meanToReach(space);
  const asksRoles = cohorts.some(isPlayed);
  const printsTest = printed.some(({ test }) => test !== null);
  const columns = [
    textColumn("search", "Search"),
    numberColumn("runs", "Runs"),
    numberColumn("value", "Search value"),
    ...(hasMeans(cohorts)
      ? [numberColumn("median", "Median"), numberColumn("interval", "95 % interval")]
      : []),
    ...(space.hasTest
      ? [numberColumn("test", "Test of the picked"), numberColumn("bestTest", "Best test seen")]
      : []),
    ...(printsTest ? [numberColumn("printedTest", "Test as printed")] : []),
    ...(optimum === null ? [] : [numberColumn("optimum", "At the optimum")]),
    ...(toReach === null ? [] : [numberColumn("reached", `Evaluations to ${fixed(toReach.mean, decimals)}`)]),
    numberColumn("evaluations", "Evaluations"),
    ...(asksRoles ? [numberColumn("calls", "Calls"), numberColumn("tokens", "Tokens in + out")] : []),
  ];
  const rows = [
    ...cohorts.map((cohort) => cohortCells(cohort, space, toReach)),
    ...printed.map(({ label, source, search, test }) => ({
      search: `${label}, as printed (${source}; protocol not stated)`,
      value: search === null ? unknown : plusMinus(search, decimals),
      printedTest: test === null ? unknown : plusMinus(test, decimals),
    })),
    ...(optimum === null
      ? []
      : [
          {
            search: "optimum of the whole space",
            value: fixed(optimum.search, decimals),
            bestTest: fixed(optimum.test, decimals),
          },
        ]),
  ];
  const data = [
    ...cohorts.map((cohort) => cohortData(cohort, space, toReach)),
    ...printed.map(printedData),
    ...(optimum === null
      ? []
      : [
          {
            ...nothing,
            search: "optimum",
            kind: "optimum",
            search_mean: optimum.search,
            best_test_mean: optimum.test,
          },
        ]),
  ];
  const exhibit = {
    id: `results-${slug}`,
    title: `Results on ${id}`,
    caption: captionOf(space),
    notes: notesOfResults(space, toReach),
    data,
  };
  return tableOf(exhibit, columns, rows);
}

// --- internal ---

/** The mean that searches are timed against: the first printed row's, as published. */
interface ToReach {
  readonly label: string;
  readonly mean: number;
}

function meanToReach({ printed: [first] }: ComparedSpace): ToReach | null {
  return first === undefined || first.search === null
    ? null
    : { label: first.label, mean: first.search.mean };
}

function isPlayed({ runs }: ComparedCohort): boolean {
  return runs.some(({ state }) => state.models !== null);
}

/** The results of a cohort's runs, as numbers. */
function numbersOf(cohort: ComparedCohort, { optimum }: ComparedSpace, toReach: ToReach | null) {
  const { outcomes } = cohort;
  const each = (of: (outcome: RunOutcome) => number | null) => outcomes.map(of);
  const value = each(searchValue.of);
  const values = known(value);
  const played = <T>(value: T) => (isPlayed(cohort) ? value : null);
  return {
    value,
    median: median(values),
    interval: values.length < 2 ? null : bootstrapMean(values),
    test: each(pickedTest.of),
    bestTest: each(({ last }) => last.bestTest),
    atOptimum:
      optimum === null ? null : outcomes.filter((outcome) => reachedOptimum(outcome, optimum.search)).length,
    toReach: toReach === null ? [] : each((outcome) => evaluationsToReach(outcome, toReach.mean)),
    evaluations: mean(outcomes.map(({ spend }) => spend.evaluations)),
    calls: played(mean(outcomes.map(({ spend }) => spend.chatCalls))),
    tokensIn: played(meanOfAll(each(({ spend }) => spend.inputTokens))),
    tokensOut: played(meanOfAll(each(({ spend }) => spend.outputTokens))),
  };
}

/** Null where a single one is not known: a mean over the others would be too small. */
function meanOfAll(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length ? null : mean(known);
}

function cohortCells(cohort: ComparedCohort, space: ComparedSpace, toReach: ToReach | null) {
  const { decimals } = space;
  const { outcomes, planned } = cohort;
  const found = numbersOf(cohort, space, toReach);
  const share = wilson(found.atOptimum ?? 0, outcomes.length);
  const percent = (part: number) => `${Math.round(100 * part)}`;
  return {
    search: nameOf(cohort),
    runs: outcomes.length === planned ? `${planned}` : `${outcomes.length} of ${planned}`,
    value: spreadOf(found.value, decimals),
    median: fixed(found.median, decimals),
    interval: range(found.interval, (value) => value.toFixed(decimals)),
    test: spreadOf(found.test, decimals),
    bestTest: spreadOf(found.bestTest, decimals),
    optimum:
      outcomes.length === 0
        ? unknown
        : `${found.atOptimum} of ${outcomes.length} (${range(share, percent)} %)`,
    reached: reachedMedian(found.toReach).text,
    evaluations: amount(found.evaluations),
    calls: amount(found.calls),
    tokens: found.tokensIn === null ? unknown : `${amount(found.tokensIn)} + ${amount(found.tokensOut)}`,
  };
}

/** A line of the data with nothing known. */
const nothing = {
  search: "",
  kind: "",
  source: null,
  runs: null,
  planned: null,
  search_count: null,
  search_mean: null,
  search_sd: null,
  search_median: null,
  search_low: null,
  search_high: null,
  test_count: null,
  test_mean: null,
  test_sd: null,
  best_test_count: null,
  best_test_mean: null,
  best_test_sd: null,
  at_optimum: null,
  at_optimum_low: null,
  at_optimum_high: null,
  to_reach: null,
  reached: null,
  evaluations_to_reach_median: null,
  evaluations_mean: null,
  known_mean: null,
  calls_mean: null,
  input_tokens_mean: null,
  output_tokens_mean: null,
} satisfies DataRow;

function cohortData(cohort: ComparedCohort, space: ComparedSpace, toReach: ToReach | null): DataRow {
  const { outcomes, planned } = cohort;
  const found = numbersOf(cohort, space, toReach);
  const [value, test, bestTest] = [known(found.value), known(found.test), known(found.bestTest)];
  const share = found.atOptimum === null ? null : wilson(found.atOptimum, outcomes.length);
  return {
    ...nothing,
    search: cohort.label,
    kind: kindOf(cohort),
    runs: outcomes.length,
    planned,
    search_count: value.length,
    search_mean: mean(value),
    search_sd: sd(value),
    search_median: found.median,
    search_low: found.interval?.low ?? null,
    search_high: found.interval?.high ?? null,
    test_count: test.length,
    test_mean: mean(test),
    test_sd: sd(test),
    best_test_count: bestTest.length,
    best_test_mean: mean(bestTest),
    best_test_sd: sd(bestTest),
    at_optimum: found.atOptimum,
    at_optimum_low: share?.low ?? null,
    at_optimum_high: share?.high ?? null,
    to_reach: toReach?.mean ?? null,
    reached: toReach === null ? null : known(found.toReach).length,
    evaluations_to_reach_median: reachedMedian(found.toReach).median,
    evaluations_mean: found.evaluations,
    known_mean: mean(outcomes.map(({ known: count }) => count)),
    calls_mean: found.calls,
    input_tokens_mean: found.tokensIn,
    output_tokens_mean: found.tokensOut,
  };
}

function printedData({ label, source, search, test }: PrintedRow): DataRow {
  return {
    ...nothing,
    search: label,
    kind: "printed",
    source,
    search_mean: search?.mean ?? null,
    search_sd: search?.sd ?? null,
    test_mean: test?.mean ?? null,
    test_sd: test?.sd ?? null,
  };
}

function known(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

function captionOf(space: ComparedSpace): string {
  const { cohorts, printed } = space;
  return [
    runsSentence(cohorts),
    ...limitsSentences(cohorts),
    ...noiseSentences(space),
    ...knownSentences(cohorts),
    ...(printed.length === 0 ? [] : ["Printed rows are shown as they were published."]),
  ].join(" ");
}

function notesOfResults(space: ComparedSpace, toReach: ToReach | null): Note[] {
  const { cohorts, optimum, printed, decimals } = space;
  const isLimited = cohorts.some(({ runs }) =>
    runs.some(({ state }) => Object.keys(state.search.limits).length > 0),
  );
  return [
    measureNote(searchValue, space),
    ...(hasMeans(cohorts) ? [spreadNote, intervalNote] : []),
    ...noiseNotes(space),
    ...(space.hasTest
      ? [
          measureNote(pickedTest, space),
          {
            term: "Best test seen",
            words:
              "the best test value of everything evaluated within the limits, which could not be picked without looking at the test split; open where not all of it was tested.",
          },
        ]
      : []),
    ...(optimum === null
      ? []
      : [
          {
            term: "At the optimum",
            words: `runs whose search value is the best of the whole space${isLimited ? ", limits aside" : ""}, with the 95 % Wilson interval of their share.`,
          },
        ]),
    ...(toReach === null
      ? []
      : [
          {
            term: `Evaluations to ${fixed(toReach.mean, decimals)}`,
            words: `the median over runs until the search value is at what is printed for ${toReach.label}, or beyond; a run that never was counts as later than all others.`,
          },
        ]),
    ...(printed.length === 0
      ? []
      : [
          {
            term: "Printed rows",
            words: "as they were published; their protocol is not stated.",
          },
        ]),
    {
      term: "Evaluations, calls, tokens",
      words:
        "of the results: means per run; a failed evaluation counts too; a search without a model makes no call.",
    },
  ];
}
