/**
 * A Journal in memory, for tests that look at what was recorded or let recording fail.
 *
 * Owns nothing that outlives it. Behaves like every Journal: passes test/contract/journal.ts.
 */
import { type EventBody, formatVersion, type RunEvent, readEvent } from "../../src/search/events.ts";
import type { Clock, Journal } from "../../src/search/ports.ts";
import { testClock } from "./run-events.ts";

export interface MemoryJournalOptions {
  /** What the record holds already. */
  readonly events?: readonly RunEvent[];
  readonly clock?: Clock;
  /**
   * Called before each append is stored, in the order of the calls. When it throws, or what it returns rejects, the
   * append is not stored and fails with that error, as does every later one.
   */
  readonly beforeAppend?: (bodies: readonly EventBody[], stored: readonly RunEvent[]) => void | Promise<void>;
}

export class MemoryJournal implements Journal {
  /** Everything stored so far. */
  readonly events: RunEvent[];
  readonly #clock: Clock;
  readonly #beforeAppend: MemoryJournalOptions["beforeAppend"];
  #last: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  constructor({ events = [], clock = testClock(), beforeAppend }: MemoryJournalOptions = {}) {
    this.events = [...events];
    this.#clock = clock;
    this.#beforeAppend = beforeAppend;
  }

  append(bodies: readonly EventBody[]): Promise<readonly RunEvent[]> {
    const stored = this.#last.then(() => this.#store(bodies));
    this.#last = stored.catch(() => {});
    return stored;
  }

  async #store(bodies: readonly EventBody[]): Promise<readonly RunEvent[]> {
    if (this.#failure !== null) throw this.#failure.error;
    try {
      await this.#beforeAppend?.(bodies, this.events);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
    const at = this.#clock.now();
    const events = bodies.map((body, index) => {
      const seq = this.events.length + index + 1;
      const read = readEvent(JSON.parse(JSON.stringify({ v: formatVersion, seq, at, ...body })));
      if (!read.ok) throw new TypeError(`a ${body.type} event cannot be stored: ${read.reason}`);
      return read.event;
    });
    this.events.push(...events);
    return events;
  }
}
