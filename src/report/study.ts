/**
 * Runs put together for comparison: which of them differ in the seed alone.
 *
 * Owns the grouping, the labels, and the rule that runs on different data are never averaged. Knows no statistic and
 * no file: it is handed folded runs.
 */
import { UsageError } from "../errors.ts";
import { digestOf } from "../search/digest.ts";
import type { SpaceDescription } from "../search/space.ts";
import type { RunState } from "../search/state.ts";
import type { Reference } from "./bench-record.ts";

/** A run as it was read. */
export interface ReportedRun {
  readonly folder: string;
  readonly state: RunState;
}

/** A run that cannot be counted, and why. */
export interface LostRun {
  readonly folder: string;
  readonly reason: string;
}

/** Runs of one configuration that differ in the seed alone. */
export interface Cohort {
  readonly label: string;
  /** Whether it is there for the others to be measured against. */
  readonly isControl: boolean;
  /** The space under its own names, also where the search was blind to them. */
  readonly space: SpaceDescription;
  readonly isBlind: boolean;
  /** Runs that came to an end of their own, by seed; no seed twice. */
  readonly runs: readonly ReportedRun[];
  readonly lost: readonly LostRun[];
}

/** Everything a report is made of. */
export interface Study {
  readonly title: string;
  readonly cohorts: readonly Cohort[];
  readonly references: readonly Reference[];
  /** Runs that belong to no cohort because they could not be read. */
  readonly unreadable: readonly LostRun[];
  /** The command that makes this report again. */
  readonly command: string;
  readonly madeAt: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** What a plan says of a run that its own record does not. */
export interface RunName {
  readonly label: string;
  readonly isControl: boolean;
}

/** A run of a plan that left nothing to read. */
export interface LostCell extends LostRun, RunName {
  readonly space: string;
}

/** The space that a run was about, under its own names. */
export function spaceOf(state: RunState): SpaceDescription {
  return state.original ?? state.space;
}

/**
 * Groups runs into cohorts: by what their plan calls them, else by everything in their configuration but the seed.
 *
 * @param named what a plan says of a folder
 * @param lost runs of a cohort that failed before they could be read, by the label of the cohort and its space
 * @throws UsageError when two runs of one space id were made on different data, or a cohort holds a seed twice
 */
export function cohortsOf(
  runs: readonly ReportedRun[],
  named: ReadonlyMap<string, RunName> = new Map(),
  lost: readonly LostCell[] = [],
): Cohort[] {
  refuseMixedData(runs);
  const labels = labelsOf(runs.filter(({ folder }) => !named.has(folder)));
  const cohorts = new Map<string, { -readonly [K in keyof Cohort]: Cohort[K] }>();
  for (const run of runs) {
    const { state } = run;
    const name = named.get(run.folder) ?? {
      label: labels.get(run.folder) ?? state.search.searcher,
      isControl: false,
    };
    const space = spaceOf(state);
    const key = JSON.stringify([space.id, name.label]);
    const cohort = cohorts.get(key) ?? {
      ...name,
      space,
      isBlind: state.search.blind === true,
      runs: [],
      lost: lost.filter((each) => each.space === space.id && each.label === name.label),
    };
    cohorts.set(key, cohort);
    const twin = cohort.runs.find((each) => each.state.search.seed === state.search.seed);
    if (twin !== undefined)
      throw new UsageError(
        `${twin.folder} and ${run.folder} are the same search with the same seed ${state.search.seed}; leave one of them out`,
      );
    if (state.ended === null)
      cohort.lost = [...cohort.lost, { folder: run.folder, reason: "unfinished: resume it first" }];
    else cohort.runs = [...cohort.runs, run];
  }
  for (const cohort of cohorts.values())
    cohort.runs = [...cohort.runs].sort(
      (first, second) => first.state.search.seed - second.state.search.seed,
    );
  return [...cohorts.values()];
}

// --- internal ---

function refuseMixedData(runs: readonly ReportedRun[]): void {
  const first = new Map<string, ReportedRun>();
  for (const run of runs) {
    const { id, digest } = spaceOf(run.state);
    const other = first.get(id) ?? run;
    first.set(id, other);
    if (spaceOf(other.state).digest === digest) continue;
    throw new UsageError(
      `${other.folder} and ${run.folder} searched different data under the name ${id} (digests ${spaceOf(other.state).digest} and ${digest}), which cannot be averaged; report them apart`,
    );
  }
}

/** A label for each folder: the searcher and who plays its roles, and what else tells configurations apart. */
function labelsOf(runs: readonly ReportedRun[]): Map<string, string> {
  const plain = ({ state }: ReportedRun) =>
    [
      state.search.searcher,
      ...(state.models === null
        ? []
        : [`(${[...new Set([state.models.navigator, state.models.generator])].join(" and ")})`]),
    ].join(" ");
  const settings = new Map(runs.map((run) => [run.folder, settingsOf(run.state)]));
  const labels = new Map<string, string>();
  for (const run of runs) {
    const alike = runs.filter((other) => plain(other) === plain(run));
    const own = settings.get(run.folder) ?? {};
    const differing = Object.keys(own).filter((key) =>
      alike.some(
        (other) => digestOf(settings.get(other.folder)?.[key] ?? null) !== digestOf(own[key] ?? null),
      ),
    );
    const details = differing.map((key) => `${key} ${JSON.stringify(own[key] ?? null)}`);
    labels.set(run.folder, [plain(run), ...details].join(", "));
  }
  return labels;
}

/** Everything that makes one configuration another, the seed apart. */
function settingsOf(state: RunState): Record<string, unknown> {
  const { seed: _seed, searcher: _searcher, ...search } = state.search;
  const optional = {
    hints: true,
    wording: "standard",
    blind: false,
    oracle: false,
    prior: null,
    early: null,
  };
  return { ...optional, ...search, model: state.models === null ? null : (state.setup["model"] ?? null) };
}
