/**
 * A folder for one run in a scratch folder, fresh for each test and removed after it.
 *
 * A test file calls `runPlace()` once, at its top; that also restores every mock after each test.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import { createRun } from "../../src/runs/journal.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { runStarted, strategySet, testClock } from "./run-events.ts";

export interface RunPlace {
  /** There from the beginning of each test. */
  scratch: string;
  /** Where the run goes; not there yet. */
  folder: string;
}

export function runPlace(): RunPlace {
  const place: RunPlace = { scratch: "", folder: "" };

  beforeEach(() => {
    place.scratch = mkdtempSync(join(tmpdir(), "journal-file-"));
    place.folder = join(place.scratch, "run");
  });

  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(place.scratch, { recursive: true, force: true });
  });

  return place;
}

/** Makes a closed run of run-started and `strategies` more events. */
export async function recorded({ folder }: RunPlace, strategies: number): Promise<readonly RunEvent[]> {
  const journal = await createRun(folder, testClock());
  const rounds = Array.from({ length: strategies }, (_, index) => strategySet(index + 1));
  const events = await journal.append([runStarted(), ...rounds]);
  await journal.close();
  return events;
}
