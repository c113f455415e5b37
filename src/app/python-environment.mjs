/**
 * Makes the Python environment that an evaluator runs in: a folder with its own interpreter, and packages in it whose
 * versions and digests are locked.
 *
 * The set-up of a checkout (scripts/setup.mjs) and `collm-nas setup` both use it. A stamp in the folder says what it was
 * made from, so that a second call only compares. A mark is in the folder while it changes: a folder with the mark is
 * unfinished, and is made again.
 *
 * It is plain JavaScript and imports only what is part of Node and such modules: a checkout uses it before anything is
 * installed or compiled. It prints nothing and does not read the environment.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** What is wrong with this machine, in one line with the next step. */
export class SetupFailed extends Error {
  /**
   * @param {string} message
   * @param {readonly string[]} [lines] what the command that failed has printed
   */
  constructor(message, lines = []) {
    super(message);
    this.name = "SetupFailed";
    this.lines = lines;
  }
}

/**
 * Runs a command to a good end. @throws SetupFailed otherwise
 *
 * @typedef {(command: string, args: readonly string[], changes: Readonly<Record<string, string>>) => Promise<void>} Call
 */

/**
 * A file of requirements, in requirements/. Some packages name more than is used of them: these come `alone`.
 *
 * @typedef {{ readonly file: string, readonly alone?: boolean }} Requirement
 */

/**
 * @typedef {object} EnvironmentOptions
 * @property {string} folder
 * @property {string} requirementsFolder
 * @property {Readonly<Record<string, readonly Requirement[]>>} parts what can be installed, by name, in order
 * @property {Call} call
 * @property {Readonly<Record<string, string | undefined>>} environment the environment to look for a Python in
 * @property {string | null} named the Python to take; null: the first one that is found
 */

/** A Python that can make environments. @typedef {{ readonly executable: string, readonly version: string }} FoundPython */

/**
 * What a Python says of itself.
 *
 * @typedef {{ version: readonly number[], executable: string, prefix: string, missing: boolean }} Probed
 */

const oldestPython = /** @type {const} */ ([3, 11]);

/** The installer of everything else: one version, and the digests of its wheels for Linux and macOS. */
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

/** The interpreter of an environment. @param {string} folder */
export function pythonOf(folder) {
  return join(folder, "bin/python");
}

/**
 * Whether an environment is there and whole, by its own files alone.
 *
 * @param {string} folder
 */
export function isMade(folder) {
  return readStamp(folder)["uv"] !== undefined;
}

export class PythonEnvironment {
  /** @type {EnvironmentOptions} */
  #options;

  /** @param {EnvironmentOptions} options */
  constructor(options) {
    this.#options = options;
  }

