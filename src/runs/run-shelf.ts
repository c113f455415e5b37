/**
 * A folder of runs, as somebody looks at it: which there are, a row for each, and the record of one as it grows.
 *
 * Owns what counts as a run of the folder, and when its record is read again. What a row holds is handed in, and so is the
 * index that spares reading what was read before. Nothing is looked at while nobody listens, and no run is ever touched.
 *
 * A folder with a record is a run and is not searched further. A bench is found as deep as a run, and its runs below it as
 * deep as a bench makes them. Links are not followed: nothing outside the folder is shown.
 */
import { EventEmitter, once } from "node:events";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import pLimit from "p-limit";
import { CollmError } from "../errors.ts";
import { applyEvent } from "../search/fold.ts";
import type { RunState } from "../search/state.ts";
import { journalPath } from "./run-folder.ts";
import { stampOf } from "./run-record.ts";
import { readRegular } from "../system/regular-file.ts";
import { followRun, type TailNotice } from "./journal-tail.ts";
import type { IndexedRow, RowIndex } from "./row-index.ts";
import { isHeld } from "./run-lock.ts";
import { isSteerable, sendOrder } from "./steering-socket.ts";

/** What a row is made of. */
export interface RowMaking<Row> {
  /**
   * The row of a run that a process works on.
   *
   * @param state as far as the record could be read; null: not even its first line
   * @param trouble what is wrong with its record, with the line; null: nothing
   */
  of(id: string, state: RunState | null, trouble: string | null): Row;
  /** Such a row, for a run that somebody may or may not work on. */
  withHolder(row: Row, isHeld: boolean): Row;
  /** The name of the file that makes a folder a bench. */
  readonly benchRecord: string;
  /** What is told of a bench by that file; null: it is no record of one. */
  ofBench(text: string): Pick<ShelfBench, "title" | "planned" | "failed"> | null;
}

/** A bench in the folder. Its runs are those below its own folder. */
export interface ShelfBench {
  readonly id: string;
  readonly title: string;
  /** How many runs it is to have, and how many of them failed. */
  readonly planned: number;
  readonly failed: number;
  /** What is wrong with its record; null: nothing. */
  readonly trouble: string | null;
}

/** What has changed in the folder. */
export interface ShelfChange<Row> {
  readonly folder: string;
  readonly rows: readonly Row[];
  readonly gone: readonly string[];
  readonly unread: number;
  /** Every bench in the folder; absent: as before. */
  readonly benches?: readonly ShelfBench[];
}

/** What becomes of a record. */
export type ShelfNews =
  | { readonly kind: "lines"; readonly lines: readonly { readonly seq: number; readonly text: string }[] }
  | { readonly kind: "trouble"; readonly trouble: string | null }
  | { readonly kind: "anew"; readonly trouble: string };

/** An order as the steering socket takes it. */
type Order = Parameters<typeof sendOrder>[1];
type Answer = Awaited<ReturnType<typeof sendOrder>>;

export class RunShelf<Row extends { readonly condition: string }> {
  readonly #folder: string;
  readonly #making: RowMaking<Row>;
  readonly #index: RowIndex<Row>;
  readonly #warn: (line: string) => void;
  #isWarned = false;
  readonly #entries = new Map<string, Entry<Row>>();
  /** Runs that are gone, with the version since which they are. */
  readonly #gone = new Map<string, number>();
  readonly #benches = new Map<string, { readonly stamp: string; readonly told: ShelfBench }>();
  /** The version since which the benches are as they are. */
  #benchesSince = 0;
  /** Tells of every new version. */
  readonly #news = new EventEmitter().setMaxListeners(0);
  #version = 0;
  #listeners = 0;
  readonly #followed = new Map<string, number>();
  #looking: Promise<void> | null = null;
  #pending: Promise<void> | null = null;
  #reading: Promise<void> | null = null;
  #stopLooking = new AbortController();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #storedAt = Number.NEGATIVE_INFINITY;
  #isIndexed = true;
  #storing = Promise.resolve();

