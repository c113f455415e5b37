/**
 * Writes what docs/ takes from elsewhere: `node scripts/reference.mjs`; `--check` writes nothing and fails when a page is
 * not what would be written.
 *
 *   docs/reference/commands.md    from the help of every command
 *   docs/reference/contract.md    from proto/README.md and the .proto file
 *   between `<!-- search.yaml: begin -->` and its end, and so for plan.yaml: every key, from the table of settings
 *   between `<!-- FILE: begin -->` and `<!-- FILE: end -->` on any other page: that file, as it is
 *
 * It knows the layout of a help text only as far as the lists of commands in it.
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = promisify(execFile);
const read = (path) => readFileSync(join(root, path), "utf8");

// Builds dist/ where it is missing or older than the sources.
const built = spawnSync(join(root, "bin/collm-nas"), ["--version"], { encoding: "utf8" });
if (built.status !== 0) {
  console.error(built.stderr ?? built.error?.message);
  process.exit(2);
}
const pages = new Map([
  ["docs/reference/commands.md", await commands()],
  ["docs/reference/contract.md", contract()],
]);
// What the commands were asked with is built by now.
const { configurationReference, planReference } = await import("../dist/settings/reference.js");
const made = new Map([
  ["search.yaml", configurationReference],
  ["plan.yaml", planReference],
]);
for (const file of readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })) {
  const path = `docs/${file}`;
  if (path.endsWith(".md") && !pages.has(path)) pages.set(path, withFiles(read(path)));
}
const stale = [...pages].filter(([path, text]) => !existsSync(join(root, path)) || read(path) !== text);
if (process.argv.includes("--check")) {
  for (const [path] of stale) console.error(`${path} is out of date: run \`npm run docs:reference\``);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const [path, text] of stale) writeFileSync(join(root, path), text);
  console.log(stale.length === 0 ? "docs/ was current" : stale.map(([path]) => `${path} written`).join("\n"));
}

/** The page of every command, its own words in the order of the program. */
async function commands() {
  const [main, evaluator] = await Promise.all([help([]), evaluatorHelp([])]);
  const names = listed(/^Commands:\n((?: +.*\n?)+)/m, main);
  const evaluatorNames = listed(/^positional arguments:\n((?: +.*\n?)+)/m, evaluator);
  const helps = await Promise.all(names.map((name) => help([name])));
  const evaluatorHelps = await Promise.all(evaluatorNames.map((name) => evaluatorHelp([name])));
  return `${[
    "# Commands",
    "<!-- Written by `npm run docs:reference` from the help of the commands. -->",
    "In a checkout, type `./bin/collm-nas` and `.venv/bin/collm-nas-evaluator`. `--help` after any command prints its text.",
    `The search: ${names.map((name) => `[${name}](#${name})`).join(", ")}.`,
    `The Python evaluator: ${evaluatorNames.map((name) => `[${name}](#collm-nas-evaluator-${name})`).join(", ")}.`,
    "## collm-nas",
    fenced("text", main),
    ...names.flatMap((name, index) => [`## ${name}`, fenced("text", helps[index])]),
    ...evaluatorNames.flatMap((name, index) => [
      `## collm-nas-evaluator ${name}`,
      fenced("text", evaluatorHelps[index]),
    ]),
  ].join("\n\n")}\n`;
}

/** The help of a command as it is printed where there is no terminal. */
async function help(args) {
  const { runCli } = await import("../dist/cli/run-cli.js");
  let printed = "";
  const stream = { write: (text) => (printed += text) };
  await runCli([...args, "--help"], { stdout: stream, stderr: stream, signal: new AbortController().signal });
  return printed;
}

/** The help of the evaluator without its usage lines, which every Python breaks in another way. */
async function evaluatorHelp(args) {
  const env = { ...process.env, COLUMNS: "100", PYTHON_COLORS: "0" };
  const { stdout } = await run(join(root, ".venv/bin/collm-nas-evaluator"), [...args, "--help"], { env });
  return stdout.replace(/^usage:[^]*?\n\n/, "");
}

/** The names of commands in a list of a help text; lines that continue a description are further in. */
function listed(pattern, text) {
  const [, list = ""] = pattern.exec(text) ?? [];
  const names = [...list.matchAll(/^ {2,4}([a-z][a-z0-9-]*)(?: |$)/gm)].map(([, name]) => name);
  if (names.length === 0) throw new Error(`no command is listed in:\n${text}`);
  return names;
}

/** The page of the contract: its rules in words, then the file. */
function contract() {
  const words = read("proto/README.md").replace(/^# .*\n+/, "");
  return `${[
    "# Contract",
    "<!-- Written by `npm run docs:reference` from proto/README.md and the .proto file. -->",
    words.trimEnd(),
    "## The file",
    fenced("protobuf", read("proto/collm_nas/v1/evaluator.proto")),
  ].join("\n\n")}\n`;
}

/** A page with each file that it names between marks put in as it is. */
function withFiles(page) {
  return page.replaceAll(/(<!-- (\S+): begin -->\n)[^]*?(<!-- \2: end -->)/g, (_, begin, file, end) => {
    const text = made.get(file)?.() ?? fenced({ ".py": "python" }[extname(file)] ?? "text", read(file));
    return `${begin}${text}\n${end}`;
  });
}

function fenced(language, text) {
  return `\`\`\`${language}\n${text.trim()}\n\`\`\``;
}
