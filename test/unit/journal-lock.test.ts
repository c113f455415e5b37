/** The lock of a run, against real processes: who holds it, who waits, and who takes it over. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as fsPromises from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { openRun } from "../../src/runs/journal.ts";
import { journalPath } from "../../src/runs/run-folder.ts";
import { readRun } from "../../src/runs/run-record.ts";
import { RunLock } from "../../src/runs/run-lock.ts";
import { JournalLocked } from "../../src/errors.ts";
import { failureOf } from "../support/failure.ts";
import { ask, journalWorkers, killed } from "../support/journal-workers.ts";
import { testClock } from "../support/run-events.ts";
import { recorded, runPlace } from "../support/run-place.ts";

const place = runPlace();
const { children, startChild } = journalWorkers();

const clock = testClock();

const systemError = (code: string) => Object.assign(new Error(`${code}: made up`), { code });

/** The pid of a process that has just ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

function writeLock(holder: object | string, name = "lock"): string {
  const path = join(place.folder, name);
  writeFileSync(path, typeof holder === "string" ? holder : JSON.stringify(holder));
  return path;
}

const startedAt = "2024-01-01T00:00:00.000Z";

const ofDead = () => ({ pid: deadPid(), host: hostname(), startedAt });

describe("the lock", () => {
  it("keeps out a second process while the first lives, and names it", async () => {
    await recorded(place, 1);
    const child = await startChild();
    expect(await ask(child, { action: "open", folder: place.folder })).toEqual({
      done: { repairs: [], events: 2 },
    });
    const error = await failureOf(openRun(place.folder, clock));
    expect(error).toBeInstanceOf(JournalLocked);
    expect(error.message).toContain(`held by process ${child.pid} on this host since `);
    expect(error.message).toContain("wait for it or stop it");
    expect((await readRun(place.folder)).events).toHaveLength(2);
    await ask(child, { action: "close" });
    await (await openRun(place.folder, clock)).journal.close();
  });

  it("keeps out the same process too", async () => {
    await recorded(place, 1);
    const { journal } = await openRun(place.folder, clock);
    const error = await failureOf(openRun(place.folder, clock));
    expect(error).toBeInstanceOf(JournalLocked);
    expect(error.message).toContain(`process ${process.pid}`);
    await journal.close();
  });

  it("is taken over from a process that was killed, and that is said", async () => {
    await recorded(place, 1);
    const child = await startChild();
    await ask(child, { action: "open", folder: place.folder });
    await killed(child);
    expect(existsSync(join(place.folder, "lock"))).toBe(true);
    const { journal, repairs } = await openRun(place.folder, clock);
    expect(repairs).toEqual([`took over the lock of process ${child.pid}, which is gone`]);
    expect(readdirSync(place.folder).toSorted()).toEqual(["journal.jsonl", "lock"]);
    await journal.close();
    expect(readdirSync(place.folder)).toEqual(["journal.jsonl"]);
  });

  it("says both when the dead process left a torn line as well", async () => {
    await recorded(place, 1);
    const { pid } = ofDead();
    writeLock({ pid, host: hostname(), startedAt });
    writeFileSync(journalPath(place.folder), '{"v":1', { flag: "a" });
    const { journal, repairs } = await openRun(place.folder, clock);
    await journal.close();
    expect(repairs).toEqual([
      `took over the lock of process ${pid}, which is gone`,
      "cut an unfinished last line of 6 bytes (event 3)",
    ]);
  });

  it("of another host is left alone, with the file to remove", async () => {
    await recorded(place, 1);
    const path = writeLock({ pid: deadPid(), host: "elsewhere.example", startedAt });
    const error = await failureOf(openRun(place.folder, clock));
    expect(error).toBeInstanceOf(JournalLocked);
    expect(error.message).toMatch(/process \d+ on host elsewhere\.example since 2024/);
    expect(error.message).toContain(`if that process is known to be gone, remove ${path}, then resume`);
    expect(existsSync(path)).toBe(true);
    rmSync(path);
    await (await openRun(place.folder, clock)).journal.close();
  });

  it.each(["", "\0\0\0", "{", "[]", '{"pid":0,"host":"x","startedAt":"x"}', '{"pid":-1}'])(
    "that cannot be read (%j) is left alone, with the file to remove",
    async (text) => {
      await recorded(place, 1);
      const path = writeLock(text);
      const error = await failureOf(openRun(place.folder, clock));
      expect(error).toBeInstanceOf(JournalLocked);
      expect(error.message).toContain(`if nothing is writing this run, remove ${path}, then resume`);
      expect(readFileSync(path, "utf8")).toBe(text);
    },
  );

  it("is whole from its first moment: no other process ever finds a part of it", async () => {
    await recorded(place, 1);
    let opening = true;
    const opened = (async () => {
      for (let turn = 0; turn < 100; turn++) await (await openRun(place.folder, clock)).journal.close();
      opening = false;
    })();
    while (opening) {
      const text = await fsPromises.readFile(join(place.folder, "lock"), "utf8").catch(() => null);
      if (text !== null) expect(JSON.parse(text)).toHaveProperty("pid", process.pid);
    }
    await opened;
  });

  it.runIf(existsSync("/proc/self/stat"))(
    "is taken over when its number belongs to another process now",
    async () => {
      await recorded(place, 1);
      writeLock({ pid: process.pid, host: hostname(), startedAt, processStart: "an earlier boot/1" });
      const { journal, repairs } = await openRun(place.folder, clock);
      await journal.close();
      expect(repairs).toEqual([`took over the lock of process ${process.pid}, which is gone`]);
    },
  );

  it.runIf(existsSync("/proc/self/stat"))(
    "is taken over from a process that only waits to be reaped",
    async () => {
      await recorded(place, 1);
      // The shell starts a process that ends soon after the shell itself has become a sleep, which never asks for it.
      const parent = spawn("sh", ["-c", "sleep 1 & echo $!; exec sleep 60"], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      children.push(parent);
      const [said] = await once(parent.stdout, "data");
      const pid = Number(said);
      await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toContain(") Z "), {
        timeout: 30_000,
      });
      writeLock({ pid, host: hostname(), startedAt });
      const { journal, repairs } = await openRun(place.folder, clock);
      await journal.close();
      expect(repairs).toEqual([`took over the lock of process ${pid}, which is gone`]);
    },
  );

  it("that is not ours any more is not released", async () => {
    await recorded(place, 1);
    const { journal } = await openRun(place.folder, clock);
    const path = writeLock({ pid: 1, host: "elsewhere.example", startedAt });
    await journal.close();
    expect(existsSync(path)).toBe(true);
  });

  it("of a process that died in taking over another is taken over as well", async () => {
    await recorded(place, 1);
    const { pid } = ofDead();
    writeLock({ pid, host: hostname(), startedAt });
    writeLock(ofDead(), "lock.takeover");
    writeLock(ofDead(), "lock.takeover.takeover");
    const { journal, repairs } = await openRun(place.folder, clock);
    expect(repairs).toEqual([`took over the lock of process ${pid}, which is gone`]);
    await journal.close();
    expect(readdirSync(place.folder)).toEqual(["journal.jsonl"]);
  });

  it("is not taken over while a live process is at it", async () => {
    await recorded(place, 1);
    writeLock(ofDead());
    writeLock({ pid: process.pid, host: hostname(), startedAt }, "lock.takeover");
    const error = await failureOf(openRun(place.folder, clock));
    expect(error).toBeInstanceOf(JournalLocked);
    expect(error.message).toContain(`process ${process.pid}`);
    expect(readdirSync(place.folder).toSorted()).toEqual(["journal.jsonl", "lock", "lock.takeover"]);
  });

  it("of a dead process goes to exactly one of several that take it over at once", async () => {
    await recorded(place, 1);
    const rivals = await Promise.all([startChild(), startChild(), startChild(), startChild()]);
    for (let turn = 0; turn < 25; turn++) {
      const { pid } = turn % 5 === 0 ? ofDead() : { pid: 999_999_999 };
      writeLock({ pid, host: hostname(), startedAt });
      if (turn % 2 === 1) writeLock({ pid, host: hostname(), startedAt }, "lock.takeover");
      const answers = await Promise.all(
        rivals.map((rival) => ask(rival, { action: "open", folder: place.folder })),
      );
      expect(answers.filter(({ done }) => done !== undefined).map(({ done }) => done?.repairs)).toEqual([
        [`took over the lock of process ${pid}, which is gone`],
      ]);
      expect(answers.filter(({ failed }) => failed === "JournalLocked")).toHaveLength(3);
      await Promise.all(rivals.map((rival) => ask(rival, { action: "close" })));
      expect(readdirSync(place.folder)).toEqual(["journal.jsonl"]);
    }
  });

  it("is made by copying where the file system has no second names", async () => {
    await recorded(place, 1);
    const noLinks = () => Promise.reject(systemError("EPERM"));
    const lock = await RunLock.take(place.folder, clock, noLinks);
    expect(await failureOf(RunLock.take(place.folder, clock, noLinks))).toBeInstanceOf(JournalLocked);
    expect(await failureOf(openRun(place.folder, clock))).toBeInstanceOf(JournalLocked);
    await lock.release();
    expect(readdirSync(place.folder)).toEqual(["journal.jsonl"]);
    const { journal } = await openRun(place.folder, clock);
    await journal.close();
  });
});
