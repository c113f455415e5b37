/** What a Node says that is too old for the program, at each door a person comes in by. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root, temporaryFolder } from "../support/cli.ts";

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  bin: Record<string, string>;
  engines: { node: string };
  scripts: Record<string, string>;
};
const oldest = manifest.engines.node.replace(">=", "");

/** Runs a file as a Node that calls itself `version`. */
function runAs(version: string, file: string, args: readonly string[]) {
  const disguise = join(temporaryFolder(), "disguise.cjs");
  writeFileSync(disguise, `Object.defineProperty(process.versions, "node", { value: "${version}" });\n`);
  return spawnSync(process.execPath, ["--require", disguise, join(root, file), ...args], {
    encoding: "utf8",
  });
}

const doors = [
  ["the command", manifest.bin["collm-nas"] as string, ["--version"]],
  ["the set-up", "scripts/setup.cjs", ["nothing"]],
] as const;

describe.each(doors)("%s", (_name, file, args) => {
  it.each(["10.24.1", "18.20.8", "20.18.3"])("says which Node it needs to Node %s", (version) => {
    const { status, stdout, stderr } = runAs(version, file, args);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      `collm-nas: needs Node ${oldest} or newer, and this is ${version} (${process.execPath}): install a newer one, or put it first on PATH\n`,
    );
  });

  it.each([`${oldest}.0`, "22.0.0", "100.1.0"])("says nothing of it to Node %s", (version) => {
    expect(runAs(version, file, args).stderr).not.toContain("needs Node");
  });
});

it("is asked before anything newer is read, at every door", () => {
  for (const script of Object.values(manifest.scripts)) expect(script).not.toMatch(/setup\.mjs/);
  for (const file of ["bin/collm-nas.cjs", "scripts/setup.cjs"]) {
    const [first] = readFileSync(join(root, file), "utf8").match(/^(require|import)\(.*$/m) ?? [];
    expect(first).toMatch(/^require\(".*node-version\.cjs"\);$/);
  }
});
