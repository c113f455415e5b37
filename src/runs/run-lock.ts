/**
 * The lock of a run folder: one writer, also after crashes.
 *
 * A lock names a process by host, number and, where /proc has it, start time. A lock of a process that is gone is taken over. The
 * lock cannot see processes of another host, nor of a container that has this host's name but other process numbers.
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, open, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import * as z from "zod";
import { JournalLocked } from "../errors.ts";
import type { Clock } from "../search/ports.ts";
import { readRegular } from "../system/regular-file.ts";
import { codeOf } from "../system/system-error.ts";
import { fileModeIn } from "../system/whole-file.ts";

const holderSchema = z.object({
  pid: z.int().min(1),
  host: z.string(),
  startedAt: z.string(),
  /** When the process started, in its system's own count; null where that is not known. */
  processStart: z.string().nullable().default(null),
});
type Holder = z.infer<typeof holderSchema>;

/** Gives a file a second name, or fails with the system's code where it cannot. */
export type HardLink = (from: string, to: string) => Promise<void>;

/** The lock of a run that this process holds. */
export class RunLock {
  readonly #path: string;
  readonly #text: string;
  /** The dead process whose lock was taken over; null: there was none. */
  readonly deadPid: number | null;

  private constructor(path: string, text: string, deadPid: number | null) {
    this.#path = path;
    this.#text = text;
    this.deadPid = deadPid;
  }

  static path(folder: string): string {
    return join(folder, "lock");
  }

  /** @throws JournalLocked unless the lock is free, or its process was of this host and is gone */
  static async take(folder: string, clock: Clock, hardLink: HardLink = link): Promise<RunLock> {
    const path = RunLock.path(folder);
    const holder: Holder = {
      pid: process.pid,
      host: hostname(),
      startedAt: clock.now(),
      processStart: await processStart(process.pid),
    };
    const text = `${JSON.stringify(holder)}\n`;
    return new RunLock(path, text, await takeLock(path, text, hardLink));
  }

  async release(): Promise<void> {
    const text = await readText(this.#path).catch(() => null);
    if (text === this.#text) await rm(this.#path, { force: true });
  }
}

/**
 * Whether another process works on a run, so that it cannot be resumed now: a live process of this host, any process of another
 * host, or a lock that cannot be read. Changes nothing.
 */
export async function isHeld(folder: string): Promise<boolean> {
  const text = await readText(RunLock.path(folder)).catch((error: unknown) =>
    ["ENOENT", "ENOTDIR"].includes(codeOf(error)) ? null : "",
  );
  if (text === null) return false;
  const holder = readHolder(text);
  return holder === null || holder.host !== hostname() || (await isAlive(holder));
}

const lockAttempts = 100;

/**
 * Makes `path` a file with this text, whole from its first moment, unless a process that may live holds it.
 *
 * @returns the pid of the dead process it was taken from, or null
 */
async function takeLock(path: string, text: string, hardLink: HardLink): Promise<number | null> {
  const draft = `${path}.${process.pid}-${randomUUID()}`;
  try {
    await writeDurably(draft, text);
    for (let attempt = 0; attempt < lockAttempts; attempt++) {
      if (await placeExclusively(draft, path, hardLink)) return null;
      const held = await readText(path).catch(unlessGone);
      if (held === null) continue;
      const holder = await requireDead(path, held);
      if (await replaceLock(path, held, draft, text, hardLink)) return holder.pid;
    }
    throw new JournalLocked(`${path} keeps changing hands: other processes are starting on this run`);
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Puts the draft in the place of a dead process's lock, unless another process already has.
 *
 * Replacing needs a lock of its own, taken by the same rules: a second process finds either that lock or the new one.
 */
async function replaceLock(
  path: string,
  dead: string,
  draft: string,
  text: string,
  hardLink: HardLink,
): Promise<boolean> {
  const takeover = `${path}.takeover`;
  await takeLock(takeover, text, hardLink);
  try {
    if ((await readText(path).catch(unlessGone)) !== dead) return false;
    await rename(draft, path);
    return true;
  } finally {
    await rm(takeover, { force: true });
  }
}

/** The holder, which must be gone. A crash never leaves a lock that cannot be read: drafts are synced first. */
async function requireDead(path: string, text: string): Promise<Holder> {
  const holder = readHolder(text);
  const remove = `remove ${path}, then resume`;
  if (holder === null) {
    throw new JournalLocked(`${path} cannot be read as a lock; if nothing is writing this run, ${remove}`);
  }
  const { pid, host, startedAt } = holder;
  if (host !== hostname()) {
    throw new JournalLocked(
      `${path} is held by process ${pid} on host ${host} since ${startedAt}; if that process is known to be gone, ${remove}`,
    );
  }
  if (await isAlive(holder)) {
    throw new JournalLocked(
      `${path} is held by process ${pid} on this host since ${startedAt}: wait for it or stop it${
        holder.processStart === null ? ` (if process ${pid} is no run, ${remove})` : ""
      }`,
    );
  }
  return holder;
}

function readHolder(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", fileModeIn(dirname(path)));
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Gives a file a second name unless that name is taken. Copies it where the file system has no second names. */
async function placeExclusively(from: string, to: string, hardLink: HardLink): Promise<boolean> {
  try {
    await hardLink(from, to).catch(async (error: unknown) => {
      if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error))) throw error;
      await copyFile(from, to, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Whether the process that wrote a lock on this host still runs. The same number with another start is another process. */
async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  const start = await processStart(holder.pid);
  return start !== ended && (start === null || holder.processStart === null || start === holder.processStart);
}

const ended = "ended";

/** The boot and the tick at which a process started; `ended` for one that has ended and is still listed; null: unknown. */
async function processStart(pid: number): Promise<string | null> {
  try {
    const boot = await readText("/proc/sys/kernel/random/boot_id");
    const status = await readText(`/proc/${pid}/stat`);
    // proc(5): the name in parentheses may hold anything; the state follows it, the start is 19 fields further on.
    const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? ended : `${boot.trim()}/${fields[19]}`;
  } catch {
    return null;
  }
}

async function readText(path: string): Promise<string> {
  return (await readRegular(path)).toString("utf8");
}

function unlessGone(error: unknown): null {
  if (codeOf(error) === "ENOENT") return null;
  throw error;
}
