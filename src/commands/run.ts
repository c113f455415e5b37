/**
 * `run`, `resume` and `replay`: the three ways into a search.
 *
 * Owns what surrounds a search: the record's first event, the onlooker, the closing words and the status. The search
 * itself is search/coordinator.ts and search/tape.ts.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createRun, openRun, type RunJournal, readRun } from "../adapters/journal-file.ts";
import { type Config, type Flags, readConfig, readSetup, searchConfigOf, setupOf } from "../config.ts";
import { CollmError, ContractViolation, EvaluatorUnavailable, Interrupted, UsageError } from "../errors.ts";
import { runSearch, type SearchPorts } from "../search/coordinator.ts";
import type { EventBody } from "../search/events.ts";
import { didYouMean } from "../search/nearest.ts";
import type { Searcher, SpaceCatalog } from "../search/ports.ts";
import type { SpaceDescription } from "../search/space.ts";
import { best, fold, type RunState, untestedWinner } from "../search/state.ts";
import { replaySearch, resumeSearch } from "../search/tape.ts";
import { asksRoles } from "../searchers/registry.ts";
import { findSearcher, openEvaluator, openModels, packageRoot, program, systemClock } from "./compose.ts";
import { LiveView } from "./live-view.ts";
import { type Output, printError } from "./output.ts";
import { shellWord } from "./style.ts";
import { noWinner, type Status, summarize, summaryLines } from "./summary.ts";

/** Starts a new run. */
export async function run(
  file: string | undefined,
  flags: Flags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const config = await readConfig(file, flags);
  const searcher = findSearcher(config.searcher);
  if (config.out !== null) refuseTaken(config.out);
  const view = new LiveView(process.stderr);
  const { evaluator, logTo, close } = await openEvaluator(config);
  try {
    const models = asksRoles(config) ? await openModels(config.model, systemClock, sayRetry(view)) : null;
    const space = await evaluator.describe(config.space, signal);
    checkNames(config, space);
    const { serverVersion } = await evaluator.list(signal);
    const { folder, journal } = await claimRun(config);
    await conclude(
      folder,
      output,
      view,
      () => journal.close(),
      async (observe) => {
        const started: EventBody = {
          type: "run-started",
          run: folder,
          search: searchConfigOf(config),
          setup: setupOf(config),
          models:
            models === null ? null : { navigator: models.navigator.label, generator: models.generator.label },
          space,
          versions: { ...(await versions()), evaluator: serverVersion },
        };
        const history = await journal.append([started]);
        logTo(evaluatorLogPath(folder));
        const state = fold(history) as RunState;
        view.begin(state);
        observe(state);
        await runSearch(
          history,
          { searcher, evaluator, models, journal, clock: systemClock },
          signal,
          onlooker(view, observe),
        );
      },
    );
  } finally {
    await close();
  }
}

/** Goes on with a run that was stopped, or prolongs one that ended. */
export async function resume(
  folder: string,
  flags: Flags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const view = new LiveView(process.stderr);
  const { journal, events, repairs } = await openRun(folder, systemClock);
  await conclude(
    folder,
    output,
    view,
    () => journal.close(),
    async (observe) => {
      const before = fold(events) as RunState;
      observe(before);
      for (const repair of repairs) view.say(repair);
      const budget = flags.budget ?? null;
      const rounds = flags.rounds ?? null;
      if (before.ended !== null && budget === null && rounds === null && untestedWinner(before) === null) {
        view.say(`the run has ended (${before.ended}); prolong it with --budget or --rounds`);
        return;
      }
      if (budget !== null && budget < before.search.budget) {
        throw new UsageError(
          `--budget ${budget} is less than the run's budget of ${before.search.budget}; give a larger one`,
        );
      }
      const setup = readSetup(before.setup, flags);
      const searcher = findSearcher(before.search.searcher);
      const { evaluator, logTo, close } = await openEvaluator(setup);
      logTo(evaluatorLogPath(folder));
      try {
        const models = asksRoles(before.search)
          ? await openModels(setup.model, systemClock, sayRetry(view))
          : null;
        await requireSameSpace(evaluator, before.space, signal);
        const resumed = await journal.append([
          {
            type: "run-resumed",
            budget,
            rounds,
            setup: { ...setup },
            models:
              models === null
                ? null
                : { navigator: models.navigator.label, generator: models.generator.label },
            versions: await versions(),
            repairs: [...repairs],
          },
        ]);
        const whole = [...events, ...resumed];
        const state = fold(whole) as RunState;
        observe(state);
        view.begin(state);
        const ports: SearchPorts = { searcher, evaluator, models, journal, clock: systemClock };
        await resumeSearch(whole, ports, signal, onlooker(view, observe));
      } finally {
        await close();
      }
    },
  );
}

