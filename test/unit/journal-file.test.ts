/**
 * The file journal against real files, real processes and a disk that is really full.
 *
 * What every Journal promises is in test/contract/journal.ts; here is what is true of files and locks.
 */
import { type ChildProcess, execFileSync, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import * as fsPromises from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createRun, journalPath, openRun, readRun } from "../../src/runs/journal-file.ts";
import { RunLock } from "../../src/runs/run-lock.ts";
import { Interrupted, JournalDamaged, JournalLocked, UsageError } from "../../src/errors.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { runStarted, strategySet, testClock } from "../support/run-events.ts";

let scratch: string;
let folder: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "journal-file-"));
  folder = join(scratch, "run");
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(scratch, { recursive: true, force: true });
});

const clock = testClock();

/** A closed run of run-started and `strategies` more events. */
async function recorded(strategies: number): Promise<readonly RunEvent[]> {
  const journal = await createRun(folder, clock);
  const rounds = Array.from({ length: strategies }, (_, index) => strategySet(index + 1));
  const events = await journal.append([runStarted(), ...rounds]);
  await journal.close();
  return events;
}

async function failureOf(action: Promise<unknown>): Promise<Error> {
  const outcome = await action.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Error)) throw new Error("expected a failure, but it succeeded");
  return outcome;
}

function fileHandle(): fsPromises.FileHandle {
  return prototype;
}

let prototype: fsPromises.FileHandle;
beforeAll(async () => {
  const probe = await fsPromises.open("/dev/null", "r");
  prototype = Object.getPrototypeOf(probe) as fsPromises.FileHandle;
  await probe.close();
});

const systemError = (code: string) => Object.assign(new Error(`${code}: made up`), { code });

