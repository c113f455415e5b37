import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import {
  findFile,
  type Flags,
  localModel,
  type ModelConfig,
  pythonFromEnvironment,
  readConfig,
  readDirectSetup,
  readHeaders,
  readKey,
  readSetup,
  serverOf,
  searchConfigOf,
  setupOf,
  environmentForPython,
} from "../../src/settings/config.ts";
import { UsageError } from "../../src/errors.ts";
import { searchConfigSchema } from "../../src/search/events.ts";

const folder = mkdtempSync(join(tmpdir(), "collm-nas-config-"));
let files = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

/** The path of a new file. */
function yaml(text: string): string {
  const path = join(folder, `search${++files}.yaml`);
  writeFileSync(path, text);
  return path;
}

/** What a file and flags that are wrong are refused with, without the path of the file. */
async function refusal(text: string | undefined, flags: Flags = {}): Promise<string> {
  const path = text === undefined ? undefined : yaml(text);
  const error: unknown = await readConfig(path, flags).then(
    () => new Error("not refused"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UsageError);
  const { message } = error as UsageError;
  expect(message).not.toContain("\n");
  if (path === undefined) return message;
  expect(message).toContain(path);
  return message.replace(`${path}: `, "");
}

const model: ModelConfig = {
  name: "qwen3",
  baseUrl: "https://api.openai.com/v1",
  keyVariable: "OPENAI_API_KEY",
  temperature: 0.6,
  topP: null,
  maxTokens: null,
  seed: null,
  contextTokens: null,
  onTruncation: "stop",
  outputMode: null,
  stream: false,
  idleSeconds: 60,
  timeoutSeconds: 600,
  retries: 6,
  headers: {},
  extraBody: {},
  gpu: "off",
  threads: 1,
};
const evaluator = { address: null, config: null, silenceSeconds: 120, patienceSeconds: 120 };

describe("a configuration", () => {
  it("needs the space alone; everything else has a default", async () => {
    const defaults = {
      space: "cells",
      searcher: "collm",
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
      stallRounds: 5,
      giveUpAfter: 20,
      model: null,
      evaluator,
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
      evaluator: { address: "localhost:50051", config: null, silenceSeconds: 5, patienceSeconds: 0 },
      out: "runs/mine",
    };
    expect(await readConfig(yaml(JSON.stringify(whole)), {})).toEqual(whole);
  });

  it("fills parts of a group with their defaults", async () => {
    const config = await readConfig(
      yaml("space: cells\nmodel: {name: qwen3}\nmemory: {generator: true}\nevaluator: {silenceSeconds: 9}"),
      {},
    );
    expect(config.model).toEqual(model);
    expect(config.memory).toEqual({ navigator: true, generator: true });
    expect(config.evaluator).toEqual({ ...evaluator, silenceSeconds: 9 });
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
  it("stands for the paper's settings", async () => {
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
      `${file}: "overLimit" is "skip", but paper: true stands for "evaluate"; leave one of them out`,
    );
    await expect(
      readConfig(yaml("space: s\npaper: true\ncandidates: {min: 1, max: 20}"), {}),
    ).rejects.toThrow(`"candidates" is {"min":1,"max":20}, but paper: true stands for {"min":10,"max":20}`);
  });
});

describe("one model that plays alone", () => {
  it("keeps its conversation unless told otherwise", async () => {
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
      ...model,
      name: "big",
      temperature: 1,
    });
    expect(serverOf(config.model as ModelConfig, "generator")).toEqual({ ...model, name: "small" });
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
    // Both at once contradict each other; whoever opens the evaluator says so.
    expect(
      (await readConfig(running, { evaluator: "there:2", evaluatorConfig: "o.yaml" })).evaluator,
    ).toMatchObject({
      address: "there:2",
      config: resolve("o.yaml"),
    });
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

describe("a wrong key", () => {
  it.each([
    [
      "one of the model's at the top",
      "space: cells\ntemperature: 0.5",
      'unknown key "temperature"; did you mean "model.temperature"?',
    ],
    [
      "a misspelt one of the model's at the top",
      "space: cells\nmax_tokens: 5",
      'unknown key "max_tokens"; did you mean "model.maxTokens"?',
    ],
    [
      "one of the top in the model",
      "space: cells\nmodel: {name: m, budget: 5}",
      'unknown key "model.budget"; did you mean "budget"?',
    ],
    [
      "one of a role",
      "space: cells\nmodel: {name: m, roles: {navigator: {temprature: 1}}}",
      'unknown key "model.roles.navigator.temprature"; did you mean "temperature"?',
    ],
    [
      "one of a price",
      "space: cells\nprices: {m: {input: 1, ouput: 2}}",
      'unknown key "prices.m.ouput"; did you mean "output"?',
    ],
    [
      "one of the evaluator at the top",
      "space: cells\npatienceSeconds: 5",
      'unknown key "patienceSeconds"; did you mean "evaluator.patienceSeconds"?',
    ],
    ["a misspelt one", "space: cells\nbugdet: 5", 'unknown key "bugdet"; did you mean "budget"?'],
    ["a misspelt one that has to be there", "spcae: cells", 'unknown key "spcae"; did you mean "space"?'],
    [
      "a flag's name",
      "space: cells\nover-limit: skip",
      'unknown key "over-limit"; did you mean "overLimit"?',
    ],
    ["one like no other", "space: cells\nxyzzyxyzzyx: 5", 'unknown key "xyzzyxyzzyx"'],
    [
      "one of a group",
      "space: cells\nmodel: {name: m, temprature: 1}",
      'unknown key "model.temprature"; did you mean "temperature"?',
    ],
    [
      "one of a group that has to be there",
      "space: cells\nmodel: {nmae: m}",
      'unknown key "model.nmae"; did you mean "name"?',
    ],
    [
      "one of a group by default",
      "space: cells\nmemory: {navigater: true}",
      'unknown key "memory.navigater"; did you mean "navigator"?',
    ],
    [
      "one of a checked group",
      "space: cells\ncandidates: {min: 1, max: 2, mix: 3}",
      'unknown key "candidates.mix"; did you mean "',
    ],
    [
      "one of the evaluator's",
      "space: cells\nevaluator: {adress: 'a:1'}",
      'unknown key "evaluator.adress"; did you mean "address"?',
    ],
    ["a key for a secret", "space: cells\nmodel: {name: m, apiKey: sk-123}", 'unknown key "model.apiKey"'],
    ["a number", "space: cells\n1: 2", 'unknown key "1"'],
    ["__proto__", "space: cells\n__proto__: {budget: 5}", 'unknown key "__proto__"'],
  ])("is named with the nearest valid one: %s", async (_, text, expected) => {
    const message = await refusal(text);
    expect(message.startsWith(expected), message).toBe(true);
    expect(message).not.toContain("sk-123");
  });
});

describe("a wrong value", () => {
  it.each([
    ["no space", "budget: 5", "no space given; name one with --space (collm-nas spaces lists them)"],
    ["nothing at all", "", "no space given; name one with --space (collm-nas spaces lists them)"],
    ["an empty space", "space: ''", '"space" is "": '],
    ["a space of null", "space:", '"space" is null: '],
    ["a space in numbers", "space: 201", '"space" is 201: '],
    ["no budget", "space: s\nbudget: 0", '"budget" is 0: '],
    ["a negative budget", "space: s\nbudget: -5", '"budget" is -5: '],
    ["half an evaluation", "space: s\nbudget: 1.5", '"budget" is 1.5: '],
    ["a budget in letters", "space: s\nbudget: many", '"budget" is "many": '],
    ["a budget that is not a number", "space: s\nbudget: .nan", '"budget" is NaN: '],
    ["a budget without end", "space: s\nbudget: .inf", '"budget" is Infinity: '],
    ["a negative seed", "space: s\nseed: -1", '"seed" is -1: '],
    ["a seed beyond whole numbers", "space: s\nseed: 9007199254740993", '"seed" is 9007199254740992: '],
    ["no rounds", "space: s\nrounds: 0", '"rounds" is 0: '],
    ["a target in letters", "space: s\ntarget: best", '"target" is "best": '],
    ["a target that is not a number", "space: s\ntarget: .nan", '"target" is NaN: '],
    ["a limit in letters", "space: s\nlimits: {flops_m: low}", '"limits.flops_m" is "low": '],
    ["a limit that is not a number", "space: s\nlimits: {flops_m: .nan}", '"limits.flops_m" is NaN: '],
    ["one limit without a name", "space: s\nlimits: 120", '"limits" is 120: '],
    ["a list of limits", "space: s\nlimits: [120]", '"limits" is [120]: '],
    ["a misspelt choice", "space: s\noverLimit: skipp", '"overLimit" is "skipp": '],
    ["an empty task", "space: s\ntask: ''", '"task" is "": '],
    [
      "fewest above most",
      "space: s\ncandidates: {min: 9, max: 3}",
      '"candidates" is {"min":9,"max":3}: has a min above its max',
    ],
    ["no candidates", "space: s\ncandidates: {min: 0, max: 3}", '"candidates.min" is 0: '],
    ["too many candidates", "space: s\ncandidates: {min: 1, max: 1001}", '"candidates.max" is 1001: '],
    ["half of the candidates", "space: s\ncandidates: {min: 5}", '"candidates.max" is missing'],
    ["yes for true", "space: s\nmemory: {navigator: 'yes'}", '"memory.navigator" is "yes": '],
    ["structured by number", "space: s\nstructured: 1", '"structured" is 1: '],
    ["no evaluation before giving up", "space: s\ngiveUpAfter: 0", '"giveUpAfter" is 0: '],
    ["no patience before a stall", "space: s\nstallRounds: 0", '"stallRounds" is 0: '],
    ["a model by name alone", "space: s\nmodel: qwen3", '"model" is "qwen3": '],
    ["a model without a name", "space: s\nmodel: {temperature: 1}", "no model named; name one with --model"],
    ["a model with an empty name", "space: s\nmodel: {name: ''}", '"model.name" is "": '],
    [
      "an address of no web server",
      "space: s\nmodel: {name: m, baseUrl: 'ftp://host/v1'}",
      '"model.baseUrl" is "ftp://host/v1": is no http(s) address',
    ],
    [
      "an address without its scheme",
      "space: s\nmodel: {name: m, baseUrl: 'localhost:8000'}",
      '"model.baseUrl" is "localhost:8000": is no http(s) address',
    ],
    [
      "a variable with a blank",
      "space: s\nmodel: {name: m, keyVariable: 'MY KEY'}",
      '"model.keyVariable" is "MY KEY": is no name of an environment variable',
    ],
    ["too hot a model", "space: s\nmodel: {name: m, temperature: 2.5}", '"model.temperature" is 2.5: '],
    ["a share above one", "space: s\nmodel: {name: m, topP: 1.5}", '"model.topP" is 1.5: '],
    ["no tokens", "space: s\nmodel: {name: m, maxTokens: 0}", '"model.maxTokens" is 0: '],
    ["no time", "space: s\nmodel: {name: m, timeoutSeconds: 0}", '"model.timeoutSeconds" is 0: '],
    ["fewer than no retries", "space: s\nmodel: {name: m, retries: -1}", '"model.retries" is -1: '],
    ["an evaluator by address alone", "space: s\nevaluator: 'here:1'", '"evaluator" is "here:1": '],
    [
      "an address without a port",
      "space: s\nevaluator: {address: here}",
      '"evaluator.address" is "here": is not of the form HOST:PORT',
    ],
    ["a path that is none", "space: s\nevaluator: {config: 7}", '"evaluator.config" is 7: '],
    ["no silence", "space: s\nevaluator: {silenceSeconds: 0}", '"evaluator.silenceSeconds" is 0: '],
    [
      "negative patience",
      "space: s\nevaluator: {patienceSeconds: -1}",
      '"evaluator.patienceSeconds" is -1: ',
    ],
    ["an empty folder", "space: s\nout: ''", '"out" is "": '],
  ])("is named with its key, in one line: %s", async (_, text, expected) => {
    const message = await refusal(text);
    expect(message.startsWith(expected), message).toBe(true);
  });

  it("is told in words of this program", async () => {
    const wrong = [
      ["budget: many", "has to be a whole number, such as 2000, 200k, 2M or 1e6"],
      ["budget: 0", "has to be at least 1"],
      ["budget: [1]", "has to be a whole number"],
      ["candidates: {min: 1, max: 2000}", "has to be at most 1000"],
      ["target: best", "has to be a number"],
      ["limits: {flops_m: 120M}", "has to be a number"],
      ["limits: flops_m=120", "has to be names with values"],
      ["caps: {usd: 5k}", "has to be a number"],
      ["caps: {usd: 0}", "has to be more than 0"],
      ["structured: 'yes'", "has to be true or false"],
      ["task: 5", "has to be text"],
      ["task: ''", "must not be empty"],
      ["inform: costs", "has to be a list"],
      ["memory: yes", "has to be keys with values"],
      ["overLimit: 7", "has to be skip or evaluate"],
      ["evaluator: {config: ~ann/e.yaml}", "begins with ~"],
    ] as const;
    for (const [text, words] of wrong) {
      const message = await refusal(`space: s\n${text}`);
      expect(message).toContain(`: ${words}`);
      expect(message).not.toMatch(/Invalid|Too (small|big)|expected|received/);
    }
  });

  it("among a few choices brings the nearest one", async () => {
    expect(await refusal("space: s\noverLimit: evaluat")).toContain('did you mean "evaluate"?');
    expect(await refusal(undefined, { space: "s", equivalent: "skp" })).toBe(
      '"equivalent" is "skp": has to be evaluate or skip; did you mean "skip"?',
    );
  });

  it("in a flag is refused like one in a file", async () => {
    expect(await refusal(undefined)).toBe(
      "no space given; name one with --space (collm-nas spaces lists them)",
    );
    expect(await refusal(undefined, { space: "s", budget: 0 })).toMatch(/^"budget" is 0: /);
    expect(await refusal(undefined, { space: "s", evaluator: "here" })).toMatch(
      /^"evaluator.address" is "here": /,
    );
    expect(await refusal(undefined, { space: "s", baseUrl: "http://h/v1" })).toBe(
      "no model named; name one with --model",
    );
  });

  it("in place of a group is named as such, also when a flag speaks of the group", async () => {
    const flags = { model: "qwen3", limit: { flops_m: 1 }, evaluator: "here:1" };
    expect(await refusal("space: s\nmodel: gpt", flags)).toMatch(/^"model" is "gpt": /);
    expect(await refusal("space: s\nlimits: [1]", flags)).toMatch(/^"limits" is \[1\]: /);
    expect(await refusal("space: s\nevaluator: there", flags)).toMatch(/^"evaluator" is "there": /);
  });
});

describe("a file that is no configuration", () => {
  it.each([
    [
      "a key twice",
      "space: s\nbudget: 1\nbudget: 2",
      "Map keys must be unique at line 3, column 1; correct the YAML",
    ],
    [
      "a key twice in a group",
      "space: s\nmodel: {name: a, name: b}",
      "Map keys must be unique at line 2, column 18; correct the YAML",
    ],
    ["an open quote", "space: 'cells", "Missing closing 'quote at line 1, column 14; correct the YAML"],
    ["two documents", "space: a\n---\nspace: b", "Source contains multiple documents"],
    [
      "a reference to nothing",
      "space: s\ntask: *best",
      "Unresolved alias (the anchor must be set before the alias): best; correct the YAML",
    ],
    [
      "a tag there is not",
      "space: !secret s",
      "Unresolved tag: !secret at line 1, column 8; correct the YAML",
    ],
    [
      "references that multiply",
      `a: &a [${"x, ".repeat(20)}]\n${["b", "c", "d"].map((key, at) => `${key}: &${key} [${`*${"abc"[at]}, `.repeat(20)}]`).join("\n")}`,
      "Excessive alias count indicates a resource exhaustion attack; correct the YAML",
    ],
    ["a list", "- space: s", 'expected keys and values, such as "space: NAME"'],
    ["a word", "cells", 'expected keys and values, such as "space: NAME"'],
  ])("is refused in one line: %s", async (_, text, expected) => {
    const message = await refusal(text);
    expect(message.startsWith(expected), message).toBe(true);
  });

  it("is refused when it is not there, or is a folder", async () => {
    await expect(readConfig(join(folder, "nowhere.yaml"), {})).rejects.toThrow(
      `cannot read ${join(folder, "nowhere.yaml")}: ENOENT; give the path of a YAML file`,
    );
    await expect(readConfig(folder, {})).rejects.toThrow(
      `cannot read ${folder}: it is a folder, and no file`,
    );
  });

  it("may use references as YAML has them", async () => {
    const config = await readConfig(yaml("space: &name cells\ntask: *name"), {});
    expect(config.task).toBe("cells");
  });
});

describe("secrets", () => {
  const withKey = "http://me:hunter2@localhost:8000/v1";

  it.each([
    ["in a file", `space: s\nmodel: {name: m, baseUrl: '${withKey}'}`, {}],
    ["in a flag", undefined, { space: "s", model: "m", baseUrl: withKey }],
    ["as a user name alone", undefined, { space: "s", model: "m", baseUrl: "http://hunter2@localhost/v1" }],
  ])("in the model's address are refused, and not repeated: %s", async (_, text, flags) => {
    const message = await refusal(text, flags);
    expect(message).toContain("model.baseUrl holds a password");
    expect(message).toContain("model.keyVariable");
    expect(message).not.toContain("hunter2");
  });

  it("in an address that is wrong besides are not repeated either", async () => {
    expect(await refusal(undefined, { space: "s", model: "m", baseUrl: "ftp://me:hunter2@host/v1" })).toBe(
      '"model.baseUrl" is "ftp://…@host/v1": is no http(s) address',
    );
  });

  it("in the environment do not reach what is stored with a run", async () => {
    vi.stubEnv("OPENAI_API_KEY", "sk-hunter2");
    const config = await readConfig(undefined, { space: "s", model: "m", evaluator: "here:1" });
    const stored = JSON.stringify([setupOf(config), searchConfigOf(config), config]);
    expect(stored).not.toContain("hunter2");
    expect(setupOf(config)).toEqual({
      model: { ...model, name: "m" },
      evaluator: { ...evaluator, address: "here:1" },
    });
  });
});

describe("the model's key", () => {
  it("is needed at OpenAI's own address, and the variable is named", () => {
    vi.stubEnv("OPENAI_API_KEY", undefined);
    expect(() => readKey(model)).toThrow(UsageError);
    expect(() => readKey(model)).toThrow(
      'model "qwen3" at https://api.openai.com/v1 needs a key; set OPENAI_API_KEY, or name another server with --base-url',
    );
    vi.stubEnv("OPENAI_API_KEY", "");
    expect(() => readKey(model)).toThrow("needs a key");
    vi.stubEnv("OPENAI_API_KEY", "sk-1");
    expect(readKey(model)).toBe("sk-1");
  });

  it("is not needed elsewhere, but used where there is one", () => {
    const local = { ...model, baseUrl: "http://localhost:8000/v1", keyVariable: "VLLM_KEY" };
    vi.stubEnv("VLLM_KEY", undefined);
    vi.stubEnv("OPENAI_API_KEY", "sk-1");
    expect(readKey(local)).toBeNull();
    vi.stubEnv("VLLM_KEY", "token");
    expect(readKey(local)).toBe("token");
  });

  it("in the environment names no model: none is used unless it is named", async () => {
    vi.stubEnv("OPENAI_API_KEY", "sk-1");
    expect((await readConfig(undefined, { space: "s" })).model).toBeNull();
    expect((await readConfig(yaml("space: s\nmodel: null"), {})).model).toBeNull();
  });
});

const searchKeys = Object.keys(searchConfigSchema.shape).sort();
/** Keys that a record has only where they say something unusual. */
const optionalKeys = [
  "blind",
  "bounds",
  "caps",
  "early",
  "hints",
  "inform",
  "onTruncation",
  "oracle",
  "prior",
  "costRevision",
  "wording",
];

describe("the environment of a Python that is started here", () => {
  it("has nothing in it that was set for other Pythons, and all the rest", () => {
    const foreign = [
      "PATH",
      "HOME",
      "STARTUP",
      "USERBASE",
      "NOUSERSITE",
      "SAFEPATH",
      "INSPECT",
      "WARNINGS",
      "OPTIMIZE",
    ];
    const names = [...foreign.map((name) => `PYTHON${name}`), "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"];
    const kept = {
      PYTHONUNBUFFERED: "1",
      MY_PYTHONPATH: "a",
      VIRTUAL_ENVIRONMENTS: "b",
      OMP_NUM_THREADS: "2",
    };
    for (const name of names) vi.stubEnv(name, "/nowhere");
    for (const [name, value] of Object.entries(kept)) vi.stubEnv(name, value);
    const given = environmentForPython();
    expect(given).toMatchObject({ ...kept, PATH: process.env["PATH"] });
    expect(
      Object.keys(process.env)
        .filter((name) => !Object.hasOwn(given, name))
        .sort(),
    ).toEqual(names.sort());
  });
});

describe("what is stored with a run", () => {
  it("is the search, complete, as the record wants it", async () => {
    const config = await readConfig(yaml("space: s\ninform: []\nevaluator: {patienceSeconds: 3}"), {});
    const search = searchConfigOf(config);
    expect(searchConfigSchema.parse(search)).toEqual(search);
    expect(search.patienceSeconds).toBe(3);
    expect(Object.keys(search).sort()).toEqual(searchKeys.filter((key) => !optionalKeys.includes(key)));
  });

  it("has what was set otherwise than usual, and nothing of it else", async () => {
    const config = await readConfig(
      yaml(
        "space: s\npromptExtras: false\nwording: coaching\nblind: true\noracle: true\nprior: {op: {a: 1}}\nearly: random\ncaps: {seconds: 60}\nmodel: {name: m}",
      ),
      {},
    );
    const search = searchConfigOf(config);
    expect(searchConfigSchema.parse(search)).toEqual(search);
    // Without hints there is nothing to inform with, and no cost revision.
    const hinted = ["inform", "costRevision"];
    expect(Object.keys(search).sort()).toEqual(searchKeys.filter((key) => !hinted.includes(key)));
    expect(search.bounds).toEqual({
      navigator: { maxTokens: null, contextTokens: null },
      generator: { maxTokens: null, contextTokens: null },
    });
  });

  it("takes the price of the one model that is named, here or in the file, and of no two", async () => {
    const price = { input: 0.1, output: 0.3, cachedInput: 0.05 };
    const named = yaml(
      "space: s\nmodel: {name: m}\nprices: {m: {input: 9, output: 9}, other: {input: 1, output: 2}}",
    );
    const other = { input: 1, output: 2 };
    expect((await readConfig(named, { price })).prices).toEqual({ m: price, other });
    expect((await readConfig(named, { price, model: "n" })).prices).toMatchObject({
      m: { input: 9 },
      n: price,
    });
    const both = yaml("space: s\nmodel: {name: m, roles: {navigator: {name: n}, generator: {name: n}}}");
    expect((await readConfig(both, { price })).prices).toEqual({ n: price });
    expect(await refusal(undefined, { space: "s", price })).toContain("none is named; name it with --model");
    const two = yaml("space: s\nmodel: {name: m, roles: {generator: {name: n}}}");
    await expect(readConfig(two, { price })).rejects.toThrow(
      "the roles have m and n; set prices in the conf",
    );
    const setup = setupOf(await readConfig(named, {}));
    expect(readSetup(setup, { price }).prices).toEqual({ m: price, other });
    const { prices: _prices, ...bare } = setup;
    expect(readSetup(bare, { price }).prices).toEqual({ m: price });
  });

  it("says of every role that asks a server what becomes of prompts that are cut, and of no other", async () => {
    const watched = async (of: string) =>
      searchConfigOf(await readConfig(yaml(`space: s\n${of}`), {})).onTruncation;
    expect(await watched("model: {name: m}")).toEqual({ navigator: "stop", generator: "stop" });
    expect(
      await watched("model: {name: m, onTruncation: shorten, roles: {generator: {onTruncation: stop}}}"),
    ).toEqual({
      navigator: "shorten",
      generator: "stop",
    });
    expect(await watched("model: {name: m, roles: {navigator: {name: 'recorded:runs/a'}}}")).toEqual({
      generator: "stop",
    });
    for (const none of ["model: null", "model: {name: 'gguf:a.gguf'}", "model: {name: 'recorded:runs/a'}"])
      expect(await watched(none)).toBeUndefined();
    const flags = { space: "s", model: "m", onTruncation: "shorten" };
    expect(searchConfigOf(await readConfig(undefined, flags)).onTruncation?.navigator).toBe("shorten");
    expect(await refusal(undefined, { ...flags, onTruncation: "go on" })).toContain("model.onTruncation");
  });

  it("holds a cap on tokens or money only beside the longest reply of each role", async () => {
    expect(await refusal("space: s\nmodel: {name: m}\ncaps: {tokens: 9000}")).toBe(
      "a cap on tokens needs the longest reply: set model.maxTokens, or --max-tokens N",
    );
    expect(
      await refusal("space: s\nmodel: {name: m, roles: {navigator: {maxTokens: 50}}}\ncaps: {usd: 1}"),
    ).toContain("a cap on money needs the longest reply");
    const flags = { space: "s", model: "m", cap: { tokens: 9_000 }, maxTokens: 500 };
    expect(searchConfigOf(await readConfig(undefined, flags))).toMatchObject({
      caps: { tokens: 9_000 },
      bounds: { navigator: { maxTokens: 500 }, generator: { maxTokens: 500 } },
    });
    expect(await refusal(undefined, { space: "s", cap: { euros: 3 } })).toContain('unknown key "caps.euros"');
  });

  it("holds no header that may be a secret: such a value is taken from the environment", async () => {
    expect(await refusal("space: s\nmodel: {name: m, headers: {x-api-key: abc}}")).toContain(
      'model.headers holds a value for "x-api-key", which would be stored with the run',
    );
    const server = { ...model, headers: { "x-api-key": "$SOME_SECRET", "x-team": "vision" } };
    vi.stubEnv("SOME_SECRET", "abc");
    expect(readHeaders(server)).toEqual({ "x-api-key": "abc", "x-team": "vision" });
    vi.stubEnv("SOME_SECRET", "");
    expect(() => readHeaders(server)).toThrow("taken from SOME_SECRET, which is not set");
  });

  it("tells a blind search no task, for a task names the data", async () => {
    const told = yaml("space: s\ntask: They tell cats from dogs.");
    expect(searchConfigOf(await readConfig(told, {})).task).toBe("They tell cats from dogs.");
    const blind = yaml("space: s\ntask: They tell cats from dogs.\nblind: true");
    expect(searchConfigOf(await readConfig(blind, {})).task).toBe(null);
  });

  it("is the set-up, which a resume reads again, with its own flags over it", async () => {
    const config = await readConfig(
      yaml(
        "space: s\nmodel: {name: m, baseUrl: 'http://localhost:1/v1', temperature: 0.2}\nevaluator: {config: e.yaml}",
      ),
      {},
    );
    const stored: unknown = JSON.parse(JSON.stringify(setupOf(config)));
    const before = structuredClone(stored);
    expect(readSetup(stored, {})).toEqual(setupOf(config));
    expect(readSetup(stored, { budget: 200, rounds: 5 })).toEqual(setupOf(config));
    expect(readSetup(stored, { model: "other" }).model).toEqual({ ...config.model, name: "other" });
    expect(readSetup(stored, { baseUrl: "http://localhost:2/v1" }).model).toEqual({
      ...config.model,
      baseUrl: "http://localhost:2/v1",
    });
    expect(readSetup(stored, { evaluator: "there:2" }).evaluator).toMatchObject({
      address: "there:2",
      config: null,
    });
    expect(readSetup(stored, { evaluatorConfig: "f.yaml" }).evaluator.config).toBe(resolve("f.yaml"));
    expect(stored).toEqual(before);
  });

  it("of a run with the rules takes a model when a resume names one", () => {
    const stored = { model: null, evaluator };
    expect(readSetup(stored, { model: "qwen3" }).model).toEqual(model);
    expect(() => readSetup(stored, { baseUrl: "http://localhost:1/v1" })).toThrow("no model named");
  });

  it("is refused when it is no set-up, and so are flags that are wrong", () => {
    expect(() => readSetup({}, {})).toThrow("the run's record: ");
    expect(() => readSetup({ model: null, evaluator, secret: 1 }, {})).toThrow(
      'the run\'s record: unknown key "secret"',
    );
    const stored = { model: null, evaluator };
    expect(() => readSetup(stored, { evaluator: "there" })).toThrow('"evaluator.address" is "there"');
    expect(() => readSetup(stored, { model: "m", baseUrl: "http://me:hunter2@h/v1" })).toThrow(
      "holds a password",
    );
  });
});

describe("a command without a run", () => {
  it("has an evaluator of its own, or the one that a flag names", () => {
    expect(readDirectSetup({})).toEqual(evaluator);
    expect(readDirectSetup({ evaluator: "there:2" })).toEqual({ ...evaluator, address: "there:2" });
    expect(readDirectSetup({ evaluatorConfig: "e.yaml" })).toEqual({
      ...evaluator,
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
