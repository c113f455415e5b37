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
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { knownReason, PythonEnvironment, SetupFailed } from "../src/app/python-environment.mjs";
import { runCommand } from "../src/system/child-command.mjs";
import { takeLock } from "../src/system/touched-lock.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

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

const modules = join(root, "node_modules");
const modulesStamp = join(modules, ".collm-nas-setup");
/** The runtime of local models, in a folder of its own: 80 MB that most users never need. */
const llm = join(root, "llm");
const llmStamp = join(llm, "node_modules/.collm-nas-setup");
const llmManifest = join(root, "scripts/llm");
/** Its binaries beyond the one for the processor (on a Mac, that one knows Metal). */
const llmExtras = { cuda: ["cuda", "cuda-ext"], vulkan: ["vulkan"] };

const stopping = new AbortController();
/** The exit code of the signal that came. */
let interrupted = 1;
/** Whether a step is under way, whose line has no end yet. */
let isAtWork = false;

const venv = new PythonEnvironment({
  folder: join(root, ".venv"),
  requirementsFolder: join(root, "python-evaluator/requirements"),
  parts: requirements,
  call: async (command, args, environment) => void (await call(command, args, { environment })),
  environment: process.env,
  named: process.env.COLLM_NAS_PYTHON || null,
});

const [level, ...extras] = process.argv.slice(2);
const isLevel = Object.hasOwn(requirements, level ?? "") && extras.length === 0;
const isLlm = level === "llm" && extras.every((extra) => Object.hasOwn(llmExtras, extra));
if (!isLevel && !isLlm) {
  stop(
    `usage: node scripts/setup.cjs ${Object.keys(requirements).join("|")}|llm [${Object.keys(llmExtras).join("|")}]`,
  );
}
try {
  await setUp();
} catch (error) {
  if (isAtWork) process.stdout.write(stopping.signal.aborted ? "interrupted\n" : "failed\n");
  if (stopping.signal.aborted) process.exit(interrupted);
  if (!(error instanceof SetupFailed)) throw error;
  if (error.lines.length > 0) console.error(error.lines.join("\n"));
  stop(error.message, isAtWork ? 1 : 2);
}

async function setUp() {
  if (dueSteps().length === 0) {
    console.log("set-up: nothing to do");
    return;
  }
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
    process.on(signal, () => {
      interrupted = code;
      stopping.abort();
    });
  }
  const onWait = () => console.log("set-up: waiting for another one that is at work here");
  const release = await takeLock(join(root, ".setup-lock"), { onWait, signal: stopping.signal });
  // The call that held the lock may have done all of it.
  const steps = dueSteps();
  const prepared = steps.map((step) => ({ ...step, run: step.prepare() }));
  for (const [index, step] of prepared.entries()) {
    const begin = Date.now();
    isAtWork = true;
    process.stdout.write(`set-up ${index + 1}/${prepared.length}  ${step.name} … `);
    const missing = await step.run();
    isAtWork = false;
    process.stdout.write(missing ? `left out: ${missing}\n` : `${seconds(begin)}\n`);
  }
  release();
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
  if (!venv.isPrepared()) steps.push({ name: "python environment", prepare: prepareVenv });
  if (!venv.hasPart(level)) {
    const below = levels.slice(0, Math.max(0, levels.indexOf(level)));
    const prepare = () => async () => await venv.install(level, below);
    steps.push({ name: `python packages (${level})`, prepare });
  }
  if (level === "test" && !isLlmMade()) steps.push(llmStep);
  return steps;
}

/** What node_modules/ is made from, in one line. */
function modulesMade() {
  const node = `node ${process.versions.node.split(".")[0]} ${process.platform} ${process.arch}`;
  return `${digest(join(root, "package-lock.json"))} ${node}\n`;
}

// --- node packages ---

async function installModules() {
  // What the user's own settings may leave out is needed here, also with a Node between two releases.
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
  if (venv.isUsable()) return async () => await venv.prepare(installEvaluator);
  const python = venv.findPython();
  return async () => {
    await venv.make(python);
    await venv.prepare(installEvaluator);
  };
}

/** The evaluator runs from the checkout: a line that puts it on the path, and its command. No build, no network. */
function installEvaluator() {
  const { packages } = venv;
  const line = `${relative(packages, join(root, "python-evaluator"))}\n`;
  writeFileSync(join(packages, "collm_nas_evaluator.pth"), line);
  venv.writeCommand();
}

// --- the pieces ---

/**
 * Runs a command in the checkout. What it prints is shown only when it fails, and then ends the set-up; with
 * `mayFail`, why it failed is returned instead.
 */
async function call(command, args, { environment = {}, mayFail = false } = {}) {
  const { failure, lines } = await runCommand(command, args, {
    cwd: root,
    environment: { ...process.env, ...environment },
    signal: stopping.signal,
  });
  stopping.signal.throwIfAborted();
  if (failure === null) return undefined;
  if (mayFail) return failure;
  const shown = lines.filter((line) => !line.includes("EBADENGINE"));
  // npm tells the cause first and its whole usage after it, the others tell the cause last.
  if (shown.length > 60) shown.splice(20, shown.length - 50, "…");
  const { what, next } = knownReason(lines) ?? { what: failure, next: "Mend it" };
  throw new SetupFailed(
    `\`${[command, ...args].join(" ")}\` failed: ${what}. ${next[0].toUpperCase()}${next.slice(1)} and run the same command again`,
    shown,
  );
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
