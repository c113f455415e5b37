/**
 * `run` with written rules and with every other searcher, against the real Python evaluator and its real table: what
 * is printed, what is counted, and what each flag changes.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator,
  decisions,
  evaluatorOf,
  events,
  isRunning,
  json,
  newRun,
  root,
  type Settings,
  start,
  type Summary,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";
import { type GrpcServer, startGrpcServer } from "../support/grpc-server.ts";
import { tinyDescription } from "../support/tiny-space.ts";

const space = "analognas-baseline";
const searchers = [
  "collm",
  "solo",
  "random",
  "evolution",
  "regularized-evolution",
  "local-search",
  "reinforce",
  "surrogate",
  "costliest-first",
  "portfolio",
] as const;

/** A run on the evaluator that all tests of this file share. */
async function search(flags: readonly string[], settings?: Settings): Promise<Summary> {
  const args = ["run", "--space", space, "--evaluator", evaluator.address, ...flags];
  return await json(flags.includes("--out") ? args : [...args, "--out", newRun()], settings);
}

function expectHonestCounts({ funnel, spend, trace }: Summary): void {
  const { proposed, unreadable, illegal, repeated, equivalent, overLimit, beyondBudget, evaluated, failed } =
    funnel;
  expect(unreadable + illegal + repeated + equivalent + overLimit + beyondBudget + evaluated + failed).toBe(
    proposed,
  );
  expect(spend.evaluations).toBe(evaluated + failed);
  expect(trace.map(({ evaluation }) => evaluation)).toEqual(trace.map((_, index) => index + 1));
  expect(trace).toHaveLength(spend.evaluations);
  const values = trace.map(({ value }) => value ?? Number.NEGATIVE_INFINITY);
  expect(values).toEqual([...values].sort((first, second) => first - second));
  const steps = trace.filter(({ text }, index) => text !== null && text !== trace[index - 1]?.text);
  expect(funnel.improved).toBe(steps.length);
}

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
      searcher: "collm",
      seed: 2,
      status: "ended",
      stopReason: "budget",
      models: { navigator: "rules, no language model", generator: "rules, no language model" },
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
      "metrics",
      "original",
      "sameImagesAsSearch",
      "test",
      "text",
    ]);
    const operations = [...(best?.text ?? "").matchAll(/([a-z_0-9]+)~\d/g)].map(([, name]) => name);
    expect(best?.architecture).toEqual({ op: operations });
    expect(operations).toHaveLength(6);
    expect(best?.metrics).toEqual({ accuracy: trace.at(-1)?.value });
    expect(best?.text).toBe(trace.at(-1)?.text);
    expect(best?.costs).toEqual({ flops_m: expect.any(Number), params_m: expect.any(Number) });
    expect(best?.test).toBeNull();
    expect(best?.metrics["accuracy"]).toBeGreaterThan(92);
  });

  test("says everything else on standard error, the rules by their name", () => {
    expect(stderr).toContain("collm (rules, no language model)");
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
  const line = "accuracy 75.25 %  accuracy_top5 92.5 %  images 10000";
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
    expect(run).toMatch(/^runs\/analognas-baseline-collm-seed0-/);
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

describe("the seed", () => {
  test.each(["collm", "evolution"])("alone decides what %s does", async (searcher) => {
    const runs = [newRun(), newRun(), newRun()];
    const [first, same, other] = await Promise.all(
      ["5", "5", "6"].map((seed, index) =>
        search(["--searcher", searcher, "--budget", "25", "--seed", seed, "--out", runs[index] as string]),
      ),
    );
    expect(same?.trace).toEqual(first?.trace);
    expect(decisions(runs[1] as string)).toEqual(decisions(runs[0] as string));
    expect(other?.trace).not.toEqual(first?.trace);
  });
});

describe.each(searchers)("%s", (searcher) => {
  test("spends its budget, all of it within the limit", async () => {
    const run = newRun();
    const summary = await search([
      "--searcher",
      searcher,
      "--budget",
      "25",
      "--limit",
      "flops_m=120",
      "--out",
      run,
    ]);
    expect(summary).toMatchObject({
      searcher,
      status: "ended",
      stopReason: "budget",
      spend: { evaluations: 25 },
    });
    expectHonestCounts(summary);
    const accepted = events(run).flatMap((event) =>
      event.type === "round-proposed"
        ? event.candidates.flatMap(({ verdict }) => (verdict.kind === "accepted" ? [verdict.measured] : []))
        : [],
    );
    expect(accepted).toHaveLength(25);
    expect(new Set(accepted.map(({ text }) => text)).size).toBe(25);
    expect(accepted.filter(({ costs }) => (costs["flops_m"] ?? Number.NaN) > 120)).toEqual([]);
    expect(summary.best?.costs["flops_m"]).toBeLessThanOrEqual(120);
  });

  test("ends by itself, without a winner, when nothing can be within the limit", async () => {
    const args = ["run", "--space", space, "--evaluator", evaluator.address, "--searcher", searcher];
    const run = newRun();
    const { code, stdout, stderr } = await collmNas([...args, "--limit", "flops_m=1", "--out", run]);
    expect(code, stderr).toBe(7);
    expect(stderr).toMatch(/^collm-nas: ended without a usable winner: no legal architecture at or below/m);
    expect(stdout).toMatch(
      /^Winner +none: no legal architecture at or below flops_m 1 found; the smallest seen costs \d/m,
    );
    expect(events(run).at(-1)).toMatchObject({ type: "run-ended", reason: "nothing-within-limit" });
    expect(events(run).filter(({ type }) => type === "architecture-measured")).toEqual([]);
  });
});

describe("candidates over the limit", () => {
  const flags = ["--limit", "flops_m=60", "--budget", "30", "--seed", "1"];

  test("are skipped, counted and free of charge", async () => {
    const { funnel } = await search(flags);
    expect(funnel.overLimit).toBeGreaterThan(0);
    expect(funnel).toMatchObject({ evaluated: 30, overLimitEvaluated: 0 });
  });

  test("spend budget with --over-limit evaluate, and none of them wins", async () => {
    const summary = await search([...flags, "--over-limit", "evaluate"]);
    expect(summary.funnel.overLimit).toBe(0);
    expect(summary.funnel.overLimitEvaluated).toBeGreaterThan(0);
    expect(summary.funnel.evaluated).toBe(30);
    expect(summary.best?.costs["flops_m"]).toBeLessThanOrEqual(60);
    expectHonestCounts(summary);
  });
});

test("--equivalent skip evaluates no function twice and spends the budget on others", async () => {
  const flags = ["--budget", "60", "--seed", "1"];
  const [evaluating, skipping] = await Promise.all([
    search(flags),
    search([...flags, "--equivalent", "skip"]),
  ]);
  expect(evaluating.funnel.equivalentEvaluated).toBeGreaterThan(0);
  expect(evaluating.funnel.equivalent).toBe(0);
  expect(skipping.funnel.equivalent).toBeGreaterThan(0);
  expect(skipping.funnel).toMatchObject({ evaluated: 60, equivalentEvaluated: 0 });
  expectHonestCounts(skipping);
});

test("--target ends the run once the best reaches it", async () => {
  const summary = await search(["--target", "92", "--budget", "200"]);
  expect(summary).toMatchObject({ status: "ended", stopReason: "target" });
  expect(summary.best?.metrics["accuracy"]).toBeGreaterThanOrEqual(92);
  expect(summary.spend.evaluations).toBeLessThan(200);
});

test("--rounds ends the run after so many", async () => {
  const run = newRun();
  const summary = await search(["--rounds", "2", "--budget", "200", "--out", run]);
  expect(summary).toMatchObject({ status: "ended", stopReason: "rounds" });
  expect(events(run).filter(({ type }) => type === "round-closed")).toHaveLength(2);
});

describe("a YAML file", () => {
  const text = `
space: ${space}
searcher: random
seed: 3
budget: 7
limits: {flops_m: 100, params_m: 1}
candidates: {min: 2, max: 4}
memory: {navigator: false}
`;

  test("sets what the flags leave open, and defaults fill in the rest", async () => {
    const run = newRun();
    const file = temporaryFile("search.yaml", text);
    const flags = ["--evaluator", evaluator.address, "--budget", "5", "--limit", "flops_m=120", "--out", run];
    expect(await json(["run", file, ...flags])).toMatchObject({
      space,
      searcher: "random",
      seed: 3,
      spend: { evaluations: 5 },
    });
    const [started] = events(run);
    expect(started).toMatchObject({
      search: {
        budget: 5,
        limits: { flops_m: 120, params_m: 1 },
        candidates: { min: 2, max: 4 },
        memory: { navigator: false, generator: false },
        overLimit: "skip",
        equivalent: "evaluate",
        target: null,
      },
    });
  });

  test("names the evaluator's configuration relative to itself", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "conf"));
    writeFileSync(join(folder, "conf/evaluator.yaml"), "cache_dir: cache\n");
    const evaluatorKey = "evaluator: {config: evaluator.yaml}";
    writeFileSync(join(folder, "conf/search.yaml"), `space: ${space}\nbudget: 3\n${evaluatorKey}\n`);
    const summary = await json(["run", "conf/search.yaml", "--out", newRun()], { cwd: folder });
    expect(summary.spend.evaluations).toBe(3);
    expect(existsSync(join(folder, "conf/cache"))).toBe(true);
  });

  test("may leave the evaluator's configuration to a flag, relative to the working folder", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "evaluator.yaml"), "cache_dir: cache\n");
    const flags = ["--evaluator-config", "evaluator.yaml", "--budget", "3", "--out", newRun()];
    expect((await json(["run", "--space", space, ...flags], { cwd: folder })).spend.evaluations).toBe(3);
    expect(existsSync(join(folder, "cache"))).toBe(true);
  });
});

