/** A run whose lock somebody holds: which command is named for it, with real locks and real sockets. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RunLock } from "../../src/runs/run-lock.ts";
import { sendOrder } from "../../src/runs/steering-client.ts";
import { openSteering } from "../../src/runs/steering-socket.ts";
import { onwardCommand, refuseHeld, workerOn } from "../../src/app/held-run.ts";
import { JournalLocked, UsageError } from "../../src/errors.ts";
import { testClock } from "../support/run-events.ts";

let scratch: string;
let run: string;
const closing: (() => Promise<void>)[] = [];

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "held-"));
  run = join(scratch, "my run");
  mkdirSync(run);
  writeFileSync(join(run, "journal.jsonl"), "");
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(scratch, { recursive: true, force: true });
});

async function hold(): Promise<void> {
  const lock = await RunLock.take(run, testClock());
  closing.push(() => lock.release());
}

async function takeOrders(): Promise<void> {
  const socket = await openSteering(run, null);
  closing.push(() => socket.close());
  void socket.steering.continued(new AbortController().signal).catch(() => {});
}

/** What is said to somebody who wants the lock. */
async function refusal(): Promise<string> {
  const locked = await RunLock.take(run, testClock()).catch((refusal: unknown) => refusal);
  const error = await refuseHeld(run, locked).catch((refusal: unknown) => refusal);
  expect(error).toBeInstanceOf(JournalLocked);
  return (error as JournalLocked).message;
}

describe("a run", () => {
  it("that nobody holds is resumed", async () => {
    expect(await workerOn(run)).toBe("nobody");
    expect(await onwardCommand(run)).toMatch(/ resume '.*my run'$/);
  });

  it("that a process out of reach holds is looked on at, and its lock says who has it", async () => {
    await hold();
    expect(await workerOn(run)).toBe("out-of-reach");
    expect(await onwardCommand(run)).toMatch(/ watch '.*my run'$/);
    expect(await refusal()).toMatch(/held by process \d+ on this host since .*: wait for it or stop it$/);
  });

  it("that is under way is stopped by steer, not resumed", async () => {
    await hold();
    await takeOrders();
    expect(await workerOn(run)).toBe("steerable");
    expect(await onwardCommand(run)).toMatch(/ watch '.*my run'$/);
    expect(await refusal()).toMatch(/held by process .*; it stops with: \S+ steer '.*my run' stop$/);
  });

  it("that is paused continues by steer", async () => {
    await hold();
    await takeOrders();
    expect(await sendOrder(run, { order: "pause" })).toMatchObject({ ok: true });
    expect(await onwardCommand(run)).toMatch(/ steer '.*my run' resume$/);
    expect(await refusal()).toMatch(/; it is paused, and continues with: \S+ steer '.*my run' resume$/);
  });

  it("that cannot be had for another reason says that reason alone", async () => {
    await hold();
    await takeOrders();
    const other = new UsageError("there is no run");
    await expect(refuseHeld(run, other)).rejects.toBe(other);
  });
});
