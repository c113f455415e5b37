/** The gRPC adapter against servers that answer wrongly, late, not at all, or are something else. */
import { createServer as createHttpServer } from "node:http";
import {
  constants,
  createServer as createHttp2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
} from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type ServiceError, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { EvaluateResponse } from "../../src/evaluator/contract/collm_nas/v1/EvaluateResponse.ts";
import type { FailureKind } from "../../src/evaluator/contract/collm_nas/v1/FailureKind.ts";
import { GrpcEvaluator, type GrpcEvaluatorOptions } from "../../src/evaluator/grpc-evaluator.ts";
import { findPython, startPythonEvaluator } from "../../src/evaluator/python-evaluator.ts";
import { ContractViolation, EvaluatorUnavailable, Interrupted, UsageError } from "../../src/errors.ts";
import type { EvaluationMessage, EvaluationRequest } from "../../src/search/ports.ts";
import {
  type EvaluateCall,
  type GrpcServer,
  outcomeFor,
  refusal,
  startGrpcServer,
  startOtherGrpcServer,
} from "../support/grpc-server.ts";
import { tinyDescription, tinySpace } from "../support/tiny-space.ts";

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
const quiet = new AbortController().signal;
const texts = [...tinySpace().all()].map(({ text }) => text);
const three = texts.slice(0, 3);

/** Run after each test, the last one first. */
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

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

/** An evaluator whose server writes these messages, whatever was asked, and ends the stream. */
async function scripted(messages: (call: EvaluateCall) => EvaluateResponse[]): Promise<GrpcEvaluator> {
  const Evaluate = (call: EvaluateCall) => {
    for (const message of messages(call)) call.write(message);
    call.end();
  };
  return evaluatorAt((await serve({ Evaluate })).address);
}

async function evaluate(
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

/** An outcome for the first place of a request. */
const first = (parts: NonNullable<EvaluateResponse["outcome"]>): EvaluateResponse => ({
  outcome: { index: 0, architecture: three[0] as string, ...parts },
});
const measured = (metrics: Record<string, number>, seconds = 1) =>
  first({ measurement: { metrics, seconds } });

/** What a call fails with; null when it does not. */
async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => null,
    (error: unknown) => error,
  );
}

/** Calls again, as the Coordinator does, until that works; the time limit of the test bounds it. */
async function untilAvailable<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof EvaluatorUnavailable)) throw error;
      await wait(100);
    }
  }
}

