/**
 * Every check of this repository, in order, up to the first that fails: `node scripts/check.mjs [STEP…]`, where a
 * STEP is one of the names below, and none means all but "long". `npm test` runs it after set-up. "long" is the sweeps
 * over very many cases, of which the other steps take a few, and the light Python tests with the oldest versions that the
 * package allows; `npm run test:long` runs it.
 *
 * Which tools check the tree and how they are called is here; their settings are in their own files. What a tool prints
 * is shown as it comes, and its exit code is that of this script.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = (name) => join(root, "node_modules/.bin", name);
const python = (name) => join(root, ".venv/bin", name);
const present = (...folders) => folders.filter((folder) => existsSync(join(root, folder)));
const pythonSources = present("python-evaluator", "examples", "docker");
const evaluator = join(root, "python-evaluator");
// Colours are for eyes: some tools take any continuous integration for a terminal.
const env = process.stdout.isTTY ? { ...process.env } : { NO_COLOR: "1", ...process.env };
// What a shell has set for other Pythons is none of the checkout's.
for (const name of ["PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSAFEPATH"]) delete env[name];
// Without bytecode on disk each of the many Pythons here compiles all of PyTorch: 4 seconds of a processor each time.
delete env.PYTHONDONTWRITEBYTECODE;

const steps = [
  { name: "format", tool: "biome", command: [node("biome"), "format", "."] },
  { name: "format", tool: "ruff", command: [python("ruff"), "format", "--check", ...pythonSources] },
  { name: "lint", tool: "oxlint", command: [node("oxlint"), ...present("src", "test", "bench")] },
  { name: "lint", tool: "ruff", command: [python("ruff"), "check", ...pythonSources] },
  { name: "types", tool: "tsc", command: [node("tsc"), "-p", "tsconfig.json"] },
  { name: "types", tool: "tsc page", command: [node("tsc"), "-p", "tsconfig.page.json"] },
  { name: "types", tool: "mypy", command: [python("python"), "-m", "mypy"], folder: evaluator },
  { name: "contract", tool: "proto", command: ["node", "scripts/proto.mjs", "--check"] },
  {
    name: "docker",
    tool: "hadolint",
    command: [python("hadolint"), "docker/evaluator.Dockerfile", "docker/control.Dockerfile"],
  },
  {
    name: "docker",
    tool: "compose",
    command: [python("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker/compose.yaml"],
  },
  { name: "build", tool: "collm-nas", command: ["bin/collm-nas", "--version"] },
  { name: "typescript", tool: "vitest", command: [node("vitest"), "run", "--project=!long"] },
  {
    name: "python",
    tool: "pytest",
    command: [python("python"), "-m", "pytest", "-n", "3", "--dist", "loadfile"],
    folder: evaluator,
  },
  { name: "long", tool: "vitest", command: [node("vitest"), "run", "--project=long"] },
  {
    name: "long",
    tool: "pytest",
    command: [python("python"), "-m", "pytest", "-n", "2", "-m", "long"],
    folder: evaluator,
  },
  { name: "long", tool: "oldest versions", command: ["node", "scripts/ranges.mjs", "light"] },
];

const wanted = process.argv.slice(2);
const names = new Set(steps.map((step) => step.name));
const unknown = wanted.filter((name) => !names.has(name));
if (unknown.length > 0) {
  console.error(`check: no step is called ${unknown.join(", ")}; there are: ${[...names].join(", ")}`);
  process.exit(2);
}

const rows = [];
let failure = 0;
for (const { name, tool, command, folder } of steps) {
  if (wanted.length > 0 ? !wanted.includes(name) : name === "long") continue;
  const title = `${name} (${tool})`;
  console.log(`\n── ${title}`);
  const begin = Date.now();
  failure = run(command, folder);
  const seconds = `${((Date.now() - begin) / 1_000).toFixed(1)} s`;
  console.log(`── ${title}: ${failure === 0 ? "good" : "failed"}, ${seconds}`);
  rows.push(`${title.padEnd(24)}${seconds.padStart(9)}${failure === 0 ? "" : "  failed"}`);
  if (failure !== 0) break;
}
console.log(`\n${rows.join("\n")}`);
process.exit(failure);

function run([command, ...args], folder = root) {
  const result = spawnSync(command, args, { cwd: folder, stdio: "inherit", env });
  if (result.error === undefined) return result.status ?? 1;
  console.error(`check: ${command} does not run (${result.error.code}): run \`node scripts/setup.cjs test\``);
  return 2;
}
