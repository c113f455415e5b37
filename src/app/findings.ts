/**
 * What the doctor has found so far, and what it used up.
 *
 * The exit code is that of the first problem.
 */
import { ChatUnavailable, CollmError, Interrupted } from "../errors.ts";
import type { ChatReply, Price } from "../search/events.ts";
import { usdOf } from "../search/spend.ts";
import { withoutResume } from "../text/without-resume.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warning" | "problem" | "skipped";
  readonly what: string;
  /** The next step; absent where none is needed. */
  readonly next?: string;
}

/** What the doctor itself used up. */
export interface DoctorSpent {
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Null where a price is not known. */
  readonly usd: number | null;
  readonly seconds: number;
}

export class Findings {
  readonly list: Finding[] = [];
  spent: DoctorSpent = { calls: 0, inputTokens: 0, outputTokens: 0, usd: 0, seconds: 0 };
  /** That of the first problem; 0 as long as there is none. */
  exitCode = 0;
  readonly #signal: AbortSignal;

  /** @param signal raised to stop the doctor */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** How many problems there are. */
  get problems(): number {
    return this.list.filter(({ status }) => status === "problem").length;
  }

  add(check: string, status: Finding["status"], what: string, next?: string): void {
    this.list.push({ check, status, what, ...(next === undefined ? {} : { next }) });
  }

  problem(check: string, exitCode: number, what: string, next: string): void {
    this.add(check, "problem", what, next);
    this.exitCode ||= exitCode;
  }

  /** The value, or null and a problem in the error's own words. */
  async try<T>(check: string, attempt: () => Promise<T>): Promise<T | null> {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof CollmError) || (error instanceof Interrupted && this.#signal.aborted))
        throw error;
      if (error instanceof ChatUnavailable) this.#took(error.spent.seconds);
      this.add(check, "problem", withoutResume(error.message));
      this.exitCode ||= error.exitCode;
      return null;
    }
  }

  /** Counts a reply, and what was asked before it to learn how to ask. */
  paid(reply: ChatReply, price: Price | null): void {
    for (const { inputTokens: input, outputTokens: output } of [reply, ...(reply.probes ?? [])]) {
      const tokens = { inputTokens: input ?? 0, outputTokens: output ?? 0 };
      const { calls, inputTokens, outputTokens, usd, seconds } = this.spent;
      this.spent = {
        calls: calls + 1,
        inputTokens: inputTokens + tokens.inputTokens,
        outputTokens: outputTokens + tokens.outputTokens,
        usd: price === null || usd === null ? null : usd + usdOf(price, tokens),
        seconds,
      };
    }
    this.#took(reply.seconds);
  }

  #took(seconds: number): void {
    this.spent = { ...this.spent, seconds: this.spent.seconds + seconds };
  }
}
