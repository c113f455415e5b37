/**
 * One run on what was opened for it: begins its record or continues it, and searches to the end.
 *
 * It checks what has to hold before either. Single runs (search.ts) and the runs of a bench (bench-run.ts) use it alike.
 */
import { isDeepStrictEqual } from "node:util";
import type { OpenedRun, RunJournal } from "../runs/journal.ts";
import { type KnownResults, recordedKnown } from "../runs/known-results.ts";
import {
  boundsOf,
  type Config,
  checkCaps,
  type ModelConfig,
  readSetup,
  type Setup,
  searchConfigOf,
  serverOf,
  setupOf,
  watchedBy,
} from "../settings/config.ts";
import { ContractViolation, EvaluatorUnavailable, UsageError } from "../errors.ts";
import { BlindEvaluator, blindSpace } from "../search/blind.ts";
import type { Observe } from "../search/live-run.ts";
import { runSearch, type SearchPorts } from "../search/coordinator.ts";
import {
  type Bounds,
  type Caps,
  type EventBody,
  type Prices,
  type Role,
  roleSchema,
  type RunEvent,
  type SearchConfig,
} from "../search/events.ts";
import type { ChatModel, Evaluator, Searcher, SpaceCatalog, Steering } from "../search/ports.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { fold } from "../search/fold.ts";
import { secondsWorked } from "../search/progress.ts";
import type { RunState } from "../search/state.ts";
import { resumeSearch } from "../search/replay.ts";
import { askedModel } from "./asked-model.ts";
import {
  deadlineIn,
  findSearcher,
  type KnownOutputModes,
  type ModelWatch,
  type OpenedModels,
  openModels,
  systemClock,
} from "./compose.ts";
import { knownEvents, requireAllKnown } from "./known.ts";
import { checkMoneyCap, pricesFor } from "./prices.ts";
import { checkFit } from "./run-config.ts";
import { versions } from "./versions.ts";

/** Everything a run needs, opened and checked. */
export interface RunDependencies {
  readonly searcher: Searcher;
  readonly models: Record<Role, ChatModel> | null;
  readonly evaluator: Evaluator;
  /** The space that is searched. */
  readonly space: SpaceDescription;
  /** The same under its own names, where the search is blind to them. */
  readonly original?: SpaceDescription;
  /** What the search begins with, as events; absent: nothing is known. */
  readonly known?: {
    readonly recorded: NonNullable<SearchConfig["known"]>;
    readonly events: readonly EventBody[];
  };
  /** What the models charge; null where no model is asked. */
  readonly prices: Prices | null;
  /** The windows of models that were opened for the run. */
  readonly windows: OpenedModels["windows"];
  /** Puts away what was opened. */
  readonly close: () => Promise<void>;
}

/**
 * Opens what a new run needs. `described` is the space as its evaluator describes it, `known` what the configuration names
 * of results.
 *
 * @throws UsageError for a limit or a prior that the space does not know, and for a model that cannot be asked
 */
export async function prepare(
  config: Config,
  described: SpaceDescription,
  known: KnownResults | null,
  evaluator: Evaluator,
  signal: AbortSignal,
  watch: ModelWatch,
): Promise<RunDependencies> {
  const searcher = findSearcher(config.searcher);
  checkFit(config, described);
  const search = searchConfigOf(config);
  const model = askedModel(search, config.model);
  const prices = await pricesFor(model, config.prices);
  checkMoneyCap(config.caps, prices, model);
  const seen = config.blind ? blinded(described, config.seed, evaluator) : { space: described, evaluator };
  const begun =
    known === null
      ? {}
      : {
          known: {
            recorded: recordedKnown(known),
            events: await knownEvents(known, seen, config.seed, signal),
          },
        };
  const opened =
    model === null ? nobody : await openModels(model, systemClock, watch, {}, { search, space: described });
  return { searcher, prices, ...begun, ...opened, ...seen };
}

/** Who may watch or steer a run while it runs. */
export interface RunObservers {
  /** Called once the first event of the run, or of its resume, is stored. */
  readonly onBegin?: (state: RunState) => void;
  readonly observe?: Observe;
  readonly steering?: Steering;
}

/** Begins the record of a new run and searches to the end. */
export async function startRun(
  config: Config,
  { searcher, models, evaluator, space, original, known, prices, windows }: RunDependencies,
  serverVersion: string,
  journal: RunJournal,
  signal: AbortSignal,
  { onBegin = () => {}, observe, steering }: RunObservers,
): Promise<RunState> {
  const plain = searchConfigOf(config);
  const search = known === undefined ? plain : { ...plain, known: known.recorded };
  const bounds = config.model === null ? null : boundsWithin(boundsOf(config.model), windows);
  const isBounded = search.bounds !== undefined || Object.keys(windows).length > 0;
  const history = await journal.append([
    {
      type: "run-started",
      run: journal.folder,
      search: bounds === null || !isBounded ? search : { ...search, bounds },
      ...(searcher.label === undefined ? {} : { label: searcher.label }),
      setup: { ...setupOf(config) },
      models: labelsOf(models),
      space,
      ...(original === undefined ? {} : { original }),
      ...(prices === null ? {} : { prices }),
      versions: { ...(await versions()), evaluator: serverVersion },
    },
    ...(known?.events ?? []),
  ]);
  const begun = fold(history) as RunState;
  onBegin(begun);
  const ports = portsOf(begun, { searcher, evaluator, models, journal }, steering);
  return await runSearch(history, ports, signal, observe);
}

/**
 * Opens what a recorded run needs to continue, and makes sure that its evaluator still serves the same space.
 *
 * @throws ContractViolation when the space is another by now
 */
