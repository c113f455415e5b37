/** What the settings of `run` change: limits, budgets, targets, a YAML file, the folder, the test split. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator,
  events,
  json,
  newRun,
  root,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";
import { type ModelServer, playRoles, startModelServer } from "../support/model-server.ts";
import { expectHonestCounts, search, space } from "../support/searches.ts";

describe("candidates over the limit", () => {
  // Whoever asks no model proposes nothing over a limit.
  let server: ModelServer;
  let flags: readonly string[];
  beforeAll(async () => {
    server = await startModelServer(playRoles());
    const model = ["--model", "test", "--base-url", server.baseUrl];
    flags = ["--limit", "flops_m=60", "--budget", "30", "--seed", "1", ...model];
  });
  afterAll(() => server.close());

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
  // Equivalence is known without an evaluation, so nothing equivalent is even proposed.
  expect(skipping.funnel).toMatchObject({ proposed: 60, evaluated: 60, equivalentEvaluated: 0 });
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
  expect(summary).toMatchObject({ searcher: "rules", models: null });
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
