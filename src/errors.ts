/**
 * Every error a run can end with, named by what its reader does next.
 *
 * Each kind has its meaning, its exit code and whether waiting can help. The code that throws writes the message: what
 * happened, where, and the next step. Anything that is not one of these is a bug and ends with exit code 1.
 */

/** The base: `exitCode` is what the process ends with. */
export abstract class CollmError extends Error {
  abstract readonly exitCode: 2 | 3 | 4 | 5 | 6 | 7;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The command, a flag, a key or a value is wrong: correct it and start again. */
export class UsageError extends CollmError {
  readonly exitCode = 2;
}

/** The model server did not answer in spite of retries, or refuses us: mend it, then resume. */
export class ChatUnavailable extends CollmError {
  readonly exitCode = 3;
  /** What the attempts that brought no reply were, how many of them may be charged for, and how long they took. */
  readonly spent: { readonly failures: readonly string[]; readonly billed: number; readonly seconds: number };

  constructor(message: string, spent: ChatUnavailable["spent"] = { failures: [], billed: 0, seconds: 0 }) {
    super(message);
    this.spent = spent;
  }
}

/** The evaluator is starting, gone or silent. The Coordinator waits and asks again; then: mend it and resume. */
export class EvaluatorUnavailable extends CollmError {
  readonly exitCode = 3;
}

/** Somebody asked the run to stop: resume it when wanted. */
export class Interrupted extends CollmError {
  readonly exitCode = 3;
}

/** The model answers, but what it says cannot be used, again and again: try another model or prompt. */
export class UnusableReply extends CollmError {
  readonly exitCode = 4;
}

/** The evaluator broke the contract, or changed under the run: repair or replace it; waiting cannot help. */
export class ContractViolation extends CollmError {
  readonly exitCode = 5;
}

/** The journal cannot be trusted: restore the file from a copy. */
export class JournalDamaged extends CollmError {
  readonly exitCode = 5;
}

/** Another process is writing this run: wait for it or stop it. */
export class JournalLocked extends CollmError {
  readonly exitCode = 5;
}

/** Re-running the decisions gave another event than the recorded one: the record or the program was changed. */
export class ReplayDivergence extends CollmError {
  readonly exitCode = 6;
}

/** The run ended without a usable winner: repair the evaluator, its data or the limits, then continue. */
export class NoUsableWinner extends CollmError {
  readonly exitCode = 7;
}
