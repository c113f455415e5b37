/**
 * Starts the Python evaluator as a child process, waits until it listens, and stops it.
 *
 * The interpreter, the environment and the configuration are arguments: this file does not read the environment.
 *
 * The child never outlives this process: it ends when its standard input ends. It has its own process group, so that
 * Ctrl-C in a terminal reaches only this process, which then stops the child.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { createInterface } from "node:readline";
import { type CollmError, EvaluatorUnavailable, UsageError } from "../errors.ts";
import { installEvaluator, isInPythonPackage } from "../system/installation.ts";
import { isOutOfFiles, outOfFiles } from "../system/system-error.ts";
import type { EvaluatorLog } from "./evaluator-log.ts";
import { throwIfRaised, unlessRaised, within } from "./waiting.ts";

export interface PythonEvaluatorOptions {
  /** The interpreter: a path, or a name to look up on the PATH. */
  readonly python: string;
  /** The evaluator's own configuration, or null for what it serves without one. */
  readonly configFile: string | null;
  /** The whole environment of the child. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder that holds python-evaluator/. */
  readonly packageRoot: string;
  /** Gets what the evaluator writes to standard error. The last line is kept for errors in any case. */
  readonly log?: EvaluatorLog;
}

/** An evaluator that runs and listens. */
export interface PythonEvaluator {
  /** HOST:PORT. */
  readonly address: string;
  readonly pid: number;
  /** How it ended, in words; resolves when it has ended, for any reason. */
  readonly ended: Promise<string>;
  /** Ends it and all that it started; resolves when it has ended. May be called again. */
  stop(): Promise<void>;
}

const startSeconds = 60;
const stopSeconds = 1.5;
const pipeSeconds = 0.5;
const longestLine = 600;

/** The interpreter that the set-up made for this package, or null when there is none. */
export function findPython(packageRoot: string): string | null {
  const python = join(packageRoot, ".venv/bin/python");
  return existsSync(python) ? python : null;
}

/**
 * Starts the evaluator on a free port of this machine and resolves when it listens.
 *
 * @throws UsageError, with its last line, when it cannot be started or refuses its configuration;
 *   EvaluatorUnavailable when it neither listens nor ends in time, or is killed; Interrupted on the signal.
 */
