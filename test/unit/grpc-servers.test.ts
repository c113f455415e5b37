/** The gRPC adapter against servers that refuse, fall silent, go away, or are something else. */
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
import { describe, expect, it, vi } from "vitest";
import type { GrpcEvaluatorOptions } from "../../src/evaluator/grpc-connection.ts";
import { GrpcEvaluator } from "../../src/evaluator/grpc-evaluator.ts";
import { findPython, startPythonEvaluator } from "../../src/evaluator/python-evaluator.ts";
import { ContractViolation, EvaluatorUnavailable, Interrupted, UsageError } from "../../src/errors.ts";
import type { EvaluationMessage, EvaluationRequest } from "../../src/search/ports.ts";
import { failureOf } from "../support/failure.ts";
import { evaluate, grpcEvaluators, quiet, three } from "../support/grpc-evaluators.ts";
import {
  type EvaluateCall,
  outcomeFor,
  refusal,
  startGrpcServer,
  startOtherGrpcServer,
} from "../support/grpc-server.ts";
import { tinyDescription } from "../support/tiny-space.ts";

const { cleanups, serve, evaluatorAt } = grpcEvaluators();

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));

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
      expect(error.message).toMatch(new RegExp(`^evaluator ${address} .*: something went wrong; .+`));
    }
    expect(calls).toBe(2);
  });

  it("says how an architecture fails, where a server raises an error", async () => {
    const details = "Exception iterating responses: division by zero";
    const { address } = await serve({
      Evaluate: (call) => call.emit("error", refusal(status.UNKNOWN, details)),
    });
    expect((await failureOf(evaluate(evaluatorAt(address)))).message).toBe(
      `evaluator ${address} raised an error instead of an answer: ${details}; an architecture that cannot be evaluated gets a Failure in its Outcome, and the call no error: repair it, then continue`,
    );
  });

  it("gives the reason of a server that could not answer, and does not say that it is not there", async () => {
    const details = "the costs of x cannot be measured: ValueError: y";
    const { address } = await serve({
      MeasureCost: (_call, done) => done(refusal(status.INTERNAL, details)),
    });
    const measuring = evaluatorAt(address).measureCosts({ space: tinyDescription, texts: three }, quiet);
    expect((await failureOf(measuring)).message).toBe(
      `evaluator ${address} could not answer: ${details}; repair it, its own log says more`,
    );
  });

  it("takes a call that the server's transport reset for a server that went away", async () => {
    const server = createHttp2Server();
    server.on("stream", (stream) => stream.on("error", () => {}).close(constants.NGHTTP2_INTERNAL_ERROR));
    cleanups.push(() => server.close());
    await expect(evaluatorAt(await listenOn(server)).list(quiet)).rejects.toThrow(EvaluatorUnavailable);
  });
});

describe("a server that is pinged too often", () => {
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
      const { message } = error;
      expect(message).toMatch(
        new RegExp(`^evaluator ${address} closed the connection because of too many pings`),
      );
      // What gRPC servers allow as they come.
      expect(Number(/one every (\d+) s/.exec(message)?.[1])).toBeGreaterThan(300);
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
    await expect(asked).rejects.toThrow(
      /sent something that is not an answer: Response message parsing error/,
    );
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
      `evaluator ${gone.address} is not available: connect ECONNREFUSED ${gone.address}; check whether it runs`,
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
    await evaluating().catch(() => {});
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
