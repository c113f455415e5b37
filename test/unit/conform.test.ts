/**
 * `conform` against an evaluator that somebody else wrote in another language: it passes, and whatever of the contract it
 * does not keep is said by the check that looks at it, and by no other.
 */
import { setTimeout as wait } from "node:timers/promises";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { conform, type Conformance, type ConformOptions } from "../../src/app/conform.ts";
import { serverChecks, spaceChecks } from "../../src/app/conform-checks.ts";
import { ContractViolation, EvaluatorUnavailable, Interrupted, UsageError } from "../../src/errors.ts";
import { cleanUps } from "../support/clean-ups.ts";
import { failureOf } from "../support/failure.ts";
import { type Fault, faults, refused } from "../support/contract-faults.ts";
import { ForeignEvaluator, type Message, serveForeign } from "../support/foreign-evaluator.mjs";
import { startOtherGrpcServer } from "../support/grpc-server.ts";

const cleanups = cleanUps();
const quiet = new AbortController().signal;

async function serve(fault: Fault = () => ({})): Promise<string> {
  const { address, stop } = await serveForeign(
    Object.assign(new ForeignEvaluator(), fault(new ForeignEvaluator())),
  );
  cleanups.push(stop);
  return address;
}

async function examine(fault: Fault, options: Partial<ConformOptions> = {}): Promise<Conformance> {
  return await conform(await serve(fault), { evaluations: 2, signal: quiet, ...options });
}

const shortOf = ({ checks }: Conformance) =>
  checks.filter(({ status }) => status === "falls short").map(({ check }) => check);

describe("an evaluator that keeps the contract", () => {
  it("passes every check, in both of its spaces", async () => {
    const said: string[] = [];
    const found = await examine(() => ({}), { evaluations: 3, say: (line) => said.push(line) });
    expect(shortOf(found)).toEqual([]);
    expect(found).toMatchObject({
      ok: true,
      serverVersion: "foreign 1",
      spaces: ["blocks", "gates"],
      leftOut: [],
    });
    const skipped = found.checks.filter(({ status }) => status === "not checked");
    // A space whose requests hold one architecture has no request with one twice, and none below its limit.
    expect(skipped.map(({ space, check }) => [space, check])).toEqual([
      ["gates", "cost-batch"],
      ["gates", "evaluate-twice"],
    ]);
    expect(found.checks).toHaveLength(serverChecks.length + 2 * spaceChecks.length);
    // blocks: 3 and one again, 1 alone, 2 at once, the 4 that are cancelled, 1 after them. gates: 1 each.
    expect(found.evaluated).toBe(4 + 1 + 2 + 4 + 1 + 6);
    expect(said).toContain("blocks: evaluating 4 architectures, 3 done, place 0 at 50% …");
  });

  it("may have no room for two calls at once, and for a while after a call that was cancelled", async () => {
    let running = 0;
    const found = await examine((sound) => ({
      async *evaluate(request, call) {
        sound.check(request);
        if (running > 0) refused("RESOURCE_EXHAUSTED", "one at a time");
        running += 1;
        try {
          for await (const message of sound.evaluate(request, call)) {
            yield message;
            await wait(20);
          }
        } finally {
          running -= 1;
        }
      },
    }));
    expect(shortOf(found)).toEqual([]);
  });
});

describe("an evaluator with one defect", () => {
  it.each(faults)("falls short at %s alone", async (name, fault, options = {}) => {
    const found = await examine(fault, { space: "blocks", ...options });
    expect(shortOf(found)).toEqual([name]);
    expect(found.ok).toBe(false);
    const { what } = found.checks.find(({ check }) => check === name) as Conformance["checks"][number];
    expect(what).toMatch(/^(ListSpaces|DescribeSpace|MeasureCost|Evaluate|the description|space blocks)/);
  });

  it("has a defect here for every check there is", () => {
    const names = [...serverChecks, ...spaceChecks].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect([...new Set(faults.map(([name]) => name))].sort()).toEqual(names.sort());
  });
});

