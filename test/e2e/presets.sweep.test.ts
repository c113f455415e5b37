/**
 * The plans in presets/bench/ that are about NAS-Bench-201, each run whole on a smaller scale.
 *
 * They need a table that is no part of this repository; without it, beside the project, they are skipped. Models are a
 * real HTTP server that answers from the prompt alone.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunState } from "../../src/search/state.ts";
import { fold } from "../../src/search/fold.ts";
import { evaluations } from "../../src/search/results.ts";
import type { BenchRecord } from "../../src/report/bench-record.ts";
import {
  collmNas,
  type EvaluatorProcess,
  events,
  root,
  startEvaluator,
  temporaryFile,
  temporaryFolder,
} from "../support/cli.ts";
import { type ModelServer, playFromPrompt, startModelServer } from "../support/model-server.ts";
import { needsFlag, planFolder, planSizes } from "../support/preset-plans.ts";
import { casesOf } from "../support/sweep.ts";

const csv = join(root, "../shared/nasbench201/nasbench201.csv");
const all = Object.keys(planSizes).filter((name) => name.startsWith("nasbench201"));
const plans = casesOf({ few: ["nasbench201-temperatures.yaml"], all });

describe.skipIf(!existsSync(csv))("with the table beside the project (shared/nasbench201)", () => {
  let evaluator: EvaluatorProcess;
  let server: ModelServer;

  beforeAll(async () => {
    evaluator = await startEvaluator({
      config: temporaryFile("evaluator.yaml", `nasbench201: {csv: ${JSON.stringify(csv)}}\n`),
    });
    server = await startModelServer(playFromPrompt());
  });
  afterAll(() => server.close());

  test.each(plans)("presets/bench/%s runs, reduced to one seed and few evaluations", async (name) => {
    const out = join(temporaryFolder(), "bench");
    // The plan that names servers of its own is pointed at this one.
    const text = readFileSync(join(planFolder, name), "utf8").replaceAll(
      /http:\/\/localhost:\d+\/v1/g,
      server.baseUrl,
    );
    const model = needsFlag(name) ? ["--model", "m", "--base-url", server.baseUrl] : [];
    const ended = await collmNas([
      "bench",
      temporaryFile(name, text),
      "--out",
      out,
      "--seeds",
      "1",
      "--budget",
      "12",
      "--evaluator",
      evaluator.address,
      "--json",
      ...model,
    ]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      runs: planSizes[name],
      done: planSizes[name],
      failed: [],
    });
    const { combinations, references } = JSON.parse(
      readFileSync(join(out, "bench.json"), "utf8"),
    ) as BenchRecord;
    for (const { folder: run } of combinations) {
      const state = fold(events(join(out, run))) as RunState;
      expect(evaluations(state).length, run).toBe(12);
      expect(state.oracleTests.size, run).toBe(12);
    }
    const optima = Object.fromEntries(references.map(({ space, optimum }) => [space, optimum]));
    expect(optima["nasbench201-cifar100"]).toEqual({ search: 73.4933, test: 73.5133 });
    for (const { printed } of references) expect(printed.length).toBeGreaterThan(0);
  });
});
