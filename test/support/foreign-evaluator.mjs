/**
 * An evaluator in plain JavaScript, from the contract alone: it shares no code with this program but the .proto file, which
 * it reads itself. It keeps the contract, and each part of what it answers can be replaced.
 *
 * As a program it prints where it listens: node foreign-evaluator.mjs
 */
import { argv } from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { loadPackageDefinition, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const proto = fileURLToPath(new URL("../../proto/collm_nas/v1/evaluator.proto", import.meta.url));
const { EvaluatorService } = loadPackageDefinition(loadSync(proto, { defaults: true, keepCase: true }))
  .collm_nas.v1;

const parts = {
  metrics: [
    { name: "accuracy", unit: "percent", meaning: "Correct answers.", higher_is_better: true },
    { name: "latency", unit: "ms", meaning: "Time for one image.", higher_is_better: false },
  ],
  costs: [{ name: "weights_m", unit: "millions", meaning: "Weights of all blocks." }],
  splits: [
    { name: "search", meaning: "Images held out.", data: "images 1" },
    { name: "test", meaning: "Images kept for the end.", data: "images 2" },
  ],
  parallelism: 1,
  max_batch: 20,
  provenance: "written by hand",
};

/** One or two blocks, each of three kinds, written as JSON: 3 + 9 architectures. */
const blocks = {
  ...parts,
  id: "blocks",
  summary: "One or two blocks, each of its own kind.",
  digest: "blocks 1",
  dimensions: [
    { name: "depth", meaning: "How many blocks.", choices: ["1", "2"], numeric: true, groups: [{ size: 1 }] },
    {
      name: "kind",
      meaning: "What a block is.",
      choices: ["conv", "pool", "skip"],
      groups: [{ name: "blocks", size: 2 }],
      active_count: "depth",
    },
  ],
};
/** Three gates, written in a form of their own. */
const gates = {
  ...parts,
  id: "gates",
  summary: "Three gates in a row.",
  digest: "gates 1",
  dimensions: [{ name: "gate", meaning: "Its kind.", choices: ["and", "or"], groups: [{ size: 3 }] }],
  template: "<{gate[0]}|{gate[1]}|{gate[2]}>",
  max_batch: 1,
};

/** The canonical text of every architecture, with a number for it. */
const known = { blocks: new Map(), gates: new Map() };
for (const [one, first] of ["conv", "pool", "skip"].entries()) {
  known.blocks.set(`{"depth":[1],"kind":["${first}",null]}`, one);
  for (const [two, second] of ["conv", "pool", "skip"].entries())
    known.blocks.set(`{"depth":[2],"kind":["${first}","${second}"]}`, 3 + 3 * one + two);
}
for (const first of ["and", "or"])
  for (const second of ["and", "or"])
    for (const third of ["and", "or"]) known.gates.set(`<${first}|${second}|${third}>`, known.gates.size);

/** Ends a call with a status. */
export class Refusal extends Error {
  constructor(code, details) {
    super(details);
    this.code = status[code];
    this.details = details;
  }
}

/** What it answers. A method that is replaced may call the one it replaces. */
export class ForeignEvaluator {
  spaces = { blocks, gates };

  listSpaces() {
    const spaces = Object.values(this.spaces).map(({ id, summary }) => ({ id, summary, available: true }));
    const later = { id: "later", summary: "Not yet.", unavailable_reason: "its file is missing; make it" };
    return { spaces: [...spaces, later], server_version: "foreign 1" };
  }

  find(id) {
    if (id === "later") throw new Refusal("FAILED_PRECONDITION", "later is unavailable: its file is missing");
    if (!Object.hasOwn(this.spaces, id)) throw new Refusal("NOT_FOUND", `there is no space ${id}`);
    return this.spaces[id];
  }

  describeSpace({ space_id: id }) {
    return { space: this.find(id) };
  }

  /** Refuses what has to be refused. */
  check({ space_id, space_digest, architectures: texts, split = "search" }) {
    const space = this.find(space_id);
    if (space_digest !== space.digest) throw new Refusal("FAILED_PRECONDITION", "the digest is another one");
    if (!space.splits.some(({ name }) => name === split))
      throw new Refusal("INVALID_ARGUMENT", `there is no split ${split}`);
    if (texts.length < 1 || texts.length > space.max_batch)
      throw new Refusal("INVALID_ARGUMENT", "too few or too many architectures");
    const place = texts.findIndex((text) => !known[space.id].has(text));
    if (place !== -1) throw new Refusal("INVALID_ARGUMENT", `architectures[${place}] is not known`);
  }

  cost(space, text) {
    return { architecture: text, costs: { weights_m: 1 + known[space].get(text) }, equivalence_key: text };
  }

  measureCost(request) {
    this.check(request);
    return { costs: request.architectures.map((text) => this.cost(request.space_id, text)) };
  }

  /** The outcome of one architecture: the first text of a space fails, the others are measured. */
  outcome(space, text, index) {
    const number = known[space].get(text);
    if (number === 0) return { index, architecture: text, failure: { kind: "CRASHED", message: "it does" } };
    const metrics = { accuracy: 50 + number, latency: 1 / number };
    return { index, architecture: text, measurement: { metrics, seconds: 0.01 } };
  }

  /** From the last place to the first, with progress before each. */
  async *evaluate(request) {
    this.check(request);
    const { space_id: space, architectures: texts } = request;
    for (const index of [...texts.keys()].reverse()) {
      yield { progress: { index, fraction: 0.5, note: "half" } };
      await wait(2);
      yield { outcome: this.outcome(space, texts[index], index) };
    }
  }
}

async function stream(evaluator, call) {
  try {
    for await (const message of evaluator.evaluate(call.request, call)) {
      if (call.cancelled) return;
      call.write(message);
    }
    call.end();
  } catch (error) {
    call.emit("error", error);
  }
}

/** Serves an evaluator on a free port. */
export async function serveForeign(evaluator = new ForeignEvaluator()) {
  const unary = (answer) => (call, done) => {
    try {
      done(null, answer(call.request));
    } catch (error) {
      done(error);
    }
  };
  const server = new Server();
  server.addService(EvaluatorService.service, {
    ListSpaces: unary((request) => evaluator.listSpaces(request)),
    DescribeSpace: unary((request) => evaluator.describeSpace(request)),
    MeasureCost: unary((request) => evaluator.measureCost(request)),
    Evaluate: (call) => void stream(evaluator, call),
  });
  const port = await new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

if (argv[1] === fileURLToPath(import.meta.url))
  console.log(JSON.stringify({ listening: (await serveForeign()).address }));
