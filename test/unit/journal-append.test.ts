/**
 * How the file journal stores events: writes and syncs, a process killed in the middle, a disk that is really full.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as fsPromises from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { createRun, openRun } from "../../src/runs/journal.ts";
import { journalPath } from "../../src/runs/run-folder.ts";
import { readRun } from "../../src/runs/run-record.ts";
import { Interrupted, JournalDamaged } from "../../src/errors.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { failureOf } from "../support/failure.ts";
import { type Answer, ask, journalWorkers, killed } from "../support/journal-workers.ts";
import { runStarted, strategySet, testClock } from "../support/run-events.ts";
import { recorded, runPlace } from "../support/run-place.ts";

const place = runPlace();
const { script, startChild, started } = journalWorkers();

const clock = testClock();

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

describe("appending", () => {
  it("shares one write and one sync among calls that overlap", async () => {
    const journal = await createRun(place.folder, clock);
    await journal.append([runStarted()]);
    const write = vi.spyOn(fileHandle(), "write");
    const sync = vi.spyOn(fileHandle(), "datasync");
    await Promise.all(Array.from({ length: 50 }, (_, index) => journal.append([strategySet(index + 1)])));
    expect(write).toHaveBeenCalledTimes(1);
    expect(sync).toHaveBeenCalledTimes(1);
    await journal.close();
    expect((await readRun(place.folder)).events).toHaveLength(51);
  });

  it("resolves no call before its sync is through", async () => {
    const journal = await createRun(place.folder, clock);
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
    const journal = await createRun(place.folder, clock);
    const write = fileHandle().write as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(fileHandle(), "write").mockImplementation(function (this: unknown, ...args: unknown[]) {
      const [bytes, from, length, at] = args as [Buffer, number, number, number];
      return write.call(this, bytes, from, Math.min(length, 7), at) as never;
    });
    const events = await journal.append([runStarted(), strategySet(1)]);
    await journal.close();
    expect(await readRun(place.folder)).toEqual({ events, tornBytes: 0 });
  });

  it("waits for what is being stored when it is closed, and takes nothing afterwards", async () => {
    const journal = await createRun(place.folder, clock);
    const appended = [journal.append([runStarted()]), journal.append([strategySet(1)])];
    await Promise.all([journal.close(), journal.close()]);
    await expect(journal.append([strategySet(2)])).rejects.toThrow("was closed before this append");
    const events = (await Promise.all(appended)).flat();
    expect((await readRun(place.folder)).events).toEqual(events);
  });

  it("fails for good, resumable, when a sync fails, and takes back what was not synced", async () => {
    const journal = await createRun(place.folder, clock);
    const events = await journal.append([runStarted()]);
    vi.spyOn(fileHandle(), "datasync").mockRejectedValueOnce(systemError("EIO"));
    const error = await failureOf(journal.append([strategySet(1)]));
    expect(error).toBeInstanceOf(Interrupted);
    expect(error.message).toBe(
      `cannot write ${journalPath(place.folder)}: input/output error; fix that, then resume`,
    );
    expect(await failureOf(journal.append([strategySet(1)]))).toBe(error);
    await journal.close();
    expect(await readRun(place.folder)).toEqual({ events, tornBytes: 0 });
  });

  it("leaves a record that can be repaired when even taking back fails", async () => {
    const journal = await createRun(place.folder, clock);
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
    const opened = await openRun(place.folder, clock);
    await opened.journal.close();
    expect(opened.events).toEqual(events);
    expect(opened.repairs).toEqual(["cut an unfinished last line of 40 bytes (event 2)"]);
  });

  it("stops instead of overwriting what somebody else put into the file", async () => {
    const journal = await createRun(place.folder, clock);
    await journal.append([runStarted()]);
    writeFileSync(journalPath(place.folder), "a note\n", { flag: "a" });
    const before = readFileSync(journalPath(place.folder));
    const error = await failureOf(journal.append([strategySet(1)]));
    expect(error).toBeInstanceOf(JournalDamaged);
    expect(error.message).toContain("something else changed it during the run");
    await journal.close();
    expect(readFileSync(journalPath(place.folder))).toEqual(before);
  });
});

describe("a process killed in the middle of appending", () => {
  it("has stored everything it acknowledged, and the record can be continued", async () => {
    await recorded(place, 0);
    const acknowledged: RunEvent[] = [];
    for (let turn = 0; turn < 8; turn++) {
      const child = await startChild();
      const before = acknowledged.length;
      child.on("message", (message: Answer) => acknowledged.push(...(message.acknowledged ?? [])));
      child.send({ action: "flood", folder: place.folder });
      await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 10 + 17 * turn), {
        timeout: 10_000,
        interval: 1,
      });
      await killed(child);
      const { events } = await readRun(place.folder);
      for (const event of acknowledged) expect(events[event.seq - 1]).toEqual(event);
      const { journal, repairs } = await openRun(place.folder, clock);
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

  it("ends in a resumable failure, and the run continues when there is space", async ({ skip }) => {
    const disk = join(place.scratch, "disk");
    mkdirSync(disk);
    const refused = process.platform === "linux" ? mountTmpfs(disk, "128k") : "needs Linux";
    if (refused !== null) skip(`cannot mount a small disk here: ${refused}`);
    try {
      place.folder = join(disk, "run");
      const journal = await createRun(place.folder, clock);
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
        `cannot write ${journalPath(place.folder)}: disk full; free space, then resume`,
      );
      expect(stored.length).toBeGreaterThan(20);
      expect(await failureOf(journal.append([strategySet(1)]))).toBe(failure);
      expect(await readRun(place.folder)).toEqual({ events: stored, tornBytes: 0 });
      await journal.close();

      // Not even the lock fits.
      const rest = join(disk, "rest");
      spawnSync("dd", ["if=/dev/zero", `of=${rest}`, "bs=1k"]);
      const early = await failureOf(openRun(place.folder, clock));
      expect(early).toBeInstanceOf(Interrupted);
      expect(early.message).toBe(
        `cannot write ${join(place.folder, "lock")}: disk full; free space, then resume`,
      );
      rmSync(rest);
      expect(readdirSync(place.folder)).toEqual(["journal.jsonl"]);

      expect(mountTmpfs(disk, "1m", ",remount")).toBe(null);
      const resumed = await openRun(place.folder, clock);
      expect(resumed).toMatchObject({ events: stored, repairs: [] });
      stored.push(...(await resumed.journal.append([strategySet(1)])));
      await resumed.journal.close();
      expect((await readRun(place.folder)).events).toEqual(stored);
    } finally {
      // Lazily: a test that failed may have left the journal open.
      spawnSync("umount", ["-l", disk]);
    }
  });

  it("differs from a limit on the size of files", async ({ skip }) => {
    if (process.platform === "win32") skip("needs a POSIX shell");
    // An ignored SIGXFSZ stays ignored: the write then fails in the middle of a line, with EFBIG.
    const limited = `trap "" XFSZ; ulimit -f 16; exec "${process.execPath}" "${script()}"`;
    const child = await started(
      spawn("sh", ["-c", limited], { stdio: ["ignore", "inherit", "inherit", "ipc"] }),
    );
    const { done } = await ask(child, { action: "fill", folder: place.folder, started: runStarted() });
    expect(done).toMatchObject({
      name: "Interrupted",
      message: `cannot write ${journalPath(place.folder)}: file size limit reached; raise the limit, then resume`,
    });
    expect(await readRun(place.folder)).toEqual({ events: done?.["acknowledged"], tornBytes: 0 });
  });
});
