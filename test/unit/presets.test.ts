/**
 * The run configurations in presets/, one for each ImageNet row of the paper: each is what its name says, whole, and
 * the page on the paper has it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readConfig } from "../../src/settings/config.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Row {
  readonly space: string;
  readonly limits: Readonly<Record<string, number>>;
  /** The paper's top-1 accuracy, as the file's first line has to say it. */
  readonly top1: string;
}

const rows: Readonly<Record<string, Row>> = {
  "autoformer-base": { space: "autoformer-base", limits: { params_m: 54 }, top1: "82.3 %" },
  "autoformer-small": { space: "autoformer-small", limits: { params_m: 23 }, top1: "81.7 %" },
  "autoformer-tiny": { space: "autoformer-tiny", limits: { params_m: 6 }, top1: "75.3 %" },
  "ofa-200": { space: "ofa-w1.2", limits: { flops_m: 200 }, top1: "75.9 %" },
  "ofa-300": { space: "ofa-w1.2", limits: { flops_m: 300 }, top1: "77.6 %" },
  "ofa-330": { space: "ofa-w1.2", limits: { flops_m: 330 }, top1: "77.9 %" },
  "ofa-400": { space: "ofa-w1.2", limits: { flops_m: 400 }, top1: "78.5 %" },
  "ofa-500": { space: "ofa-w1.2", limits: { flops_m: 500 }, top1: "79.0 %" },
  spos: { space: "spos", limits: { flops_m: 330 }, top1: "74.4 %" },
};

test("there is one for each row, and nothing else", () => {
  const files = readdirSync(join(root, "presets")).filter((name) => name.endsWith(".yaml"));
  expect(files.toSorted()).toEqual(Object.keys(rows).map((name) => `${name}.yaml`));
});

describe.each(Object.entries(rows))("presets/%s.yaml", (name, { space, limits, top1 }) => {
  const file = join(root, "presets", `${name}.yaml`);

  test("is the paper's search", async () => {
    expect(await readConfig(file, {})).toEqual({
      space,
      searcher: "collm",
      seed: 0,
      budget: 250,
      rounds: 20,
      target: null,
      limits,
      overLimit: "evaluate",
      equivalent: "evaluate",
      task: "The networks classify photographs into the 1000 classes of ImageNet.",
      candidates: { min: 10, max: 20 },
      memory: { navigator: true, generator: false },
      structured: false,
      promptExtras: false,
      wording: "standard",
      inform: [],
      costRevision: false,
      caps: {},
      prices: {},
      paper: true,
      blind: false,
      oracle: false,
      prior: null,
      early: null,
      known: null,
      stallRounds: 5,
      giveUpAfter: 20,
      model: {
        name: "Qwen/Qwen3-30B-A3B",
        baseUrl: "http://localhost:8000/v1",
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
      },
      evaluator: { address: null, config: null, program: null, silenceSeconds: 120, patienceSeconds: 120 },
      out: null,
    });
  });

  test("opens with the paper's row, and says which settings the paper does not give", () => {
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^# The paper's row: /);
    expect(text.split("\n")[0]).toContain(top1);
    expect(text).toMatch(/^rounds: 20 +# our choice, and so is no target/m);
    if ("params_m" in limits) expect(text).toContain("The limit is our choice");
  });

  test("has its row on the page that reproduces the paper", () => {
    const page = readFileSync(join(root, "docs/guides/reproduce.md"), "utf8");
    const [cost, limit] = Object.entries(limits)[0] as [string, number];
    const row = page.split("\n").find((line) => line.startsWith(`| \`presets/${name}.yaml\` |`)) ?? "";
    expect(row).toContain(`| \`${cost}\` ${limit} |`);
    expect(row).toContain(top1);
  });
});
