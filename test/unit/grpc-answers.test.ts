/** The gRPC adapter against servers whose answers are wrong, too large, or not in the contract. */
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { EvaluateResponse } from "../../src/evaluator/contract/collm_nas/v1/EvaluateResponse.ts";
import type { FailureKind } from "../../src/evaluator/contract/collm_nas/v1/FailureKind.ts";
import { GrpcEvaluator } from "../../src/evaluator/grpc-evaluator.ts";
import { ContractViolation, UsageError } from "../../src/errors.ts";
import { failureOf } from "../support/failure.ts";
import { evaluate, grpcEvaluators, quiet, three } from "../support/grpc-evaluators.ts";
import { type EvaluateCall, outcomeFor } from "../support/grpc-server.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";
import { tinyDescription } from "../support/tiny-space.ts";

const { serve, evaluatorAt } = grpcEvaluators();

/** An evaluator whose server writes these messages, whatever was asked, and ends the stream. */
async function scripted(messages: (call: EvaluateCall) => EvaluateResponse[]): Promise<GrpcEvaluator> {
  const Evaluate = (call: EvaluateCall) => {
    for (const message of messages(call)) call.write(message);
    call.end();
  };
  return evaluatorAt((await serve({ Evaluate })).address);
}

/** An outcome for the first place of a request. */
const first = (parts: NonNullable<EvaluateResponse["outcome"]>): EvaluateResponse => ({
  outcome: { index: 0, architecture: three[0] as string, ...parts },
});

const measured = (
  metrics: Record<string, number>,
  seconds = 1,
  standardErrors: Record<string, number> = {},
) => first({ measurement: { metrics, seconds, standardErrors } });

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

  it("keeps the standard errors of metrics, and no member for them where there are none", async () => {
    const evaluator = await scripted(() => [measured({ accuracy: 90 }, 2.5, { accuracy: 0.3 })]);
    const outcome = {
      kind: "measurement",
      metrics: { accuracy: 90 },
      seconds: 2.5,
      standardErrors: { accuracy: 0.3 },
    };
    expect(await evaluate(evaluator)).toEqual([{ kind: "outcome", index: 0, outcome }]);
    const silent = await scripted(() => [measured({ accuracy: 90 })]);
    expect(JSON.stringify(await evaluate(silent))).not.toContain("standardErrors");
  });

  it("keeps that a result was stored, and no member for it where it was not", async () => {
    const stored = await scripted(() => [
      first({ measurement: { metrics: { accuracy: 90 }, seconds: 0, stored: true } }),
    ]);
    const outcome = { kind: "measurement", metrics: { accuracy: 90 }, seconds: 0, stored: true };
    expect(await evaluate(stored)).toEqual([{ kind: "outcome", index: 0, outcome }]);
    const fresh = await scripted(() => [measured({ accuracy: 90 })]);
    expect(JSON.stringify(await evaluate(fresh))).not.toContain("stored");
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
    [
      "a standard error is negative",
      () => [measured({ accuracy: 9 }, 1, { accuracy: -0.5 })],
      /for \{"depth".* it gave a standard error of "accuracy" that is -0\.5; repair/,
    ],
    [
      "a standard error is no number",
      () => [measured({ accuracy: 9 }, 1, { accuracy: Number.NaN })],
      /standard error of "accuracy" that is NaN/,
    ],
    [
      "a standard error is endless",
      () => [measured({ accuracy: 9 }, 1, { accuracy: Number.POSITIVE_INFINITY })],
      /standard error of "accuracy" that is Infinity/,
    ],
    [
      "a standard error is of something else",
      () => [measured({ accuracy: 9 }, 1, { "sp\nare": 0.5 })],
      /standard error of "sp are", which is no metric of the space/,
    ],
    ["it took no number of seconds", () => [measured({ accuracy: 9 }, Number.NaN)], /took NaN seconds/],
  ])("refuses the answer when %s", async (_, messages, words) => {
    const evaluator = await scripted(messages);
    const evaluating = evaluate(evaluator);
    await expect(evaluating).rejects.toThrow(ContractViolation);
    await expect(evaluating).rejects.toThrow(words);
    await expect(evaluating).rejects.toThrow(/^evaluator 127\.0\.0\.1:\d+ .*repair or replace it$/);
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
    const messages = await evaluate(evaluator, { texts: tinyTexts.slice(0, 25) });
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
    ["is of another space", { ...tinyDescription, id: "other" }, /of space "tiny" describes space "other"/],
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
    expect(error.message).toContain(words);
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
