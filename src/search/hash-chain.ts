/**
 * The chain digests of a record: what each of them covers, and whether it holds.
 *
 * Owns the one rule by which a chain digest is made and looked at again. Knows no file: it takes the events in their order,
 * and keeps no more of them than a digest.
 */
import { digestOf, RunningDigest } from "./digest.ts";
import type { EventBody, RunEvent } from "./events.ts";

type Without<Event> = Event extends { readonly chain: string } ? Omit<Event, "chain"> : never;
/** An event that carries a chain digest, as far as its chain digest is made of it. */
export type Chained = Without<EventBody>;

/** A running chain digest over the events of a record, for its writer and its readers. */
export class HashChain {
  readonly #chain = new RunningDigest();
  #checkedSeq = 0;

  /** The number of the last event that a chain digest which held covers, or that holds one itself; 0: there is none. */
  get checkedSeq(): number {
    return this.#checkedSeq;
  }

  /** Takes the next event of the record. */
  add(event: RunEvent): void {
    this.#chain.add(event);
  }

  /**
   * Takes the next event of the record, and checks its chain digest, if it has one, against all events before it.
   *
   * @returns why the record cannot be trusted, naming the lines among which something was changed; null: nothing is wrong
   */
  check(event: RunEvent): string | null {
    const holds = !isChained(event) || event.chain === this.of(event);
    this.add(event);
    if (!holds)
      return `its chain digest does not match the lines from ${this.#checkedSeq + 1} on: something was changed after it was written`;
    if (isChained(event)) this.#checkedSeq = event.seq;
    return null;
  }

  /** The chain digest of an event that comes next in the record. */
  of(event: Chained): string {
    switch (event.type) {
      case "winner-tested":
        return digestOf([this.#chain.value(), event.text, event.outcome]);
      case "oracle-tested":
        return digestOf([this.#chain.value(), event.results]);
      case "round-closed":
      case "run-ended":
        return this.#chain.value();
    }
  }
}

// --- internal ---

function isChained(event: RunEvent): event is RunEvent & { readonly chain: string } & Chained {
  return "chain" in event;
}
