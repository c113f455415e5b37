/**
 * `run`, `resume` and `replay`: the three ways into a search.
 *
 * Owns what surrounds a search: the record's first event, the onlooker, the closing words and the status. The search
 * itself is search/coordinator.ts and search/replay.ts.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { asOurs } from "../system/system-error.ts";
import type { OnStored } from "../runs/append-log.ts";
import { createRun, openRun, type RunJournal } from "../runs/journal.ts";
import { readRunUnchecked } from "../runs/run-record.ts";
import { type Config, type ModelConfig, readCaps, readSetup, searchConfigOf } from "../settings/config.ts";
import { type Flags } from "../settings/flags.ts";
import { CollmError, Interrupted, UsageError } from "../errors.ts";
import type { Observe } from "../search/live-run.ts";
import type { Searcher } from "../search/ports.ts";
import type { Cap, SearchConfig } from "../search/events.ts";
import { metered } from "../search/spend.ts";
import { fold } from "../search/fold.ts";
import { isComplete } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { replaySearch } from "../search/replay.ts";
import { findSearcher, type ModelWatch, openEvaluator, program, systemClock } from "../app/compose.ts";
import { assemble, assembleAgain, conduct, goOn, readRunConfig } from "../app/run-lifecycle.ts";
import { number } from "../text/numbers.ts";
import { asksNavigator } from "../searchers/registry.ts";
import { refuseHeld } from "../app/held-run.ts";
import { LiveView } from "./live-view.ts";
import type { Output } from "./output.ts";
import { shellWord } from "../text/shell.ts";
import { type RunServiceFlags, RunServices } from "../app/run-services.ts";
import { endWithoutWinner, type Status, summarize, summaryLines } from "./summary.ts";

/** Starts a new run. */
export async function run(
  file: string | undefined,
  flags: Flags,
  around: RunServiceFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const config = await readRunConfig(file, flags);
  const view = new LiveView(output.stderr);
  const services = await RunServices.open(around);
  const { evaluator, logTo, close } = await openEvaluator(config);
  try {
    const described = await evaluator.describe(config.space, signal);
    const dependencies = await assemble(config, described, evaluator, watchBy(view));
    const { serverVersion } = await evaluator.list(signal);
    const { folder, journal } = await claimRun(config, services.onStored, around.shared === true);
    await conclude(
      folder,
      output,
      view,
      () => putAway(services, journal),
      async (observe) => {
        const { steering, stop } = await services.begin(
          folder,
          folder,
          refusesHints(searchConfigOf(config), config.model),
          (line) => view.say(line),
        );
        const observers = {
          onBegin: (state: RunState) => {
            logTo(evaluatorLogPath(folder));
            view.begin(state);
            observe(state);
          },
          observe: onlooker(view, observe),
          steering,
        };
        const either = AbortSignal.any([signal, stop]);
        await conduct(config, dependencies, serverVersion, journal, either, observers);
      },
    );
  } finally {
    await Promise.all([services.close(), close()]);
  }
}

/** Goes on with a run that was stopped, or prolongs one that ended. */
export async function resume(
  folder: string,
  flags: Flags,
  around: RunServiceFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const view = new LiveView(output.stderr);
  const services = await RunServices.open(around);
  const opened = await openRun(folder, systemClock, services.onStored).catch(async (error: unknown) => {
    await services.close();
    return await refuseHeld(folder, error);
  });
  await conclude(
    folder,
    output,
    view,
    () => putAway(services, opened.journal),
    async (observe) => {
      const before = fold(opened.events) as RunState;
      observe(before);
      for (const repair of opened.repairs) view.say(repair);
      const budget = flags.budget ?? null;
      const rounds = flags.rounds ?? null;
      const caps = flags.cap === undefined ? null : readCaps({ ...before.search.caps, ...flags.cap });
      if (budget === null && rounds === null && caps === null && isComplete(before)) {
        const flag = before.capReached === null ? "--budget or --rounds" : `--cap ${before.capReached.cap}=N`;
        view.say(`the run has ended (${before.ended}); prolong it with ${flag}`);
        return;
      }
      for (const [cap, allowed] of Object.entries(caps ?? {})) {
        const spent = metered(before)[cap as Cap];
        if (allowed > spent) continue;
        throw new UsageError(
          `--cap ${cap}=${allowed} is no more than the run has used (${number(spent)}); give a larger one`,
        );
      }
      if (budget !== null && budget < before.search.budget) {
        throw new UsageError(
          `--budget ${budget} is less than the run's budget of ${before.search.budget}; give a larger one`,
        );
      }
      const setup = readSetup(before.setup, flags);
      const { evaluator, logTo, close } = await openEvaluator(setup);
      logTo(evaluatorLogPath(folder));
      try {
        const allowed = caps ?? before.search.caps ?? {};
        const dependencies = await assembleAgain(before, setup, allowed, evaluator, signal, watchBy(view));
        const { steering, stop } = await services.begin(
          before.run,
          folder,
          refusesHints(before.search, setup.model),
          (line) => view.say(line),
        );
        const observers = {
          onBegin: (state: RunState) => {
            observe(state);
            view.begin(state);
          },
          observe: onlooker(view, observe),
          steering,
        };
        const either = AbortSignal.any([signal, stop]);
        await goOn(opened, { budget, rounds, caps, setup }, dependencies, either, observers);
      } finally {
        await close();
      }
    },
  );
}