/** Decides every step of a recorded run again, without model and evaluator. */
export async function replay(folder: string, output: Output): Promise<void> {
  const { events, tornBytes } = await readRun(folder);
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
  } catch (error) {
    status = error instanceof Interrupted ? "interrupted" : "failed";
    // A command that has to be corrected has brought the run nowhere: there is nothing to sum up.
    if (!(error instanceof CollmError) || error instanceof UsageError || state === null) throw error;
    view.end();
    printError(error, `${program} resume ${shellWord(folder)}`);
    output.exitCode = error.exitCode;
  } finally {
    view.end();
    await close();
  }
  if (state === null) return;
  view.say("");
  if (output.json && status === "ended" && best(state) === null) view.say(noWinner(state));
  output.result(summarize(state, folder, status), summaryLines(state, folder, program));
}

function onlooker(view: LiveView, observe: (state: RunState) => void): Parameters<typeof runSearch>[3] {
  return (notice) => {
    if (notice.kind === "recorded") observe(notice.state);
    view.observe(notice);
  };
}

function sayRetry(view: LiveView): (seconds: number, reason: string) => void {
  return (seconds, reason) => view.observe({ kind: "waiting", seconds, reason });
}

/** Costs named by limits must be the space's. */
function checkNames(config: Config, space: SpaceDescription): void {
  const costs = space.costs.map(({ name }) => name);
  for (const name of Object.keys(config.limits)) {
    if (costs.includes(name)) continue;
    const known = costs.length === 0 ? "it has none" : `they are ${costs.join(", ")}`;
    throw new UsageError(`space ${space.id} has no cost "${name}"; ${known}${didYouMean(name, costs)}`);
  }
}

/** The run's folder and record: where `out` says, or under the first name of the default kind that is free. */
async function claimRun({
  out,
  space,
  searcher,
  seed,
}: Config): Promise<{ folder: string; journal: RunJournal }> {
  if (out !== null) return { folder: out, journal: await createRun(out, systemClock) };
  const time = systemClock.now().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  const name = `runs/${space}-${searcher}-seed${seed}-${time}`.replace(/[^A-Za-z0-9./_-]/g, "_");
  for (let copy = 1; ; copy++) {
    const folder = copy === 1 ? name : `${name}-${copy}`;
    try {
      return { folder, journal: await createRun(folder, systemClock) };
    } catch (error) {
      // Another run that began in the same second has the name.
      if (!(error instanceof UsageError) || !existsSync(folder)) throw error;
    }
  }
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

/** Before anything is started: the journal itself refuses again when it is made. */
function refuseTaken(folder: string): void {
  if (existsSync(join(folder, "journal.jsonl"))) {
    throw new UsageError(
      `${folder} already holds a run, and no run is overwritten; choose another --out, or go on with: ${program} resume ${folder}`,
    );
  }
}

async function versions(): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(join(packageRoot, "package.json"), "utf8")) as {
    version: string;
  };
  return { collmNas: version, node: process.version };
}
