/**
 * A run as a folder: `journal.jsonl` with one event a line, and a lock, which keeps it to one writer.
 *
 * Owns the bytes on disk: when they count as stored, how a record cut short is mended, what makes one untrustworthy.
 * Knows nothing of what the events add up to, nor of the search that wrote them.
 *
 * A line counts once it ends in a line break; an append has happened once its lines are synced.
 */
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readdir, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { CollmError, JournalDamaged, UsageError } from "../errors.ts";
import { type EventBody, formatVersion, type RunEvent, readEvent } from "../search/events.ts";
import type { Clock, Journal } from "../search/ports.ts";
import { HashChain } from "../search/hash-chain.ts";
import { openRegular, readRegular, requireRegular } from "../system/regular-file.ts";
import { RunLock } from "./run-lock.ts";
import { cannotWrite, codeOf, unusable } from "../system/system-error.ts";
import { makeOwnFolder, ownFileMode, takeOwnFolder } from "../system/whole-file.ts";

/** A journal that holds its run's lock until it is closed. */
export interface RunJournal extends Journal {
  readonly folder: string;
  /**
   * Waits for what is being stored and lets go of the lock; may be called again. A run in which nothing was recorded
   * leaves nothing behind, so that the same command can be given again.
   */
  close(): Promise<void>;
}

export interface OpenedRun {
  readonly journal: RunJournal;
  readonly events: readonly RunEvent[];
  /** What had to be mended, a sentence each; for the run-resumed event. */
  readonly repairs: readonly string[];
}

export interface RunRecord {
  readonly events: readonly RunEvent[];
  /** The length of an unfinished last line, which is no event: being written right now, or cut short. 0: none. */
  readonly tornBytes: number;
}

/** Told of lines once they are stored for good, without their line breaks. Must neither throw nor wait. */
export type OnStored = (lines: readonly string[]) => void;

/** The file that holds the events of a run. */
export function journalPath(folder: string): string {
  return join(folder, "journal.jsonl");
}

/**
 * Begins a record in a folder that is new or empty: its owner's alone, for it holds all that was asked and answered.
 *
 * @param isShared whether the user's mask alone says who else may read it
 * @throws UsageError when anything is there already: no run is ever overwritten
 */
export async function createRun(
  folder: string,
  clock: Clock,
  onStored: OnStored = ignore,
  isShared = false,
): Promise<RunJournal> {
  const isNew = await claimFolder(folder, isShared);
  let lock: RunLock | null = null;
  let file: FileHandle | null = null;
  try {
    lock = await RunLock.take(folder, clock);
    file = await open(journalPath(folder), "wx", ownFileMode(isShared));
    await syncFolder(folder);
    await syncFolder(dirname(resolve(folder)));
    return new JournalFile({ folder, clock, onStored, file, lock, length: 0, events: 0, isNew });
  } catch (error) {
    // Whoever was faster keeps what it made: only an empty folder goes away.
    if (file !== null) await discard(folder, file);
    await lock?.release();
    if (isNew) await rmdir(folder).catch(ignore);
    if (codeOf(error) === "EEXIST") throw alreadyThere(folder, ["journal.jsonl"]);
    throw error instanceof CollmError ? error : unusable(`cannot create ${journalPath(folder)}`, error);
  }
}

/**
 * Clears a folder in which a run was killed before its first event was stored; leaves every other folder alone.
 *
 * @throws JournalLocked when somebody is beginning the run right now
 */
export async function clearUnbegun(folder: string, clock: Clock): Promise<void> {
  const entries = await readdir(folder).catch((): string[] => []);
  const leftovers = [basename(journalPath(folder)), basename(RunLock.path(folder))];
  if (entries.length === 0 || entries.some((name) => !leftovers.includes(name))) return;
  const lock = await RunLock.take(folder, clock);
  try {
    const bytes = await readRegular(journalPath(folder)).catch(() => Buffer.alloc(0));
    if (!bytes.includes("\n")) await rm(journalPath(folder), { force: true });
  } finally {
    await lock.release();
  }
}

