import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printRange, strategySummary } from "../../src/search/strategy.ts";

describe("ranges", () => {
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

  it("stay one line, whatever the choices are called", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 8 }), (token) => {
        const line = printRange({ dimension: "op", slot: 0, shares: [{ token, percent: 60 }] });
        expect(line.split(/[\n\r]/)).toHaveLength(1);
        expect(line).toMatch(/^- op\[0\]: .+ 60%$/);
      }),
      { numRuns: 500 },
    );
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
