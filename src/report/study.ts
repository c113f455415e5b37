/**
 * Groups runs for comparison: runs that differ only in the seed are one cohort.
 *
 * Runs on different data are never averaged. All runs come folded.
 */
import { UsageError } from "../errors.ts";
import { digestOf } from "../search/digest.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import type { RunState } from "../search/state.ts";
import type { Reference } from "./bench-record.ts";
import { settingsOf, settingWords } from "./run-settings.ts";
import { searcherWords } from "./words.ts";

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
  /** Whether the others are compared with it. */
  readonly isControl: boolean;
  readonly spaceId: string;
  /** The space under its own names, also where the search was blind to them; null: no run on it could be read. */
  readonly space: SpaceDescription | null;
  /** Whether the search did not see the space's names, as far as its runs show. */
  readonly isBlind: boolean;
  /** Runs that are counted, by seed; no seed twice. */
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
  /** The commands that made the runs, as far as benches say. */
  readonly benches: readonly string[];
  /** The command that makes this report again. */
  readonly command: string;
  /** How the reader calls this program, for the commands that the report suggests. */
  readonly program: string;
  readonly madeAt: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** What a plan says of a run and its record does not. */
export interface RunName {
  readonly label: string;
  readonly isControl: boolean;
}

/** What the runs of a study were made with, each combination of versions once. */
export function runVersions({ cohorts }: Pick<Study, "cohorts">): string[] {
  const all = cohorts.flatMap(({ runs }) => runs.map(({ state }) => versionText(state.versions)));
  return [...new Set(all)].filter((text) => text !== "");
}

/** `name version, name version`, with names as packages have them: `collm-nas 0.1.0`. */
export function versionText(versions: Readonly<Record<string, string>>): string {
  return Object.entries(versions)
    .map(([key, version]) => {
      const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return version.startsWith(name) ? version : `${name} ${version}`;
    })
    .join(", ");
}

/** A run of a plan that left nothing to read. */
export interface LostCombination extends LostRun, RunName {
  readonly space: string;
}

/**
 * `ended`: runs that ended, of a plan only those without a person's hint. `all`: every run as far as it got.
 */
export type Counted = "ended" | "all";

/** The space that a run was about, under its own names. */
export function spaceOf(state: RunState): SpaceDescription {
  return state.original ?? state.space;
}

/** The cohorts on one space. */
export interface SpaceGroup {
  readonly id: string;
  /** Null: no run on it could be read. */
  readonly space: SpaceDescription | null;
  readonly cohorts: readonly Cohort[];
}

/** Cohorts by space, in the order in which the spaces come up. */
export function bySpace(cohorts: readonly Cohort[]): SpaceGroup[] {
  const ids = [...new Set(cohorts.map(({ spaceId }) => spaceId))];
  return ids.map((id) => {
    const members = cohorts.filter(({ spaceId }) => spaceId === id);
    return { id, space: members.find(({ space }) => space !== null)?.space ?? null, cohorts: members };
  });
}

/**
 * Groups runs into cohorts: by what their plan calls them, else by searcher and models, and always by everything else in
 * their configuration but the seed, which is then in the label.
 *
 * @param named what a plan says of a folder
 * @param lost runs of a plan that left nothing to read; a cohort is made of them where no run of theirs was read
 * @param counted which runs are counted; the others are lost
 * @throws UsageError when two runs of one space id were made on different data, or a cohort holds a seed twice
 */
