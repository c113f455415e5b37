/**
 * What a bench came to, for the terminal: the tables that answer first, and what they do not decide; the report has it all.
 *
 * It chooses the tables and the columns that a terminal has room for. It computes nothing.
 */
import { comparedSpaces } from "../report/comparison.ts";
import type { Table } from "../report/exhibit.ts";
import { type Undecided, undecidedOn, undecidedSentence } from "../report/noise.ts";
import { tablesOfSpace } from "../report/tables.ts";
import { readStudy } from "../app/read-study.ts";
import { wrapped } from "../text/wrapped.ts";
import { paint } from "./style.ts";
import { table } from "./table.ts";

const wide = /^(Median|95 % interval|Test as printed|Evaluations.*|Calls|Tokens.*)$/;
/** The beginnings of the ids of the tables that are drawn. */
const drawn = /^(results|blind)-/;

/** A space that cannot tell all searches apart, in words and in numbers. */
interface UndecidedSpace extends Omit<Undecided, "measure"> {
  readonly space: string;
  readonly measure: string;
  readonly words: string;
}

/** `columns` is how wide the terminal is; null: it is none. */
export async function benchLines(
  folder: string,
  columns: number | null,
): Promise<{ tables: Table[]; undecided: UndecidedSpace[]; lines: string[] }> {
  const tables: Table[] = [];
  const undecided: UndecidedSpace[] = [];
  const lines: string[] = [];
  for (const space of comparedSpaces(await readStudy([folder], ""))) {
    const own = tablesOfSpace(space);
    tables.push(...own);
    for (const each of own.filter(({ id }) => drawn.test(id))) {
      const shown = each.id.startsWith("results-") ? narrow(each) : each;
      lines.push(paint("bold", each.title), "", ...whole(shown, columns), "");
    }
    const found = undecidedOn(space);
    if (found === null) continue;
    const words = undecidedSentence(space, found);
    undecided.push({ ...found, space: space.id, measure: found.measure.id, words });
    lines.push(...wrapped(words, columns).split("\n"), "");
  }
  return { tables, undecided, lines };
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
