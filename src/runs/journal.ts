/**
 * The journal of a run, for the process that writes it: begins one, continues one, appends events.
 *
 * Holds the lock of the run from its first moment until it is closed. How lines are stored is append-log.ts, how a journal
 * is read and checked is run-record.ts.
 */
import { rm, rmdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { CollmError } from "../errors.ts";
import { type EventBody, formatVersion, type RunEvent, readEvent } from "../search/events.ts";
import type { Clock, Journal } from "../search/ports.ts";
import { cannotWrite, codeOf, unusable } from "../system/system-error.ts";
import { ownFileMode, syncFolder } from "../system/whole-file.ts";
import { AppendLog, type LogTerms, type OnStored } from "./append-log.ts";
import { alreadyThere, claimFolder, journalPath, requireJournal } from "./run-folder.ts";
import { RunLock } from "./run-lock.ts";
import { readRecord } from "./run-record.ts";

/** A journal that holds the lock of its run until it is closed. */
export interface RunJournal extends Journal {
  readonly folder: string;
  /**
   * Waits for what is being stored, then releases the lock. May be called again. A run in which nothing was recorded
   * leaves nothing in its place, so that the same command works again.
   */
  close(): Promise<void>;
}

export interface OpenedRun {
  readonly journal: RunJournal;
  readonly events: readonly RunEvent[];
  /** What had to be repaired, a sentence each; for the run-resumed event. */
  readonly repairs: readonly string[];
}

/**
 * Begins a journal in a folder that is new or empty.
 *
 * @param isShared whether others may read it, as far as the user's mask lets them; else the owner alone
 * @throws UsageError when anything is in the folder: no run is ever overwritten
 */
export async function createRun(
  folder: string,
  clock: Clock,
  onStored: OnStored = ignore,
  isShared = false,
): Promise<RunJournal> {
  const isNew = await claimFolder(folder, isShared);
  const path = journalPath(folder);
  let lock: RunLock | null = null;
  let log: AppendLog | null = null;
  try {
    lock = await RunLock.take(folder, clock);
    log = await AppendLog.create(path, ownFileMode(isShared), terms(onStored));
    await syncFolder(dirname(resolve(folder)));
    return new JournalFile({ folder, clock, log, lock, events: 0, isNew });
  } catch (error) {
    await log?.close();
    if (log !== null) await rm(path, { force: true });
    await lock?.release();
    // A process that was faster keeps what it made: only an empty folder is removed.
    if (isNew) await rmdir(folder).catch(ignore);
    if (codeOf(error) === "EEXIST") throw alreadyThere(folder, ["journal.jsonl"]);
    throw error instanceof CollmError ? error : unusable(`cannot create ${path}`, error);
  }
}

/**
 * Continues a journal: locks the run, reads and checks all events, and cuts off an unfinished last line.
 *
 * @throws UsageError when there is no run or nothing in it, JournalLocked when another process may write it,
 *   JournalDamaged when a line cannot be trusted
 */
export async function openRun(folder: string, clock: Clock, onStored: OnStored = ignore): Promise<OpenedRun> {
  const path = journalPath(folder);
  await requireJournal(folder);
  const lock = await RunLock.take(folder, clock).catch((error: unknown) => {
    throw error instanceof CollmError ? error : cannotWrite(RunLock.path(folder), error);
  });
  let log: AppendLog | null = null;
  try {
    const opened = await AppendLog.open(path, terms(onStored)).catch((error: unknown) => {
      throw unusable(`cannot open ${path}`, error);
    });
    log = opened.log;
    const { events } = readRecord(opened.bytes, folder);
    const repairs =
      lock.deadPid === null ? [] : [`took over the lock of process ${lock.deadPid}, which is gone`];
    const cut = await log.cutUnfinished();
    if (cut > 0) repairs.push(`cut an unfinished last line of ${cut} bytes (event ${events.length + 1})`);
    const journal = new JournalFile({ folder, clock, log, lock, events: events.length, isNew: false });
    return { journal, events, repairs };
  } catch (error) {
    await log?.close();
    await lock.release();
    throw error instanceof CollmError ? error : cannotWrite(path, error);
  }
}

// --- internal ---

interface JournalParts {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: AppendLog;
  readonly lock: RunLock;
  /** How many events it holds. */
  readonly events: number;
  /** Whether the folder was made for this run. */
  readonly isNew: boolean;
}

class JournalFile implements RunJournal {
  readonly folder: string;
  readonly #parts: JournalParts;
  #seq: number;
  #closed: Promise<void> | null = null;

  constructor(parts: JournalParts) {
    this.folder = parts.folder;
    this.#parts = parts;
    this.#seq = parts.events;
  }

  /** A body that could not be read back is a bug: its call rejects, and nothing of it is stored. */
  async append(bodies: readonly EventBody[]): Promise<readonly RunEvent[]> {
    const { lines, events } = this.#stamp(bodies);
    await this.#parts.log.append(lines);
    return events;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #stamp(bodies: readonly EventBody[]): {
    readonly lines: readonly string[];
    readonly events: readonly RunEvent[];
  } {
    const at = this.#parts.clock.now();
    const lines = bodies.map((body, index) =>
      JSON.stringify({ v: formatVersion, seq: this.#seq + index + 1, at, ...body }),
    );
    // The events are read from the very text that is stored, so that a later reader sees the same.
    const events = lines.map((line, index) => {
      const read = readEvent(JSON.parse(line));
      if (!read.ok) throw new TypeError(`a ${bodies[index]?.type} event cannot be stored: ${read.reason}`);
      return read.event;
    });
    this.#seq += bodies.length;
    return { lines, events };
  }

  async #close(): Promise<void> {
    const { log, lock, isNew } = this.#parts;
    try {
      await log.close();
      if (log.isEmpty) await rm(log.path, { force: true });
    } finally {
      await lock.release();
      if (log.isEmpty && isNew) await rmdir(this.folder).catch(ignore);
    }
  }
}

function terms(onStored: OnStored): LogTerms {
  return { onStored, next: "resume" };
}

/** For what is done after a failure, which is reported anyway. */
function ignore(): void {}
