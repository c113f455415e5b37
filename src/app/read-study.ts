/**
 * Reads the runs and benches that a report is made of.
 *
 * Finds which folders are runs. A run that cannot be read is named and left out. What the runs add up to is report/study.ts.
 */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { journalPath } from "../runs/run-folder.ts";
import { readRun } from "../runs/run-record.ts";
import { readRegular } from "../system/regular-file.ts";
import { unusable } from "../system/system-error.ts";
import { CollmError, JournalDamaged, UsageError } from "../errors.ts";
import {
  type BenchRecord,
  benchRecordName,
  benchRecordText,
  type Reference,
} from "../report/bench-record.ts";
import {
  cohortsOf,
  type LostCombination,
  type LostRun,
  type ReportedRun,
  type Study,
} from "../report/study.ts";
import { fold } from "../search/fold.ts";
import type { RunState } from "../search/state.ts";
import { systemClock, program } from "./compose.ts";
import { versions } from "./versions.ts";

/**
 * Reads everything that some paths hold.
 *
 * @param command what makes the same report again
 * @throws UsageError when a path holds no run, JournalDamaged when no run at all could be read, and whatever
 *   report/study.ts refuses
 */
export async function readStudy(paths: readonly string[], command: string): Promise<Study> {
  const found: Found = { folders: [], names: new Map(), lost: [], references: [], titles: [], benches: [] };
  for (const path of paths) await find(path, found);
  const runs: ReportedRun[] = [];
  const unreadable: LostRun[] = [];
  for (const folder of new Set(found.folders)) {
    try {
      runs.push({ folder, state: fold((await readRun(folder)).events) as RunState });
    } catch (error) {
      if (!(error instanceof CollmError)) throw error;
      const combination = found.names.get(folder);
      const lost = { folder, reason: error.message };
      if (combination === undefined) unreadable.push(lost);
      else found.lost.push({ ...lost, ...combination });
    }
  }
  // A bench all of whose runs failed still has rows to show.
  if (runs.length + found.lost.length === 0 && unreadable.length > 0)
    throw new JournalDamaged(
      `none of ${unreadable.length} runs could be read; the first: ${unreadable[0]?.reason}`,
    );
  return {
    title:
      found.titles.length === 1 ? (found.titles[0] as string) : "Architecture search: a comparison of runs",
    cohorts: cohortsOf(runs, found.names, found.lost),
    references: found.references,
    unreadable,
    benches: found.benches,
    command,
    program,
    madeAt: systemClock.now(),
    versions: await versions(),
  };
}

// --- internal ---

interface Found {
  readonly folders: string[];
  /** What a plan says of a folder. */
  readonly names: Map<string, Omit<LostCombination, keyof LostRun>>;
  readonly lost: LostCombination[];
  readonly references: Reference[];
  readonly titles: string[];
  /** The commands that made the benches. */
  readonly benches: string[];
}

async function find(path: string, found: Found): Promise<void> {
  if (existsSync(journalPath(path))) {
    found.folders.push(path);
    return;
  }
  if (existsSync(join(path, benchRecordName))) {
    take(path, await readBenchRecord(path), found);
    return;
  }
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    throw unusable(`cannot read ${path}`, error);
  });
  const before = found.folders.length + found.lost.length;
  for (const name of entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()) {
    const folder = join(path, name);
    if (existsSync(journalPath(folder))) found.folders.push(folder);
    else if (existsSync(join(folder, benchRecordName))) take(folder, await readBenchRecord(folder), found);
  }
  if (found.folders.length + found.lost.length === before)
    throw new UsageError(
      `${path} holds no run (neither journal.jsonl nor ${benchRecordName}, nor folders with one); name a run's folder, a bench's, or one full of either`,
    );
}

function take(path: string, record: BenchRecord, found: Found): void {
  found.titles.push(record.title);
  found.benches.push(record.command);
  found.references.push(...record.references);
  for (const { folder: relative, label, isControl, space, status, reason } of record.combinations) {
    const folder = join(path, relative);
    found.names.set(folder, { label, isControl, space });
    if (existsSync(journalPath(folder)) && status !== "failed") found.folders.push(folder);
    else
      found.lost.push({
        folder,
        label,
        isControl,
        space,
        reason: reason ?? "not run yet: give the bench's command again",
      });
  }
}

/** The record of a bench. @throws JournalDamaged when it is none */
export async function readBenchRecord(folder: string): Promise<BenchRecord> {
  const path = join(folder, benchRecordName);
  const damaged = (reason: string) =>
    new JournalDamaged(
      `${path} is no record of a bench (${reason}); restore it from a copy, or make the bench again with another --out`,
    );
  const bytes = await readRegular(path).catch((error: unknown) => {
    throw damaged(error instanceof Error ? error.message : "unreadable");
  });
  const { success, data, error } = benchRecordText.safeParse(bytes.toString("utf8"));
  if (success) return data;
  const [issue] = error.issues;
  throw damaged([issue?.path.join("."), issue?.message].filter(Boolean).join(": "));
}
