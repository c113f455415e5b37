/** What holds for every entry of the table of settings, and how flags are read by it. */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { UsageError } from "../../src/errors.ts";
import { searchers } from "../../src/searchers/registry.ts";
import {
  entryOf,
  type FlagKey,
  flagForm,
  flagged,
  flagHelp,
  flagOption,
  isRepeated,
} from "../../src/settings/command-flags.ts";
import { parseConfig } from "../../src/settings/config.ts";
import { flagsOf, flagWords, readFlags, withFlags } from "../../src/settings/flags.ts";
import { commandFlags, planSettings, type Setting, settings } from "../../src/settings.ts";

const entries = Object.entries<Setting>({ ...settings, ...planSettings, ...commandFlags });
const withFlag = Object.entries<Partial<Setting>>(flagged).filter(([, { flag }]) => flag !== undefined);

describe("an entry of the table", () => {
  it.each(entries)("%s has a key in camelCase and one phrase of help", (key, { help }) => {
    expect(key).toMatch(/^[a-z][A-Za-z]*(\.[a-z][A-Za-z]*)?$/);
    expect(help).toMatch(/^[^.].*[^.;]$/);
  });

  it.each(entries.filter(([, entry]) => entry.default !== undefined && entry.default !== null))(
    "%s has a default that its schema takes",
    (_, entry) => {
      expect(entry.schema(z).parse(entry.default)).toEqual(entry.default);
    },
  );

  it.each(entries.filter(([, entry]) => entry.paper !== undefined))(
    "%s has a value of the paper that its schema takes",
    (_, entry) => {
      const schema = entry.schema(z);
      const whole = entry.default === null ? schema.nullable() : schema;
      expect(whole.parse(entry.paper)).toEqual(entry.paper);
    },
  );

  it("names every searcher", () => {
    for (const { name } of searchers) expect(settings.searcher.help).toMatch(new RegExp(`\\b${name}\\b`));
  });
});

