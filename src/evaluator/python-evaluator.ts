/**
 * Starts the Python evaluator as a child process, waits until it listens, stops it, and starts it again if it died.
 *
 * grpc-evaluator.ts reads what it answers. The interpreter, the environment and the configuration are arguments: this
 * file does not read the environment.
 *
 * The child never outlives this process: it ends when its standard input ends. It has its own process group, so that
 * Ctrl-C in a terminal reaches only this process, which then stops the child.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { createInterface } from "node:readline";
import { type CollmError, EvaluatorUnavailable, Interrupted, UsageError } from "../errors.ts";
import type { MeasuredCost } from "../search/events.ts";
import type {
  CostRequest,
  EvaluationMessage,
  EvaluationRequest,
  Evaluator,
  SpaceCatalog,
} from "../search/ports.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { EvaluatorLog } from "./evaluator-log.ts";
import { GrpcEvaluator } from "./grpc-evaluator.ts";
import { isOutOfFiles, outOfFiles } from "../system/system-error.ts";

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

export interface LocalEvaluatorOptions extends Omit<PythonEvaluatorOptions, "log"> {
  readonly silenceSeconds?: number;
}

/**
 * A Python evaluator that starts with the first call. If it dies, the open call fails with EvaluatorUnavailable, as with
 * any server that goes away, and the next call starts it again.
 */
export class LocalEvaluator implements Evaluator, SpaceCatalog {
  readonly #options: LocalEvaluatorOptions;
  readonly #log = new EvaluatorLog();
  readonly #closing = new AbortController();
  #running: Promise<Running> | null = null;
  #startedBefore = false;

  constructor(options: LocalEvaluatorOptions) {
    this.#options = options;
  }

  async list(signal: AbortSignal): ReturnType<SpaceCatalog["list"]> {
    return await this.#with(signal, (client) => client.list(signal));
  }

  async describe(spaceId: string, signal: AbortSignal): Promise<SpaceDescription> {
    return await this.#with(signal, (client) => client.describe(spaceId, signal));
  }

  async measureCosts(request: CostRequest, signal: AbortSignal): Promise<readonly MeasuredCost[]> {
    return await this.#with(signal, (client) => client.measureCosts(request, signal));
  }

  async *evaluate(request: EvaluationRequest, signal: AbortSignal): AsyncGenerator<EvaluationMessage> {
    const running = await this.#start(signal);
    try {
      yield* running.client.evaluate(request, signal);
    } catch (error) {
      throw await running.explained(error, this.#where());
    }
  }

  /** Appends to `file` all that the evaluator writes to standard error, before and after this call, in all its starts. */
  logTo(file: string): void {
    this.#log.begin(file);
  }

  /** Ends the evaluator if it runs; every later call is Interrupted. */
  async close(): Promise<void> {
    this.#closing.abort();
    const running = await this.#running?.catch(() => null);
    await running?.client.close();
    await running?.server.stop();
  }

  async #with<T>(signal: AbortSignal, call: (client: GrpcEvaluator) => Promise<T>): Promise<T> {
    const running = await this.#start(signal);
    try {
      return await call(running.client);
    } catch (error) {
      throw await running.explained(error, this.#where());
    }
  }

  /** Names the log, at the end of an error message. */
  #where(): string {
    return this.#log.file === null ? "" : ` (its log: ${this.#log.file})`;
  }

  /** The running evaluator. Calls during its start wait for the same start. */
  async #start(signal: AbortSignal): Promise<Running> {
    throwIfRaised(signal);
    if (this.#closing.signal.aborted) throw new Interrupted("the evaluator was closed");
    this.#running ??= this.#run();
    return await unlessRaised(this.#running, signal);
  }

  async #run(): Promise<Running> {
    const forget = () => {
      this.#running = null;
    };
    try {
      const running = new Running(
        await startPythonEvaluator({ ...this.#options, log: this.#log }, this.#closing.signal),
        this.#options,
      );
      this.#startedBefore = true;
      void running.server.ended.then(async () => {
        forget();
        await running.client.close();
      });
      return running;
    } catch (error) {
      forget();
      // It ran before with the same settings.
      const ranBefore = error instanceof UsageError && this.#startedBefore;
      if (!ranBefore && !(error instanceof EvaluatorUnavailable)) throw error;
      throw new EvaluatorUnavailable(error.message + this.#where(), { cause: error });
    }
  }
}

// --- internal ---

/** A server and the client that talks to it. */
class Running {
  readonly server: PythonEvaluator;
  readonly client: GrpcEvaluator;

  constructor(server: PythonEvaluator, { silenceSeconds }: LocalEvaluatorOptions) {
    this.server = server;
    this.client = new GrpcEvaluator({
      address: server.address,
      ...(silenceSeconds !== undefined && { silenceSeconds }),
    });
  }

  /** Makes the error of a failed call: says that the evaluator died if it did, and `where` to read more. */
  async explained(error: unknown, where: string): Promise<unknown> {
    if (!(error instanceof EvaluatorUnavailable)) return error;
    // The connection breaks just before the process is known to have ended.
    const how = await within(0.25, this.server.ended);
    const what = how === null ? error.message + where : `${how}${where}; the next call starts it again`;
    return new EvaluatorUnavailable(what, { cause: error });
  }
}

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
    this.#child = spawn(python, ["-m", "collm_nas_evaluator", ...listen, ...config], {
      // In this folder the package can be imported without being installed.
      cwd: join(packageRoot, "python-evaluator"),
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
    const what = existsSync(folder) ? `Python "${python}"` : `the folder ${folder}`;
    const why = code === "ENOENT" ? "is not there" : `cannot be used (${code})`;
    return new UsageError(
      `cannot start the evaluator: ${what} ${why}; run \`npm run setup\`, or name another Python`,
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
      ? "run `npm run setup`, or name another Python"
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

function throwIfRaised(signal: AbortSignal): void {
  if (signal.aborted) throw new Interrupted("stopped on request");
}

/** Waits for `work` until the signal is raised. */
async function unlessRaised<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfRaised(signal);
  let release = () => {};
  const raised = new Promise<never>((_, reject) => {
    const interrupt = () => reject(new Interrupted("stopped on request"));
    signal.addEventListener("abort", interrupt, { once: true });
    release = () => signal.removeEventListener("abort", interrupt);
  });
  try {
    return await Promise.race([work, raised]);
  } finally {
    release();
  }
}

/** The result of `work`, or null when it takes longer than `seconds`. */
async function within<T>(seconds: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
