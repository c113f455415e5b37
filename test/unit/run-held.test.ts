/** Whether somebody works on a run, as onlookers see it: without touching the lock. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isHeld, RunLock } from "../../src/runs/run-lock.ts";
import { testClock } from "../support/run-events.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "run-held-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const lockOf = (pid: number, host: string) =>
  writeFileSync(RunLock.path(folder), JSON.stringify({ pid, host, startedAt: "2024-01-01T00:00:00Z" }));

it("is so from taking the lock to letting go of it", async () => {
  expect(await isHeld(folder)).toBe(false);
  const lock = await RunLock.take(folder, testClock());
  const text = readFileSync(RunLock.path(folder), "utf8");
  expect(await isHeld(folder)).toBe(true);
  expect(readFileSync(RunLock.path(folder), "utf8")).toBe(text);
  await lock.release();
  expect(await isHeld(folder)).toBe(false);
});

it("is not so for the lock of a process that is gone, nor where there is no folder", async () => {
  const { pid } = spawnSync(process.execPath, ["-e", "0"]);
  lockOf(pid, hostname());
  expect(await isHeld(folder)).toBe(false);
  expect(await isHeld(join(folder, "none"))).toBe(false);
});

it("is so for a lock of another host, and for one that cannot be read", async () => {
  lockOf(1, "another-host");
  expect(await isHeld(folder)).toBe(true);
  writeFileSync(RunLock.path(folder), "mine!");
  expect(await isHeld(folder)).toBe(true);
});
