/** Lists every table of a report in its order: space by space, results first. */
import { type ComparedSpace, comparedSpaces } from "./comparison.ts";
import type { Table } from "./exhibit.ts";
import { funnelTable, spendTable } from "./spend-table.ts";
import { winnersTable } from "./winners.ts";
import { blindTables, controlTables } from "./paired-table.ts";
import { progressTables } from "./progress-table.ts";
import { resultsTable } from "./results-table.ts";
import type { Study } from "./study.ts";

/** The tables of a study, those that would say nothing left out. */
export function tablesOf(study: Study): Table[] {
  return comparedSpaces(study).flatMap(tablesOfSpace);
}

/** The tables of one of its spaces. */
export function tablesOfSpace(space: ComparedSpace): Table[] {
  return [
    resultsTable(space),
    ...progressTables(space),
    ...controlTables(space),
    ...blindTables(space),
    ...winnersTable(space),
    spendTable(space),
    funnelTable(space),
  ];
}