test("a model is used only when it is named, never because a key is in the environment", async () => {
  const summary = await search(["--budget", "3"], { env: { OPENAI_API_KEY: "sk-not-to-be-used" } });
  expect(summary.models).toEqual({
    navigator: "rules, no language model",
    generator: "rules, no language model",
  });
});

test("an empty folder may become a run", async () => {
  const folder = temporaryFolder();
  expect((await search(["--budget", "3", "--out", folder])).run).toBe(folder);
});

describe("a space with a test split", () => {
  const csv = join(root, "../shared/nasbench201/nasbench201.csv");
  const isThere = existsSync(csv);
  const name = `has its winner tested once, after the end${isThere ? "" : ` (skipped: ${csv} is not there)`}`;

  test.skipIf(!isThere)(name, async () => {
    const folder = temporaryFolder();
    const config = join(folder, "evaluator.yaml");
    writeFileSync(config, `nasbench201: {csv: ${csv}}\nanalognas: false\ncache_dir: ${folder}\n`);
    const run = newRun();
    const flags = ["--space", "nasbench201-cifar10", "--budget", "30", "--out", run];
    const summary = await json(["run", ...flags, "--evaluator-config", config]);

    const [head = "", ...rows] = readFileSync(csv, "utf8").split("\n");
    const cells = rows.find((row) => row.split(",")[1] === summary.best?.text)?.split(",") ?? [];
    const cell = (column: string) => Number(cells[head.split(",").indexOf(column)]);
    expect(summary.best?.metrics).toEqual({ accuracy: cell("c10_valid_200") });
    expect(summary.best?.test).toEqual({ accuracy: cell("c10_test_200") });
    expect(summary.best?.costs).toMatchObject({ flops_m: cell("flops_m_32"), params_m: cell("params_m") });

    const types = events(run).map(({ type }) => type);
    expect(types.filter((type) => type === "winner-tested")).toHaveLength(1);
    expect(types.indexOf("winner-tested")).toBeGreaterThan(types.indexOf("run-ended"));
    expect((await collmNas(["replay", run])).code).toBe(0);
  });
});
