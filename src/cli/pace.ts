/**
 * What is being evaluated right now, since when, and how long the rest will take.
 *
 * The estimate is that of search/time-left.ts, from the seconds that evaluations took, as far as the record has them, else
 * as far as they were watched. It draws nothing, and takes the time from the caller.
 */
import type { Notice } from "../search/live-run.ts";
import { spend } from "../search/spend.ts";
import { budgetSpent } from "../search/progress.ts";
import { evaluations, untestedWinner } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { acceptedARound, secondsLeft } from "../search/time-left.ts";

/** An estimate that is longer than the one before by no more than this share is none: it would only go up and down. */
const steadiness = 0.15;

type Recorded = Extract<Notice, { kind: "recorded" }>;
type Progress = Extract<Notice, { kind: "progress" }>;

/** The evaluation under way. */
export interface Current {
  readonly split: "search" | "test";
  /** Which one it is of how many that are evaluated together, from 1. */
  readonly place: number;
  readonly of: number;
  /** How much of it is done, 0 to 1; 0 also as long as the evaluator tells nothing. */
  readonly fraction: number;
  /** What the evaluator says of it; may be empty. */
  readonly note: string;
  /** How long it has taken so far. */
  readonly seconds: number;
}

export class Pace {
  readonly #seconds: () => number;
  /** Events up to this one were recorded before anybody watched. */
  readonly #from: number;
  #group: { readonly split: "search" | "test"; readonly of: number; done: number } | null = null;
  #heard: Progress | null = null;
  #since = 0;
  #watched = { evaluations: 0, seconds: 0 };
  /** The most that was known to be done of the evaluation under way: what is done does not come undone. */
  #furthest = 0;
  /** The time left as it was shown last. */
  #shown: number | null = null;

  /** @param from the number of the last event that is recorded already */
  constructor(seconds: () => number, from: number) {
    this.#seconds = seconds;
    this.#from = from;
  }

  recorded({ event, state }: Recorded): void {
    if (event.type === "round-proposed")
      this.#begin("search", event.candidates.filter(({ verdict }) => verdict.kind === "accepted").length);
    if (event.type === "architecture-measured") this.#done(event.seq > this.#from);
    if (event.type === "run-ended") this.#begin("test", untestedWinner(state) === null ? 0 : 1);
    if (event.type === "round-closed" || event.type === "winner-tested") this.#group = null;
  }

  progress(notice: Progress): void {
    this.#heard = notice;
  }

  /** The evaluation under way; null while there is none. */
  current(): Current | null {
    if (this.#group === null) return null;
    const { split, of, done } = this.#group;
    const { place, fraction, note } = this.#heard ?? { place: done + 1, fraction: 0, note: "" };
    return { split, place, of, fraction, note, seconds: this.#seconds() - this.#since };
  }

  /**
   * How long the rest of the budget will take if all of it is spent; null while nothing tells. From call to call it
   * only grows where evaluations have become clearly slower.
   */
  secondsLeft(state: RunState): number | null {
    const each = this.#secondsEach(state);
    if (budgetSpent(state) === 0 || each === null) return null;
    const current = this.current();
    const begun = current === null || current.split === "test" ? 0 : this.#begun(current, each);
    const estimate = secondsLeft(state, each, begun) ?? 0;
    const isSteady =
      this.#shown !== null && estimate > this.#shown && estimate <= this.#shown * (1 + steadiness);
    if (!isSteady) this.#shown = estimate;
    return this.#shown;
  }

  /** How much of the evaluation under way is done. */
  #begun({ fraction, seconds }: Current, each: number): number {
    const known = fraction > 0 ? fraction : Math.min(seconds / Math.max(each, Number.EPSILON), 1);
    this.#furthest = Math.max(this.#furthest, known);
    return this.#furthest;
  }

  /** What one evaluation takes: as the evaluator tells, so many at a time, else as it was watched. */
  #secondsEach(state: RunState): number | null {
    const measured = evaluations(state).filter(({ outcome }) => outcome.kind === "measurement").length;
    const together = Math.min(state.space.parallelism, Math.max(1, acceptedARound(state) ?? 1));
    const recorded = spend(state).evaluationSeconds / together;
    if (recorded > 0) return recorded / measured;
    return this.#watched.evaluations === 0 ? null : this.#watched.seconds / this.#watched.evaluations;
  }

  #begin(split: "search" | "test", of: number): void {
    this.#group = of === 0 ? null : { split, of, done: 0 };
    this.#next();
  }

  #done(isWatched: boolean): void {
    if (this.#group === null) return;
    if (isWatched) {
      this.#watched.evaluations += 1;
      this.#watched.seconds += this.#seconds() - this.#since;
    }
    this.#group.done += 1;
    if (this.#group.done === this.#group.of) this.#group = null;
    this.#next();
  }

  #next(): void {
    this.#heard = null;
    this.#furthest = 0;
    this.#since = this.#seconds();
  }
}
