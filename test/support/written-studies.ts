/** Studies of runs whose scores are written out, and the tables that are made of them. */
import type { Reference } from "../../src/report/bench-record.ts";
import type { Table } from "../../src/report/exhibit.ts";
import { tablesOf } from "../../src/report/tables.ts";
import {
  cohortsOf,
  type LostCombination,
  type ReportedRun,
  type RunName,
  type Study,
} from "../../src/report/study.ts";
import { reportedRun, type RunOptions } from "./reported-runs.ts";

/** Runs of one name, a list of scores for each seed from 0. */
export interface Entry extends RunOptions {
  readonly label: string;
  readonly isControl?: boolean;
  readonly scores: readonly (readonly (number | null)[])[];
}

export function studyOf(
  entries: readonly Entry[],
  {
    references = [],
    lost = [],
  }: { references?: readonly Reference[]; lost?: readonly LostCombination[] } = {},
): Study {
  const named = new Map<string, RunName>();
  const runs = entries.flatMap(({ label, isControl = false, scores, ...options }): ReportedRun[] =>
    scores.map((each, seed, all) => {
      const budget = Math.max(...all.map(({ length }) => length));
      const folder = `runs/${options.started?.space?.id ?? "tiny"}/${label}/seed${seed}`;
      named.set(folder, { label, isControl });
      return reportedRun(each, { ...options, folder, search: { budget, ...options.search, seed } });
    }),
  );
  return {
    title: "A study",
    cohorts: cohortsOf(runs, named, lost),
    references,
    unreadable: [],
    command: "collm-nas report runs",
    program: "collm-nas",
    benches: [],
    madeAt: "2026-01-01T00:00:00.000Z",
    versions: {},
  };
}

export function table(study: Study, id: string): Table {
  const found = tablesOf(study).find((each) => each.id === id);
  if (found === undefined) throw new Error(`there is no table ${id}`);
  return found;
}

/** A row as column name to cell. */
export function row({ columns, rows }: Table, at: number): Record<string, string | undefined> {
  return Object.fromEntries(columns.map(({ name }, column) => [name, rows[at]?.[column]]));
}

export const lost = (label: string): LostCombination => ({
  folder: `x/${label}`,
  label,
  isControl: false,
  space: "tiny",
  reason: "killed",
});

export const players = { navigator: "rules", generator: "rules" };
