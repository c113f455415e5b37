/**
 * Small forms of words: lists, names of files, and texts made to fit one line.
 */

/** As part of an id or a file name: lower case, words joined by hyphens. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}

/** A text as one line: all white space between words is a blank. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** The beginning of a text that is longer than so many characters, with an ellipsis for what is left out. */
export function cutTo(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** "a", "a and b", "a, b and c". */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