async function listenOn(server: TcpServer): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("outcomes", () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "passes a metric that is %s on as a failure",
    async (accuracy) => {
      const evaluator = await scripted(() => [measured({ accuracy })]);
      const outcome = { kind: "failure", failure: "not-finite", message: `accuracy is ${accuracy}` };
      expect(await evaluate(evaluator)).toEqual([{ kind: "outcome", index: 0, outcome }]);
    },
  );

  it("keeps the described metrics and no other", async () => {
    const evaluator = await scripted(() => [measured({ extra: 1, accuracy: 90 }, 2.5)]);
    const outcome = { kind: "measurement", metrics: { accuracy: 90 }, seconds: 2.5 };
    expect(await evaluate(evaluator)).toEqual([{ kind: "outcome", index: 0, outcome }]);
  });

  it.each<[FailureKind, string]>([
    ["FAILURE_KIND_UNSPECIFIED", "crashed"],
    ["OUT_OF_MEMORY", "out-of-memory"],
    ["NOT_FINITE", "not-finite"],
    ["OUT_OF_RANGE", "out-of-range"],
    ["CRASHED", "crashed"],
  ])("passes failure kind %s on as %s", async (kind, failure) => {
    const evaluator = await scripted(() => [first({ failure: { kind, message: "two\nlines" } })]);
    const outcome = { kind: "failure", failure, message: "two\nlines" };
    expect(await evaluate(evaluator)).toEqual([{ kind: "outcome", index: 0, outcome }]);
  });

  it.each<[string, () => EvaluateResponse[], RegExp]>([
    ["a metric is missing", () => [measured({})], /no value for metric "accuracy"/],
    [
      "the text is another one",
      () => [first({ architecture: three[1] as string })],
      /answered for .* was asked/,
    ],
    [
      "a place is answered twice",
      () => [measured({ accuracy: 9 }), measured({ accuracy: 9 })],
      /answered twice/,
    ],
    ["the place was not asked for", () => [first({ index: 3 })], /place 3 of 3/],
    ["a place of progress was not asked for", () => [{ progress: { index: 7 } }], /place 7 of 3/],
    ["a message is of no known kind", () => [{}], /neither an outcome nor progress/],
    ["an outcome is of no known kind", () => [first({})], /neither a measurement nor a failure/],
    ["a failure is of no known kind", () => [first({ failure: { kind: 99 as 4 } })], /failure kind 99/],
    ["it took less than no time", () => [measured({ accuracy: 9 }, -1)], /took -1 seconds/],
    ["it took no number of seconds", () => [measured({ accuracy: 9 }, Number.NaN)], /took NaN seconds/],
  ])("refuses the answer when %s", async (_, messages, words) => {
    const evaluator = await scripted(messages);
    const evaluating = evaluate(evaluator);
    await expect(evaluating).rejects.toThrow(ContractViolation);
    await expect(evaluating).rejects.toThrow(words);
    await expect(evaluating).rejects.toThrow(/^evaluator 127\.0\.0\.1:\d+ .*repaired or replaced$/);
    expect(await evaluator.measureCosts({ space: tinyDescription, texts: three }, quiet)).toHaveLength(3);
  });

  it("passes progress on, as a fraction from 0 to 1", async () => {
    const evaluator = await scripted(() => [
      { progress: { index: 2, fraction: 0.25, note: "batch 1 of 4" } },
      { progress: { index: 0, fraction: 7 } },
      { progress: { index: 0, fraction: Number.NaN } },
    ]);
    expect(await evaluate(evaluator)).toEqual([
      { kind: "progress", index: 2, fraction: 0.25, note: "batch 1 of 4" },
      { kind: "progress", index: 0, fraction: 1, note: "" },
      { kind: "progress", index: 0, fraction: 0, note: "" },
    ]);
  });

  it("ends without an error when the server ends early", async () => {
    const evaluator = await scripted((call) => [outcomeFor(call, 1)]);
    expect((await evaluate(evaluator)).map(({ index }) => index)).toEqual([1]);
  });

  it("cuts a request at the space's largest batch", async () => {
    const sizes: number[] = [];
    const evaluator = await scripted((call) => {
      sizes.push(call.request.architectures.length);
      return call.request.architectures.map((_, index) => outcomeFor(call, index));
    });
    const messages = await evaluate(evaluator, { texts: texts.slice(0, 25) });
    expect(sizes).toEqual([10, 10, 5]);
    expect(messages.map(({ index }) => index)).toEqual([...Array(25).keys()]);
  });
});

describe("costs", () => {
  const cost = (costs: Record<string, number>, architecture = three[0] as string) => ({
    architecture,
    costs,
  });

  it.each<[string, ReturnType<typeof cost>[], RegExp]>([
    ["one is missing", [cost({ flops_m: 1 })], /no finite value for cost "params_m"/],
    ["one is not finite", [cost({ flops_m: Number.NaN, params_m: 1 })], /no finite value for cost "flops_m"/],
    ["the text is another one", [cost({ flops_m: 1, params_m: 1 }, "other")], /answered for other/],
    ["there are too few", [], /0 costs for 1 architectures/],
  ])("refuses the answer when %s", async (_, costs, words) => {
    const { address } = await serve({ MeasureCost: (_call, done) => done(null, { costs }) });
    const measuring = evaluatorAt(address).measureCosts(
      { space: tinyDescription, texts: three.slice(0, 1) },
      quiet,
    );
    await expect(measuring).rejects.toThrow(ContractViolation);
    await expect(measuring).rejects.toThrow(words);
  });

  it("keeps the described costs in their order, and the key", async () => {
    const evaluator = evaluatorAt((await serve()).address);
    const [answer] = await evaluator.measureCosts({ space: tinyDescription, texts: three }, quiet);
    expect(JSON.stringify(answer?.costs)).toBe('{"flops_m":16,"params_m":0.5}');
    expect(answer?.equivalenceKey).toBe(`key of ${three[0]}`);
  });
});