/**
 * Goes on with a record: locks it, reads all of it, and cuts off a last line that was never finished.
 *
 * @throws UsageError when there is no run or nothing in it, JournalLocked when somebody may be writing it,
 *   JournalDamaged when a line cannot be trusted
 */
export async function openRun(folder: string, clock: Clock, onStored: OnStored = ignore): Promise<OpenedRun> {
  const path = journalPath(folder);
  await requireJournal(folder);
  const lock = await RunLock.take(folder, clock).catch((error: unknown) => {
    throw error instanceof CollmError ? error : cannotWrite(RunLock.path(folder), error);
  });
  let file: FileHandle | null = null;
  try {
    file = await openRegular(path, "update").catch((error: unknown) => {
      throw unusable(`cannot open ${path}`, error);
    });
    const bytes = await file.readFile().catch((error: unknown) => {
      throw unusable(`cannot read ${path}`, error);
    });
    const { events, tornBytes } = readRecord(bytes, folder);
    const repairs =
      lock.deadPid === null ? [] : [`took over the lock of process ${lock.deadPid}, which is gone`];
    const length = bytes.length - tornBytes;
    if (tornBytes > 0) {
      await file.truncate(length);
      await file.sync();
      repairs.push(`cut an unfinished last line of ${tornBytes} bytes (event ${events.length + 1})`);
    }
    const journal = new JournalFile({
      folder,
      clock,
      onStored,
      file,
      lock,
      length,
      events: events.length,
      isNew: false,
    });
    return { journal, events, repairs };
  } catch (error) {
    await file?.close();
    await lock.release();
    throw error instanceof CollmError ? error : cannotWrite(path, error);
  }
}

/**
 * Reads a record without touching it; somebody may be writing it meanwhile.
 *
 * @throws UsageError when there is no run or nothing in it, JournalDamaged when a line or a chain digest cannot be trusted
 */
export async function readRun(folder: string): Promise<RunRecord> {
  const { bytes, stamp } = await bytesOf(folder);
  const path = resolve(journalPath(folder));
  const isKnown = sound.get(path) === stamp;
  const { damage, ...record } = readLines(bytes, folder, isKnown ? null : new HashChain());
  const read = trusted(record, damage, folder);
  sound.set(path, stamp);
  return read;
}

/** Records whose chain digests held, with what tells that state of the file from another: they are looked at once. */
const sound = new Map<string, string>();

/**
 * The same, whatever its chain digests say: for who decides every step again, and can name the very event that differs.
 *
 * @throws UsageError when there is no run or nothing in it, JournalDamaged when a line cannot be read
 */
export async function readRunUnchecked(folder: string): Promise<RunRecord> {
  const { damage, ...record } = readLines((await bytesOf(folder)).bytes, folder, null);
  return trusted(record, damage, folder);
}

/** A record as far as it can be trusted. */
export interface TrustedPart extends RunRecord {
  /** Why it cannot be trusted any further; null: all of it can. */
  readonly damage: JournalDamaged | null;
}

/**
 * Reads a record up to where it can be trusted: all of it, or what the last chain digest before its damage covers.
 *
 * @throws UsageError when there is no run or nothing in it, JournalDamaged when nothing of it can be trusted
 */
export async function readTrustedPart(folder: string): Promise<TrustedPart> {
  const chain = new HashChain();
  const { events, tornBytes, damage } = readLines((await bytesOf(folder)).bytes, folder, chain);
  if (damage === null) return { ...trusted({ events, tornBytes }, damage, folder), damage };
  const chained = events.slice(0, chain.checkedSeq);
  if (chained.length === 0) throw damage;
  return { events: chained, tornBytes: 0, damage };
}

// ----- Writing -----

interface Pending {
  readonly lines: readonly string[];
  readonly events: readonly RunEvent[];
  readonly resolve: (events: readonly RunEvent[]) => void;
  readonly reject: (error: Error) => void;
}

interface JournalParts {
  readonly folder: string;
  readonly clock: Clock;
  readonly onStored: OnStored;
  readonly file: FileHandle;
  readonly lock: RunLock;
  /** The bytes of the complete lines, and how many lines these are. */
  readonly length: number;
  readonly events: number;
  /** Whether the folder was made for this run. */
  readonly isNew: boolean;
}

