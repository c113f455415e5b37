/**
 * The command line as a function: arguments in, exit code out.
 *
 * It starts no process of its own accord and ends none, and it prints only to the streams it is given. It can be called
 * several times in one process, also at the same time.
 */
import { CommanderError } from "@commander-js/extra-typings";
import { CollmError, UsageError } from "../errors.ts";
import { asOurs } from "../system/system-error.ts";
import { commands, type Handlers, type Manner, refusalWords } from "./commands.ts";
import { openOutput, type Output, type Streams } from "./output.ts";

/** What a command line meets of the world around it. */
export interface Io extends Streams {
  /** Raised to stop the command; it then puts its things away and returns. */
  readonly signal: AbortSignal;
  /**
   * A command begins that has things to put away: from here on raise `signal` instead of ending the process. It is not
   * called for commands that may be ended at once.
   */
  readonly onStoppable?: (manner: Manner) => void;
}

/**
 * Runs one command line.
 *
 * @param args what follows the program's name
 * @returns the exit code; no error is thrown, each is printed
 */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  let exitCode = 0;
  const look: Handlers["look"] = async ({ json }, command) => {
    const output = openOutput(json, io);
    await command(output);
    exitCode = output.exitCode;
  };
  const perform: Handlers["perform"] = async (manner, command) => {
    io.onStoppable?.(manner);
    if (manner.events) exitCode = await drive(io, manner.json, (output) => command(output, io.signal));
    else await look(manner, (output) => command(output, io.signal));
  };
  try {
    await commands(io, { perform, look }).parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      const refusal = new UsageError(refusalWords(error.message));
      // Where the flags cannot be read, this one is looked for: whoever gave it waits for the last line.
      return args.includes("--events") ? await drive(io, false, () => Promise.reject(refusal)) : 2;
    }
    return report(openOutput(false, io), error);
  }
}

// --- internal ---

/** Runs a command that a program drives: its last line is printed however it ends. @returns the exit code */
async function drive(io: Io, json: boolean, command: (output: Output) => Promise<void>): Promise<number> {
  const { RunLines } = await import("./run-lines.ts");
  const lines = new RunLines(io.stdout);
  const output = openOutput(json, io, lines);
  try {
    if (json)
      throw new UsageError("--json and --events both print on standard output; leave one of them out");
    await command(output);
  } catch (error) {
    output.exitCode = report(output, error);
  }
  await lines.ended(output.exitCode);
  return output.exitCode;
}

/** Prints an error. @returns the exit code */
function report(output: Output, error: unknown): number {
  const known = asOurs(error);
  output.error(known);
  return known instanceof CollmError ? known.exitCode : 1;
}
