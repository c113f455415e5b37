/**
 * A signal ends every command, also one of whose threads the system never answers.
 *
 * The thread waits for a named pipe that nobody writes, opened before the command begins, as it might for a dead network
 * drive or for the address of a name.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { root, start, temporaryFile, temporaryFolder } from "../support/cli.ts";

const fixture = join(root, "test/fixtures/run-v1");

test.each([
  ["that looks once", ["show", fixture, "--json"], /^/, "stdout"],
  ["that waits", ["watch", "tcp://127.0.0.1:1"], /listening to/, "stderr"],
  ["that serves", ["dashboard", "runs", "--port", "0"], /http:/, "stdout"],
] as const)("a command %s is ended by SIGTERM while a thread hangs", async (_what, args, begun, stream) => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "runs"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
  const hang = temporaryFile(
    "hang.mjs",
    `import { open, writeSync } from "node:fs"; open(${JSON.stringify(join(folder, "pipe"))}, "r", () => {}); writeSync(2, "hanging\\n");`,
  );
  const command = start(args, { cwd: folder, env: { NODE_OPTIONS: `--import ${pathToFileURL(hang).href}` } });
  await expect
    .poll(() => command.stderr().includes("hanging") && begun.test(command[stream]()), { timeout: 30_000 })
    .toBe(true);
  command.kill("SIGTERM");
  const { code, signal } = await command.ended;
  expect(code === 3 || signal !== null, `${code} ${signal}`).toBe(true);
});