describe("creating a run", () => {
  it("makes the folder and its parents, and holds the lock until it is closed", async () => {
    folder = join(scratch, "a", "b", "run");
    const journal = await createRun(folder, clock);
    expect(readdirSync(folder).toSorted()).toEqual(["journal.jsonl", "lock"]);
    expect(JSON.parse(readFileSync(join(folder, "lock"), "utf8"))).toMatchObject({
      pid: process.pid,
      host: hostname(),
      startedAt: expect.stringMatching(/^2024-/),
    });
    await journal.append([runStarted()]);
    await journal.close();
    await journal.close();
    expect(readdirSync(folder)).toEqual(["journal.jsonl"]);
  });

  it("writes one line of JSON an event", async () => {
    const events = await recorded(2);
    const lines = readFileSync(journalPath(folder), "utf8").split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line))).toEqual(events);
    expect(lines[1]).toMatch(/^\{"v":1,"seq":2,"at":"[^"]+","type":"strategy-set",/);
  });

  it("accepts an empty folder", async () => {
    mkdirSync(folder);
    await recorded(1);
    expect((await readRun(folder)).events).toHaveLength(2);
  });

  it("never overwrites a run", async () => {
    await recorded(1);
    const before = readFileSync(journalPath(folder));
    const error = await failureOf(createRun(folder, clock));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`${folder} already holds a run: resume it, or choose another --out`);
    expect(readFileSync(journalPath(folder))).toEqual(before);
    expect(readdirSync(folder)).toEqual(["journal.jsonl"]);
  });

  it("refuses a folder with anything else in it, and a file", async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, "thesis.tex"), "");
    const error = await failureOf(createRun(folder, clock));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`${folder} is not empty (it holds thesis.tex): choose another --out`);
    expect(readdirSync(folder)).toEqual(["thesis.tex"]);

    for (const path of [join(folder, "thesis.tex"), join(folder, "thesis.tex", "run")]) {
      const refused = await failureOf(createRun(path, clock));
      expect(refused).toBeInstanceOf(UsageError);
      expect(refused.message).toContain(path);
    }
  });

  it("lets one of two win that start in the same folder at once", async () => {
    const outcomes = await Promise.allSettled([createRun(folder, clock), createRun(folder, clock)]);
    const won = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(won).toHaveLength(1);
    await won[0]?.value.append([runStarted()]);
    await won[0]?.value.close();
    expect((await readRun(folder)).events).toHaveLength(1);
  });

  it("leaves nothing behind when nothing was recorded, but keeps a folder it did not make", async () => {
    await (await createRun(folder, clock)).close();
    expect(existsSync(folder)).toBe(false);
    mkdirSync(folder);
    await (await createRun(folder, clock)).close();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("opening a run", () => {
  it("goes on where the record ends", async () => {
    const before = await recorded(2);
    const { journal, events, repairs } = await openRun(folder, clock);
    expect(events).toEqual(before);
    expect(repairs).toEqual([]);
    const more = await journal.append([strategySet(3)]);
    await journal.close();
    expect(more[0]?.seq).toBe(4);
    expect(await readRun(folder)).toEqual({ events: [...before, ...more], tornBytes: 0 });
  });

  it("refuses a folder that is not there or holds no run", async () => {
    for (const act of [() => openRun(folder, clock), () => readRun(folder)]) {
      const error = await failureOf(act());
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toBe(`there is no run folder ${folder}; name the folder that --out named`);
    }
    mkdirSync(folder);
    for (const act of [() => openRun(folder, clock), () => readRun(folder)]) {
      const error = await failureOf(act());
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain(`${folder} holds no run (journal.jsonl is missing)`);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ["zero bytes", ""],
    ["an unfinished first line", '{"v":1,"seq":1,"at'],
  ])("says of %s that nothing was recorded, and lets go of the lock", async (_, content) => {
    mkdirSync(folder);
    writeFileSync(journalPath(folder), content);
    for (const act of [() => openRun(folder, clock), () => readRun(folder)]) {
      const error = await failureOf(act());
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain("nothing was recorded; start again");
    }
    expect(readFileSync(journalPath(folder), "utf8")).toBe(content);
    expect(readdirSync(folder)).toEqual(["journal.jsonl"]);
  });

  it("mends a last line torn at any byte, says so, and writes on", async () => {
    const events = await recorded(3);
    const whole = readFileSync(journalPath(folder));
    const lastLine = whole.lastIndexOf("\n", whole.length - 2) + 1;
    expect(whole.length - lastLine).toBeGreaterThan(80);
    for (let end = lastLine; end < whole.length; end++) {
      writeFileSync(journalPath(folder), whole.subarray(0, end));
      const torn = end - lastLine;
      expect(await readRun(folder)).toEqual({ events: events.slice(0, 3), tornBytes: torn });
      expect(statSync(journalPath(folder)).size).toBe(end);

      const opened = await openRun(folder, clock);
      expect(opened.events).toEqual(events.slice(0, 3));
      expect(opened.repairs).toEqual(
        torn === 0 ? [] : [`cut an unfinished last line of ${torn} bytes (event 4)`],
      );
      expect(readFileSync(journalPath(folder))).toEqual(whole.subarray(0, lastLine));
      const [again] = await opened.journal.append([strategySet(9)]);
      await opened.journal.close();
      expect(again?.seq).toBe(4);
      expect((await readRun(folder)).events).toEqual([...events.slice(0, 3), again]);
    }
  });

  it("cuts a tail that is no text at all", async () => {
    const events = await recorded(1);
    const whole = readFileSync(journalPath(folder));
    for (const tail of [Buffer.alloc(500), Buffer.from([0xff, 0xfe, 0x80])]) {
      writeFileSync(journalPath(folder), Buffer.concat([whole, tail]));
      const opened = await openRun(folder, clock);
      await opened.journal.close();
      expect(opened.repairs).toEqual([`cut an unfinished last line of ${tail.length} bytes (event 3)`]);
      expect(opened.events).toEqual(events);
    }
  });

  describe("refuses a damaged record with the line and what is wrong, and touches nothing:", () => {
    type Damage = (lines: string[]) => (string | Buffer)[];
    const cases: [string, number, string, Damage][] = [
      ["a line that is no JSON", 2, "not JSON", ([first, , ...rest]) => [first ?? "", "{oops", ...rest]],
      [
        "a byte cut out of the middle",
        3,
        "",
        (lines) => lines.map((line, at) => (at === 2 ? line.replace('"type"', 'type"') : line)),
      ],
      [
        "an unknown type",
        2,
        "type",
        (lines) => lines.map((line, at) => (at === 1 ? line.replace("strategy-set", "strategy-sat") : line)),
      ],
      [
        "an unknown field",
        2,
        "unrecognized",
        (lines) => lines.map((line, at) => (at === 1 ? line.replace('"text"', '"note":1,"text"') : line)),
      ],
      [
        "a missing line",
        3,
        "event 4 stands where event 3 belongs",
        (lines) => lines.filter((_, at) => at !== 2),
      ],
      [
        "a line twice",
        3,
        "event 2 stands where event 3 belongs",
        (lines) => lines.flatMap((line, at) => (at === 1 ? [line, line] : [line])),
      ],
      [
        "a changed number",
        3,
        "event 33 stands where event 3 belongs",
        (lines) => lines.map((line) => line.replace('"seq":3', '"seq":33')),
      ],
      [
        "a number that is text",
        3,
        "seq",
        (lines) => lines.map((line) => line.replace('"seq":3', '"seq":"3"')),
      ],
      [
        "a record without its first line",
        1,
        "event 2 stands where event 1 belongs",
        (lines) => lines.slice(1),
      ],
      [
        "another first event",
        1,
        "the first event is strategy-set instead of run-started",
        (lines) => lines.slice(1).map((line, at) => line.replace(/"seq":\d+/, `"seq":${at + 1}`)),
      ],
      [
        "run-started later on",
        2,
        "run-started stands behind the first line",
        ([first = ""]) => [first, first.replace('"seq":1', '"seq":2')],
      ],
      ["a blank line", 3, "blank", (lines) => lines.toSpliced(2, 0, "")],
      ["a line of spaces at the end", 5, "blank", (lines) => [...lines, "  "]],
      [
        "zeros in place of a line",
        2,
        "not JSON",
        (lines) => lines.map((line, at) => (at === 1 ? "\0".repeat(line.length) : line)),
      ],
      [
        "another encoding",
        4,
        "not UTF-8",
        (lines) =>
          lines.map((line, at) =>
            at === 3 ? Buffer.from(line.replace("strategy of", "stratégie"), "latin1") : line,
          ),
      ],
      [
        "a byte order mark",
        1,
        "not JSON",
        (lines) => lines.map((line, at) => (at === 0 ? `\uFEFF${line}` : line)),
      ],
      [
        "a newer format",
        2,
        "format version 2 is newer than this program's 1",
        (lines) => lines.map((line, at) => (at === 1 ? line.replace('"v":1', '"v":2') : line)),
      ],
      ["no object", 2, "not an object", (lines) => lines.map((line, at) => (at === 1 ? "42" : line))],
      [
        "damage before a torn tail",
        2,
        "not an object",
        (lines) => [...lines.map((line, at) => (at === 1 ? "null" : line)), '{"v":'],
      ],
    ];

    it.each(cases)("%s", async (name, line, reason, damage) => {
      await recorded(3);
      const lines = readFileSync(journalPath(folder), "utf8").trimEnd().split("\n");
      const parts = damage(lines).flatMap((each) => [Buffer.from(each), Buffer.from("\n")]);
      if (name.includes("torn")) parts.pop();
      const bytes = Buffer.concat(parts);
      writeFileSync(journalPath(folder), bytes);
      for (const act of [() => readRun(folder), () => openRun(folder, clock)]) {
        const error = await failureOf(act());
        expect(error).toBeInstanceOf(JournalDamaged);
        expect(error.message).toContain(`${journalPath(folder)}, line ${line}: `);
        expect(error.message.toLowerCase()).toContain(reason.toLowerCase());
        expect(error.message).toContain("restore the file from a copy");
      }
      expect(readFileSync(journalPath(folder))).toEqual(bytes);
      expect(readdirSync(folder)).toEqual(["journal.jsonl"]);
    });
  });

  it("is read by others while it is written", async () => {
    const journal = await createRun(folder, clock);
    await journal.append([runStarted()]);
    let writing = true;
    const writer = (async () => {
      for (let round = 1; round <= 200; round++) await journal.append([strategySet(round)]);
      writing = false;
    })();
    let last = 0;
    while (writing) {
      const { events } = await readRun(folder);
      expect(events.length).toBeGreaterThanOrEqual(last);
      last = events.length;
    }
    await writer;
    await journal.close();
    expect((await readRun(folder)).events).toHaveLength(201);
  });
});

describe("appending", () => {
  it("shares one write and one sync among calls that overlap", async () => {
    const journal = await createRun(folder, clock);
    await journal.append([runStarted()]);
    const write = vi.spyOn(fileHandle(), "write");
    const sync = vi.spyOn(fileHandle(), "datasync");
    await Promise.all(Array.from({ length: 50 }, (_, index) => journal.append([strategySet(index + 1)])));
    expect(write).toHaveBeenCalledTimes(1);
    expect(sync).toHaveBeenCalledTimes(1);
    await journal.close();
    expect((await readRun(folder)).events).toHaveLength(51);
  });

  it("resolves no call before its sync is through", async () => {
    const journal = await createRun(folder, clock);
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const sync = vi.spyOn(fileHandle(), "datasync").mockImplementation(() => gate);
    let resolved = false;
    const appended = journal.append([runStarted()]).then(() => {
      resolved = true;
    });
    await vi.waitFor(() => expect(sync).toHaveBeenCalled());
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 20);
    });
    expect(resolved).toBe(false);
    release();
    await appended;
    await journal.close();
  });

  it("writes on when the system takes only a part of the bytes at a time", async () => {
    const journal = await createRun(folder, clock);
    const write = fileHandle().write as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(fileHandle(), "write").mockImplementation(function (this: unknown, ...args: unknown[]) {
      const [bytes, from, length, at] = args as [Buffer, number, number, number];
      return write.call(this, bytes, from, Math.min(length, 7), at) as never;
    });
    const events = await journal.append([runStarted(), strategySet(1)]);
    await journal.close();
    expect(await readRun(folder)).toEqual({ events, tornBytes: 0 });
  });

  it("waits for what is being stored when it is closed, and takes nothing afterwards", async () => {
    const journal = await createRun(folder, clock);
    const appended = [journal.append([runStarted()]), journal.append([strategySet(1)])];
    await Promise.all([journal.close(), journal.close()]);
    await expect(journal.append([strategySet(2)])).rejects.toThrow("was closed before this append");
    const events = (await Promise.all(appended)).flat();
    expect((await readRun(folder)).events).toEqual(events);
  });

  it("fails for good, resumable, when a sync fails, and takes back what was not synced", async () => {
    const journal = await createRun(folder, clock);
    const events = await journal.append([runStarted()]);
    vi.spyOn(fileHandle(), "datasync").mockRejectedValueOnce(systemError("EIO"));
    const error = await failureOf(journal.append([strategySet(1)]));
    expect(error).toBeInstanceOf(Interrupted);
    expect(error.message).toBe(
      `cannot write ${journalPath(folder)}: input/output error; mend that, then resume`,
    );
    expect(await failureOf(journal.append([strategySet(1)]))).toBe(error);
    await journal.close();
    expect(await readRun(folder)).toEqual({ events, tornBytes: 0 });
  });

  it("leaves a record that can be mended when even taking back fails", async () => {
    const journal = await createRun(folder, clock);
    const events = await journal.append([runStarted()]);
    const write = fileHandle().write as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(fileHandle(), "write").mockImplementationOnce(async function (
      this: unknown,
      ...args: unknown[]
    ) {
      const [bytes, from, , at] = args as [Buffer, number, number, number];
      await write.call(this, bytes, from, 40, at);
      throw systemError("ENOSPC");
    });
    vi.spyOn(fileHandle(), "truncate").mockRejectedValueOnce(systemError("EIO"));
    await failureOf(journal.append([strategySet(1)]));
    await journal.close();
    const opened = await openRun(folder, clock);
    await opened.journal.close();
    expect(opened.events).toEqual(events);
    expect(opened.repairs).toEqual(["cut an unfinished last line of 40 bytes (event 2)"]);
  });

  it("stops instead of overwriting what somebody else put into the file", async () => {
    const journal = await createRun(folder, clock);
    await journal.append([runStarted()]);
    writeFileSync(journalPath(folder), "a note\n", { flag: "a" });
    const before = readFileSync(journalPath(folder));
    const error = await failureOf(journal.append([strategySet(1)]));
    expect(error).toBeInstanceOf(JournalDamaged);
    expect(error.message).toContain("something else changed it during the run");
    await journal.close();
    expect(readFileSync(journalPath(folder))).toEqual(before);
  });
});

