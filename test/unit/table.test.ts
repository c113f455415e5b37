/** Tables in a terminal: no wider than it is, with every word, and commands in one piece. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printable } from "../../src/cli/style.ts";
import { table } from "../../src/cli/table.ts";

const word = fc.stringMatching(/^[a-z]{1,10}$/);
const sentence = fc.array(word, { maxLength: 30 }).map((words) => words.join(" "));
const cells = fc.integer({ min: 1, max: 4 }).chain((count) => {
  const row = fc.array(sentence, { minLength: count, maxLength: count });
  return fc.tuple(row, fc.array(row, { minLength: 1, maxLength: 5 }));
});
const shown = (lines: readonly string[]) => lines.map((line) => printable(line, {}));
const wordsOf = (lines: readonly string[]) => lines.join(" ").split(/\s+/).filter(Boolean).toSorted();

describe("a table", () => {
  it("is no wider than the terminal and has every word", () => {
    fc.assert(
      fc.property(cells, fc.integer({ min: 50, max: 120 }), ([head, rows], columns) => {
        const lines = shown(table(rows, head, columns));
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
        expect(wordsOf(lines)).toEqual(wordsOf([head, ...rows].flat()));
      }),
    );
  });

  it("is as it is where it fits, and where there is no terminal", () => {
    const rows = [
      ["one", "two ".repeat(40).trim()],
      ["three", "four"],
    ];
    const lines = [`one    ${rows[0]?.[1]}`, "three  four"];
    expect(table(rows)).toEqual(lines);
    expect(table(rows, [], 200)).toEqual(lines);
  });

  it("makes its widest column narrower, and keeps a command in one piece", () => {
    const next = "start it with `npx collm-nas doctor --space analognas-baseline --json`, then look again";
    expect(table([["PROBLEM", "the evaluator", next]], [], 50)).toEqual([
      "PROBLEM  the        start it with",
      "         evaluator  `npx collm-nas doctor --space analognas-baseline --json`,",
      "                    then look again",
    ]);
  });

  it("counts a column without any text too", () => {
    const lines = shown(table([["", "aaaa ".repeat(10).trim()]], [], 51));
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(51);
  });

  it("counts wide characters as two columns", () => {
    const lines = table([["一二三四五 六七八九十 一二三四五", "abc def"]], [], 24);
    expect(lines).toEqual(["一二三四五  abc def", "六七八九十", "一二三四五"]);
  });
});
