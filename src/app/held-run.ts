/**
 * A run that a process works on: what a person can do instead of going on with it.
 *
 * Owns which command is named for such a run. Only looks: neither the lock nor the process is touched.
 */
import { isHeld } from "../runs/run-lock.ts";
import { standingOf } from "../runs/steering-socket.ts";
import { JournalLocked } from "../errors.ts";
import { shellWord } from "../text/shell.ts";
import { program } from "./compose.ts";

/** Who works on a run: nobody, so that it can be resumed; a process that takes orders, or one that takes none from here. */
export type Worker = "nobody" | "steerable" | "out-of-reach";

export async function workerOn(folder: string): Promise<Worker> {
  if (!(await isHeld(folder))) return "nobody";
  return (await standingOf(folder)) === null ? "out-of-reach" : "steerable";
}

/** The command that brings a run on from where it is, or shows how it goes on by itself. */
export async function onwardCommand(folder: string): Promise<string> {
  const word = shellWord(folder);
  if (!(await isHeld(folder))) return `${program} resume ${word}`;
  return (await standingOf(folder))?.paused === true
    ? `${program} steer ${word} resume`
    : `${program} watch ${word}`;
}

/** Passes an error on; that a run cannot be had because it is held also says what can be done with it. */
export async function refuseHeld(folder: string, error: unknown): Promise<never> {
  if (!(error instanceof JournalLocked)) throw error;
  const standing = await standingOf(folder);
  if (standing === null) throw error;
  const steer = `${program} steer ${shellWord(folder)}`;
  const then = standing.paused
    ? `it is paused, and goes on with: ${steer} resume`
    : `it stops with: ${steer} stop`;
  throw new JournalLocked(`${error.message}; ${then}`, { cause: error });
}
