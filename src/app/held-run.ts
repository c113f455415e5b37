/**
 * A run that a process works on: the command that a person can use for it instead of `resume`.
 *
 * Only looks. Changes neither the lock nor the process.
 */
import { isHeld } from "../runs/run-lock.ts";
import { steeringStatus } from "../runs/steering-client.ts";
import { JournalLocked } from "../errors.ts";
import { shellWord } from "../text/shell.ts";
import { program } from "./compose.ts";

/** Who works on a run: nobody, so that it can be resumed; a process that takes orders; or one that takes none from here. */
export type Worker = "nobody" | "steerable" | "out-of-reach";

export async function workerOn(folder: string): Promise<Worker> {
  if (!(await isHeld(folder))) return "nobody";
  return (await steeringStatus(folder)) === null ? "out-of-reach" : "steerable";
}

/** The command that continues a run, or shows it while it runs. */
export async function onwardCommand(folder: string): Promise<string> {
  const word = shellWord(folder);
  if (!(await isHeld(folder))) return `${program} resume ${word}`;
  return (await steeringStatus(folder))?.paused === true
    ? `${program} steer ${word} resume`
    : `${program} watch ${word}`;
}

/** Passes an error on. When another process works on the run, the message also says which command helps. */
export async function refuseHeld(folder: string, error: unknown): Promise<never> {
  if (!(error instanceof JournalLocked)) throw error;
  const status = await steeringStatus(folder);
  if (status === null) throw error;
  const steer = `${program} steer ${shellWord(folder)}`;
  const then = status.paused
    ? `it is paused, and continues with: ${steer} resume`
    : `it stops with: ${steer} stop`;
  throw new JournalLocked(`${error.message}; ${then}`, { cause: error });
}
