/**
 * Loads the contract (proto/collm_nas/v1/evaluator.proto) in the form of grpc-js, once in a process.
 */
import { fileURLToPath } from "node:url";
import { loadPackageDefinition, setLogger } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { ProtoGrpcType } from "./contract/evaluator.ts";
import { contractOptions } from "./contract-options.ts";

/** The path is the same from src/evaluator and from dist/evaluator. */
const protoFile = new URL("../../proto/collm_nas/v1/evaluator.proto", import.meta.url);

let contract: ProtoGrpcType["collm_nas"]["v1"] | null = null;

/** The contract in the form of grpc-js: `EvaluatorService` is the client's class, `EvaluatorService.service` is for servers. */
export function loadContract(): ProtoGrpcType["collm_nas"]["v1"] {
  contract ??= load();
  return contract;
}

// --- internal ---

function load(): ProtoGrpcType["collm_nas"]["v1"] {
  // A failed call has an error. The log lines of grpc-js would reach the terminal unfiltered.
  const silent = () => {};
  setLogger({ error: silent, info: silent, debug: silent });
  const definition = loadPackageDefinition(loadSync(fileURLToPath(protoFile), contractOptions));
  return (definition as unknown as ProtoGrpcType).collm_nas.v1;
}
