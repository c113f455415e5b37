/**
 * Reads a file of results: architectures with metrics, as JSON lines, one JSON list, or CSV. The form follows from the
 * content.
 *
 * Every row comes with its place in the file. No space is known here: what a row holds is not judged.
 */
import { UsageError } from "../errors.ts";
import { NotRegular, readNamedWithin, TooLarge } from "../system/regular-file.ts";
import { reasonOf } from "../system/system-error.ts";
import { isObject, quotedValue } from "../text/json.ts";
import { plain } from "../text/plain.ts";
import { cutTo, oneLine } from "../text/words.ts";

/** A row as it is in a file, and where: `line 3`, `entry 3`. */
export interface KnownRow {
  readonly place: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The largest file that is read, in bytes, and the most rows. */
const mostBytes = 64 * 2 ** 20;
export const mostResults = 100_000;

/** What a file of results may be, for messages. */
const forms =
  'a file of results holds one JSON object a line, such as {"architecture": …, "accuracy": 71.2}, or a list of them, or CSV with a header';

/** The rows of a file, in order. @throws UsageError naming the line or entry that is no row */
export async function readKnownRows(path: string): Promise<KnownRow[]> {
  const text = await textOf(path);
  const start = text.trimStart()[0];
  if (start === undefined) throw new UsageError(`known: ${path} is empty; ${forms}`);
  const rows =
    start === "["
      ? rowsOfList(path, text)
      : start === "{"
        ? rowsOfLines(path, text)
        : await rowsOfCsv(path, text);
  if (rows.length === 0)
    throw new UsageError(`known: ${path} holds no result; leave known out, or name another file`);
  return rows;
}

/** @throws UsageError for more results than a search begins with */
export function refuseTooMany(path: string, count: number): void {
  if (count > mostResults)
    throw new UsageError(`known: ${path} has more than ${mostResults} results; give the best of them`);
}

/** Text from a file, for a message. */
export function shown(text: string): string {
  return cutTo(oneLine(plain(text)), 300);
}

// --- internal ---

async function textOf(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readNamedWithin(path, mostBytes);
  } catch (error) {
    const reason = error instanceof NotRegular || error instanceof TooLarge ? error.message : reasonOf(error);
    throw new UsageError(
      `known: cannot read ${path}: ${reason}; name a file of results or the folder of a run`,
      {
        cause: error,
      },
    );
  }
  try {
    // A byte order mark at the beginning is left out.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UsageError(`known: ${path} is not UTF-8 text; ${forms}`, { cause: error });
  }
}

function rowsOfList(path: string, text: string): KnownRow[] {
  const list = jsonIn(text, path, "") as readonly unknown[];
  refuseTooMany(path, list.length);
  return list.map((value, index) => rowOf(value, path, `entry ${index + 1}`));
}

function rowsOfLines(path: string, text: string): KnownRow[] {
  const rows: KnownRow[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const place = `line ${index + 1}`;
    rows.push(rowOf(jsonIn(line, path, `, ${place}`), path, place));
    refuseTooMany(path, rows.length);
  }
  return rows;
}

function jsonIn(text: string, path: string, place: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UsageError(`known: ${path}${place}: no JSON (${shown((error as Error).message)}); ${forms}`, {
      cause: error,
    });
  }
}

function rowOf(value: unknown, path: string, place: string): KnownRow {
  if (isObject(value)) return { place, fields: value };
  throw new UsageError(`known: ${path}, ${place}: ${shown(quotedValue(value))} is no object; ${forms}`);
}

/** CSV as spreadsheets and pandas write it. A cell that begins with [ or { is JSON, any other is text. */
async function rowsOfCsv(path: string, text: string): Promise<KnownRow[]> {
  const { CsvError, parse } = await import("csv-parse/sync");
  let lines: { readonly record: readonly string[]; readonly info: { readonly lines: number } }[];
  try {
    const options = { bom: true, info: true, skip_empty_lines: true, trim: true, to: mostResults + 2 };
    // Its types do not know that `info` puts each record into an object.
    lines = parse(text, options) as unknown as typeof lines;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UsageError(`known: ${path}: no CSV (${shown(error.message)}); ${forms}`, { cause: error });
  }
  const [header, ...rows] = lines;
  refuseTooMany(path, rows.length);
  const names = header?.record ?? [];
  const twice = names.find((name, place) => names.indexOf(name) < place);
  if (twice !== undefined)
    throw new UsageError(`known: ${path}, line 1: two columns are called "${shown(twice)}"; leave one out`);
  return rows.map(({ record, info }) => {
    const place = `line ${info.lines}`;
    const cells = record.map((cell) => (/^[[{]/.test(cell) ? jsonIn(cell, path, `, ${place}`) : cell));
    return { place, fields: Object.fromEntries(names.map((name, column) => [name, cells[column]])) };
  });
}
