/** What cannot be ranked, and what of a space is left out. */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { temporaryFile } from "../support/cli.ts";
import { type EvaluateCall, type GrpcServer, outcomeFor, startGrpcServer } from "../support/grpc-server.ts";
import { tinyCosts, tinyDescription, tinySpace } from "../support/tiny-space.ts";
import { expectOneLine, first, one, rank, real } from "../support/rankings.ts";

describe("what cannot be ranked", () => {
  const opened: GrpcServer[] = [];
  const tiny = tinySpace();
  afterAll(() => Promise.all(opened.map((each) => each.kill())));

  /** An evaluator of the tiny space, described otherwise. */
  async function serveTiny(
    changes: Partial<SpaceDescription>,
    evaluate: Parameters<typeof startGrpcServer>[0] = {},
  ): Promise<string[]> {
    const described = { ...tinyDescription, ...changes };
    const server = await startGrpcServer({
      DescribeSpace: (_call, done) => done(null, { space: described }),
      ...evaluate,
    });
    opened.push(server);
    return ["--space", "tiny", "--evaluator", server.address];
  }

  test.concurrent.each([
    [["--space", "analognas-basline"], 'did you mean "analognas-baseline"?'],
    [["--by", "flop_m"], 'has no cost "flop_m"; they are flops_m, params_m; did you mean "flops_m"?'],
    [["--split", "test"], `space analognas-baseline has no split "test"; it has search`],
    [["--split", "dev"], "It has to be search or test"],
    [["--draws", "few"], "It has to be fresh or fixed"],
    [["--trials", "0"], "It has to be a whole number of at least 1"],
    [["--trials", "many"], "It has to be a whole number of at least 1"],
    [["--cells", "1"], "It has to be a whole number of at least 2"],
    [["--cells", "15626"], "--cells 15626 is more than can be drawn: there are 15625 architectures"],
    [["--trials", "1001"], "--trials 1001 is more than 1000"],
    [["--base-url", "http://127.0.0.1:9/v1"], "no model named; name one with --model"],
    [["--budget", "5"], "unknown option '--budget'"],
  ])("%j gets one line", async (flags, words) => {
    const isSpace = flags.includes("--space");
    expectOneLine((await rank([...(isSpace ? real.slice(2) : real), ...flags])).ended, 2, words);
  });

  test("a file that wants the search blind", async () => {
    const file = temporaryFile("blind.yaml", "blind: true\n");
    expectOneLine((await rank([file])).ended, 2, '"blind"');
  });

  test("a space too large to be measured whole", async () => {
    const [dimension] = tinyDescription.dimensions;
    const large = {
      ...(dimension as NonNullable<typeof dimension>),
      choices: ["1", "2", "3"],
      groups: [{ name: "stages", size: 40 }],
      slotNames: [],
    };
    const { ended } = await rank(await serveTiny({ dimensions: [large] }));
    expectOneLine(ended, 2, `has ${3n ** 40n} architectures, more than the 50000`);
  });

  test("more cells than architectures", async () => {
    const { ended } = await rank([...(await serveTiny({})), "--cells", "145"]);
    expectOneLine(ended, 2, "--cells 145 is more than can be drawn: there are 144 architectures");
  });

  test("a space without costs needs a model", async () => {
    const { ended } = await rank(await serveTiny({ costs: [] }));
    expectOneLine(ended, 2, "has no costs to rank by; name a model with --model");
  });

  test("what fails to be measured is left out and counted", async () => {
    const fails = (call: EvaluateCall, index: number) =>
      call.request.architectures[index]?.includes("16") === true;
    const flags = await serveTiny(
      {},
      {
        Evaluate: (call: EvaluateCall) => {
          for (const [index, architecture] of call.request.architectures.entries()) {
            const failure = { kind: "OUT_OF_MEMORY", message: "no room" } as const;
            call.write(
              fails(call, index) ? { outcome: { index, architecture, failure } } : outcomeFor(call, index),
            );
          }
          call.end();
        },
      },
    );
    const { summary, ended } = await rank([...flags, "--split", "test"]);
    expect(ended.code, ended.stderr).toBe(0);
    // Of the 144, those whose active layers are all 24 or 32 wide: (2 + 4)².
    expect(summary.architectures).toEqual({ measured: 36, failed: 108 });
    expect(readFileSync(summary.file, "utf8")).not.toContain("[16");
    const none = await serveTiny(
      {},
      {
        Evaluate: (call: EvaluateCall) => {
          for (const [index, architecture] of call.request.architectures.entries())
            call.write({ outcome: { index, architecture, failure: { kind: "CRASHED", message: "boom" } } });
          call.end();
        },
      },
    );
    const fruitless = (await rank(none)).ended;
    expect([fruitless.code, fruitless.stdout]).toEqual([7, ""]);
    expect(fruitless.stderr).toContain("collm-nas: nothing to rank: all 144 evaluations failed");
    const tooMany = (await rank([...flags, "--cells", "40"])).ended;
    expect(tooMany.code).toBe(2);
    expect(tooMany.stderr).toContain("108 evaluations failed: there are 36 architectures");
  });

  test("an evaluator that stops answering is no failure of architectures", async () => {
    const flags = await serveTiny({}, { Evaluate: (call: EvaluateCall) => call.end() });
    const { ended } = await rank(flags);
    expect(ended.code, ended.stderr).toBe(3);
    expect(ended.stderr).toContain("architectures unanswered");
  });

  test("lower values are better where the metric says so", async () => {
    // Every cell scores what it costs.
    const Evaluate = (call: EvaluateCall) => {
      for (const [index, architecture] of call.request.architectures.entries()) {
        const accuracy = tinyCosts(tiny.fromText(architecture))["flops_m"] as number;
        call.write({ outcome: { index, architecture, measurement: { metrics: { accuracy }, seconds: 0 } } });
      }
      call.end();
    };
    const [metric] = tinyDescription.metrics;
    const metrics = [{ ...(metric as NonNullable<typeof metric>), higherIsBetter: false }];
    const up = (await rank(await serveTiny({}, { Evaluate }))).summary;
    const down = (await rank(await serveTiny({ metrics }, { Evaluate }))).summary;
    expect(first(up)).toMatchObject({ tau: { mean: one }, bestFirst: { mean: one } });
    expect(first(down)).toMatchObject({ tau: { mean: expect.closeTo(-1, 9) }, bestFirst: { mean: 0 } });
  });
});
