/**
 * What a report shows: tables and figures, each with a caption and the data behind it.
 *
 * Owns the shapes. Knows neither how an exhibit is made nor what it is rendered to.
 */

/** One line of the data behind an exhibit: column name to value, the same columns in every line. */
export type DataRow = Readonly<Record<string, string | number | null>>;

/** A word of the exhibits, and what it means. */
export interface Note {
  readonly term: string;
  readonly words: string;
}

/** Over the notes of a page. */
export const readingTitle = "How to read this page";

/** About two lines. */
export const longestCaption = 200;

/** What the words of some exhibits mean, each once, in the order in which they come up. */
export function notesOf(exhibits: readonly Exhibit[]): Note[] {
  const notes = exhibits.flatMap(({ notes: own = [] }) => own);
  return [...new Map(notes.map((note) => [`${note.term}: ${note.words}`, note])).values()];
}

/** All that is said of an exhibit, for a place that has no page around it. */
export function wordsOf({ caption, notes = [] }: Exhibit): string {
  return [caption, ...notes.map(({ term, words }) => `${term}: ${words}`)].join(" ");
}

export interface Exhibit {
  /** Names the exhibit in links and file names: lower case, words joined by hyphens. */
  readonly id: string;
  readonly title: string;
  /** What is shown and what it is out of, in a sentence or two: at most `longestCaption` letters, names and folders aside. */
  readonly caption: string;
  /** What its words mean and how its numbers were made; the same for many exhibits, so that a page says it once. */
  readonly notes?: readonly Note[];
  readonly data: readonly DataRow[];
}

export interface Table extends Exhibit {
  readonly columns: readonly Column[];
  /** Cells as they are read, one list a row; as long as `columns`. */
  readonly rows: readonly (readonly string[])[];
}

export interface Column {
  readonly name: string;
  readonly align: "left" | "right";
}

/** A figure as a file: on white, for its colours are those of a light page where no page says otherwise. */
export function standalone(svg: string): string {
  return svg.replace("<svg ", '<svg style="background: #fff; color: #1a1a1a" ');
}

export interface Figure extends Exhibit {
  /** A whole SVG element, without a script and without anything to load. */
  readonly svg: string;
  /** The same for a screen that has no room beside the lines for their names. */
  readonly narrow?: string;
}
