/**
 * The pages of docs/ that a reader types in, typed in: each in a folder of its own with what a checkout has.
 *
 * `npm test` uses one evaluator for all commands and leaves out the longest one; `npm run test:long` runs all as they are.
 *
 * What the pages say about the program is checked in test/unit/docs.test.ts.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { evaluator, python, root, temporaryFolder } from "../support/cli.ts";
import { casesOf } from "../support/sweep.ts";

const isWhole = casesOf({ few: false, all: true });
const longest = { timeout: 300_000 };

it("has every generated page as it is generated", longest, async () => {
  const { code, output } = await sh(root, "node scripts/reference.mjs --check");
  expect(output).toBe("");
  expect(code).toBe(0);
});

it(
  "runs the commands of the page to get started, and reads the run as the references say",
  longest,
  async () => {
    const folder = checkout(["bin", "scripts"]);
    const page = "docs/get-started.md";
    const commands = blocks(page, "sh").map(({ text }) => text);
    // The set-up has been made for these tests; what `npm run demo` does after it is run by the next line.
    expect(commands[0]).toBe("npm run demo\n");
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    expect(scripts["demo"]).toMatch(/&& node scripts\/demo\.mjs$/);
    const [, ...others] = commands;
    const demo = `node scripts/demo.mjs --out ${folder}/runs/demo\n`;
    const { code, output } = await sh(folder, shortened([demo, ...others].join("")));
    expect(code, output).toBe(0);
    // What the page shows of the end of the demo is what it prints.
    const [ending] = blocks(page, "text");
    expect(output).toContain(ending?.text.trimEnd());
    expect(output).toContain("every decision of the run came out as recorded");
    expect(output).toContain("3 runs reported: report.html");

    const [readInPython] = blocks("docs/reference/journal.md", "python");
    writeFileSync(join(folder, "read_run.py"), readInPython?.text ?? "");
    const inPython = await sh(folder, `"${python}" read_run.py`);
    const [count = "", best = ""] = /^rules (\d+) \((\d+\.\d+), '/.exec(inPython.output)?.slice(1) ?? [];
    expect(Number(count), inPython.output).toBeGreaterThan(100);

    const readInNode = blocks("docs/reference/typescript.md", "js").find(
      ({ title }) => title === "read-run.mjs",
    );
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules/collm-nas"));
    writeFileSync(join(folder, "read-run.mjs"), readInNode?.text ?? "");
    const inNode = await sh(folder, "node read-run.mjs");
    expect(inNode.code, inNode.output).toBe(0);
    expect(inNode.output).toContain(`${count} ${best} {`);
  },
);

it("adds a searcher as its tutorial says", longest, async () => {
  const folder = checkout([".venv", "node_modules", "python-evaluator", "presets"]);
  const tests = isWhole ? ["test", "vitest.config.ts"] : [];
  const settings = readdirSync(root).filter((name) => /^(tsconfig.*|package)\.json$/.test(name));
  for (const copied of ["bin", "scripts", "src", "proto", ...settings, ...tests])
    cpSync(join(root, copied), join(folder, copied), { recursive: true });
  const page = "docs/guides/own-searcher.md";
  for (const language of ["ts", "yaml"])
    for (const { title, text } of blocks(page, language)) writeFileSync(join(folder, title), text);
  for (const { title, text } of blocks(page, "diff")) patch(join(folder, title), text);

  const commands = blocks(page, "sh").map(({ text }) => text);
  const suite = commands.pop();
  expect(suite).toBe("npx vitest run test/contract/searcher -t annealing\n");
  if (isWhole) commands.push(suite ?? "");
  const { code, output } = await sh(folder, shortened(commands.join("")));
  expect(code, output).toBe(0);
  expect(output).toContain("searcher annealing, 60 evaluations");
  expect(output).toContain("every decision of the run came out as recorded");
  expect(output).toContain("80 of 80 evaluations");
  expect(output).toMatch(/annealing +[15] +9\d\.\d\d/);
  if (isWhole) expect(output).toMatch(/[^0-9]4\d passed/);
});

// --- internal ---

/** Commands with one evaluator for all of them, and benches of one seed. */
function shortened(script: string): string {
  if (isWhole) return script;
  return script
    .replace(
      /^(?:\.\/bin\/collm-nas (?:run|spaces|evaluate|bench)|node scripts\/demo\.mjs)\b.*$/gm,
      (command) => `${command} --evaluator ${evaluator.address}`,
    )
    .replace(/^\.\/bin\/collm-nas bench\b.*$/gm, (command) => `${command} --seeds 1 --budget 20`);
}

interface Block {
  /** The file that it is, where the page says so. */
  readonly title: string;
  readonly text: string;
}

/** The fenced blocks of a page in some language. */
function blocks(page: string, language: string): Block[] {
  const pattern = new RegExp(`^\`\`\`${language}(?: title="([^"]+)")?\\n([^]*?)^\`\`\`$`, "gm");
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(pattern)].map((match) => ({ title: match[1] ?? "", text: match[2] ?? "" }));
}

/** A new folder in which some of the checkout's own files and folders are. */
function checkout(names: readonly string[]): string {
  const folder = temporaryFolder();
  for (const name of names) symlinkSync(join(root, name), join(folder, name));
  return folder;
}

/** Adds the lines of a patch to a file, each part after the line that the patch shows before it. */
function patch(file: string, patchText: string): void {
  let text = readFileSync(file, "utf8");
  for (const part of patchText.split(/^@@\n/m)) {
    const lines = part.trimEnd().split("\n");
    const before = `${(lines[0] ?? "").slice(1)}\n`;
    const added = lines.slice(1).map((line) => {
      expect(line[0]).toBe("+");
      return `${line.slice(1)}\n`;
    });
    expect(text.split(before), before).toHaveLength(2);
    text = text.replace(before, `${before}${added.join("")}`);
  }
  writeFileSync(file, text);
}

async function sh(cwd: string, script: string): Promise<{ code: number | null; output: string }> {
  const env = { ...process.env, OPENAI_API_KEY: undefined, COLLM_NAS_PYTHON: undefined };
  const child = spawn("sh", ["-euc", script], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}
