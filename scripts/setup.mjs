/**
 * Makes a checkout ready to run: `node scripts/setup.cjs LEVEL`, where LEVEL is
 *
 *   demo      the Node packages and an evaluator that serves tables
 *   supernet  that, and PyTorch for the supernets and the examples that train one
 *   test      that, and everything the test suite needs
 *   bench     that, and the official code that measurements are paired with
 *   docs      the Node packages and what builds the site from docs/; it can be added to any of the others
 *   llm       what runs a model from a GGUF file, and nothing else; `llm cuda` and `llm vulkan` add those binaries
 *
 * It makes node_modules/, .venv/ and llm/. A stamp inside each says what it was made from, so that a second call only
 * compares. An unfinished folder of an interrupted call is made again. Calls at the same time wait for each other.
 * Needs Node and Python only, and imports nothing that is not part of Node: when it starts, nothing is there.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const oldestPython = [3, 11];

/** What each level installs, in order. Some packages name more than is used of them: these come alone. */
const tables = { file: "tables.txt", alone: true };
// The generator of the contract's messages: one whose messages both protobuf 6 and 7 read; it asks for protobuf 6 itself.
const proto = { file: "proto.txt", alone: true };
const requirements = {
  demo: [{ file: "light.txt" }, tables],
  supernet: [{ file: "examples.txt" }, tables],
  test: [{ file: "test.txt" }, tables, proto],
  bench: [{ file: "test.txt" }, tables, proto, { file: "bench.txt", alone: true }],
};
/** The levels, each with all that the ones before it have. */
const levels = Object.keys(requirements);
/** What builds the site. Its versions are those of the tests wherever both need a package. */
requirements.docs = [{ file: "docs.txt" }];

/** The installer of everything else in .venv: one version, and the digests of its wheels for Linux and macOS. */
const uv = {
  version: "0.13.9",
  digests: [
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19", // Linux x86-64
    "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe", // Linux arm64
    "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25", // Linux x86-64, musl
    "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5", // macOS x86-64
    "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63", // macOS arm64
  ],
};

const modules = join(root, "node_modules");
const modulesStamp = join(modules, ".collm-nas-setup");
const venv = join(root, ".venv");
const venvPython = join(venv, "bin/python");
const venvStamp = join(venv, ".collm-nas-setup");
/** It is in .venv while that is being changed. Where it is found and no call runs, .venv is unfinished. */
const venvUnfinished = join(venv, ".collm-nas-unfinished");
/** The runtime of local models, in a folder of its own: 80 MB that most users never need. */
const llm = join(root, "llm");
const llmStamp = join(llm, "node_modules/.collm-nas-setup");
const llmManifest = join(root, "scripts/llm");
/** Its binaries beyond the one for the processor (on a Mac, that one knows Metal). */
const llmExtras = { cuda: ["cuda", "cuda-ext"], vulkan: ["vulkan"] };
const lock = join(root, ".setup-lock");

/** The command at work, and the exit code of the signal that came meanwhile. */
let child;
let interrupted;

const [level, ...extras] = process.argv.slice(2);
const isLevel = Object.hasOwn(requirements, level ?? "") && extras.length === 0;
const isLlm = level === "llm" && extras.every((extra) => Object.hasOwn(llmExtras, extra));
if (!isLevel && !isLlm) {
  stop(
    `usage: node scripts/setup.cjs ${Object.keys(requirements).join("|")}|llm [${Object.keys(llmExtras).join("|")}]`,
  );
}
if (dueSteps().length > 0) {
  await takeLock();
  // The call that held the lock may have done all of it.
  const steps = dueSteps();
  const prepared = steps.map((step) => ({ ...step, run: step.prepare() }));
  for (const [index, step] of prepared.entries()) {
    const begin = Date.now();
    process.stdout.write(`set-up ${index + 1}/${prepared.length}  ${step.name} … `);
    const missing = await step.run();
    process.stdout.write(missing ? `left out: ${missing}\n` : `${seconds(begin)}\n`);
  }
} else {
  console.log("set-up: nothing to do");
}

