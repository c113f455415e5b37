/**
 * The folder of a run: `journal.jsonl` with one event a line, and a lock, so that it has one writer.
 *
 * Makes a folder, takes an empty one, and says when there is no run in one. What the journal holds is run-record.ts.
 */
import { readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { UsageError } from "../errors.ts";
import type { Clock } from "../search/ports.ts";
import { readRegular, requireRegular } from "../system/regular-file.ts";
import { codeOf, unusable } from "../system/system-error.ts";
import { makeOwnFolder, takeOwnFolder } from "../system/whole-file.ts";
import { RunLock } from "./run-lock.ts";
import { socketPath } from "./socket-address.ts";

/** The file that holds the events of a run. */
export function journalPath(folder: string): string {
  return join(folder, "journal.jsonl");
}

/** Makes the folder, or takes an empty one. @returns whether it was made */
export async function claimFolder(folder: string, isShared: boolean): Promise<boolean> {
  try {
    await makeOwnFolder(folder, isShared);
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw unusable(`cannot create the folder ${folder}`, error);
  }
  const entries = await readdir(folder).catch((error: unknown) => {
    throw unusable(`cannot use ${folder} as a run folder`, error);
  });
  if (entries.length > 0) throw alreadyThere(folder, entries);
  await takeOwnFolder(folder, isShared);
  return false;
}

/** What is said of a folder that is not empty. */
export function alreadyThere(folder: string, entries: readonly string[]): UsageError {
  return entries.includes("journal.jsonl")
    ? new UsageError(`${folder} already holds a run: resume it, or choose another --out`)
    : new UsageError(`${folder} is not empty (it holds ${entries[0]}): choose another --out`);
}

/** @throws UsageError when there is no run in the folder; what it holds is not read */
export async function requireJournal(folder: string): Promise<void> {
  for (const [path, missing] of [
    [folder, `there is no run folder ${folder}`],
    [journalPath(folder), `${folder} holds no run (journal.jsonl is missing)`],
  ] as const) {
    await stat(path).catch((error: unknown) => {
      throw codeOf(error) === "ENOENT"
        ? new UsageError(`${missing}; name the folder that --out named`)
        : unusable(`cannot read ${path}`, error);
    });
  }
  await requireRegular(journalPath(folder)).catch((error: unknown) => {
    throw unusable(`cannot read ${journalPath(folder)}`, error);
  });
}

/**
 * Clears a folder whose run was killed before its first event was stored. Leaves every other folder alone.
 *
 * @throws JournalLocked when another process is starting the run right now
 */
export async function clearUnbegun(folder: string, clock: Clock): Promise<void> {
  const entries = await readdir(folder).catch((): string[] => []);
  const leftovers = [journalPath(folder), RunLock.path(folder), socketPath(folder)].map((path) =>
    basename(path),
  );
  if (entries.length === 0 || entries.some((name) => !leftovers.includes(name))) return;
  const lock = await RunLock.take(folder, clock);
  try {
    const bytes = await readRegular(journalPath(folder)).catch(() => Buffer.alloc(0));
    if (bytes.includes("\n")) return;
    for (const path of [journalPath, socketPath]) await rm(path(folder), { force: true });
  } finally {
    await lock.release();
  }
}
