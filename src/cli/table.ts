/**
 * Aligned columns for the terminal.
 *
 * Columns are two blanks apart and have no frames. Where a table is wider than the terminal, its cells get several
 * lines.
 */
import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import { cellLines, wordsOf } from "../text/wrapped.ts";
import { cleaned, paint } from "./style.ts";

const gap = "  ";

const bare = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: gap,
};

/**
 * The rows as lines; the first row is a heading where one is given.
 *
 * @param columns how wide the terminal is; null: the table is as wide as it is. A word or a command that is wider than
 *   its column is kept whole, so that it can be copied.
 */
export function table(
  rows: readonly (readonly string[])[],
  head: readonly string[] = [],
  columns: number | null = null,
): string[] {
  const widths = columns === null ? [] : fittingWidths([head, ...rows], columns);
  const fitted = (cell: string, place: number) => {
    const text = cleaned(cell);
    const width = widths[place];
    return width === undefined || widthOf(text) <= width ? text : cellLines(text, width);
  };
  const drawn = new Table({
    chars: bare,
    head: head.map((title, place) => paintLines(fitted(title, place))),
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  for (const row of rows) drawn.push(row.map(fitted));
  return drawn
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}

// --- internal ---

function paintLines(text: string): string {
  return text
    .split("\n")
    .map((line) => paint("bold", line))
    .join("\n");
}

/**
 * The width of each column: as wide as its cells, the widest ones narrower where all together are too wide. A column
 * without any text takes one blank too.
 */
function fittingWidths(rows: readonly (readonly string[])[], columns: number): number[] {
  const most = (parts: (cell: string) => readonly string[]) => {
    const found: number[] = [];
    for (const row of rows)
      for (const [place, cell] of row.entries())
        found[place] = Math.max(found[place] ?? 1, ...parts(cleaned(cell)).map(widthOf));
    return found;
  };
  const widths = most((cell) => cell.split("\n"));
  const least = most(wordsOf);
  const total = () => widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1));
  for (let surplus = total() - columns; surplus > 0; surplus -= 1) {
    const wide = widths.flatMap((width, place) => (width > (least[place] ?? 0) ? [width] : []));
    if (wide.length === 0) break;
    const place = widths.findIndex((width, at) => width === Math.max(...wide) && width > (least[at] ?? 0));
    widths[place] = Math.max(...wide) - 1;
  }
  return widths;
}

const doubleWidth = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Emoji_Presentation}！-｠]/u;

/** How many columns of a terminal the longest line of a text takes. */
function widthOf(text: string): number {
  const lines = stripVTControlCharacters(text).replace(/\p{M}/gu, "").split("\n");
  return Math.max(
    ...lines.map((line) => Array.from(line).reduce((sum, sign) => sum + (doubleWidth.test(sign) ? 2 : 1), 0)),
  );
}
