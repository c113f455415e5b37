/**
 * `run` with written rules against the real Python evaluator and its real table: what is printed, what is counted, and what
 * a person reads.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator,
  evaluatorOf,
  events,
  isRunning,
  json,
  newRun,
  start,
  type Summary,
  temporaryFolder,
} from "../support/cli.ts";
import { type GrpcServer, startGrpcServer } from "../support/grpc-server.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { expectHonestCounts, space } from "../support/searches.ts";

describe("a run with an evaluator of its own", () => {
  let run: string;
  let stdout: string;
  let stderr: string;
  let ownEvaluator: number;

  beforeAll(async () => {
    run = newRun();
    const process = start(["run", "--space", space, "--budget", "40", "--seed", "2", "--out", run, "--json"]);
    ownEvaluator = await evaluatorOf(process);
    const ended = await process.ended;
    expect(ended.code, ended.stderr).toBe(0);
    ({ stdout, stderr } = ended);
  });

  test("prints one object and nothing else", () => {
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(Object.keys(JSON.parse(stdout) as object).sort()).toEqual(
      [
        "run",
        "space",
        "searcher",
        "models",
        "noWinner",
        "seed",
        "status",
        "stopReason",
        "best",
        "funnel",
        "spend",
        "trace",
      ].sort(),
    );
  });

  test("says what it searched, with what, and how it ended", () => {
    const summary = JSON.parse(stdout) as Summary;
    expect(summary).toMatchObject({
      run,
      space,
      searcher: "rules",
      seed: 2,
      status: "ended",
      stopReason: "budget",
      models: null,
    });
    expect(summary.funnel).toMatchObject({ evaluated: 40, failed: 0, unreadable: 0, illegal: 0 });
    expect(summary.spend).toEqual({
      evaluations: 40,
      chatCalls: expect.any(Number),
      rejectedReplies: 0,
      repairedReplies: 0,
      failedAttempts: 0,
      billedFailures: 0,
      probes: 0,
      inputTokens: 0,
      outputTokens: 0,
      cachedTokens: null,
      reasoningTokens: null,
      usd: null,
      chatSeconds: 0,
      evaluationSeconds: expect.any(Number),
    });
    expectHonestCounts(summary);
  });

  test("names the winner as an object and as text, with its score and its costs", () => {
    const { best, trace } = JSON.parse(stdout) as Summary;
    expect(Object.keys(best ?? {}).sort()).toEqual([
      "architecture",
      "costs",
      "isKnown",
      "metrics",
      "original",
      "sameImagesAsSearch",
      "standardErrors",
      "test",
      "testStandardErrors",
      "text",
      "withinNoise",
    ]);
    const operations = [...(best?.text ?? "").matchAll(/([a-z_0-9]+)~\d/g)].map(([, name]) => name);
    expect(best?.architecture).toEqual({ op: operations });
    expect(operations).toHaveLength(6);
    expect(best?.metrics).toEqual({ accuracy: trace.at(-1)?.value });
    expect(best?.text).toBe(trace.at(-1)?.text);
    expect(best?.costs).toEqual({ flops_m: expect.any(Number), params_m: expect.any(Number) });
    expect(best?.test).toBeNull();
    expect(best).toMatchObject({ standardErrors: null, testStandardErrors: null, withinNoise: null });
    expect(best?.metrics["accuracy"]).toBeGreaterThan(92);
  });

  test("says everything else on standard error, the rules by their name", () => {
    expect(stderr).toContain("searcher rules, no language model, 40 evaluations");
    expect(stderr).toMatch(/^round +1 /m);
  });

  test("leaves a journal, no lock and no evaluator behind", () => {
    expect(existsSync(join(run, "journal.jsonl"))).toBe(true);
    expect(existsSync(join(run, "lock"))).toBe(false);
    expect(isRunning(ownEvaluator)).toBe(false);
  });

  test("can be shown and replayed", async () => {
    expect(await json(["show", run])).toEqual(JSON.parse(stdout));
    const ended = await collmNas(["replay", run]);
    expect(ended, ended.stderr).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toMatch(/^\d+ events replayed: every decision of the run came out as recorded\n$/);
  });
});

describe("a space with several metrics, whose test uses the images of the search", () => {
  const metrics = { accuracy: 75.25, accuracy_top5: 92.5, images: 10_000 };
  const architecture = '{"depth":[1,1],"width":[16,null,16,null]}';
  const line = "accuracy 75.25 %  accuracy_top5 92.50 %  images 10000";
  let server: GrpcServer;

  beforeAll(async () => {
    const description = {
      ...tinyDescription,
      metrics: [
        ...tinyDescription.metrics,
        { name: "accuracy_top5", unit: "percent", meaning: "", higherIsBetter: true },
        { name: "images", unit: "images", meaning: "", higherIsBetter: true },
      ],
      splits: [
        { name: "search", meaning: "", data: "10,000 images" },
        { name: "test", meaning: "", data: "10,000 images" },
      ],
    };
    server = await startGrpcServer({
      DescribeSpace: (_call, done) => done(null, { space: description }),
      Evaluate: (call) => {
        for (const [index, text] of call.request.architectures.entries())
          call.write({ outcome: { index, architecture: text, measurement: { metrics, seconds: 1.5 } } });
        call.end();
      },
    });
  });

  afterAll(() => server.kill());

  test("is told of with all of them, each with its unit, and with what its test is worth", async () => {
    const run = newRun();
    const flags = ["--space", "tiny", "--evaluator", server.address, "--budget", "6", "--out", run];
    const { code, stdout, stderr } = await collmNas(["run", ...flags]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(new RegExp(`^ +${line}  flops_m \\S+  params_m \\S+$`, "m"));
    expect(stdout).toMatch(new RegExp(`^ +test split: ${line}  \\(same images as the search\\)$`, "m"));
    expect(stderr).toMatch(/^ +best 75\.25 % ↑, 6 evaluated/m);
    expect(events(run).at(-1)).toMatchObject({ type: "winner-tested", sameImagesAsSearch: true });
    const show = await collmNas(["show", run]);
    expect(show.stdout).toContain(`test split: ${line}  (same images as the search)`);
    expect(await json(["show", run])).toMatchObject({
      best: { metrics, test: metrics, sameImagesAsSearch: true },
    });
    expect((await collmNas(["replay", run])).code).toBe(0);
  });

  test("is evaluated with all of them", async () => {
    const flags = ["evaluate", architecture, "--space", "tiny", "--evaluator", server.address];
    const { code, stdout, stderr } = await collmNas(flags);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Split search +${line}$`, "m"));
    const object = await collmNas([...flags, "--json"]);
    expect(JSON.parse(object.stdout)).toMatchObject({ metrics, seconds: 1.5 });
  });
});

describe("what a person reads at the end", () => {
  test("is the winner, the counts, the place and what to type next", async () => {
    const folder = temporaryFolder();
    const { code, stdout, stderr } = await collmNas(
      ["run", "--space", space, "--evaluator", evaluator.address, "--budget", "12"],
      { cwd: folder },
    );
    expect(code, stderr).toBe(0);
    const run = /^Run +(\S+)$/m.exec(stdout)?.[1] ?? "";
    expect(run).toMatch(/^runs\/analognas-baseline-rules-seed0-/);
    expect(existsSync(join(folder, run, "journal.jsonl"))).toBe(true);
    expect(stdout).toMatch(/^Winner +\|[^ ]+\|$/m);
    expect(stdout).toMatch(/accuracy \d\d\.\d+ %/);
    expect(stdout).toMatch(/^Ended .*12 of 12 evaluations/m);
    expect(stdout).toMatch(/^Funnel +\d+ proposed: .*12 evaluated/m);
    expect(stdout).toMatch(/^Spend .*rules, no language model/m);
    expect(stdout).toContain(`resume ${run} --budget 24`);
    expect(stdout).toContain(`show ${run}`);
    expect(stdout).toContain(`replay ${run}`);
  });
});
