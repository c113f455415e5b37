/**
 * A run's record as it grows, for whoever looks on.
 *
 * Owns when there is something new to read, what of it is whole, and when what was read no longer holds. It looks at the
 * file ten times a second, since network file systems send no notices, and never writes. Knows nothing of what the events
 * add up to. Whatever becomes of the file is told; nothing is thrown.
 *
 * Chain digests are held against what stands before them: of a record whose next chain digest does not hold, nothing after the last one
 * that does is told, unless it was told before that chain digest was there, or is more than is kept in memory. A record that is
 * changed in place is noticed by its length and by the first and the last bytes that were read of it; a byte changed between
 * them is not while it is followed, but whoever reads it next sees its chain digests.
 */
import type { BigIntStats } from "node:fs";
import { type FileHandle, stat } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { HashChain } from "../search/hash-chain.ts";
import { LineSplitter } from "./lines.ts";
import { journalPath } from "./run-folder.ts";
import { readLine, type StoredLine } from "./run-record.ts";
import { NotRegular, openRegular } from "../system/regular-file.ts";
import { codeOf } from "../system/system-error.ts";

export type TailNotice =
  /** Complete lines that were not told of before, in order. */
  | { readonly kind: "lines"; readonly lines: readonly StoredLine[] }
  /** Everything that stood there when following began, or began anew, has been told, and nothing of it is damaged. */
  | { readonly kind: "caught-up" }
  /** The file has become shorter, or is another one: everything is told anew, from its first line. */
  | { readonly kind: "anew" }
  /** The file is not there (any more) or cannot be read, and why; it is looked for further. */
  | { readonly kind: "gone"; readonly reason: string }
  /** A line cannot be trusted; nothing behind it is told. `line` counts from 1. */
  | { readonly kind: "damaged"; readonly line: number; readonly reason: string };

const pollMs = 100;
const pieceBytes = 64 * 1024;
/** No event is nearly as long: a file without line breaks must not fill the memory. */
const longestLineBytes = 64 * 1024 * 1024;
const witnessBytes = 256;
/** So many lines are told in one go. */
const mostAtOnce = 100;
/** So much is kept back until its chain digest has been seen; of a longer round the lines are told before. */
const mostKeptBytes = 8 * 1024 * 1024;

/**
 * Follows the record of a run from its first line until the signal is raised; then it ends without an error.
 *
 * @param from the sequence number behind which to tell lines; what stands before is read and checked all the same
 */
export async function* followRun(folder: string, signal: AbortSignal, from = 0): AsyncGenerator<TailNotice> {
  const path = journalPath(folder);
  let place = start;
  let chain = new HashChain();
  let seen: BigIntStats | null = null;
  /** Whether a file was told of that a later one could differ from. */
  let isTold = false;
  let isGone = false;
  let isCaughtUp = false;
  for (; !signal.aborted; await pause(signal)) {
    let file: FileHandle | null = null;
    try {
      const found = await stat(path, { bigint: true });
      if (seen !== null && isSame(seen, found)) continue;
      file = await openRegular(path);
      const now = await file.stat({ bigint: true });
      if (isGone || (seen !== null && !(await isContinued(file, seen, now, place)))) {
        if (isTold) yield { kind: "anew" };
        [place, isTold, isCaughtUp] = [start, false, false];
        chain = new HashChain();
      }
      seen = now;
      if (place.damaged !== null) continue;
      for await (const step of readOn(file, place, Number(now.size), chain, signal)) {
        place = step.place;
        isGone = false;
        const lines = step.lines.filter(({ event }) => event.seq > from);
        if (step.lines.length > 0) isTold = true;
        if (lines.length > 0) yield { kind: "lines", lines };
        if (step.damage !== null) {
          isTold = true;
          yield { kind: "damaged", line: place.lines + 1, reason: step.damage };
        }
        if (signal.aborted) return;
      }
      isGone = false;
      if (!isCaughtUp && place.damaged === null) {
        [isTold, isCaughtUp] = [true, true];
        yield { kind: "caught-up" };
      }
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

/** How far a record has been read. */
interface Place {
  /** The length of the complete lines so far, and how many they are. */
  readonly bytes: number;
  readonly lines: number;
  /** The first bytes of the file, and the last ones of the complete lines. */
  readonly head: Buffer;
  readonly tail: Buffer;
  /** The line that cannot be trusted, as it stands there; null: there is none. */
  readonly damaged: Buffer | null;
  /** Whether it is a chain digest that does not hold: then any line before it may be the one to be mended. */
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
  /** Why the line behind these cannot be trusted. */
  readonly damage: string | null;
}

/**
 * The complete lines from `place` on, up to where the file ended when it was looked at: each time a chain digest holds, all that it
 * covers, and at the end what nothing chain digests yet.
 */
async function* readOn(
  file: FileHandle,
  from: Place,
  end: number,
  chain: HashChain,
  signal: AbortSignal,
): AsyncGenerator<Step, void> {
  let place = from;
  const splitter = new LineSplitter();
  /** What may be told, which is what the last chain digest that holds covers, and then what stands behind it. */
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
      place = behind(place, bytes);
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

function behind(place: Place, line: Buffer): Place {
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
): Promise<boolean> {
  if (before.ino !== now.ino || before.dev !== now.dev) return false;
  // Written again from a copy, perhaps; a file that only grows is none the better for it.
  if (isChainBroken && now.size <= before.size) return false;
  for (const [position, witness] of [
    [0, head],
    [bytes - tail.length, tail],
    [bytes, damaged ?? nothing],
  ] as const) {
    if (!(await readAt(file, position, witness.length)).equals(witness)) return false;
  }
  return true;
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
