/**
 * Makes the calls of the contract just as they are, and keeps what came: an answer, or the status with which a call ended.
 *
 * It checks no answer and changes none: the checks of src/app/conform-checks.ts do. What a server sends is bounded here, in number and size.
 */
import { status } from "@grpc/grpc-js";
import { CollmError, Interrupted } from "../errors.ts";
import type { DescribeSpaceResponse__Output } from "./contract/collm_nas/v1/DescribeSpaceResponse.ts";
import type { EvaluateRequest } from "./contract/collm_nas/v1/EvaluateRequest.ts";
import type { EvaluateResponse__Output } from "./contract/collm_nas/v1/EvaluateResponse.ts";
import type { ListSpacesResponse__Output } from "./contract/collm_nas/v1/ListSpacesResponse.ts";
import type { MeasureCostRequest } from "./contract/collm_nas/v1/MeasureCostRequest.ts";
import type { MeasureCostResponse__Output } from "./contract/collm_nas/v1/MeasureCostResponse.ts";
import type { Outcome__Output } from "./contract/collm_nas/v1/Outcome.ts";
import { GrpcConnection } from "./grpc-connection.ts";
import { statusOf } from "./grpc-errors.ts";
import { within } from "./waiting.ts";
import { systemClock } from "../system/clock.ts";

/** A call that ended without an answer. */
export interface Refused {
  /** The name of its gRPC status; null: this side gave the call up. */
  readonly status: string | null;
  /** The status and its text, as one line. */
  readonly words: string;
}

/** What a question got: its answer, or how the call ended. */
export type Answered<T> =
  | { readonly answer: T; readonly refused: null }
  | { readonly answer: null; readonly refused: Refused };

/** What is kept of a sign of progress. */
export interface Sign {
  readonly index: number;
  readonly fraction: number;
}

/** What one call of Evaluate brought. */
export interface Heard {
  /** In the order in which they came. */
  readonly outcomes: readonly Outcome__Output[];
  /** The first of them; a server may send very many. */
  readonly progress: readonly Sign[];
  /** How many messages were neither. */
  readonly strange: number;
  /** The longest time without a message. */
  readonly silenceSeconds: number;
  /** How it ended; null: properly, or it was cancelled here. */
  readonly refused: Refused | null;
}

export interface ProbeOptions {
  readonly address: string;
  /** A call that brings nothing for so long is given up. */
  readonly giveUpSeconds: number;
  readonly signal: AbortSignal;
}

const mostSigns = 10_000;
/** How often, and how long after another, a server that has gone is looked for. */
const looks = { count: 6, seconds: 0.3, patienceSeconds: 20 } as const;
/** A server that has no room is asked again, at most for so long. */
const room = { seconds: 60, waitSeconds: 0.5 } as const;

export class Probe {
  readonly address: string;
  /** How many architectures were sent to be evaluated, and not refused. */
  evaluated = 0;
  readonly #connection: GrpcConnection;
  readonly #signal: AbortSignal;

  /** @throws UsageError when the address is not HOST:PORT */
  constructor({ address, giveUpSeconds, signal }: ProbeOptions) {
    this.#connection = new GrpcConnection({ address, silenceSeconds: giveUpSeconds });
    this.address = address;
    this.#signal = signal;
  }

  /** The list of spaces. @throws EvaluatorUnavailable or ContractViolation, as every client has it */
  async listOrThrow(): Promise<ListSpacesResponse__Output> {
    return await this.#connection.ask((client, done) => client.listSpaces({}, done), this.#signal);
  }

  async describe(spaceId: string): Promise<Answered<DescribeSpaceResponse__Output["space"]>> {
    const asked = await this.#answered(() =>
      this.#connection.ask<DescribeSpaceResponse__Output>(
        (client, done) => client.describeSpace({ spaceId }, done),
        this.#signal,
      ),
    );
    return asked.refused === null ? { ...asked, answer: asked.answer.space } : asked;
  }

  async measureCost(request: MeasureCostRequest): Promise<Answered<MeasureCostResponse__Output["costs"]>> {
    const asked = await this.#answered(() =>
      this.#connection.ask<MeasureCostResponse__Output>(
        (client, done) => client.measureCost(request, done),
        this.#signal,
      ),
    );
    return asked.refused === null ? { ...asked, answer: asked.answer.costs } : asked;
  }

  /**
   * Evaluates, and keeps what comes.
   *
   * @param onMessage sees each message; true: cancel the call
   * @param signal cancels the call
   */
  async evaluate(
    request: EvaluateRequest,
    onMessage: (message: EvaluateResponse__Output) => boolean = () => false,
    signal: AbortSignal = this.#signal,
  ): Promise<Heard> {
    const either = AbortSignal.any([signal, this.#signal]);
    const count = request.architectures?.length ?? 0;
    const outcomes: Outcome__Output[] = [];
    const progress: Sign[] = [];
    let [strange, silenceSeconds, last] = [0, 0, systemClock.seconds()];
    let refused: Refused | null = null;
    const elapsed = () => {
      const now = systemClock.seconds();
      silenceSeconds = Math.max(silenceSeconds, now - last);
      last = now;
    };
    try {
      for await (const message of this.#connection.stream(request, either)) {
        elapsed();
        if (message.outcome) outcomes.push(message.outcome);
        else if (!message.progress) strange += 1;
        else if (progress.length < mostSigns) {
          const { index, fraction } = message.progress;
          progress.push({ index, fraction });
        }
        // More than twice as many as were asked for: it may never end.
        if (onMessage(message) || outcomes.length + strange > 2 * count + 10) break;
      }
    } catch (error) {
      if (!(error instanceof Interrupted) || this.#signal.aborted) refused = refusedOf(error);
    }
    elapsed();
    if (refused === null || outcomes.length > 0) this.evaluated += count;
    return { outcomes, progress, strange, silenceSeconds, refused };
  }

  /** The result of a call, asked for again while the server says that it has no room. */
  async withRoom<T extends { readonly refused: Refused | null }>(call: () => Promise<T>): Promise<T> {
    const end = systemClock.seconds() + room.seconds;
    for (;;) {
      const result = await call();
      if (result.refused?.status !== "RESOURCE_EXHAUSTED" || systemClock.seconds() >= end) return result;
      await systemClock.sleep(room.waitSeconds, this.#signal);
    }
  }

  /** Whether the server still answers. */
  async isThere(): Promise<boolean> {
    for (let look = 0; look < looks.count; look++) {
      if (look > 0) await systemClock.sleep(looks.seconds, this.#signal);
      const asked = await within(
        looks.patienceSeconds,
        this.#answered(() => this.listOrThrow()),
      );
      if (asked === null) return false;
      if (asked.refused?.status !== "UNAVAILABLE") return asked.refused?.status !== null;
    }
    return false;
  }

  close(): void {
    this.#connection.close();
  }

  async #answered<T>(ask: () => Promise<T>): Promise<Answered<T>> {
    try {
      return { answer: await ask(), refused: null };
    } catch (error) {
      return { answer: null, refused: refusedOf(error) };
    }
  }
}

// --- internal ---

/** @throws what is no answer of a server: an interruption, a bug */
function refusedOf(error: unknown): Refused {
  if (!(error instanceof CollmError) || error instanceof Interrupted) throw error;
  const { code, details } = statusOf(error);
  if (code === null) return { status: null, words: error.message };
  const name = (status[code] as string | undefined) ?? `status ${code}`;
  return { status: name, words: `${name}: ${details}` };
}
