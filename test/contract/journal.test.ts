/** Every Journal there is, held to the one suite. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, vi } from "vitest";
import { createRun } from "../../src/runs/journal.ts";
import { readRun } from "../../src/runs/run-record.ts";
import { MemoryJournal } from "../support/memory-journal.ts";
import { testClock } from "../support/run-events.ts";
import { type JournalUnderTest, journalContract } from "./journal.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const probe = await open("/dev/null", "r");
const fileHandle = Object.getPrototypeOf(probe) as typeof probe;
await probe.close();

/** Writes half of what it is given, then says that the disk is full. */
function breakDisk(): void {
  const write = fileHandle.write as (
    bytes: Buffer,
    from: number,
    length: number,
    at: number,
  ) => Promise<unknown>;
  vi.spyOn(fileHandle, "write").mockImplementation(async function (this: unknown, ...args: unknown[]) {
    const [bytes, from, length, at] = args as [Buffer, number, number, number];
    await write.call(this, bytes, from, Math.floor(length / 2), at);
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  });
}

async function fileJournal(): Promise<JournalUnderTest> {
  const parent = await mkdtemp(join(tmpdir(), "journal-contract-"));
  const folder = join(parent, "run");
  const journal = await createRun(folder, testClock());
  return {
    journal,
    stored: async () => (await readRun(folder)).events,
    breakDown: breakDisk,
    dispose: async () => {
      await journal.close();
      await rm(parent, { recursive: true });
    },
  };
}

journalContract("the file journal", fileJournal);

journalContract("the memory journal", () => {
  let broken = false;
  const journal = new MemoryJournal({
    beforeAppend: () => {
      if (broken) throw new Error("broken");
    },
  });
  return Promise.resolve({
    journal,
    stored: () => Promise.resolve([...journal.events]),
    breakDown: () => {
      broken = true;
    },
    dispose: () => Promise.resolve(),
  });
});
