/**
 * What a bench came to, for the terminal: the tables that answer first; the report has them all.
 *
 * It chooses the tables and the columns that a terminal has room for. It computes nothing.
 */
import type { Table } from "../report/exhibit.ts";
import { tablesOf } from "../report/tables.ts";
import { readStudy } from "../app/read-study.ts";
import { paint } from "./style.ts";
import { table } from "./table.ts";

const wide = /^(Median|95 % interval|Test as printed|Evaluations.*|Calls|Tokens.*)$/;
/** The beginnings of the ids of the tables that are drawn. */
const drawn = /^(results|blind)-/;

/** `columns` is how wide the terminal is; null: it is none. */
export async function benchLines(
  folder: string,
  columns: number | null,
): Promise<{ tables: Table[]; lines: string[] }> {
  const tables = tablesOf(await readStudy([folder], ""));
  return {
    tables,
    lines: tables
      .filter(({ id }) => drawn.test(id))
      .flatMap((each) => [
        paint("bold", each.title),
        "",
        ...whole(each.id.startsWith("results-") ? narrow(each) : each, columns),
        "",
      ]),
  };
}

/** A table without the columns that a terminal has no room for. */
function narrow({ columns, rows, ...rest }: Table): Table {
  const kept = columns.flatMap(({ name }, place) => (wide.test(name) ? [] : [place]));
  const pick = <T>(cells: readonly T[]) => kept.flatMap((place) => cells[place] ?? []);
  return { ...rest, columns: pick(columns), rows: rows.map(pick) };
}

function whole(drawn: Table, columns: number | null): string[] {
  return table(
    drawn.rows,
    drawn.columns.map(({ name }) => name),
    columns,
  );
}
