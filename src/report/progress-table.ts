/**
 * How good the searches on a space are after a few numbers of evaluations.
 *
 * A test value is given only where it is known of every run.
 */
import {
  type ComparedCohort,
  type ComparedSpace,
  hasMeans,
  kindOf,
  type Measure,
  measureNote,
  nameOf,
  pickedTest,
  runsSentence,
  searchValue,
  spreadNote,
} from "./comparison.ts";
import { type DataRow, numberColumn, type Table, tableOf, textColumn } from "./exhibit.ts";
import { stepAfter } from "./outcome.ts";
import { mean, sd, spreadOf } from "./statistics.ts";

/** Numbers of evaluations after which searches are looked at, besides their budgets. */
const checkpoints = [10, 20, 30, 50, 100];

/** Search value and test after each checkpoint and at each budget; the test only where something of it is known. */
export function progressTables(space: ComparedSpace): Table[] {
  const budgets = space.cohorts.flatMap(({ outcomes }) => outcomes.map(({ budget }) => budget));
  const largest = Math.max(0, ...budgets);
  const early = checkpoints.filter((count) => count <= largest);
  // Under the first checkpoint there is nothing to see that the results do not say.
  if (early.length === 0) return [];
  const within = [...new Set([...early, ...budgets])].toSorted((one, other) => one - other);
  return [searchValue, pickedTest].flatMap((measure) => {
    const isKnown = space.cohorts.some((cohort) =>
      within.some((count) => valuesAfter(cohort, count, measure).some((value) => value !== null)),
    );
    return isKnown ? [progressTable(space, within, measure)] : [];
  });
}

// --- internal ---

function progressTable(space: ComparedSpace, within: readonly number[], measure: Measure): Table {
  const { id, slug, cohorts, decimals } = space;
  return tableOf(
    {
      id: `progress-${measure.id}-${slug}`,
      title: `${measure.id === "search" ? "Best" : "Test of the picked"} by evaluations on ${id}`,
      caption: `${runsSentence(cohorts)} Columns are evaluations so far, failed ones included.`,
      notes: [
        measureNote(measure, space),
        ...(hasMeans(cohorts) ? [spreadNote] : []),
        {
          term: "After N evaluations",
          words:
            "the state of the runs then; a run that ended earlier keeps its last value. Open beyond a search's budget, and where the test of a run's pick is not known.",
        },
      ],
      data: cohorts.map(
        (cohort): DataRow => ({
          search: cohort.label,
          kind: kindOf(cohort),
          runs: cohort.outcomes.length,
          planned: cohort.planned,
          ...Object.fromEntries(
            within.flatMap((count) => {
              const known = valuesAfter(cohort, count, measure).filter((value) => value !== null);
              return [
                [`after_${count}_count`, known.length],
                [`after_${count}_mean`, mean(known)],
                [`after_${count}_sd`, sd(known)],
              ];
            }),
          ),
        }),
      ),
    },
    [
      textColumn("search", "Search"),
      ...within.map((count) => numberColumn<string>(`${count}`, `After ${count}`)),
    ],
    cohorts.map((cohort) => ({
      search: nameOf(cohort),
      ...Object.fromEntries(
        within.map((count) => [`${count}`, spreadOf(valuesAfter(cohort, count, measure), decimals)]),
      ),
    })),
  );
}

/** One for each run; none where the checkpoint is beyond the budget, or a test is not known of every pick. */
function valuesAfter({ outcomes }: ComparedCohort, count: number, { id }: Measure): (number | null)[] {
  if (outcomes.some(({ budget }) => budget < count)) return [];
  const steps = outcomes.map((outcome) => stepAfter(outcome, count));
  if (id === "search") return steps.map((step) => step?.best ?? null);
  const isOpen = steps.some((step) => step !== null && step.picked !== null && step.test === null);
  return isOpen ? [] : steps.map((step) => step?.test ?? null);
}
