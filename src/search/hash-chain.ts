/**
 * The seals of a record: what each of them covers, and whether it holds.
 *
 * Owns the one rule by which a seal is made and looked at again. Knows no file: it takes the events in their order,
 * and keeps no more of them than a digest.
 */
import { digestOf, Seal } from "./digest.ts";
import type { EventBody, RunEvent } from "./events.ts";

type Without<Event> = Event extends { readonly seal: string } ? Omit<Event, "seal"> : never;
/** An event that carries a seal, as far as its seal is made of it. */
export type Sealed = Without<EventBody>;

/** A running seal over the events of a record, for its writer and its readers. */
export class RecordSeal {
  readonly #seal = new Seal();
  #sealedSeq = 0;

  /** The number of the last event that a seal which held covers, or that holds one itself; 0: there is none. */
  get sealedSeq(): number {
    return this.#sealedSeq;
  }

  /** Takes the next event of the record. */
  add(event: RunEvent): void {
    this.#seal.add(event);
  }

  /**
   * Takes the next event of the record, and checks its seal, if it has one, against all events before it.
   *
   * @returns why the record cannot be trusted, naming the lines among which something was changed; null: nothing is wrong
   */
  check(event: RunEvent): string | null {
    const holds = !isSealed(event) || event.seal === this.of(event);
    this.add(event);
    if (!holds)
      return `its seal does not fit the lines from ${this.#sealedSeq + 1} on: something was changed after it was written`;
    if (isSealed(event)) this.#sealedSeq = event.seq;
    return null;
  }

  /** The seal of an event that comes next in the record. */
  of(event: Sealed): string {
    switch (event.type) {
      case "winner-tested":
        return digestOf([this.#seal.value(), event.text, event.outcome]);
      case "oracle-tested":
        return digestOf([this.#seal.value(), event.results]);
      case "round-closed":
      case "run-ended":
        return this.#seal.value();
    }
  }
}

// --- internal ---

function isSealed(event: RunEvent): event is RunEvent & { readonly seal: string } & Sealed {
  return "seal" in event;
}