  /**
   * @param folder as it is to be named; a folder of runs, or one run, whose id is then "."
   * @param warn told once when not all of the folder can be looked through
   */
  constructor(
    folder: string,
    making: RowMaking<Row>,
    index: RowIndex<Row>,
    warn: (line: string) => void = () => {},
  ) {
    this.#folder = folder;
    this.#making = making;
    this.#index = index;
    this.#warn = warn;
  }

  /** Every run, and then what changes, until the signal is raised. Rows that have to be read first come when they are. */
  async *changes(signal: AbortSignal): AsyncGenerator<ShelfChange<Row>> {
    this.#listeners += 1;
    try {
      await this.#looked();
      let seen = 0;
      let unreadBefore = -1;
      while (!signal.aborted) {
        const version = this.#version;
        const known = [...this.#entries.values()];
        const rows = known.flatMap((entry) =>
          entry.version > seen && entry.shown !== null ? [entry.shown] : [],
        );
        const gone = [...this.#gone].flatMap(([id, since]) => (since > seen ? [id] : []));
        const unread = known.filter((entry) => entry.row === null).length;
        // Whoever has just begun to listen is told even that there is nothing.
        const isBenchNews = seen === 0 || this.#benchesSince > seen;
        if (rows.length > 0 || (gone.length > 0 && seen > 0) || unread !== unreadBefore || isBenchNews)
          yield {
            folder: this.#folder,
            rows,
            gone: seen === 0 ? [] : gone,
            unread,
            ...(isBenchNews ? { benches: [...this.#benches.values()].map(({ told }) => told) } : {}),
          };
        [seen, unreadBefore] = [version, unread];
        if (this.#version === version) await once(this.#news, "version", { signal }).catch(() => {});
      }
    } finally {
      this.#listeners -= 1;
      this.#rest();
    }
  }

  /** Whether there is such a run in the folder. */
  async has(id: string): Promise<boolean> {
    await this.#looked();
    if (this.#entries.has(id)) return true;
    // It may have begun since the last look did.
    await this.#pending;
    await this.#look();
    return this.#entries.has(id);
  }

  /** How a run stands; null: it is gone. */
  async standing(
    id: string,
  ): Promise<{ condition: Row["condition"]; isSteerable: boolean; lastSeq: number } | null> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    if (entry.row === null) await this.#read(entry);
    if (entry.row === null) return null;
    const held = await isHeld(entry.folder);
    const { condition } = this.#making.withHolder(entry.row, held);
    return { condition, isSteerable: held && (await isSteerable(entry.folder)), lastSeq: entry.seq };
  }

  /** The lines of a run behind `from`, and what becomes of its record, until the signal is raised. */
  async *record(id: string, from: number, signal: AbortSignal): AsyncGenerator<ShelfNews> {
    const folder = this.#entries.get(id)?.folder;
    if (folder === undefined) return;
    this.#followed.set(id, (this.#followed.get(id) ?? 0) + 1);
    try {
      await this.#looked();
      // A record shorter than what was shown of it is another one: it is told from its first line.
      for (let behind = from; !signal.aborted; behind = 0) {
        yield* linesBehind(folder, behind, signal);
        if (!signal.aborted) yield { kind: "anew", trouble: shrunk };
      }
    } finally {
      const left = (this.#followed.get(id) ?? 1) - 1;
      if (left === 0) this.#followed.delete(id);
      else this.#followed.set(id, left);
      this.#rest();
    }
  }

  /** Passes an order on to the process that works on a run. */
  async order(id: string, order: Order): Promise<{ readonly answer: Answer; readonly isReached: boolean }> {
    const folder = this.#entries.get(id)?.folder;
    if (folder === undefined)
      return { isReached: false, answer: { ok: false, words: "there is no such run in this folder" } };
    const isReached = await isSteerable(folder);
    try {
      return { isReached, answer: await sendOrder(folder, order) };
    } catch (error) {
      if (!(error instanceof CollmError)) throw error;
      return { isReached, answer: { ok: false, words: error.message } };
    }
  }

  /** Stores the index and stops looking. Whoever still listens is told no more. */
  async close(): Promise<void> {
    this.#stopLooking.abort();
    for (const { hot } of this.#entries.values()) hot?.stop();
    await this.#looking;
    await this.#reading;
    await this.#store();
  }

  // ----- Looking -----

  /** Sees to it that the folder is looked at from here on, and waits until it has been once. */
  async #looked(): Promise<void> {
    this.#lookOnward();
    if (Date.now() - this.#lookedAt > 10 * lookMs) await this.#look();
  }

  #lookOnward(): void {
    this.#looking ??= this.#lookOn().finally(() => {
      this.#looking = null;
      if (this.#isWatched() && !this.#stopLooking.signal.aborted) this.#lookOnward();
    });
  }

  async #lookOn(): Promise<void> {
    const { signal } = this.#stopLooking;
    while (!signal.aborted && this.#isWatched()) {
      const begun = performance.now();
      await this.#look();
      // A folder that takes long to look through is looked at more seldom.
      const took = performance.now() - begun;
      await wait(Math.max(lookMs, 10 * took), undefined, { signal }).catch(() => {});
    }
  }

  #isWatched(): boolean {
    return this.#listeners > 0 || this.#followed.size > 0;
  }

  /** Nobody listens any more: what is kept for listeners goes. */
  #rest(): void {
    if (this.#isWatched()) return;
    for (const entry of this.#entries.values()) {
      entry.hot?.stop();
      entry.hot = null;
    }
    void this.#store();
  }

  /** Looks once; who asks meanwhile shares it. */
  #look(): Promise<void> {
    this.#pending ??= this.#lookOnce().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  async #lookOnce(): Promise<void> {
    const { found, benches, isAll } = await findRuns(this.#folder, this.#making.benchRecord);
    if (!isAll && !this.#isWarned) {
      this.#isWarned = true;
      this.#warn(
        `${this.#folder} holds more than ${mostFolders} folders, and runs in the others are not shown: name a folder further down`,
      );
    }
    for (const [id, { folder, stamp }] of found) {
      const entry = this.#entries.get(id);
      if (entry === undefined) this.#add(id, folder, stamp);
      else if (entry.stamp !== stamp) [entry.stamp, entry.changedAt] = [stamp, Date.now()];
    }
    for (const [id, entry] of this.#entries) {
      if (found.has(id)) continue;
      entry.hot?.stop();
      this.#entries.delete(id);
      this.#gone.set(id, this.#version + 1);
      this.#isIndexed = false;
    }
    await this.#lookAtBenches(benches);
    this.#lookedAt = Date.now();
    await this.#askHolders();
    for (const entry of this.#entries.values()) this.#tend(entry);
    this.#publish();
    this.#reading ??= this.#readOn().finally(() => {
      this.#reading = null;
    });
    if (Date.now() - this.#storedAt > storeMs) await this.#store();
  }

  #add(id: string, folder: string, stamp: string): void {
    const stored = this.#index.find(id, stamp);
    this.#gone.delete(id);
    this.#entries.set(id, {
      id,
      folder,
      stamp,
      changedAt: Date.now(),
      readStamp: stored === undefined ? null : stamp,
      readAt: Number.NEGATIVE_INFINITY,
      row: stored?.row ?? null,
      seq: stored?.seq ?? 0,
      isBegun: stored?.isBegun ?? false,
      isHeld: true,
      shown: null,
      version: 0,
      made: null,
      hot: null,
    });
  }

