/**
 * Two values of a setting that decides are two settings: a bench does not take the old run for the new one, and a report
 * keeps two rows. The table is walked, so that no setting can be forgotten.
 */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { rehearsal } from "../../src/app/run-config.ts";
import { prolonging, requireSameRun } from "../../src/app/same-run.ts";
import { settingsOf } from "../../src/report/run-settings.ts";
import { cohortsOf } from "../../src/report/study.ts";
import type { KnownResults } from "../../src/runs/known-results.ts";
import type { RunState } from "../../src/search/state.ts";
import { type Config, parseConfig } from "../../src/settings/config.ts";
import { type Setting, settings } from "../../src/settings.ts";
import { tinySpace } from "../support/run-events.ts";

const entries = Object.entries<Setting>(settings);
const deciding = entries.filter(([, { scope }]) => scope === "decides");

/** Settings of which a run may get more. */
const mayGrow = new Set(["budget", "rounds", "caps.tokens", "caps.usd", "caps.seconds"]);

/** Two values that a schema takes. */
function twoValues(schema: z.ZodType): [first: unknown, second: unknown] {
  if (schema instanceof z.ZodNullable) return twoValues(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodEnum) return [schema.options[0], schema.options[1]];
  if (schema instanceof z.ZodBoolean) return [false, true];
  if (schema instanceof z.ZodNumber) return schema.format?.includes("int") === true ? [12, 13] : [0.25, 0.5];
  if (schema instanceof z.ZodString) return ["one", "other"];
  if (schema instanceof z.ZodArray) return [[], [twoValues(schema.element as z.ZodType)[0]]];
  if (schema instanceof z.ZodRecord)
    return twoValues(schema.valueType as z.ZodType).map((value) => ({ one: value })) as [unknown, unknown];
  if (schema instanceof z.ZodUnknown) return [1, 2];
  throw new Error(`no two values are known of ${schema.type}`);
}

/** A configuration in which every setting has an effect, with one key at a value. */
function configWith(key: string, value: unknown) {
  const [group = "", name] = key.split(".");
  const usual: Record<string, unknown> = {
    space: "tiny",
    searcher: "collm",
    candidates: { min: 10, max: 20 },
    model: { name: "m", maxTokens: 100 },
  };
  const before = usual[group];
  return parseConfig(
    {
      ...usual,
      [group]: name === undefined ? value : { ...(before as Record<string, unknown>), [name]: value },
    },
    "",
  );
}

/** What the file or folder that a configuration names holds, as if it had been read. */
function knownAt({ known }: Pick<Config, "known">): KnownResults | null {
  return known === null ? null : { source: "a file", results: [{ text: known, metrics: { accuracy: 50 } }] };
}

function begun(key: string, value: unknown): RunState {
  const config = configWith(key, value);
  return rehearsal(config, { ...tinySpace, id: config.space }, knownAt(config));
}

describe.each(deciding)("%s", (key, setting) => {
  const [first, second] = twoValues(setting.schema(z));
  const [one, other] = [begun(key, first), begun(key, second)];
  const config = configWith(key, second);
  const space = { ...tinySpace, id: config.space };

  it("is another setting at another value", () => {
    const [was, is]: Record<string, unknown>[] = [settingsOf(one), settingsOf(other)];
    const differing = Object.keys(settings).filter((name) => {
      const [before, now] = [was, is].map((all) => JSON.stringify(all?.[name]));
      return before !== now;
    });
    // What the prompts inform with is nothing where they hold no more than the paper's.
    expect(differing).toEqual(key === "promptExtras" ? [key, "inform"] : [key]);
  });

  it("keeps a bench from taking the old run for the new one", () => {
    expect(() => requireSameRun("runs/a", other, config, space, knownAt(config))).not.toThrow();
    expect(() => requireSameRun("runs/a", one, config, space, knownAt(config))).toThrow(
      `was run with another ${key} (`,
    );
  });

  it("of another value is refused where a run continues, unless it makes the run longer", () => {
    const continued = (was: RunState, value: unknown) => () =>
      prolonging("runs/a", was, configWith(key, value), space, knownAt(configWith(key, value)));
    expect(continued(other, second)()).toEqual({ budget: null, rounds: null, caps: null });
    if (!mayGrow.has(key)) {
      expect(continued(one, second)).toThrow(`runs/a was run with another ${key} (`);
      return;
    }
    const [group = "", cap] = key.split(".");
    const prolonged = { budget: null, rounds: null, caps: null };
    const longer = cap === undefined ? second : { [cap]: second };
    expect(continued(one, second)()).toEqual({ ...prolonged, [group]: longer });
    expect(continued(other, first)).toThrow(
      `runs/a was begun with ${key} ${String(second)}, and ${String(first)} is`,
    );
  });

  it("keeps the two in rows of their own", () => {
    const cohorts = cohortsOf(
      [one, other].map((state, index) => ({ folder: `runs/${index}`, state })),
      new Map(),
      [],
      "all",
    );
    // Runs that differ in the seed alone are draws of one configuration.
    if (key === "seed") expect(cohorts.map(({ runs }) => runs.length)).toEqual([2]);
    else {
      expect(cohorts.map(({ runs }) => runs.length)).toEqual([1, 1]);
      const labels = cohorts.map(({ label, spaceId }) => `${label} on ${spaceId}`);
      expect(new Set(labels).size, labels.join("; ")).toBe(2);
    }
  });
});

