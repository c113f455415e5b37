/**
 * Keys, passwords and what else is in the environment: what is read from it, and what is never stored or repeated.
 */
import { describe, expect, it, vi } from "vitest";
import { environmentForPython, readKey } from "../../src/settings/environment.ts";
import { readConfig, searchConfigOf, setupOf } from "../../src/settings/config.ts";
import { UsageError } from "../../src/errors.ts";
import { configFiles, usualEvaluator, usualModel } from "../support/config-files.ts";

const { yaml, refusal } = configFiles();

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
      model: { ...usualModel, name: "m" },
      evaluator: { ...usualEvaluator, address: "here:1" },
    });
  });
});

describe("the model's key", () => {
  it("is needed at OpenAI's own address, and the variable is named", () => {
    vi.stubEnv("OPENAI_API_KEY", undefined);
    expect(() => readKey(usualModel)).toThrow(UsageError);
    expect(() => readKey(usualModel)).toThrow(
      'model "qwen3" at https://api.openai.com/v1 needs a key; set OPENAI_API_KEY, or name another server with --base-url',
    );
    vi.stubEnv("OPENAI_API_KEY", "");
    expect(() => readKey(usualModel)).toThrow("needs a key");
    vi.stubEnv("OPENAI_API_KEY", "sk-1");
    expect(readKey(usualModel)).toBe("sk-1");
  });

  it("is not needed elsewhere, but used where there is one", () => {
    const local = { ...usualModel, baseUrl: "http://localhost:8000/v1", keyVariable: "VLLM_KEY" };
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
