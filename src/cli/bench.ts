/**
 * `bench`: the runs of a plan, several at a time against one evaluator.
 *
 * Owns which runs are still to be made, how many are under way at once, and the record of what belongs together. Each
 * run is an ordinary one in a folder of its own; what they add up to is report/'s business.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import pLimit from "p-limit";
import { createRun, openRun } from "../runs/journal.ts";
import { clearUnbegun, journalPath } from "../runs/run-folder.ts";
import { readRun } from "../runs/run-record.ts";
import { unreachable } from "../models/model-server.ts";
import { RunLock } from "../runs/run-lock.ts";
import { cannotWrite, codeOf, unusable } from "../system/system-error.ts";
import { makeOwnFolder, takeOwnFolder, writeWhole } from "../system/whole-file.ts";
import { type Config, searchConfigOf, serverOf, setupOf } from "../settings/config.ts";
import {
  CollmError,
  Interrupted,
  JournalDamaged,
  JournalLocked,
  NoUsableWinner,
  UsageError,
} from "../errors.ts";
import { type Plan, type PlanFlags, type PlannedRun, readPlan } from "../app/plan.ts";
import { type BenchRecord, benchRecordName, type Reference } from "../report/bench-record.ts";
import { settingsOf } from "../report/study.ts";
import type { Notice } from "../search/live-run.ts";
import { roleSchema } from "../search/events.ts";
import type { Evaluator, SpaceCatalog } from "../search/ports.ts";
import { Space } from "../search/space.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { fold } from "../search/fold.ts";
import { isComplete } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { asksRoles } from "../searchers/registry.ts";
import { BenchView } from "./bench-view.ts";
import { type ModelWatch, openEvaluator, program, systemClock } from "../app/compose.ts";
import { assemble, assembleAgain, checkFit, conduct, goOn, versions } from "../app/run-lifecycle.ts";
import { refuseHeld } from "../app/held-run.ts";
import { measureOptimum } from "../app/optimum.ts";
import type { Output } from "./output.ts";
import { priceWords } from "../app/prices.ts";
import { readBenchRecord } from "../app/read-study.ts";
import { shellWord } from "../text/shell.ts";
import { paint } from "./style.ts";
import { endWithoutWinner } from "./summary.ts";
import { table } from "./table.ts";

type Combination = BenchRecord["combinations"][number];

export interface BenchFlags extends PlanFlags {
  /** Whether the user's mask alone says who may read the runs. */
  readonly shared?: boolean | undefined;
}

/** Makes the runs of a plan that are not there yet. */
export async function bench(
  file: string,
  { shared: isShared = false, ...flags }: BenchFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const plan = await readPlan(file, flags);
  const view = new BenchView(output.stderr, plan.runs);
  for (const remark of plan.remarks) view.say(remark);
  await requireServers(plan, signal);
  const [first] = plan.runs as [PlannedRun];
  const { evaluator, logTo, close } = await openEvaluator(first.config);
  try {
    const made = new Bench(
      plan,
      benchCommand(file, plan, flags, isShared),
      isShared,
      evaluator,
      view,
      signal,
    );
    await made.prepare();
    await claimFolder(plan.out, isShared);
    const lock = await RunLock.take(plan.out, systemClock).catch((error: unknown) => {
      throw error instanceof JournalLocked
        ? error
        : unusable(`cannot write ${RunLock.path(plan.out)}`, error);
    });
    try {
      logTo(join(plan.out, "evaluator.log"));
      await made.run(output);
    } finally {
      await lock.release();
    }
  } finally {
    view.end();
    await close();
  }
}

// --- internal ---

class Bench {
  readonly #plan: Plan;
  readonly #command: string;
  readonly #isShared: boolean;
  readonly #evaluator: Evaluator & SpaceCatalog;
  readonly #view: BenchView;
  readonly #signal: AbortSignal;
  /** Raised when something went wrong that no single run is to blame for. */
  readonly #broken = new AbortController();
  readonly #combinations: Combination[];
  /** Cells of an earlier plan in the same folder, whose runs are there and stay part of the bench. */
  #others: readonly Combination[] = [];
  /** Runs that were at their end before. */
  readonly #complete = new Map<PlannedRun, RunState>();
  /** Why runs have ended without a winner, by their folder. */
  readonly #fruitless = new Map<string, string>();
  #spaces: ReadonlyMap<string, SpaceDescription> = new Map();
  #serverVersion = "";
  /** What the process ends with, once a run has failed. */
  #exitCode = 0;
  #references: readonly Reference[] = [];
  #versions: Record<string, string> = {};
  #storing: Promise<void> = Promise.resolve();