describe("spaces", () => {
  it("names the reason when a space cannot be served", async () => {
    const { address } = await serve();
    const asked = evaluatorAt(address).describe("huge", quiet);
    await expect(asked).rejects.toThrow(UsageError);
    await expect(asked).rejects.toThrow(
      `evaluator ${address} cannot serve space "huge" now: huge.bin is missing; import it`,
    );
  });

  it("names every space when none is near", async () => {
    const asked = evaluatorAt((await serve()).address).describe("something else entirely", quiet);
    await expect(asked).rejects.toThrow(/has no space "something else entirely"; it serves tiny, huge$/);
  });

  it.each<[string, unknown, RegExp]>([
    ["is not there", null, /wrong at the top/],
    ["is of another space", { ...tinyDescription, id: "other" }, /of space "tiny" is one of space "other"/],
    ["has no dimension", { ...tinyDescription, dimensions: [] }, /wrong at dimensions/],
    ["has no digest", { ...tinyDescription, digest: "" }, /wrong at digest/],
    ["has no batch", { ...tinyDescription, maxBatch: 0 }, /wrong at maxBatch/],
    [
      "has no search split",
      { ...tinyDescription, splits: tinyDescription.splits.slice(1) },
      /no split "search"/,
    ],
    [
      "has a cost twice",
      { ...tinyDescription, costs: [0, 0].map((at) => tinyDescription.costs[at]) },
      /"flops_m" twice among its costs/,
    ],
    ["contradicts itself", { ...tinyDescription, template: "{depth[0]}" }, /template must name every slot/],
  ])("refuses a description that %s", async (_, space, words) => {
    const { address } = await serve({ DescribeSpace: (_call, done) => done(null, { space: space as null }) });
    const asked = evaluatorAt(address).describe("tiny", quiet);
    await expect(asked).rejects.toThrow(ContractViolation);
    await expect(asked).rejects.toThrow(words);
  });

  it("keeps what is told of the images behind a split, and nothing where nothing is told", async () => {
    const splits = [
      { name: "search", meaning: "", data: "images 1" },
      { name: "test", meaning: "", data: "" },
    ];
    const { address } = await serve({
      DescribeSpace: (_call, done) => done(null, { space: { ...tinyDescription, splits } }),
    });
    expect((await evaluatorAt(address).describe("tiny", quiet)).splits).toStrictEqual([
      { name: "search", meaning: "", data: "images 1" },
      { name: "test", meaning: "" },
    ]);
  });

  it("refuses a list with a space twice", async () => {
    const ListSpaces = (_call: unknown, done: (error: null, answer: object) => void) =>
      done(null, { spaces: [{ id: "tiny" }, { id: "tiny" }] });
    await expect(evaluatorAt((await serve({ ListSpaces })).address).list(quiet)).rejects.toThrow(
      ContractViolation,
    );
  });

  const many = <T>(count: number, make: (index: number) => T) =>
    Array.from({ length: count }, (_, at) => make(at));
  const [dimension] = tinyDescription.dimensions;
  it.each([
    [
      "dimensions",
      { dimensions: many(1_001, (at) => ({ ...dimension, name: `d${at}` })) },
      "1001 dimensions, and at most 1000",
    ],
    [
      "choices",
      { dimensions: [{ ...dimension, choices: many(5_001, (at) => `c${at}`) }] },
      "5001 choices in one dimension",
    ],
    [
      "groups",
      { dimensions: [{ ...dimension, groups: many(5_001, (at) => ({ name: `g${at}`, size: 1 })) }] },
      "5001 groups in one dimension",
    ],
    [
      "slots, in one word",
      { dimensions: [{ ...dimension, groups: [{ name: "all", size: 2 ** 31 - 1 }] }] },
      "2147483647 slots in all",
    ],
    ["metrics", { metrics: many(101, (at) => ({ name: `m${at}` })) }, "101 metrics"],
    ["costs", { costs: many(101, (at) => ({ name: `c${at}` })) }, "101 costs"],
    ["splits", { splits: many(101, (at) => ({ name: `s${at}` })) }, "101 splits"],
  ])("refuses a description with %s beyond bound", async (_what, changes, words) => {
    const DescribeSpace = (_call: unknown, done: (error: null, answer: object) => void) =>
      done(null, { space: { ...tinyDescription, ...changes } });
    const error = await failureOf(
      evaluatorAt((await serve({ DescribeSpace })).address).describe("tiny", quiet),
    );
    expect(error).toBeInstanceOf(ContractViolation);
    expect((error as Error).message).toContain(words);
  });

  it("refuses a list of spaces beyond bound", async () => {
    const ListSpaces = (_call: unknown, done: (error: null, answer: object) => void) =>
      done(null, { spaces: many(10_001, (at) => ({ id: `s${at}` })) });
    const listing = evaluatorAt((await serve({ ListSpaces })).address).list(quiet);
    await expect(listing).rejects.toThrow("its list of spaces has 10001 spaces, and at most 10000");
    await expect(listing).rejects.toBeInstanceOf(ContractViolation);
  });

  it("keeps no text of an outcome beyond bound", async () => {
    const evaluator = await scripted(() => [
      { progress: { index: 0, fraction: 0.5, note: "n".repeat(1_000_000) } },
      first({ failure: { kind: "CRASHED", message: "m".repeat(1_000_000) } }),
    ]);
    const told = JSON.stringify(await evaluate(evaluator));
    expect(told.length).toBeLessThan(25_000);
    const MeasureCost = (_call: unknown, done: (error: null, answer: object) => void) =>
      done(null, {
        costs: three.map((architecture) => ({
          architecture,
          costs: { flops_m: 1, params_m: 1 },
          equivalenceKey: "k".repeat(1_000_000),
        })),
      });
    const measuring = evaluatorAt((await serve({ MeasureCost })).address).measureCosts(
      { space: tinyDescription, texts: three },
      quiet,
    );
    await expect(measuring).rejects.toThrow("an equivalence key of 1000000 characters");
  });

  it("gives every message of a long stream to whoever takes them slowly", async () => {
    const evaluator = await scripted(() =>
      many(5_000, (at) => ({ progress: { index: 0, fraction: at / 5_000, note: `${at}` } })),
    );
    const notes: string[] = [];
    for await (const message of evaluator.evaluate(
      { space: tinyDescription, texts: three, split: "search" },
      quiet,
    )) {
      if (message.kind === "progress") notes.push(message.note);
      if (notes.length % 500 === 0) await wait(1);
    }
    expect(notes).toEqual(many(5_000, String));
  });

  it("takes an answer far above grpc-js's own limit", async () => {
    const summary = "x".repeat(20 * 1024 * 1024);
    const { address } = await serve({
      DescribeSpace: (_call, done) => done(null, { space: { ...tinyDescription, summary } }),
    });
    expect((await evaluatorAt(address).describe("tiny", quiet)).summary).toHaveLength(summary.length);
  });
});

