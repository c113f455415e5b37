/**
 * A gRPC evaluator inside the test: honest for the tiny space, and each of its calls can be replaced by a script.
 *
 * Owns the server and the statuses of proto/README.md. Built from the contract alone: shares no code with the adapter
 * that it tests but the loaded .proto file.
 */
import {
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { EvaluateRequest__Output } from "../../src/evaluator/contract/collm_nas/v1/EvaluateRequest.ts";
import type { EvaluateResponse } from "../../src/evaluator/contract/collm_nas/v1/EvaluateResponse.ts";
import type { EvaluatorServiceHandlers } from "../../src/evaluator/contract/collm_nas/v1/EvaluatorService.ts";
import { loadContract } from "../../src/evaluator/load-contract.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import { tinyCosts, tinyDescription, tinyScore, tinySpace } from "./tiny-space.ts";

export interface GrpcServer {
  readonly address: string;
  readonly port: number;
  /** Ends it at once, with every call under way. */
  kill(): Promise<void>;
}

export type EvaluateCall = ServerWritableStream<EvaluateRequest__Output, EvaluateResponse>;
type Script = Partial<
  Pick<EvaluatorServiceHandlers, "ListSpaces" | "DescribeSpace" | "MeasureCost" | "Evaluate">
>;

/** Starts a server; `port` 0 takes a free one. What the script does not replace is answered honestly. */
export async function startGrpcServer(script: Script = {}, port = 0): Promise<GrpcServer> {
  const server = new Server();
  server.addService(loadContract().EvaluatorService.service, { ...honest, ...script });
  return await listen(server, port);
}

/** Starts a gRPC server that offers no service at all. */
export async function startOtherGrpcServer(): Promise<GrpcServer> {
  return await listen(new Server(), 0);
}

async function listen(server: Server, port: number): Promise<GrpcServer> {
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, got) => {
      if (error === null) resolve(got);
      else reject(error);
    });
  });
  return {
    address: `127.0.0.1:${bound}`,
    port: bound,
    kill: async () => {
      server.forceShutdown();
    },
  };
}

/** The status to end a call with. */
export function refusal(code: status, details: string): Partial<ServiceError> {
  return { code, details };
}

/** The honest outcome for one place of a request. */
export function outcomeFor(call: EvaluateCall, index: number): EvaluateResponse {
  const text = call.request.architectures[index] as string;
  const accuracy = tinyScore(architectureOf(text) as Architecture, call.request.split as "search" | "test");
  return { outcome: { index, architecture: text, measurement: { metrics: { accuracy }, seconds: 0.5 } } };
}

const honest = {
  ListSpaces: (_call, done) => {
    const { id, summary } = tinyDescription;
    const spaces = [
      { id, summary, available: true },
      {
        id: "huge",
        summary: "Needs a file.",
        available: false,
        unavailableReason: "huge.bin is missing; import it",
      },
    ];
    done(null, { spaces, serverVersion: "scripted 1" });
  },
  DescribeSpace: ({ request: { spaceId } }, done) => {
    if (spaceId === "tiny") done(null, { space: tinyDescription });
    else if (spaceId === "huge") done(refusal(status.FAILED_PRECONDITION, "huge.bin is missing; import it"));
    else done(refusal(status.NOT_FOUND, `no space ${spaceId}`));
  },
  MeasureCost: ({ request }, done) => {
    const refused = refusalOf(request);
    if (refused !== null) {
      done(refused);
      return;
    }
    const costs = request.architectures.map((architecture) => {
      const measured = tinyCosts(architectureOf(architecture) as Architecture);
      return {
        architecture,
        costs: { unasked_for: 1, ...measured },
        equivalenceKey: `key of ${architecture}`,
      };
    });
    done(null, { costs });
  },
  Evaluate: (call) => {
    const refused = refusalOf(call.request, call.request.split);
    if (refused !== null) {
      call.emit("error", refused);
      return;
    }
    // From the last to the first, and one of them announced.
    call.write({ progress: { index: 0, fraction: 0.5, note: "half" } });
    for (let index = call.request.architectures.length - 1; index >= 0; index--)
      call.write(outcomeFor(call, index));
    call.end();
  },
} satisfies Script;

function refusalOf(
  request: { spaceId: string; spaceDigest: string; architectures: string[] },
  split = "search",
): Partial<ServiceError> | null {
  const { id, digest, maxBatch, splits } = tinyDescription;
  const { spaceId, spaceDigest, architectures } = request;
  if (spaceId !== id) return refusal(status.NOT_FOUND, `no space ${spaceId}`);
  if (spaceDigest !== digest)
    return refusal(status.FAILED_PRECONDITION, "the digest is another one; describe again");
  if (!splits.some(({ name }) => name === split))
    return refusal(status.INVALID_ARGUMENT, `no split ${split}`);
  if (architectures.length === 0 || architectures.length > maxBatch) {
    return refusal(status.INVALID_ARGUMENT, `${architectures.length} architectures; send 1 to ${maxBatch}`);
  }
  const strange = architectures.findIndex((text) => architectureOf(text)?.text !== text);
  return strange === -1
    ? null
    : refusal(status.INVALID_ARGUMENT, `architectures[${strange}] is not canonical`);
}

const space = tinySpace();

function architectureOf(text: string): Architecture | null {
  const parsed = space.parse(text);
  return parsed.ok ? parsed.architecture : null;
}
