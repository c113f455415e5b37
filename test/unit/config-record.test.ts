/** What of a configuration is stored with a run, and what a resume reads of it. */
import { resolve } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { readConfig, readSetup, searchConfigOf, setupOf } from "../../src/settings/config.ts";
import { readHeaders } from "../../src/settings/environment.ts";
import { searchConfigSchema } from "../../src/search/events.ts";
import { configFiles, usualEvaluator, usualModel } from "../support/config-files.ts";

const { yaml, refusal } = configFiles();

const searchKeys = Object.keys(searchConfigSchema.shape).sort();

/** Keys that a record has only where they say something unusual. */
const optionalKeys = [
  "blind",
  "bounds",
  "caps",
  "early",
  "promptExtras",
  "inform",
  "known",
  "onTruncation",
  "oracle",
  "prior",
  "redrawsEquivalent",
  "costRevision",
  "wording",
];

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
        "space: s\npromptExtras: false\nwording: coaching\nblind: true\noracle: true\nknown: a.csv\nprior: {op: {a: 1}}\nearly: random\nequivalent: skip\ncaps: {seconds: 60}\nmodel: {name: m}",
      ),
      {},
    );
    const search = searchConfigOf(config);
    expect(searchConfigSchema.parse(search)).toEqual(search);
    // Without prompt extras there is nothing to inform with, and no cost revision. What is known is not read yet.
    const others = ["inform", "costRevision", "known"];
    expect(Object.keys(search).sort()).toEqual(searchKeys.filter((key) => !others.includes(key)));
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
    const server = { ...usualModel, headers: { "x-api-key": "$SOME_SECRET", "x-team": "vision" } };
    vi.stubEnv("SOME_SECRET", "abc");
    expect(readHeaders(server)).toEqual({ "x-api-key": "abc", "x-team": "vision" });
    vi.stubEnv("SOME_SECRET", "");
    expect(() => readHeaders(server)).toThrow("taken from SOME_SECRET, which is not set");
  });

  it("tells a blind search no task, for a task names the data", async () => {
    const asked = yaml("space: s\ntask: They tell cats from dogs.");
    expect(searchConfigOf(await readConfig(asked, {})).task).toBe("They tell cats from dogs.");
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
    const stored = { model: null, evaluator: usualEvaluator };
    expect(readSetup(stored, { model: "qwen3" }).model).toEqual(usualModel);
    expect(() => readSetup(stored, { baseUrl: "http://localhost:1/v1" })).toThrow("no model named");
  });

  it("is refused when it is no set-up, and so are flags that are wrong", () => {
    expect(() => readSetup({}, {})).toThrow("the run's record: ");
    expect(() => readSetup({ model: null, evaluator: usualEvaluator, secret: 1 }, {})).toThrow(
      'the run\'s record: unknown key "secret"',
    );
    const stored = { model: null, evaluator: usualEvaluator };
    expect(() => readSetup(stored, { evaluator: "there" })).toThrow('"evaluator.address" is "there"');
    expect(() => readSetup(stored, { model: "m", baseUrl: "http://me:hunter2@h/v1" })).toThrow(
      "holds a password",
    );
  });
});
