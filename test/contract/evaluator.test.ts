/** Every evaluator there is, held to the one suite. */
import { fileURLToPath } from "node:url";
import { GrpcEvaluator } from "../../src/adapters/grpc-evaluator.ts";
import { findPython, LocalEvaluator } from "../../src/adapters/python-evaluator.ts";
import { startGrpcServer } from "../support/grpc-server.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { evaluatorSuite } from "./evaluator.ts";

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
const python = findPython(packageRoot);

evaluatorSuite("in memory", "tiny", async () => ({
  evaluator: new MemoryEvaluator(),
  close: async () => {},
}));

evaluatorSuite("in memory, outcomes in any order", "tiny", async () => ({
  evaluator: new MemoryEvaluator({ order: "shuffled" }),
  close: async () => {},
}));

evaluatorSuite("gRPC to a server in the test", "tiny", async () => {
  const server = await startGrpcServer();
  const evaluator = new GrpcEvaluator({ address: server.address });
  return {
    evaluator,
    close: async () => {
      await evaluator.close();
      await server.kill();
    },
  };
});

evaluatorSuite(
  "gRPC to the Python server",
  "analognas-baseline",
  async () => {
    const evaluator = new LocalEvaluator({ python: python ?? "", configFile: null, packageRoot });
    return { evaluator, close: () => evaluator.close() };
  },
  python === null ? "there is no .venv, run `npm run setup`" : null,
);
