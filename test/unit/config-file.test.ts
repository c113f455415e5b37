/** What a configuration file may say, and what holds where it says nothing. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { findFile } from "../../src/settings/yaml-file.ts";
import { localModel, type ModelConfig, readConfig, serverOf } from "../../src/settings/config.ts";
import { configFiles, usualEvaluator, usualModel } from "../support/config-files.ts";

const { folder, yaml } = configFiles();

describe("a configuration", () => {
  it("needs the space alone; everything else has a default", async () => {
    const defaults = {
      space: "cells",
      searcher: "rules",
      seed: 0,
      budget: 100,
      rounds: null,
      target: null,
      limits: {},
      overLimit: "skip",
      equivalent: "evaluate",
      task: null,
      candidates: { min: 10, max: 20 },
      memory: { navigator: true, generator: false },
      structured: true,
      promptExtras: true,
      wording: "standard",
      inform: ["coverage", "duplicates", "headroom", "costs"],
      costRevision: false,
      caps: {},
      prices: {},
      paper: false,
      blind: false,
      oracle: false,
      prior: null,
      early: null,
      known: null,
      stallRounds: 5,
      giveUpAfter: 20,
      model: null,
      evaluator: usualEvaluator,
      out: null,
    };
    expect(await readConfig(undefined, { space: "cells" })).toEqual(defaults);
    expect(await readConfig(yaml("space: cells"), {})).toEqual(defaults);
  });

  it("is read from every key that a file may hold", async () => {
    const whole = {
      space: "cells",
      searcher: "random",
      seed: 7,
      budget: 50,
      rounds: 9,
      target: 94.5,
      limits: { flops_m: 120, params_m: 1.5 },
      overLimit: "evaluate",
      equivalent: "skip",
      task: "They tell cats from dogs.",
      candidates: { min: 5, max: 8 },
      memory: { navigator: false, generator: true },
      structured: false,
      promptExtras: false,
      wording: "concise",
      inform: ["coverage"],
      costRevision: true,
      caps: { tokens: 100_000, usd: 2, seconds: 3_600 },
      prices: { small: { input: 1, output: 2, cachedInput: 0.5 } },
      paper: false,
      blind: true,
      oracle: true,
      prior: { op: { conv: 3, skip: 1 } },
      early: "random",
      known: "/data/known.csv",
      stallRounds: 2,
      giveUpAfter: null,
      model: {
        name: "qwen3",
        baseUrl: "http://localhost:8000/v1",
        keyVariable: "VLLM_KEY",
        temperature: 0,
        topP: 0.9,
        maxTokens: 4_000,
        seed: 5,
        contextTokens: 32_768,
        onTruncation: "shorten",
        outputMode: "json-object",
        stream: true,
        idleSeconds: 20,
        timeoutSeconds: 30,
        retries: 0,
        headers: { "x-team": "vision", authorization: "$GATEWAY" },
        extraBody: { chat_template_kwargs: { enable_thinking: false } },
        gpu: "cuda",
        threads: 2,
        roles: { navigator: { temperature: 1 }, generator: { name: "small", maxTokens: 900 } },
      },
      evaluator: {
        address: "localhost:50051",
        config: null,
        program: null,
        silenceSeconds: 5,
        patienceSeconds: 0,
      },
      out: "runs/mine",
    };
    expect(await readConfig(yaml(JSON.stringify(whole)), {})).toEqual(whole);
  });

  it("fills parts of a group with their defaults", async () => {
    const config = await readConfig(
      yaml("space: cells\nmodel: {name: qwen3}\nmemory: {generator: true}\nevaluator: {silenceSeconds: 9}"),
      {},
    );
    expect(config.model).toEqual(usualModel);
    expect(config.memory).toEqual({ navigator: true, generator: true });
    expect(config.evaluator).toEqual({ ...usualEvaluator, silenceSeconds: 9 });
  });

  it("reads a number in quotes or with a suffix for what it is, in every place that wants one", async () => {
    const written = yaml(
      'space: cells\nbudget: "40"\nrounds: 1_000\ntarget: "94.5"\nlimits: {flops_m: "120"}\n' +
        'caps: {tokens: 200k, usd: "5"}\ncandidates: {min: "5", max: 8}\nprices: {m: {input: "0.1", output: 1}}\n' +
        "model: {name: m, maxTokens: 2k, contextTokens: 1M, roles: {generator: {temperature: '0.5'}}}\n",
    );
    expect(await readConfig(written, {})).toMatchObject({
      budget: 40,
      rounds: 1_000,
      target: 94.5,
      limits: { flops_m: 120 },
      caps: { tokens: 200_000, usd: 5 },
      candidates: { min: 5, max: 8 },
      prices: { m: { input: 0.1, output: 1 } },
      model: { maxTokens: 2_000, contextTokens: 1_000_000, roles: { generator: { temperature: 0.5 } } },
    });
    // What has to be text stays text.
    expect(await readConfig(yaml('space: "40"\ntask: "1e6"'), {})).toMatchObject({
      space: "40",
      task: "1e6",
    });
  });

  it("reads ~ in every path as the own folder", async () => {
    const whole = 'space: s\nout: ~/runs/a\nevaluator: {config: ~/e.yaml}\nmodel: {name: "gguf:~/m.gguf"}';
    const config = await readConfig(yaml(whole), {});
    expect([config.out, config.evaluator.config]).toEqual([
      join(homedir(), "runs/a"),
      join(homedir(), "e.yaml"),
    ]);
    expect(localModel(config.model?.name ?? "")?.path).toBe(join(homedir(), "m.gguf"));
    const flags = { space: "s", out: "~/runs/b", evaluatorConfig: "~/f.yaml" };
    const flagged = await readConfig(undefined, flags);
    expect([flagged.out, flagged.evaluator.config]).toEqual([
      join(homedir(), "runs/b"),
      join(homedir(), "f.yaml"),
    ]);
  });

  it("takes a file's null for a group as none given by the flags either", async () => {
    const config = await readConfig(yaml("space: cells\nlimits:\nmodel:\nevaluator:"), {
      limit: { flops_m: 3 },
      model: "qwen3",
      evaluator: "here:1",
    });
    expect(config).toMatchObject({
      limits: { flops_m: 3 },
      model: { name: "qwen3" },
      evaluator: { address: "here:1" },
    });
  });
});

describe("the paper's bundle", () => {
  it("means the paper's settings", async () => {
    expect(await readConfig(yaml("space: cells\npaper: true"), {})).toMatchObject({
      paper: true,
      overLimit: "evaluate",
      candidates: { min: 10, max: 20 },
      structured: false,
      promptExtras: false,
    });
  });

  it("may be said beside one of them that agrees, and refuses one that does not", async () => {
    await expect(readConfig(yaml("space: s\npaper: true\noverLimit: evaluate"), {})).resolves.toMatchObject({
      overLimit: "evaluate",
    });
    const file = yaml("space: s\npaper: true");
    await expect(readConfig(file, { overLimit: "skip" })).rejects.toThrow(
      `${file}: "overLimit" is "skip", but paper: true means "evaluate"; leave one of them out`,
    );
    await expect(
      readConfig(yaml("space: s\npaper: true\ncandidates: {min: 1, max: 20}"), {}),
    ).rejects.toThrow(`"candidates" is {"min":1,"max":20}, but paper: true means {"min":10,"max":20}`);
  });
});

describe("one model that plays alone", () => {
  it("keeps its conversation unless the file says otherwise", async () => {
    expect((await readConfig(yaml("space: s"), { searcher: "solo" })).memory.generator).toBe(true);
    expect((await readConfig(yaml("space: s\nsearcher: solo"), {})).memory.generator).toBe(true);
    const early = yaml("space: s\nsearcher: portfolio\nearly: solo");
    expect((await readConfig(early, {})).memory.generator).toBe(true);
    const forgetful = yaml("space: s\nsearcher: solo\nmemory: {generator: false}");
    expect((await readConfig(forgetful, {})).memory.generator).toBe(false);
  });
});

describe("a model's settings by role", () => {
  it("are the shared ones with what the role has otherwise", async () => {
    const file = yaml(
      "space: s\nmodel: {name: big, temperature: 0.6, roles: {navigator: {temperature: 1}, generator: {name: small}}}",
    );
    const config = await readConfig(file, {});
    expect(serverOf(config.model as ModelConfig, "navigator")).toEqual({
      ...usualModel,
      name: "big",
      temperature: 1,
    });
    expect(serverOf(config.model as ModelConfig, "generator")).toEqual({ ...usualModel, name: "small" });
  });

  it("are as strict as the shared ones", async () => {
    const bad = (roles: string) => readConfig(yaml(`space: s\nmodel: {name: m, roles: ${roles}}`), {});
    await expect(bad("{navigator: {temprature: 1}}")).rejects.toThrow(
      'unknown key "model.roles.navigator.temprature"',
    );
    await expect(bad("{navigator: {temperature: 3}}")).rejects.toThrow(
      '"model.roles.navigator.temperature" is 3',
    );
    await expect(bad("{judge: {}}")).rejects.toThrow('unknown key "model.roles.judge"');
    await expect(bad("{generator: {baseUrl: 'http://me:secret@here/v1'}}")).rejects.toThrow(
      "holds a password",
    );
  });
});

describe("a prior", () => {
  it("gives at least one choice of each dimension some odds, and none of them less than none", async () => {
    await expect(readConfig(yaml("space: s\nprior: {op: {conv: 0}}"), {})).rejects.toThrow(
      '"prior.op" is {"conv":0}: gives no choice any odds',
    );
    await expect(readConfig(yaml("space: s\nprior: {op: {conv: -1}}"), {})).rejects.toThrow(
      '"prior.op.conv" is -1',
    );
  });
});

describe("the evaluator's configuration file", () => {
  it("is meant from where the file that names it is, and from here when a flag names it", async () => {
    mkdirSync(join(folder, "deep"), { recursive: true });
    const path = join(folder, "deep", "search.yaml");
    writeFileSync(path, "space: cells\nevaluator: {config: ../tables/evaluator.yaml}");
    expect((await readConfig(path, {})).evaluator.config).toBe(join(folder, "tables/evaluator.yaml"));
    expect((await readConfig(path, { evaluatorConfig: "e.yaml" })).evaluator.config).toBe(resolve("e.yaml"));
    writeFileSync(path, "space: cells\nevaluator: {config: /etc/evaluator.yaml}");
    expect((await readConfig(path, {})).evaluator.config).toBe("/etc/evaluator.yaml");
  });
});

describe("a preset's name", () => {
  const home = process.cwd();
  afterEach(() => process.chdir(home));

  it("is read here where anything has it, and else from what comes with the program", () => {
    const own = join(folder, "own");
    mkdirSync(join(own, "presets"), { recursive: true });
    process.chdir(own);
    expect(findFile("presets/spos.yaml")).toBe(join(home, "presets/spos.yaml"));
    // A link that leads nowhere now, as to a drive that is not mounted, is still what its owner means.
    symlinkSync(join(own, "nothing"), "presets/spos.yaml");
    expect(findFile("presets/spos.yaml")).toBe("presets/spos.yaml");
    rmSync("presets/spos.yaml");
    writeFileSync("presets/spos.yaml", "");
    expect(findFile("presets/spos.yaml")).toBe("presets/spos.yaml");
  });
});
