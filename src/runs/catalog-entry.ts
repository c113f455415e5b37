/**
 * One run of a catalog: its row, made by reading its journal once or by following it as it grows.
 *
 * Says when the row differs from the one that was shown last. When to read and when to follow is run-catalog.ts.
 */
import { CollmError } from "../errors.ts";
import { applyEvent } from "../search/fold.ts";
import type { RunState } from "../search/state.ts";
import { followRun } from "./journal-tail.ts";
import type { IndexedRow } from "./row-index.ts";
import { isHeld } from "./run-lock.ts";
import { rowOf, withHolder } from "./run-row.ts";
import { type JournalNotice, type RunRow, troubleOf } from "./shown-runs.ts";

/** At least so long between two rows of a journal that is followed, in milliseconds. */
export const tellMs = 250;
/** A journal that has not grown for so long is no longer followed. */
const coolMs = 30_000;

export class CatalogEntry {
  readonly id: string;
  readonly folder: string;
  /** The state of the journal's file when the folder was scanned last, and since when it has been so. */
  #stamp: string;
  #changedAt = Date.now();
  /** The state of the file that the row is of, and when the row was made; null: it has not been read. */
  #readStamp: string | null = null;
  #readAt = Number.NEGATIVE_INFINITY;
  /** Made as if a process worked on the run. */
  #row: RunRow | null = null;
  #seq = 0;
  /** Whether there is anything to show yet. */
  #isBegun = false;
  #isHeld = true;
  /** The row as it was shown last, its text, and the version of the catalog since which it is so. */
  #shown: RunRow | null = null;
  #shownText: string | null = null;
  #version = 0;
  #follower: Follower | null = null;

  /** @param stored what the index has for the file in this state; undefined: nothing */
  constructor(id: string, folder: string, stamp: string, stored: IndexedRow | undefined) {
    this.id = id;
    this.folder = folder;
    this.#stamp = stamp;
    if (stored === undefined) return;
    this.#readStamp = stamp;
    this.#row = stored.row;
    this.#seq = stored.seq;
    this.#isBegun = stored.isBegun;
  }

  get isUnread(): boolean {
    return this.#row === null;
  }

  /** Whether the journal was never read to its end. */
  get isNew(): boolean {
    return this.#readStamp === null;
  }

  /** Whether the row is of another state of the file than the last scan found. */
  get isStale(): boolean {
    return this.#readStamp !== this.#stamp;
  }

  get isFollowed(): boolean {
    return this.#follower !== null;
  }

  /** Since when the row is as it is, in milliseconds. */
  get ageMs(): number {
    return Date.now() - this.#readAt;
  }

  /** Whether the row would differ if no process worked on the run. */
  get dependsOnHolder(): boolean {
    return this.#row !== null && withHolder(this.#row, false) !== this.#row;
  }

  /** The number of the last event that the row is of. */
  get lastSeq(): number {
    return this.#seq;
  }

  /** The row, if it was shown for the first time or changed after this version of the catalog. */
  shownAfter(version: number): readonly RunRow[] {
    return this.#version > version && this.#shown !== null ? [this.#shown] : [];
  }

  /** What the index stores; null: nothing was read. */
  get indexed(): (IndexedRow & { readonly stamp: string }) | null {
    if (this.#readStamp === null || this.#row === null) return null;
    return { stamp: this.#readStamp, row: this.#row, seq: this.#seq, isBegun: this.#isBegun };
  }

  /** Takes the state of the file that a scan found. */
  found(stamp: string): void {
    if (stamp !== this.#stamp) [this.#stamp, this.#changedAt] = [stamp, Date.now()];
  }

  /** Looks who works on the run. */
  async askHolder(): Promise<boolean> {
    this.#isHeld = await isHeld(this.folder);
    return this.#isHeld;
  }

  /** The row as it is now; null: nothing was read. */
  row(held: boolean): RunRow | null {
    return this.#row === null ? null : withHolder(this.#row, held);
  }

  /** Reads the journal once. @returns whether that gave a row; not so when the signal is raised */
  async read(signal: AbortSignal): Promise<boolean> {
    // Taken before reading: what is written meanwhile gives another stamp.
    const stamp = this.#stamp;
    const fold = new Fold();
    for await (const notice of followRun(this.folder, signal)) {
      fold.take(notice);
      if (fold.isWhole) break;
    }
    if (!fold.isWhole) return false;
    this.#take(fold, stamp);
    await this.askHolder();
    return true;
  }

  /** Follows the journal from here on. @param onNews called when there may be another row, but not too often */
  follow(onNews: () => void): void {
    const stop = new AbortController();
    const follower: Follower = { fold: new Fold(), isFresh: false, stop: () => stop.abort() };
    this.#follower = follower;
    let telling: NodeJS.Timeout | null = null;
    const tell = () => {
      telling = null;
      if (this.#follower === follower) onNews();
    };
    void (async () => {
      for await (const notice of followRun(this.folder, stop.signal)) {
        follower.fold.take(notice);
        follower.isFresh ||= follower.fold.isWhole;
        if (follower.isFresh) telling ??= setTimeout(tell, tellMs);
      }
    })();
  }

  /** Takes what was read by following. Stops following when the journal does not grow any more. @returns whether there is a new row */
  takeFollowed(): boolean {
    const follower = this.#follower;
    if (follower === null) return false;
    const isFresh = follower.isFresh;
    if (isFresh) {
      follower.isFresh = false;
      this.#take(follower.fold, this.#stamp);
    }
    if (Date.now() - this.#changedAt >= coolMs) this.stopFollowing();
    return isFresh;
  }

  stopFollowing(): void {
    this.#follower?.stop();
    this.#follower = null;
  }

  /** Makes the row the one that is shown. @returns whether it differs from the one before, and has this version now */
  publish(version: number): boolean {
    if (this.#row === null || !this.#isBegun) return false;
    const shown = withHolder(this.#row, this.#isHeld);
    const text = shown === this.#shown ? this.#shownText : JSON.stringify(shown);
    this.#shown = shown;
    if (text === this.#shownText) return false;
    this.#shownText = text;
    this.#version = version;
    return true;
  }

  #take({ state, seq, trouble }: Fold, stamp: string): void {
    this.#row = rowOf(this.id, state, { isHeld: true, trouble });
    this.#seq = seq;
    this.#isBegun = state !== null || trouble !== null;
    this.#readStamp = stamp;
    this.#readAt = Date.now();
  }
}

// --- internal ---

interface Follower {
  readonly fold: Fold;
  /** Whether it has read something that is not in the row yet. */
  isFresh: boolean;
  stop(): void;
}

/** The state of a run, folded from its journal as far as that can be trusted. */
class Fold {
  state: RunState | null = null;
  seq = 0;
  trouble: string | null = null;
  /** Whether everything was read that was there. */
  isWhole = false;

  take(notice: JournalNotice): void {
    if (notice.kind === "restarted")
      [this.state, this.seq, this.trouble, this.isWhole] = [null, 0, null, false];
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
        this.trouble = troubleOf({ kind: "damaged", line: event.seq, reason: error.message });
        return;
      }
    }
  }
}
