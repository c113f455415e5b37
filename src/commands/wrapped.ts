/**
 * Text in lines as wide as a terminal.
 *
 * Owns where a line may end: between two words, and never inside a command, which is there to be copied. Knows neither
 * colours nor how wide a terminal is.
 */
import wrap from "wrap-ansi";

/** The no-break space: as wide as a space, and no line ends at it. */
const kept = "\u00a0";
const quoted = /`[^`\n]*`/g;

/**
 * Breaks `text` into lines of at most `width` columns. What stands in backticks stays on one line, also where it is
 * longer than that.
 *
 * @param command comes last and is kept whole as well, on a line of its own where it does not fit behind the text
 */
export function wrapped(text: string, width: number, command = ""): string {
  const whole =
    command === "" ? text.replace(quoted, keep) : `${text.replace(quoted, keep)} ${keep(command)}`;
  return wrap(whole, width).replaceAll(kept, " ");
}

function keep(command: string): string {
  return command.replaceAll(" ", kept);
}
