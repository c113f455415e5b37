/**
 * Commands that a reader can paste into a shell.
 */

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A command line: the program as it is called here, then its words, each quoted where a shell needs it. */
export function commandLine(program: string, ...words: readonly string[]): string {
  return [program, ...words.map(shellWord)].join(" ");
}
