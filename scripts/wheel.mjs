/**
 * Builds the Python package: `node scripts/wheel.mjs [FOLDER]` writes the wheel into FOLDER (wheel/ unless given) and
 * prints what it is made of and how large each part is. A wheel above 6 MB is an error.
 *
 * The wheel itself is made by hatchling with python-evaluator/hatch_build.py.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const mostBytes = 6_000_000;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = resolve(process.argv[2] ?? join(root, "wheel"));
const python = join(root, ".venv/bin/python");

call(["-m", "hatchling", "build", "-t", "wheel", "-d", folder]);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const built = join(folder, `collm_nas-${version}-py3-none-any.whl`);
const parts = [
  ["the search, one file", /^collm_nas\/_control\/dist\/cli\//],
  ["the live page", /^collm_nas\/_control\/dist\/dashboard\/.*\.(js|json)$/],
  ["source maps of the live page", /^collm_nas\/_control\/dist\/dashboard\/.*\.map$/],
  ["contract, presets, schema, licences", /^collm_nas\/_control\//],
  ["collm_nas", /^collm_nas\//],
  ["collm_nas_evaluator", /^collm_nas_evaluator\//],
  ["metadata", /./],
].map(([name, pattern]) => ({ name, pattern, files: 0, packed: 0, whole: 0 }));
const list = "import json, sys, zipfile; files = zipfile.ZipFile(sys.argv[1]).infolist()";
const entries = JSON.parse(
  call([
    "-c",
    `${list}; print(json.dumps([[f.filename, f.compress_size, f.file_size] for f in files]))`,
    built,
  ]),
);
for (const [name, packed, whole] of entries) {
  const part = parts.find(({ pattern }) => pattern.test(name));
  part.files += 1;
  part.packed += packed;
  part.whole += whole;
}
const bytes = statSync(built).size;
const widest = Math.max(...parts.map(({ name }) => name.length), basename(built).length);
const row = (name, files, packed, whole) =>
  `${name.padEnd(widest)}  ${files.padStart(5)}  ${packed.padStart(8)}  ${whole.padStart(9)}`;
const kilo = (count) => `${(count / 1_000).toFixed(0)} kB`;
console.log(row("part", "files", "packed", "installed"));
for (const { name, files, packed, whole } of parts)
  console.log(row(name, `${files}`, kilo(packed), kilo(whole)));
const sum = parts.reduce((total, { whole }) => total + whole, 0);
console.log(row(basename(built), `${entries.length}`, kilo(bytes), kilo(sum)));
console.log(built);
if (bytes > mostBytes) fail(`the wheel has ${bytes} bytes, and at most ${mostBytes} are allowed`, 1);

function call(args) {
  const ran = spawnSync(python, args, { cwd: join(root, "python-evaluator"), encoding: "utf8" });
  if (ran.error !== undefined) fail(`${python} does not run: run \`node scripts/setup.cjs test\``, 2);
  if (ran.status !== 0) fail(ran.stderr.trim().split("\n").at(-1), 1);
  return ran.stdout;
}

function fail(message, code) {
  console.error(`wheel: ${message}`);
  process.exit(code);
}
