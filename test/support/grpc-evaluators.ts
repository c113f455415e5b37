/**
 * The gRPC adapter at servers of the test's own, which end with it.
 *
 * A test file calls `grpcEvaluators()` once, at its top.
 */
import type { GrpcEvaluatorOptions } from "../../src/evaluator/grpc-connection.ts";
import { GrpcEvaluator } from "../../src/evaluator/grpc-evaluator.ts";
import type { EvaluationMessage, EvaluationRequest } from "../../src/search/ports.ts";
import { cleanUps } from "./clean-ups.ts";
import { type GrpcServer, startGrpcServer } from "./grpc-server.ts";
import { tinyTexts } from "./tiny-architectures.ts";
import { tinyDescription } from "./tiny-space.ts";

export const quiet = new AbortController().signal;
export const three = tinyTexts.slice(0, 3);

export interface GrpcEvaluators {
  /** Run after each test, the last one first. */
  readonly cleanups: (() => unknown)[];
  serve(...args: Parameters<typeof startGrpcServer>): Promise<GrpcServer>;
  evaluatorAt(address: string, options?: Partial<GrpcEvaluatorOptions>): GrpcEvaluator;
}

export function grpcEvaluators(): GrpcEvaluators {
  const cleanups = cleanUps();

  async function serve(...args: Parameters<typeof startGrpcServer>): Promise<GrpcServer> {
    const server = await startGrpcServer(...args);
    cleanups.push(() => server.kill());
    return server;
  }

  function evaluatorAt(address: string, options: Partial<GrpcEvaluatorOptions> = {}): GrpcEvaluator {
    const evaluator = new GrpcEvaluator({ address, ...options });
    cleanups.push(() => evaluator.close());
    return evaluator;
  }

  return { cleanups, serve, evaluatorAt };
}

/** Asks for three architectures on the search split, or for what `request` says, and keeps what comes. */
export async function evaluate(
  evaluator: GrpcEvaluator,
  request: Partial<EvaluationRequest> = {},
  { signal = quiet, into = [] }: { signal?: AbortSignal; into?: EvaluationMessage[] } = {},
): Promise<EvaluationMessage[]> {
  for await (const message of evaluator.evaluate(
    { space: tinyDescription, texts: three, split: "search", ...request },
    signal,
  )) {
    into.push(message);
  }
  return into;
}
