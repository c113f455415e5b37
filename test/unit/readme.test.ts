/**
 * What the README says about the tree, the commands and the example evaluator, held against the tree itself.
 *
 * Owns no behaviour. Knows the README's headings.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { readConfig } from "../../src/settings/config.ts";
import { planKeys, readPlan } from "../../src/app/plan.ts";
import { searchers } from "../../src/searchers/registry.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

it.each([
  ["minimal evaluator", "minimal_evaluator.py"],
  ["watch feed", "watch_feed.py"],
])("shows the example %s as it is", (name, file) => {
  const [, shown] = readme.split(new RegExp(`<!-- ${name}: (?:begin|end) -->\n`));
  expect(shown).toBe(`\`\`\`python\n${readFileSync(join(root, "examples", file), "utf8")}\`\`\`\n`);
});

it("lists every searcher", () => {
  const table = readme.slice(readme.indexOf("| `--searcher` |")).split("\n\n", 1)[0] ?? "";
  const listed = [...table.matchAll(/^\| `([a-z][a-z-]*)` \|/gm)].map(([, name]) => name);
  expect(listed).toEqual(searchers.map(({ name }) => name));
});

it("names no command that does not exist", () => {
  const help = execFileSync(join(root, "bin/collm-nas"), ["--help"], { encoding: "utf8" });
  const used = new Set(
    [...readme.matchAll(/\.\/bin\/collm-nas ([a-z]+)/g)].map(([, name]) => name as string),
  );
  expect(used.size).toBeGreaterThan(4);
  for (const name of used) expect(help).toMatch(new RegExp(`^  ${name}\\b`, "m"));
});

it("shows a plan that is read as it stands, with every key there is", async () => {
  const yaml = /```yaml\n# plan\.yaml.*?\n(.*?)```/s.exec(readme)?.[1] ?? "";
  const folder = mkdtempSync(join(tmpdir(), "readme-"));
  try {
    writeFileSync(join(folder, "plan.yaml"), yaml);
    const { runs } = await readPlan(join(folder, "plan.yaml"), {});
    expect(runs).toHaveLength(10 * (4 + 4));
    expect(new Set(runs.map(({ label }) => label))).toContain("collm blind memory.navigator=false (rules)");
  } finally {
    rmSync(folder, { recursive: true });
  }
  const keys = [...yaml.matchAll(/^([a-zA-Z]+):/gm)].map(([, key = ""]) => key);
  expect(keys.toSorted()).toEqual([...planKeys].toSorted());
});

it("lists every plan in presets/bench", () => {
  const table = readme.slice(readme.indexOf("| plan | what it compares |")).split("\n\n", 1)[0] ?? "";
  const listed = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
  expect(listed.toSorted()).toEqual(readdirSync(join(root, "presets/bench")).toSorted());
});

it("shows a configuration file that is read as it stands", async () => {
  const yaml = /```yaml\n# search\.yaml.*?\n(.*?)```/s.exec(readme)?.[1] ?? "";
  const folder = mkdtempSync(join(tmpdir(), "readme-"));
  try {
    writeFileSync(join(folder, "search.yaml"), yaml);
    const config = await readConfig(join(folder, "search.yaml"), {});
    expect(config).toMatchObject({
      space: "analognas-baseline",
      limits: { flops_m: 120 },
      model: { temperature: 0.6 },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("has every searcher in the help of run", () => {
  const help = execFileSync(join(root, "bin/collm-nas"), ["run", "--help"], { encoding: "utf8" });
  for (const { name } of searchers) expect(help.replace(/\s+/g, " ")).toContain(name);
});
