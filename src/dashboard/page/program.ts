/**
 * How the reader calls this program, for the commands that the page suggests.
 *
 * The server writes it into the head of the document, and main.ts reads it once, before anything is drawn.
 */
let called = "collm-nas";

export function program(): string {
  return called;
}

export function setProgram(name: string): void {
  called = name;
}
