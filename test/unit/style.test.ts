/** What may reach a terminal. */
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, it } from "vitest";
import { plain } from "../../src/text/plain.ts";
import { shellWord } from "../../src/text/shell.ts";

it("takes escape sequences out of text that is not ours, and nothing else", () => {
  expect(plain("a\u001b[31mred\u001b[0m\u0007\u009b2J\nb\tc – ü 😀")).toBe("a[31mred[0m2J\nb\tc – ü 😀");
});

it("writes a word so that a shell takes it as one", () => {
  expect(shellWord("runs/a-b_1.2")).toBe("runs/a-b_1.2");
  const word = fc.string({ minLength: 1 }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(word, (text) => {
      expect(execFileSync("sh", ["-c", `printf %s ${shellWord(text)}`], { encoding: "utf8" })).toBe(text);
    }),
    { numRuns: 40 },
  );
});
