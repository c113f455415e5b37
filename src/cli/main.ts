#!/usr/bin/env node
/**
 * Runs the command line as a process: its streams, signals and end.
 *
 * The arguments are read by run-cli.ts.
 */
import type { Manner } from "./commands.ts";
import { runCli } from "./run-cli.ts";

/** How long a stopped process may take to put its things away. */
const mostClosingMs = 1_800;
/** Between two looks at what holds up the end. */
const heldUpMs = 10;

const stop = new AbortController();
// A reader that goes away (`| head`) is no error of ours, and nobody reads what is said on standard error then.
process.stderr.on("error", () => {});
let onReaderGone: () => void = () => process.exit(0);
process.stdout.on("error", ({ code }: NodeJS.ErrnoException) =>
  code === "EPIPE" ? onReaderGone() : process.exit(1),
);
const exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
  onStoppable: catchSignals,
});
process.stdout.write("", () => leave(exitCode));

/**
 * The first Ctrl-C or termination raises the signal; the process then ends soon, whatever hangs. A program that drives the
 * command also ends it by going away: its ends of standard output and standard input close.
 */
function catchSignals({ events, exitWithStdin }: Manner): void {
  const onSignal = () => {
    if (stop.signal.aborted) leaveNow(3);
    stop.abort();
    setTimeout(() => leaveNow(3), mostClosingMs);
  };
  const onDriverGone = () => void (stop.signal.aborted || onSignal());
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  if (events) onReaderGone = onDriverGone;
  if (!exitWithStdin) return;
  for (const name of ["end", "close", "error"] as const) process.stdin.on(name, onDriverGone);
  process.stdin.resume();
}

/** Whether a thread waits for the system: for a file, or for the address of a host name. */
function isHeldUp(): boolean {
  return process.getActiveResourcesInfo().some((kind) => /^(FSReq|GetAddrInfo|GetNameInfo)/.test(kind));
}

/** Ends the process now. While a thread waits for the system only SIGKILL does: every other way waits for that thread. */
function leaveNow(code: number): void {
  if (isHeldUp()) process.kill(process.pid, "SIGKILL");
  process.exit(code);
}

/** Ends the process once no thread waits any more; until then it still reacts to signals. */
function leave(code: number): void {
  if (isHeldUp()) setTimeout(leave, heldUpMs, code);
  else process.exit(code);
}
