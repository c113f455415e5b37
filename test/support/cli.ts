/**
 * The command line as a person starts it: `./bin/collm-nas` in a process of its own, or as a function where a test needs no
 * process; with the real Python evaluator.
 *
 * Owns temporary folders, child processes and how they are looked at from outside; all of them are gone when a test
 * file is through. Knows what `--json` prints and how a journal is laid out, and nothing of what a search decides.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, expect, inject } from "vitest";
import type { Summary } from "../../src/app/summary.ts";
import type { runCli as RunCli } from "../../src/cli/run-cli.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { keptStreams } from "./streams.ts";

export type { Summary };

export const root = fileURLToPath(new URL("../..", import.meta.url));
const command = join(root, "bin/collm-nas");
/** The interpreter that the set-up made. */
export const python = join(root, ".venv/bin/python");
const pythonPackage = join(root, "python-evaluator");

// ----- Folders and files -----

const folders: string[] = [];

/** A new folder, removed when the test file is through. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "collm-nas-e2e-")));
  folders.push(folder);
  return folder;
}

/** The path of a run folder that is not there yet. */
export function newRun(): string {
  return join(temporaryFolder(), "run");
}

/** Writes a file into a folder of its own; returns its path. */
export function temporaryFile(name: string, text: string | Uint8Array): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return path;
}

// ----- The command line -----

export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface Process {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** What it has printed so far. */
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  /** Ctrl-C in a terminal: reaches the whole foreground process group. */
  interrupt(): void;
  /** Ends its standard input, which is open from its start with `hasInput`. */
  endInput(): void;
}

export interface Settings {
  readonly cwd?: string;
  /** Laid over a clean environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether its standard input is a pipe, which stays open; else it is empty. */
  readonly hasInput?: boolean;
  /** How wide the terminal is that it prints to, in this process alone; absent: it prints to files. */
  readonly columns?: number;
}

const processes = new Set<ChildProcess>();
/** Those that runs have started, as far as a test has met them. */
const evaluators = new Set<number>();