describe("statuses", () => {
  it.each<[keyof typeof status, typeof EvaluatorUnavailable | typeof ContractViolation]>([
    ["UNAVAILABLE", EvaluatorUnavailable],
    ["DEADLINE_EXCEEDED", EvaluatorUnavailable],
    ["CANCELLED", EvaluatorUnavailable],
    ["ABORTED", EvaluatorUnavailable],
    ["RESOURCE_EXHAUSTED", EvaluatorUnavailable],
    ["INTERNAL", EvaluatorUnavailable],
    ["NOT_FOUND", ContractViolation],
    ["FAILED_PRECONDITION", ContractViolation],
    ["INVALID_ARGUMENT", ContractViolation],
    ["UNIMPLEMENTED", ContractViolation],
    ["UNKNOWN", ContractViolation],
    ["PERMISSION_DENIED", ContractViolation],
  ])("takes %s for %o, in one line, after one call", async (code, kind) => {
    let calls = 0;
    const answer = (): Partial<ServiceError> => {
      calls += 1;
      return refusal(status[code], "something\n  went wrong");
    };
    const { address } = await serve({
      MeasureCost: (_call, done) => done(answer()),
      Evaluate: (call) => call.emit("error", answer()),
    });
    const evaluator = evaluatorAt(address);
    for (const call of [
      () => evaluator.measureCosts({ space: tinyDescription, texts: three }, quiet),
      () => evaluate(evaluator),
    ]) {
      const error = await failureOf(call());
      expect(error).toBeInstanceOf(kind);
      expect((error as Error).message).toMatch(
        new RegExp(`^evaluator ${address} .*: something went wrong; .+`),
      );
    }
    expect(calls).toBe(2);
  });

  it("takes a call that the server's transport reset for a server that went away", async () => {
    const server = createHttp2Server();
    server.on("stream", (stream) => stream.on("error", () => {}).close(constants.NGHTTP2_INTERNAL_ERROR));
    cleanups.push(() => server.close());
    await expect(evaluatorAt(await listenOn(server)).list(quiet)).rejects.toThrow(EvaluatorUnavailable);
  });
});

