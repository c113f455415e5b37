/**
 * What a report shows: tables and figures, each with a caption and the data behind it.
 *
 * Owns the shapes. Knows neither how an exhibit is made nor what it is rendered to.
 */

/** One line of the data behind an exhibit: column name to value, the same columns in every line. */
export type DataRow = Readonly<Record<string, string | number | null>>;

export interface Exhibit {
  /** Names the exhibit in links and file names: lower case, words joined by hyphens. */
  readonly id: string;
  readonly title: string;
  /** What is shown, how it was computed and what it is out of, in whole sentences. */
  readonly caption: string;
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

export interface Figure extends Exhibit {
  /** A whole SVG element, without a script and without anything to load. */
  readonly svg: string;
}
