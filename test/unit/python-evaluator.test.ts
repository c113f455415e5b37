/**
 * The Python evaluator as a child process: that it starts, says why it does not, starts again, and never stays behind.
 *
 * Most tests run a shell script in the place of Python, which behaves as badly as the test needs.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EvaluatorLog } from "../../src/evaluator/evaluator-log.ts";
import { LocalEvaluator, type LocalEvaluatorOptions } from "../../src/evaluator/local-evaluator.ts";
import {
  findPython,
  type PythonEvaluatorOptions,
  startPythonEvaluator,
} from "../../src/evaluator/python-evaluator.ts";
import { EvaluatorUnavailable, Interrupted, UsageError } from "../../src/errors.ts";
import { Space } from "../../src/search/space.ts";
import { cleanUps } from "../support/clean-ups.ts";
import { failureOf } from "../support/failure.ts";

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
const quiet = new AbortController().signal;
const python = findPython(packageRoot);
let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "collm-nas-")));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

// Named after the hook above, and so run before it.
const cleanups = cleanUps();

/** A program that is started in the place of Python. */
function script(...lines: string[]): string {
  const file = join(folder, "python");
  writeFileSync(file, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
  return file;
}

const saysWhere = `echo '{"listening": "127.0.0.1:9", "pid": 1}'`;
const staysUntilStdinEnds = "cat > /dev/null";

function start(options: Partial<PythonEvaluatorOptions> = {}, signal = quiet) {
  return startPythonEvaluator(
    { python: python ?? "", environment: process.env, configFile: null, packageRoot, ...options },
    signal,
  );
}

function local(options: Partial<LocalEvaluatorOptions> = {}): LocalEvaluator {
  const evaluator = new LocalEvaluator({
    python: python ?? "",
    environment: process.env,
    configFile: null,
    packageRoot,
    ...options,
  });
  cleanups.push(() => evaluator.close());
  return evaluator;
}

/** Waits until something is so; the time limit of the test bounds it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await wait(50);
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly command: string;
}

/** Every process that lives; the dead that nobody has asked after yet are left out. */
function processes(): Process[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,pgid=,stat=,command="], {
    encoding: "utf8",
  }).split("\n");
  return lines.flatMap((line) => {
    const [, pid, parent, group, state, command] = /^ *(\d+) +(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? [];
    if (state === undefined || state.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), command: command ?? "" }];
  });
}

const lives = (pid: number) => processes().some((process) => process.pid === pid);

/** The evaluators that this process has started. */
const evaluators = () =>
  processes().filter(
    ({ parent, command }) => parent === process.pid && command.includes("collm_nas_evaluator"),
  );

