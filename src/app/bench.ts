/**
 * Runs the plan of a bench: several runs at a time against one evaluator, those that are complete not again.
 *
 * A failure stops no other run. It prints nothing: what happens is passed to the caller's functions. What the runs add
 * up to is report/.
 */
import { join } from "node:path";
import pLimit from "p-limit";
import { CollmError, Interrupted, NoUsableWinner, UsageError } from "../errors.ts";
import { unreachable } from "../models/model-list.ts";
import type { Reference } from "../report/bench-record.ts";
import type { KnownResults } from "../runs/known-results.ts";
import type { Notice } from "../search/live-run.ts";
import { roleSchema } from "../search/events.ts";
import type { Evaluator, SpaceCatalog } from "../search/ports.ts";
import { Space } from "../search/space.ts";
import { type SpaceDescription } from "../search/space-description.ts";
import type { RunState } from "../search/state.ts";
import { asksRoles } from "../searchers/registry.ts";
import { type Config, searchConfigOf, serverOf } from "../settings/config.ts";
import {
  BenchRecordFile,
  type Combination,
  claimBenchFolder,
  earlierRecord,
  othersIn,
} from "./bench-folder.ts";
import { type BenchWorld, bringToEnd, completeRun } from "./bench-run.ts";
import { openEvaluator } from "./compose.ts";
import { readKnown } from "./known.ts";
import { measureOptimum } from "./optimum.ts";
import type { Plan, PlannedRun } from "./plan.ts";
import { checkFit } from "./run-config.ts";
import { versions } from "./versions.ts";
import { endWithoutWinner } from "./summary.ts";

/** Who watches a bench; each function may be left out. */
export interface BenchWatch {
  /** A line for a person about the bench as a whole. */
  readonly say?: (line: string) => void;
  readonly observe?: (run: PlannedRun, notice: Notice) => void;
  /** A run has come to its end, now or in an earlier bench. */
  readonly settled?: (run: PlannedRun) => void;
  readonly failed?: (run: PlannedRun, reason: string) => void;
  /** A run has come to its end with nothing to use. */
  readonly fruitless?: (run: PlannedRun, reason: string) => void;
}

export interface BenchOptions {
  /** Raised to stop all runs at places from which the same bench continues; the call then throws Interrupted. */
  readonly signal?: AbortSignal;
  /** The command that makes the same bench again: recorded, and named where the bench was stopped. */
  readonly command?: string;
  /** Whether the umask alone says who may read the runs; otherwise nobody else may. */
  readonly shared?: boolean;
  readonly watch?: BenchWatch;
}

/** A run of the plan that has no result, and why. */
type Fruitless = Pick<Combination, "folder" | "label" | "space" | "seed"> & {
  readonly reason: string | null;
};

/** What a bench came to. */
export interface Benched {
  readonly folder: string;
  readonly runs: number;
  readonly done: number;
  readonly failed: readonly Fruitless[];
  /** Runs that are done and have no usable winner. */
  readonly withoutWinner: readonly Fruitless[];
  /** What stopped the first run that failed, or that no run has a usable winner; null where neither is so. */
  readonly trouble: CollmError | null;
}

/**
 * Makes the runs of a plan that are not there yet.
 *
 * @throws UsageError before anything runs, for a plan that cannot be made; Interrupted when it is stopped
 */
export async function bench(plan: Plan, options: BenchOptions = {}): Promise<Benched> {
  const { signal = new AbortController().signal } = options;
  await requireServers(plan, signal);
  const [first] = plan.runs as [PlannedRun];
  const { evaluator, logTo, close } = await openEvaluator(first.config);
  try {
    const made = await Bench.of(plan, options, evaluator, signal);
    const lock = await claimBenchFolder(plan.out, options.shared === true);
    try {
      logTo(join(plan.out, "evaluator.log"));
      return await made.run();
    } finally {
      await lock.release();
    }
  } finally {
    await close();
  }
}

// --- internal ---