/** Decides every step of a recorded run again, without model and evaluator. */
export async function replay(folder: string, output: Output): Promise<void> {
  const { events, tornBytes } = await readRunUnchecked(folder);
  const state = fold(events) as RunState;
  const searcher: Searcher = findSearcher(state.search.searcher);
  const { complete } = await replaySearch(events, searcher);
  const verdict = complete
    ? "every decision of the run came out as recorded"
    : "every decision so far came out as recorded; the run is unfinished";
  output.result({ run: folder, events: events.length, complete, reproduced: true }, [
    `${events.length} events replayed: ${verdict}`,
    ...(tornBytes > 0
      ? [`the last line of the journal is unfinished (${tornBytes} bytes) and was left out`]
      : []),
  ]);
}

// --- internal ---

/** Where the evaluator that a run starts writes its log; beside the journal, and no part of the record. */
function evaluatorLogPath(folder: string): string {
  return join(folder, "evaluator.log");
}

/** The lock goes last: whoever holds it next may make a socket of the same name. */
async function putAway(services: RunServices, journal: RunJournal): Promise<void> {
  try {
    await services.close();
  } finally {
    await journal.close();
  }
}

/** Runs `search`, then prints what the run came to, however it came to its end; errors pass through afterwards. */
async function conclude(
  folder: string,
  output: Output,
  view: LiveView,
  close: () => Promise<void>,
  search: (observe: (state: RunState) => void) => Promise<void>,
): Promise<void> {
  let state: RunState | null = null;
  let status: Status = "ended";
  try {
    await search((latest) => {
      state = latest;
    });
  } catch (caught) {
    const error = asOurs(caught);
    status = error instanceof Interrupted ? "interrupted" : "failed";
    // A command that has to be corrected has brought the run nowhere: there is nothing to sum up.
    if (!(error instanceof CollmError) || error instanceof UsageError || state === null) throw error;
    view.end();
    output.error(error, `${program} resume ${shellWord(folder)}`);
    output.exitCode = error.exitCode;
  } finally {
    view.end();
    await close();
  }
  if (state === null) return;
  view.say("");
  const fruitless = status === "ended" ? endWithoutWinner(state) : null;
  if (fruitless !== null) {
    output.error(fruitless);
    output.exitCode = fruitless.exitCode;
  }
  output.result(
    summarize(state, folder, status),
    summaryLines(state, folder, program, "nobody", output.columns),
  );
}

function onlooker(view: LiveView, observe: (state: RunState) => void): Observe {
  return (notice) => {
    if (notice.kind === "recorded") observe(notice.state);
    view.observe(notice);
  };
}

function watchBy(view: LiveView): ModelWatch {
  return {
    onRetry: (seconds, reason) => view.observe({ kind: "waiting", seconds, reason }),
    onText: (_role, characters) => view.writing(characters),
  };
}

/** Why a hint to the Navigator would reach nobody; null: it would reach it. */
function refusesHints(search: SearchConfig, model: ModelConfig | null): string | null {
  if (!asksNavigator(search))
    return `searcher "${search.searcher}" does not ask a Navigator in every round: a hint might be told to nobody`;
  return model === null ? "written rules play the Navigator, which cannot read a hint" : null;
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