describe("an evaluator that does not start", () => {
  it.each([
    ["a path", () => join(folder, "no/such/python")],
    ["a name", () => "no-such-python-here"],
  ])("names the Python that is not there, given as %s", async (_, missing) => {
    const failure = await failureOf(start({ python: missing() }));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toBe(
      `cannot start the evaluator: Python "${missing()}" is not there; run \`npm run setup\`, or name another Python`,
    );
  });

  it("names a file that cannot be executed", async () => {
    writeFileSync(join(folder, "text"), "no program", { mode: 0o644 });
    const failure = await failureOf(start({ python: join(folder, "text") }));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(/text" cannot be used \(EACCES\)/);
  });

  it("names the folder when the package is not where it should be", async () => {
    const failure = await failureOf(start({ python: script("exit 0"), packageRoot: folder }));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toContain(`the folder ${folder}/python-evaluator is not there`);
  });

  it.each<[string, string[], RegExp]>([
    [
      "its own line when it refuses its configuration",
      ["echo 'INFO: reading' >&2", "echo 'collm-nas-evaluator: line 3: no such key' >&2", "exit 2"],
      /^the evaluator does not start: line 3: no such key$/,
    ],
    [
      "the set-up when a package is missing",
      [`echo "ModuleNotFoundError: No module named 'grpc'" >&2`, "exit 1"],
      /ended with exit code 1; its last line: .*No module named 'grpc'; run `npm run setup`/,
    ],
    [
      "the exit code when it says nothing",
      ["exit 0"],
      /^the Python evaluator ended with exit code 0; repair it/,
    ],
  ])("tells %s", async (_, lines, words) => {
    const failure = await failureOf(start({ python: script(...lines) }));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(words);
  });

  it("may be tried again when it is killed", async () => {
    const failure = await failureOf(start({ python: script("kill -9 $$") }));
    expect(failure).toBeInstanceOf(EvaluatorUnavailable);
    expect(failure.message).toContain("was killed by SIGKILL");
  });

  it("is ended when the signal is raised meanwhile", async () => {
    const controller = new AbortController();
    const starting = failureOf(start({ python: script(staysUntilStdinEnds) }, controller.signal));
    await until(() => evaluators().length === 1);
    controller.abort();
    expect(await starting).toBeInstanceOf(Interrupted);
    expect(evaluators()).toEqual([]);
    expect(await failureOf(start({}, AbortSignal.abort()))).toBeInstanceOf(Interrupted);
  });
});

describe("an evaluator that runs", () => {
  it("may print other lines before it says where it listens, and any number after", async () => {
    const log = new EvaluatorLog();
    log.begin(join(folder, "log"));
    const server = await start({
      log,
      python: script(
        "echo hello",
        "echo '{}'",
        "echo null",
        saysWhere,
        "yes | head -c 1000000",
        "echo done >&2",
        staysUntilStdinEnds,
      ),
    });
    cleanups.push(() => server.stop());
    expect(server.address).toBe("127.0.0.1:9");
    await until(
      () => existsSync(join(folder, "log")) && readFileSync(join(folder, "log"), "utf8") === "done\n",
    );
  });

  it("is in a process group of its own, out of reach of Ctrl-C", async () => {
    const server = await start({ python: script(saysWhere, staysUntilStdinEnds) });
    cleanups.push(() => server.stop());
    expect(processes().find(({ pid }) => pid === server.pid)?.group).toBe(server.pid);
  });

  it("is gone after stop, with all that it started, even when it wants to stay", async () => {
    // What a shell ignores, its children ignore too.
    const server = await start({ python: script("trap '' TERM", "sleep 60 &", saysWhere, "sleep 60") });
    const group = () => processes().filter((process) => process.group === server.pid);
    expect(group().length).toBeGreaterThanOrEqual(2);
    await server.stop();
    await server.stop();
    expect(await server.ended).toBe("the Python evaluator was killed by SIGKILL");
    await until(() => group().length === 0);
  });

  it("leaves nothing behind when it dies", async () => {
    const server = await start({ python: script("sleep 60 &", saysWhere, staysUntilStdinEnds) });
    process.kill(server.pid, "SIGKILL");
    expect(await server.ended).toContain("was killed by SIGKILL");
    await until(() => processes().every(({ group }) => group !== server.pid));
    await server.stop();
  });

  it("is over when it is closed while it starts", async () => {
    const evaluator = local({ python: script(staysUntilStdinEnds) });
    const listing = failureOf(evaluator.list(quiet));
    await until(() => evaluators().length === 1);
    await evaluator.close();
    expect(await listing).toBeInstanceOf(Interrupted);
    expect(evaluators()).toEqual([]);
  });
});

describe("the log of an evaluator", () => {
  const file = () => join(folder, "evaluator.log");
  const read = () => readFileSync(file(), "utf8");

  it("holds what was said before it had a name, and everything after, across starts", async () => {
    const evaluator = local({
      python: script("echo early >&2", saysWhere, "sleep 0.05", "echo late >&2", "kill -9 $$"),
    });
    // Nobody listens there: each call fails, and the evaluator dies a moment later.
    await failureOf(evaluator.list(quiet));
    await until(() => evaluators().length === 0);
    expect(existsSync(file())).toBe(false);
    evaluator.logTo(file());
    expect(read()).toBe("early\nlate\n");
    await failureOf(evaluator.list(quiet));
    await until(() => evaluators().length === 0);
    await until(() => read() === "early\nlate\nearly\nlate\n");
  });

  it("is named by the error when the evaluator dies, and only then when there is one", async () => {
    const evaluator = local({ python: script("echo oh no >&2", saysWhere, "sleep 0.05", "kill -9 $$") });
    const killed = "the Python evaluator was killed by SIGKILL; its last line: oh no";
    expect((await failureOf(evaluator.list(quiet))).message).toBe(`${killed}; the next call starts it again`);
    evaluator.logTo(file());
    expect((await failureOf(evaluator.list(quiet))).message).toBe(
      `${killed} (its log: ${file()}); the next call starts it again`,
    );
  });

  it("is appended to what is there already, and is there even if nothing is said", () => {
    writeFileSync(file(), "from before\n");
    const log = new EvaluatorLog();
    log.begin(file());
    log.write(Buffer.from("from now\n"));
    expect(read()).toBe("from before\nfrom now\n");
    const silent = new EvaluatorLog();
    silent.begin(join(folder, "silent.log"));
    expect(existsSync(join(folder, "silent.log"))).toBe(true);
  });

  it("keeps no more than the end without a file, and loses nothing but itself to a disk that refuses", () => {
    const log = new EvaluatorLog();
    for (let line = 0; line < 300; line++) log.write(Buffer.alloc(10_000, "x"));
    log.write(Buffer.from("the end\n"));
    log.begin(join(folder, "not/there"));
    expect(log.file).toBeNull();
    log.begin(file());
    expect(log.file).toBe(file());
    expect(read()).toHaveLength(1024 * 1024);
    expect(read()).toMatch(/xthe end\n$/);
  });
});

describe.skipIf(python === null)("the Python server (skipped without .venv: run `npm run setup`)", () => {
  it("starts, listens, and is gone after stop", async () => {
    const server = await start();
    expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(lives(server.pid)).toBe(true);
    await server.stop();
    expect(lives(server.pid)).toBe(false);
  });

  it("refuses a broken configuration with one line that names the place, found from a relative path", async () => {
    const file = join(folder, "evaluator.yaml");
    writeFileSync(file, "nasbench201:\n  csw: table.csv\n");
    const failure = await failureOf(start({ configFile: relative(process.cwd(), file) }));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(
      /^the evaluator does not start: .*evaluator\.yaml, line 2: unknown key .*csw.*nasbench201\.csv/,
    );
    expect(await failureOf(start({ configFile: join(folder, "none.yaml") }))).toBeInstanceOf(UsageError);
  });

  it("ends by itself when its parent is killed", async () => {
    const program = join(folder, "parent.mjs");
    const adapter = pathToFileURL(join(packageRoot, "dist/evaluator/python-evaluator.js")).href;
    const options = JSON.stringify({ python, environment: process.env, configFile: null, packageRoot });
    writeFileSync(
      program,
      `import { startPythonEvaluator } from ${JSON.stringify(adapter)};
      const server = await startPythonEvaluator(${options}, new AbortController().signal);
      console.log(server.pid);`,
    );
    const parent: ChildProcess = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    cleanups.push(() => parent.kill("SIGKILL"));
    let pid = 0;
    for await (const line of createInterface({ input: parent.stdout as NodeJS.ReadableStream })) {
      pid = Number(line);
      break;
    }
    expect(lives(pid)).toBe(true);
    process.kill(parent.pid as number, "SIGKILL");
    await until(() => !lives(pid));
  });

  it("starts once for calls that come together, and not before", async () => {
    const evaluator = local();
    expect(evaluators()).toEqual([]);
    const [one, other] = await Promise.all([
      evaluator.list(quiet),
      evaluator.describe("analognas-baseline", quiet),
    ]);
    expect(one.spaces.map(({ id }) => id)).toContain(other.id);
    expect(evaluators()).toHaveLength(1);
    await evaluator.close();
    expect(evaluators()).toEqual([]);
    expect(await failureOf(evaluator.list(quiet))).toBeInstanceOf(Interrupted);
  });

  it("starts again with the next call after it was killed", async () => {
    const evaluator = local();
    const description = await evaluator.describe("analognas-baseline", quiet);
    const texts = [...new Space(description).all()].map(({ text }) => text);
    const killed = evaluators()[0]?.pid as number;
    let heard = 0;
    const evaluating = async () => {
      for await (const _ of evaluator.evaluate({ space: description, texts, split: "search" }, quiet)) {
        if (heard === 0) process.kill(killed, "SIGKILL");
        heard += 1;
      }
    };
    const failure = await failureOf(evaluating());
    expect(failure).toBeInstanceOf(EvaluatorUnavailable);
    expect(failure.message).toMatch(/was killed by SIGKILL.*; the next call starts it again$/);
    expect(heard).toBeLessThan(texts.length);
    const measured = await evaluator.measureCosts({ space: description, texts: texts.slice(0, 3) }, quiet);
    expect(measured.map(({ text }) => text)).toEqual(texts.slice(0, 3));
    expect(evaluators().map(({ pid }) => pid)).not.toContain(killed);
  });

  it("may be waited for when it does not start again", async () => {
    const once = join(folder, "ran");
    const refuses = `if [ -e ${once} ]; then echo 'collm-nas-evaluator: the table is gone' >&2; exit 2; fi`;
    const evaluator = local({ python: script(refuses, `touch ${once}`, `exec ${python} "$@"`) });
    await evaluator.list(quiet);
    process.kill(evaluators()[0]?.pid as number, "SIGKILL");
    let failure = await failureOf(evaluator.list(quiet));
    while (failure.message.includes("was killed")) failure = await failureOf(evaluator.list(quiet));
    expect(failure).toBeInstanceOf(EvaluatorUnavailable);
    expect(failure.message).toBe("the evaluator does not start: the table is gone");
    rmSync(once);
    expect((await evaluator.list(quiet)).spaces.length).toBeGreaterThan(0);
  });
});