// ----- With other processes -----

/** What a child does: opens and closes runs on command, or appends without end and tells what was acknowledged. */
const worker = `
import { createRun, openRun } from "./runs/journal-file.js";
const clock = { now: () => new Date().toISOString() };
const strategy = (round) => ({ type: "strategy-set", round, text: "s".repeat(round % 300) });
let journal = null;
const actions = {
  async open({ folder }) {
    const opened = await openRun(folder, clock);
    journal = opened.journal;
    return { repairs: opened.repairs, events: opened.events.length };
  },
  async close() {
    await journal?.close();
    journal = null;
    return {};
  },
  async flood({ folder }) {
    ({ journal } = await openRun(folder, clock));
    for (let round = 1; ; round += 3) {
      await Promise.all([0, 1, 2].map(async (add) => {
        const events = await journal.append(Array.from({ length: add + 1 }, () => strategy(round + add)));
        process.send({ acknowledged: events });
      }));
    }
  },
  /** Appends until the file may not grow any more. */
  async fill({ folder, started }) {
    journal = await createRun(folder, clock);
    const acknowledged = [...(await journal.append([started]))];
    for (let round = 1; ; round++) {
      try {
        acknowledged.push(...(await journal.append([strategy(round)])));
      } catch (error) {
        await journal.close();
        return { acknowledged, name: error.name, message: error.message };
      }
    }
  },
};
process.on("message", async (message) => {
  try {
    process.send({ done: await actions[message.action](message) });
  } catch (error) {
    process.send({ failed: error.name, message: error.message });
  }
});
process.on("disconnect", () => process.exit());
process.send({ ready: true });
`;

