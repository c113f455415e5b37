/**
 * What a command leaves on standard output and standard error, and the exit code.
 *
 * Owns the rule that `--json` puts one object on standard output and nothing else, and that nothing reaches a terminal
 * but through `printable`. Knows no command.
 */
import { once } from "node:events";
import { CollmError } from "../errors.ts";
import { plainJson } from "../report/format.ts";
import { paint, printable } from "./style.ts";

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
      const text = json ? plainJson(JSON.stringify(object)) : printable(lines.join("\n"));
      if (text !== "") process.stdout.write(`${text}\n`);
    },
  };
}

/** Lines of JSON on standard output, as they stand elsewhere; resolves once there is room for more. */
export async function printJsonLines(lines: readonly string[]): Promise<void> {
  const isRoom = process.stdout.write(lines.map((line) => `${plainJson(line)}\n`).join(""));
  if (!isRoom) await once(process.stdout, "drain");
}

/** One line on standard error. */
export function say(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}

/** A message without the words that send its reader to `resume`, for where there is another next step. */
export function withoutResume(message: string): string {
  return message.replace(/[,;]? then resume$/, "");
}

/** One line for an error of ours, with the command to go on with behind it; the whole stack for a bug. */
export function printError(error: unknown, resume: string | null = null): void {
  const then = (message: string) =>
    resume === null ? message : `${withoutResume(message)}; then go on with: ${resume}`;
  const text =
    error instanceof CollmError
      ? then(error.message).replace(/\s*[\r\n\u2028\u2029]\s*/g, " ")
      : `this is a bug, please report it: ${error instanceof Error ? error.stack : String(error)}`;
  say(`${paint(process.stderr, "red", "collm-nas:")} ${text}`);
}
