/**
 * Aligned columns for the terminal.
 *
 * Columns are two blanks apart and have no frames.
 */
import Table from "cli-table3";
import { cleaned, paint } from "./style.ts";

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
  middle: "  ",
};

/** The rows as lines; the first row is a heading where one is given. */
export function table(rows: readonly (readonly string[])[], head: readonly string[] = []): string[] {
  const drawn = new Table({
    chars: bare,
    head: head.map((title) => paint("bold", cleaned(title))),
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  for (const row of rows) drawn.push(row.map(cleaned));
  return drawn
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}