// --- what there is to do ---

/** The steps that are due. `prepare` checks what a step needs before the first one starts, and returns its work. */
function dueSteps() {
  const steps = [];
  const llmStep = { name: "runtime of local models", prepare: () => installLlm };
  if (isLlm) return isLlmMade() ? [] : [llmStep];
  if (read(modulesStamp) !== modulesMade()) {
    steps.push({ name: "node packages", prepare: () => installModules });
  }
  const stamp = readVenvStamp();
  if (stamp.uv !== uv.version) {
    steps.push({ name: "python environment", prepare: prepareVenv });
  }
  if (stamp[level] !== packagesMade(level)) {
    steps.push({ name: `python packages (${level})`, prepare: () => installPackages });
  }
  if (level === "test" && !isLlmMade()) steps.push(llmStep);
  return steps;
}

/** What node_modules/ is made from, in one line. */
function modulesMade() {
  const node = `node ${process.versions.node.split(".")[0]} ${process.platform} ${process.arch}`;
  return `${digest(join(root, "package-lock.json"))} ${node}\n`;
}

/** What a level's Python packages are made from. */
function packagesMade(of) {
  return requirements[of].map(({ file }) => digest(requirementsPath(file))).join(" ");
}

/** What .venv says it is made from; nothing when it is not there, half made, moved, or its Python is gone. */
function readVenvStamp() {
  if (existsSync(venvUnfinished) || !existsSync(venvPython)) return {};
  try {
    const stamp = JSON.parse(read(venvStamp) ?? "{}");
    return stamp.root === root ? stamp : {};
  } catch {
    return {};
  }
}

function requirementsPath(file) {
  return join(root, "python-evaluator/requirements", file);
}

// --- node packages ---

async function installModules() {
  // What the user's own settings may leave out is needed here; one package asks for a newer Node than it needs.
  const flags = ["--no-audit", "--no-fund", "--no-engine-strict", "--include=dev", "--include=optional"];
  await call("npm", ["ci", ...flags]);
  writeFileSync(modulesStamp, modulesMade());
}

// --- the runtime of local models ---

/** The packages of node-llama-cpp's binaries that are wanted for this machine. */
function llmBinaries() {
  const name = `${process.platform.replace("darwin", "mac").replace("win32", "win")}-${process.arch}`;
  const plain = name === "mac-arm64" ? `${name}-metal` : name;
  const added = extras.flatMap((extra) => llmExtras[extra]).map((extra) => `${name}-${extra}`);
  return [plain, ...added].map((each) => `@node-llama-cpp/${each}`);
}

/** What llm/ is made from, in one line. */
function llmMade(binaries) {
  return `${digest(join(llmManifest, "package-lock.json"))} ${binaries.join(" ")}\n`;
}

/** Whether llm/ has what is wanted; more than that does no harm. */
function isLlmMade() {
  const [lockFile, ...binaries] = (read(llmStamp) ?? "").trim().split(" ");
  const wanted = llmBinaries();
  return lockFile === llmMade(wanted).split(" ")[0] && wanted.every((each) => binaries.includes(each));
}

/**
 * Its optional packages are binaries for every machine and every graphics card, 700 MB in all: the wanted ones are
 * made ordinary dependencies of a copy of the manifest, and the others left out. For tests it may be missing: those
 * that need it say so. Returns why it is.
 */
