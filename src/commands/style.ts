/**
 * What may reach a terminal, and how.
 *
 * Owns the decision whether a stream gets escape codes (a terminal that has colours and no NO_COLOR), and takes them
 * out of text that is not ours. Knows no text.
 */
import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

/** `text` in `format` when `stream` is a colour terminal, else `text`. */
export function paint(stream: NodeJS.WriteStream, format: Format, text: string): string {
  return stream.isTTY && stream.hasColors() ? styleText(format, text) : text;
}

/** Text from a model or a record without control characters: it may be shown, not obeyed. */
export function plain(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, "");
}