interface Answer {
  readonly done?: Record<string, unknown> & { readonly repairs?: string[] };
  readonly failed?: string;
  readonly message?: string;
  readonly ready?: boolean;
  readonly acknowledged?: RunEvent[];
}

const root = fileURLToPath(new URL("../../", import.meta.url));
let program: string;

beforeAll(() => {
  // Children run the same source, compiled: Node 20 cannot import TypeScript.
  program = mkdtempSync(join(tmpdir(), "journal-worker-"));
  symlinkSync(join(root, "node_modules"), join(program, "node_modules"));
  writeFileSync(join(program, "package.json"), '{"type":"module"}');
  writeFileSync(join(program, "worker.js"), worker);
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: { noEmit: false, rootDir: join(root, "src"), outDir: program, noCheck: true },
    files: [join(root, "src/runs/journal-file.ts")],
    include: [],
  };
  writeFileSync(join(program, "tsconfig.json"), JSON.stringify(config));
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", program], {
    stdio: "pipe",
  });
});

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

afterAll(() => {
  rmSync(program, { recursive: true });
});

async function answerOf(child: ChildProcess): Promise<Answer> {
  const heard = new AbortController();
  const gone = once(child, "exit", { signal: heard.signal }).then(([code, signal]) => {
    throw new Error(`the child ended with ${code ?? signal}`);
  });
  try {
    const [answer] = await Promise.race([once(child, "message", { signal: heard.signal }), gone]);
    return answer as Answer;
  } finally {
    heard.abort();
    gone.catch(() => {});
  }
}