afterAll(() => {
  for (const child of processes) child.kill("SIGKILL");
  for (const pid of evaluators) if (isRunning(pid)) process.kill(pid, "SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** Starts the command line; `cwd` is a folder of its own unless one is named. */
export function start(args: readonly string[], settings: Settings = {}): Process {
  const { cwd = temporaryFolder(), env = {}, hasInput = false } = settings;
  return watch(command, args, { cwd, env, hasInput });
}

/**
 * Runs the command line to its end: in this process, which is quick, unless a working folder or options of Node are asked
 * for. `start` always makes a process. While a call has an environment of its own, no other call may run in this process.
 */
export async function collmNas(args: readonly string[], settings: Settings = {}): Promise<Ended> {
  const { columns, cwd, env = {} } = settings;
  if (cwd !== undefined || env["NODE_OPTIONS"] !== undefined) return await start(args, settings).ended;
  const runCli = await (commandLine ??= openCommandLine());
  const begin = performance.now();
  const streams = keptStreams(columns === undefined ? {} : { isTTY: true, columns, hasColors: () => false });
  const restore = enter(env);
  try {
    const code = await runCli(args, { ...streams, signal: neverStopped });
    return { code, signal: null, ...streams.text(), seconds: (performance.now() - begin) / 1000 };
  } finally {
    restore();
  }
}

/** The calls that run in this process, and whether one of them has an environment of its own. */
const inside = { calls: 0, isAlone: false };

/** Lays variables over the environment of this process; returns how to take them back. */
function enter(env: NonNullable<Settings["env"]>): () => void {
  const names = Object.keys(env);
  if (inside.isAlone || (names.length > 0 && inside.calls > 0))
    throw new Error("a call with an environment of its own must not overlap with another: use start");
  const before = names.map((name) => [name, process.env[name]] as const);
  inside.calls += 1;
  inside.isAlone = names.length > 0;
  for (const [name, value] of Object.entries(env)) setVariable(name, value);
  return () => {
    for (const [name, value] of before) setVariable(name, value);
    inside.calls -= 1;
    inside.isAlone = false;
  };
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

const neverStopped = new AbortController().signal;
let commandLine: Promise<typeof RunCli> | undefined;

/** The command line as it was built, where a process of its own would be: in an empty folder, without keys. */
async function openCommandLine(): Promise<typeof RunCli> {
  process.chdir(temporaryFolder());
  delete process.env["OPENAI_API_KEY"];
  delete process.env["COLLM_NAS_PYTHON"];
  const built = new URL("../../dist/cli/run-cli.js", import.meta.url).href;
  return ((await import(/* @vite-ignore */ built)) as { runCli: typeof RunCli }).runCli;
}

/** Runs the command line with `--json` to a good end; returns the object it printed. */
export async function json(args: readonly string[], settings: Settings = {}): Promise<Summary> {
  const ended = await collmNas([...args, "--json"], settings);
  expect(ended.code, ended.stderr).toBe(0);
  return JSON.parse(ended.stdout) as Summary;
}

/** What `show --json` says of a run. */
export async function shown(run: string): Promise<Summary> {
  return await json(["show", run]);
}

function watch(
  program: string,
  args: readonly string[],
  settings: Required<Omit<Settings, "columns">>,
): Process {
  const begin = performance.now();
  const { env, cwd, hasInput } = settings;
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, OPENAI_API_KEY: undefined, COLLM_NAS_PYTHON: undefined, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  if (!hasInput) child.stdin.end();
  processes.add(child);
  const out = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => (out[name] += text));
  const ended = (async () => {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    const seconds = (performance.now() - begin) / 1000;
    // What was printed last may still be in the pipes; who inherited them may hold them open.
    await Promise.race([Promise.all([closed(child.stdout), closed(child.stderr)]), wait(1000)]);
    processes.delete(child);
    return { code, signal, seconds, ...out };
  })();
  return {
    pid: child.pid as number,
    ended,
    stdout: () => out.stdout,
    stderr: () => out.stderr,
    kill: (signal) => void child.kill(signal),
    interrupt: () => void process.kill(-(child.pid as number), "SIGINT"),
    endInput: () => void child.stdin.end(),
  };
}

async function closed(stream: NodeJS.ReadableStream & { readonly closed?: boolean }): Promise<void> {
  if (stream.closed !== true) await once(stream, "close");
}

// ----- Evaluators -----

/**
 * The evaluator that all end-to-end files share. Nothing may kill, stop or slow it: what needs that starts one of its own.
 */
export const evaluator = { address: inject("evaluator") };

export interface EvaluatorProcess {
  /** HOST:PORT. */
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

export interface EvaluatorSettings {
  /** A configuration file; without one, what is served by default. */
  readonly config?: string;
  /** 0: any free one. */
  readonly port?: number;
  /** How long each evaluation takes. */
  readonly slowSeconds?: number;
  /** A Python file to start in its place, in this folder. */
  readonly file?: string;
}

/** Starts the Python evaluator by itself, as a person would for several runs. */
export async function startEvaluator(settings: EvaluatorSettings = {}): Promise<EvaluatorProcess> {
  const { config, port = 0, slowSeconds = 0, file } = settings;
  const usual = slowSeconds === 0 ? ["-m", "collm_nas_evaluator"] : [slowEvaluator];
  const program = file === undefined ? usual : [join(root, "test/support", file)];
  const listen = ["serve", "--listen", `127.0.0.1:${port}`];
  const args = [...program, ...listen, ...(config === undefined ? [] : ["--config", config])];
  const child = spawn(python, args, {
    cwd: pythonPackage,
    env: { ...process.env, SLOW_SECONDS: `${slowSeconds}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  processes.add(child);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const gone = once(child, "exit");
  void gone.then(() => processes.delete(child));
  const address = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      resolve((JSON.parse(line) as { listening: string }).listening);
    });
    child.once("exit", () => reject(new Error(`the evaluator did not start: ${said}`)));
  });
  return {
    address,
    port: Number(address.split(":")[1]),
    pid: child.pid as number,
    kill: async (signal = "SIGKILL") => {
      child.kill(signal);
      await gone;
    },
  };
}

const slowEvaluator = join(root, "test/support/slow_evaluator.py");

/** What the evaluator of `slowPython` says on standard error whenever it starts. */
export const slowWords = "an evaluator that takes its time";

/** The environment under which the evaluator that a run starts takes `seconds` for each evaluation. */
export function slowPython(seconds: number): Record<string, string> {
  const wrapper = temporaryFile(
    "python",
    `#!/bin/sh\necho "${slowWords}" >&2\nexec "${python}" "${slowEvaluator}" "$@"\n`,
  );
  chmodSync(wrapper, 0o755);
  return { COLLM_NAS_PYTHON: wrapper, SLOW_SECONDS: `${seconds}` };
}

/**
 * The environment under which a run ends by SIGKILL at a place of its record: 7 is after event 7, 7.5 in the middle of
 * writing event 8.
 */
export function killAt(place: number): Record<string, string> {
  const hook = new URL("kill-at-event.mjs", import.meta.url);
  return { NODE_OPTIONS: `--import=${hook.href}`, KILL_AT_EVENT: `${place}` };
}

/** The evaluators that a process has started and that run now, by pid. */
export function evaluatorsOf(pid: number): number[] {
  return runningProcesses()
    .filter(({ parent, line }) => parent === pid && line.includes("serve --listen"))
    .map((each) => each.pid);
}

/** Waits until a run has started its evaluator; returns the evaluator's pid. */
export async function evaluatorOf(run: Process): Promise<number> {
  const pid = await until("the evaluator starts", () => evaluatorsOf(run.pid)[0]);
  evaluators.add(pid);
  return pid;
}

/** Whether a process runs; one that only waits to be reaped does not. */
export function isRunning(pid: number): boolean {
  return runningProcesses().some((each) => each.pid === pid);
}

interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** The command line. */
  readonly line: string;
}

/** Every live process. Node cannot tell; /proc can, or else ps. */
function runningProcesses(): RunningProcess[] {
  if (!existsSync("/proc/self/stat")) return processesByPs();
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const status = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state, parent] = status.slice(status.lastIndexOf(")") + 2).split(" ");
      if (state === "Z" || state === "X") return [];
      const line = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      return [{ pid: Number(name), parent: Number(parent), line }];
    } catch {
      return [];
    }
  });
}

function processesByPs(): RunningProcess[] {
  const listed = spawnSync("ps", ["-axo", "pid=,ppid=,state=,command="], { encoding: "utf8" });
  return listed.stdout.split("\n").flatMap((row) => {
    const [, pid, parent, state = "", line = ""] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(row) ?? [];
    return pid === undefined || state.startsWith("Z")
      ? []
      : [{ pid: Number(pid), parent: Number(parent), line }];
  });
}

// ----- Waiting -----

const longestWaitSeconds = 20;

/** Waits for `look` to give something; a test fails when it does not for long. */
export async function until<T>(what: string, look: () => T | undefined | null | false): Promise<T> {
  const end = performance.now() + longestWaitSeconds * 1000;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > end) throw new Error(`waited ${longestWaitSeconds} s in vain until ${what}`);
    await wait(10);
  }
}

