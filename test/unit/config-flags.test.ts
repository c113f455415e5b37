/** What flags change in a configuration, and what a command without a run is set up with. */
import { resolve } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { pythonFromEnvironment } from "../../src/settings/environment.ts";
import { readConfig, readDirectSetup } from "../../src/settings/config.ts";
import { configFiles, usualEvaluator } from "../support/config-files.ts";

const { yaml } = configFiles();

describe("flags", () => {
  it("win over the file, one by one", async () => {
    const file = yaml(
      [
        "space: cells",
        "searcher: random",
        "seed: 1",
        "budget: 10",
        "rounds: 2",
        "target: 50",
        "limits: {flops_m: 100, params_m: 2}",
        "overLimit: evaluate",
        "equivalent: skip",
        "task: one",
        "model: {name: small, baseUrl: 'http://localhost:1/v1', temperature: 0.1}",
        "evaluator: {address: 'here:1', silenceSeconds: 7}",
        "out: here",
      ].join("\n"),
    );
    const flags = {
      space: "layers",
      searcher: "evolution",
      seed: 0,
      budget: 20,
      rounds: 4,
      target: 0,
      limit: { flops_m: 90 },
      overLimit: "skip",
      equivalent: "evaluate",
      task: "two",
      model: "large",
      baseUrl: "http://localhost:2/v1",
      evaluator: "there:2",
      out: "there",
    };
    expect(await readConfig(file, flags)).toMatchObject({
      space: "layers",
      searcher: "evolution",
      seed: 0,
      budget: 20,
      rounds: 4,
      target: 0,
      limits: { flops_m: 90, params_m: 2 },
      overLimit: "skip",
      equivalent: "evaluate",
      task: "two",
      model: { name: "large", baseUrl: "http://localhost:2/v1", temperature: 0.1 },
      evaluator: { address: "there:2", config: null, silenceSeconds: 7 },
      out: "there",
    });
    for (const flag of Object.keys(flags) as (keyof typeof flags)[]) {
      const alone = await readConfig(file, { [flag]: flags[flag] });
      const without = await readConfig(file, {});
      const changed = Object.keys(alone).filter(
        (key) =>
          JSON.stringify(alone[key as keyof typeof alone]) !==
          JSON.stringify(without[key as keyof typeof alone]),
      );
      expect(changed, flag).toHaveLength(1);
    }
  });

  it("that were not given change nothing", async () => {
    const file = yaml(
      "space: cells\nlimits: {flops_m: 3}\nmodel: {name: qwen3}\nevaluator: {address: 'here:1'}",
    );
    const none = {
      space: undefined,
      limit: undefined,
      model: undefined,
      evaluator: undefined,
      seed: undefined,
    };
    expect(await readConfig(file, none)).toEqual(await readConfig(file, {}));
  });

  it("for the evaluator put away what the file says of the other way to get one", async () => {
    const configured = yaml("space: cells\nevaluator: {config: table.yaml}");
    expect((await readConfig(configured, { evaluator: "there:2" })).evaluator).toMatchObject({
      address: "there:2",
      config: null,
    });
    const running = yaml("space: cells\nevaluator: {address: 'here:1'}");
    expect((await readConfig(running, { evaluatorConfig: "other.yaml" })).evaluator).toMatchObject({
      address: null,
      config: resolve("other.yaml"),
    });
    // Both at once contradict each other; the code that opens the evaluator says so.
    expect(
      (await readConfig(running, { evaluator: "there:2", evaluatorConfig: "o.yaml" })).evaluator,
    ).toMatchObject({
      address: "there:2",
      config: resolve("o.yaml"),
    });
  });
});

describe("a command without a run", () => {
  it("has an evaluator of its own, or the one that a flag names", () => {
    expect(readDirectSetup({})).toEqual(usualEvaluator);
    expect(readDirectSetup({ evaluator: "there:2" })).toEqual({ ...usualEvaluator, address: "there:2" });
    expect(readDirectSetup({ evaluatorConfig: "e.yaml" })).toEqual({
      ...usualEvaluator,
      config: resolve("e.yaml"),
    });
    expect(() => readDirectSetup({ evaluator: "there" })).toThrow("is not of the form HOST:PORT");
  });

  it("starts the Python that the environment names, and an empty name is none", () => {
    vi.stubEnv("COLLM_NAS_PYTHON", undefined);
    expect(pythonFromEnvironment()).toBeNull();
    vi.stubEnv("COLLM_NAS_PYTHON", "");
    expect(pythonFromEnvironment()).toBeNull();
    vi.stubEnv("COLLM_NAS_PYTHON", "/opt/python");
    expect(pythonFromEnvironment()).toBe("/opt/python");
  });
});