async function installLlm() {
  const binaries = llmBinaries();
  const manifest = JSON.parse(read(join(llmManifest, "package.json")));
  const locked = JSON.parse(read(join(llmManifest, "package-lock.json")));
  const unknown = binaries.find((name) => locked.packages[`node_modules/${name}`] === undefined);
  if (unknown !== undefined) {
    const why = `there is no ${unknown}`;
    if (isLlm) stop(`${why}: local models do not run on this machine, or not in this way`);
    return why;
  }
  for (const name of binaries) {
    const entry = locked.packages[`node_modules/${name}`];
    delete entry.optional;
    manifest.dependencies[name] = entry.version;
  }
  locked.packages[""].dependencies = manifest.dependencies;
  mkdirSync(llm, { recursive: true });
  rmSync(llmStamp, { force: true });
  writeFileSync(join(llm, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(llm, "package-lock.json"), JSON.stringify(locked));
  // Its own script would fetch or compile what is here already.
  const flags = ["--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--no-engine-strict"];
  const failure = await call("npm", ["ci", "--prefix", llm, ...flags], { mayFail: !isLlm });
  if (failure === undefined) writeFileSync(llmStamp, llmMade(binaries));
  return failure;
}

// --- python ---

function prepareVenv() {
  if (isUsable(venvPython)) return fillVenv;
  const python = findPython();
  return async () => {
    rmSync(venv, { recursive: true, force: true });
    mkdirSync(venv);
    writeFileSync(venvUnfinished, "");
    await call(python, ["-I", "-m", "venv", venv]);
    await fillVenv();
  };
}

/** Whether the .venv that is there is whole: made for this place, with a Python that is new enough and with pip. */
function isUsable(python) {
  if (existsSync(venvUnfinished) || !existsSync(python)) return false;
  if (existsSync(venvStamp) && readVenvStamp().root !== root) return false;
  const found = probe(python, "import pip");
  if (found.version === undefined || found.missing || !isAtLeast(found.version, oldestPython)) return false;
  return realpathSync(found.prefix) === realpathSync(venv);
}

async function fillVenv() {
  const stamp = readVenvStamp();
  writeFileSync(venvUnfinished, "");
  const hashes = uv.digests.map((value) => ` --hash=sha256:${value}`).join("");
  const list = join(venv, "uv.txt");
  writeFileSync(list, `uv==${uv.version}${hashes}\n`);
  const flags = ["--disable-pip-version-check", "--no-input", "--only-binary=:all:", "--require-hashes"];
  await call(venvPython, ["-I", "-m", "pip", "install", ...flags, "-r", list], {
    environment: { PIP_USER: "0" },
  });
  installEvaluator();
  finishVenv({ ...stamp, root, uv: uv.version });
}

/** The evaluator runs from the checkout: a line that puts it on the path, and its command. No build, no network. */
function installEvaluator() {
  const name = readdirSync(join(venv, "lib")).find((entry) => entry.startsWith("python3."));
  const packages = join(venv, "lib", name, "site-packages");
  writeFileSync(
    join(packages, "collm_nas_evaluator.pth"),
    `${relative(packages, join(root, "python-evaluator"))}\n`,
  );
  const python = `'${venvPython.replaceAll("'", "'\\''")}'`;
  writeFileSync(
    join(venv, "bin/collm-nas-evaluator"),
    `#!/bin/sh\nexec ${python} -E -P -m collm_nas_evaluator "$@"\n`,
    { mode: 0o755 },
  );
}

async function installPackages() {
  const stamp = readVenvStamp();
  writeFileSync(venvUnfinished, "");
  for (const { file, alone } of requirements[level]) {
    const flags = ["--python", venvPython, "--require-hashes", ...(alone ? ["--no-deps"] : [])];
    await call(join(venv, "bin/uv"), ["pip", "install", ...flags, "-r", requirementsPath(file)], {
      environment: { UV_PYTHON_DOWNLOADS: "never" },
    });
  }
  stamp[level] = packagesMade(level);
  for (const below of levels.slice(0, Math.max(0, levels.indexOf(level)))) stamp[below] = packagesMade(below);
  finishVenv(stamp);
}

function finishVenv(stamp) {
  const made = `${venvStamp}.new`;
  writeFileSync(made, `${JSON.stringify(stamp)}\n`);
  renameSync(made, venvStamp);
  rmSync(venvUnfinished);
}

/**
 * A Python that is new enough and can make environments. A name on the path proves nothing (a version manager puts
 * names there that only fail, Debian ships a Python without venv), so each one is run.
 */
function findPython() {
  const named = process.env.COLLM_NAS_PYTHON;
  const names = named ? [named] : ["python3.13", "python3.12", "python3.11", "python3", "python"];
  let old;
  let bare;
  for (const name of names) {
    const found = probe(name, "import venv, ensurepip");
    if (found.version === undefined) continue;
    if (!isAtLeast(found.version, oldestPython)) old ??= `${name} is ${found.version.join(".")}`;
    else if (found.missing) bare ??= { name, version: found.version };
    else return found.executable;
  }
  const wanted = `Python ${oldestPython.join(".")} or newer`;
  const other = named ? "name another one in COLLM_NAS_PYTHON" : "name one in COLLM_NAS_PYTHON";
  if (bare) {
    const [major, minor] = bare.version;
    stop(
      `${bare.name} (${bare.version.join(".")}) lacks its venv module: install it (Debian, Ubuntu: ` +
        `apt-get install python${major}.${minor}-venv), or ${other}`,
    );
  }
  const seen = old ?? (named ? `COLLM_NAS_PYTHON, ${named}, does not run` : "none was found");
  const install = "Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python";
  stop(`needs ${wanted}, and ${seen}: install one (${install}), or ${other}`);
}

/** Asks a Python what it is, and whether `imports` work there. */
function probe(python, imports) {
  const code = [
    "import json, sys",
    "missing = False",
    `try:\n    ${imports}`,
    "except ImportError:\n    missing = True",
    "print(json.dumps({'version': sys.version_info[:3], 'executable': sys.executable,",
    "    'prefix': sys.prefix, 'missing': missing}))",
  ].join("\n");
  const result = spawnSync(python, ["-I", "-c", code], { encoding: "utf8", timeout: 30_000 });
  try {
    return result.status === 0 ? JSON.parse(result.stdout) : {};
  } catch {
    return {};
  }
}

// --- the pieces ---

function isAtLeast(version, [major, minor]) {
  return version[0] > major || (version[0] === major && version[1] >= minor);
}

/**
 * One call at a time. The lock is a file that its holder touches every two seconds: one untouched for 20 seconds is
 * that of a call that was killed.
 */
async function takeLock() {
  for (let tries = 0; !tryLock(); tries += 1) {
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 20_000) rmSync(lock, { force: true });
    else if (tries === 0) console.log("set-up: waiting for another one that is at work here");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  process.on("exit", () => rmSync(lock, { force: true }));
  setInterval(touchLock, 2_000).unref();
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
    process.on(signal, () => {
      interrupted = code;
      if (child === undefined) process.exit(code);
      else child.kill(signal);
    });
  }
}

