/** A person who steers a search by a plan: hints and pauses at given moments. */
import { setImmediate as turn } from "node:timers/promises";
import type { Steering } from "../../src/search/ports.ts";

export type Deed = "hint" | "two hints" | "pause" | "resume" | "pause and resume";

/** What a person does, and at which of the moments that a search comes by. */
export interface Plan {
  readonly deeds: readonly { readonly at: number; readonly deed: Deed }[];
  /** How many turns of the event loop each moment takes, over and over. */
  readonly turns: readonly number[];
}

/** A person who follows a plan; a pause is ended once the search waits in it, after another hint perhaps. */
export class Person implements Steering {
  /** The round of each hint that was taken. */
  readonly told = new Map<string, number>();
  readonly refused: unknown[] = [];
  readonly #plan: Plan;
  readonly #name: string;
  #take: ((text: string) => Promise<number>) | null = null;
  #isPaused = false;
  #moments = 0;
  #hints = 0;
  readonly #given: Promise<void>[] = [];

  constructor(plan: Plan, name = "hint") {
    this.#plan = plan;
    this.#name = name;
  }

  isPaused(): boolean {
    return this.#isPaused;
  }

  async continued(): Promise<void> {
    await this.moment();
    this.#isPaused = false;
  }

  hintsTo(take: (text: string) => Promise<number>): void {
    this.#take = take;
  }

  hint(): void {
    const text = `${this.#name} number ${this.#hints++}.`;
    const take = this.#take;
    if (take === null) return;
    this.#given.push(
      take(text).then(
        (round) => void this.told.set(text, round),
        (error: unknown) => void this.refused.push(error),
      ),
    );
  }

  /** The search comes by. */
  async moment(): Promise<void> {
    const now = this.#moments++;
    for (const { at, deed } of this.#plan.deeds) {
      if (at !== now) continue;
      if (deed.includes("hint")) this.hint();
      if (deed === "two hints") this.hint();
      if (deed.startsWith("pause")) this.#isPaused = true;
      if (deed.endsWith("resume")) this.#isPaused = false;
    }
    const { turns } = this.#plan;
    for (let left = turns[now % turns.length] ?? 0; left > 0; left--) await turn();
  }

  get given(): number {
    return this.#hints;
  }

  async allAnswered(): Promise<void> {
    await Promise.all(this.#given);
  }
}
