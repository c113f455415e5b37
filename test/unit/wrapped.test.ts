/** Text in lines: as wide as asked, and a command never in two. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnsOf } from "../../src/cli/style.ts";
import { wrapped } from "../../src/text/wrapped.ts";

const word = fc.stringMatching(/^[a-z/.-]{1,30}$/);
const words = (least: number, most: number) =>
  fc.array(word, { minLength: least, maxLength: most }).map((each) => each.join(" "));
const width = fc.integer({ min: 40, max: 120 });

describe("wrapped", () => {
  it("keeps the command behind a text on one line, whatever its length", () => {
    fc.assert(
      fc.property(words(1, 20), words(1, 12), width, (text, command, columns) => {
        const lines = wrapped(text, columns, command).split("\n");
        expect(lines.at(-1)?.endsWith(command)).toBe(true);
        expect(lines.join(" ")).toBe(`${text} ${command}`);
        for (const line of lines.slice(0, -1)) expect(line.length).toBeLessThanOrEqual(columns);
      }),
    );
  });

  it("keeps what stands in backticks on one line, and fills the others", () => {
    fc.assert(
      fc.property(words(1, 9), words(1, 9), words(1, 9), width, (before, command, after, columns) => {
        const text = `${before}: \`${command}\`, then ${after}`;
        const lines = wrapped(text, columns).split("\n");
        expect(lines.join(" ")).toBe(text);
        expect(lines.filter((line) => line.includes(`\`${command}\``))).toHaveLength(1);
        for (const line of lines)
          if (!line.includes(command)) expect(line.length).toBeLessThanOrEqual(columns);
      }),
    );
  });

  it("puts a command behind the text where both fit", () => {
    expect(wrapped("go on with:", 30, "show runs/a")).toBe("go on with: show runs/a");
    expect(wrapped("go on with:", 22, "show runs/a")).toBe("go on with:\nshow runs/a");
  });
});

describe("the columns of a stream", () => {
  it.each([
    [80, 80],
    [5, 20],
    // It does not know its width.
    [0, 100],
  ])("are, where a terminal says %d, %d", (columns, taken) => {
    expect(columnsOf({ isTTY: true, columns })).toBe(taken);
  });

  it("are none where it is no terminal", () => {
    expect(columnsOf({ isTTY: false, columns: 80 })).toBeNull();
  });
});