  constructor(
    plan: Plan,
    command: string,
    isShared: boolean,
    evaluator: Evaluator & SpaceCatalog,
    view: BenchView,
    signal: AbortSignal,
  ) {
    this.#plan = plan;
    this.#command = command;
    this.#isShared = isShared;
    this.#evaluator = evaluator;
    this.#view = view;
    this.#signal = AbortSignal.any([signal, this.#broken.signal]);
    this.#combinations = plan.runs.map(({ label, isControl, config, folder }) => ({
      label,
      isControl,
      space: config.space,
      seed: config.seed,
      folder,
      status: "pending",
      reason: null,
    }));
  }

  /** Asks for the spaces, and holds the plan against them. @throws UsageError for what they do not have */
  async prepare(): Promise<void> {
    const { serverVersion } = await this.#evaluator.list(this.#signal);
    this.#serverVersion = serverVersion;
    this.#versions = { ...(await versions()), evaluator: serverVersion };
    this.#spaces = await this.#describeSpaces();
    for (const { config } of this.#plan.runs) checkFit(config, this.#spaceOf(config));
  }

  async run(output: Output): Promise<void> {
    for (const run of this.#plan.runs) await this.#take(run, this.#spaceOf(run.config));
    const earlier = await earlierRecord(this.#plan.out);
    this.#others = othersIn(earlier, this.#plan);
    await this.#findReferences(earlier?.references ?? []);
    await this.#store();
    const limit = pLimit(this.#plan.parallel);
    const settled = await Promise.allSettled(
      this.#plan.runs.map((run, index) =>
        limit(async () => {
          if (this.#signal.aborted) return;
          try {
            await this.#settle(run, index, this.#spaceOf(run.config), this.#serverVersion);
          } catch (error) {
            // What is no failure of a run alone ends them all, and each at a place to go on from.
            this.#broken.abort();
            throw error;
          }
        }),
      ),
    );
    for (const each of settled) if (each.status === "rejected") throw each.reason;
    await this.#store();
    this.#view.end();
    if (this.#signal.aborted)
      throw new Interrupted(
        `stopped with ${this.#count("done")} of ${this.#combinations.length} runs done; the same command goes on from here: ${this.#command}`,
      );
    await this.#conclude(output);
  }

  async #describeSpaces(): Promise<Map<string, SpaceDescription>> {
    const ids = [...new Set(this.#plan.runs.map(({ config }) => config.space))];
    const described = new Map<string, SpaceDescription>();
    for (const id of ids) described.set(id, await this.#evaluator.describe(id, this.#signal));
    return described;
  }

  #spaceOf({ space }: Pick<Config, "space">): SpaceDescription {
    return this.#spaces.get(space) as SpaceDescription;
  }

  /** @param earlier what an earlier bench in this folder has measured: all of a space is measured once */
  async #findReferences(earlier: readonly Reference[]): Promise<void> {
    const references: Reference[] = [];
    for (const [id, description] of this.#spaces) {
      // The best of the whole space is no measure for who may not have it.
      const isLimited = this.#plan.runs.some(
        ({ config }) => config.space === id && Object.keys(config.limits).length > 0,
      );
      if (this.#plan.measuresOptimum && isLimited)
        this.#view.say(`the optimum of ${id} is not measured: runs there have limits`);
      const { digest } = description;
      const known = earlier.find((each) => each.space === id && each.digest === digest)?.optimum ?? null;
      const optimum =
        this.#plan.measuresOptimum && !isLimited
          ? (known ?? (await measureOptimum(this.#evaluator, new Space(description), this.#signal)))
          : null;
      references.push({ space: id, digest, optimum, printed: [...(this.#plan.printed[id] ?? [])] });
    }
    this.#references = references;
  }

  /**
   * Looks at what is there of a run, before anything is written.
   *
   * @throws UsageError when it is another run, or one on other data, than the plan means
   */
  async #take(run: PlannedRun, described: SpaceDescription): Promise<void> {
    const folder = join(this.#plan.out, run.folder);
    await clearUnbegun(folder, systemClock).catch(ignoreLocked);
    if (!existsSync(journalPath(folder))) return;
    let state: RunState;
    try {
      state = fold((await readRun(folder)).events) as RunState;
    } catch (error) {
      // It is told as a failure of this run, and the others are made.
      if (error instanceof JournalDamaged) return;
      throw error;
    }
    refuseOther(folder, state, run.config);
    const { digest } = state.original ?? state.space;
    if (digest !== described.digest)
      throw new UsageError(
        `${folder} searched other data under the name ${described.id} than the evaluator serves now; serve those again, or choose another --out`,
      );
    if (isComplete(state)) this.#complete.set(run, state);
  }

  /** Brings one run to its end, and notes what became of it. A failure stops no other run. */
  async #settle(
    run: PlannedRun,
    index: number,
    described: SpaceDescription,
    serverVersion: string,
  ): Promise<void> {
    const combination = this.#combinations[index] as Combination;
    const observe = (notice: Notice) => this.#view.observe(run, notice);
    try {
      const state =
        this.#complete.get(run) ?? (await this.#bringToEnd(run, described, serverVersion, observe));
      const fruitless = endWithoutWinner(state);
      if (fruitless !== null) {
        this.#fruitless.set(run.folder, fruitless.message);
        this.#view.fruitless(run, fruitless.message);
      }
      this.#combinations[index] = { ...combination, status: "done" };
    } catch (error) {
      if (error instanceof Interrupted && this.#signal.aborted) return;
      if (!(error instanceof CollmError)) throw error;
      if (this.#exitCode === 0) this.#exitCode = error.exitCode;
      this.#combinations[index] = { ...combination, status: "failed", reason: error.message };
      this.#view.failed(run, error.message);
      await this.#store();
    }
    this.#view.settled(run);
  }

  async #bringToEnd(
    { config, folder: relative }: PlannedRun,
    described: SpaceDescription,
    serverVersion: string,
    observe: (notice: Notice) => void,
  ): Promise<RunState> {
    const folder = join(this.#plan.out, relative);
    const watch: ModelWatch = {
      onRetry: (seconds, reason) => observe({ kind: "waiting", seconds, reason }),
    };
    if (!existsSync(journalPath(folder))) {
      const dependencies = await assemble(config, described, this.#evaluator, watch);
      const journal = await createRun(folder, systemClock, () => {}, this.#isShared);
      try {
        return await conduct(config, dependencies, serverVersion, journal, this.#signal, { observe });
      } finally {
        await journal.close();
      }
    }
    const opened = await openRun(folder, systemClock).catch((error: unknown) => refuseHeld(folder, error));
    try {
      const state = fold(opened.events) as RunState;
      const setup = setupOf(config);
      const dependencies = await assembleAgain(
        state,
        setup,
        state.search.caps ?? {},
        this.#evaluator,
        this.#signal,
        watch,
      );
      const changes = { budget: null, rounds: null, caps: null, setup };
      return await goOn(opened, changes, dependencies, this.#signal, { observe });
    } finally {
      await opened.journal.close();
    }
  }

  #count(status: Combination["status"]): number {
    return this.#combinations.filter((combination) => combination.status === status).length;
  }

  /** Writes the record; whoever reads it meanwhile sees the one before. */
  async #store(): Promise<void> {
    this.#storing = this.#storing
      .catch(() => {})
      .then(async () => {
        const record: BenchRecord = {
          format: 1,
          title: this.#plan.title,
          combinations: [...this.#combinations, ...this.#others],
          references: [...this.#references],
          command: this.#command,
          versions: this.#versions,
        };
        const path = join(this.#plan.out, benchRecordName);
        try {
          await writeWhole(path, `${JSON.stringify(record, null, 1)}\n`);
        } catch (error) {
          throw cannotWrite(path, error);
        }
      });
    await this.#storing;
  }

  async #conclude(output: Output): Promise<void> {
    const failed = this.#combinations.filter(({ status }) => status === "failed");
    const { benchLines } = await import("./bench-summary.ts");
    const { tables, lines } = await benchLines(this.#plan.out);
    const fruitless = this.#combinations.filter(({ folder }) => this.#fruitless.has(folder));
    const next = `${program} report ${shellWord(this.#plan.out)} --out report.html`;
    output.result(
      {
        bench: this.#plan.out,
        runs: this.#combinations.length,
        done: this.#count("done"),
        failed: failed.map(({ folder, label, space, seed, reason }) => ({
          folder,
          label,
          space,
          seed,
          reason,
        })),
        withoutWinner: fruitless.map(({ folder, label, space, seed }) => ({
          folder,
          label,
          space,
          seed,
          reason: this.#fruitless.get(folder),
        })),
        tables,
      },
      [
        ...lines,
        ...table([
          ["Runs", `${this.#count("done")} of ${this.#combinations.length} in ${this.#plan.out}`],
          ...(fruitless.length === 0
            ? []
            : [["", `${fruitless.length} of them ended without a usable winner`]]),
          ["Next", `${next}  ${paint("dim", "# every table, with figures")}`],
        ]),
      ],
    );
    output.exitCode = this.#exitCode;
    // A search that finds nothing is a result beside others that do; where none does, something is amiss.
    if (this.#exitCode === 0 && fruitless.length === this.#combinations.length)
      throw new NoUsableWinner(
        `not one of ${this.#combinations.length} runs has a usable winner; the first one: ${this.#fruitless.get(fruitless[0]?.folder ?? "") ?? ""}`,
      );
  }
}

/** Before anything runs: a plan about models without a server would end in failures only. */
async function requireServers({ runs }: Plan, signal: AbortSignal): Promise<void> {
  const asking = runs.filter(({ config }) => asksRoles(searchConfigOf(config)));
  const addresses = asking.flatMap(({ config: { model } }) =>
    model === null ? [] : roleSchema.options.map((role) => serverOf(model, role).baseUrl),
  );
  for (const baseUrl of new Set(addresses)) {
    const reason = await unreachable(baseUrl, signal);
    if (reason !== null)
      throw new UsageError(
        `this plan needs a language model, and no server answers at ${baseUrl} (${reason}); start it, or name another with --base-url`,
      );
  }
}

/** What a bench may find in its folder that was stopped before its record was written. */
const leftovers = ["lock", "evaluator.log", `${benchRecordName}.part`];

/** Makes the bench's folder, or takes an empty one or an earlier bench's. */
async function claimFolder(folder: string, isShared: boolean): Promise<void> {
  const refused = (error: unknown) => unusable(`cannot use ${folder} for a bench`, error);
  try {
    await makeOwnFolder(folder, isShared);
    return;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw refused(error);
  }
  const entries = await readdir(folder).catch((error: unknown) => {
    throw refused(error);
  });
  const foreign = entries.find((name) => !leftovers.includes(name));
  if (entries.length === 0) await takeOwnFolder(folder, isShared);
  if (entries.includes(benchRecordName) || foreign === undefined) return;
  throw new UsageError(`${folder} holds other things (${foreign}) and no bench; choose another --out`);
}

/** Somebody begins that run right now: it is told as a failure of this run later. */
function ignoreLocked(error: unknown): void {
  if (!(error instanceof JournalLocked)) throw error;
}

/** What an earlier bench has left in the folder; null: nothing. */
async function earlierRecord(folder: string): Promise<BenchRecord | null> {
  return existsSync(join(folder, benchRecordName)) ? await readBenchRecord(folder) : null;
}

/** Runs that an earlier plan made in the same folder and that this one does not name. */
function othersIn(earlier: BenchRecord | null, { out, runs }: Plan): Combination[] {
  const planned = new Set(runs.map(({ folder }) => folder));
  const combinations = earlier?.combinations ?? [];
  return combinations.filter(
    ({ folder }) => !planned.has(folder) && existsSync(journalPath(join(out, folder))),
  );
}

/** A run that is there already must be the one that the plan means. */
function refuseOther(folder: string, state: RunState, config: Config): void {
  const recorded = settingsOf(state);
  const planned = settingsOf({
    search: searchConfigOf(config),
    setup: { ...setupOf(config) },
    models: state.models,
  });
  const differing = Object.keys(planned).find((key) => !isDeepStrictEqual(recorded[key], planned[key]));
  if (differing === undefined) return;
  const [was, is] = [recorded, planned].map((settings) => JSON.stringify(settings[differing] ?? null));
  throw new UsageError(
    `${folder} was run with another ${differing} (${was}, not ${is}); choose another --out, or move that folder away`,
  );
}

/** The command that makes the same bench again, or goes on with it. */
function benchCommand(file: string, plan: Plan, flags: PlanFlags, isShared: boolean): string {
  const options = Object.entries({
    seeds: flags.seeds,
    budget: flags.budget,
    parallel: flags.parallel,
    model: flags.model,
    "base-url": flags.baseUrl,
    evaluator: flags.evaluator,
    "evaluator-config": flags.evaluatorConfig,
    price: flags.price === undefined ? undefined : priceWords(flags.price),
    out: plan.out,
  }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${shellWord(String(value))}`]));
  return [program, "bench", shellWord(file), ...options, ...(isShared ? ["--shared"] : [])].join(" ");
}
