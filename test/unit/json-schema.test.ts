/** The JSON Schema of search.yaml and plan.yaml: every file that comes with the program passes, and misspelt ones do not. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { configKeys } from "../../src/settings/config.ts";
import { jsonSchemaOf, type SchemaName } from "../../src/settings/json-schema.ts";
import { planSettings } from "../../src/settings.ts";

const presets = fileURLToPath(new URL("../../presets", import.meta.url));
const files = readdirSync(presets, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".yaml"),
);

type JsonSchema = Parameters<typeof z.fromJSONSchema>[0];

/** Whether a file of this text passes the schema, as an editor reads it. */
function passes(name: SchemaName, text: string): boolean {
  const written = JSON.parse(JSON.stringify(jsonSchemaOf(name))) as JsonSchema;
  return z.fromJSONSchema(written).safeParse(parse(text)).success;
}

/** What the schema says at a path of keys. */
function at(name: SchemaName, ...path: string[]): Record<string, unknown> {
  let found = jsonSchemaOf(name);
  for (const key of path) {
    const parts = [found, ...((found["anyOf"] as Record<string, unknown>[] | undefined) ?? [])];
    const properties = parts.map((part) => part["properties"]).find((each) => each !== undefined);
    found = (properties as Record<string, Record<string, unknown>>)[key] as Record<string, unknown>;
  }
  return found;
}

it.each(files)("takes presets/%s", (file) => {
  const name = file.startsWith("bench") ? "plan" : "search";
  expect(passes(name, readFileSync(join(presets, file), "utf8"))).toBe(true);
});

describe("the schema of search.yaml", () => {
  it.each(configKeys())("describes %s", (key) => {
    expect(at("search", ...key.split("."))["description"]).toMatch(/\w{3,}/);
  });

  it("needs the space alone", () => {
    expect(jsonSchemaOf("search")["required"]).toEqual(["space"]);
  });

  it("has defaults and choices, for an editor to complete", () => {
    expect(at("search", "budget")).toMatchObject({ default: 100, minimum: 1 });
    expect(at("search", "wording")).toMatchObject({ enum: ["standard", "concise", "coaching"] });
    expect(at("search", "model", "temperature")).toMatchObject({ default: 0.6, minimum: 0, maximum: 2 });
  });

  it.each([
    [
      "numbers with a suffix or in quotes",
      "space: s\nbudget: 2k\ncaps: {tokens: 200k, usd: '5'}\nrounds: 1_000",
      true,
    ],
    ["one role's own model", "space: s\nmodel: {name: m, roles: {generator: {name: n}}}", true],
    ["no model", "space: s\nmodel: null", true],
    ["no space", "budget: 5", false],
    ["a key that is misspelt", "space: s\nbugdet: 5", false],
    ["one of a group that is misspelt", "space: s\nmodel: {name: m, temprature: 1}", false],
    ["a choice there is not", "space: s\noverLimit: skipp", false],
    ["text for a number", "space: s\nbudget: many", false],
    ["half a number with a suffix for a sum of money", "space: s\ncaps: {usd: 5k}", false],
    ["no evaluation at all", "space: s\nbudget: 0", false],
  ])("reads %s", (_, text, isRight) => {
    expect(passes("search", text)).toBe(isRight);
  });
});

describe("the schema of plan.yaml", () => {
  const small = "title: T\nspaces: [s]\nseeds: 2\nsearchers: [evolution]\n";

  it.each(Object.keys(planSettings))("describes %s", (key) => {
    expect(at("plan", key)["description"]).toMatch(/\w{3,}/);
  });

  it.each([
    [
      "keys of a run, with a model that is named elsewhere",
      `${small}run: {budget: 5, model: {temperature: 1}}`,
      true,
    ],
    ["a grid over keys of a run", `${small}grid: {memory.navigator: [true, false], budget: [5]}`, true],
    ["a space with keys of its own", `${small.replace("[s]", "{s: {task: Of s.}}")}`, true],
    ["a misspelt key of a run", `${small}run: {bugdet: 5}`, false],
    ["a misspelt key in a setting", `${small}settings: {a: {bugdet: 5}}`, false],
    ["a grid over a key there is not", `${small}grid: {bugdet: [5]}`, false],
    ["a seed inside run", `${small}run: {seed: 5}`, false],
    ["a key of a run at the top", `${small}budget: 5`, false],
  ])("reads %s", (_, text, isRight) => {
    expect(passes("plan", text)).toBe(isRight);
  });
});
