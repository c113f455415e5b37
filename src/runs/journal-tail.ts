/**
 * Follows the journal of a run as it grows. Looks at the file ten times a second, since network file systems send no
 * notices. Never writes, and throws nothing for what happens to the file: that is a notice.
 *
 * Lines that a chain digest covers are given after it was checked: of a journal whose next chain digest does not match, no line
 * after the last one that does is given. Two exceptions: lines given before their chain digest was there, and a round that is
 * longer than what is kept in memory. A change of what was read restarts: shorter, other first or last bytes, or another digest
 * of all bytes. The last of these is compared whenever the file changes and does not grow. A byte changed in the same tenth of a
 * second in which the file also grows is therefore not noticed until the journal is read again.
 */
import { createHash, type Hash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, stat } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { HashChain } from "../search/hash-chain.ts";
import { LineSplitter } from "./lines.ts";
import { journalPath } from "./run-folder.ts";
import { readLine } from "./run-record.ts";
import type { JournalNotice, StoredLine } from "./shown-runs.ts";
import { NotRegular, openRegular } from "../system/regular-file.ts";
import { codeOf } from "../system/system-error.ts";

const pollMs = 100;
const pieceBytes = 64 * 1024;
/** No event is nearly as long: a file without line breaks must not fill the memory. */
const longestLineBytes = 64 * 1024 * 1024;
const witnessBytes = 256;
/** The most lines in one notice. */
const mostAtOnce = 100;
/** So much is kept back until its chain digest is checked; the lines of a longer round are given before. */
const mostKeptBytes = 8 * 1024 * 1024;

/**
 * Follows the journal of a run from its first line until the signal is raised; then it ends without an error.
 *
 * @param after no line up to this number is given, but all are checked. A journal that has fewer lines is another one, and
 *   restarts
 */
export async function* followRun(
  folder: string,
  signal: AbortSignal,
  after = 0,
): AsyncGenerator<JournalNotice> {
  const path = journalPath(folder);
  let place = start;
  let read: Read = { chain: new HashChain(), hash: createHash("sha256") };
  let seen: BigIntStats | null = null;
  let given = after;
  /** Whether a notice was given of a file that a later one could differ from. */
  let hasGiven = false;
  let isGone = false;
  let isCaughtUp = false;
  const restart = () => {
    [place, hasGiven, isCaughtUp] = [start, false, false];
    read = { chain: new HashChain(), hash: createHash("sha256") };
  };
  for (; !signal.aborted; await pause(signal)) {
    let file: FileHandle | null = null;
    try {
      const found = await stat(path, { bigint: true });
      if (seen !== null && isSame(seen, found)) continue;
      file = await openRegular(path);
      const now = await file.stat({ bigint: true });
      if (isGone || (seen !== null && !(await isContinued(file, seen, now, place, read.hash)))) {
        if (hasGiven) {
          given = 0;
          yield { kind: "restarted" };
        }
        restart();
      }
      seen = now;
      if (place.damaged !== null) continue;
      for await (const step of readOn(file, place, Number(now.size), read, signal)) {
        place = step.place;
        isGone = false;
        const lines = step.lines.filter(({ event }) => event.seq > given);
        if (step.lines.length > 0) hasGiven = true;
        if (lines.length > 0) yield { kind: "lines", lines };
        if (step.damage !== null) {
          hasGiven = true;
          yield { kind: "damaged", line: place.lines + 1, reason: step.damage };
        }
        if (signal.aborted) return;
      }
      isGone = false;
      if (isCaughtUp || place.damaged !== null) continue;
      if (place.lines < given) {
        given = 0;
        yield { kind: "restarted" };
        restart();
        seen = null;
        continue;
      }
      [hasGiven, isCaughtUp] = [true, true];
      yield { kind: "caught-up" };
    } catch (error) {
      if (codeOf(error) === "") throw error;
      seen = null;
      if (!isGone && !signal.aborted) {
        isGone = true;
        yield { kind: "gone", reason: whyGone(path, error) };
      }
    } finally {
      await file?.close().catch(() => {});
    }
  }
}

// --- internal ---

/** What was read, for checking it again. Every complete line goes into both. */
interface Read {
  readonly chain: HashChain;
  readonly hash: Hash;
}

/** How far a journal has been read. */
interface Place {
  /** The length of the complete lines so far, and how many they are. */
  readonly bytes: number;
  readonly lines: number;
  /** The first bytes of the file, and the last ones of the complete lines. */
  readonly head: Buffer;
  readonly tail: Buffer;
  /** The line that cannot be trusted; null: there is none. */
  readonly damaged: Buffer | null;
  /** Whether it is a chain digest that does not match: then any line before it may be the one to repair. */
  readonly isChainBroken: boolean;
}

const nothing = Buffer.alloc(0);
const start: Place = {
  bytes: 0,
  lines: 0,
  head: nothing,
  tail: nothing,
  damaged: null,
  isChainBroken: false,
};