/** Waits until a process has said something on standard error: what it prints comes after what it writes elsewhere. */
export async function untilSaid(process: Process, words: string | RegExp): Promise<void> {
  const pattern = typeof words === "string" ? words : words.source;
  await until(`it says ${JSON.stringify(pattern)}`, () =>
    typeof words === "string" ? process.stderr().includes(words) : words.test(process.stderr()),
  );
}

// ----- Journals -----

/** The complete lines of a run's journal; none while there is no journal. */
export function journalLines(run: string): string[] {
  const path = join(run, "journal.jsonl");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
}

export function events(run: string): RunEvent[] {
  return journalLines(run).map((line) => JSON.parse(line) as RunEvent);
}

/** Waits until a run has recorded so many events. */
export async function untilRecorded(run: string, count: number): Promise<void> {
  await until(`${run} holds ${count} events`, () => journalLines(run).length >= count);
}

/**
 * What a run decided and was told, without what differs between two runs of the same search: the folder's name, times,
 * numbers and chain digests, resumes, and the order in which results arrived.
 */
export function decisions(run: string): unknown[] {
  const bodies = events(run)
    .filter(({ type }) => type !== "run-resumed")
    .map((event) => {
      const { v: _v, seq: _seq, at: _at, ...body } = event;
      const { run: _run, setup: _setup, chain: _seal, ...rest } = body as Record<string, unknown>;
      return rest;
    });
  const place = ({ type, candidate }: Record<string, unknown>) =>
    type === "architecture-measured" ? Number(candidate) : 0;
  const sorted: Record<string, unknown>[] = [];
  for (const body of bodies) {
    let at = sorted.length;
    while (at > 0 && body["type"] === sorted[at - 1]?.["type"] && place(body) < place(sorted[at - 1] ?? {}))
      at--;
    sorted.splice(at, 0, body);
  }
  return sorted;
}

/** What a run came to, without what differs between two runs of the same search. */
export function outcome(summary: Summary): Partial<Summary> {
  const { space, searcher, models, seed, status, stopReason, best, funnel, spend, trace } = summary;
  return { space, searcher, models, seed, status, stopReason, best, funnel, spend, trace };
}