describe("the sentences", () => {
  it("are those of the contract, word for word", () => {
    const read = (path: string) => readFileSync(new URL(`../../proto/${path}`, import.meta.url), "utf8");
    const comments = read("collm_nas/v1/evaluator.proto").replace(/\n *\/\/ ?/g, "\n");
    const rows = read("README.md").replace(/^\| (.*?) \| (.*?) \| (.*?) \|$/gm, "$1: $2 | $3");
    const contract = `${comments}\n${rows}`.replace(/\n- /g, "\n").replace(/\s+/g, " ");
    for (const { sentence } of [...serverChecks, ...spaceChecks]) expect(contract).toContain(sentence);
  });
});

// ----- Servers that cannot be examined whole -----

describe("a server", () => {
  it("that goes away is told so once, and nothing more is asked", async () => {
    let stop = () => {};
    const server = await serveForeign(
      Object.assign(new ForeignEvaluator(), {
        measureCost: (request: Message) => {
          if (request.architectures.length === 0) stop();
          return new ForeignEvaluator().measureCost(request);
        },
      }),
    );
    stop = server.stop;
    const found = await conform(server.address, { space: "blocks", signal: quiet });
    expect(shortOf(found)).toEqual(["cost-empty"]);
    const at = found.checks.findIndex(({ check }) => check === "cost-empty");
    expect(found.checks[at]?.what).toMatch(
      /MeasureCost was asked for no architectures.*The server does not answer any more$/,
    );
    expect(new Set(found.checks.slice(at + 1).map(({ status, what }) => `${status}: ${what}`))).toEqual(
      new Set(["not checked: the server does not answer any more"]),
    );
  });

  it("that stays silent is given up", async () => {
    const found = await examine(
      (sound) => ({
        async *evaluate(request) {
          sound.check(request);
          yield await wait(60_000, {}, { ref: false });
        },
      }),
      { space: "blocks", giveUpSeconds: 0.5 },
    );
    expect(shortOf(found)).toEqual(["evaluate-answer"]);
    expect(found.checks.find(({ check }) => check === "evaluate-answer")?.what).toContain(
      "was silent for 0.5 s",
    );
  });

  it("that never stops to answer is stopped", async () => {
    const found = await examine(
      (sound) => ({
        async *evaluate(request, call) {
          sound.check(request);
          for await (const message of sound.evaluate(request, call))
            while (message.outcome && !call.cancelled) {
              yield message;
              await wait(1);
            }
        },
      }),
      { space: "blocks" },
    );
    expect(shortOf(found)).toEqual(["evaluate-once"]);
  });

  it("is asked for no more than ten spaces, unless one is named", async () => {
    const many: Fault = (sound) => {
      const { blocks } = sound.spaces;
      const spaces = Object.fromEntries(
        Array.from({ length: 12 }, (_, at) => [`b${at}`, { ...blocks, id: `b${at}`, max_batch: 0 }]),
      );
      return { spaces };
    };
    const found = await examine(many);
    expect(found.spaces).toHaveLength(10);
    expect(found.leftOut).toEqual(["b10", "b11"]);
    expect((await examine(many, { space: "b11" })).spaces).toEqual(["b11"]);
  });

  it("is not examined for a space that it does not have, or cannot serve", async () => {
    const address = await serve();
    for (const [space, words] of [
      [
        "block",
        `evaluator ${address} has no space "block"; it serves blocks, gates, later; did you mean "blocks"?`,
      ],
      [
        "later",
        `evaluator ${address} cannot serve space "later" now: its file is missing; make it; repair that, or name another space`,
      ],
    ] as const) {
      const error = await failureOf(conform(address, { space, signal: quiet }));
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toBe(words);
    }
  });

  it("is not examined where nothing answers, or something else", async () => {
    await expect(conform("nowhere", { signal: quiet })).rejects.toThrow(UsageError);
    await expect(conform("127.0.0.1:1", { signal: quiet })).rejects.toThrow(EvaluatorUnavailable);
    const other = await startOtherGrpcServer();
    cleanups.push(() => other.kill());
    await expect(conform(other.address, { signal: quiet })).rejects.toThrow(ContractViolation);
  });

  it("is left alone at once on the signal", async () => {
    const controller = new AbortController();
    const examining = examine(
      (sound) => ({
        async *evaluate(request, call) {
          controller.abort();
          yield* sound.evaluate(request, call);
        },
      }),
      { space: "blocks", signal: controller.signal },
    );
    await expect(examining).rejects.toThrow(Interrupted);
  });
});
