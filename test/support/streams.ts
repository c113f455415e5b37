/**
 * Standard output and standard error that keep what is printed, for the command line in process.
 *
 * As files would, or as terminals with colours would; nothing reaches the test's own streams.
 */
import { PassThrough } from "node:stream";
import { openOutput, type Output, type Streams } from "../../src/cli/output.ts";
import { printable, type TextStream } from "../../src/cli/style.ts";

export interface KeptStreams extends Streams {
  /** What was printed so far. */
  text(): { readonly stdout: string; readonly stderr: string };
}

/** @param terminal what a terminal is; none: files */
export function keptStreams(
  terminal: Partial<Pick<NodeJS.WriteStream, "isTTY" | "columns" | "hasColors">> = {},
): KeptStreams {
  const kept = { stdout: "", stderr: "" };
  const keep = (name: keyof typeof kept): TextStream =>
    Object.assign(
      new PassThrough().on("data", (bytes: Buffer) => {
        kept[name] += bytes.toString("utf8");
      }),
      terminal,
    );
  return { stdout: keep("stdout"), stderr: keep("stderr"), text: () => ({ ...kept }) };
}

/** Lines as a file has them: without colours. */
export function inFile(lines: readonly string[]): string[] {
  return lines.map((line) => printable(line, {}));
}

/** For a command whose words nobody reads. */
export function silentOutput(): Output {
  return openOutput(true, keptStreams());
}
