/**
 * A run in progress: its state, its record, and whether it may continue.
 *
 * Appends each fact to the journal, folds it into the state and shows it to an observer. It makes no decisions.
 */
import { ContractViolation, Interrupted } from "../errors.ts";
import type { EventBody, Role, RunEvent } from "./events.ts";
import { type Chained, HashChain } from "./hash-chain.ts";
import type { Deadline, Journal } from "./ports.ts";
import { applyEvent } from "./fold.ts";
import type { RunState } from "./state.ts";

/** What an observer sees while a search runs. No decision depends on it. */
export type Notice =
  | { readonly kind: "recorded"; readonly event: RunEvent; readonly state: RunState }
  | {
      readonly kind: "progress";
      readonly split: "search" | "test";
      readonly text: string;
      /** Its number among those that are evaluated together, from 1, and how many these are. */
      readonly place: number;
      readonly of: number;
      readonly fraction: number;
      readonly note: string;
    }
  | { readonly kind: "asking"; readonly role: Role; readonly attempt: number }
  | { readonly kind: "waiting"; readonly seconds: number; readonly reason: string };

/** Gets each notice, and must not throw. A promise that it returns for an event is waited for: so it is never far behind. */
export type Observe = (notice: Notice) => unknown;

export class LiveRun {
  /** Shows something to the observer. */
  readonly observe: Observe;
  readonly #journal: Journal;
  readonly #deadline: Deadline | undefined;
  readonly #chain = new HashChain();
  /** Raised when somebody stops the run. */
  readonly #stop: AbortSignal;
  /** Raised then, and when the run's time is up. */
  readonly #either: AbortSignal;
  #state: RunState;

  /** @throws ContractViolation for a history that does not begin with run-started */
  constructor(
    history: readonly RunEvent[],
    { journal, deadline }: { readonly journal: Journal; readonly deadline?: Deadline },
    stop: AbortSignal,
    observe: Observe,
  ) {
    this.#journal = journal;
    this.#deadline = deadline;
    this.#stop = stop;
    this.#either = deadline === undefined ? stop : AbortSignal.any([stop, deadline.signal]);
    this.observe = observe;
    let state: RunState | null = null;
    for (const event of history) {
      state = applyEvent(state, event);
      this.#chain.add(event);
    }
    if (state === null) throw new ContractViolation("a search needs a record that begins with run-started");
    this.#state = state;
  }

  get state(): RunState {
    return this.#state;
  }

  async record(...bodies: EventBody[]): Promise<void> {
    const shown: unknown[] = [];
    // Events that were stored together are folded in one turn, so that no other event comes between.
    for (const event of await this.#journal.append(bodies)) {
      this.#chain.add(event);
      this.#state = applyEvent(this.#state, event);
      shown.push(this.observe({ kind: "recorded", event, state: this.#state }));
    }
    await Promise.all(shown);
  }

  /** An event with the digest of everything recorded before it. It must be recorded next. */
  chained(body: Chained): EventBody {
    return { ...body, chain: this.#chain.of(body) };
  }

  // ----- Whether it may continue -----

  /** Interrupts the current work. The deadline limits only the search, not the tests after its end. */
  get signal(): AbortSignal {
    return this.#state.ended === null ? this.#either : this.#stop;
  }

  /** Raised when somebody stops the run. */
  get stop(): AbortSignal {
    return this.#stop;
  }

  isTimeUp(): boolean {
    return this.#deadline?.isOver() ?? false;
  }

  /** Whether an error means that the run's time is up, and not that somebody stopped it. */
  isEndOfTime(error: unknown): boolean {
    return error instanceof Interrupted && !this.#stop.aborted && this.isTimeUp();
  }

  async recordTimeUp(): Promise<void> {
    const allowed = this.#state.search.caps?.seconds ?? 0;
    const round = Math.max(1, this.#state.rounds.length);
    await this.record({ type: "cap-reached", round, cap: "seconds", allowed, spent: allowed, needed: 0 });
  }

  /** @throws Interrupted */
  throwIfStopped(): void {
    if (this.#stop.aborted) throw new Interrupted("stopped on request");
  }
}
