/**
 * Tables from named columns and cells.
 *
 * Owns the order of cells and what stands where there is none. Knows nothing of what the cells say.
 */
import type { Column, Exhibit, Table } from "./exhibit.ts";
import { unknown } from "../text/numbers.ts";

/** A column with the key that its cells are given under. */
export interface KeyedColumn<Key extends string> extends Column {
  readonly key: Key;
}

/** A column of words. */
export function words<const Key extends string>(key: Key, name: string): KeyedColumn<Key> {
  return { key, name, align: "left" };
}

/** A column of numbers. */
export function numbers<const Key extends string>(key: Key, name: string): KeyedColumn<Key> {
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
