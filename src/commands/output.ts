/**
 * What a command leaves on standard output and standard error, and the exit code.
 *
 * Owns the rule that `--json` puts one object on standard output and nothing else. Knows no command.
 */
import { CollmError } from "../errors.ts";
import { paint } from "./style.ts";

export interface Output {
  /** Whether standard output is for one object alone. */
  readonly json: boolean;
  /** What the process will end with. */
  exitCode: number;
  /** The command's result: the object for `--json`, the lines for a person. Called at most once. */
  result(object: unknown, lines: readonly string[]): void;
}

export function openOutput(json: boolean): Output {
  return {
    json,
    exitCode: 0,
    result: (object, lines) => {
      const text = json ? JSON.stringify(object) : lines.join("\n");
      if (text !== "") process.stdout.write(`${text}\n`);
    },
  };
}

/** One line for an error of ours, with the command to go on with behind it; the whole stack for a bug. */
export function printError(error: unknown, resume: string | null = null): void {
  const then = (message: string) =>
    resume === null ? message : `${message.replace(/,? then resume$/, "")}; then go on with: ${resume}`;
  const text =
    error instanceof CollmError
      ? then(error.message)
      : `this is a bug, please report it: ${error instanceof Error ? error.stack : String(error)}`;
  process.stderr.write(`${paint(process.stderr, "red", "collm-nas:")} ${text}\n`);
}
