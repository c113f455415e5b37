/**
 * Makes the Python side for people who have the npm package alone: a folder among the user's data, named by version,
 * with its own Python, the evaluator of this package and what that needs. `openEvaluator` finds it there.
 *
 * A checkout has its own set-up, and a program that came with the Python package needs none: both are refused.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { Interrupted, UsageError } from "../errors.ts";
import { dataFromEnvironment, environmentForPython, pythonFromEnvironment } from "../settings/environment.ts";
import { runCommand } from "../system/child-command.mjs";
import { installEvaluator, isCheckout, isInPythonPackage, packageRoot } from "../system/installation.ts";
import { unusable } from "../system/system-error.ts";
import { takeLock } from "../system/touched-lock.mjs";
import {
  diskFull,
  isMade,
  knownReason,
  PythonEnvironment,
  pythonOf,
  SetupFailed,
} from "./python-environment.mjs";
import { versions } from "./versions.ts";

/** What can be asked for besides the evaluator itself. */
export interface SetupParts {
  /** PyTorch and what else the supernets need. */
  readonly supernets?: boolean | undefined;
  /** The table of the demo. */
  readonly tables?: boolean | undefined;
}

/** What there is after the set-up. */
export interface MadePython {
  readonly folder: string;
  readonly python: string;
  /** The command `collm-nas-evaluator`. */
  readonly evaluator: string;
  /** What the folder has besides the evaluator. */
  readonly parts: readonly PartName[];
  /** Whether anything had to be done. */
  readonly changed: boolean;
  /** The Python that COLLM_NAS_PYTHON names: evaluators are started with it and not with the one in the folder. */
  readonly instead: string | null;
}

export interface SetupWatch {
  readonly signal: AbortSignal;
  /** Gets a line about what will be done, and about each step. */
  readonly say: (line: string) => void;
}

const partNames = ["tables", "supernets"] as const;
type PartName = (typeof partNames)[number];

/** What the parts are called in a line, and about how large they are on disk. */
const words = {
  evaluator: { title: "the evaluator", megabytes: 150 },
  tables: { title: "the table of analog-nasbench", megabytes: 15 },
  supernets: { title: "PyTorch for supernets", megabytes: 5600 },
} as const;

const requirements = {
  evaluator: [{ file: "light.txt" }],
  tables: [{ file: "tables.txt", alone: true }],
  supernets: [{ file: "supernets.txt" }],
} as const;

/** The Python that the set-up has made for this version; null: there is none, or it is unfinished. */
export async function findMadePython(): Promise<string | null> {
  const folder = await madeFolder();
  return folder !== null && isMade(folder) ? pythonOf(folder) : null;
}

/**
 * Makes the folder, or adds to it what is missing. Where nothing is asked for, the table is.
 *
 * @throws UsageError with what is wrong with this machine, and the next step; Interrupted on the signal
 */
export async function setUpPython(asked: SetupParts, { signal, say }: SetupWatch): Promise<MadePython> {
  if (isCheckout || isInPythonPackage)
    throw new UsageError(
      `setup is for the npm package; ${isCheckout ? "in a checkout" : "here"} run \`${installEvaluator}\``,
    );
  const folder = await madeFolder();
  if (folder === null)
    throw new UsageError("there is no folder for data: set HOME, or XDG_DATA_HOME to an absolute path");
  const named = partNames.filter((part) => asked[part] === true);
  const parts = named.length === 0 ? (["tables"] as const) : named;
  const setup = new Setup(folder, ["evaluator", ...parts], signal, say);
  try {
    return await setup.run();
  } catch (error) {
    if (signal.aborted)
      throw new Interrupted("the set-up was stopped: the same command makes the folder again", {
        cause: error,
      });
    if (error instanceof SetupFailed) throw new UsageError(error.message, { cause: error });
    if (error instanceof Error && "syscall" in error) throw unusable(`cannot make ${folder}`, error);
    throw error;
  }
}

// --- internal ---

type Part = keyof typeof words;

interface Step {
  readonly title: string;
  readonly work: () => Promise<void>;
}

class Setup {
  readonly #folder: string;
  readonly #parts: readonly Part[];
  readonly #signal: AbortSignal;
  readonly #say: (line: string) => void;
  readonly #environment: PythonEnvironment;
  readonly #sources = join(packageRoot, "python-evaluator");

