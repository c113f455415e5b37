/**
 * Talks to an evaluator over the gRPC contract (proto/collm_nas/v1/evaluator.proto).
 *
 * Translates between the contract's messages and the types of the search, makes an error for the caller of each status,
 * and checks every answer strictly: all numbers that leave this file are there and finite. Starts no server
 * (python-evaluator.ts does) and never asks a second time (the Coordinator does).
 */
import { fileURLToPath } from "node:url";
import {
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type requestCallback,
  type ServiceError,
  setLogger,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import {
  type CollmError,
  ContractViolation,
  EvaluatorUnavailable,
  Interrupted,
  UsageError,
} from "../errors.ts";
import type { MeasuredCost, Outcome } from "../search/events.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import type {
  CostRequest,
  EvaluationMessage,
  EvaluationRequest,
  Evaluator,
  SpaceCatalog,
} from "../search/ports.ts";
import { Space } from "../search/space.ts";
import { type SpaceDescription, spaceDescriptionSchema } from "../search/space-description.ts";
import type { ArchitectureCost__Output } from "./contract/collm_nas/v1/ArchitectureCost.ts";
import type { DescribeSpaceResponse__Output } from "./contract/collm_nas/v1/DescribeSpaceResponse.ts";
import type { EvaluateRequest } from "./contract/collm_nas/v1/EvaluateRequest.ts";
import type { EvaluateResponse__Output } from "./contract/collm_nas/v1/EvaluateResponse.ts";
import type { EvaluatorServiceClient } from "./contract/collm_nas/v1/EvaluatorService.ts";
import type { FailureKind__Output } from "./contract/collm_nas/v1/FailureKind.ts";
import type { ListSpacesResponse__Output } from "./contract/collm_nas/v1/ListSpacesResponse.ts";
import type { MeasureCostResponse__Output } from "./contract/collm_nas/v1/MeasureCostResponse.ts";
import type { Outcome__Output } from "./contract/collm_nas/v1/Outcome.ts";
import type { ProtoGrpcType } from "./contract/evaluator.ts";
import { beyondBounds, boundedText, isTooLong, listBeyondBounds } from "./contract-bounds.ts";
import { contractOptions } from "./contract-options.ts";

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
const longestDetail = 600;
/** The most messages of a stream that wait here; after that the server waits. */
const mostWaiting = 1_000;
/** The path is the same from src/evaluator and from dist/evaluator. */
const protoFile = new URL("../../proto/collm_nas/v1/evaluator.proto", import.meta.url);

type FailureName = Extract<Outcome, { kind: "failure" }>["failure"];

const failures: Readonly<Record<FailureKind__Output, FailureName>> = {
  FAILURE_KIND_UNSPECIFIED: "crashed",
  OUT_OF_MEMORY: "out-of-memory",
  NOT_FINITE: "not-finite",
  OUT_OF_RANGE: "out-of-range",
  CRASHED: "crashed",
};

type Catalogue = Awaited<ReturnType<SpaceCatalog["list"]>>;

let contract: ProtoGrpcType["collm_nas"]["v1"] | null = null;

/** The contract in the form of grpc-js: `EvaluatorService` is the client's class, `EvaluatorService.service` is for servers. */
export function loadContract(): ProtoGrpcType["collm_nas"]["v1"] {
  contract ??= load();
  return contract;
}

function load(): ProtoGrpcType["collm_nas"]["v1"] {
  // A failed call has an error. The log lines of grpc-js would reach the terminal unfiltered.
  const silent = () => {};
  setLogger({ error: silent, info: silent, debug: silent });
  const definition = loadPackageDefinition(loadSync(fileURLToPath(protoFile), contractOptions));
  return (definition as unknown as ProtoGrpcType).collm_nas.v1;
}