describe("a server that is pinged too often for its taste", () => {
  const data = Buffer.from("too_many_pings");
  it.each<[string, (session: ServerHttp2Session, stream: ServerHttp2Stream) => void]>([
    [
      "closes the connection",
      (session) => {
        session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, data);
        session.destroy();
      },
    ],
    [
      "closes the connection with its code",
      (session) => {
        session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 2 ** 31 - 1, data);
        session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
      },
    ],
    ["closes the call", (_, stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)],
  ])("%s: said as such, and with nothing beside it on the terminal", async (_, end) => {
    const said = [vi.spyOn(console, "error"), vi.spyOn(process.stderr, "write")];
    cleanups.push(() => said.forEach((each) => each.mockRestore()));
    const server = createHttp2Server();
    server.on("stream", (stream) => {
      stream.on("error", () => {});
      end(stream.session as ServerHttp2Session, stream);
    });
    cleanups.push(() => server.close());
    const address = await listenOn(server);
    const evaluator = evaluatorAt(address);
    for (const call of [() => evaluator.list(quiet), () => evaluate(evaluator)]) {
      const error = await failureOf(call());
      expect(error).toBeInstanceOf(EvaluatorUnavailable);
      const { message } = error as Error;
      expect(message).toMatch(new RegExp(`^evaluator ${address} closed the connection over too many pings`));
      // What gRPC servers allow as they come.
      expect(Number(/one in (\d+) s/.exec(message)?.[1])).toBeGreaterThan(300);
      expect(message).toContain("proto/README.md");
    }
    for (const each of said) expect(each).not.toHaveBeenCalled();
  });
});

describe("servers of another kind", () => {
  it("says that a plain HTTP server does not speak gRPC", async () => {
    const server = createHttpServer((_request, response) => response.end("<html>hello</html>"));
    cleanups.push(() => server.close());
    const address = await listenOn(server);
    const evaluator = evaluatorAt(address);
    await expect(evaluator.list(quiet)).rejects.toThrow(ContractViolation);
    await expect(evaluator.describe("tiny", quiet)).rejects.toThrow(
      `evaluator ${address} does not speak gRPC: Protocol error; check the address`,
    );
  });

  it.each([200, 404])(
    "says so of an HTTP/2 server that answers a page with status %i",
    async (statusCode) => {
      const server = createHttp2Server((_request, response) => {
        response.statusCode = statusCode;
        response.end("<html>hello</html>");
      });
      cleanups.push(() => server.close());
      const asked = evaluatorAt(await listenOn(server)).list(quiet);
      await expect(asked).rejects.toThrow(ContractViolation);
      await expect(asked).rejects.toThrow("check the address");
    },
  );

  it("says so of a gRPC server whose messages are of another kind", async () => {
    const server = createHttp2Server();
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]));
    });
    cleanups.push(() => server.close());
    const asked = evaluatorAt(await listenOn(server)).list(quiet);
    await expect(asked).rejects.toThrow(ContractViolation);
    await expect(asked).rejects.toThrow(/sent what is no answer: Response message parsing error/);
  });

  it("says so of a gRPC server with other services", async () => {
    const server = await startOtherGrpcServer();
    cleanups.push(() => server.kill());
    const asked = evaluatorAt(server.address).list(quiet);
    await expect(asked).rejects.toThrow(ContractViolation);
    await expect(asked).rejects.toThrow(
      /does not offer this call of collm_nas\.v1\.EvaluatorService.*check the address/,
    );
  });

  it.each([
    "",
    "127.0.0.1",
    "127.0.0.1:",
    ":50051",
    "127.0.0.1:0",
    "127.0.0.1:70000",
    "http://127.0.0.1:50051",
    "a b:1",
  ])("refuses the address %o", (address) => {
    expect(() => new GrpcEvaluator({ address })).toThrow(UsageError);
  });

  it("takes names and IPv6 addresses", async () => {
    const { port } = await serve();
    expect((await evaluatorAt(`localhost:${port}`).list(quiet)).spaces).toHaveLength(2);
    expect(() => evaluatorAt(`[::1]:${port}`)).not.toThrow();
  });
});

