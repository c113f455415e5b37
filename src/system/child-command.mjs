/**
 * Runs another program to its end, and keeps what it prints.
 *
 * It is plain JavaScript and imports only what is part of Node: scripts/setup.mjs uses it before anything is installed
 * or compiled. It prints nothing.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * @typedef {object} CommandOptions
 * @property {string} cwd
 * @property {Readonly<Record<string, string | undefined>>} environment the whole environment
 * @property {AbortSignal} signal raised to end the program and all that it started
 * @property {((line: string) => void) | undefined} [onLine] gets each line that it prints
 */

/**
 * @typedef {object} CommandEnd
 * @property {string | null} failure how it ended, in words; null: it ended well
 * @property {readonly string[]} lines what it printed, without empty lines
 */

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {CommandOptions} options
 * @returns {Promise<CommandEnd>}
 */
export async function runCommand(command, args, { cwd, environment, signal, onLine }) {
  // In a process group of its own: the signal then ends what it has started too.
  const child = spawn(command, args, {
    cwd,
    env: { ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  /** @type {string[]} */
  const lines = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => {
      if (line.trim() === "") return;
      lines.push(line);
      onLine?.(line);
    });
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    } catch {
      // It has ended already.
    }
  };
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  /** @type {string | null} */
  const failure = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, killed) => resolve(code === 0 ? null : `ended with ${killed ?? code}`));
  });
  signal.removeEventListener("abort", end);
  return { failure, lines };
}