/** The text of every error names the address and what to do next. */
export class GrpcEvaluator implements Evaluator, SpaceCatalog {
  readonly #address: string;
  readonly #silenceSeconds: number;
  readonly #keepaliveSeconds: number;
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
    this.#address = address;
    this.#silenceSeconds = silenceSeconds;
    this.#keepaliveSeconds = keepaliveSeconds;
    this.#client = this.#connect();
  }

  async list(signal: AbortSignal): Promise<Catalogue> {
    const answer = await this.#ask<ListSpacesResponse__Output>(
      (client, done) => client.listSpaces({}, done),
      signal,
    );
    const excess = listBeyondBounds(answer.spaces);
    if (excess !== null) throw this.#broken(`its list of spaces has ${excess}`);
    const ids = answer.spaces.map(({ id }) => id);
    if (ids.includes("") || new Set(ids).size < ids.length) {
      throw this.#broken("it lists a space without an id, or one twice");
    }
    return answer;
  }

  async describe(spaceId: string, signal: AbortSignal): Promise<SpaceDescription> {
    try {
      const answer = await this.#ask<DescribeSpaceResponse__Output>(
        (client, done) => client.describeSpace({ spaceId }, done),
        signal,
      );
      return this.#description(spaceId, answer.space);
    } catch (error) {
      const { code, details } = statusBehind(error);
      if (code === status.NOT_FOUND) throw await this.#unknownSpace(spaceId, error, signal);
      if (code === status.FAILED_PRECONDITION) {
        throw new UsageError(`evaluator ${this.#address} cannot serve space "${spaceId}" now: ${details}`, {
          cause: error,
        });
      }
      throw error;
    }
  }

  async measureCosts({ space, texts }: CostRequest, signal: AbortSignal): Promise<readonly MeasuredCost[]> {
    const names = space.costs.map(({ name }) => name);
    const measured: MeasuredCost[] = [];
    for (const batch of batches(texts, space.maxBatch)) {
      const request = { spaceId: space.id, spaceDigest: space.digest, architectures: batch };
      const { costs } = await this.#ask<MeasureCostResponse__Output>(
        (client, done) => client.measureCost(request, done),
        signal,
      );
      if (costs.length !== batch.length) {
        throw this.#broken(`it gave ${costs.length} costs for ${batch.length} architectures`);
      }
      for (const [place, text] of batch.entries()) {
        const answer = costs[place] as ArchitectureCost__Output;
        this.#requireText(answer.architecture, text);
        const missing = names.find((name) => !Number.isFinite(numberAt(answer.costs, name)));
        if (missing !== undefined) {
          throw this.#broken(`it gave no finite value for cost "${missing}" of ${text}`);
        }
        const { equivalenceKey } = answer;
        if (isTooLong(equivalenceKey))
          throw this.#broken(`it gave an equivalence key of ${equivalenceKey.length} characters for ${text}`);
        measured.push({ text, costs: pickNumbers(answer.costs, names), equivalenceKey });
      }
    }
    return measured;
  }

  async *evaluate(
    { space, texts, split }: EvaluationRequest,
    signal: AbortSignal,
  ): AsyncGenerator<EvaluationMessage> {
    const metrics = space.metrics.map(({ name }) => name);
    let first = 0;
    for (const batch of batches(texts, space.maxBatch)) {
      const answered = new Set<number>();
      const request = { spaceId: space.id, spaceDigest: space.digest, split, architectures: batch };
      for await (const { message, outcome, progress } of this.#stream(request, signal)) {
        const answer = outcome ?? progress;
        if (message === undefined || answer === null || answer === undefined) {
          throw this.#broken("it sent a message that is neither an outcome nor progress");
        }
        const text = batch[answer.index];
        if (text === undefined) {
          throw this.#broken(`it answered for place ${answer.index} of ${batch.length}`);
        }
        const index = first + answer.index;
        if ("fraction" in answer) {
          const fraction = Math.min(Math.max(answer.fraction || 0, 0), 1);
          yield { kind: "progress", index, fraction, note: boundedText(answer.note) };
        } else {
          if (answered.has(answer.index)) throw this.#broken(`it answered twice for ${text}`);
          answered.add(answer.index);
          yield { kind: "outcome", index, outcome: this.#outcome(answer, text, metrics) };
        }
      }
      first += batch.length;
    }
  }

  /** Closes the connection. Open calls still end by themselves. */
  async close(): Promise<void> {
    this.#client.close();
  }

  // ----- Answers -----

  #description(spaceId: string, answer: DescribeSpaceResponse__Output["space"]): SpaceDescription {
    const excess = answer === null ? null : beyondBounds(answer);
    if (excess !== null) throw this.#broken(`its description of space "${spaceId}" has ${excess}`);
    const parsed = spaceDescriptionSchema.safeParse(withoutEmptyData(answer));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw this.#broken(
        `its description of space "${spaceId}" is wrong at ${issue?.path.join(".") || "the top"}: ${issue?.message}`,
      );
    }
    const space = parsed.data;
    const broken = (what: string) => this.#broken(`its description of space "${spaceId}" ${what}`);
    if (space.id !== spaceId) throw broken(`describes space "${space.id}"`);
    for (const part of ["metrics", "costs", "splits"] as const) {
      const names = space[part].map(({ name }) => name);
      const twice = names.find((name, place) => names.indexOf(name) < place);
      if (twice !== undefined) throw broken(`has "${twice}" twice among its ${part}`);
    }
    if (!space.splits.some(({ name }) => name === "search")) throw broken('has no split "search"');
    return new Space(space).description;
  }

  #outcome(answer: Outcome__Output, text: string, metrics: readonly string[]): Outcome {
    this.#requireText(answer.architecture, text);
    if (answer.measurement) {
      const { metrics: values, seconds } = answer.measurement;
      const absent = metrics.find((name) => numberAt(values, name) === undefined);
      if (absent !== undefined) throw this.#broken(`it gave no value for metric "${absent}" of ${text}`);
      if (!Number.isFinite(seconds) || seconds < 0) {
        throw this.#broken(`it says that ${text} took ${seconds} seconds`);
      }
      const strange = metrics.find((name) => !Number.isFinite(values[name]));
      if (strange !== undefined) {
        return { kind: "failure", failure: "not-finite", message: `${strange} is ${values[strange]}` };
      }
      return { kind: "measurement", metrics: pickNumbers(values, metrics), seconds };
    }
    if (answer.failure) {
      // A kind that this program does not know arrives as its number.
      const { kind, message } = answer.failure;
      const failure = failures[kind] as FailureName | undefined;
      if (failure === undefined) throw this.#broken(`it gave failure kind ${kind} for ${text}`);
      return { kind: "failure", failure, message: boundedText(message) };
    }
    throw this.#broken(`its outcome for ${text} is neither a measurement nor a failure`);
  }

  #requireText(answered: string, asked: string): void {
    if (answered === asked) return;
    throw this.#broken(`it answered for ${oneLine(answered)} where ${asked} was asked`);
  }

  // ----- Calls -----

  #connect(): EvaluatorServiceClient {
    const { EvaluatorService } = loadContract();
    return new EvaluatorService(`dns:${this.#address}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": largestMessageBytes,
      "grpc.max_send_message_length": largestMessageBytes,
      "grpc.keepalive_time_ms": this.#keepaliveSeconds * 1000,
      "grpc.keepalive_timeout_ms": Math.min(this.#keepaliveSeconds, mostPongSeconds) * 1000,
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

  async #ask<Answer>(
    start: (client: EvaluatorServiceClient, done: requestCallback<Answer>) => ClientUnaryCall,
    signal: AbortSignal,
  ): Promise<Answer> {
    throwIfRaised(signal);
    let release = () => {};
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const call = start(this.#client, (error, answer) => {
          if (error === null) resolve(answer as Answer);
          else reject(watch.reason ?? this.#errorOf(error));
        });
        const watch = this.#watch(call, signal);
        release = watch.release;
      });
    } finally {
      release();
    }
  }

  /** Yields everything that arrived, also what arrived just before an error or the signal. */
  async *#stream(request: EvaluateRequest, signal: AbortSignal): AsyncGenerator<EvaluateResponse__Output> {
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
      state.error ??= watch.reason ?? this.#errorOf(error);
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
          `evaluator ${this.#address} was silent for ${this.#silenceSeconds} s; check whether it hangs`,
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

  // ----- Errors -----

  #broken(what: string): ContractViolation {
    return new ContractViolation(
      `evaluator ${this.#address} broke the contract: ${what}; repair or replace it`,
    );
  }

  async #unknownSpace(spaceId: string, cause: unknown, signal: AbortSignal): Promise<UsageError> {
    const { spaces } = await this.list(signal);
    const ids = spaces.map(({ id }) => id);
    const choice =
      ids.length === 0 ? "it serves none" : `it serves ${ids.join(", ")}${didYouMean(spaceId, ids)}`;
    return new UsageError(`evaluator ${this.#address} has no space "${oneLine(spaceId)}"; ${choice}`, {
      cause,
    });
  }

  /** The error for the caller that a status means. The status itself is the cause. */
  #errorOf(cause: ServiceError): CollmError {
    const { code, details } = statusBehind({ cause });
    const who = `evaluator ${this.#address}`;
    const away = () =>
      new EvaluatorUnavailable(`${who} is not available: ${details}; check whether it runs`, { cause });
    const refused = (what: string, next: string) =>
      new ContractViolation(`${who} ${what}: ${details}; ${next}`, { cause });
    switch (code) {
      case status.UNAVAILABLE:
        if (!/\bProtocol error\b/.test(details)) return away();
        return refused("does not speak gRPC", "check the address");
      case status.CANCELLED:
      case status.DEADLINE_EXCEEDED:
      case status.ABORTED:
        return away();
      case status.RESOURCE_EXHAUSTED:
        // grpc-js says this when the server complains about pings (ENHANCE_YOUR_CALM).
        if (/^Bandwidth exhausted\b/.test(details))
          return new EvaluatorUnavailable(
            `${who} closed the connection because of too many pings (GOAWAY): this program sends one every ${this.#keepaliveSeconds} s; allow that on the server (proto/README.md names the option)`,
            { cause },
          );
        if (!/\blarger than max\b/.test(details))
          return new EvaluatorUnavailable(
            `${who} accepts no more calls now: ${details}; wait until other calls end, or send less at once`,
            { cause },
          );
        return refused(
          "sent something that is not an answer, or an answer above 64 MiB",
          "check the address, or lower its max_batch",
        );
      case status.INTERNAL:
        if (!/^Response message parsing error|\bHTTP status code\b/.test(details)) return away();
        return refused(
          "sent something that is not an answer",
          "check the address, and that both have the same version",
        );
      case status.UNIMPLEMENTED:
        return refused(
          "does not offer this call of collm_nas.v1.EvaluatorService",
          "check the address, or update it",
        );
      case status.NOT_FOUND:
        return refused("does not know the space any more", "serve the space again, then continue");
      case status.FAILED_PRECONDITION:
        return refused(
          "does not serve the space as it described it before",
          "serve it as before, or start a new search",
        );
      case status.INVALID_ARGUMENT:
        return refused(
          "refused a request",
          "this program and it disagree on the contract: use matching versions",
        );
      default:
        return refused(
          `failed with ${(code === null ? null : status[code]) ?? `status ${code}`}`,
          "see its own log, repair it, then continue",
        );
    }
  }
}