describe("servers that go away", () => {
  it("says that nothing listens there, and finds the server once it does", async () => {
    const gone = await startGrpcServer();
    await gone.kill();
    const evaluator = evaluatorAt(gone.address);
    await expect(evaluator.list(quiet)).rejects.toThrow(EvaluatorUnavailable);
    await expect(evaluator.list(quiet)).rejects.toThrow(
      `evaluator ${gone.address} is not available: connect ECONNREFUSED ${gone.address}; see whether it runs`,
    );
    await serve({}, gone.port);
    expect((await untilAvailable(() => evaluator.list(quiet))).serverVersion).toBe("scripted 1");
  });

  it.each(["127.0.0.1", "localhost"])(
    "goes on with a server that was killed and restarted at %s",
    async (host) => {
      const Evaluate = (call: EvaluateCall) => {
        call.write(outcomeFor(call, 2));
        call.write(outcomeFor(call, 0));
      };
      const dying = await startGrpcServer({ Evaluate });
      const evaluator = evaluatorAt(`${host}:${dying.port}`);
      const heard: EvaluationMessage[] = [];
      const failing = failureOf(evaluate(evaluator, {}, { into: heard }));
      while (heard.length < 2) await wait(10);
      await dying.kill();
      expect(await failing).toBeInstanceOf(EvaluatorUnavailable);
      expect(heard.map(({ index }) => index)).toEqual([2, 0]);
      await serve({}, dying.port);
      expect(await untilAvailable(() => evaluate(evaluator))).toHaveLength(4);
    },
  );

  it("gives up a call that stays silent, and the connection with it", async () => {
    const server = await serve();
    const sockets: { destroy(): unknown }[] = [];
    const proxy = createTcpServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      // The first connection is swallowed.
      if (sockets.length > 1)
        socket
          .pipe(connect(server.port, "127.0.0.1"))
          .on("error", () => {})
          .pipe(socket);
    });
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    });
    const address = await listenOn(proxy);
    const evaluator = evaluatorAt(address, { silenceSeconds: 0.5 });
    await expect(evaluator.list(quiet)).rejects.toThrow(`evaluator ${address} was silent for 0.5 s`);
    expect(await untilAvailable(() => evaluate(evaluator))).toHaveLength(4);
  });

  it("gives up a stream that falls silent, after all that it said", async () => {
    const Evaluate = (call: EvaluateCall) => call.write(outcomeFor(call, 1));
    const evaluator = evaluatorAt((await serve({ Evaluate })).address, { silenceSeconds: 2 });
    const heard: EvaluationMessage[] = [];
    const evaluating = evaluate(evaluator, {}, { into: heard });
    await expect(evaluating).rejects.toThrow(EvaluatorUnavailable);
    await expect(evaluating).rejects.toThrow("was silent");
    expect(heard.map(({ index }) => index)).toEqual([1]);
  });

  it("waits as long as there are signs of life", async () => {
    const Evaluate = async (call: EvaluateCall) => {
      for (let step = 0; step < 15; step++) {
        call.write({ progress: { index: 0, fraction: step / 15, note: "" } });
        await wait(200);
      }
      call.write(outcomeFor(call, 0));
      call.end();
    };
    const { address } = await serve({ Evaluate: (call) => void Evaluate(call) });
    expect(await evaluate(evaluatorAt(address, { silenceSeconds: 2 }))).toHaveLength(16);
  });

  it("stops at once on the signal while a server says nothing", async () => {
    const mute = createTcpServer((socket) => {
      socket.on("error", () => {});
      cleanups.push(() => socket.destroy());
    });
    cleanups.push(() => mute.close());
    const evaluator = evaluatorAt(await listenOn(mute));
    for (const call of [
      (signal: AbortSignal) => evaluator.list(signal),
      (signal: AbortSignal) => evaluate(evaluator, {}, { signal }),
    ]) {
      const controller = new AbortController();
      const calling = failureOf(call(controller.signal));
      await wait(100);
      controller.abort();
      expect(await calling).toBeInstanceOf(Interrupted);
    }
  });

  it.each<[string, typeof Interrupted | typeof EvaluatorUnavailable]>([
    ["it is interrupted", Interrupted],
    ["the server goes away", EvaluatorUnavailable],
  ])("hands out what arrived before %s", async (_, kind) => {
    const server = await startGrpcServer({
      Evaluate: (call) => {
        for (const index of [0, 1, 2]) call.write(outcomeFor(call, index));
      },
    });
    cleanups.push(() => server.kill());
    const evaluator = evaluatorAt(server.address);
    const controller = new AbortController();
    const heard: number[] = [];
    const request: EvaluationRequest = { space: tinyDescription, texts: three, split: "search" };
    const evaluating = async () => {
      for await (const { index } of evaluator.evaluate(request, controller.signal)) {
        heard.push(index);
        if (heard.length > 1) continue;
        // While the first one is being looked at, the others arrive and the stream breaks.
        await wait(300);
        if (kind === Interrupted) controller.abort();
        else await server.kill();
        await wait(300);
      }
    };
    expect(await failureOf(evaluating())).toBeInstanceOf(kind);
    expect(heard).toEqual([0, 1, 2]);
  });

  it.each(["nobody listens any more", "the signal is raised"])("is told to stop when %s", async (why) => {
    let cancelled = 0;
    const Evaluate = (call: EvaluateCall) => {
      call.on("cancelled", () => {
        cancelled += 1;
      });
      call.write(outcomeFor(call, 0));
    };
    const evaluator = evaluatorAt((await serve({ Evaluate })).address);
    const controller = new AbortController();
    const request: EvaluationRequest = { space: tinyDescription, texts: three, split: "search" };
    const evaluating = async () => {
      for await (const _ of evaluator.evaluate(request, controller.signal)) {
        if (why === "nobody listens any more") break;
        controller.abort();
      }
    };
    await failureOf(evaluating());
    while (cancelled === 0) await wait(10);
  });
});

const python = findPython(packageRoot);
describe.skipIf(python === null)(
  "a Python server that hangs (skipped without .venv: run `npm run setup`)",
  () => {
    it.each<[string, Partial<GrpcEvaluatorOptions>]>([
      ["the connection is probed", { keepaliveSeconds: 1, silenceSeconds: 600 }],
      ["it is silent", { keepaliveSeconds: 600, silenceSeconds: 1 }],
    ])("is given up when %s, and goes on when it does", async (_, options) => {
      const server = await startPythonEvaluator(
        { python: python ?? "", environment: process.env, configFile: null, packageRoot },
        quiet,
      );
      cleanups.push(() => server.stop());
      const evaluator = evaluatorAt(server.address, options);
      const { id, digest } = await evaluator.describe("analognas-baseline", quiet);
      process.kill(server.pid, "SIGSTOP");
      await expect(evaluator.list(quiet)).rejects.toThrow(EvaluatorUnavailable);
      process.kill(server.pid, "SIGCONT");
      expect(await untilAvailable(() => evaluator.describe(id, quiet))).toMatchObject({ digest });
    });
  },
);
