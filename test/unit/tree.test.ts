/**
 * What holds for the source tree as a whole: who may import whom, who reads the environment, and that no module of
 * the search knows a search space by name.
 *
 * The directions are the linter's to keep; here it is shown that it does, on a tree made for the purpose elsewhere.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The sources in a folder of src/ as path and text, what is generated left out. */
function sources(folder: string): { path: string; text: string }[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .map((name) => join(folder, name))
    .filter((path) => !path.startsWith("src/evaluator/contract/"))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** `path:line  text` of every line that matches. */
function matches(folder: string, pattern: RegExp): string[] {
  return sources(folder).flatMap(({ path, text }) =>
    text
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}  ${line.trim()}`] : [])),
  );
}

test.each(
  ["text", "search", "searchers", "ranking", "report", "models", "evaluator", "runs", "system"].map(
    (room) => `src/${room}`,
  ),
)("%s names no search space and no data set", (folder) => {
  const long = /nas-?_?bench|analog-?_?nas|once-for-all|autoformer|cifar|imagenet/i;
  const short = /(?<![A-Za-z])(ofa|spos)(?![a-z])|(Ofa|Spos)(?![a-z])|(?<![A-Z])(OFA|SPOS)(?![A-Z])/;
  expect([...matches(folder, long), ...matches(folder, short)]).toEqual([]);
});

test("only settings/environment.ts reads the environment", () => {
  const access = /\bprocess\s*\??\.?\s*(\[\s*["'`]env|\.env\b|env\b)/;
  const taken = /\{[^}]*\benv\b[^}]*\}\s*(=\s*(globalThis\.)?process\b|from\s*["'](node:)?process["'])/;
  const found = [...matches("src", access), ...matches("src", taken)];
  expect(found.filter((line) => !line.startsWith("src/settings/environment.ts:"))).toEqual([]);
});

