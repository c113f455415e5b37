/** How numbers and paths are read that a person writes after a flag or into a file. */
import { homedir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { homePath, pathRefusal, readCount, readNumber } from "../../src/settings/written-values.ts";

describe("a whole number", () => {
  it.each([
    ["40", 40],
    ["0", 0],
    [" 7 ", 7],
    ["1_000_000", 1_000_000],
    ["200k", 200_000],
    ["200 K", 200_000],
    ["2M", 2_000_000],
    ["1.1M", 1_100_000],
    ["1e6", 1_000_000],
    ["2.5e3", 2_500],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ])("is read from %j", (text, value) => {
    expect(readCount(text)).toBe(value);
  });

  it.each([
    "",
    " ",
    "k",
    "1.5",
    "0.0001k",
    "2m",
    "2G",
    "1,000",
    "1e",
    "0x10",
    "1k5",
    "1kk",
    "9007199254740993",
    "NaN",
    "Infinity",
    "٤",
  ])("is not read from %j", (text) => {
    expect(readCount(text)).toBeNull();
  });

  it("is read whatever it is and however it is grouped", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom("", "k", "M"), (value, unit) => {
        const whole = value * { "": 1, k: 1_000, M: 1_000_000 }[unit];
        expect(readCount(`${value}${unit}`)).toBe(whole);
        expect(readCount(value.toLocaleString("en-US").replaceAll(",", "_"))).toBe(value);
      }),
    );
  });
});

describe("a number", () => {
  it("is read as JSON has it, and never with a suffix", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        // Text has no zero below zero.
        expect(readNumber(`${value}`)).toBe(value + 0);
        expect(readNumber(`${value}k`)).toBeNull();
      }),
    );
    for (const text of ["", "few", "0x10", "1e999", "Infinity", "1,5", "--1"])
      expect(readNumber(text)).toBeNull();
  });
});

describe("a path", () => {
  it("has ~ for the own folder where a shell has it, and nowhere else", () => {
    expect([homePath("~"), homePath("~/a b")]).toEqual([homedir(), join(homedir(), "a b")]);
    for (const path of ["a/~/b", "./~", "a~", "", "/~"]) expect(homePath(path)).toBe(path);
  });

  it("of somebody else's folder is refused in words that say what to write", () => {
    expect(pathRefusal("~ann/x")).toMatch(/write the whole path, or \.\/~ann\/x/);
    for (const path of ["~", "~/x", "x", "./~ann"]) expect(pathRefusal(path)).toBeNull();
  });
});