describe("a run that continues", () => {
  const config = (changes: object) => parseConfig({ space: "tiny", searcher: "random", ...changes });
  const begun = (changes: object, space = tinySpace) => rehearsal(config(changes), space, null);
  const prolonged = (was: RunState, changes: object, space = tinySpace) =>
    prolonging("runs/a", was, config(changes), space, null);

  it("takes a cap away, and adds none", () => {
    const nothing = { budget: null, rounds: null, caps: null };
    const both = { caps: { seconds: 5, tokens: 100 } };
    expect(prolonged(begun(both), { caps: { tokens: 100 } })).toEqual({ ...nothing, caps: { tokens: 100 } });
    expect(prolonged(begun(both), {})).toEqual({ ...nothing, caps: {} });
    expect(() => prolonged(begun({}), both)).toThrow(
      "runs/a was begun with caps.tokens null, and 100 is not more",
    );
  });

  it("keeps to rounds or to none", () => {
    expect(() => prolonged(begun({}), { rounds: 3 })).toThrow("rounds null, and 3 is not more");
    expect(() => prolonged(begun({ rounds: 3 }), {})).toThrow("rounds 3, and null is not more");
  });

  it("names the other setting where one makes it longer and another does not fit", () => {
    expect(() => prolonged(begun({ budget: 5 }), { budget: 9, seed: 1 })).toThrow("another seed (0, not 1)");
    expect(() => prolonged(begun({ budget: 5, rounds: 3 }), { budget: 9, rounds: 2 })).toThrow(
      "rounds 3, and 2",
    );
  });

  it.each<[string, Partial<typeof tinySpace>, string]>([
    [
      "a choice",
      { dimensions: tinySpace.dimensions.map((each) => ({ ...each, choices: [...each.choices, "64"] })) },
      'choices of op: ["none","skip","conv"], not ["none","skip","conv","64"]',
    ],
    [
      "a dimension",
      { dimensions: tinySpace.dimensions.slice(1) },
      'choices of op: ["none","skip","conv"], not null',
    ],
    ["a cost", { costs: [] }, 'unit of flops_m: "M", not null'],
    [
      "a direction",
      { metrics: tinySpace.metrics.map((each) => ({ ...each, higherIsBetter: false })) },
      "higherIsBetter of accuracy: true, not false",
    ],
    ["what is not in the description", { summary: "Other words." }, "digest tiny-1, not tiny-2"],
  ])("is refused on another space of the same name: %s", (_what, changes, words) => {
    const other = { ...tinySpace, ...changes, digest: "tiny-2" };
    const refusal = `runs/a searched other data under the name tiny than the evaluator serves now (${words}); `;
    expect(() => prolonged(begun({}), { budget: 200 }, other)).toThrow(refusal);
  });

  it("takes a space of other words", () => {
    const other = { ...tinySpace, summary: "Other words.", provenance: "elsewhere" };
    expect(prolonged(begun({}), {}, other).budget).toBeNull();
  });
});

describe("settings that only surround a search", () => {
  const surrounding = entries.filter(([key, { scope }]) => scope === "surrounds" && key !== "paper");

  it.each(surrounding)("%s tells no run from another", (key, setting) => {
    const value = { "model.baseUrl": "http://other:1/v1", "evaluator.address": "other:1", prices: {} };
    const [, second] = Object.hasOwn(value, key)
      ? [null, value[key as keyof typeof value]]
      : twoValues(setting.schema(z));
    expect(settingsOf(begun(key, second))).toEqual(settingsOf(begun("seed", 0)));
  });
});

describe("a setting of one role", () => {
  it("is another setting than the same of both", () => {
    const config = (model: object) => parseConfig({ space: "tiny", model: { name: "m", ...model } }, "");
    const [shared, ofRole] = [
      rehearsal(config({ temperature: 0.2 }), tinySpace, null),
      rehearsal(config({ temperature: 0.6, roles: { generator: { temperature: 0.2 } } }), tinySpace, null),
    ];
    expect(settingsOf(shared)["model.temperature"]).toBe(0.2);
    expect(settingsOf(ofRole)["model.temperature"]).toEqual({ navigator: 0.6, generator: 0.2 });
  });
});