interface Step {
  readonly place: Place;
  readonly lines: readonly StoredLine[];
  /** Why the line after these cannot be trusted. */
  readonly damage: string | null;
}

/**
 * The complete lines from `place` on, up to where the file ended: all that a chain digest covers when it matches, and at the
 * end the lines that no chain digest covers yet.
 */
async function* readOn(
  file: FileHandle,
  from: Place,
  end: number,
  { chain, hash }: Read,
  signal: AbortSignal,
): AsyncGenerator<Step, void> {
  let place = from;
  const splitter = new LineSplitter();
  /** Lines that may be given, since a chain digest that matches covers them; then the lines after it. */
  let chained: StoredLine[] = [];
  let unchained: StoredLine[] = [];
  let keptBytes = 0;
  for (let position = place.bytes; position < end && !signal.aborted; ) {
    const piece = await readAt(file, position, Math.min(pieceBytes, end - position));
    if (piece.length === 0) break;
    position += piece.length;
    for (const bytes of splitter.take(piece)) {
      const line = readLine(bytes, place.lines + 1);
      const broken = line.ok ? chain.check(line.event) : null;
      if (!line.ok || broken !== null) {
        const lines = line.ok ? chained : [...chained, ...unchained];
        const damage = line.ok ? broken : line.reason;
        yield { place: { ...place, damaged: Buffer.from(bytes), isChainBroken: line.ok }, lines, damage };
        return;
      }
      unchained.push(line);
      keptBytes += bytes.length;
      if (chain.checkedSeq === line.event.seq || keptBytes > mostKeptBytes)
        [chained, unchained, keptBytes] = [[...chained, ...unchained], [], 0];
      hash.update(bytes).update("\n");
      place = placeAfter(place, bytes);
    }
    if (splitter.unfinishedBytes > longestLineBytes) {
      const damage = `longer than ${longestLineBytes} bytes`;
      yield {
        place: { ...place, damaged: Buffer.from(splitter.unfinished().subarray(0, witnessBytes)) },
        lines: [...chained, ...unchained],
        damage,
      };
      return;
    }
    for (const lines of portions(chained)) yield { place, lines, damage: null };
    chained = [];
  }
  for (const lines of portions(unchained)) yield { place, lines, damage: null };
}

/** The same lines a few at a time, so that their reader can do other work between them. */
function* portions(lines: readonly StoredLine[]): Generator<readonly StoredLine[]> {
  for (let from = 0; from < lines.length; from += mostAtOnce) yield lines.slice(from, from + mostAtOnce);
}

function placeAfter(place: Place, line: Buffer): Place {
  const whole = Buffer.concat([line, Buffer.from("\n")]);
  return {
    bytes: place.bytes + whole.length,
    lines: place.lines + 1,
    head: place.lines === 0 ? Buffer.from(whole.subarray(0, witnessBytes)) : place.head,
    tail: Buffer.from(whole.subarray(-witnessBytes)),
    damaged: null,
    isChainBroken: false,
  };
}

/** Whether a file that changed still begins with what was read of it. */
async function isContinued(
  file: FileHandle,
  before: BigIntStats,
  now: BigIntStats,
  { bytes, head, tail, damaged, isChainBroken }: Place,
  hash: Hash,
): Promise<boolean> {
  if (before.ino !== now.ino || before.dev !== now.dev) return false;
  const isGrown = now.size > before.size;
  // Written again from a copy, perhaps. A file that only grows is not repaired.
  if (isChainBroken && !isGrown) return false;
  for (const [position, witness] of [
    [0, head],
    [bytes - tail.length, tail],
    [bytes, damaged ?? nothing],
  ] as const) {
    if (!(await readAt(file, position, witness.length)).equals(witness)) return false;
  }
  return isGrown || (await hashOf(file, bytes)) === hash.copy().digest("hex");
}

/** Of the first bytes of a file. */
async function hashOf(file: FileHandle, length: number): Promise<string> {
  const hash = createHash("sha256");
  for (let position = 0; position < length; position += pieceBytes)
    hash.update(await readAt(file, position, Math.min(pieceBytes, length - position)));
  return hash.digest("hex");
}

function isSame(before: BigIntStats, now: BigIntStats): boolean {
  return (
    before.ino === now.ino &&
    before.dev === now.dev &&
    before.size === now.size &&
    before.mtimeNs === now.mtimeNs &&
    before.ctimeNs === now.ctimeNs
  );
}

/** So many bytes, or fewer where the file ends before. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

async function pause(signal: AbortSignal): Promise<void> {
  await wait(pollMs, undefined, { signal }).catch(() => {});
}

function whyGone(path: string, error: unknown): string {
  const code = codeOf(error);
  if (error instanceof NotRegular) return `${path} cannot be read (${error.message})`;
  return code === "ENOENT" || code === "ENOTDIR"
    ? `${path} is not there`
    : `${path} cannot be read (${code})`;
}
