/**
 * Builds dist/ once before the tests, the way `bin/collm-nas` does for a user.
 *
 * Sources that do not compile are told and no more: tests that start the command fail by themselves, and the others
 * can still be worked with.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export function setup(): void {
  const command = fileURLToPath(new URL("../../bin/collm-nas", import.meta.url));
  const result = spawnSync(command, ["--version"], { encoding: "utf8" });
  if (result.status !== 0) console.warn(`dist/ was not built:\n${result.error?.message ?? result.stderr}`);
}