async function ask(
  child: ChildProcess,
  message: { action: string; [key: string]: unknown },
): Promise<Answer> {
  const answer = answerOf(child);
  child.send(message);
  return await answer;
}

async function started(child: ChildProcess): Promise<ChildProcess> {
  children.push(child);
  expect(await answerOf(child)).toEqual({ ready: true });
  return child;
}

const startChild = () => started(fork(join(program, "worker.js"), [], { execArgv: [] }));

async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** The pid of a process that has just ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

function writeLock(holder: object | string, name = "lock"): string {
  const path = join(folder, name);
  writeFileSync(path, typeof holder === "string" ? holder : JSON.stringify(holder));
  return path;
}

const startedAt = "2024-01-01T00:00:00.000Z";
const ofDead = () => ({ pid: deadPid(), host: hostname(), startedAt });

describe("the lock", () => {
  it("keeps out a second process while the first lives, and names it", async () => {
    await recorded(1);
    const child = await startChild();
    expect(await ask(child, { action: "open", folder })).toEqual({ done: { repairs: [], events: 2 } });
    const error = await failureOf(openRun(folder, clock));
    expect(error).toBeInstanceOf(JournalLocked);
    expect(error.message).toContain(`held by process ${child.pid} on this host since `);
    expect(error.message).toContain("wait for it or stop it");
    expect((await readRun(folder)).events).toHaveLength(2);
    await ask(child, { action: "close" });
    await (await openRun(folder, clock)).journal.close();
  });

  it("keeps out the same process too", async () => {
    await recorded(1);
    const { journal } = await openRun(folder, clock);
    const error = await failureOf(openRun(folder, clock));
    expect(error).toBeInstanceOf(JournalLocked);
    expect(error.message).toContain(`process ${process.pid}`);
    await journal.close();
  });

  it("is taken over from a process that was killed, and that is said", async () => {
    await recorded(1);
    const child = await startChild();
    await ask(child, { action: "open", folder });
    await killed(child);
    expect(existsSync(join(folder, "lock"))).toBe(true);
    const { journal, repairs } = await openRun(folder, clock);
    expect(repairs).toEqual([`took over the lock of process ${child.pid}, which is gone`]);
    expect(readdirSync(folder).toSorted()).toEqual(["journal.jsonl", "lock"]);
    await journal.close();
    expect(readdirSync(folder)).toEqual(["journal.jsonl"]);
  });

  it("says both when the dead process left a torn line as well", async () => {
    await recorded(1);
    const { pid } = ofDead();
    writeLock({ pid, host: hostname(), startedAt });
    writeFileSync(journalPath(folder), '{"v":1', { flag: "a" });
    const { journal, repairs } = await openRun(folder, clock);
    await journal.close();
    expect(repairs).toEqual([
      `took over the lock of process ${pid}, which is gone`,
      "cut an unfinished last line of 6 bytes (event 3)",
    ]);
  });

  it("of another host is left alone, with the file to remove", async () => {
    await recorded(1);
    const path = writeLock({ pid: deadPid(), host: "elsewhere.example", startedAt });
    const error = await failureOf(openRun(folder, clock));
    expect(error).toBeInstanceOf(JournalLocked);
    expect(error.message).toMatch(/process \d+ on host elsewhere\.example since 2024/);
    expect(error.message).toContain(`if that process is known to be gone, remove ${path}, then resume`);
    expect(existsSync(path)).toBe(true);
    rmSync(path);
    await (await openRun(folder, clock)).journal.close();
  });

  it.each(["", "\0\0\0", "{", "[]", '{"pid":0,"host":"x","startedAt":"x"}', '{"pid":-1}'])(
    "that cannot be read (%j) is left alone, with the file to remove",
    async (text) => {
      await recorded(1);
      const path = writeLock(text);
      const error = await failureOf(openRun(folder, clock));
      expect(error).toBeInstanceOf(JournalLocked);
      expect(error.message).toContain(`if nothing is writing this run, remove ${path}, then resume`);
      expect(readFileSync(path, "utf8")).toBe(text);
    },
  );

  it("is whole from its first moment: no other process ever finds a part of it", async () => {
    await recorded(1);
    let opening = true;
    const opened = (async () => {
      for (let turn = 0; turn < 100; turn++) await (await openRun(folder, clock)).journal.close();
      opening = false;
    })();
    while (opening) {
      const text = await fsPromises.readFile(join(folder, "lock"), "utf8").catch(() => null);
      if (text !== null) expect(JSON.parse(text)).toHaveProperty("pid", process.pid);
    }
    await opened;
  });

  it.runIf(existsSync("/proc/self/stat"))(
    "is taken over when its number belongs to another process now",
    async () => {
      await recorded(1);
      writeLock({ pid: process.pid, host: hostname(), startedAt, processStart: "an earlier boot/1" });
      const { journal, repairs } = await openRun(folder, clock);
      await journal.close();
      expect(repairs).toEqual([`took over the lock of process ${process.pid}, which is gone`]);
    },
  );

  it.runIf(existsSync("/proc/self/stat"))(
    "is taken over from a process that only waits to be reaped",
    async () => {
      await recorded(1);
      // The shell starts a process that ends at once, and becomes a sleep that never asks for it.
      const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      children.push(parent);
      const [said] = await once(parent.stdout, "data");
      const pid = Number(said);
      await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toContain(") Z "), {
        timeout: 5000,
      });
      writeLock({ pid, host: hostname(), startedAt });
      const { journal, repairs } = await openRun(folder, clock);
      await journal.close();
      expect(repairs).toEqual([`took over the lock of process ${pid}, which is gone`]);
    },
  );

  it("that is not ours any more is not released", async () => {
    await recorded(1);
    const { journal } = await openRun(folder, clock);
    const path = writeLock({ pid: 1, host: "elsewhere.example", startedAt });
    await journal.close();
    expect(existsSync(path)).toBe(true);
  });

  it("of a process that died in taking over another is taken over as well", async () => {
    await recorded(1);
    const { pid } = ofDead();
    writeLock({ pid, host: hostname(), startedAt });
    writeLock(ofDead(), "lock.takeover");
    writeLock(ofDead(), "lock.takeover.takeover");
    const { journal, repairs } = await openRun(folder, clock);
    expect(repairs).toEqual([`took over the lock of process ${pid}, which is gone`]);
    await journal.close();
    expect(readdirSync(folder)).toEqual(["journal.jsonl"]);
  });

  it("is not taken over while a live process is at it", async () => {
    await recorded(1);
    writeLock(ofDead());
    writeLock({ pid: process.pid, host: hostname(), startedAt }, "lock.takeover");
    const error = await failureOf(openRun(folder, clock));
    expect(error).toBeInstanceOf(JournalLocked);
    expect(error.message).toContain(`process ${process.pid}`);
    expect(readdirSync(folder).toSorted()).toEqual(["journal.jsonl", "lock", "lock.takeover"]);
  });

  it("of a dead process goes to exactly one of several that take it over at once", async () => {
    await recorded(1);
    const rivals = await Promise.all([startChild(), startChild(), startChild(), startChild()]);
    for (let turn = 0; turn < 25; turn++) {
      const { pid } = turn % 5 === 0 ? ofDead() : { pid: 999_999_999 };
      writeLock({ pid, host: hostname(), startedAt });
      if (turn % 2 === 1) writeLock({ pid, host: hostname(), startedAt }, "lock.takeover");
      const answers = await Promise.all(rivals.map((rival) => ask(rival, { action: "open", folder })));
      expect(answers.filter(({ done }) => done !== undefined).map(({ done }) => done?.repairs)).toEqual([
        [`took over the lock of process ${pid}, which is gone`],
      ]);
      expect(answers.filter(({ failed }) => failed === "JournalLocked")).toHaveLength(3);
      await Promise.all(rivals.map((rival) => ask(rival, { action: "close" })));
      expect(readdirSync(folder)).toEqual(["journal.jsonl"]);
    }
  });

  it("is made by copying where the file system has no second names", async () => {
    await recorded(1);
    const noLinks = () => Promise.reject(systemError("EPERM"));
    const lock = await RunLock.take(folder, clock, noLinks);
    expect(await failureOf(RunLock.take(folder, clock, noLinks))).toBeInstanceOf(JournalLocked);
    expect(await failureOf(openRun(folder, clock))).toBeInstanceOf(JournalLocked);
    await lock.release();
    expect(readdirSync(folder)).toEqual(["journal.jsonl"]);
    const { journal } = await openRun(folder, clock);
    await journal.close();
  });
});

