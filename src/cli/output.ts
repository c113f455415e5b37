/**
 * What a command prints on standard output and standard error, and the exit code it asks for.
 *
 * Keeps two rules: `--json` puts one object on standard output and nothing else, and nothing reaches a terminal but
 * through `printable`. What a command prints is in the module of the command.
 */
import { once } from "node:events";
import { CollmError, type NoUsableWinner } from "../errors.ts";
import type { Summary } from "../app/summary.ts";
import { plainJson } from "../text/plain.ts";
import { withoutResume } from "../text/without-resume.ts";
import type { RunLines } from "./run-lines.ts";
import { columnsOf, paint, printable, type TextStream } from "./style.ts";

/** What a command line prints to. */
export interface Streams {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
}

export interface Output {
  /** Whether standard output is for one object alone. */
  readonly json: boolean;
  /** The exit code of the command line. */
  exitCode: number;
  /** How wide the terminal on standard output is; null: it is none. */
  readonly columns: number | null;
  /** Where a view draws. */
  readonly stderr: TextStream;
  /** Gets the run for a program that drives it, with its result and its error; null: a person reads, or `--json`. */
  readonly lines: RunLines | null;
  /** The command's result: the object for `--json`, the lines for a person. Called at most once. */
  result(object: unknown, lines: readonly string[]): void;
  /** Lines of JSON on standard output, as they are; resolves once there is room for more. */
  jsonLines(lines: readonly string[]): Promise<void>;
  /** One line on standard error. */
  say(line: string): void;
  /** One line for an error of ours, with the command that continues the run, if there is one; the whole stack for a bug. */
  error(error: unknown, resume?: string | null): void;
  /** The end of a run without a winner: its exit code, and its line where the closing lines are not in the same terminal. */
  withoutWinner(error: NoUsableWinner): void;
}

export function openOutput(
  json: boolean,
  { stdout, stderr }: Streams,
  lines: RunLines | null = null,
): Output {
  const print = (text: string) => void (text !== "" && stdout.write(`${text}\n`));
  const say = (line: string) => void stderr.write(`${printable(line, stderr)}\n`);
  const error = (caught: unknown, resume: string | null = null) => {
    // A program does not type the command that continues the run.
    if (lines !== null) lines.failed(caught, withoutResume(errorText(caught, null)));
    else say(`${paint("red", "collm-nas:")} ${errorText(caught, resume)}`);
  };
  const isOneTerminal = !json && stdout.isTTY === true && stderr.isTTY === true;
  const output: Output = {
    json,
    exitCode: 0,
    columns: columnsOf(stdout),
    stderr,
    lines,
    result: (object, text) => {
      if (lines !== null) lines.result(object as Summary);
      else print(json ? plainJson(JSON.stringify(object)) : printable(text.join("\n"), stdout));
    },
    jsonLines: async (all) => {
      const isRoom = stdout.write(all.map((line) => `${plainJson(line)}\n`).join(""));
      if (!isRoom) await once(stdout, "drain");
    },
    say,
    error,
    withoutWinner: (fruitless) => {
      output.exitCode = fruitless.exitCode;
      if (!isOneTerminal) error(fruitless);
    },
  };
  return output;
}

// --- internal ---

function errorText(error: unknown, resume: string | null): string {
  if (!(error instanceof CollmError))
    return `this is a bug, please report it: ${error instanceof Error ? error.stack : String(error)}`;
  const message =
    resume === null ? error.message : `${withoutResume(error.message)}; then continue with: ${resume}`;
  return message.replace(/\s*[\r\n\u2028\u2029]\s*/g, " ");
}
