/**
 * Text in lines as wide as a terminal.
 *
 * Owns how wide a terminal is taken to be and where a line may end: between two words, and never inside a command, which
 * is there to be copied. Knows no colours.
 */
import wrap from "wrap-ansi";

const narrowest = 20;
const usual = 100;
/** The no-break space: as wide as a space, and no line ends at it. */
const kept = "\u00a0";
const quoted = /`[^`\n]*`/g;

/** The columns of a terminal; null: it is none, and lines are as long as they are. */
export function columnsOf(stream: Pick<NodeJS.WriteStream, "isTTY" | "columns">): number | null {
  if (stream.isTTY !== true) return null;
  // A terminal that does not know its width says 0, or nothing.
  return stream.columns > 0 ? Math.max(narrowest, stream.columns) : usual;
}

/**
 * Breaks a text into lines of at most so many columns; what a line begins with stands before each of its parts. A word
 * that is longer by itself stands whole, and so does what is in backticks.
 *
 * @param columns null: the lines stay as they are
 * @param command comes last and is kept whole as well, on a line of its own where it does not fit behind the text
 */
export function wrapped(text: string, columns: number | null, command = ""): string {
  const whole = command === "" ? text : `${text} ${command}`;
  if (columns === null) return whole;
  const bound = text.replace(quoted, keep) + (command === "" ? "" : ` ${keep(command)}`);
  return bound
    .split("\n")
    .map((line) => {
      const [indent = ""] = /^ */.exec(line) ?? [];
      const width = Math.max(narrowest, columns - indent.length);
      return wrap(line, width).replace(/^ */gm, indent);
    })
    .join("\n")
    .replaceAll(kept, " ");
}

function keep(words: string): string {
  return words.replaceAll(" ", kept);
}
