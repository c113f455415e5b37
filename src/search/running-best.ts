/**
 * The number of evaluations and the best value so far, kept from event to event.
 *
 * It says what `budgetSpent` and `best` say of the same state, without reading the whole run again.
 */
import type { RunEvent } from "./events.ts";
import { budgetSpent } from "./progress.ts";
import { best, isBetter, isOverLimit, valueOf } from "./results.ts";
import type { RunState } from "./state.ts";

export interface Sums {
  /** How many evaluations were made, failed ones included. */
  readonly evaluated: number;
  /** The objective of the best architecture within the limits; null: there is none. */
  readonly best: number | null;
}

export class RunningBest {
  #evaluated: number;
  #best: number | null;
  /** Architectures whose result also counts for an equivalent one that is within the limits. */
  readonly #shared = new Set<string>();

  /** @param state what was recorded before the first event that is added */
  constructor(state: RunState) {
    this.#evaluated = budgetSpent(state);
    this.#best = best(state)?.value ?? null;
    for (const { candidates } of state.rounds)
      for (const { verdict } of candidates)
        if (verdict.kind === "equivalent" && !isOverLimit(state, verdict.measured))
          this.#shared.add(verdict.twin);
  }

  /** Takes the next event, which `state` has already. */
  add(event: RunEvent, state: RunState): Sums {
    if (event.type === "round-proposed") {
      for (const { verdict } of event.candidates) {
        if (verdict.kind !== "equivalent" || isOverLimit(state, verdict.measured)) continue;
        this.#shared.add(verdict.twin);
        this.#take(state, valueOf(state, state.visited.get(verdict.twin)?.outcome ?? null));
      }
    }
    if (event.type === "architecture-measured") {
      this.#evaluated += 1;
      const verdict = state.rounds[event.round - 1]?.candidates[event.candidate]?.verdict;
      const isWithin = verdict?.kind === "accepted" && !verdict.overLimit;
      if (isWithin || this.#shared.has(event.text)) this.#take(state, valueOf(state, event.outcome));
    }
    return { evaluated: this.#evaluated, best: this.#best };
  }

  #take(state: RunState, value: number | null): void {
    if (value !== null && isBetter(state, value, this.#best)) this.#best = value;
  }
}
