/**
 * A run as lines of JSON on standard output, for a program that drives it (`--events`).
 *
 * One object a line: `begun`, then `event`, `progress` and `waiting` as they come, `ended` last. docs/reference/driving.md has
 * the shapes. It waits for a reader that is slow: an event is waited for, and what only tells how far an evaluation is, is left
 * out meanwhile. It writes no files and decides nothing.
 */
import { once } from "node:events";
import { resolve } from "node:path";
import { type Summary, withoutTrace } from "../app/summary.ts";
import type { Notice } from "../search/live-run.ts";
import { budgetSpent } from "../search/progress.ts";
import { RunningBest } from "../search/running-best.ts";
import type { RunState } from "../search/state.ts";
import { plainJson } from "../text/plain.ts";
import type { TextStream } from "./style.ts";

export class RunLines {
  readonly #stdout: TextStream;
  /** The wait for a reader that is slow; null: there is room. */
  #room: Promise<unknown> | null = null;
  #run: string | null = null;
  #best: RunningBest | null = null;
  #summary: Omit<Summary, "trace"> | null = null;
  #error: { readonly name: string; readonly message: string } | null = null;

  constructor(stdout: TextStream) {
    this.#stdout = stdout;
  }

  /**
   * The run has begun, or continues, or had come to its end before: `state` is what its record says so far, `continued` whether
   * there was a record before this command. Only the first call counts.
   */
  begun(state: RunState, folder: string, continued: boolean): void {
    if (this.#run !== null) return;
    this.#run = resolve(folder);
    this.#best = new RunningBest(state);
    const evaluated = budgetSpent(state);
    const { budget } = state.search;
    void this.#write({ kind: "begun", run: this.#run, continued, evaluated, budget });
  }

  /** @returns for an event, what to wait for before the next one */
  observe(notice: Notice): Promise<unknown> | undefined {
    switch (notice.kind) {
      case "recorded": {
        const { event, state } = notice;
        const found = this.#best?.add(event, state);
        const sums = event.type === "architecture-measured" ? found : undefined;
        return this.#write({ kind: "event", event, ...sums });
      }
      case "progress":
      case "waiting":
        if (this.#room === null) void this.#write(notice);
        return undefined;
      case "asking":
        return undefined;
    }
  }

  /** What the run came to, for the last line. */
  result(summary: Summary): void {
    this.#summary = withoutTrace(summary);
  }

  /** The error that the run ended with, for the last line. */
  failed(error: unknown, message: string): void {
    this.#error = { name: error instanceof Error ? error.name : "Error", message };
  }

  /** The last line. */
  async ended(exitCode: number): Promise<void> {
    const run = this.#run;
    await this.#write({ kind: "ended", exitCode, run, summary: this.#summary, error: this.#error });
  }

  #write(line: object): Promise<unknown> {
    const isRoom = this.#stdout.write(`${plainJson(JSON.stringify(line))}\n`);
    // A reader that is gone never makes room.
    if (!isRoom && this.#stdout.writable) this.#room ??= this.#drained();
    return this.#room ?? Promise.resolve();
  }

  async #drained(): Promise<void> {
    const over = new AbortController();
    const { signal } = over;
    const ends = ["drain", "close"].map((name) => once(this.#stdout, name, { signal }));
    // Who owns the stream reacts to its errors.
    await Promise.race(ends).catch(() => {});
    over.abort();
    this.#room = null;
  }
}