  get python() {
    return pythonOf(this.#options.folder);
  }

  /** The folder of installed packages. */
  get packages() {
    const lib = join(this.#options.folder, "lib");
    const name = readdirSync(lib).find((entry) => entry.startsWith("python3."));
    return join(lib, name ?? "", "site-packages");
  }

  /** Whether the interpreter and the installer are there, and the stamp says so. */
  isPrepared() {
    return readStamp(this.#options.folder)["uv"] === uv.version;
  }

  /** Whether the stamp says of something that it was made from `value`. @param {string} key @param {string} value */
  has(key, value) {
    return readStamp(this.#options.folder)[key] === value;
  }

  /** Whether a part is installed, as its requirements are now. @param {string} part */
  hasPart(part) {
    return this.has(part, this.#digestOf(part));
  }

  /** Whether the folder has an interpreter that can be kept. */
  isUsable() {
    const { folder } = this.#options;
    if (existsSync(markOf(folder)) || !existsSync(this.python)) return false;
    if (existsSync(stampOf(folder)) && readStamp(folder)["root"] !== dirname(folder)) return false;
    const found = this.#probe(this.python, "import pip");
    if (found === null || found.missing || !isAtLeast(found.version, oldestPython)) return false;
    return realpathSync(found.prefix) === realpathSync(folder);
  }

  /**
   * A Python that is new enough and can make environments. A name on the path proves nothing (a version manager puts
   * names there that only fail, Debian ships a Python without venv), so each one is run.
   *
   * @returns {FoundPython}
   * @throws SetupFailed when there is none
   */
  findPython() {
    const { named } = this.#options;
    const names = named === null ? ["python3.13", "python3.12", "python3.11", "python3", "python"] : [named];
    /** @type {string | null} */
    let old = null;
    /** @type {{ name: string, version: readonly number[] } | null} */
    let bare = null;
    for (const name of names) {
      const found = this.#probe(name, "import venv, ensurepip");
      if (found === null) continue;
      const { executable, version, missing } = found;
      if (!isAtLeast(version, oldestPython)) old ??= `${name} is ${version.join(".")}`;
      else if (missing) bare ??= { name, version };
      else return { executable, version: version.join(".") };
    }
    const other =
      named === null ? "name one in COLLM_NAS_PYTHON" : "name another one in COLLM_NAS_PYTHON, or unset it";
    if (bare !== null) {
      const [major, minor] = bare.version;
      throw new SetupFailed(
        `${bare.name} (${bare.version.join(".")}) lacks its venv module: install it (Debian, Ubuntu: ` +
          `apt-get install python${major}.${minor}-venv), or ${other}`,
      );
    }
    const seen = old ?? (named === null ? "none was found" : `COLLM_NAS_PYTHON, ${named}, does not run`);
    const install = "Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python";
    throw new SetupFailed(
      `needs Python ${oldestPython.join(".")} or newer, and ${seen}: install one (${install}), or ${other}`,
    );
  }

  /** Makes the environment anew with this Python. @param {FoundPython} python */
  async make({ executable }) {
    const { folder, call } = this.#options;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(markOf(folder), "");
    await call(executable, ["-I", "-m", "venv", folder], {});
  }

  /** Puts the installer into the environment. @param {() => void} finish what else belongs to a new environment */
  async prepare(finish = () => {}) {
    const { folder, call } = this.#options;
    const stamp = readStamp(folder);
    writeFileSync(markOf(folder), "");
    const hashes = uv.digests.map((value) => ` --hash=sha256:${value}`).join("");
    const list = join(folder, "uv.txt");
    writeFileSync(list, `uv==${uv.version}${hashes}\n`);
    const flags = ["--disable-pip-version-check", "--no-input", "--only-binary=:all:", "--require-hashes"];
    await call(this.python, ["-I", "-m", "pip", "install", ...flags, "-r", list], { PIP_USER: "0" });
    finish();
    this.#finish({ ...stamp, root: dirname(folder), uv: uv.version });
  }

  /**
   * Installs a part.
   *
   * @param {string} part
   * @param {readonly string[]} within parts that it has all of
   */
  async install(part, within = []) {
    const { folder, call, requirementsFolder, parts } = this.#options;
    const digests = Object.fromEntries([part, ...within].map((each) => [each, this.#digestOf(each)]));
    await this.change(digests, async () => {
      for (const { file, alone = false } of parts[part] ?? []) {
        const flags = ["--python", this.python, "--require-hashes", ...(alone ? ["--no-deps"] : [])];
        await call(
          join(folder, "bin/uv"),
          ["pip", "install", ...flags, "-r", join(requirementsFolder, file)],
          { UV_PYTHON_DOWNLOADS: "never" },
        );
      }
    });
  }

  /**
   * Changes the environment, and adds to its stamp what it has then.
   *
   * @param {Readonly<Record<string, string>>} made
   * @param {() => Promise<void> | void} work
   */
  async change(made, work) {
    const { folder } = this.#options;
    const stamp = readStamp(folder);
    writeFileSync(markOf(folder), "");
    await work();
    this.#finish({ ...stamp, ...made });
  }

  /** Writes the command `collm-nas-evaluator`, which runs the package with this interpreter. */
  writeCommand() {
    const python = `'${this.python.replaceAll("'", "'\\''")}'`;
    const path = join(this.#options.folder, "bin/collm-nas-evaluator");
    writeFileSync(path, `#!/bin/sh\nexec ${python} -E -P -m collm_nas_evaluator "$@"\n`, { mode: 0o755 });
    return path;
  }

  /** What a part is made from. @param {string} part */
  #digestOf(part) {
    const { requirementsFolder, parts } = this.#options;
    const digests = (parts[part] ?? []).map(({ file }) => readFileSync(join(requirementsFolder, file)));
    return digests.map((text) => createHash("sha256").update(text).digest("hex")).join(" ");
  }

  /** @param {Readonly<Record<string, string>>} stamp */
  #finish(stamp) {
    const { folder } = this.#options;
    const made = `${stampOf(folder)}.new`;
    writeFileSync(made, `${JSON.stringify(stamp)}\n`);
    renameSync(made, stampOf(folder));
    rmSync(markOf(folder));
  }

  /**
   * Asks a Python what it is, and whether `imports` work there. Null: it does not run.
   *
   * @param {string} python
   * @param {string} imports
   * @returns {Probed | null}
   */
  #probe(python, imports) {
    const code = [
      "import json, sys",
      "missing = False",
      `try:\n    ${imports}`,
      "except ImportError:\n    missing = True",
      "print(json.dumps({'version': sys.version_info[:3], 'executable': sys.executable,",
      "    'prefix': sys.prefix, 'missing': missing}))",
    ].join("\n");
    const { status, stdout } = spawnSync(python, ["-I", "-c", code], {
      encoding: "utf8",
      timeout: 30_000,
      env: { ...this.#options.environment },
    });
    try {
      return status === 0 ? /** @type {Probed} */ (JSON.parse(stdout)) : null;
    } catch {
      return null;
    }
  }
}

/** Why an installation failed, and the next step. @typedef {{ readonly what: string, readonly next: string }} Reason */

/** @type {Reason} */
export const diskFull = { what: "the disk is full", next: "free space" };

const noNetwork = {
  what: "the package index cannot be reached",
  next: "check the network, and the proxy and the index in the settings of pip, uv and npm",
};
const noPackage = { ...noNetwork, what: "the package index cannot be reached, or it lacks a package" };

/**
 * Why an installation failed, where what it printed says so: the disk or the network.
 *
 * @param {readonly string[]} lines what pip, uv or npm printed
 * @returns {Reason | null}
 */
export function knownReason(lines) {
  const text = lines.join("\n");
  if (/No space left on device|\bENOSPC\b|\bos error 28\b|Disk quota exceeded|\bEDQUOT\b/i.test(text))
    return diskFull;
  const network =
    /NewConnectionError|ConnectTimeout|ReadTimeoutError|ProxyError|name resolution|Name or service not known|nodename nor servname|dns error|tcp connect error|client error \(Connect\)|operation timed out|Network is unreachable|\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT)\b/i;
  if (network.test(text)) return noNetwork;
  // What pip says where it does not tell why it got no list.
  return /\(from versions: none\)/.test(text) ? noPackage : null;
}

// --- internal ---

/** @param {string} folder */
function stampOf(folder) {
  return join(folder, ".collm-nas-setup");
}

/** It is in the folder while that is being changed. @param {string} folder */
function markOf(folder) {
  return join(folder, ".collm-nas-unfinished");
}

/**
 * What an environment says it is made from; nothing when it is not there, half made, moved, or its Python is gone.
 *
 * @param {string} folder
 * @returns {Readonly<Record<string, string>>}
 */
function readStamp(folder) {
  if (existsSync(markOf(folder)) || !existsSync(pythonOf(folder)) || !existsSync(stampOf(folder))) return {};
  try {
    const stamp = /** @type {Record<string, string>} */ (JSON.parse(readFileSync(stampOf(folder), "utf8")));
    return stamp["root"] === dirname(folder) ? stamp : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/**
 * @param {readonly number[]} version
 * @param {readonly [number, number]} oldest
 */
function isAtLeast([major = 0, minor = 0], [oldMajor, oldMinor]) {
  return major > oldMajor || (major === oldMajor && minor >= oldMinor);
}
