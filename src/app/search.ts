/**
 * Runs a search as a program calls it: from a configuration to a finished record, with everything that belongs to a run.
 *
 * It starts what the configuration names (evaluator, models), looks up prices, makes the run's folder, holds its lock,
 * lets it be steered, and puts everything away at the end, also after an error. It prints nothing: what happens is passed
 * to the caller's functions.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../errors.ts";
import { createRun, openRun, type RunJournal } from "../runs/journal.ts";
import { type OnStored } from "../runs/append-log.ts";
import { clearUnbegun, journalPath } from "../runs/run-folder.ts";
import { readRunUnchecked } from "../runs/run-record.ts";
import type { Observe } from "../search/live-run.ts";
import type { Cap, Caps, Role, SearchConfig } from "../search/events.ts";
import { replaySearch } from "../search/replay.ts";
import type { SpaceCatalog } from "../search/ports.ts";
import { metered } from "../search/spend.ts";
import { fold } from "../search/fold.ts";
import { isComplete } from "../search/results.ts";
import { type RunState } from "../search/state.ts";
import { number } from "../text/numbers.ts";
import { asksNavigator } from "../searchers/registry.ts";
import { type Config, readCaps, readSetup, type Setup, searchConfigOf, setupOf } from "../settings/config.ts";
import { type Flags } from "../settings/flags.ts";
import { findSearcher, type ModelWatch, openEvaluator, systemClock } from "./compose.ts";
import { refuseHeld } from "./held-run.ts";
import { readKnown } from "./known.ts";
import { prepare, prepareResume, resumeRun, startRun } from "./run-lifecycle.ts";
import { type RunServiceFlags, RunServices } from "./run-services.ts";
import { type Prolonged, prolonging } from "./same-run.ts";

/** Who watches a run while it runs, and what is opened beside it. */
export interface SearchOptions extends RunServiceFlags {
  /** Raised to stop the run at a place from which it can be resumed; the call then throws Interrupted. */
  readonly signal?: AbortSignal;
  /** Called once the run has begun or continues: `state` is what its record says so far. */
  readonly onBegin?: (state: RunState, folder: string) => void;
  /**
   * Called with everything that happens: each event that is stored, with the state after it, and each wait. A promise that
   * it returns for an event is waited for.
   */
  readonly observe?: Observe;
  /** Called while a model's reply arrives, with its length so far in characters. */
  readonly onText?: (role: Role, characters: number) => void;
  /** Called with a line for a person about what is beside the run: its page, its feed, a repair of its record. */
  readonly say?: (line: string) => void;
}

export interface NewSearchOptions extends ResumeOptions {
  /**
   * Continues the run in the folder of `config.out`, if there is one. It must have been made with the same settings. A larger
   * budget, more rounds or larger caps prolong it. A complete run is read and left as it is.
   */
  readonly continue?: boolean | undefined;
}

/** A run that has come to its end. */
export interface Searched {
  readonly folder: string;
  readonly state: RunState;
  /** Whether it had ended before and the call gave it nothing to do, so that it is as it was. */
  readonly hadEnded: boolean;
}

/**
 * Runs a search to its end. The record is in the folder of `config.out`, or in a new one below `runs/`.
 *
 * @throws UsageError when no run can begin with this configuration, or the run that is continued is another one; Interrupted
 *   when it is stopped; another CollmError when it cannot continue. A run that had begun can be resumed
 */
export async function search(config: Config, options: NewSearchOptions = {}): Promise<Searched> {
  if (options.continue === true && (await hasRun(config))) return await continueConfigured(config, options);
  const { signal = never(), say = () => {}, observe = () => {} } = options;
  const services = await RunServices.open(options);
  const { evaluator, logTo, close } = await openEvaluator(config);
  const closing = [close, () => services.close()];
  try {
    const described = await evaluator.describe(config.space, signal);
    const known = await readKnown(config, described);
    const dependencies = await prepare(config, described, known, evaluator, signal, watchBy(options));
    closing.push(dependencies.close);
    const { serverVersion } = await evaluator.list(signal);
    const { folder, journal } = await claimRun(config, services.onStored, options.shared === true);
    try {
      const hints = refusesHints(searchConfigOf(config));
      const { steering, stop } = await services.begin(folder, folder, hints, say);
      const observers = {
        onBegin: (state: RunState) => {
          logTo(evaluatorLogPath(folder));
          options.onBegin?.(state, folder);
        },
        observe,
        steering,
      };
      const either = AbortSignal.any([signal, stop]);
      const state = await startRun(config, dependencies, serverVersion, journal, either, observers);
      return { folder, state, hadEnded: false };
    } finally {
      await putAway(services, journal);
    }
  } finally {
    await Promise.all(closing.map((each) => each()));
  }
}

