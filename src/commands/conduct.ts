/**
 * One run, from its first event to its last.
 *
 * Owns what a record begins with, how it is gone on with, and what has to hold before either. Knows no terminal and
 * no exit code: `run` and `bench` do the same with it.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { OpenedRun, RunJournal } from "../adapters/journal-file.ts";
import { type Config, searchConfigOf, type Setup, setupOf } from "../config.ts";
import { ContractViolation, EvaluatorUnavailable, UsageError } from "../errors.ts";
import { BlindEvaluator, blindSpace } from "../search/blind.ts";
import { type Observe, runSearch, type SearchPorts } from "../search/coordinator.ts";
import type { Role, RunEvent } from "../search/events.ts";
import { didYouMean } from "../search/nearest.ts";
import type { ChatModel, Evaluator, Searcher, SpaceCatalog } from "../search/ports.ts";
import { Space, type SpaceDescription } from "../search/space.ts";
import { fold, type RunState } from "../search/state.ts";
import { resumeSearch } from "../search/tape.ts";
import { asksRoles, checkSettings } from "../searchers/registry.ts";
import { findSearcher, openModels, packageRoot, systemClock } from "./compose.ts";

export type SayRetry = (seconds: number, reason: string) => void;

/** Everything a run needs, opened and checked. */
export interface Ensemble {
  readonly searcher: Searcher;
  readonly models: Record<Role, ChatModel> | null;
  readonly evaluator: Evaluator;
  /** The space that is searched. */
  readonly space: SpaceDescription;
  /** The same under its own names, where the search is blind to them. */
  readonly original?: SpaceDescription;
}

/**
 * Opens what a new run needs. `described` is the space as its evaluator describes it.
 *
 * @throws UsageError for a limit or a prior that the space does not know, and for a model that cannot be asked
 */
export async function assemble(
  config: Config,
  described: SpaceDescription,
  evaluator: Evaluator,
  sayRetry: SayRetry,
): Promise<Ensemble> {
  const searcher = findSearcher(config.searcher);
  checkFit(config, described);
  const models = asksRoles(searchConfigOf(config))
    ? await openModels(config.model, systemClock, sayRetry)
    : null;
  const seen = config.blind ? blinded(described, config.seed, evaluator) : { space: described, evaluator };
  return { searcher, models, ...seen };
}

/** Begins the record of a new run and searches to the end. `onBegin` is told once the first event is stored. */
export async function conduct(
  config: Config,
  { searcher, models, evaluator, space, original }: Ensemble,
  serverVersion: string,
  journal: RunJournal,
  signal: AbortSignal,
  onBegin: (state: RunState) => void,
  observe?: Observe,
): Promise<RunState> {
  const history = await journal.append([
    {
      type: "run-started",
      run: journal.folder,
      search: searchConfigOf(config),
      setup: setupOf(config),
      models: labelsOf(models),
      space,
      ...(original === undefined ? {} : { original }),
      versions: { ...(await versions()), evaluator: serverVersion },
    },
  ]);
  onBegin(fold(history) as RunState);
  const ports: SearchPorts = { searcher, evaluator, models, journal, clock: systemClock };
  return await runSearch(history, ports, signal, observe);
}

/**
 * Opens what a recorded run needs to go on, and makes sure that its evaluator still serves the same space.
 *
 * @throws ContractViolation when the space is another by now
 */
export async function assembleAgain(
  state: RunState,
  { model }: Setup,
  evaluator: Evaluator & SpaceCatalog,
  signal: AbortSignal,
  sayRetry: SayRetry,
): Promise<Ensemble> {
  const searcher = findSearcher(state.search.searcher);
  const models = asksRoles(state.search) ? await openModels(model, systemClock, sayRetry) : null;
  const described = state.original ?? state.space;
  await requireSameSpace(evaluator, described, signal);
  const seen =
    state.original === undefined
      ? { space: described, evaluator }
      : blinded(described, state.search.seed, evaluator);
  return { searcher, models, ...seen };
}

/** What a resume changes; null: as before. */
export interface Changes {
  readonly budget: number | null;
  readonly rounds: number | null;
  readonly setup: Setup;
}

/** Records that a run goes on, and searches to the end. `onBegin` is told once that is stored. */
export async function goOn(
  { journal, events, repairs }: OpenedRun,
  changes: Changes,
  { searcher, models, evaluator }: Ensemble,
  signal: AbortSignal,
  onBegin: (state: RunState) => void,
  observe?: Observe,
): Promise<RunState> {
  const resumed = await journal.append([
    {
      type: "run-resumed",
      budget: changes.budget,
      rounds: changes.rounds,
      setup: { ...changes.setup },
      models: labelsOf(models),
      versions: await versions(),
      repairs: [...repairs],
    },
  ]);
  const whole: RunEvent[] = [...events, ...resumed];
  onBegin(fold(whole) as RunState);
  const ports: SearchPorts = { searcher, evaluator, models, journal, clock: systemClock };
  return await resumeSearch(whole, ports, signal, observe);
}

/** Whatever a configuration names of a space has to be there: the costs of its limits, the choices of a prior. */
export function checkFit(config: Config, space: SpaceDescription): void {
  checkSettings(new Space(space), searchConfigOf(config));
  const costs = space.costs.map(({ name }) => name);
  for (const name of Object.keys(config.limits)) {
    if (costs.includes(name)) continue;
    const known = costs.length === 0 ? "it has none" : `they are ${costs.join(", ")}`;
    throw new UsageError(`space ${space.id} has no cost "${name}"; ${known}${didYouMean(name, costs)}`);
  }
}

/** The versions that a record names. */
export async function versions(): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(join(packageRoot, "package.json"), "utf8")) as {
    version: string;
  };
  return { collmNas: version, node: process.version };
}

// --- internal ---

function blinded(
  original: SpaceDescription,
  seed: number,
  evaluator: Evaluator,
): Pick<Ensemble, "space" | "original" | "evaluator"> {
  return {
    space: blindSpace(original, seed),
    original,
    evaluator: new BlindEvaluator(evaluator, original, seed),
  };
}

function labelsOf(models: Record<Role, ChatModel> | null): RunState["models"] {
  return models === null ? null : { navigator: models.navigator.label, generator: models.generator.label };
}

/** Before a resume is recorded: it must be the same space. An evaluator that is away now is waited for later. */
async function requireSameSpace(
  evaluator: SpaceCatalog,
  space: SpaceDescription,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { digest } = await evaluator.describe(space.id, signal);
    if (digest === space.digest) return;
  } catch (error) {
    if (error instanceof EvaluatorUnavailable) return;
    throw error;
  }
  throw new ContractViolation(
    `space ${space.id} is not what it was when the run began (its digest differs): serve the same data and version again`,
  );
}
