/**
 * What the pages for people say, checked against the program: links, commands, flags, files, and the lists of
 * everything there is.
 *
 * It runs nothing; test/e2e/docs.sweep.test.ts does.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { planKeys, readPlan } from "../../src/app/plan.ts";
import * as errors from "../../src/errors.ts";
import * as names from "../../src/index.ts";
import { eventBodySchema, outcomeSchema, stopReasonSchema, verdictSchema } from "../../src/search/events.ts";
import { searchers } from "../../src/searchers/registry.ts";
import { configKeys, readConfig } from "../../src/settings/config.ts";
import { configurationReference, planReference } from "../../src/settings/reference.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const filesIn = (folder: string) => readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });

/** The pages of the site, and the others. */
const sitePages = filesIn("docs")
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/${name}`);
const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "proto/README.md", ...sitePages];

/** The fenced blocks of a page in some language. */
function blocks(page: string, language: string): string[] {
  const pattern = new RegExp(`^( *)\`\`\`${language}\\b.*\\n([^]*?)^\\1\`\`\`$`, "gm");
  return [...read(page).matchAll(pattern)].map(([, , text = ""]) => text);
}

/** A page's text without its code. */
function prose(page: string): string {
  return read(page)
    .replace(/^( *)```[^]*?^\1```$/gm, "")
    .replace(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()#]/g, ""));
}

/** The anchors of a page's headings, as GitHub and MkDocs make them. */
function anchors(page: string): Set<string> {
  return new Set(
    [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    ),
  );
}

it("has a README of at most 200 lines", () => {
  expect(read("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(200);
});

describe.each(pages)("%s", (page) => {
  it("links to files and headings that are there", () => {
    const broken = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) => {
      if (/^https?:/.test(target)) return [];
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : normalize(join(dirname(page), path));
      if (!existsSync(join(root, file))) return [`${target}: no ${file}`];
      // The site has no other files than those of docs/.
      if (page.startsWith("docs/") && !file.startsWith("docs/")) return [`${target}: outside docs/`];
      if (anchor !== undefined && !anchors(file).has(anchor)) return [`${target}: no such heading`];
      return [];
    });
    expect(broken).toEqual([]);
  });

  it("names commands, flags and scripts that are there", () => {
    const help = read("docs/reference/commands.md");
    const helpOf = (name: string) =>
      help.split(/^## /m).find((section) => section.startsWith(`${name}\n`)) ?? "";
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const wrong: string[] = [];
    const commands = [...blocks(page, "sh"), ...blocks(page, "bash")]
      .join("\n")
      .replaceAll("\\\n", " ")
      .split("\n")
      .map((line) => line.replace(/\s#.*$/, "").trim());
    for (const line of commands) {
      const [, program = "", name = "", rest = ""] =
        /(\.\/bin\/collm-nas|\.venv\/bin\/collm-nas-evaluator) ([a-z0-9-]+)(.*)$/.exec(line) ?? [];
      if (program !== "") {
        const section = helpOf(program.endsWith("evaluator") ? `collm-nas-evaluator ${name}` : name);
        if (section === "") wrong.push(`${line}: no such command`);
        const flags = rest.replaceAll(/'[^']*'|"[^"]*"/g, "").match(/--[a-z-]+/g) ?? [];
        for (const flag of flags)
          if (!new RegExp(`^ +${flag}\\b`, "m").test(section)) wrong.push(`${line}: no ${flag}`);
      }
      const [, script] = /^npm run ([a-z:]+)/.exec(line) ?? [];
      if (script !== undefined && scripts[script] === undefined) wrong.push(`${line}: no such script`);
      for (const [path] of line.matchAll(/(?<=^|\s)(?:scripts|presets|examples|docker)\/[\w./-]+/g))
        if (!existsSync(join(root, path))) wrong.push(`${line}: no ${path}`);
    }
    expect(wrong).toEqual([]);
  });
});

it("is in plain words", () => {
  const heavy =
    /\b(anew|whoever|whomever|gone on with|put right|has it wait|no canonical text|stands? in\b|stands? at\b|is told|are told)\b/i;
  // Generated pages have the words of the program; CONTRIBUTING shows words to avoid.
  const isOurs = (page: string) =>
    !["CONTRIBUTING.md", "CHANGELOG.md", "docs/reference/commands.md"].includes(page) &&
    !page.startsWith("docs/results/");
  const found = pages.filter(isOurs).flatMap((page) => {
    const lines = prose(page).split("\n");
    return lines.filter((line) => heavy.test(line)).map((line) => `${page}: ${line}`);
  });
  expect(found).toEqual([]);
});

it("has every page of docs/ in the navigation of the site, and no other", () => {
  const { nav } = parse(read("mkdocs.yml")) as { nav: unknown };
  const named = [...JSON.stringify(nav).matchAll(/"([^"]+\.md)"/g)].map(([, page]) => `docs/${page}`);
  expect(named.toSorted()).toEqual(sitePages.toSorted());
});

it("names every folder of src/ in its tree, and nothing that is not there", () => {
  const [tree = ""] = blocks("CONTRIBUTING.md", "text");
  const named = [...tree.matchAll(/^ {2}(\S+)/gm)].map(([, path = ""]) => path);
  const folders = filesIn("src").filter((path) => statSync(join(root, "src", path)).isDirectory());
  const files = readdirSync(join(root, "src")).filter((name) => name.endsWith(".ts"));
  const inside = (path: string) => path.startsWith("evaluator/contract/");
  expect(named.toSorted()).toEqual(
    [...folders.filter((path) => !inside(path)).map((path) => `${path}/`), ...files].toSorted(),
  );
});

it("names only paths that are there in the table of what goes where", () => {
  const table = read("CONTRIBUTING.md").split("## Where does it go?")[1]?.split("\n## ")[0] ?? "";
  const paths = [...table.matchAll(/`((?:src|proto|docs|python-evaluator)\/[^`…]+|mkdocs\.yml)`/g)].map(
    ([, path = ""]) => path,
  );
  expect(paths.length).toBeGreaterThan(15);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

it("lists every searcher", () => {
  const listed = firstColumn("docs/guides/benches.md", "| `--searcher` |");
  expect(listed).toEqual(searchers.map(({ name }) => name));
});

it("lists every plan in presets/bench", () => {
  const listed = firstColumn("docs/guides/benches.md", "| plan |");
  expect(listed.toSorted()).toEqual(readdirSync(join(root, "presets/bench")).toSorted());
});

it("lists every event, reason, verdict, failure and error", () => {
  const kinds = (options: readonly { readonly shape: { readonly kind: { readonly value: string } } }[]) =>
    options.map(({ shape }) => shape.kind.value);
  const events = eventBodySchema.options.map(({ shape }) => shape.type.value);
  const journal = "docs/reference/journal.md";
  expect(new Set(firstColumn(journal, "| `type` | when |"))).toEqual(new Set(events));

  const page = "docs/reference/errors.md";
  expect(firstColumn(page, "| `reason` |").toSorted()).toEqual(stopReasonSchema.options.toSorted());
  const verdicts = kinds(verdictSchema.options).filter((kind) => kind !== "accepted");
  expect(firstColumn(page, "| verdict |").toSorted()).toEqual(verdicts.toSorted());
  const failures = outcomeSchema.options.flatMap(({ shape }) =>
    "failure" in shape ? shape.failure.options : [],
  );
  expect(firstColumn(page, "| failure |").toSorted()).toEqual(failures.toSorted());

  const rows = read(page).split("\n");
  for (const [name, Kind] of Object.entries(errors)) {
    if (Kind === errors.CollmError) continue;
    const { exitCode } = Reflect.construct(Kind, ["text"]) as errors.CollmError;
    expect(rows.find((row) => row.startsWith(`| ${exitCode} |`))).toContain(`\`${name}\``);
  }
});

it("lists every name of the npm package", () => {
  const section = read("docs/reference/typescript.md").split("## Names")[1]?.split("\n\n")[1] ?? "";
  const listed = [...section.matchAll(/`([A-Za-z]+)`/g)].map(([, name = ""]) => name);
  expect(listed.toSorted()).toEqual(Object.keys(names).toSorted());
});

it("shows docstrings of names that are in the sources", () => {
  const shown = [...read("docs/reference/python-api.md").matchAll(/^::: (.+)\.(\w+)$/gm)];
  expect(shown.length).toBeGreaterThan(5);
  for (const [, path = "", name = ""] of shown) {
    const base = `python-evaluator/${path.replaceAll(".", "/")}`;
    const file = existsSync(join(root, `${base}.py`)) ? `${base}.py` : `${base}/__init__.py`;
    expect(read(file), `${path}.${name}`).toMatch(new RegExp(`^(?:def|class) ${name}\\b`, "m"));
  }
});

it("shows a plan that is read as it is, with every key there is", async () => {
  const plan = blocks("docs/guides/benches.md", "yaml").find((yaml) => yaml.startsWith("# plan.yaml")) ?? "";
  const { runs } = await inFile("plan.yaml", plan, (file) => readPlan(file, { model: "m" }));
  expect(runs).toHaveLength(10 * (4 + 4));
  expect(new Set(runs.map(({ label }) => label))).toContain("collm blind memory.navigator=false (m)");
  expect(Object.keys(parse(plan) as object).toSorted()).toEqual([...planKeys].toSorted());
});

it("lists every key of search.yaml and plan.yaml as the table of settings has it", () => {
  const page = read("docs/reference/configuration.md");
  expect(page, "run `npm run docs:reference`").toContain(`\n${configurationReference()}\n`);
  expect(page, "run `npm run docs:reference`").toContain(`\n${planReference()}\n`);
  const listed = new Set([...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, key = ""]) => key));
  const keys = [...configKeys().filter((key) => !key.startsWith("model.roles.")), ...planKeys];
  expect(keys.filter((key) => !listed.has(key.split(".").at(-1) ?? "") && key !== "model.roles")).toEqual([]);
});

it("shows other configurations that are read as they are", async () => {
  const shown = sitePages.flatMap((page) => blocks(page, "yaml"));
  const searches = shown.filter((yaml) => yaml.startsWith("# search.yaml"));
  const plans = shown.filter((yaml) => yaml.startsWith("title: "));
  expect([searches.length, plans.length]).toEqual([2, 1]);
  for (const yaml of searches) await inFile("search.yaml", yaml, (file) => readConfig(file, {}));
});

// --- internal ---

/** The names in the first column of a table, which a row that begins with `heading` opens. */
function firstColumn(page: string, heading: string): string[] {
  const text = read(page);
  const table = text.slice(text.indexOf(heading)).split("\n\n", 1)[0] ?? "";
  const cells = table
    .split("\n")
    .slice(2)
    .map((row) => row.split("|")[1] ?? "");
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}

async function inFile<T>(name: string, text: string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "collm-nas-docs-"));
  try {
    writeFileSync(join(folder, name), text);
    return await use(join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
