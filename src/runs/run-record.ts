/**
 * What a journal holds: its events, read and checked. Touches nothing; another process may be writing meanwhile.
 *
 * A line counts when it ends in a line break. A journal can be trusted as far as its lines can be read, their numbers have no
 * gap, and its chain digests match. What the events add up to is search/state.ts.
 */
import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { resolve } from "node:path";
import { JournalDamaged, UsageError } from "../errors.ts";
import { type RunEvent, readEvent } from "../search/events.ts";
import { HashChain } from "../search/hash-chain.ts";
import { openRegular } from "../system/regular-file.ts";
import { unusable } from "../system/system-error.ts";
import { LineSplitter, readJsonLine } from "./lines.ts";
import { journalPath, requireJournal } from "./run-folder.ts";
import type { StoredLine } from "./shown-runs.ts";

export interface RunRecord {
  readonly events: readonly RunEvent[];
  /** The length of an unfinished last line, which is no event: being written right now, or cut short. 0: none. */
  readonly tornBytes: number;
}

/** A record as far as it can be trusted. */
export interface TrustedPart extends RunRecord {
  /** Why it cannot be trusted any further; null: all of it can. */
  readonly damage: JournalDamaged | null;
}

/**
 * Reads and checks a journal.
 *
 * @throws UsageError when there is no run or nothing in it, JournalDamaged when a line or a chain digest cannot be trusted
 */
export async function readRun(folder: string): Promise<RunRecord> {
  const { bytes, stamp } = await bytesOf(folder);
  const path = resolve(journalPath(folder));
  const isChecked = checked.get(path) === stamp;
  const record = trusted(readLines(bytes, folder, isChecked ? null : new HashChain()), folder);
  checked.set(path, stamp);
  return record;
}

/** Journals whose chain digests matched, each with the stamp of its file: the same state is not checked twice. */
const checked = new Map<string, string>();

/**
 * The same without its chain digests. Replay uses it: it decides every step again, so it names the very event that differs.
 *
 * @throws UsageError when there is no run or nothing in it, JournalDamaged when a line cannot be read
 */
export async function readRunUnchecked(folder: string): Promise<RunRecord> {
  return trusted(readLines((await bytesOf(folder)).bytes, folder, null), folder);
}

/**
 * Reads a journal up to where it can be trusted: all of it, or what the last chain digest before the damage covers.
 *
 * @throws UsageError when there is no run or nothing in it, JournalDamaged when nothing of it can be trusted
 */
export async function readTrustedPart(folder: string): Promise<TrustedPart> {
  const chain = new HashChain();
  const part = readLines((await bytesOf(folder)).bytes, folder, chain);
  const { damage } = part;
  if (damage === null) return { ...trusted(part, folder), damage };
  const chained = part.events.slice(0, chain.checkedSeq);
  if (chained.length === 0) throw damage;
  return { events: chained, tornBytes: 0, damage };
}

/** Reads and checks the bytes of a journal. @throws as `readRun` */
export function readRecord(bytes: Buffer, folder: string): RunRecord {
  return trusted(readLines(bytes, folder, new HashChain()), folder);
}

/**
 * Reads one whole line of a journal.
 *
 * @param bytes without the line break
 * @param seq the number of the event that belongs there, counted from 1
 * @returns the line, or why it cannot be trusted
 */
export function readLine(
  bytes: Uint8Array,
  seq: number,
): ({ readonly ok: true } & StoredLine) | { readonly ok: false; readonly reason: string } {
  const line = readJsonLine(bytes);
  if (!line.ok) return line;
  const read = readEvent(line.value);
  if (!read.ok) return read;
  const { event } = read;
  if (event.seq !== seq) return { ok: false, reason: `it holds event ${event.seq} instead of event ${seq}` };
  if ((event.type === "run-started") !== (seq === 1)) {
    const reason =
      seq === 1
        ? `the first event is ${event.type} instead of run-started`
        : "run-started comes after the first line";
    return { ok: false, reason };
  }
  return { ok: true, text: line.text, event };
}

/** What is said of a line that cannot be trusted. */
export function damageWords(folder: string, line: number, reason: string): string {
  return `${journalPath(folder)}, line ${line}: ${reason}; restore the file from a copy`;
}

/** Differs when a file has changed, without reading it. */
export function stampOf({ size, mtimeMs, ctimeMs, ino }: Stats): string {
  return [size, mtimeMs, ctimeMs, ino].join(" ");
}

// --- internal ---

async function bytesOf(folder: string): Promise<{ readonly bytes: Buffer; readonly stamp: string }> {
  await requireJournal(folder);
  let file: FileHandle | null = null;
  try {
    file = await openRegular(journalPath(folder));
    // Taken before reading: what is written meanwhile gives another stamp.
    const stamp = stampOf(await file.stat());
    return { bytes: await file.readFile(), stamp };
  } catch (error) {
    throw unusable(`cannot read ${journalPath(folder)}`, error);
  } finally {
    await file?.close();
  }
}

/** @throws JournalDamaged for a damage, UsageError for a journal without events */
function trusted({ events, tornBytes, damage }: TrustedPart, folder: string): RunRecord {
  if (damage !== null) throw damage;
  if (events.length > 0) return { events, tornBytes };
  throw new UsageError(
    `${folder}: nothing was recorded; start again with another --out, or remove this folder first`,
  );
}

/**
 * The events up to the first line that cannot be read or whose chain digest does not match.
 *
 * @param chain null: chain digests are not checked
 */
function readLines(bytes: Buffer, folder: string, chain: HashChain | null): TrustedPart {
  const events: RunEvent[] = [];
  const lines = new LineSplitter();
  for (const text of lines.take(bytes)) {
    const line = readLine(text, events.length + 1);
    const reason = line.ok ? (chain?.check(line.event) ?? null) : line.reason;
    if (!line.ok || reason !== null) {
      const damage = new JournalDamaged(damageWords(folder, events.length + 1, reason ?? ""));
      return { events, tornBytes: 0, damage };
    }
    events.push(line.event);
  }
  return { events, tornBytes: lines.unfinishedBytes, damage: null };
}
