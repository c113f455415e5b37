/**
 * The plans in presets/bench/: each says what it needs, and does what it says on a smaller scale.
 *
 * Those about a language model are run against a real HTTP server that answers from the prompt alone. The spaces of
 * the paper's table need a file that is no part of this repository; without it, beside the project, they are skipped.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunState } from "../../src/search/state.ts";
import { fold } from "../../src/search/fold.ts";
import { evaluations } from "../../src/search/results.ts";
import { readPlan } from "../../src/app/plan.ts";
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

const folder = join(root, "presets/bench");
const files = readdirSync(folder).sort();
const csv = join(root, "../shared/nasbench201/nasbench201.csv");
const hasTable = existsSync(csv);
/** Each makes so many runs with one seed. */
const sizes: Readonly<Record<string, number>> = {
  "analognas.yaml": 20,
  "nasbench201-controls.yaml": 30,
  "nasbench201-iterations.yaml": 21,
  "nasbench201-main.yaml": 30,
  "nasbench201-memory.yaml": 24,
  "nasbench201-models.yaml": 24,
  "nasbench201-solo.yaml": 18,
  "nasbench201-temperatures.yaml": 40,
  "nasbench201-wordings.yaml": 21,
};
const aboutModels = files.filter((name) =>
  /^searchers: .*\b(collm|solo)\b/m.test(readFileSync(join(folder, name), "utf8")),
);

/** Whether it is given a model by flag; one names its own. */
function needsFlag(name: string): boolean {
  return aboutModels.includes(name) && name !== "nasbench201-models.yaml";
}

test("there is one for each table and figure of the paper, and one that needs nothing", () => {
  expect(files).toEqual(Object.keys(sizes));
  expect(aboutModels).toEqual(files.filter((name) => !/analognas|controls/.test(name)));
});

describe.each(files)("presets/bench/%s", (name) => {
  test("has ten seeds and says how to start it", async () => {
    const text = readFileSync(join(folder, name), "utf8");
    expect(text).toContain(`# collm-nas bench presets/bench/${name}`);
    const model = needsFlag(name) ? { model: "m", baseUrl: "http://localhost:1/v1" } : {};
    const { runs } = await readPlan(join(folder, name), model);
    expect(runs).toHaveLength(10 * (sizes[name] ?? 0));
    expect(new Set(runs.map(({ config }) => config.seed)).size).toBe(10);
    if (name !== "nasbench201-iterations.yaml")
      expect(new Set(runs.map(({ config }) => config.budget))).toEqual(new Set([100]));
    const asking = runs.filter(({ config }) => ["collm", "solo"].includes(config.searcher));
    if (aboutModels.includes(name))
      expect(new Set(asking.map(({ config }) => [config.paper, config.rounds].join()))).toEqual(
        new Set(["true,20"]),
      );
  });
});

describe.each(aboutModels)("presets/bench/%s", (name) => {
  test("ends at once, and says why, without a model", async () => {
    const out = join(temporaryFolder(), "bench");
    const ended = await collmNas(["bench", join(folder, name), "--out", out]);
    expect(ended.code).toBe(2);
    expect(ended.stderr.trim().split("\n")).toEqual([
      expect.stringMatching(/(asks|needs) a language model|no model named; name one with --model/),
    ]);
    expect(existsSync(out)).toBe(false);
  });
});

describe.skipIf(!hasTable)("with the table beside the project (shared/nasbench201)", () => {
  let evaluator: EvaluatorProcess;
  let server: ModelServer;

  beforeAll(async () => {
    evaluator = await startEvaluator({
      config: temporaryFile("evaluator.yaml", `nasbench201: {csv: ${JSON.stringify(csv)}}\n`),
    });
    server = await startModelServer(playFromPrompt());
  });
  afterAll(() => server.close());

  test.each(files.filter((name) => name.startsWith("nasbench201")))(
    "presets/bench/%s runs, reduced to one seed and few evaluations",
    async (name) => {
      const out = join(temporaryFolder(), "bench");
      // The plan that names servers of its own is pointed at this one.
      const text = readFileSync(join(folder, name), "utf8").replaceAll(
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
      expect(JSON.parse(ended.stdout)).toMatchObject({ runs: sizes[name], done: sizes[name], failed: [] });
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
    },
  );
});