/** What `resume` changes of a run, as the flags of the command: a larger budget, another model, evaluator or cap. */
export type ResumeChanges = Pick<
  Flags,
  | "budget"
  | "rounds"
  | "cap"
  | "model"
  | "baseUrl"
  | "maxTokens"
  | "onTruncation"
  | "price"
  | "evaluator"
  | "evaluatorConfig"
>;

export interface ResumeOptions extends SearchOptions {
  /** Called once the record is read, before anything is opened for the run. */
  readonly onRead?: (state: RunState, folder: string) => void;
}

/**
 * Continues a run that was stopped, or prolongs one that has ended.
 *
 * @throws UsageError for changes that the run cannot take; otherwise as `search`
 */
export async function resume(
  folder: string,
  changes: ResumeChanges = {},
  options: ResumeOptions = {},
): Promise<Searched> {
  return await continueRun(folder, options, (before) => {
    const { budget = null, rounds = null } = changes;
    const caps = changes.cap === undefined ? null : readCaps({ ...before.search.caps, ...changes.cap });
    if (budget === null && rounds === null && caps === null && isComplete(before)) return null;
    refuseTooLittle(before, budget, caps);
    const setup = reachable(readSetup(before.setup, changes), changes, folder);
    return { setup, prolonged: async () => ({ budget, rounds, caps }) };
  });
}

export interface Replayed {
  readonly events: number;
  /** Whether the run has come to its end; else every decision so far was repeated. */
  readonly complete: boolean;
  /** The bytes of an unfinished last line of the journal, which were left out. */
  readonly tornBytes: number;
}

/**
 * Decides every step of a recorded run again, with neither model nor evaluator.
 *
 * @throws ContractViolation at the first decision that differs from the record
 */
export async function replay(folder: string): Promise<Replayed> {
  const { events, tornBytes } = await readRunUnchecked(folder);
  const state = fold(events) as RunState;
  const { complete } = await replaySearch(events, findSearcher(state.search.searcher));
  return { events: events.length, complete, tornBytes };
}

// --- internal ---

/** @throws UsageError for a run whose evaluator was served by a program for that run alone, and is gone with it */
function reachable(setup: Setup, changes: ResumeChanges, folder: string): Setup {
  const { evaluator } = setup;
  if (evaluator.program === null) return setup;
  if (changes.evaluator === undefined && changes.evaluatorConfig === undefined)
    throw new UsageError(
      `${folder} was made by ${evaluator.program}, which served its evaluator: call that again with out=${JSON.stringify(folder)}, or name an evaluator of this space with --evaluator HOST:PORT`,
    );
  return { ...setup, evaluator: { ...evaluator, program: null } };
}

/** Whether the folder of a configuration holds a run. What a run leaves that was killed before it began is removed. */
async function hasRun({ out }: Config): Promise<boolean> {
  if (out === null)
    throw new UsageError("no folder is named, so there is no run to continue; name one with --out");
  await clearUnbegun(out, systemClock).catch((error: unknown) => refuseHeld(out, error));
  return existsSync(journalPath(out));
}

/** Continues the run of a configuration where it is, with the models and the evaluator of the configuration. */
async function continueConfigured(config: Config, options: NewSearchOptions): Promise<Searched> {
  const { out: folder, space } = config;
  const { signal = never() } = options;
  return await continueRun(folder as string, options, (before) => ({
    setup: setupOf(config),
    prolonged: async (evaluator) => {
      const described = await evaluator.describe(space, signal);
      const known = await readKnown(config, described);
      const prolonged = prolonging(folder as string, before, config, described, known);
      const { budget, rounds, caps } = prolonged;
      if (budget === null && rounds === null && caps === null && isComplete(before)) return null;
      refuseTooLittle(before, budget, caps);
      return prolonged;
    },
  }));
}

/** How a run continues. */
interface Continuation {
  /** Its models and its evaluator from here on. */
  readonly setup: Setup;
  /** What it gets in addition; null: there is nothing to do. */
  readonly prolonged: (evaluator: SpaceCatalog) => Promise<Prolonged | null>;
}

