/**
 * Calls an evaluator over one connection: a call ends early when its signal is raised or the server is silent for too long.
 *
 * What is asked and answered is grpc-evaluator.ts. Nothing is asked a second time here: the Coordinator does that.
 */
import { type ClientUnaryCall, credentials, type requestCallback, type ServiceError } from "@grpc/grpc-js";
import { type CollmError, EvaluatorUnavailable, Interrupted, UsageError } from "../errors.ts";
import type { EvaluateRequest } from "./contract/collm_nas/v1/EvaluateRequest.ts";
import type { EvaluateResponse__Output } from "./contract/collm_nas/v1/EvaluateResponse.ts";
import type { EvaluatorServiceClient } from "./contract/collm_nas/v1/EvaluatorService.ts";
import { errorOf } from "./grpc-errors.ts";
import { loadContract } from "./load-contract.ts";
import { throwIfRaised } from "./waiting.ts";

export interface GrpcEvaluatorOptions {
  /** HOST:PORT. */
  readonly address: string;
  /** A call without a message for this long is given up: the contract requires a sign of life every 20 s. */
  readonly silenceSeconds?: number;
  /**
   * How often a connection with an open call is pinged. Servers with gRPC's default settings close a connection with
   * more than one ping in 300 s. A server that is gone is noticed earlier, by its silence.
   */
  readonly keepaliveSeconds?: number;
}

const defaultKeepaliveSeconds = 330;
const mostPongSeconds = 10;
const largestMessageBytes = 64 * 1024 * 1024;
/** The most messages of a stream that wait here; after that the server waits. */
const mostWaiting = 1_000;

export class GrpcConnection {
  readonly #server: { readonly address: string; readonly keepaliveSeconds: number };
  readonly #silenceSeconds: number;
  #client: EvaluatorServiceClient;

  /** @throws UsageError when the address is not HOST:PORT. There is no connection before the first call. */
  constructor({
    address,
    silenceSeconds = 60,
    keepaliveSeconds = defaultKeepaliveSeconds,
  }: GrpcEvaluatorOptions) {
    const port = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):([0-9]{1,5})$/.exec(address)?.[1];
    if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
      throw new UsageError(`evaluator "${address}" is not HOST:PORT; write for example 127.0.0.1:50051`);
    }
    this.#server = { address, keepaliveSeconds };
    this.#silenceSeconds = silenceSeconds;
    this.#client = this.#connect();
  }

  /** One question and its answer. */
  async ask<Answer>(
    start: (client: EvaluatorServiceClient, done: requestCallback<Answer>) => ClientUnaryCall,
    signal: AbortSignal,
  ): Promise<Answer> {
    throwIfRaised(signal);
    let release = () => {};
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const call = start(this.#client, (error, answer) => {
          if (error === null) resolve(answer as Answer);
          else reject(watch.reason ?? errorOf(error, this.#server));
        });
        const watch = this.#watch(call, signal);
        release = watch.release;
      });
    } finally {
      release();
    }
  }

  /** Yields everything that arrived, also what arrived just before an error or the signal. */
  async *stream(request: EvaluateRequest, signal: AbortSignal): AsyncGenerator<EvaluateResponse__Output> {
    throwIfRaised(signal);
    const call = this.#client.evaluate(request);
    const watch = this.#watch(call, signal);
    const state: { arrived: EvaluateResponse__Output[]; error: CollmError | null; ended: boolean } = {
      arrived: [],
      error: null,
      ended: false,
    };
    let wake = () => {};
    call.on("data", (message: EvaluateResponse__Output) => {
      watch.alive();
      state.arrived.push(message);
      // Messages may arrive faster than they are used.
      if (state.arrived.length >= mostWaiting) call.pause();
      wake();
    });
    call.on("error", (error: ServiceError) => {
      state.error ??= watch.reason ?? errorOf(error, this.#server);
      watch.release();
      wake();
    });
    call.on("end", () => {
      state.ended = true;
      watch.release();
      wake();
    });
    try {
      for (;;) {
        const taken = state.arrived.splice(0);
        if (call.isPaused()) call.resume();
        yield* taken;
        if (state.arrived.length > 0) continue;
        if (state.error !== null) throw state.error;
        if (state.ended) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      watch.release();
      call.cancel();
    }
  }

  /** Open calls still end by themselves. */
  close(): void {
    this.#client.close();
  }

  #connect(): EvaluatorServiceClient {
    const { EvaluatorService } = loadContract();
    const { address, keepaliveSeconds } = this.#server;
    return new EvaluatorService(`dns:${address}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": largestMessageBytes,
      "grpc.max_send_message_length": largestMessageBytes,
      "grpc.keepalive_time_ms": keepaliveSeconds * 1000,
      "grpc.keepalive_timeout_ms": Math.min(keepaliveSeconds, mostPongSeconds) * 1000,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1000,
      "grpc.dns_min_time_between_resolutions_ms": 1000,
      // Only the Coordinator asks again.
      "grpc.enable_retries": 0,
      // Neither the server's DNS entry nor the environment decides how it is called.
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_http_proxy": 0,
      // A connection that was given up must not be used by the next client.
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  /** Cancels a call when the signal is raised or the server is silent for too long; `reason` then says why. */
  #watch(call: { cancel(): void }, signal: AbortSignal) {
    const client = this.#client;
    const give = (reason: CollmError) => {
      watch.reason ??= reason;
      call.cancel();
    };
    const interrupt = () => give(new Interrupted("stopped on request"));
    const timer = setTimeout(() => {
      give(
        new EvaluatorUnavailable(
          `evaluator ${this.#server.address} was silent for ${this.#silenceSeconds} s; check whether it hangs`,
        ),
      );
      if (this.#client !== client) return;
      // A connection that swallows one call may swallow the next call too.
      client.close();
      this.#client = this.#connect();
    }, this.#silenceSeconds * 1000);
    signal.addEventListener("abort", interrupt, { once: true });
    const watch = {
      reason: null as CollmError | null,
      alive: () => {
        timer.refresh();
      },
      release: () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", interrupt);
      },
    };
    return watch;
  }
}
