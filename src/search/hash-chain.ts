/**
 * Makes and checks the chain digests of a record: what each of them covers, and whether it is right.
 *
 * The writer and the readers of a record use this one rule. It takes the events in order and keeps only a digest of
 * them. Files are not known here.
 */
import { digestOf, RunningDigest } from "./digest.ts";
import type { EventBody, RunEvent } from "./events.ts";

type Without<Event> = Event extends { readonly chain: string } ? Omit<Event, "chain"> : never;
/** The part of an event with a chain digest from which that digest is made. */
export type Chained = Without<EventBody>;

/** A running chain digest over the events of a record, for its writer and its readers. */
export class HashChain {
  readonly #chain = new RunningDigest();
  #checkedSeq = 0;

  /** The number of the last event that a right chain digest covers or belongs to; 0: there is none. */
  get checkedSeq(): number {
    return this.#checkedSeq;
  }

  /** Adds the next event of the record. */
  add(event: RunEvent): void {
    this.#chain.add(event);
  }

  /**
   * Adds the next event of the record, and checks its chain digest, if it has one, against all events before it.
   *
   * @returns why the record cannot be trusted, with the lines among which something was changed; null: nothing is wrong
   */
  check(event: RunEvent): string | null {
    const holds = !isChained(event) || event.chain === this.of(event);
    this.add(event);
    if (!holds)
      return `its chain digest does not match the lines from ${this.#checkedSeq + 1} on: something was changed after it was written`;
    if (isChained(event)) this.#checkedSeq = event.seq;
    return null;
  }

  /** The chain digest for the next event of the record. */
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
