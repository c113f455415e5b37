/**
 * One call of a model: as many requests to its server as it takes, with all they cost.
 *
 * The only place that asks again. Waits as long as the server asks for, else a time that doubles with each attempt.
 */
import { ChatUnavailable, Interrupted } from "../errors.ts";
import type { Probe } from "../search/events.ts";
import type { Clock } from "../search/ports.ts";
import type { ChatServer } from "./chat-server.ts";
import type { ChatFailure } from "./chat-failure.ts";
import type { RequestBodies, RequestBody } from "./chat-request.ts";
import type { Completion } from "./completion.ts";

export interface RetrySettings {
  /** How often a request is repeated at most. A wait that the server asks for with its length does not count. */
  readonly retries: number;
  readonly clock: Clock;
  /** Called before each wait, with its length and its reason. */
  readonly onRetry: (seconds: number, reason: string) => void;
}

/** What a call asks. */
export interface CallContext {
  readonly label: string;
  /** The base URL in the form to show. */
  readonly address: string;
  readonly server: ChatServer;
  readonly bodies: RequestBodies;
  readonly settings: RetrySettings;
  /** Called when the server refuses every form: it may refuse something else. */
  readonly onAllFormsRefused: () => void;
}

/** A reply, or the server's objection to the form that was asked for. */
export type Answer =
  | { readonly completion: Completion; readonly refused?: never }
  | { readonly completion?: never; readonly refused: ChatFailure };

const longestBackOff = 60;

export class ChatCall {
  readonly signal: AbortSignal;
  /** What each failed attempt was, in words. */
  readonly failures: string[] = [];
  readonly probes: Probe[] = [];
  /** What a person should know of the call, a sentence each. */
  readonly notes: string[] = [];
  /** The first objection to a form: it says more than the objections to the looser output modes. */
  firstRefusal: ChatFailure | null = null;
  /** How many failed attempts the server may charge for. */
  billed = 0;
  readonly #context: CallContext;
  readonly #mostBilled: number;
  readonly #begin: number;

  /** @param mostBilled the most failed attempts that may be charged for */
  constructor(context: CallContext, signal: AbortSignal, mostBilled = Number.POSITIVE_INFINITY) {
    this.signal = signal;
    this.#context = context;
    this.#mostBilled = mostBilled;
    this.#begin = context.settings.clock.seconds();
  }

  /** How long the call has taken so far. */
  get seconds(): number {
    return this.#context.settings.clock.seconds() - this.#begin;
  }

  /**
   * Asks until there is an answer. An objection to the form ends it where `mayStepDown`. A setting that the server
   * objects to, and that may be left out, is left out.
   *
   * @throws ChatUnavailable, Interrupted
   */
  async ask(
    body: () => RequestBody,
    mayStepDown: boolean,
    onText: (characters: number) => void = () => {},
  ): Promise<Answer> {
    const { server, bodies, settings } = this.#context;
    const { clock, onRetry, retries } = settings;
    let strange = 0;
    let pauses = 0;
    for (let attempts = 1; ; attempts++) {
      if (this.signal.aborted) throw this.interrupted();
      const attempt = await server.ask(body(), this.signal, onText);
      if (attempt.ok) return { completion: attempt.completion };
      if (this.signal.aborted) throw this.interrupted();
      const { failure } = attempt;
      const { what, again, wait, isPause, isBilled, objection } = failure;
      if (objection !== null && objection.fields.length > 0) {
        this.notes.push(...bodies.adapt(objection));
        attempts -= 1;
        continue;
      }
      if (objection?.isAboutForm === true && mayStepDown) return { refused: failure };
      if (isBilled) this.billed += 1;
      if (isPause) pauses += 1;
      if (again === "twice") strange += 1;
      const counted = attempts - pauses;
      const isPaidOut = isBilled && this.billed >= this.#mostBilled;
      if (again === "never" || strange > 2 || (!isPause && counted > retries) || isPaidOut)
        throw this.unavailable(failure, attempts, isPaidOut);
      this.failures.push(what);
      // A server that asks for short waits without end is asked less and less often.
      const least = isPause && pauses > retries ? backOff(pauses - retries) : 0;
      const seconds = Math.max(wait ?? backOff(Math.max(1, counted)), least);
      onRetry(seconds, `the model server ${what}`);
      await clock.sleep(seconds, this.signal);
    }
  }

  /** The error for a call that ends without a reply. */
  unavailable(last: ChatFailure, attempts = 1, isPaidOut = false): ChatUnavailable {
    const refusedForm = last.objection?.isAboutForm === true ? this.firstRefusal : null;
    if (refusedForm !== null) this.#context.onAllFormsRefused();
    const { what, remedy } = refusedForm ?? last;
    const count = attempts === 1 ? "" : ` in the last of ${attempts} attempts`;
    const cap = isPaidOut ? "another attempt could be charged beyond a cap of this run; " : "";
    return new ChatUnavailable(
      `the model server at ${this.#context.address} ${what}${count}: ${cap}${remedy}`,
      {
        failures: [...this.failures, what],
        billed: this.billed,
        seconds: this.seconds,
      },
    );
  }

  interrupted(): Interrupted {
    return new Interrupted(`stopped on request while model ${this.#context.label} was asked`);
  }
}

// --- internal ---

/** Half to whole of a time that doubles with each attempt. */
function backOff(attempts: number): number {
  return Math.min(longestBackOff, 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
}