export async function startPythonEvaluator(
  options: PythonEvaluatorOptions,
  signal: AbortSignal,
): Promise<PythonEvaluator> {
  throwIfRaised(signal);
  const child = new Child(options);
  try {
    const address = await child.listening(signal);
    return { address, pid: child.pid, ended: child.ended, stop: () => child.stop() };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

// --- internal ---

class Child {
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #options: PythonEvaluatorOptions;
  #isGone = false;
  #lastLine = "";
  #failure: CollmError | null = null;

  constructor(options: PythonEvaluatorOptions) {
    this.#options = options;
    const { configFile, packageRoot } = options;
    const python = options.python.includes(sep) ? resolve(options.python) : options.python;
    const config = configFile === null ? [] : ["--config", resolve(configFile)];
    const listen = ["serve", "--listen", "127.0.0.1:0", "--exit-with-stdin"];
    // In this folder the package can be imported without being installed. Elsewhere it is installed, and the folder in
    // which the command was typed adds no modules of its own.
    const sources = isInPythonPackage ? undefined : join(packageRoot, "python-evaluator");
    const alone = sources === undefined ? ["-P"] : [];
    this.#child = spawn(python, [...alone, "-m", "collm_nas_evaluator", ...listen, ...config], {
      cwd: sources,
      env: { ...options.environment },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    // A child that has ended cannot be written to; `ended` says that it has.
    this.#child.stdin?.on("error", () => {});
    this.#keepStderr();
    this.ended = new Promise((done) => {
      this.#child.once("error", (error: NodeJS.ErrnoException) => {
        if (this.#child.pid !== undefined) return;
        this.#isGone = true;
        this.#failure = this.#cannotStart(python, error);
        done(this.#failure.message);
      });
      const settle = () => {
        const { exitCode, signalCode } = this.#child;
        const how = signalCode === null ? `ended with exit code ${exitCode}` : `was killed by ${signalCode}`;
        done(`the Python evaluator ${how}${this.#lastWords()}`);
        this.#child.stdout?.destroy();
        this.#child.stderr?.destroy();
      };
      this.#child.once("close", settle);
      this.#child.once("exit", () => {
        this.#isGone = true;
        this.#killGroup();
        // A process that it started in another group may keep its pipes open for ever.
        setTimeout(settle, pipeSeconds * 1000).unref();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The address in the line that the evaluator prints when it is ready. */
  async listening(signal: AbortSignal): Promise<string> {
    const { stdout } = this.#child;
    const address = new Promise<string>((found) => {
      if (!stdout) return;
      const lines = createInterface({ input: stdout });
      lines.on("line", (line) => {
        const listening = listeningIn(line);
        if (listening === null) return;
        found(listening);
        // Further output is dropped, so that the child never waits for a reader.
        lines.close();
        stdout.resume();
      });
    });
    const early = this.ended.then((how): never => {
      throw this.#failure ?? this.#earlyEnd(how);
    });
    const listening = await unlessRaised(within(startSeconds, Promise.race([address, early])), signal);
    if (listening !== null) return listening;
    throw new EvaluatorUnavailable(
      `the Python evaluator did not say within ${startSeconds} s where it listens${this.#lastWords()}; find out why it takes so long, then try again`,
    );
  }

  async stop(): Promise<void> {
    if (!this.#isGone) {
      this.#child.stdin?.end();
      this.#child.kill("SIGTERM");
      await within(stopSeconds, this.ended);
    }
    if (!this.#isGone) this.#killGroup();
    await this.ended;
  }

  #cannotStart(python: string, error: NodeJS.ErrnoException): CollmError {
    if (isOutOfFiles(error)) return outOfFiles("cannot start the evaluator", error);
    const { code } = error;
    const folder = join(this.#options.packageRoot, "python-evaluator");
    const what = isInPythonPackage || existsSync(folder) ? `Python "${python}"` : `the folder ${folder}`;
    const why = code === "ENOENT" ? "is not there" : `cannot be used (${code})`;
    return new UsageError(
      `cannot start the evaluator: ${what} ${why}; run \`${installEvaluator}\`, or name another Python`,
    );
  }

  #earlyEnd(how: string): CollmError {
    if (this.#child.signalCode !== null)
      return new EvaluatorUnavailable(`${how}; find out why, then try again`);
    // With exit code 2, one line says what to correct.
    const last = this.#lastLine.replace(/^collm-nas-evaluator: /, "");
    if (this.#child.exitCode === 2 && last !== "") {
      return new UsageError(`the evaluator does not start: ${last}`);
    }
    const isIncomplete = /No module named/.test(last);
    const advice = isIncomplete
      ? `run \`${installEvaluator}\`, or name another Python`
      : "repair it, then start again";
    return new UsageError(`${how}; ${advice}`);
  }

  #lastWords(): string {
    return this.#lastLine === "" ? "" : `; its last line: ${this.#lastLine}`;
  }

  #keepStderr(): void {
    const { log } = this.#options;
    const { stderr } = this.#child;
    // A child that could not be started has no standard error.
    if (!stderr) return;
    stderr.on("data", (bytes: Buffer) => log?.write(bytes));
    createInterface({ input: stderr }).on("line", (line) => {
      if (line.trim() !== "") this.#lastLine = line.trim().slice(0, longestLine);
    });
  }

  /** Kills what is left of the child's process group. */
  #killGroup(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // Nothing is left.
    }
  }
}

function listeningIn(line: string): string | null {
  try {
    const said = JSON.parse(line) as { listening?: unknown } | null;
    return typeof said?.listening === "string" ? said.listening : null;
  } catch {
    return null;
  }
}