export function cohortsOf(
  runs: readonly ReportedRun[],
  named: ReadonlyMap<string, RunName> = new Map(),
  lost: readonly LostCombination[] = [],
  counted: Counted = "ended",
): Cohort[] {
  refuseMixedData(runs);
  const names = new Map(
    runs.map(({ folder, state }) => [
      folder,
      named.get(folder) ?? { label: plainLabel(state), isControl: false },
    ]),
  );
  const labels = labelsOf(runs, names);
  const cohorts = new Map<string, { -readonly [K in keyof Cohort]: Cohort[K] }>();
  /** The first cohort of each name, which what was lost under that name belongs to. */
  const firstOf = new Map<string, string>();
  for (const run of runs) {
    const { state } = run;
    const space = spaceOf(state);
    const name = names.get(run.folder) as RunName;
    const label = labels.get(run.folder) ?? name.label;
    const key = keyOf(space.id, label);
    const cohort = cohorts.get(key) ?? {
      label,
      isControl: name.isControl,
      spaceId: space.id,
      space,
      isBlind: state.search.blind === true,
      runs: [],
      lost: [],
    };
    cohorts.set(key, cohort);
    const nameKey = keyOf(space.id, name.label);
    firstOf.set(nameKey, firstOf.get(nameKey) ?? key);
    const twin = cohort.runs.find((each) => each.state.search.seed === state.search.seed);
    if (twin !== undefined)
      throw new UsageError(
        `${twin.folder} and ${run.folder} are the same search with the same seed ${state.search.seed}; leave one of them out`,
      );
    const reason = whyNotCounted(run, named, counted);
    if (reason === null) cohort.runs = [...cohort.runs, run];
    else cohort.lost = [...cohort.lost, { folder: run.folder, reason }];
  }
  for (const { folder, reason, label, isControl, space: spaceId } of lost) {
    const nameKey = keyOf(spaceId, label);
    const key = firstOf.get(nameKey) ?? nameKey;
    const space = runs.map(({ state }) => spaceOf(state)).find(({ id }) => id === spaceId) ?? null;
    const cohort = cohorts.get(key) ?? {
      label,
      isControl,
      spaceId,
      space,
      isBlind: false,
      runs: [],
      lost: [],
    };
    cohorts.set(key, cohort);
    cohort.lost = [...cohort.lost, { folder, reason }];
  }
  for (const cohort of cohorts.values())
    cohort.runs = cohort.runs.toSorted((first, second) => first.state.search.seed - second.state.search.seed);
  return [...cohorts.values()];
}

/** What a run is called that no plan names: the searcher, who played its roles, and whether a person gave hints. */
export function plainLabel(state: Pick<RunState, "search" | "label" | "models" | "hints">): string {
  return `${searcherWords(state)}${state.hints.length > 0 ? ", hinted" : ""}`;
}

/** Searchers that are controls unless a plan says otherwise. */
export const usualControls: readonly string[] = ["random", "costliest-first", "prior-random", "surrogate"];

// --- internal ---

/** Runs of a plan are averaged over seeds, and a run that a person helped is not one of them. */
function whyNotCounted(
  { folder, state }: ReportedRun,
  named: ReadonlyMap<string, RunName>,
  counted: Counted,
): string | null {
  if (counted === "all") return null;
  if (state.ended === null) return "unfinished: resume it first";
  const { length } = state.hints;
  return length > 0 && named.has(folder)
    ? `a person gave it ${length} ${length === 1 ? "hint" : "hints"}`
    : null;
}

function keyOf(spaceId: string, label: string): string {
  return JSON.stringify([spaceId, label]);
}

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

/** A label for each folder: its name, and the settings that differ among runs of that name on the same space. */
function labelsOf(runs: readonly ReportedRun[], names: ReadonlyMap<string, RunName>): Map<string, string> {
  const nameKey = ({ folder, state }: ReportedRun) =>
    keyOf(spaceOf(state).id, names.get(folder)?.label ?? "");
  const settings = new Map(
    runs.map(({ folder, state }) => {
      // Runs that differ in the seed alone are draws of one configuration.
      const { seed: _seed, ...others } = settingsOf(state);
      return [folder, Object.entries(others)];
    }),
  );
  /** Every value that a setting has among the runs of one name. */
  const seen = new Map<string, Set<string>>();
  const settingKey = (run: ReportedRun, setting: string) => `${setting} ${nameKey(run)}`;
  for (const run of runs) {
    for (const [setting, value] of settings.get(run.folder) ?? []) {
      const key = settingKey(run, setting);
      seen.set(key, (seen.get(key) ?? new Set()).add(digestOf(value ?? null)));
    }
  }
  return new Map(
    runs.map((run) => {
      const details = (settings.get(run.folder) ?? [])
        .filter(([setting]) => (seen.get(settingKey(run, setting))?.size ?? 0) > 1)
        .map(([setting, value]) => settingWords(setting, value));
      return [run.folder, [names.get(run.folder)?.label ?? "", ...details].join(", ")];
    }),
  );
}