describe("a flag", () => {
  it("is spelt in kebab-case from its key", () => {
    const forms = (
      ["overLimit", "model.baseUrl", "evaluator.config", "limits", "blind", "plan.seeds"] as const
    ).map(flagForm);
    expect(forms).toEqual([
      "--over-limit <what>",
      "--base-url <url>",
      "--evaluator-config <file>",
      "--limit <cost=value>",
      "--blind",
      "--seeds <n>",
    ]);
  });

  it.each(withFlag)("%s has its sentence in help, with the default where there is one", (key) => {
    const help = flagHelp(key as FlagKey);
    const { default: usual } = flagged[key as FlagKey] as Partial<Setting>;
    if (typeof usual === "number") expect(help).toContain(`(default: ${usual})`);
    expect(flagHelp(key as FlagKey, false)).not.toContain("(default:");
  });

  const refusal = (key: FlagKey, ...texts: string[]) => {
    const name = flagForm(key)
      .slice(2)
      .replace(/ <.*/, "")
      .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    try {
      readFlags([key], { [name]: texts });
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      return (error as UsageError).message;
    }
    return "not refused";
  };

  it.each<[FlagKey, string[], string]>([
    ["budget", ["0"], "It has to be a whole number of at least 1, such as 40, 2k or 1e6."],
    ["budget", ["some"], "It has to be a whole number of at least 1, such as 40, 2k or 1e6."],
    ["seed", ["-1"], "It has to be a whole number of at least 0, such as 40, 2k or 1e6."],
    ["cells", ["1"], "It has to be a whole number of at least 2, such as 40, 2k or 1e6."],
    ["plan.seeds", ["0"], "It has to be a whole number of at least 1, such as 40, 2k or 1e6."],
    ["plan.parallel", ["65"], "It has to be at most 64."],
    ["target", ["best"], "It has to be a number."],
    ["split", ["train"], "It has to be search or test."],
    ["out", ["~ann/runs"], "It begins with ~,"],
    ["limits", ["120"], "It has to be of the form NAME=VALUE, such as flops_m=120."],
    ["limits", ["flops_m=1,params_m=2"], "Give --limit once a cost: --limit flops_m=1 --limit params_m=2."],
    ["limits", ["flops_m=1,000"], "Write the number without a comma, and give --limit once a cost."],
    ["limits", ["flops_m=1", "flops_m=2"], 'It gives "flops_m" a second time; leave one of the two out.'],
    ["caps", ["tokens=9", "usd=1", "tokens=9"], 'It gives "tokens" a second time; leave one of the two out.'],
    ["caps", ["tokens=1.5"], "tokens has to be a whole number, such as 2000, 200k, 2M or 1e6."],
    ["caps", ["usd=5k"], "usd has to be a number alone, in US dollars."],
    ["prices", ["input=1"], "It has to be input=USD,output=USD, for a million tokens each"],
    ["prices", ["input=1,output=-2"], "A price is no less than 0."],
  ])("%s is refused at %j", (key, texts, words) => {
    const message = refusal(key, ...texts);
    expect(message).toContain(`option '${flagForm(key)}' argument '${texts.at(-1)}' is invalid. `);
    expect(message).toContain(words);
  });

  it.each((Object.keys(flagged) as FlagKey[]).filter((key) => entryOf(key).flag?.value !== undefined))(
    "%s is refused when it is given twice, or has a name for each value",
    (key) => {
      const words = isRepeated(key) ? "NAME=VALUE" : `Give ${flagOption(key)} once.`;
      expect(refusal(key, "1", "2")).toContain(words);
      expect(refusal(key, "1", "1")).toContain(words);
    },
  );

  it("is read by the schema of its setting", () => {
    const keys = ["budget", "target", "limits", "caps", "prices", "blind", "overLimit"] as const;
    const given = {
      budget: ["2k"],
      target: ["93.5"],
      limit: ["flops_m=120", "params_m=1.5"],
      cap: ["tokens=200k"],
      price: ["input=0.1,output=0.3,cached=0.05"],
      blind: true,
    };
    expect(readFlags(keys, given)).toEqual({
      budget: 2_000,
      target: 93.5,
      limit: { flops_m: 120, params_m: 1.5 },
      cap: { tokens: 200_000 },
      price: { input: 0.1, output: 0.3, cachedInput: 0.05 },
      blind: true,
    });
  });

  it("that no file holds has its default where it is not given, and no other has", () => {
    expect(readFlags(["budget", "trials", "split"], {})).toEqual({ trials: 40, split: "search" });
  });

  it("is typed again as it was given", () => {
    const keys = ["space", "budget", "limits", "caps", "prices", "blind", "evaluator.config"] as const;
    const given = {
      space: ["my space"],
      budget: ["20"],
      limit: ["flops_m=120", "params_m=1.5"],
      cap: ["usd=2"],
      price: ["input=0.1,output=0.3,cached=0.05"],
      blind: true,
      evaluatorConfig: ["e.yaml"],
    };
    expect(flagWords(keys, readFlags(keys, given))).toEqual([
      ..."--space|my space|--budget|20|--limit|flops_m=120|--limit|params_m=1.5|--cap|usd=2".split("|"),
      ..."--price|input=0.1,output=0.3,cached=0.05|--blind|--evaluator-config|e.yaml".split("|"),
    ]);
  });

  it("is there for every setting of a configuration that is not the usual one", () => {
    const raw = {
      space: "s",
      seed: 3,
      limits: { flops_m: 120 },
      caps: { usd: 2 },
      blind: true,
      model: { name: "m", baseUrl: "http://here:1/v1", maxTokens: 500, temperature: 0.1 },
      prices: { m: { input: 1, output: 2 }, n: { input: 3, output: 4 } },
    };
    const flags = flagsOf(parseConfig(raw, ""));
    expect(flags).toEqual({
      space: "s",
      searcher: "collm",
      seed: 3,
      limit: { flops_m: 120 },
      cap: { usd: 2 },
      blind: true,
      model: "m",
      baseUrl: "http://here:1/v1",
      maxTokens: 500,
      price: { input: 1, output: 2 },
    });
    expect(withFlags({}, flags)).toMatchObject({ seed: 3, model: { name: "m", maxTokens: 500 } });
  });
});
