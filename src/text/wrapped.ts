/**
 * Breaks text into lines as wide as a terminal.
 *
 * A line ends between two words, and never inside a command, so that it can be copied. Colours are not looked at.
 */
import wrap from "wrap-ansi";
import { narrowest } from "./narrowest.ts";

/** The no-break space: as wide as a space, and no line ends at it. */
const kept = "\u00a0";
const quoted = /`[^`\n]*`/g;

/**
 * Breaks a text into lines of at most so many columns; the indent of a line is repeated before each of its parts. A word
 * that is longer by itself is kept whole, and so is what is in backticks.
 *
 * @param columns null: the lines stay as they are
 * @param command comes last and is kept whole as well, on a line of its own where it does not fit after the text
 */
export function wrapped(text: string, columns: number | null, command = ""): string {
  const whole = command === "" ? text : `${text} ${command}`;
  if (columns === null) return whole;
  const bound = commandsKept(text) + (command === "" ? "" : ` ${keep(command)}`);
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

/** The lines of a table's cell, at most so wide. A word or a command that is longer by itself is kept whole. */
export function cellLines(text: string, width: number): string {
  return wrap(commandsKept(text), width).replaceAll(kept, " ");
}

/** The words of a text between which a line may end. */
export function wordsOf(text: string): string[] {
  return commandsKept(text).split(/[ \n]+/);
}

// --- internal ---

function commandsKept(text: string): string {
  return text.replace(quoted, keep);
}

function keep(words: string): string {
  return words.replaceAll(" ", kept);
}
