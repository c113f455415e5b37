/**
 * Decides what may reach a terminal, and in which colours.
 *
 * `paint` marks a text with a format. `printable` turns the marks into escape codes where the stream is a terminal that
 * has colours (and NO_COLOR is not set), and takes out everything else that a terminal would obey. Every part of a line
 * counts as text from elsewhere, except the marks of `paint`.
 */
import { randomInt } from "node:crypto";
import { inspect } from "node:util";
import { narrowest } from "../text/narrowest.ts";
import { plain } from "../text/plain.ts";

/** Where text goes: a terminal, a file, a pipe, or what a test or a program collects it in. */
export type TextStream = NodeJS.WritableStream &
  Partial<Pick<NodeJS.WriteStream, "isTTY" | "columns" | "hasColors">>;

/** The columns of a terminal that does not say how many it has. */
const usual = 100;

type Format = "bold" | "dim" | "red" | "green" | "yellow";

/**
 * What is in a mark before its code. It is another one in every process, so that no text from elsewhere can hold a
 * mark. A mark has the form of an escape code, so that tables and lines give it no width.
 */
const secret = Array.from({ length: 3 }, () => randomInt(1_000, 10_000)).join(";");
const escape = "\u001b[";
const marks = new RegExp(`\\u001b\\[${secret};([0-9]+)m`);

/** The columns of a terminal; null: it is none, and lines are as long as they are. */
export function columnsOf({ isTTY, columns = 0 }: Pick<TextStream, "isTTY" | "columns">): number | null {
  if (isTTY !== true) return null;
  // A terminal that does not know its width says 0, or nothing.
  return columns > 0 ? Math.max(narrowest, columns) : usual;
}

/** `text`, marked to be shown in `format`. It is to be printed by `printable` alone. */
export function paint(format: Format, text: string): string {
  const [begin, end] = (inspect.colors[format] ?? [0, 0]).map((code) => `${escape}${secret};${code}m`);
  return `${begin}${text}${end}`;
}

/** Text as it will be printed, its marks kept: for code that measures and breaks lines before `printable` has it. */
export function cleaned(text: string): string {
  return pieces(text, (code) => `${escape}${secret};${code}m`);
}

/** What goes to `stream`: the text without what a terminal would obey, in the colours of `paint` where it has colours. */
export function printable(text: string, stream: Pick<TextStream, "isTTY" | "hasColors">): string {
  const hasColours = stream.isTTY === true && stream.hasColors?.() === true;
  return pieces(text, (code) => (hasColours ? `${escape}${code}m` : ""));
}

// --- internal ---

function pieces(text: string, colour: (code: string) => string): string {
  // Every second piece is the code of a mark.
  return text
    .split(marks)
    .map((piece, at) => (at % 2 === 0 ? plain(piece) : colour(piece)))
    .join("");
}
