/**
 * Writes the data of an exhibit as a CSV file (RFC 4180).
 *
 * A head line, CRLF, numbers in full precision with a decimal point, nothing for what is not known. A text that a
 * spreadsheet
 * would take for a formula (it begins with =, +, -, @, a tab or a carriage return) gets an apostrophe before it,
 * because
 * labels and reasons may come from others. Numbers are written as they are, negative ones too.
 */
import { stringify } from "csv-stringify/sync";
import type { DataRow } from "./exhibit.ts";

/** Empty for no data. */
export function csvOf(data: readonly DataRow[]): string {
  const [first] = data;
  if (first === undefined) return "";
  const columns = Object.keys(first);
  return stringify([columns, ...data.map((row) => columns.map((column) => row[column] ?? null))], {
    record_delimiter: "windows",
    // With another delimiter, single line ends would not be quoted.
    quote_record_delimiter: true,
    escape_formulas: true,
  });
}
