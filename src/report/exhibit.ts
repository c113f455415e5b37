/**
 * What a report shows: tables and figures, each with a caption and its data, and how a table is put together.
 *
 * What is in an exhibit is decided by its own module; page.ts, markdown.ts and csv.ts write it.
 */
import { unknown } from "../text/numbers.ts";

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

/** How a page sets a cell. An architecture is `text`: long and without a blank; other long cells are `words`. */
export function cellKind(cell: string, align: Column["align"]): "right" | "text" | "words" | "left" {
  if (align === "right") return "right";
  if (cell.length > 24 && !/\s/.test(cell)) return "text";
  return cell.length > 60 ? "words" : "left";
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

// ----- Tables from named columns -----

/** A column with the key that its cells are given under. */
export interface KeyedColumn<Key extends string> extends Column {
  readonly key: Key;
}

/** A column of words. */
export function textColumn<const Key extends string>(key: Key, name: string): KeyedColumn<Key> {
  return { key, name, align: "left" };
}

/** A column of numbers. */
export function numberColumn<const Key extends string>(key: Key, name: string): KeyedColumn<Key> {
  return { key, name, align: "right" };
}

/** The table with these columns; cells of columns that are not there are left out, and a missing cell is unknown. */
export function tableOf<Key extends string>(
  exhibit: Exhibit,
  columns: readonly KeyedColumn<Key>[],
  rows: readonly { readonly [K in Key]?: string | undefined }[],
): Table {
  return {
    ...exhibit,
    columns: columns.map(({ name, align }) => ({ name, align })),
    rows: rows.map((row) => columns.map(({ key }) => row[key] ?? unknown)),
  };
}
