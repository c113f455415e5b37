/** What the operating system refuses, in words that say what, where and what to do. */
import { describe, expect, it } from "vitest";
import { asOurs, cannotWrite, isOutOfFiles, outOfFiles, unusable } from "../../src/system/system-error.ts";
import { Interrupted, UsageError } from "../../src/errors.ts";

function systemError(code: string, path?: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: said the system`), {
    code,
    ...(path === undefined ? {} : { path }),
  });
}

describe("too many open files", () => {
  it.each([
    [
      "EMFILE",
      "too many files are open (EMFILE); raise the limit on open files (ulimit -n 4096), then resume",
    ],
    ["ENFILE", "too many files are open on this machine (ENFILE); close other programs, then resume"],
  ])("are no bug, and no fault of the file: %s", (code, words) => {
    const error = systemError(code, "/runs/a/journal.jsonl");
    expect(isOutOfFiles(error)).toBe(true);
    expect(asOurs(error)).toEqual(new Interrupted(`cannot open /runs/a/journal.jsonl: ${words}`));
    expect(asOurs(systemError(code))).toEqual(new Interrupted(`cannot continue: ${words}`));
    expect(unusable("cannot read a", error)).toEqual(new Interrupted(`cannot read a: ${words}`));
    expect(outOfFiles("cannot start b", error).exitCode).toBe(3);
    expect(cannotWrite("c", error).message).toContain(words.replace(` (${code})`, ""));
  });

  it("are told from what is wrong with a path, and from bugs", () => {
    for (const code of ["ENOENT", "EACCES", "EISDIR"]) {
      expect(unusable("cannot read a", systemError(code))).toBeInstanceOf(UsageError);
      expect(isOutOfFiles(systemError(code))).toBe(false);
    }
    const bug = new TypeError("x is not a function");
    expect(asOurs(bug)).toBe(bug);
    expect(asOurs("EMFILE")).toBe("EMFILE");
  });
});
