/**
 * Holds the Python package to the ranges of versions that it names: `node scripts/ranges.mjs [PART…]`, where a PART is
 *
 *   resolve  for every Python that the package names, both ends of the ranges have wheels; and the package can be
 *            installed beside older versions of what others often pin
 *   light    the tests without PyTorch at the lower end, on the Python of .venv
 *   low      all tests at the lower end
 *   high     all tests at the upper end
 *
 * Without a PART: resolve, low and high. Environments are kept in .ranges/, several gigabytes with PyTorch. Pythons
 * other than that of .venv are not run.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const evaluator = join(root, "python-evaluator");
const uv = join(root, ".venv/bin/uv");
const folder = join(root, ".ranges");
const pythons = ["3.11", "3.12", "3.13", "3.14"];
const platforms = ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin"];
const ends = { low: "lowest-direct", high: "highest" };
/** What other packages often hold back, each alone. */
const beside = ["numpy<2.4", "torch<2.15", "protobuf<7", "grpcio<1.80"];

const parts = {
  resolve,
  light: () => test("light", "low", ["notebook"], "ranges.in"),
  low: () => test("low", "low", ["all"], "ranges-supernets.in"),
  high: () => test("high", "high", ["all"], "ranges-supernets.in"),
};
const given = process.argv.slice(2);
const unknown = given.find((part) => !Object.hasOwn(parts, part));
if (unknown !== undefined)
  fail(`no part is called ${unknown}; there are: ${Object.keys(parts).join(", ")}`, 2);
mkdirSync(folder, { recursive: true });
for (const part of given.length > 0 ? given : ["resolve", "low", "high"]) parts[part]();

function resolve() {
  for (const python of pythons) {
    for (const platform of platforms) {
      for (const [end, resolution] of Object.entries(ends)) {
        const target = ["--python-version", python, "--python-platform", platform];
        const found = compiled(["--resolution", resolution, "--extra", "all", ...target]);
        const versions = ["numpy", "grpcio", "protobuf", "torch"]
          .map((name) => versionOf(found, name))
          .join("  ");
        console.log(`wheels  Python ${python}  ${platform.padEnd(22)}  ${end.padEnd(4)}  ${versions}`);
      }
    }
  }
  for (const held of beside) {
    const found = compiled(["--extra", "all", "-"], held);
    console.log(`beside  ${held.padEnd(12)}  ${versionOf(found, /^[\w-]+/.exec(held)[0])}`);
  }
}

/** Runs the tests with the oldest or the newest versions. */
function test(name, end, extras, tools) {
  const list = join(folder, `${name}.txt`);
  const venv = join(folder, name);
  const python = join(venv, "bin/python");
  const wanted = extras.flatMap((extra) => ["--extra", extra]);
  compiled(["--resolution", ends[end], ...wanted, `requirements/${tools}`, "-o", list]);
  call([uv, "venv", "--quiet", "--allow-existing", "--python", join(root, ".venv/bin/python"), venv]);
  call([uv, "pip", "sync", "--quiet", "--python", python, list]);
  // Each of them asks for packages, or versions of packages, that the tests do without.
  const alone = ["tables.txt", "proto.txt"].flatMap((file) => ["-r", `requirements/${file}`]);
  call([uv, "pip", "install", "--quiet", "--no-deps", "--python", python, ...alone]);
  // The package itself, from its sources.
  call([uv, "pip", "install", "--quiet", "--no-deps", "--python", python, "--editable", "."]);
  const packages = call([uv, "pip", "list", "--quiet", "--format", "freeze", "--python", python]);
  const versions = ["numpy", "grpcio", "protobuf", "torch"]
    .map((each) => versionOf(packages, each))
    .join("  ");
  console.log(`tests   ${name}: ${versions}`);
  // The wheel and the committed locks are checked once, by the everyday tests.
  const elsewhere = ["wheel", "requirements", "docker"].map((file) => `--ignore=tests/test_${file}.py`);
  const pytest = ["-m", "pytest", "-n", "2", "--dist", "loadfile", ...elsewhere];
  const ran = spawnSync(python, pytest, { cwd: evaluator, stdio: "inherit", env: environment() });
  if (ran.status !== 0) fail(`the tests fail at the ${end} end (${name})`, ran.status ?? 1);
}

/** The versions of a resolution that takes wheels only. */
function compiled(args, input) {
  const quiet = ["--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"];
  return call([uv, "pip", "compile", ...quiet, "pyproject.toml", ...args], input);
}

/** Such as `numpy 2.0.0`. */
function versionOf(list, name) {
  return `${name} ${new RegExp(`^${name}==(\\S+)`, "m").exec(list)?.[1] ?? "none"}`;
}

/** What a command prints. */
function call([command, ...args], input = "") {
  const ran = spawnSync(command, args, { cwd: evaluator, encoding: "utf8", input, env: environment() });
  if (ran.error !== undefined) fail(`${command} does not run: run \`node scripts/setup.cjs test\``, 2);
  if (ran.status !== 0) fail(`\`${[command, ...args].join(" ")}\` failed:\n${ran.stderr.trim()}`, 1);
  return ran.stdout;
}

/** What a shell has set for other Pythons is none of these environments'. PyTorch has wheels from macOS 14 on. */
function environment() {
  const { PYTHONPATH: _path, PYTHONHOME: _home, VIRTUAL_ENV: _venv, ...rest } = process.env;
  return { ...rest, UV_PYTHON_DOWNLOADS: "never", MACOSX_DEPLOYMENT_TARGET: "14.0" };
}

function fail(message, code) {
  console.error(`ranges: ${message}`);
  process.exit(code);
}
