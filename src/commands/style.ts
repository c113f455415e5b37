/**
 * Colour where it can be seen.
 *
 * Owns the decision whether a stream gets escape codes: a terminal that has colours and no NO_COLOR. Knows no text.
 */
import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

/** `text` in `format` when `stream` is a colour terminal, else `text`. */
export function paint(stream: NodeJS.WriteStream, format: Format, text: string): string {
  return stream.isTTY && stream.hasColors() ? styleText(format, text) : text;
}
