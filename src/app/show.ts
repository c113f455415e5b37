/**
 * Reads a run to be shown, also while it runs, without touching its record. Of a damaged record it takes what the last
 * chain digest before the damage covers.
 */
import type { JournalDamaged } from "../errors.ts";
import { readTrustedPart } from "../runs/run-record.ts";
import { fold } from "../search/fold.ts";
import type { RunState } from "../search/state.ts";
import { type Worker, workerOn } from "./held-run.ts";

export interface ShownRun {
  readonly state: RunState;
  /** Why the record cannot be read further; null: all of it can. */
  readonly damage: JournalDamaged | null;
  /** Which process works on it now. */
  readonly worker: Worker;
}

/** @throws UsageError when there is no run or nothing in it, JournalDamaged when nothing of it can be trusted */
export async function readShownRun(folder: string): Promise<ShownRun> {
  const { events, damage } = await readTrustedPart(folder);
  return { state: fold(events) as RunState, damage, worker: await workerOn(folder) };
}
