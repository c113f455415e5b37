/**
 * The command line as a function: arguments in, exit code out.
 *
 * It starts no process of its own accord and ends none, and it prints only to the streams it is given. It can be called
 * several times in one process, also at the same time.
 */
import { CommanderError } from "@commander-js/extra-typings";
import { CollmError } from "../errors.ts";
import { asOurs } from "../system/system-error.ts";
import { commands, type Handlers } from "./commands.ts";
import { openOutput, type Streams } from "./output.ts";

/** What a command line meets of the world around it. */
export interface Io extends Streams {
  /** Raised to stop the command; it then puts its things away and returns. */
  readonly signal: AbortSignal;
  /**
   * A command begins that has things to put away: from here on raise `signal` instead of ending the process. It is not
   * called for commands that may be ended at once.
   */
  readonly onStoppable?: () => void;
}

/**
 * Runs one command line.
 *
 * @param args what follows the program's name
 * @returns the exit code; no error is thrown, each is printed
 */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  let exitCode = 0;
  const look: Handlers["look"] = async (json, command) => {
    const output = openOutput(json === true, io);
    await command(output);
    exitCode = output.exitCode;
  };
  const perform: Handlers["perform"] = async (json, command) => {
    io.onStoppable?.();
    await look(json, (output) => command(output, io.signal));
  };
  try {
    await commands(io, { perform, look }).parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const known = asOurs(error);
    openOutput(false, io).error(known);
    return known instanceof CollmError ? known.exitCode : 1;
  }
}
