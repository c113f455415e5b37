/**
 * A run as a folder: `journal.jsonl` with one event a line, and `lock`, which keeps it to one writer.
 *
 * Owns the bytes on disk: when they count as stored, how a record cut short is mended, what makes one untrustworthy,
 * and who may write. Knows nothing of what the events add up to, nor of the search that wrote them.
 *
 * A line counts once it ends in a line break; an append has happened once its lines are synced. The lock names a
 * process by host, pid and, where /proc tells, the moment it began. It cannot see into another host, nor into a
 * container that shares this host's name but not its process numbers.
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
} from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { CollmError, Interrupted, JournalDamaged, JournalLocked, UsageError } from "../errors.ts";
import { type EventBody, formatVersion, type RunEvent, readEvent } from "../search/events.ts";
import type { Clock, Journal } from "../search/ports.ts";

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

/** The file that holds the events of a run. */
export function journalPath(folder: string): string {
  return join(folder, "journal.jsonl");
}

/**
 * Begins a record in a folder that is new or empty.
 *
 * @throws UsageError when anything is there already: no run is ever overwritten
 */
export async function createRun(folder: string, clock: Clock): Promise<RunJournal> {
  const isNew = await claimFolder(folder);
  let lock: RunLock | null = null;
  let file: FileHandle | null = null;
  try {
    lock = await RunLock.take(folder, clock);
    file = await open(journalPath(folder), "wx");
    await syncFolder(folder);
    await syncFolder(dirname(resolve(folder)));
    return new JournalFile({ folder, clock, file, lock, length: 0, events: 0, isNew });
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
 * Goes on with a record: locks it, reads all of it, and cuts off a last line that was never finished.
 *
 * @throws UsageError when there is no run or nothing in it, JournalLocked when somebody may be writing it,
 *   JournalDamaged when a line cannot be trusted
 */
export async function openRun(folder: string, clock: Clock): Promise<OpenedRun> {
  const path = journalPath(folder);
  await requireJournal(folder);
  const lock = await RunLock.take(folder, clock).catch((error: unknown) => {
    throw error instanceof CollmError ? error : cannotWrite(RunLock.path(folder), error);
  });
  let file: FileHandle | null = null;
  try {
    file = await open(path, "r+").catch((error: unknown) => {
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
 * @throws UsageError when there is no run or nothing in it, JournalDamaged when a line cannot be trusted
 */
export async function readRun(folder: string): Promise<RunRecord> {
  await requireJournal(folder);
  const bytes = await readFile(journalPath(folder)).catch((error: unknown) => {
    throw unusable(`cannot read ${journalPath(folder)}`, error);
  });
  return readRecord(bytes, folder);
}

// ----- Writing -----

interface Pending {
  readonly lines: string;
  readonly events: readonly RunEvent[];
  readonly resolve: (events: readonly RunEvent[]) => void;
  readonly reject: (error: Error) => void;
}

interface JournalParts {
  readonly folder: string;
  readonly clock: Clock;
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
    return { lines: lines.map((line) => `${line}\n`).join(""), events };
  }

  async #drain(): Promise<void> {
    // Calls made in the same turn of the event loop go into one batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0);
      const failure = await this.#store(Buffer.from(batch.map(({ lines }) => lines).join("")));
      if (failure === null) {
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

function readRecord(bytes: Buffer, folder: string): RunRecord {
  const events: RunEvent[] = [];
  let start = 0;
  for (let end = bytes.indexOf("\n"); end !== -1; end = bytes.indexOf("\n", start)) {
    const line = readLine(bytes.subarray(start, end), events.length + 1);
    if (!line.ok) {
      throw new JournalDamaged(
        `${journalPath(folder)}, line ${events.length + 1}: ${line.reason}; restore the file from a copy`,
      );
    }
    events.push(line.event);
    start = end + 1;
  }
  if (events.length === 0) {
    throw new UsageError(
      `${folder}: nothing was recorded; start again with another --out, or remove this folder first`,
    );
  }
  return { events, tornBytes: bytes.length - start };
}

function readLine(bytes: Buffer, seq: number): ReturnType<typeof readEvent> {
  let value: unknown;
  try {
    const text = utf8.decode(bytes);
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
  return read;
}

// ----- The folder -----

/** Makes the folder, or takes an empty one. @returns whether it was made. */
async function claimFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(dirname(resolve(folder)), { recursive: true });
    await mkdir(folder);
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw unusable(`cannot create the folder ${folder}`, error);
  }
  const entries = await readdir(folder).catch((error: unknown) => {
    throw unusable(`cannot use ${folder} as a run folder`, error);
  });
  if (entries.length > 0) throw alreadyThere(folder, entries);
  return false;
}

function alreadyThere(folder: string, entries: readonly string[]): UsageError {
  return entries.includes("journal.jsonl")
    ? new UsageError(`${folder} already holds a run: resume it, or choose another --out`)
    : new UsageError(`${folder} is not empty (it holds ${entries[0]}): choose another --out`);
}

async function requireJournal(folder: string): Promise<void> {
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
}

/** Makes the entries of a folder last; file systems that cannot do so say EINVAL or ENOTSUP. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP"].includes(codeOf(error))) throw error;
  } finally {
    await handle.close();
  }
}

// ----- The lock -----

const holderSchema = z.object({
  pid: z.int().min(1),
  host: z.string(),
  startedAt: z.string(),
  /** When the process began, by its system's own count; null where that is not known. */
  processStart: z.string().nullable().default(null),
});
type Holder = z.infer<typeof holderSchema>;

class RunLock {
  readonly #path: string;
  readonly #text: string;
  /** The process that left its lock behind, or null. */
  readonly deadPid: number | null;

  private constructor(path: string, text: string, deadPid: number | null) {
    this.#path = path;
    this.#text = text;
    this.deadPid = deadPid;
  }

  static path(folder: string): string {
    return join(folder, "lock");
  }

  /** @throws JournalLocked unless nobody holds the lock, or a process of this host that is gone. */
  static async take(folder: string, clock: Clock): Promise<RunLock> {
    const path = RunLock.path(folder);
    const holder: Holder = {
      pid: process.pid,
      host: hostname(),
      startedAt: clock.now(),
      processStart: await processStart(process.pid),
    };
    const text = `${JSON.stringify(holder)}\n`;
    return new RunLock(path, text, await takeLock(path, text));
  }

  async release(): Promise<void> {
    const text = await readFile(this.#path, "utf8").catch(() => null);
    if (text === this.#text) await rm(this.#path, { force: true });
  }
}

const lockAttempts = 100;

/**
 * Makes `path` a file with this text, whole from its first moment, unless a process that may live holds it.
 *
 * @returns the pid of the dead process it was taken from, or null
 */
async function takeLock(path: string, text: string): Promise<number | null> {
  const draft = `${path}.${process.pid}-${randomUUID()}`;
  try {
    await writeDurably(draft, text);
    for (let attempt = 0; attempt < lockAttempts; attempt++) {
      if (await placeExclusively(draft, path)) return null;
      const held = await readFile(path, "utf8").catch(unlessGone);
      if (held === null) continue;
      const holder = await requireDead(path, held);
      if (await replaceLock(path, held, draft, text)) return holder.pid;
    }
    throw new JournalLocked(`${path} keeps changing hands: other processes are starting on this run`);
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Puts the draft in the place of a dead process's lock, unless somebody else already has.
 *
 * Whoever replaces a lock holds a lock on doing so, taken by the same rules: a second one finds either that, or the
 * new lock.
 */
async function replaceLock(path: string, dead: string, draft: string, text: string): Promise<boolean> {
  const takeover = `${path}.takeover`;
  await takeLock(takeover, text);
  try {
    if ((await readFile(path, "utf8").catch(unlessGone)) !== dead) return false;
    await rename(draft, path);
    return true;
  } finally {
    await rm(takeover, { force: true });
  }
}

/** The holder, which must be gone. A lock that cannot be read is never one of a crash: drafts are synced first. */
async function requireDead(path: string, text: string): Promise<Holder> {
  const holder = readHolder(text);
  const remove = `remove ${path}, then resume`;
  if (holder === null) {
    throw new JournalLocked(`${path} cannot be read as a lock; if nothing is writing this run, ${remove}`);
  }
  const { pid, host, startedAt } = holder;
  if (host !== hostname()) {
    throw new JournalLocked(
      `${path} is held by process ${pid} on host ${host} since ${startedAt}; if that process is known to be gone, ${remove}`,
    );
  }
  if (await isAlive(holder)) {
    throw new JournalLocked(
      `${path} is held by process ${pid} on this host since ${startedAt}: wait for it or stop it${
        holder.processStart === null ? ` (if process ${pid} is no run, ${remove})` : ""
      }`,
    );
  }
  return holder;
}

function readHolder(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Gives a file a second name unless that name is taken; a copy where the file system knows no second names. */
async function placeExclusively(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to).catch(async (error: unknown) => {
      if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error))) throw error;
      await copyFile(from, to, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Whether the process that wrote a lock on this host still runs; a number in use again is another process. */
async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  const start = await processStart(holder.pid);
  return start !== ended && (start === null || holder.processStart === null || start === holder.processStart);
}

const ended = "ended";

/** The boot and the tick at which a process began; `ended` for one that only waits to be reaped; null: unknown. */
async function processStart(pid: number): Promise<string | null> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const status = await readFile(`/proc/${pid}/stat`, "utf8");
    // proc(5): the name in parentheses may hold anything; the state follows it, the start is 19 fields further on.
    const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? ended : `${boot.trim()}/${fields[19]}`;
  } catch {
    return null;
  }
}

// ----- What the system says -----

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota used up",
  EFBIG: "file size limit reached",
  EIO: "input/output error",
  EISDIR: "it is a folder",
  ENOSPC: "disk full",
  ENOTDIR: "a file stands where a folder belongs",
  EEXIST: "a file stands where a folder belongs",
  EPERM: "not permitted",
  EROFS: "read-only file system",
};

const remedies: Readonly<Record<string, string>> = {
  EDQUOT: "free space",
  EFBIG: "raise the limit",
  ENOSPC: "free space",
};

function reasonOf(error: unknown): string {
  return reasons[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
}

/** The disk takes no more: what was acknowledged is stored, and the run can go on from there. */
function cannotWrite(path: string, error: unknown, next = "resume"): Interrupted {
  const remedy = remedies[codeOf(error)] ?? "mend that";
  return new Interrupted(`cannot write ${path}: ${reasonOf(error)}; ${remedy}, then ${next}`, {
    cause: error,
  });
}

function unusable(what: string, error: unknown): UsageError {
  return new UsageError(`${what}: ${reasonOf(error)}; mend that or name another folder`, { cause: error });
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" ? code : "";
}

function unlessGone(error: unknown): null {
  if (codeOf(error) === "ENOENT") return null;
  throw error;
}

/** For what is done on the way out of a failure, which is reported anyhow. */
function ignore(): void {}