describe("a process killed in the middle of appending", () => {
  it("has stored everything it acknowledged, and the record goes on", async () => {
    await recorded(0);
    const acknowledged: RunEvent[] = [];
    for (let turn = 0; turn < 8; turn++) {
      const child = await startChild();
      const before = acknowledged.length;
      child.on("message", (message: Answer) => acknowledged.push(...(message.acknowledged ?? [])));
      child.send({ action: "flood", folder });
      await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 10 + 17 * turn), {
        timeout: 10_000,
        interval: 1,
      });
      await killed(child);
      const { events } = await readRun(folder);
      for (const event of acknowledged) expect(events[event.seq - 1]).toEqual(event);
      const { journal, repairs } = await openRun(folder, clock);
      expect(repairs[0]).toBe(`took over the lock of process ${child.pid}, which is gone`);
      await journal.close();
    }
    expect(acknowledged.length).toBeGreaterThan(500);
  });
});

describe("a disk that takes no more", () => {
  function mountTmpfs(at: string, size: string, options = ""): string | null {
    const { status, stderr, error } = spawnSync(
      "mount",
      ["-t", "tmpfs", "-o", `size=${size}${options}`, "tmpfs", at],
      {
        encoding: "utf8",
      },
    );
    return status === 0 ? null : (error?.message ?? stderr.trim());
  }

  it("ends in a resumable failure, and the run goes on once there is space", async ({ skip }) => {
    const disk = join(scratch, "disk");
    mkdirSync(disk);
    const refused = process.platform === "linux" ? mountTmpfs(disk, "128k") : "needs Linux";
    if (refused !== null) skip(`cannot mount a small disk here: ${refused}`);
    try {
      folder = join(disk, "run");
      const journal = await createRun(folder, clock);
      const stored = [...(await journal.append([runStarted()]))];
      let failure: Error | null = null;
      for (let round = 1; failure === null && round < 1000; round++) {
        const bodies = [strategySet(round, "x".repeat(3000)), strategySet(round, "y".repeat(700))];
        await journal.append(bodies).then(
          (events) => stored.push(...events),
          (error: Error) => {
            failure = error;
          },
        );
      }
      expect(failure).toBeInstanceOf(Interrupted);
      expect(failure).toHaveProperty("exitCode", 3);
      expect(failure).toHaveProperty(
        "message",
        `cannot write ${journalPath(folder)}: disk full; free space, then resume`,
      );
      expect(stored.length).toBeGreaterThan(20);
      expect(await failureOf(journal.append([strategySet(1)]))).toBe(failure);
      expect(await readRun(folder)).toEqual({ events: stored, tornBytes: 0 });
      await journal.close();

      // Not even the lock fits.
      const rest = join(disk, "rest");
      spawnSync("dd", ["if=/dev/zero", `of=${rest}`, "bs=1k"]);
      const early = await failureOf(openRun(folder, clock));
      expect(early).toBeInstanceOf(Interrupted);
      expect(early.message).toBe(`cannot write ${join(folder, "lock")}: disk full; free space, then resume`);
      rmSync(rest);
      expect(readdirSync(folder)).toEqual(["journal.jsonl"]);

      expect(mountTmpfs(disk, "1m", ",remount")).toBe(null);
      const resumed = await openRun(folder, clock);
      expect(resumed).toMatchObject({ events: stored, repairs: [] });
      stored.push(...(await resumed.journal.append([strategySet(1)])));
      await resumed.journal.close();
      expect((await readRun(folder)).events).toEqual(stored);
    } finally {
      // Lazily: a test that failed may have left the journal open.
      spawnSync("umount", ["-l", disk]);
    }
  });

  it("is told apart from a limit on the size of files", async ({ skip }) => {
    if (process.platform === "win32") skip("needs a POSIX shell");
    // An ignored SIGXFSZ stays ignored: the write then fails in the middle of a line, with EFBIG.
    const limited = `trap "" XFSZ; ulimit -f 16; exec "${process.execPath}" "${join(program, "worker.js")}"`;
    const child = await started(
      spawn("sh", ["-c", limited], { stdio: ["ignore", "inherit", "inherit", "ipc"] }),
    );
    const { done } = await ask(child, { action: "fill", folder, started: runStarted() });
    expect(done).toMatchObject({
      name: "Interrupted",
      message: `cannot write ${journalPath(folder)}: file size limit reached; raise the limit, then resume`,
    });
    expect(await readRun(folder)).toEqual({ events: done?.["acknowledged"], tornBytes: 0 });
  });
});
