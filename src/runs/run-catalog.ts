/**
 * A folder of runs for those who look on: which runs and benches there are, what changes, and a journal as it grows.
 *
 * Scans the folder once a second and reads a journal when its file has changed, but only while somebody listens. An index spares
 * reading what was read before. Changes nothing of a run; an order goes to the run's own socket.
 */
import { EventEmitter, once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import pLimit from "p-limit";
import { CollmError } from "../errors.ts";
import type { Answer, Order } from "../search/ports.ts";
import { readRegular } from "../system/regular-file.ts";
import { CatalogEntry, tellMs } from "./catalog-entry.ts";
import { type Found, mostFolders, scanFolder } from "./folder-scan.ts";
import { followRun } from "./journal-tail.ts";
import type { IndexedRow, RowIndex } from "./row-index.ts";
import type { BenchRow, JournalNotice, RunCatalog, RunsChange, RunStatus } from "./shown-runs.ts";
import { isSteerable, sendOrder } from "./steering-client.ts";

/** How a bench is recognized. */
export interface BenchFile {
  /** The name of the file that makes a folder a bench. */
  readonly name: string;
  /** What is shown of a bench; null: the text is no record of one. */
  read(text: string): Pick<BenchRow, "title" | "planned" | "failed"> | null;
}

export class FolderCatalog implements RunCatalog {
  readonly #folder: string;
  readonly #bench: BenchFile;
  readonly #index: RowIndex;
  readonly #warn: (line: string) => void;
  #isWarned = false;
  readonly #entries = new Map<string, CatalogEntry>();
  /** Runs that are gone, with the version since which they are. */
  readonly #gone = new Map<string, number>();
  readonly #benches = new Map<string, { readonly stamp: string; readonly row: BenchRow }>();
  /** The version since which the benches are as they are. */
  #benchesSince = 0;
  /** Says when there is a new version. */
  readonly #news = new EventEmitter().setMaxListeners(0);
  #version = 0;
  #listeners = 0;
  /** How many follow a run. */
  readonly #followed = new Map<string, number>();
  #scanning: Promise<void> | null = null;
  #scan: Promise<void> | null = null;
  #reading: Promise<void> | null = null;
  readonly #stop = new AbortController();
  #scannedAt = Number.NEGATIVE_INFINITY;
  #storedAt = Number.NEGATIVE_INFINITY;
  #isIndexed = true;
  #storing = Promise.resolve();

  /**
   * @param folder as the user named it: a folder of runs, or one run, whose id is then "."
   * @param warn called once when not all of the folder can be searched
   */
  constructor(folder: string, bench: BenchFile, index: RowIndex, warn: (line: string) => void = () => {}) {
    this.#folder = folder;
    this.#bench = bench;
    this.#index = index;
    this.#warn = warn;
  }

  /** Rows that have to be read first come when they are. */
  async *changes(signal: AbortSignal): AsyncGenerator<RunsChange> {
    this.#listeners += 1;
    try {
      await this.#scanned();
      let seen = 0;
      let unreadBefore = -1;
      while (!signal.aborted) {
        const version = this.#version;
        const known = [...this.#entries.values()];
        const rows = known.flatMap((entry) => entry.shownAfter(seen));
        const gone = [...this.#gone].flatMap(([id, since]) => (since > seen ? [id] : []));
        const unread = known.filter((entry) => entry.isUnread).length;
        // A new listener gets a first change even when the folder is empty.
        const isBenchNews = seen === 0 || this.#benchesSince > seen;
        if (rows.length > 0 || (gone.length > 0 && seen > 0) || unread !== unreadBefore || isBenchNews)
          yield {
            folder: this.#folder,
            rows,
            gone: seen === 0 ? [] : gone,
            unread,
            ...(isBenchNews ? { benches: [...this.#benches.values()].map(({ row }) => row) } : {}),
          };
        [seen, unreadBefore] = [version, unread];
        if (this.#version === version) await once(this.#news, "version", { signal }).catch(() => {});
      }
    } finally {
      this.#listeners -= 1;
      this.#rest();
    }
  }

  async has(id: string): Promise<boolean> {
    await this.#scanned();
    if (this.#entries.has(id)) return true;
    // It may have begun after the last scan did.
    await this.#scan;
    await this.#scanNow();
    return this.#entries.has(id);
  }

  async status(id: string): Promise<RunStatus | null> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    if (entry.isUnread) await this.#read(entry);
    const held = await entry.askHolder();
    const row = entry.row(held);
    if (row === null) return null;
    return {
      condition: row.condition,
      isSteerable: held && (await isSteerable(entry.folder)),
      lastSeq: entry.lastSeq,
    };
  }

  async *follow(id: string, after: number, signal: AbortSignal): AsyncGenerator<JournalNotice> {
    const folder = this.#entries.get(id)?.folder;
    if (folder === undefined) return;
    this.#followed.set(id, (this.#followed.get(id) ?? 0) + 1);
    try {
      await this.#scanned();
      yield* followRun(folder, signal, after);
    } finally {
      const left = (this.#followed.get(id) ?? 1) - 1;
      if (left === 0) this.#followed.delete(id);
      else this.#followed.set(id, left);
      this.#rest();
    }
  }

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

  /** Stops scanning and stores the index. Listeners get no more changes. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const entry of this.#entries.values()) entry.stopFollowing();
    await this.#scanning;
    await this.#reading;
    await this.#store();
  }

  // ----- Scanning -----

  /** Makes sure that the folder is scanned from here on, and waits for a scan that is not old. */
  async #scanned(): Promise<void> {
    this.#keepScanning();
    if (Date.now() - this.#scannedAt > 10 * scanMs) await this.#scanNow();
  }

  #keepScanning(): void {
    this.#scanning ??= this.#scanOn().finally(() => {
      this.#scanning = null;
      if (this.#isWatched() && !this.#stop.signal.aborted) this.#keepScanning();
    });
  }

  async #scanOn(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && this.#isWatched()) {
      const begun = performance.now();
      await this.#scanNow();
      // A folder that takes long to scan is scanned less often.
      const took = performance.now() - begun;
      await wait(Math.max(scanMs, 10 * took), undefined, { signal }).catch(() => {});
    }
  }

  #isWatched(): boolean {
    return this.#listeners > 0 || this.#followed.size > 0;
  }

  /** When nobody listens any more, what is kept for listeners goes. */
  #rest(): void {
    if (this.#isWatched()) return;
    for (const entry of this.#entries.values()) entry.stopFollowing();
    void this.#store();
  }

  /** Scans once. Calls at the same time share it. */
  #scanNow(): Promise<void> {
    this.#scan ??= this.#scanOnce().finally(() => {
      this.#scan = null;
    });
    return this.#scan;
  }

  async #scanOnce(): Promise<void> {
    const { runs, benches, isWhole } = await scanFolder(this.#folder, this.#bench.name);
    if (!isWhole && !this.#isWarned) {
      this.#isWarned = true;
      this.#warn(
        `${this.#folder} holds more than ${mostFolders} folders, and runs in the others are not shown: name a folder further down`,
      );
    }
    for (const [id, { folder, stamp }] of runs) {
      const entry = this.#entries.get(id);
      if (entry !== undefined) entry.found(stamp);
      else {
        this.#gone.delete(id);
        this.#entries.set(id, new CatalogEntry(id, folder, stamp, this.#index.find(id, stamp)));
      }
    }
    for (const [id, entry] of this.#entries) {
      if (runs.has(id)) continue;
      entry.stopFollowing();
      this.#entries.delete(id);
      this.#gone.set(id, this.#version + 1);
      this.#isIndexed = false;
    }
    await this.#readBenches(benches);
    this.#scannedAt = Date.now();
    const limit = pLimit(mostAtOnce);
    const asked = [...this.#entries.values()].filter((entry) => entry.dependsOnHolder);
    await Promise.all(asked.map((entry) => limit(() => entry.askHolder())));
    for (const entry of this.#entries.values()) this.#takeFollowed(entry);
    this.#publish();
    this.#reading ??= this.#readOn().finally(() => {
      this.#reading = null;
    });
    if (Date.now() - this.#storedAt > storeMs) await this.#store();
  }

  /** Reads the records of benches that are new or have changed. */
  async #readBenches(found: ReadonlyMap<string, Found>): Promise<void> {
    let isNews = false;
    for (const [id, bench] of found) {
      if (this.#benches.get(id)?.stamp === bench.stamp) continue;
      this.#benches.set(id, { stamp: bench.stamp, row: await this.#readBench(id, bench) });
      isNews = true;
    }
    for (const id of this.#benches.keys()) {
      if (found.has(id)) continue;
      this.#benches.delete(id);
      isNews = true;
    }
    if (isNews) this.#benchesSince = this.#version + 1;
  }

  async #readBench(id: string, { path, bytes }: Found): Promise<BenchRow> {
    const text = bytes > mostBenchBytes ? null : await readRegular(path).then(String, () => null);
    const shown = text === null ? null : this.#bench.read(text);
    if (shown !== null) return { id, ...shown, trouble: null };
    const trouble = `${this.#bench.name} is no record of a bench; restore it from a copy, or make the bench again with another --out`;
    return { id, title: "", planned: 0, failed: 0, trouble };
  }

  // ----- Reading -----

  /** Reads what is new or has changed, one journal after the other, as long as somebody wants to know. */
  async #readOn(): Promise<void> {
    let publishedAt = Date.now();
    for (let entry = this.#nextToRead(); entry !== null; entry = this.#nextToRead()) {
      await this.#read(entry);
      if (Date.now() - publishedAt < tellMs) continue;
      this.#publish();
      publishedAt = Date.now();
    }
    this.#publish();
  }

  #nextToRead(): CatalogEntry | null {
    if (this.#stop.signal.aborted) return null;
    for (const entry of this.#entries.values()) {
      const isWanted = this.#listeners > 0 || this.#followed.has(entry.id);
      if (!isWanted || entry.isFollowed || !entry.isStale) continue;
      if (entry.isNew) return entry;
      // It grows: it is followed from here on, unless too many are.
      if (this.#canFollow(entry)) this.#follow(entry);
      else if (entry.ageMs > rereadMs) return entry;
    }
    return null;
  }

  async #read(entry: CatalogEntry): Promise<void> {
    if (await entry.read(this.#stop.signal)) this.#isIndexed = false;
  }

  #canFollow({ id }: CatalogEntry): boolean {
    const followed = [...this.#entries.values()].filter((entry) => entry.isFollowed).length;
    return followed < mostFollowed || this.#followed.has(id);
  }

  #follow(entry: CatalogEntry): void {
    entry.follow(() => {
      this.#takeFollowed(entry);
      this.#publish();
    });
  }

  #takeFollowed(entry: CatalogEntry): void {
    if (entry.takeFollowed()) this.#isIndexed = false;
  }

  // ----- Telling -----

  /** Gives what differs from before a new version. */
  #publish(): void {
    const next = this.#version + 1;
    let isNews = this.#benchesSince === next || [...this.#gone.values()].includes(next);
    for (const entry of this.#entries.values()) if (entry.publish(next)) isNews = true;
    if (!isNews && this.#version > 0) return;
    this.#version = next;
    this.#news.emit("version");
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
    const rows = new Map<string, IndexedRow & { readonly stamp: string }>();
    for (const { id, indexed } of this.#entries.values()) if (indexed !== null) rows.set(id, indexed);
    await this.#index.store(rows);
  }
}

// --- internal ---

const scanMs = 1_000;
/** At least so long between two writes of the index. */
const storeMs = 10_000;
/** So many growing journals are followed; others are read again, no more often than this. */
const mostFollowed = 8;
const rereadMs = 10_000;
const mostAtOnce = 32;
const mostBenchBytes = 16 * 1024 * 1024;
