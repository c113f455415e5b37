/**
 * One run of a bench: what is there of it already, and how it is brought to its end.
 *
 * It is an ordinary run. It shares the evaluator with the others, and nobody steers it.
 */
import { existsSync } from "node:fs";
import { JournalDamaged, JournalLocked } from "../errors.ts";
import { clearUnbegun, journalPath } from "../runs/run-folder.ts";
import { createRun, openRun } from "../runs/journal.ts";
import type { KnownResults } from "../runs/known-results.ts";
import { readRun } from "../runs/run-record.ts";
import type { Notice } from "../search/live-run.ts";
import type { Evaluator, SpaceCatalog } from "../search/ports.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { fold } from "../search/fold.ts";
import { isComplete } from "../search/results.ts";
import { type RunState } from "../search/state.ts";
import { type Config, setupOf } from "../settings/config.ts";
import { type ModelWatch, systemClock } from "./compose.ts";
import { refuseHeld } from "./held-run.ts";
import { requireSameRun } from "./same-run.ts";
import { prepare, prepareResume, resumeRun, startRun } from "./run-lifecycle.ts";

/** What every run of a bench shares. */
export interface BenchWorld {
  readonly evaluator: Evaluator & SpaceCatalog;
  readonly serverVersion: string;
  /** Whether the umask alone says who may read the runs. */
  readonly isShared: boolean;
  readonly signal: AbortSignal;
}

/**
 * Reads what is there of a run, before anything is written.
 *
 * @returns the run where it is complete; else null
 * @throws UsageError when it is another run, or one on other data, than the plan means
 */
export async function completeRun(
  folder: string,
  config: Config,
  described: SpaceDescription,
  known: KnownResults | null,
): Promise<RunState | null> {
  await clearUnbegun(folder, systemClock).catch(ignoreLocked);
  if (!existsSync(journalPath(folder))) return null;
  let state: RunState;
  try {
    state = fold((await readRun(folder)).events) as RunState;
  } catch (error) {
    // It is reported as a failure of this run, and the others are made.
    if (error instanceof JournalDamaged) return null;
    throw error;
  }
  requireSameRun(folder, state, config, described, known);
  return isComplete(state) ? state : null;
}

/** Makes a run, or continues it where there is a part of it. */
export async function bringToEnd(
  folder: string,
  config: Config,
  described: SpaceDescription,
  known: KnownResults | null,
  { evaluator, serverVersion, isShared, signal }: BenchWorld,
  observe: (notice: Notice) => void,
): Promise<RunState> {
  const watch: ModelWatch = {
    onRetry: (seconds, reason) => observe({ kind: "waiting", seconds, reason }),
  };
  if (!existsSync(journalPath(folder))) {
    const dependencies = await prepare(config, described, known, evaluator, signal, watch);
    try {
      const journal = await createRun(folder, systemClock, () => {}, isShared);
      try {
        return await startRun(config, dependencies, serverVersion, journal, signal, { observe });
      } finally {
        await journal.close();
      }
    } finally {
      await dependencies.close();
    }
  }
  const opened = await openRun(folder, systemClock).catch((error: unknown) => refuseHeld(folder, error));
  try {
    const state = fold(opened.events) as RunState;
    const setup = setupOf(config);
    const caps = state.search.caps ?? {};
    const dependencies = await prepareResume(state, setup, caps, evaluator, signal, watch);
    const changes = { budget: null, rounds: null, caps: null, setup };
    try {
      return await resumeRun(opened, changes, dependencies, signal, { observe });
    } finally {
      await dependencies.close();
    }
  } finally {
    await opened.journal.close();
  }
}

// --- internal ---

/** Another process begins that run right now: it is reported as a failure of this run later. */
function ignoreLocked(error: unknown): void {
  if (!(error instanceof JournalLocked)) throw error;
}
