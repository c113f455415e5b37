/** What a configuration file or a flag is refused with: the key or the line, and what to write there. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/settings/config.ts";
import { configFiles } from "../support/config-files.ts";

const { folder, yaml, refusal } = configFiles();

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
    [
      "an old name for the extras of the prompts",
      "space: cells\nhints: false",
      'unknown key "hints"; did you mean "promptExtras"?',
    ],
    [
      "an old name for the cost revision",
      "space: cells\nsecondLook: true",
      'unknown key "secondLook"; did you mean "costRevision"?',
    ],
    [
      "an old name for the output mode",
      "space: cells\nmodel: {name: m, rung: text}",
      'unknown key "model.rung"; did you mean "outputMode"?',
    ],
    [
      "an old name of one role's output mode, at the top",
      "space: cells\nladder: text",
      'unknown key "ladder"; did you mean "model.outputMode"?',
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

  it("is reported in words of this program", async () => {
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
