/** Every evaluator there is, held to the one suite. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { GrpcEvaluator } from "../../src/evaluator/grpc-evaluator.ts";
import { LocalEvaluator } from "../../src/evaluator/local-evaluator.ts";
import { findPython } from "../../src/evaluator/python-evaluator.ts";
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
    const evaluator = new LocalEvaluator({
      python: python ?? "",
      environment: process.env,
      configFile: null,
      packageRoot,
    });
    return { evaluator, close: () => evaluator.close() };
  },
  python === null ? "there is no .venv, run `npm run setup`" : null,
);

for (const family of ["ofa", "spos", "autoformer"]) {
  evaluatorSuite(
    `gRPC to the Python server, a small ${family} supernet`,
    `${family}-reduced`,
    startReducedSupernets,
    python === null || !hasTorch() ? "there is no .venv with PyTorch, run `npm test`" : null,
    6, // more than a batch of theirs
  );
}

interface Supernets {
  readonly evaluator: GrpcEvaluator;
  readonly close: () => Promise<void>;
}

/** One server for all families, ended after the last of them. */
let supernets: Promise<Supernets> | undefined;
let users = 0;

/** The Python server with a small random supernet of each family. */
async function startReducedSupernets(): Promise<Supernets> {
  users += 1;
  const { evaluator, close } = await (supernets ??= openReducedSupernets());
  return {
    evaluator,
    close: async () => {
      users -= 1;
      if (users > 0) return;
      supernets = undefined;
      await close();
    },
  };
}

async function openReducedSupernets(): Promise<Supernets> {
  const folder = mkdtempSync(join(tmpdir(), "reduced-"));
  const script = join(packageRoot, "test/support/reduced_supernets.py");
  // Small networks are slowest when threads wait for each other.
  const env = { ...process.env, OMP_NUM_THREADS: "1" };
  const child = spawn(python as string, [script, folder], { env, stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const evaluator = new GrpcEvaluator({ address: (JSON.parse(line) as { listening: string }).listening });
  return {
    evaluator,
    close: async () => {
      await evaluator.close();
      child.stdin.end();
      await once(child, "exit");
      rmSync(folder, { recursive: true });
    },
  };
}

function hasTorch(): boolean {
  return ["python3.11", "python3.12", "python3.13", "python3.14"].some((name) =>
    existsSync(join(packageRoot, ".venv/lib", name, "site-packages/torch")),
  );
}
