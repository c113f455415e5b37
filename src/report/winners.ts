/**
 * What the searches found: the architectures, a table of them, and the command that evaluates one again.
 *
 * Architectures have the space's own names, also where the search was blind.
 */
import type { RunState } from "../search/state.ts";
import { bestRun, type ComparedCohort, type ComparedSpace, kindOf, nameOf } from "./comparison.ts";
import { type DataRow, numberColumn, type Table, tableOf, textColumn } from "./exhibit.ts";
import type { RunOutcome } from "./outcome.ts";
import { noiseNotes } from "./noise.ts";
import { plusMinus } from "./statistics.ts";
import { number, unknown } from "../text/numbers.ts";
import { commandLine } from "../text/shell.ts";
import { ownNames } from "./own-names.ts";

/** What the best runs of one search or several picked. */
export interface FoundArchitecture {
  /** Every search whose best run picked it, with that run's seed. */
  readonly finders: readonly { readonly label: string; readonly seed: number }[];
  /** Its canonical text, in the space's own names where they are known. */
  readonly text: string;
  /** Whether `text` has the neutral names that a blind search saw, because they could not be translated. */
  readonly isBlind: boolean;
  readonly search: number;
  readonly test: number | null;
  /** Evaluates it again; null where `text` means nothing to the evaluator. */
  readonly command: string | null;
}

/** What was found on a space, each architecture once, in the order of the searches. */
export function foundArchitectures({
  id,
  cohorts,
  higherIsBetter,
  program,
}: ComparedSpace): FoundArchitecture[] {
  const found = new Map<string, FoundArchitecture>();
  for (const cohort of cohorts) {
    const { run, outcome } = bestRun(cohort, higherIsBetter) ?? {};
    if (run === undefined || outcome === undefined) continue;
    if (outcome.last.picked === null || outcome.last.best === null) continue;
    const { picked, best, test } = outcome.last;
    const open = ownNames(run.state);
    const text = open?.(picked) ?? picked;
    const before = found.get(text);
    const finder = { label: cohort.label, seed: outcome.seed };
    found.set(text, {
      finders: [...(before?.finders ?? []), finder],
      text,
      isBlind: open === null,
      search: best,
      test: test ?? before?.test ?? null,
      command: open === null ? null : evaluateCommand(program, text, id, run.state),
    });
  }
  return [...found.values()];
}

/** The command that evaluates an architecture of a space again, with the evaluator that a run was set up with. */
export function evaluateCommand(
  program: string,
  text: string,
  space: string,
  { setup }: Pick<RunState, "setup">,
): string {
  const { evaluator } = setup as {
    readonly evaluator?: { readonly address?: unknown; readonly config?: unknown };
  };
  const flags = [
    ["--space", space],
    ["--evaluator", evaluator?.address],
    ["--evaluator-config", evaluator?.config],
  ].flatMap(([flag, value]) => (typeof value === "string" ? [flag as string, value] : []));
  return commandLine(program, "evaluate", text, ...flags);
}

/** The architecture that the best run of each search picked; the data hold every run. */
export function winnersTable(compared: ComparedSpace): Table[] {
  const { id, slug, cohorts, space, hasTest, decimals, higherIsBetter } = compared;
  const costs = space?.costs ?? [];
  const ownText = ({ runs }: ComparedCohort, { folder, last }: RunOutcome): string | null => {
    const state = runs.find((run) => run.folder === folder)?.state;
    const translate = state === undefined ? null : ownNames(state);
    return last.picked === null || translate === null ? last.picked : translate(last.picked);
  };
  const winners = cohorts.flatMap((cohort) => {
    const outcome = bestRun(cohort, higherIsBetter)?.outcome;
    return outcome === undefined ? [] : [{ cohort, outcome }];
  });
  if (winners.length === 0) return [];
  const notes = noiseNotes(compared);
  const isNoisy = notes.length > 0;
  return [
    tableOf(
      {
        id: `winners-${slug}`,
        title: `What was found on ${id}`,
        caption: [
          "What the run with the best search value picked, for each search; the lowest seed on a tie.",
          ...(isNoisy ? ["± is the standard error of that one evaluation."] : []),
        ].join(" "),
        notes: [
          {
            term: "What was found",
            words:
              "one run of several: compare searches by their means, not by this. Architectures have the space's own names, unless another version of the program hid them from a blind search.",
          },
          ...notes,
        ],
        data: cohorts.flatMap((cohort) =>
          cohort.outcomes.map(
            (outcome): DataRow => ({
              search: cohort.label,
              kind: kindOf(cohort),
              seed: outcome.seed,
              folder: outcome.folder,
              ended: outcome.ended,
              evaluations: outcome.spend.evaluations,
              known: outcome.known,
              search_value: outcome.last.best,
              test_of_picked: outcome.last.test,
              best_test_seen: outcome.last.bestTest,
              ...(isNoisy
                ? {
                    search_standard_error: outcome.errors.search,
                    test_standard_error: outcome.errors.test,
                  }
                : {}),
              architecture: ownText(cohort, outcome),
              ...Object.fromEntries(costs.map(({ name }) => [`cost_${name}`, outcome.costs?.[name] ?? null])),
            }),
          ),
        ),
      },
      [
        textColumn("search", "Search"),
        numberColumn("seed", "Seed"),
        numberColumn("value", "Search value"),
        ...(hasTest ? [numberColumn("test", "Test")] : []),
        ...costs.map(({ name, unit }) =>
          numberColumn<string>(`cost ${name}`, unit === "" ? name : `${name} (${unit})`),
        ),
        textColumn("architecture", "Architecture"),
      ],
      winners.map(({ cohort, outcome }) => ({
        search: nameOf(cohort),
        seed: `${outcome.seed}`,
        value: withError(outcome.last.best, outcome.errors.search, decimals),
        test: withError(outcome.last.test, outcome.errors.test, decimals),
        ...Object.fromEntries(costs.map(({ name }) => [`cost ${name}`, number(outcome.costs?.[name])])),
        architecture: ownText(cohort, outcome) ?? unknown,
      })),
    ),
  ];
}

// --- internal ---

function withError(value: number | null, error: number | null, decimals: number): string {
  return value === null ? unknown : plusMinus({ mean: value, sd: error }, decimals);
}