test("what the set-up runs before anything is installed imports Node's modules and its like alone", () => {
  const early = sources("src").filter(({ path }) => path.endsWith(".mjs"));
  expect(early.map(({ path }) => path)).toContain("src/app/python-environment.mjs");
  const imported = early.flatMap(({ path, text }) =>
    [...text.matchAll(/\b(?:from|import\()\s*"([^"]+)"/g)].map(([, from = ""]) => ({ path, from })),
  );
  expect(imported.filter(({ from }) => !/^(node:|\.\.?\/.*\.mjs$)/.test(from))).toEqual([]);
});

test("every module opens with a comment that says what it owns", () => {
  const opening = /^(#!.*\n)?\/\*\*/;
  expect(sources("src").flatMap(({ path, text }) => (opening.test(text) ? [] : [path]))).toEqual([]);
});

test("--version and help load one package, and few modules", () => {
  const loaded = new Set<string>();
  const packages = new Set<string>();
  const load = (path: string) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    const text = readFileSync(join(root, path), "utf8");
    for (const [, name = ""] of text.matchAll(/^(?:import|export)(?! type)\b[^;]*?\bfrom "([^"]+)";$/gm))
      if (name.startsWith(".")) load(join(dirname(path), name));
      else if (!name.startsWith("node:")) packages.add(name);
  };
  load("src/cli/main.ts");
  expect([...packages]).toEqual(["@commander-js/extra-typings"]);
  expect(loaded).toContain("src/settings.ts");
  expect(loaded.size).toBeLessThan(20);
});

test("the lock file does not say where a package came from", () => {
  for (const lock of ["package-lock.json", "scripts/llm/package-lock.json"])
    expect(readFileSync(join(root, lock), "utf8")).not.toContain('"resolved"');
});

describe("the linter", () => {
  const imports = "no-restricted-imports";
  const globals = "no-restricted-globals";
  const properties = "no-restricted-properties";
  const environment = "no-process-env";

  const refused: [folder: string, source: string, rule: string][] = [
    ["src/search", 'import "node:fs";', imports],
    ["src/search", 'import "fs/promises";', imports],
    ["src/search", 'import "openai";', imports],
    ["src/search", 'import type { ZodType } from "openai/zod";', imports],
    ["src/search", 'export * from "../runs/journal.ts";', imports],
    ["src/search", 'import type { Model } from "../models/openai-chat.ts";', imports],
    ["src/search", 'await import("../searchers/collm.ts");', imports],
    ["src/search", 'import "../settings/config.ts";', imports],
    ["src/search", 'import "./../cli/main.ts";', imports],
    ["src/search", 'import "./deeper/../../cli/main.ts";', imports],
    ["src/search", "export const at = new Date();", globals],
    ["src/search", "export const at = Date.now();", globals],
    ["src/search", "export const at = performance.now();", globals],
    ["src/search", "setTimeout(() => {}, 1);", globals],
    ["src/search", "export const home = process.cwd();", globals],
    ["src/search", "export const random = Math.random();", properties],
    ["src/search", "export const { random } = Math;", properties],
    ["src/searchers", 'import "node:fs";', imports],
    ["src/searchers", 'import "pure-rand";', imports],
    ["src/searchers", 'import "../models/openai-chat.ts";', imports],
    ["src/searchers", 'import "../search/../models/openai-chat.ts";', imports],
    ["src/searchers", 'import "../settings/config.ts";', imports],
    ["src/searchers", "export const random = Math.random();", properties],
    ["src/searchers", "export const at = Date.now();", globals],
    ...["system", "models", "evaluator", "runs"].flatMap((room): [string, string, string][] => [
      [`src/${room}`, 'import "../searchers/collm.ts";', imports],
      [`src/${room}`, 'import "../cli/main.ts";', imports],
      [`src/${room}`, 'import "../app/compose.ts";', imports],
      [`src/${room}`, 'import "../settings/config.ts";', imports],
      [`src/${room}`, 'import "../report/table.ts";', imports],
      [`src/${room}`, "export const key = process.env.KEY;", environment],
    ]),
    ["src/models", 'import "../evaluator/grpc-evaluator.ts";', imports],
    ["src/text", 'import "../search/space.ts";', imports],
    ["src/text", 'import "../settings.ts";', imports],
    ["src/text", 'import "node:fs";', imports],
    ["src/text", "export const at = Date.now();", globals],
    ["src/settings", 'import "../app/compose.ts";', imports],
    ["src/settings", 'import "../models/openai-chat.ts";', imports],
    ["src/app", 'import "../cli/output.ts";', imports],
    ["src/app", "export const key = process.env.KEY;", environment],
    ...["models", "evaluator", "runs", "dashboard"].map((room): [string, string, string] => [
      "src/cli",
      `import "../${room}/some.ts";`,
      imports,
    ]),
    ["src/ranking", 'import "node:fs";', imports],
    ["src/ranking", 'import "../report/statistics.ts";', imports],
    ["src/report", 'import "node:fs";', imports],
    ["src/report", 'import "../runs/journal.ts";', imports],
    ["src/report", 'import "../searchers/collm.ts";', imports],
    ["src/report/figures", 'import "../../runs/journal.ts";', imports],
    ["src/report/figures", 'import "../deeper/../../cli.ts";', imports],
    ["src/dashboard", 'import "../runs/run-catalog.ts";', imports],
    ["src/dashboard/page", 'import "../../runs/run-row.ts";', imports],
    ["src", 'import "./cli/main.ts";', imports],
    ["src", "export const key = process.env.KEY;", environment],
  ];

  const allowed: [folder: string, source: string][] = [
    ["src/search", 'import "./space.ts";'],
    ["src/search", 'import "../errors.ts";'],
    ["src/search", 'import "zod";'],
    ["src/search", 'import "pure-rand/generator/xoroshiro128plus";'],
    ["src/search", 'import "@noble/hashes/sha2.js";'],
    ["src/searchers", 'import "./prompts.ts";'],
    ["src/searchers", 'import "../search/space.ts";'],
    ["src/searchers", 'import "../errors.ts";'],
    ["src/searchers", 'import "zod";'],
    ["src/search", 'import "../text/did-you-mean.ts";'],
    ["src/search", 'import "../settings.ts";'],
    ["src/report", 'import "../settings.ts";'],
    ["src/text", 'import "leven";'],
    ["src/models", 'import "node:fs";'],
    ["src/models", 'import "../system/regular-file.ts";'],
    ["src/evaluator", 'import "@grpc/grpc-js";'],
    ["src/evaluator", 'import "./contract/evaluator.ts";'],
    ["src/runs", 'import "../search/ports.ts";'],
    ["src/runs", "export const at = Date.now();"],
    ["src/app", 'import "../models/openai-chat.ts";'],
    ["src/cli", 'import "../app/compose.ts";'],
    ["src/ranking", 'import "../searchers/prompts.ts";'],
    ["src/report", 'import "../search/state.ts";'],
    ["src/report", 'import "cli-table3";'],
    ["src/report/figures", 'import "../exhibit.ts";'],
    ["src/report/figures", 'import "../../search/state.ts";'],
    ["src/dashboard", 'import "../runs/shown-runs.ts";'],
    ["src/dashboard/page", 'import "../../runs/shown-runs.ts";'],
    ["src", 'import "./models/openai-chat.ts";'],
  ];

  let tree: string;
  /** The rules that each file of the made tree breaks. */
  const broken = new Map<string, string[]>();

  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), "collm-nas-tree-"));
    cpSync(join(root, ".oxlintrc.json"), join(tree, ".oxlintrc.json"));
    symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
    for (const [index, [folder, source]] of refused.entries()) write(folder, `refused${index}.ts`, source);
    for (const [index, [folder, source]] of allowed.entries()) write(folder, `allowed${index}.ts`, source);
    write("src", "settings.ts", 'import "./search/space.ts";');
    write("src/settings", "environment.ts", "export const key = process.env.KEY;");

    const result = spawnSync(join(root, "node_modules/.bin/oxlint"), ["--format", "unix", "src"], {
      cwd: tree,
      encoding: "utf8",
    });
    for (const line of result.stdout.split("\n")) {
      const [, file, rule] = /^(.*?):\d+:\d+: .*\/[a-z]+\(([a-z-]+)\)\]$/.exec(line) ?? [];
      if (file !== undefined && rule !== undefined) broken.set(file, [...(broken.get(file) ?? []), rule]);
    }
    expect(broken.size, result.stdout + result.stderr).toBeGreaterThan(0);
  });

  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  function write(folder: string, name: string, source: string): void {
    const path = join(tree, folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `/** Made for a test. */\n${source}\n`);
  }

  test.each(refused.map(([folder, source, rule], index) => ({ folder, source, rule, index })))(
    "refuses in $folder: $source",
    ({ folder, rule, index }) => {
      expect(broken.get(`${folder}/refused${index}.ts`)).toContain(rule);
    },
  );

  test.each(allowed.map(([folder, source], index) => ({ folder, source, index })))(
    "allows in $folder: $source",
    ({ folder, index }) => {
      const rules = broken.get(`${folder}/allowed${index}.ts`) ?? [];
      expect(rules.filter((rule) => [imports, globals, properties, environment].includes(rule))).toEqual([]);
    },
  );

  test("keeps the table of settings free of imports", () => {
    expect(broken.get("src/settings.ts")).toContain(imports);
  });

  test("lets settings/environment.ts read the environment", () => {
    expect(broken.get("src/settings/environment.ts") ?? []).not.toContain(environment);
  });
});