/** Continues a run. @param decide says how, once its record is read; null: there is nothing to do */
async function continueRun(
  folder: string,
  options: ResumeOptions,
  decide: (before: RunState) => Continuation | null,
): Promise<Searched> {
  const { signal = never(), say = () => {}, observe = () => {} } = options;
  const services = await RunServices.open(options);
  const opened = await openRun(folder, systemClock, services.onStored).catch(async (error: unknown) => {
    await services.close();
    return await refuseHeld(folder, error);
  });
  try {
    const before = fold(opened.events) as RunState;
    options.onRead?.(before, folder);
    for (const repair of opened.repairs) say(repair);
    const continuation = decide(before);
    if (continuation === null) return { folder, state: before, hadEnded: true };
    const { setup } = continuation;
    const { evaluator, logTo, close } = await openEvaluator(setup);
    logTo(evaluatorLogPath(folder));
    const closing = [close];
    try {
      const prolonged = await continuation.prolonged(evaluator);
      if (prolonged === null) return { folder, state: before, hadEnded: true };
      const allowed = prolonged.caps ?? before.search.caps ?? {};
      const watch = watchBy(options);
      const dependencies = await prepareResume(before, setup, allowed, evaluator, signal, watch);
      closing.push(dependencies.close);
      const hints = refusesHints(before.search);
      const { steering, stop } = await services.begin(before.run, folder, hints, say);
      const observers = {
        onBegin: (state: RunState) => options.onBegin?.(state, folder),
        observe,
        steering,
      };
      const either = AbortSignal.any([signal, stop]);
      const state = await resumeRun(opened, { ...prolonged, setup }, dependencies, either, observers);
      return { folder, state, hadEnded: false };
    } finally {
      await Promise.all(closing.map((each) => each()));
    }
  } finally {
    await putAway(services, opened.journal);
  }
}

/** A signal that nobody raises. */
function never(): AbortSignal {
  return new AbortController().signal;
}

/** Where the evaluator that a run starts writes its log; beside the journal, and no part of the record. */
function evaluatorLogPath(folder: string): string {
  return join(folder, "evaluator.log");
}

/** The lock goes last: the process that holds it next may make a socket of the same name. */
async function putAway(services: RunServices, journal: RunJournal): Promise<void> {
  try {
    await services.close();
  } finally {
    await journal.close();
  }
}

function watchBy({ observe = () => {}, onText }: SearchOptions): ModelWatch {
  return {
    onRetry: (seconds, reason) => observe({ kind: "waiting", seconds, reason }),
    ...(onText === undefined ? {} : { onText }),
  };
}

/** Why a hint to the Navigator would reach nobody; null: it would reach it. */
function refusesHints(searched: SearchConfig): string | null {
  return asksNavigator(searched)
    ? null
    : `searcher "${searched.searcher}" does not ask a Navigator in every round: a hint might reach nobody`;
}

/** @throws UsageError for a new budget or cap that the run has used up already */
function refuseTooLittle(before: RunState, budget: number | null, caps: Caps | null): void {
  for (const [cap, allowed] of Object.entries(caps ?? {})) {
    const spent = metered(before)[cap as Cap];
    if (allowed > spent) continue;
    throw new UsageError(
      `--cap ${cap}=${allowed} is no more than the run has used (${number(spent)}); give a larger one`,
    );
  }
  if (budget !== null && budget < before.search.budget)
    throw new UsageError(
      `--budget ${budget} is less than the run's budget of ${before.search.budget}; give a larger one`,
    );
}

/** The run's folder and record: where `out` says, or under the first name of the default kind that is free. */
async function claimRun(
  { out, space, searcher, seed }: Config,
  onStored: OnStored,
  isShared: boolean,
): Promise<{ folder: string; journal: RunJournal }> {
  if (out !== null) return { folder: out, journal: await createRun(out, systemClock, onStored, isShared) };
  const time = systemClock.now().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  const name = `runs/${space}-${searcher}-seed${seed}-${time}`.replace(/[^A-Za-z0-9./_-]/g, "_");
  for (let copy = 1; ; copy++) {
    const folder = copy === 1 ? name : `${name}-${copy}`;
    try {
      return { folder, journal: await createRun(folder, systemClock, onStored, isShared) };
    } catch (error) {
      // Another run that began in the same second has the name.
      if (!(error instanceof UsageError) || !existsSync(folder)) throw error;
    }
  }
}
