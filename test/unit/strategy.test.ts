import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printRange, type Range, readRanges, strategySummary } from "../../src/search/strategy.ts";

describe("ranges", () => {
  const range: fc.Arbitrary<Range> = fc.record({
    dimension: fc.constantFrom("op", "ks", "_x1", "W", "constructor"),
    slot: fc.option(fc.nat({ max: 99 })),
    shares: fc.array(
      fc.record({
        token: fc.oneof(
          fc.constantFrom(
            "3",
            "3.0",
            "-1",
            "1e2",
            "60%",
            "conv 3x3",
            "a,b",
            "(a)",
            "`a`",
            '"',
            '"a"',
            "\\",
            "- a: b",
          ),
          fc.constantFrom("\n", "\r", "\u2028", "\t", " ", "%", ":", "#", "op[0]", "ü", "日本"),
          fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }),
          fc.string({ unit: "binary", minLength: 1, maxLength: 4 }),
        ),
        percent: fc.oneof(fc.nat({ max: 100 }), fc.constantFrom(0.5, 33.33, 99.9)),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  });

  it("are read as they were printed, whatever the choices are called", () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 5 }), (ranges) => {
        const text = ranges.map(printRange).join("\n");
        expect(text.split("\n")).toHaveLength(Math.max(1, ranges.length));
        expect(readRanges(text)).toEqual(ranges);
        expect(readRanges(`## Ranges\n${text}\n\n## Avoid\n- everything else`)).toEqual(ranges);
      }),
      { numRuns: 500 },
    );
  });

  it("are printed plainly where the choices are plain", () => {
    expect(
      printRange({
        dimension: "op",
        slot: 3,
        shares: [
          { token: "conv_3x3", percent: 60 },
          { token: "3.5", percent: 40 },
        ],
      }),
    ).toBe("- op[3]: conv_3x3 60%, 3.5 40%");
    expect(printRange({ dimension: "ks", slot: null, shares: [{ token: "a b", percent: 7 }] })).toBe(
      '- ks: "a b" 7%',
    );
  });

  const mostly3 = {
    dimension: "ks",
    slot: null,
    shares: [
      { token: "3", percent: 70 },
      { token: "5", percent: 30 },
    ],
  };

  it.each([
    ["in brackets", "- ks: 3 (70%), 5 (30%)"],
    ["in backquotes", "- `ks`: `3` 70%, `5` 30%"],
    ["with another bullet and other separators", "* ks: 3 70%; 5 30%."],
    ["with words between", "- ks : 3 70% and 5 30%"],
    ["with spaces before the sign", "  - ks:  3   70 %,5 30 %  "],
  ])("are also read as a person writes them: %s", (_, line) => {
    expect(readRanges(line)).toEqual([mostly3]);
  });

  it.each([
    ["prose", "Use 3 70% of the time."],
    ["a bullet without a name", "- use 3 70%"],
    ["a name without shares", "- ks: small kernels early, large ones late"],
    ["a name without anything", "- ks:"],
    ["percentages before the choices, which would turn 60% into choice 6", "- e: 65% 4, 35% 6"],
    ["a percentage alone", "- e: 60%"],
    ["a slot that is no number", "- ks[first]: 3 70%"],
    ["nothing", ""],
  ])("are not seen in %s", (_, line) => {
    expect(readRanges(line)).toEqual([]);
  });

  it("come to an end on long lines", () => {
    for (const token of ["a", "1", "`", '"', "(", "a ", "1% ", '"\\'])
      readRanges(`- ks: ${token.repeat(500_000)}`);
  });
});

describe("the summary", () => {
  it.each([
    [
      "under its heading",
      "## Summary\nGo wide.\nThen deep.\n\nMore.\n\n## Avoid\nNothing.",
      "Go wide. Then deep.",
    ],
    ["after blank lines", "# Strategy\n\n## Summary\n\n\nGo wide.\n", "Go wide."],
    ["up to the next heading", "## Summary\nGo wide.\n## What worked and why\nNothing.", "Go wide."],
    ["under a bold heading", "**Summary**\nGo wide.\n**What worked and why**\nNothing.", "Go wide."],
    ["under a heading that is bold too", "## **Summary**\nGo wide.\n\n## **Avoid**\nNothing.", "Go wide."],
    ["beside a bold heading", "**Summary:** Go wide.\n\n**What worked**: nothing.", "Go wide."],
    ["beside a heading", "## Summary: Go wide.\n## Avoid\nNothing.", "Go wide."],
    ["under a longer heading", "### Summary of round 3\nGo wide.", "Go wide."],
    ["in capitals", "## SUMMARY\nGo wide.", "Go wide."],
    ["as a list", "## Summary\n- Go **wide**.\n* Use `conv3`.\n\n## Avoid", "Go wide. Use conv3."],
    ["with other line ends", "## Summary\r\nGo wide.\r\n\r\n## Avoid\r\nNothing.", "Go wide."],
    [
      "without headings: the first words",
      "Go wide first.\nThen deep.\n\nAnd so on.",
      "Go wide first. Then deep.",
    ],
    ["without a summary: the first words that are no heading", "# Plan\n\nGo wide.\n\n## Avoid", "Go wide."],
    ["in a fence", "```markdown\n## Summary\nGo wide.\n\n## Avoid\n```", "Go wide."],
    ["empty", "", ""],
    ["blank", " \n\n ", ""],
    ["nothing but headings", "# Plan\n## Directions\n**Avoid**", ""],
  ])("%s", (_, text, expected) => {
    expect(strategySummary(text)).toBe(expected);
  });

  it("is one line of the text's own words, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 80 }),
        fc.string({ maxLength: 40 }),
        (words, more) => {
          for (const text of [words, `## Summary\n${words}\n\n${more}`, `${more}\n**Summary**: ${words}`]) {
            const summary = strategySummary(text);
            expect(summary).not.toContain("\n");
            for (const word of summary.split(/\s+/)) expect(text.replace(/\*\*|`/g, "")).toContain(word);
          }
        },
      ),
    );
  });
});