class JournalFile implements RunJournal {
  readonly folder: string;
  readonly #parts: JournalParts;
  /** Where the next line begins: everything before is stored for good. */
  #length: number;
  #seq: number;
  #queue: Pending[] = [];
  #draining: Promise<void> | null = null;
  #failure: Error | null = null;
  #closed: Promise<void> | null = null;

  constructor(parts: JournalParts) {
    this.folder = parts.folder;
    this.#parts = parts;
    this.#length = parts.length;
    this.#seq = parts.events;
  }

  /**
   * Calls that overlap share one write and one sync.
   *
   * Rejects with Interrupted when the disk takes no more; then every later call does. A body that could not be read
   * back is a bug: it rejects alone, and nothing of its call is stored.
   */
  append(bodies: readonly EventBody[]): Promise<readonly RunEvent[]> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      if (this.#closed !== null) throw new Error(`${journalPath(this.folder)} was closed before this append`);
      this.#queue.push({ ...this.#stamp(bodies), resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #stamp(bodies: readonly EventBody[]): Pick<Pending, "lines" | "events"> {
    const at = this.#parts.clock.now();
    const lines = bodies.map((body, index) =>
      JSON.stringify({ v: formatVersion, seq: this.#seq + index + 1, at, ...body }),
    );
    // What comes back is read from the very text that is stored, so that a later reader sees the same.
    const events = lines.map((line, index) => {
      const read = readEvent(JSON.parse(line));
      if (!read.ok) throw new TypeError(`a ${bodies[index]?.type} event cannot be stored: ${read.reason}`);
      return read.event;
    });
    this.#seq += bodies.length;
    return { lines, events };
  }

  async #drain(): Promise<void> {
    // Calls made in the same turn of the event loop go into one batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0);
      const lines = batch.flatMap((call) => call.lines);
      const failure = await this.#store(Buffer.from(lines.map((line) => `${line}\n`).join("")));
      if (failure === null) {
        this.#parts.onStored(lines);
        for (const { resolve: done, events } of batch) done(events);
      } else {
        this.#failure = failure;
        for (const { reject } of [...batch, ...this.#queue.splice(0)]) reject(failure);
      }
    }
    this.#draining = null;
  }

  /** @returns null once the bytes are on disk, or why they are not. */
  async #store(bytes: Buffer): Promise<Error | null> {
    const { file } = this.#parts;
    if (bytes.length === 0) return null;
    try {
      const { size } = await file.stat();
      if (size !== this.#length) {
        return new JournalDamaged(
          `${journalPath(this.folder)} has ${size} bytes instead of ${this.#length}: something else changed it during the run; stop that, restore the file from a copy, then resume`,
        );
      }
      for (let written = 0; written < bytes.length; ) {
        const position = this.#length + written;
        written += (await file.write(bytes, written, bytes.length - written, position)).bytesWritten;
      }
      await file.datasync();
      this.#length += bytes.length;
      return null;
    } catch (error) {
      // What fails here is left over for openRun to cut: the lock keeps every other writer out.
      await file.truncate(this.#length).catch(ignore);
      await file.sync().catch(ignore);
      return cannotWrite(journalPath(this.folder), error, this.#length === 0 ? "start again" : "resume");
    }
  }

  async #close(): Promise<void> {
    await this.#draining;
    const { file, lock, isNew } = this.#parts;
    try {
      if (this.#length === 0) await discard(this.folder, file);
      else await file.close();
    } finally {
      await lock.release();
      if (this.#length === 0 && isNew) await rmdir(this.folder).catch(ignore);
    }
  }
}

/** Closes and removes a journal in which nothing was recorded. */
async function discard(folder: string, file: FileHandle): Promise<void> {
  await file.close();
  await rm(journalPath(folder), { force: true });
}

// ----- Reading -----

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

async function bytesOf(folder: string): Promise<{ readonly bytes: Buffer; readonly stamp: string }> {
  await requireJournal(folder);
  let file: FileHandle | null = null;
  try {
    file = await openRegular(journalPath(folder));
    // Of the time before: what is written meanwhile shows in another stamp.
    const stamp = stampOf(await file.stat());
    return { bytes: await file.readFile(), stamp };
  } catch (error) {
    throw unusable(`cannot read ${journalPath(folder)}`, error);
  } finally {
    await file?.close();
  }
}

/** What tells one state of a file from another without reading it. */
export function stampOf({ size, mtimeMs, ctimeMs, ino }: Stats): string {
  return [size, mtimeMs, ctimeMs, ino].join(" ");
}

function readRecord(bytes: Buffer, folder: string): RunRecord {
  const { damage, ...record } = readLines(bytes, folder, new HashChain());
  return trusted(record, damage, folder);
}

/** @throws JournalDamaged for a damage, UsageError for a record of nothing */
function trusted(record: RunRecord, damage: JournalDamaged | null, folder: string): RunRecord {
  if (damage !== null) throw damage;
  if (record.events.length > 0) return record;
  throw new UsageError(
    `${folder}: nothing was recorded; start again with another --out, or remove this folder first`,
  );
}

/** The events up to the first line that cannot be read or whose chain digest does not hold. @param chain digest null: none is looked at */
function readLines(
  bytes: Buffer,
  folder: string,
  chain: HashChain | null,
): RunRecord & { readonly damage: JournalDamaged | null } {
  const events: RunEvent[] = [];
  let start = 0;
  for (let end = bytes.indexOf("\n"); end !== -1; end = bytes.indexOf("\n", start)) {
    const line = readLine(bytes.subarray(start, end), events.length + 1);
    const reason = line.ok ? (chain?.check(line.event) ?? null) : line.reason;
    if (!line.ok || reason !== null) {
      const damage = new JournalDamaged(damageWords(folder, events.length + 1, reason ?? ""));
      return { events, tornBytes: 0, damage };
    }
    events.push(line.event);
    start = end + 1;
  }
  return { events, tornBytes: bytes.length - start, damage: null };
}

/** What is said of a line that cannot be trusted. */
export function damageWords(folder: string, line: number, reason: string): string {
  return `${journalPath(folder)}, line ${line}: ${reason}; restore the file from a copy`;
}

/** A stored line, without its line break, and the event it holds. */
export interface StoredLine {
  readonly text: string;
  readonly event: RunEvent;
}

/**
 * Reads one whole line of a record.
 *
 * @param bytes without the line break
 * @param seq which event belongs there, counted from 1
 * @returns the line, or a sentence that says why it cannot be trusted
 */
export function readLine(
  bytes: Uint8Array,
  seq: number,
): ({ readonly ok: true } & StoredLine) | { readonly ok: false; readonly reason: string } {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    if (text.trim() === "") return { ok: false, reason: "blank" };
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, reason: error instanceof SyntaxError ? `not JSON (${error.message})` : "not UTF-8" };
  }
  const read = readEvent(value);
  if (!read.ok) return read;
  const { event } = read;
  if (event.seq !== seq) return { ok: false, reason: `event ${event.seq} stands where event ${seq} belongs` };
  if ((event.type === "run-started") !== (seq === 1)) {
    const reason =
      seq === 1
        ? `the first event is ${event.type} instead of run-started`
        : "run-started stands behind the first line";
    return { ok: false, reason };
  }
  return { ok: true, text, event };
}

// ----- The folder -----

/** Makes the folder, or takes an empty one. @returns whether it was made. */
async function claimFolder(folder: string, isShared: boolean): Promise<boolean> {
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

function alreadyThere(folder: string, entries: readonly string[]): UsageError {
  return entries.includes("journal.jsonl")
    ? new UsageError(`${folder} already holds a run: resume it, or choose another --out`)
    : new UsageError(`${folder} is not empty (it holds ${entries[0]}): choose another --out`);
}

/** @throws UsageError when there is no run in the folder; what it holds is not read. */
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

/** Makes the entries of a folder last; file systems that cannot do so say EINVAL or ENOTSUP. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP"].includes(codeOf(error))) throw error;
  } finally {
    await handle.close();
  }
}

/** For what is done on the way out of a failure, which is reported anyhow. */
function ignore(): void {}
