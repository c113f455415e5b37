/**
 * Talks to an evaluator over the gRPC contract (proto/collm_nas/v1/evaluator.proto): asks it in batches, and yields what
 * it answers in the types of the search.
 *
 * How a call is made is grpc-connection.ts, how an answer is read grpc-answers.ts. It starts no server (local-evaluator.ts
 * does) and never asks a second time (the Coordinator does).
 */
import { status } from "@grpc/grpc-js";
import { type ContractViolation, UsageError } from "../errors.ts";
import type { MeasuredCost } from "../search/events.ts";
import type {
  CostRequest,
  EvaluationMessage,
  EvaluationRequest,
  Evaluator,
  SpaceCatalog,
} from "../search/ports.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import type { DescribeSpaceResponse__Output } from "./contract/collm_nas/v1/DescribeSpaceResponse.ts";
import type { ListSpacesResponse__Output } from "./contract/collm_nas/v1/ListSpacesResponse.ts";
import type { MeasureCostResponse__Output } from "./contract/collm_nas/v1/MeasureCostResponse.ts";
import { boundedText } from "./contract-bounds.ts";
import { type Catalogue, readCatalogue, readCosts, readDescription, readOutcome } from "./grpc-answers.ts";
import { GrpcConnection, type GrpcEvaluatorOptions } from "./grpc-connection.ts";
import { brokenContract, shortLine, statusOf } from "./grpc-errors.ts";

/** The text of every error names the address and what to do next. */
export class GrpcEvaluator implements Evaluator, SpaceCatalog {
  readonly #address: string;
  readonly #connection: GrpcConnection;
  readonly #broken: (what: string) => ContractViolation;

  /** @throws UsageError when the address is not HOST:PORT. There is no connection before the first call. */
  constructor(options: GrpcEvaluatorOptions) {
    this.#connection = new GrpcConnection(options);
    this.#address = options.address;
    this.#broken = (what) => brokenContract(options.address, what);
  }

  async list(signal: AbortSignal): Promise<Catalogue> {
    const answer = await this.#connection.ask<ListSpacesResponse__Output>(
      (client, done) => client.listSpaces({}, done),
      signal,
    );
    return readCatalogue(answer, this.#broken);
  }

  async describe(spaceId: string, signal: AbortSignal): Promise<SpaceDescription> {
    try {
      const answer = await this.#connection.ask<DescribeSpaceResponse__Output>(
        (client, done) => client.describeSpace({ spaceId }, done),
        signal,
      );
      return readDescription(spaceId, answer.space, this.#broken);
    } catch (error) {
      const { code, details } = statusOf(error);
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
      const { costs } = await this.#connection.ask<MeasureCostResponse__Output>(
        (client, done) => client.measureCost(request, done),
        signal,
      );
      measured.push(...readCosts(costs, batch, names, this.#broken));
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
      for await (const { message, outcome, progress } of this.#connection.stream(request, signal)) {
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
          yield { kind: "outcome", index, outcome: readOutcome(answer, text, metrics, this.#broken) };
        }
      }
      first += batch.length;
    }
  }

  /** Closes the connection. Open calls still end by themselves. */
  async close(): Promise<void> {
    this.#connection.close();
  }

  async #unknownSpace(spaceId: string, cause: unknown, signal: AbortSignal): Promise<UsageError> {
    const { spaces } = await this.list(signal);
    const ids = spaces.map(({ id }) => id);
    const choice =
      ids.length === 0 ? "it serves none" : `it serves ${ids.join(", ")}${didYouMean(spaceId, ids)}`;
    return new UsageError(`evaluator ${this.#address} has no space "${shortLine(spaceId)}"; ${choice}`, {
      cause,
    });
  }
}

// --- internal ---

function* batches(texts: readonly string[], size: number): Generator<string[]> {
  for (let first = 0; first < texts.length; first += size) yield texts.slice(first, first + size);
}
