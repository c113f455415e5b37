/**
 * One sequence of lines from two sources: the feed, which is quick and may lose or repeat lines, and the record, which is
 * whole and comes a moment later.
 *
 * Owns that every line is told once and in order. Knows neither socket nor file.
 */
import { readEvent } from "../search/events.ts";
import type { StoredLine } from "./shown-runs.ts";

/** How many lines of the feed wait for one that is missing; more are left to the record. */
const mostAhead = 10_000;
const mostAheadCharacters = 64 * 1024 * 1024;

export class LineMerge {
  #next = 1;
  #ahead = new Map<number, StoredLine>();
  #aheadCharacters = 0;

  /** The sequence number of the line that is told next. */
  get next(): number {
    return this.#next;
  }

  /** Takes lines from either source, the record's in order. @returns those that can be told now */
  take(lines: readonly StoredLine[]): StoredLine[] {
    const told: StoredLine[] = [];
    for (const line of lines) {
      const { seq } = line.event;
      if (seq === this.#next) {
        told.push(line);
        this.#next++;
        this.#tellAhead(told);
      } else if (seq > this.#next && !this.#ahead.has(seq)) this.#keep(line);
    }
    return told;
  }

  /** Goes on behind what is missing, where there is no record to read it from. @returns what waited behind it */
  giveUpMissing(): StoredLine[] {
    if (this.#ahead.size === 0) return [];
    this.#next = Math.min(...this.#ahead.keys());
    const told: StoredLine[] = [];
    this.#tellAhead(told);
    return told;
  }

  /** The record is another one: everything is told anew. */
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

  #tellAhead(told: StoredLine[]): void {
    for (let line = this.#ahead.get(this.#next); line !== undefined; line = this.#ahead.get(this.#next)) {
      told.push(line);
      this.#ahead.delete(this.#next++);
      this.#aheadCharacters -= line.text.length;
    }
  }
}

/** A line as the feed brought it; null where it is no event. */
export function readFedLine(text: string): StoredLine | null {
  try {
    const read = readEvent(JSON.parse(text));
    return read.ok ? { text, event: read.event } : null;
  } catch {
    return null;
  }
}