  constructor(folder: string, parts: readonly Part[], signal: AbortSignal, say: (line: string) => void) {
    this.#folder = folder;
    this.#parts = parts;
    this.#signal = signal;
    this.#say = say;
    this.#environment = new PythonEnvironment({
      folder,
      requirementsFolder: join(this.#sources, "requirements"),
      parts: requirements,
      call: (command, args, changes) => this.#call(command, args, changes),
      environment: environmentForPython(),
      named: pythonFromEnvironment(),
    });
  }

  async run(): Promise<MadePython> {
    if (this.#due().length === 0) return this.#made(false);
    mkdirSync(dirname(this.#folder), { recursive: true });
    const onWait = () => this.#say("another set-up is at work in this folder: waiting for it");
    const release = await takeLock(`${this.#folder}.lock`, { onWait, signal: this.#signal });
    try {
      // The call that held the lock may have done all of it.
      const due = this.#due();
      if (due.length === 0) return this.#made(false);
      const steps = this.#plan(due);
      for (const [index, { title, work }] of steps.entries()) {
        const begin = performance.now();
        const place = `${index + 1}/${steps.length}`;
        this.#say(`${place}  ${title} …`);
        await work();
        this.#say(`${place}  ${title}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
      }
      return this.#made(true);
    } finally {
      release();
    }
  }

  /** What is not there yet. */
  #due(): ("environment" | "sources" | Part)[] {
    const environment = this.#environment;
    const parts = this.#parts.filter((part) => !environment.hasPart(part));
    if (!environment.isPrepared()) return ["environment", "sources", ...parts];
    return environment.has("sources", this.#sourcesMade()) ? parts : ["sources", ...parts];
  }

  /** Says what will be done; what can be known to fail fails here, before anything is changed. */
  #plan(due: readonly ("environment" | "sources" | Part)[]): Step[] {
    const environment = this.#environment;
    const isNew = due.includes("environment");
    const python = isNew && !environment.isUsable() ? environment.findPython() : null;
    const parts = due.filter((each) => each !== "environment" && each !== "sources");
    const megabytes = parts.reduce((sum, part) => sum + words[part].megabytes, 0);
    this.#refuseFullDisk(megabytes);
    this.#say(`the Python side goes into ${this.#folder}`);
    if (python !== null) this.#say(`it is made with ${python.executable}, Python ${python.version}`);
    const titles = parts.map((part) => words[part].title).join(", ");
    this.#say(
      titles === ""
        ? "it gets the evaluator of this version"
        : `it gets ${titles}: about ${sizeOf(megabytes)}, from the package index that pip and uv use`,
    );
    return due.map((each): Step => {
      if (each === "environment")
        return {
          title: "Python environment",
          work: async () => {
            if (python !== null) await environment.make(python);
            await environment.prepare();
          },
        };
      if (each === "sources") return { title: "evaluator", work: () => this.#copySources() };
      return { title: `packages: ${words[each].title}`, work: () => environment.install(each) };
    });
  }

  #refuseFullDisk(megabytes: number): void {
    const free = freeMegabytes(this.#folder);
    if (free >= megabytes) return;
    throw new UsageError(
      `the set-up needs about ${sizeOf(megabytes)} in ${this.#folder}, and ${sizeOf(free)} are free there: free space, or set XDG_DATA_HOME to another disk`,
    );
  }

  /** Copies the evaluator of this package: what npx keeps may be deleted at any time. */
  async #copySources(): Promise<void> {
    const environment = this.#environment;
    await environment.change({ sources: this.#sourcesMade() }, () => {
      for (const name of this.#sourcePackages()) {
        const to = join(environment.packages, name);
        rmSync(to, { recursive: true, force: true });
        cpSync(join(this.#sources, name), to, {
          recursive: true,
          filter: (path) => !path.endsWith("__pycache__"),
        });
      }
      environment.writeCommand();
    });
  }

  #sourcePackages(): string[] {
    return readdirSync(this.#sources, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name.startsWith("collm_nas"))
      .map(({ name }) => name)
      .sort();
  }

  #sourcesMade(): string {
    const hash = createHash("sha256");
    for (const name of this.#sourcePackages()) {
      const files = readdirSync(join(this.#sources, name), { recursive: true, encoding: "utf8" });
      for (const file of files.filter((path) => /\.(py|pyi|typed)$/.test(path)).sort())
        hash.update(`${name}/${file}\n`).update(readFileSync(join(this.#sources, name, file)));
    }
    return hash.digest("hex");
  }

  #made(changed: boolean): MadePython {
    const environment = this.#environment;
    const parts = partNames.filter((part) => environment.hasPart(part));
    const { python } = environment;
    const evaluator = join(this.#folder, "bin/collm-nas-evaluator");
    return { folder: this.#folder, python, evaluator, parts, changed, instead: pythonFromEnvironment() };
  }

  /** Runs a command. Of what it prints, the larger downloads are passed on. */
  async #call(
    command: string,
    args: readonly string[],
    changes: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { failure, lines } = await runCommand(command, args, {
      cwd: dirname(this.#folder),
      environment: { ...environmentForPython(), ...changes },
      signal: this.#signal,
      onLine: (line) => {
        if (/^ *Downloading \S+ \(/.test(line)) this.#say(`     ${line.trim()}`);
      },
    });
    this.#signal.throwIfAborted();
    if (failure === null) return;
    const known = this.#isDiskFull() ? diskFull : knownReason(lines);
    const what = `${failure}${lines.length === 0 ? "" : `; its last line: ${lines.at(-1)}`}`;
    throw new SetupFailed(
      known === null
        ? `\`${[command, ...args.slice(0, 4)].join(" ")} …\` ${what}; correct that, then run the same command again`
        : `cannot make ${this.#folder}: ${known.what}; ${known.next}, then run the same command again`,
    );
  }

  /** What a Python prints that ran out of space is not always passed on by the Python that started it. */
  #isDiskFull(): boolean {
    return freeMegabytes(this.#folder) < 2;
  }
}

async function madeFolder(): Promise<string | null> {
  const data = dataFromEnvironment();
  const { collmNas } = await versions();
  return data === null ? null : join(data, `python-${collmNas}`);
}

/** What is free on the disk of a folder that need not be there yet. */
function freeMegabytes(folder: string): number {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  const { bavail, bsize } = statfsSync(there);
  return Math.floor((bavail * bsize) / 1e6);
}

function sizeOf(megabytes: number): string {
  return megabytes < 1000 ? `${megabytes} MB` : `${(megabytes / 1000).toFixed(1)} GB`;
}
