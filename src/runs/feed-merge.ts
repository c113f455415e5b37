/**
 * Joins the two sources of a run's lines: the feed, which is quick and may lose or repeat lines, and the journal, which is whole
 * and comes a moment later. Gives every line once and in order.
 *
 * Opens neither socket nor file.
 */
import { readEvent } from "../search/events.ts";
import type { StoredLine } from "./shown-runs.ts";

/** How many lines of the feed wait for a missing one. The journal brings those that are dropped. */
const mostAhead = 10_000;
const mostAheadCharacters = 64 * 1024 * 1024;

export class LineMerge {
  #next = 1;
  #ahead = new Map<number, StoredLine>();
  #aheadCharacters = 0;

  /** The number of the line that comes next. */
  get next(): number {
    return this.#next;
  }

  /** Takes lines from either source, the journal's in order. @returns those that are next */
  take(lines: readonly StoredLine[]): StoredLine[] {
    const next: StoredLine[] = [];
    for (const line of lines) {
      const { seq } = line.event;
      if (seq === this.#next) {
        next.push(line);
        this.#next++;
        this.#takeWaiting(next);
      } else if (seq > this.#next && !this.#ahead.has(seq)) this.#keep(line);
    }
    return next;
  }

  /** Skips what is missing, when there is no journal to read it from. @returns the lines that waited for it */
  giveUpMissing(): StoredLine[] {
    if (this.#ahead.size === 0) return [];
    this.#next = Math.min(...this.#ahead.keys());
    const next: StoredLine[] = [];
    this.#takeWaiting(next);
    return next;
  }

  /** Begins again with the first line, for another journal. */
  restart(): void {
    this.#next = 1;
    this.#ahead.clear();
    this.#aheadCharacters = 0;
  }

  #keep(line: StoredLine): void {
    const characters = this.#aheadCharacters + line.text.length;
    if (this.#ahead.size >= mostAhead || characters > mostAheadCharacters) return;
    this.#ahead.set(line.event.seq, line);
    this.#aheadCharacters = characters;
  }

  #takeWaiting(next: StoredLine[]): void {
    for (let line = this.#ahead.get(this.#next); line !== undefined; line = this.#ahead.get(this.#next)) {
      next.push(line);
      this.#ahead.delete(this.#next++);
      this.#aheadCharacters -= line.text.length;
    }
  }
}

/** A line from the feed; null where it is no event. */
export function readFedLine(text: string): StoredLine | null {
  try {
    const read = readEvent(JSON.parse(text));
    return read.ok ? { text, event: read.event } : null;
  } catch {
    return null;
  }
}