class Bench {
  readonly #plan: Plan;
  readonly #command: string;
  readonly #watch: BenchWatch;
  readonly #world: BenchWorld;
  readonly #spaces: ReadonlyMap<string, SpaceDescription>;
  /** What runs begin with, read once for all that begin with the same. */
  readonly #known = new Map<string, KnownResults | null>();
  readonly #versions: Readonly<Record<string, string>>;
  readonly #record: BenchRecordFile;
  /** Raised when something went wrong that no single run is to blame for. */
  readonly #broken = new AbortController();
  readonly #combinations: Combination[];
  /** Those of an earlier plan in the same folder, whose runs are there and stay part of the bench. */
  #others: readonly Combination[] = [];
  /** Why runs have ended without a winner, by their folder. */
  readonly #fruitless = new Map<string, string>();
  #references: readonly Reference[] = [];
  #firstFailure: CollmError | null = null;

  private constructor(
    plan: Plan,
    { command = "a program", shared = false, watch = {} }: BenchOptions,
    world: Omit<BenchWorld, "isShared">,
    spaces: ReadonlyMap<string, SpaceDescription>,
    ownVersions: Readonly<Record<string, string>>,
  ) {
    this.#plan = plan;
    this.#command = command;
    this.#watch = watch;
    const signal = AbortSignal.any([world.signal, this.#broken.signal]);
    this.#world = { ...world, isShared: shared, signal };
    this.#spaces = spaces;
    this.#versions = { ...ownVersions, evaluator: world.serverVersion };
    this.#record = new BenchRecordFile(plan.out);
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

  /** Asks for the spaces, and checks the plan against them. @throws UsageError for what they do not have */
  static async of(
    plan: Plan,
    options: BenchOptions,
    evaluator: Evaluator & SpaceCatalog,
    signal: AbortSignal,
  ): Promise<Bench> {
    const { serverVersion } = await evaluator.list(signal);
    const spaces = new Map<string, SpaceDescription>();
    for (const id of new Set(plan.runs.map(({ config }) => config.space)))
      spaces.set(id, await evaluator.describe(id, signal));
    const world = { evaluator, serverVersion, signal };
    const made = new Bench(plan, options, world, spaces, await versions());
    for (const { config } of plan.runs) {
      checkFit(config, made.#spaceOf(config));
      await made.#readKnown(config);
    }
    return made;
  }

  async run(): Promise<Benched> {
    const complete = new Map<PlannedRun, RunState>();
    for (const run of this.#plan.runs) {
      const { config } = run;
      const known = await this.#readKnown(config);
      const state = await completeRun(this.#folderOf(run), config, this.#spaceOf(config), known);
      if (state !== null) complete.set(run, state);
    }
    const earlier = await earlierRecord(this.#plan.out);
    this.#others = othersIn(earlier, this.#plan);
    await this.#findReferences(earlier?.references ?? []);
    await this.#store();
    await this.#settleAll(complete);
    await this.#store();
    if (this.#world.signal.aborted)
      throw new Interrupted(
        `stopped with ${this.#count("done")} of ${this.#combinations.length} runs done; the same command continues it: ${this.#command}`,
      );
    return this.#result();
  }

  #spaceOf({ space }: Pick<Config, "space">): SpaceDescription {
    return this.#spaces.get(space) as SpaceDescription;
  }

  async #readKnown(config: Config): Promise<KnownResults | null> {
    const key = JSON.stringify([config.space, config.known]);
    const read = this.#known.get(key) ?? (await readKnown(config, this.#spaceOf(config)));
    this.#known.set(key, read);
    return read;
  }

  #folderOf({ folder }: PlannedRun): string {
    return join(this.#plan.out, folder);
  }

  /** @param earlier what an earlier bench in this folder has measured: all of a space is measured once */
  async #findReferences(earlier: readonly Reference[]): Promise<void> {
    const { evaluator, signal } = this.#world;
    const references: Reference[] = [];
    for (const [id, description] of this.#spaces) {
      // The best of the whole space is no measure for runs that may not have it.
      const isLimited = this.#plan.runs.some(
        ({ config }) => config.space === id && Object.keys(config.limits).length > 0,
      );
      if (this.#plan.measuresOptimum && isLimited)
        this.#watch.say?.(`the optimum of ${id} is not measured: runs there have limits`);
      const { digest } = description;
      const known = earlier.find((each) => each.space === id && each.digest === digest)?.optimum ?? null;
      const optimum =
        this.#plan.measuresOptimum && !isLimited
          ? (known ?? (await measureOptimum(evaluator, new Space(description), signal)))
          : null;
      references.push({ space: id, digest, optimum, printed: [...(this.#plan.printed[id] ?? [])] });
    }
    this.#references = references;
  }

  /** Brings every run to its end, as many at a time as the plan says. */
  async #settleAll(complete: ReadonlyMap<PlannedRun, RunState>): Promise<void> {
    const limit = pLimit(this.#plan.parallel);
    const settled = await Promise.allSettled(
      this.#plan.runs.map((run, index) =>
        limit(async () => {
          if (this.#world.signal.aborted) return;
          try {
            await this.#settle(run, index, complete.get(run) ?? null);
          } catch (error) {
            // An error that is not of one run alone ends them all. Each can be resumed.
            this.#broken.abort();
            throw error;
          }
        }),
      ),
    );
    for (const each of settled) if (each.status === "rejected") throw each.reason;
  }

  /** Brings one run to its end, and notes what became of it. A failure stops no other run. */
  async #settle(run: PlannedRun, index: number, complete: RunState | null): Promise<void> {
    const combination = this.#combinations[index] as Combination;
    const observe = (notice: Notice) => this.#watch.observe?.(run, notice);
    const folder = this.#folderOf(run);
    try {
      const state =
        complete ??
        (await bringToEnd(
          folder,
          run.config,
          this.#spaceOf(run.config),
          await this.#readKnown(run.config),
          this.#world,
          observe,
        ));
      const fruitless = endWithoutWinner(state);
      if (fruitless !== null) {
        this.#fruitless.set(run.folder, fruitless.message);
        this.#watch.fruitless?.(run, fruitless.message);
      }
      this.#combinations[index] = { ...combination, status: "done" };
    } catch (error) {
      if (error instanceof Interrupted && this.#world.signal.aborted) return;
      if (!(error instanceof CollmError)) throw error;
      this.#firstFailure ??= error;
      this.#combinations[index] = { ...combination, status: "failed", reason: error.message };
      this.#watch.failed?.(run, error.message);
      await this.#store();
    }
    this.#watch.settled?.(run);
  }

  #count(status: Combination["status"]): number {
    return this.#combinations.filter((combination) => combination.status === status).length;
  }

  async #store(): Promise<void> {
    await this.#record.store(() => ({
      format: 1,
      title: this.#plan.title,
      combinations: [...this.#combinations, ...this.#others],
      references: [...this.#references],
      command: this.#command,
      versions: { ...this.#versions },
    }));
  }

  #result(): Benched {
    const runs = this.#combinations.length;
    const withoutWinner = this.#combinations.flatMap(({ folder, label, space, seed }) => {
      const reason = this.#fruitless.get(folder);
      return reason === undefined ? [] : [{ folder, label, space, seed, reason }];
    });
    // A search that finds nothing is a result beside others that do; where none does, something is wrong.
    const nothing =
      withoutWinner.length === runs
        ? new NoUsableWinner(
            `not one of ${runs} runs has a usable winner; the first one: ${withoutWinner[0]?.reason ?? ""}`,
          )
        : null;
    return {
      folder: this.#plan.out,
      runs,
      done: this.#count("done"),
      failed: this.#combinations
        .filter(({ status }) => status === "failed")
        .map(({ folder, label, space, seed, reason }) => ({ folder, label, space, seed, reason })),
      withoutWinner,
      trouble: this.#firstFailure ?? nothing,
    };
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
