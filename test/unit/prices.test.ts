/**
 * Prices of tokens: the user's table, the published data, and what is not known.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { priceData, priceOf } from "../../src/models/prices.ts";
import { checkMoneyCap, pricesFor } from "../../src/app/prices.ts";
import { type ModelConfig, parseConfig } from "../../src/settings/config.ts";
import { UsageError } from "../../src/errors.ts";

const day = new Date("2026-10-01T12:00:00Z");
const openai = "https://api.openai.com/v1";

function model(keys: Record<string, unknown>): ModelConfig {
  return parseConfig({ space: "tiny", model: keys }, "").model as ModelConfig;
}

describe("a looked-up price", () => {
  test("names its source and its date", async () => {
    expect(await priceOf({ name: "gpt-5-mini", baseUrl: openai }, {}, day)).toEqual({
      inputUsd: 0.25,
      cachedInputUsd: 0.025,
      outputUsd: 2,
      source: "@pydantic/genai-prices 0.1.8 (published 2026-09-23), openai gpt-5-mini",
    });
  });

  test("says the version that is installed", () => {
    const installed = JSON.parse(
      readFileSync(
        new URL("../../node_modules/@pydantic/genai-prices/package.json", import.meta.url),
        "utf8",
      ),
    ) as { version: string };
    expect(priceData.version).toBe(installed.version);
  });

  test.each([
    ["https://api.anthropic.com/v1/", "claude-sonnet-4-5", "anthropic"],
    ["https://generativelanguage.googleapis.com/v1beta/openai/", "gemini-2.5-flash", "google"],
    ["https://api.deepseek.com", "deepseek-chat", "deepseek"],
    ["https://openrouter.ai/api/v1", "openai/gpt-5", "openrouter"],
  ])("is that of the server at %s", async (baseUrl, name, provider) => {
    const price = await priceOf({ name, baseUrl }, {}, day);
    expect(price?.source).toContain(`, ${provider} ${name}`);
    expect(price?.inputUsd).toBeGreaterThan(0);
    expect(price?.outputUsd).toBeGreaterThan(price?.inputUsd ?? 0);
  });

  test("is the highest one where it depends on the prompt's length", async () => {
    const baseUrl = "https://generativelanguage.googleapis.com/v1beta/openai/";
    const price = await priceOf({ name: "gemini-2.5-pro", baseUrl }, {}, day);
    expect(price).toMatchObject({ inputUsd: 2.5, cachedInputUsd: 0.25, outputUsd: 15 });
    expect(price?.source).toMatch(/gemini-2\.5-pro, the price of the longest prompts$/);
  });

  test("is the highest one of the day, whenever it is asked for", async () => {
    const at = (time: string) =>
      priceOf(
        { name: "deepseek-chat", baseUrl: "https://api.deepseek.com" },
        {},
        new Date(`2026-10-01T${time}Z`),
      );
    const [night, noon] = [await at("00:00:00"), await at("12:00:00")];
    expect(night).toEqual(noon);
    expect(night?.source).toMatch(/, the highest price of the day$/);
  });

  test.each([
    ["a server on this machine", "http://localhost:8000/v1", "gpt-5-mini"],
    ["a private host", "http://10.0.0.7:8000/v1", "gpt-5-mini"],
    ["a host that only begins like a known one", "https://api.openai.com.proxy.example/v1", "gpt-5-mini"],
    ["a host that names a known one in its path", "https://proxy.example/https://api.openai.com/v1", "gpt-5"],
    ["a model that nobody has", openai, "no-such-model"],
  ])("is not known for %s", async (_, baseUrl, name) => {
    expect(await priceOf({ name, baseUrl }, {}, day)).toBeNull();
  });
});

describe("the user's table", () => {
  test("wins over a published price and stands for a local server", async () => {
    const table = {
      "gpt-5-mini": { input: 1, output: 3 },
      qwen3: { input: 0.5, output: 1, cachedInput: 0.1 },
    };
    expect(await priceOf({ name: "gpt-5-mini", baseUrl: openai }, table)).toEqual({
      inputUsd: 1,
      cachedInputUsd: null,
      outputUsd: 3,
      source: "configuration",
    });
    expect(await priceOf({ name: "qwen3", baseUrl: "http://localhost:8000/v1" }, table)).toMatchObject({
      cachedInputUsd: 0.1,
    });
  });

  test("has no model that it does not name", async () => {
    expect(await priceOf({ name: "constructor", baseUrl: "http://localhost:8000/v1" }, {})).toBeNull();
  });
});

test.each(["gguf:models/small.gguf", "recorded:runs/one"])("%s costs nothing", async (name) => {
  expect(await priceOf({ name, baseUrl: openai }, {})).toEqual({
    inputUsd: 0,
    cachedInputUsd: null,
    outputUsd: 0,
    source: "no server",
  });
});

describe("both roles", () => {
  test("have the prices of their own servers", async () => {
    const two = model({
      name: "gpt-5-mini",
      roles: { generator: { name: "qwen3", baseUrl: "http://localhost:8000/v1" } },
    });
    const prices = await pricesFor(two, {});
    expect(prices?.navigator?.inputUsd).toBe(0.25);
    expect(prices?.generator).toBeNull();
  });

  test("cost nothing where no model is asked", async () => {
    expect(await pricesFor(null, {})).toBeNull();
  });
});

describe("a cap on money", () => {
  const two = model({
    name: "gpt-5-mini",
    roles: { generator: { name: "qwen3:8b", baseUrl: "http://localhost:8000/v1" } },
  });

  test("is refused where one price is not known, naming the key to set", async () => {
    const prices = await pricesFor(two, {});
    expect(() => checkMoneyCap({ usd: 1 }, prices, two)).toThrow(
      new UsageError(
        'a cap on money needs the price of model "qwen3:8b", which is not known for localhost:8000; set prices: {"qwen3:8b": {input: USD, output: USD}} in the configuration, for a million tokens each',
      ),
    );
    const one = model({ name: "qwen3:8b", baseUrl: "http://localhost:8000/v1" });
    expect(() => checkMoneyCap({ usd: 1 }, null, one)).toThrow(
      "; give it with --price input=USD,output=USD, or set prices: {",
    );
  });

  test("is taken where all prices are known, and other caps need none", async () => {
    const prices = await pricesFor(two, { "qwen3:8b": { input: 0, output: 0 } });
    expect(() => checkMoneyCap({ usd: 1 }, prices, two)).not.toThrow();
    expect(() => checkMoneyCap({ tokens: 5 }, { navigator: null, generator: null }, two)).not.toThrow();
    expect(() => checkMoneyCap({ usd: 1 }, null, null)).not.toThrow();
  });
});
