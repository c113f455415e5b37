/**
 * What makes a Python environment: which Python it takes, when a folder counts as made, and what it says of a command that
 * failed. Real folders and small programs in the place of Python; package.test.ts makes a real one.
 */
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { isMade, knownReason, PythonEnvironment, pythonOf } from "../../src/app/python-environment.mjs";
import { temporaryFolder } from "../support/cli.ts";

let home: string;
beforeEach(() => {
  home = temporaryFolder();
});

/** A program that answers what a Python is asked, in a folder of programs. */
function python(name: string, version: readonly number[], missing = false): void {
  const path = join(home, "bin", name);
  const answer = JSON.stringify({ version, executable: path, prefix: home, missing });
  mkdirSync(join(home, "bin"), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho '${answer}'\n`);
  chmodSync(path, 0o755);
}

type Call = (command: string, args: readonly string[]) => Promise<void>;

function environment({ call = async () => {}, named = null }: { call?: Call; named?: string | null } = {}) {
  return new PythonEnvironment({
    folder: join(home, "data/python-1"),
    requirementsFolder: home,
    parts: { light: [{ file: "light.txt" }], tables: [{ file: "tables.txt", alone: true }] },
    call,
    environment: { PATH: join(home, "bin") },
    named,
  });
}

describe("the Python that is taken", () => {
  it("is the first on the path that is new enough and has its venv module", () => {
    python("python3.13", [3, 13, 1], true);
    python("python3.11", [3, 10, 9]);
    python("python3", [3, 14, 0]);
    expect(environment().findPython()).toEqual({ executable: join(home, "bin/python3"), version: "3.14.0" });
  });

  it("is the one that is named, and no other", () => {
    python("python3", [3, 12, 0]);
    const named = join(home, "bin/none");
    expect(() => environment({ named }).findPython()).toThrow(
      `needs Python 3.11 or newer, and COLLM_NAS_PYTHON, ${named}, does not run: install one`,
    );
  });

  it.each([
    [
      "none",
      () => {},
      "needs Python 3.11 or newer, and none was found: install one (Debian, Ubuntu: apt-get",
    ],
    ["an old one", () => python("python3", [3, 9, 2]), "and python3 is 3.9.2: install one"],
    ["one that fails", () => symlinkSync("/bin/false", join(home, "bin/python3")), "and none was found"],
    [
      "one without venv",
      () => python("python3", [3, 12, 4], true),
      "python3 (3.12.4) lacks its venv module: install it (Debian, Ubuntu: apt-get install python3.12-venv), or",
    ],
  ])("is missed in one line where there is %s", (_which, make, words) => {
    mkdirSync(join(home, "bin"), { recursive: true });
    make();
    expect(() => environment().findPython()).toThrow(words);
  });
});

describe("a folder", () => {
  const calls: string[][] = [];
  const folder = () => join(home, "data/python-1");
  /** In the place of `python -m venv`. */
  const call: Call = async (command, args) => {
    calls.push([command, ...args]);
    if (!args.includes("venv")) return;
    mkdirSync(join(folder(), "bin"), { recursive: true });
    writeFileSync(pythonOf(folder()), "");
  };
  beforeEach(() => {
    calls.length = 0;
    for (const file of ["light.txt", "tables.txt"]) writeFileSync(join(home, file), file);
  });
  const made = async () => {
    const whole = environment({ call });
    await whole.make({ executable: "/base/python", version: "3.11.0" });
    expect(isMade(folder())).toBe(false);
    await whole.prepare();
    return whole;
  };

  it("counts as made once its installer is in it, and only where it was made", async () => {
    const whole = await made();
    expect([isMade(folder()), whole.isPrepared(), whole.hasPart("light")]).toEqual([true, true, false]);
    renameSync(join(home, "data"), join(home, "moved"));
    expect(isMade(join(home, "moved/python-1"))).toBe(false);
  });

  it("does not count without its interpreter", async () => {
    await made();
    rmSync(pythonOf(folder()));
    expect(isMade(folder())).toBe(false);
  });

  it("has a part until its requirements change", async () => {
    const whole = await made();
    await whole.install("tables", ["light"]);
    expect(calls.at(-1)).toEqual([
      join(folder(), "bin/uv"),
      "pip",
      "install",
      "--python",
      pythonOf(folder()),
      "--require-hashes",
      "--no-deps",
      "-r",
      join(home, "tables.txt"),
    ]);
    expect([whole.hasPart("tables"), whole.hasPart("light")]).toEqual([true, true]);
    writeFileSync(join(home, "tables.txt"), "another version");
    expect([whole.hasPart("tables"), whole.hasPart("light")]).toEqual([false, true]);
  });

  it("is unfinished after a change that failed, and is then made again from nothing", async () => {
    const whole = await made();
    await whole.install("light");
    const broken = whole.change({ more: "1" }, () => Promise.reject(new Error("the power went")));
    await expect(broken).rejects.toThrow("the power went");
    expect([isMade(folder()), whole.isUsable(), whole.hasPart("light")]).toEqual([false, false, false]);
    writeFileSync(join(folder(), "left-over"), "");
    await made();
    expect([isMade(folder()), whole.hasPart("light")]).toEqual([true, false]);
    expect(existsSync(join(folder(), "left-over"))).toBe(false);
  });
});

describe("why an installation failed", () => {
  it.each([
    ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk"],
    ["  cause: failed to copy file from /a to /b: No space left on device (os error 28)", "disk"],
    ["npm error nospc ENOSPC: no space left on device, write", "disk"],
    [
      "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at 0x7f06b4dab310>: Failed to establish a new connection: [Errno 111] Connection refused')': /simple/six/",
      "reached; check",
    ],
    [
      "  cause: error sending request for url (…)\n  cause: client error (Connect)\n  cause: dns error",
      "reached; check",
    ],
    ["npm error code ENOTFOUND", "reached; check"],
    [
      "ERROR: Could not find a version that satisfies the requirement uv==0.13.9 (from versions: none)",
      "reached, or it lacks a package; check",
    ],
  ])("is known from %j", (line, words) => {
    const reason = knownReason(["Collecting six", ...line.split("\n"), "the end"]);
    expect(`${reason?.what}; ${reason?.next}`).toContain(words);
  });

  it("is not guessed", () => {
    expect(knownReason(["ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE"])).toBe(
      null,
    );
  });
});