export async function prepareResume(
  state: RunState,
  setup: Setup,
  caps: Caps,
  evaluator: Evaluator & SpaceCatalog,
  signal: AbortSignal,
  watch: ModelWatch,
): Promise<RunDependencies> {
  requireAllKnown(state);
  const searcher = findSearcher(state.search.searcher);
  const model = askedModel(state.search, setup.model);
  if (model === null && setup.model !== null && readSetup(state.setup, {}).model === null)
    throw new UsageError(
      `searcher "${state.search.searcher}" asks no model: leave --model out, or begin another run with it`,
    );
  checkCaps(caps, model);
  const prices = model === null ? null : await pricesAgain(state, setup);
  checkMoneyCap(caps, prices, model);
  const described = state.original ?? state.space;
  await requireSameSpace(evaluator, described, signal);
  const opened =
    model === null
      ? nobody
      : await openModels(model, systemClock, watch, outputModesOf(state, setup), {
          search: state.search,
          space: described,
        });
  const seen =
    state.original === undefined
      ? { space: described, evaluator }
      : blinded(described, state.search.seed, evaluator);
  return { searcher, prices, ...opened, ...seen };
}

/** What a resume changes; null: as before. */
export interface Changes {
  readonly budget: number | null;
  readonly rounds: number | null;
  readonly caps: Caps | null;
  readonly setup: Setup;
}

/** Records that a run is resumed, and searches to the end. */
export async function resumeRun(
  { journal, events, repairs }: OpenedRun,
  changes: Changes,
  { searcher, models, evaluator, prices, windows }: RunDependencies,
  signal: AbortSignal,
  { onBegin = () => {}, observe, steering }: RunObservers,
): Promise<RunState> {
  const before = fold(events) as RunState;
  const caps = changes.caps ?? before.search.caps ?? {};
  const { model } = changes.setup;
  const watched = model === null ? {} : watchedBy(model);
  const bounds = model === null ? null : boundsWithin(boundsOf(model), windows);
  const isBounded =
    Object.keys(caps).length > 0 || before.search.bounds !== undefined || Object.keys(windows).length > 0;
  const resumed = await journal.append([
    {
      type: "run-resumed",
      budget: changes.budget,
      rounds: changes.rounds,
      setup: { ...changes.setup },
      models: labelsOf(models),
      ...(changes.caps === null ? {} : { caps }),
      ...(bounds === null || !isBounded || isDeepStrictEqual(bounds, before.search.bounds) ? {} : { bounds }),
      ...(isDeepStrictEqual(watched.onTruncation, before.search.onTruncation) ? {} : watched),
      ...(prices === null || isDeepStrictEqual(prices, before.prices) ? {} : { prices }),
      versions: await versions(),
      repairs: [...repairs],
    },
  ]);
  const whole: RunEvent[] = [...events, ...resumed];
  const begun = fold(whole) as RunState;
  onBegin(begun);
  const ports = portsOf(begun, { searcher, evaluator, models, journal }, steering);
  return await resumeSearch(whole, ports, signal, observe);
}

// --- internal ---

const nobody = { models: null, windows: {}, close: async () => {} };

/** What the settings say of the models, and of their windows what is known from opening them. */
function boundsWithin(bounds: Bounds, windows: OpenedModels["windows"]): Bounds {
  const of = (role: Role) => ({
    ...bounds[role],
    contextTokens: windows[role] ?? bounds[role].contextTokens,
  });
  return { navigator: of("navigator"), generator: of("generator") };
}

/** What the search runs on, with the end of its time and the person beside it where there are any. */
function portsOf(
  begun: RunState,
  ports: Pick<SearchPorts, "searcher" | "evaluator" | "models" | "journal">,
  steering: Steering | undefined,
): SearchPorts {
  return {
    ...ports,
    clock: systemClock,
    ...timeLeft(begun),
    ...(steering === undefined ? {} : { steering }),
  };
}

/** The end of the time that the run may still take; nothing where it may take any. */
function timeLeft(state: RunState): Pick<SearchPorts, "deadline"> {
  const seconds = state.search.caps?.seconds;
  return seconds === undefined ? {} : { deadline: deadlineIn(seconds - secondsWorked(state)) };
}

/** The prices of a resumed run: as given, or else as recorded, except for a model that has changed since. */
async function pricesAgain(state: RunState, { model, prices }: Setup): Promise<Prices | null> {
  const now = await pricesFor(model, prices ?? {});
  if (now === null || model === null || state.prices === undefined) return now;
  const of = (role: Role) => {
    const isGiven = Object.hasOwn(prices ?? {}, serverOf(model, role).name);
    return isSameServer(state, model, role) && !isGiven ? (state.prices?.[role] ?? null) : now[role];
  };
  return { navigator: of("navigator"), generator: of("generator") };
}

/** How the servers of a run have to be asked, as far as its record knows and they are the same. */
function outputModesOf(state: RunState, { model }: Setup): KnownOutputModes {
  const learned = roleSchema.options.flatMap((role) => {
    const outputMode = state.chats.findLast(
      (chat) => chat.role === role && chat.reply.outputMode !== undefined,
    )?.reply.outputMode;
    return outputMode === undefined || !isSameServer(state, model, role) ? [] : [[role, outputMode] as const];
  });
  return Object.fromEntries(learned);
}

function isSameServer({ setup }: RunState, model: ModelConfig | null, role: Role): boolean {
  if (model === null || setup["model"] === null) return false;
  const before = readSetup(setup, {}).model;
  if (before === null) return false;
  const [{ name, baseUrl }, now] = [serverOf(before, role), serverOf(model, role)];
  return name === now.name && baseUrl === now.baseUrl;
}

function blinded(
  original: SpaceDescription,
  seed: number,
  evaluator: Evaluator,
): Pick<RunDependencies, "space" | "original" | "evaluator"> {
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