  /** Reads the records of benches that are new or have changed. */
  async #lookAtBenches(found: ReadonlyMap<string, Found>): Promise<void> {
    let isNews = false;
    for (const [id, { path, stamp, bytes }] of found) {
      if (this.#benches.get(id)?.stamp === stamp) continue;
      this.#benches.set(id, { stamp, told: await this.#bench(id, path, bytes) });
      isNews = true;
    }
    for (const id of this.#benches.keys()) {
      if (found.has(id)) continue;
      this.#benches.delete(id);
      isNews = true;
    }
    if (isNews) this.#benchesSince = this.#version + 1;
  }

  async #bench(id: string, path: string, bytes: number): Promise<ShelfBench> {
    const text = bytes > mostBenchBytes ? null : await readText(path);
    const told = text === null ? null : this.#making.ofBench(text);
    return told === null
      ? { id, title: "", planned: 0, failed: 0, trouble: benchTrouble(this.#making.benchRecord) }
      : { id, ...told, trouble: null };
  }

  async #askHolders(): Promise<void> {
    const limit = pLimit(mostAtOnce);
    const asked = [...this.#entries.values()].filter(
      ({ row }) => row !== null && this.#making.withHolder(row, false) !== row,
    );
    await Promise.all(
      asked.map((entry) =>
        limit(async () => {
          entry.isHeld = await isHeld(entry.folder);
        }),
      ),
    );
  }