// --- internal ---

/** On the wire a missing text is empty; in a description it is left out. */
function withoutEmptyData(space: DescribeSpaceResponse__Output["space"]): unknown {
  if (space === null) return null;
  const splits = space.splits.map(({ data, ...split }) => (data === "" ? split : { ...split, data }));
  return { ...space, splits };
}

function* batches(texts: readonly string[], size: number): Generator<string[]> {
  for (let first = 0; first < texts.length; first += size) yield texts.slice(first, first + size);
}

function numberAt(numbers: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(numbers, name) ? numbers[name] : undefined;
}

/** The named numbers, in the order of the names: a map on the wire has no order of its own. */
function pickNumbers(
  numbers: Readonly<Record<string, number>>,
  names: readonly string[],
): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, numbers[name] as number]));
}

function throwIfRaised(signal: AbortSignal): void {
  if (signal.aborted) throw new Interrupted("stopped on request");
}

/** The gRPC status from which an error was made; its details in one line, without what grpc-js adds. */
function statusBehind(error: unknown): { readonly code: status | null; readonly details: string } {
  const cause = (error as { cause?: Partial<ServiceError> } | null)?.cause;
  const details = String(cause?.details ?? "")
    .replace(/^No connection established\. Last error: (?:Error: )?/, "")
    .replace(/ ?\(\d{4}-\d\d-\d\dT[^)]*\)/, "")
    .replace(/\.? ?Resolution note: ?/, " ");
  return { code: cause?.code ?? null, details: oneLine(details) || "no details" };
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > longestDetail ? `${line.slice(0, longestDetail)}…` : line;
}
