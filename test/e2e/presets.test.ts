/**
 * The plans in presets/bench/: each says what it needs. presets.sweep.test.ts runs them.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readPlan } from "../../src/app/plan.ts";
import { collmNas, temporaryFolder } from "../support/cli.ts";
import { isAboutModels, needsFlag, planFolder, planScale, planSizes } from "../support/preset-plans.ts";

const files = readdirSync(planFolder).sort();
const aboutModels = files.filter(isAboutModels);

test("there is one for each table and figure of the paper, and one that needs nothing", () => {
  expect(files).toEqual(Object.keys(planSizes));
  expect(aboutModels).toEqual(files.filter((name) => !/analognas|controls|bank/.test(name)));
});

describe.each(files)("presets/bench/%s", (name) => {
  test("has its seeds and says how to start it", async () => {
    const { seeds, budget } = planScale(name);
    const text = readFileSync(join(planFolder, name), "utf8");
    expect(text).toContain(`# collm-nas bench presets/bench/${name}`);
    const model = needsFlag(name) ? { model: "m", baseUrl: "http://localhost:1/v1" } : {};
    const { runs } = await readPlan(join(planFolder, name), model);
    expect(runs).toHaveLength(seeds * (planSizes[name] ?? 0));
    expect(new Set(runs.map(({ config }) => config.seed)).size).toBe(seeds);
    if (name !== "nasbench201-iterations.yaml")
      expect(new Set(runs.map(({ config }) => config.budget))).toEqual(new Set([budget]));
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
    const ended = await collmNas(["bench", join(planFolder, name), "--out", out]);
    expect(ended.code).toBe(2);
    expect(ended.stderr.trim().split("\n")).toEqual([
      expect.stringMatching(/(asks|needs) a language model|no model named; name one with --model/),
    ]);
    expect(existsSync(out)).toBe(false);
  });
});
