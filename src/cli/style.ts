/**
 * What may reach a terminal, and how.
 *
 * Owns the decision whether a stream gets escape codes (a terminal that has colours and no NO_COLOR), and takes
 * everything else that a terminal would obey out of what is printed. Knows no text: whatever a line is made of counts
 * as somebody else's, but for the marks that `paint` has put there.
 */
import { randomInt } from "node:crypto";
import { inspect } from "node:util";
import { plain } from "../report/format.ts";

export { plain };

type Format = "bold" | "dim" | "red" | "green" | "yellow";

/**
 * What stands in a mark before its code. It is another one in every process, so that no text from elsewhere can hold a
 * mark. A mark has the form of an escape code, so that tables and lines give it no width.
 */
const secret = Array.from({ length: 3 }, () => randomInt(1_000, 10_000)).join(";");
const escape = "\u001b[";
const marks = new RegExp(`\\u001b\\[${secret};([0-9]+)m`);

/** `text` in `format` when `stream` is a colour terminal, else `text`. It is to be printed by `printable` alone. */
export function paint(stream: NodeJS.WriteStream, format: Format, text: string): string {
  if (!stream.isTTY || !stream.hasColors()) return text;
  const [begin, end] = (inspect.colors[format] ?? [0, 0]).map((code) => `${escape}${secret};${code}m`);
  return `${begin}${text}${end}`;
}

/** Text as it will be printed, its marks kept: for whoever measures and breaks lines before `printable` has it. */
export function cleaned(text: string): string {
  return pieces(text, (code) => `${escape}${secret};${code}m`);
}

/** What goes to a terminal: the text without what it would obey, in the colours that `paint` gave it. */
export function printable(text: string): string {
  return pieces(text, (code) => `${escape}${code}m`);
}

// --- internal ---

function pieces(text: string, colour: (code: string) => string): string {
  // Every second piece is the code of a mark.
  return text
    .split(marks)
    .map((piece, at) => (at % 2 === 0 ? plain(piece) : colour(piece)))
    .join("");
}