function tryLock() {
  try {
    writeFileSync(lock, "", { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function touchLock() {
  const now = new Date();
  if (existsSync(lock)) utimesSync(lock, now, now);
}

/**
 * Runs a command in the checkout. What it prints is shown only when it fails, and then ends the set-up; with
 * `mayFail`, why it failed is returned instead.
 */
async function call(command, args, { environment = {}, mayFail = false } = {}) {
  child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (output += text));
  const failure = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code === 0 ? undefined : `ended with ${signal ?? code}`));
  });
  child = undefined;
  if (interrupted !== undefined) {
    process.stdout.write("interrupted\n");
    process.exit(interrupted);
  }
  if (failure === undefined || mayFail) return failure;
  process.stdout.write("failed\n");
  const lines = output.split("\n").filter((line) => line.trim() !== "" && !line.includes("EBADENGINE"));
  // npm tells the cause first and its whole usage after it, the others tell the cause last.
  if (lines.length > 60) lines.splice(20, lines.length - 50, "…");
  if (lines.length > 0) console.error(lines.join("\n"));
  stop(`\`${[command, ...args].join(" ")}\` failed: ${failure}. Mend it and run the same command again`, 1);
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function digest(path) {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function seconds(begin) {
  const passed = (Date.now() - begin) / 1_000;
  return `${passed < 10 ? passed.toFixed(1) : Math.round(passed)} s`;
}

function stop(message, code = 2) {
  console.error(`set-up: ${message}`);
  process.exit(code);
}
