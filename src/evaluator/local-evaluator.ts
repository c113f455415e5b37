/**
 * A Python evaluator of this machine as an evaluator of the search: starts with the first call, and starts again if it died.
 *
 * python-evaluator.ts starts and stops the process, grpc-evaluator.ts talks to it.
 */
import { EvaluatorUnavailable, Interrupted, UsageError } from "../errors.ts";
import type { MeasuredCost } from "../search/events.ts";
import type {
  CostRequest,
  EvaluationMessage,
  EvaluationRequest,
  Evaluator,
  SpaceCatalog,
} from "../search/ports.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { EvaluatorLog } from "./evaluator-log.ts";
import { GrpcEvaluator } from "./grpc-evaluator.ts";
import {
  type PythonEvaluator,
  type PythonEvaluatorOptions,
  startPythonEvaluator,
} from "./python-evaluator.ts";
import { throwIfRaised, unlessRaised, within } from "./waiting.ts";

export interface LocalEvaluatorOptions extends Omit<PythonEvaluatorOptions, "log"> {
  readonly silenceSeconds?: number;
}

/**
 * A Python evaluator that starts with the first call. If it dies, the open call fails with EvaluatorUnavailable, as with
 * any server that goes away, and the next call starts it again.
 */
export class LocalEvaluator implements Evaluator, SpaceCatalog {
  readonly #options: LocalEvaluatorOptions;
  readonly #log = new EvaluatorLog();
  readonly #closing = new AbortController();
  #running: Promise<Running> | null = null;
  #startedBefore = false;

  constructor(options: LocalEvaluatorOptions) {
    this.#options = options;
  }

  async list(signal: AbortSignal): ReturnType<SpaceCatalog["list"]> {
    return await this.#with(signal, (client) => client.list(signal));
  }

  async describe(spaceId: string, signal: AbortSignal): Promise<SpaceDescription> {
    return await this.#with(signal, (client) => client.describe(spaceId, signal));
  }

  async measureCosts(request: CostRequest, signal: AbortSignal): Promise<readonly MeasuredCost[]> {
    return await this.#with(signal, (client) => client.measureCosts(request, signal));
  }

  async *evaluate(request: EvaluationRequest, signal: AbortSignal): AsyncGenerator<EvaluationMessage> {
    const running = await this.#start(signal);
    try {
      yield* running.client.evaluate(request, signal);
    } catch (error) {
      throw await running.explained(error, this.#where());
    }
  }

  /** Appends to `file` all that the evaluator writes to standard error, before and after this call, in all its starts. */
  logTo(file: string): void {
    this.#log.begin(file);
  }

  /** Ends the evaluator if it runs; every later call is Interrupted. */
  async close(): Promise<void> {
    this.#closing.abort();
    const running = await this.#running?.catch(() => null);
    await running?.client.close();
    await running?.server.stop();
  }

  async #with<T>(signal: AbortSignal, call: (client: GrpcEvaluator) => Promise<T>): Promise<T> {
    const running = await this.#start(signal);
    try {
      return await call(running.client);
    } catch (error) {
      throw await running.explained(error, this.#where());
    }
  }

  /** Names the log, at the end of an error message. */
  #where(): string {
    return this.#log.file === null ? "" : ` (its log: ${this.#log.file})`;
  }

  /** The running evaluator. Calls during its start wait for the same start. */
  async #start(signal: AbortSignal): Promise<Running> {
    throwIfRaised(signal);
    if (this.#closing.signal.aborted) throw new Interrupted("the evaluator was closed");
    this.#running ??= this.#run();
    return await unlessRaised(this.#running, signal);
  }

  async #run(): Promise<Running> {
    const forget = () => {
      this.#running = null;
    };
    try {
      const running = new Running(
        await startPythonEvaluator({ ...this.#options, log: this.#log }, this.#closing.signal),
        this.#options,
      );
      this.#startedBefore = true;
      void running.server.ended.then(async () => {
        forget();
        await running.client.close();
      });
      return running;
    } catch (error) {
      forget();
      // It ran before with the same settings.
      const ranBefore = error instanceof UsageError && this.#startedBefore;
      if (!ranBefore && !(error instanceof EvaluatorUnavailable)) throw error;
      throw new EvaluatorUnavailable(error.message + this.#where(), { cause: error });
    }
  }
}

// --- internal ---

/** A server and the client that talks to it. */
class Running {
  readonly server: PythonEvaluator;
  readonly client: GrpcEvaluator;

  constructor(server: PythonEvaluator, { silenceSeconds }: LocalEvaluatorOptions) {
    this.server = server;
    this.client = new GrpcEvaluator({
      address: server.address,
      ...(silenceSeconds !== undefined && { silenceSeconds }),
    });
  }

  /** Makes the error of a failed call: says that the evaluator died if it did, and `where` to read more. */
  async explained(error: unknown, where: string): Promise<unknown> {
    if (!(error instanceof EvaluatorUnavailable)) return error;
    // The connection breaks just before the process is known to have ended.
    const how = await within(0.25, this.server.ended);
    const what = how === null ? error.message + where : `${how}${where}; the next call starts it again`;
    return new EvaluatorUnavailable(what, { cause: error });
  }
}