  /** Takes what a run's follower has read, and lets go of one that has nothing more to read. */
  #tend(entry: Entry<Row>): void {
    const { hot } = entry;
    if (hot === null) return;
    if (hot.isFresh) {
      hot.isFresh = false;
      this.#take(entry, hot.fold, entry.stamp);
    }
    if (Date.now() - entry.changedAt < coolMs) return;
    hot.stop();
    entry.hot = null;
  }

  #take(entry: Entry<Row>, { state, seq, trouble }: Fold, stamp: string): void {
    entry.row = this.#making.of(entry.id, state, trouble);
    entry.seq = seq;
    entry.isBegun = state !== null || trouble !== null;
    entry.readStamp = stamp;
    entry.readAt = Date.now();
    this.#isIndexed = false;
  }

  /** Gives what is other than before a new version. */
  #publish(): void {
    const next = this.#version + 1;
    let isNews = this.#benchesSince === next || [...this.#gone.values()].includes(next);
    for (const entry of this.#entries.values()) {
      if (entry.row === null || !entry.isBegun) continue;
      const shown = this.#making.withHolder(entry.row, entry.isHeld);
      const made = shown === entry.shown ? entry.made : JSON.stringify(shown);
      entry.shown = shown;
      if (made === entry.made) continue;
      entry.made = made;
      entry.version = next;
      isNews = true;
    }
    if (!isNews && this.#version > 0) return;
    this.#version = next;
    this.#news.emit("version");
  }

  // ----- Reading -----

  /** Reads what is new or has changed, one record after the other, as long as somebody wants to know. */
  async #readOn(): Promise<void> {
    let toldAt = Date.now();
    for (let entry = this.#nextToRead(); entry !== null; entry = this.#nextToRead()) {
      await this.#read(entry);
      if (Date.now() - toldAt < tellMs) continue;
      this.#publish();
      toldAt = Date.now();
    }
    this.#publish();
  }

  #nextToRead(): Entry<Row> | null {
    if (this.#stopLooking.signal.aborted) return null;
    for (const entry of this.#entries.values()) {
      const isWanted = this.#listeners > 0 || this.#followed.has(entry.id);
      if (!isWanted || entry.hot !== null || entry.readStamp === entry.stamp) continue;
      if (entry.readStamp === null) return entry;
      // It grows: from here on it is followed, unless too many are.
      if (this.#followOn(entry)) continue;
      if (Date.now() - entry.readAt > rereadMs) return entry;
    }
    return null;
  }

  async #read(entry: Entry<Row>): Promise<void> {
    // Of the time before: what is written meanwhile shows in another stamp.
    const { stamp, folder } = entry;
    const fold = new Fold();
    for await (const notice of followRun(folder, this.#stopLooking.signal)) {
      fold.take(notice);
      if (fold.isWhole) break;
    }
    if (!fold.isWhole) return;
    this.#take(entry, fold, stamp);
    entry.isHeld = await isHeld(folder);
  }

  #followOn(entry: Entry<Row>): boolean {
    const hot = [...this.#entries.values()].filter((other) => other.hot !== null).length;
    if (hot >= mostHot && !this.#followed.has(entry.id)) return false;
    const stop = new AbortController();
    const fold = new Fold();
    const follower: Hot = { fold, isFresh: false, stop: () => stop.abort() };
    entry.hot = follower;
    let telling: NodeJS.Timeout | null = null;
    const tell = () => {
      telling = null;
      if (entry.hot !== follower) return;
      this.#tend(entry);
      this.#publish();
    };
    void (async () => {
      for await (const notice of followRun(entry.folder, stop.signal)) {
        fold.take(notice);
        follower.isFresh ||= fold.isWhole;
        if (follower.isFresh) telling ??= setTimeout(tell, tellMs);
      }
    })();
    return true;
  }

  /** Stores the index where there is news, one time after the other. */
  #store(): Promise<void> {
    this.#storing = this.#storing.then(() => this.#storeNow());
    return this.#storing;
  }

  async #storeNow(): Promise<void> {
    if (this.#isIndexed) return;
    this.#isIndexed = true;
    this.#storedAt = Date.now();
    const rows = new Map<string, IndexedRow<Row> & { readonly stamp: string }>();
    for (const { id, readStamp, row, seq, isBegun } of this.#entries.values())
      if (readStamp !== null && row !== null) rows.set(id, { stamp: readStamp, row, seq, isBegun });
    await this.#index.store(rows);
  }
}

// --- internal ---

interface Entry<Row> {
  readonly id: string;
  readonly folder: string;
  /** What tells the record from another state of it: its size and times, when it was last looked at. */
  stamp: string;
  changedAt: number;
  /** The stamp of the record that the row is of, and when it was made; null: it has not been read. */
  readStamp: string | null;
  readAt: number;
  /** Made as if somebody held the run. */
  row: Row | null;
  seq: number;
  /** Whether there is anything to show yet. */
  isBegun: boolean;
  isHeld: boolean;
  /** The row as it was told last, its text, and the version since which it is so. */
  shown: Row | null;
  made: string | null;
  version: number;
  /** What follows a record that grows. */
  hot: Hot | null;
}

interface Hot {
  readonly fold: Fold;
  /** Whether it has read something that the row does not tell yet. */
  isFresh: boolean;
  stop(): void;
}

const lookMs = 1_000;
/** So often at most the rows are told while records are read, and the index is stored. */
const tellMs = 250;
const storeMs = 10_000;
/** So many growing records are kept in memory; others are read again, no more often than this. */
const mostHot = 8;
const rereadMs = 10_000;
/** A record that has not grown for so long is followed no more. */
const coolMs = 30_000;
const mostAtOnce = 32;
/** So many folders down a run or a bench is found; below a bench its own runs are, in folders as plan.ts names them. */
const deepest = 3;
const deepestInBench = 4;
const mostBenchBytes = 16 * 1024 * 1024;
/** In a folder that is not one of runs, such as a home, the search for them ends somewhere. */
const mostFolders = 20_000;
const benchTrouble = (name: string) =>
  `${name} is no record of a bench; restore it from a copy, or make the bench again with another --out`;
const shrunk = "its record became shorter or was replaced: it is shown anew from its first line";

/** A record in the making, folded as far as it can be trusted. */
class Fold {
  state: RunState | null = null;
  seq = 0;
  trouble: string | null = null;
  /** Whether everything has been read that was there. */
  isWhole = false;

  take(notice: TailNotice): void {
    if (notice.kind === "anew") [this.state, this.seq, this.trouble, this.isWhole] = [null, 0, null, false];
    if (notice.kind === "caught-up") this.isWhole = true;
    if (notice.kind === "damaged" || notice.kind === "gone") {
      this.trouble = troubleOf(notice);
      this.isWhole = true;
    }
    if (notice.kind !== "lines" || this.trouble !== null) return;
    for (const { event } of notice.lines) {
      try {
        this.state = applyEvent(this.state, event);
        this.seq = event.seq;
      } catch (error) {
        if (!(error instanceof CollmError)) throw error;
        this.trouble = `journal.jsonl, line ${event.seq}: ${error.message}; restore the file from a copy`;
        return;
      }
    }
  }
}

function troubleOf(notice: Extract<TailNotice, { kind: "damaged" | "gone" }>): string {
  return notice.kind === "gone"
    ? `its record is gone: ${notice.reason}`
    : `journal.jsonl, line ${notice.line}: ${notice.reason}; restore the file from a copy`;
}

/** Ends when the record turns out to be shorter than `from`, or the signal is raised. */
async function* linesBehind(folder: string, from: number, signal: AbortSignal): AsyncGenerator<ShelfNews> {
  let behind = from;
  let seq = 0;
  let isTroubled = false;
  for await (const notice of followRun(folder, signal)) {
    if (notice.kind === "anew") {
      [behind, seq, isTroubled] = [0, 0, false];
      yield { kind: "anew", trouble: shrunk };
    } else if (notice.kind === "lines") {
      seq = notice.lines.at(-1)?.event.seq ?? seq;
      const lines = notice.lines.flatMap(({ event, text }) =>
        event.seq > behind ? [{ seq: event.seq, text }] : [],
      );
      if (isTroubled) yield { kind: "trouble", trouble: null };
      isTroubled = false;
      if (lines.length > 0) yield { kind: "lines", lines };
    } else if (notice.kind === "caught-up") {
      if (seq < behind) return;
    } else {
      isTroubled = true;
      yield { kind: "trouble", trouble: troubleOf(notice) };
    }
  }
}

/** A run or a bench, with what tells this state of its record from another. */
interface Found {
  readonly folder: string;
  readonly path: string;
  readonly stamp: string;
  readonly bytes: number;
}

/** Every run in a folder and every bench, by its path below it. */
async function findRuns(
  root: string,
  benchRecord: string,
): Promise<{ found: Map<string, Found>; benches: Map<string, Found>; isAll: boolean }> {
  const found: [string, Found][] = [];
  const benches: [string, Found][] = [];
  const limit = pLimit(mostAtOnce);
  let folders = 0;
  const fileIn = async (folder: string, path: string): Promise<Found | null> => {
    const file = await limit(() => lstat(path).catch(() => null));
    return file?.isFile() === true ? { folder, path, stamp: stampOf(file), bytes: file.size } : null;
  };
  const look = async (folder: string, id: string, levels: number): Promise<void> => {
    folders += 1;
    if (folders > mostFolders) return;
    const run = await fileIn(folder, journalPath(folder));
    if (run !== null) {
      found.push([id, run]);
      return;
    }
    const bench = await fileIn(folder, join(folder, benchRecord));
    if (bench !== null) benches.push([id, bench]);
    const below = bench === null ? levels : Math.max(levels, deepestInBench);
    if (below === 0) return;
    const entries = await limit(() => readdir(folder, { withFileTypes: true }).catch(() => []));
    await Promise.all(
      entries
        .filter(
          (entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules",
        )
        .map(({ name }) => look(join(folder, name), id === "." ? name : `${id}/${name}`, below - 1)),
    );
  };
  await look(root, ".", deepest);
  const sorted = (entries: [string, Found][]) =>
    new Map(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
  return {
    found: sorted(found),
    benches: sorted(benches),
    isAll: folders <= mostFolders,
  };
}

/** Null for what cannot be read. */
async function readText(path: string): Promise<string | null> {
  return await readRegular(path).then(
    (bytes) => bytes.toString("utf8"),
    () => null,
  );
}
