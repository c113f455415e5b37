/**
 * The lines of the list of runs: single runs, and benches with their runs.
 *
 * A bench's line says what its runs share, and counts them. Results of a bench are in its report.
 */
import type { BenchRow, Condition, RunRow } from "../../runs/shown-runs.ts";
import { type Filter, isFiltered, type Order, ordered, shownRows } from "./run-table.ts";

export type Line =
  | { readonly kind: "run"; readonly row: RunRow }
  | {
      readonly kind: "bench";
      readonly bench: BenchRow;
      /** Its runs together, in the columns of a run. */
      readonly row: RunRow;
      /** How many of its runs there are, and how many ended. */
      readonly begun: number;
      readonly finished: number;
      /** Those of its runs that the filter leaves, in order. */
      readonly runs: readonly RunRow[];
    };

/** The lines that a filter leaves, in order. */
export function shownLines(
  rows: Iterable<RunRow>,
  benches: readonly BenchRow[],
  filter: Filter,
  order: Order,
): Line[] {
  const own = new Map<BenchRow | null, RunRow[]>();
  for (const row of rows) {
    const bench = benchOf(row.id, benches);
    const members = own.get(bench);
    if (members === undefined) own.set(bench, [row]);
    else members.push(row);
  }
  const alone = shownRows(own.get(null) ?? [], filter, order).map((row): Line => ({ kind: "run", row }));
  const together = benches.flatMap((bench): Line[] => {
    const members = own.get(bench) ?? [];
    const runs = shownRows(members, filter, order, bench.title);
    if (runs.length === 0 && isFiltered(filter)) return [];
    const finished = members.filter(({ condition }) => condition === "finished").length;
    const row = rowOfBench(bench, members, finished);
    return [{ kind: "bench", bench, row, begun: members.length, finished, runs }];
  });
  return ordered([...alone, ...together], ({ row }) => row, order);
}

/** The name of a run within its bench: its folder below the bench's runs. */
export function nameWithin(bench: Pick<BenchRow, "id">, id: string): string {
  return (bench.id === "." ? id : id.slice(bench.id.length + 1)).replace(/^runs\//, "");
}

// --- internal ---

/** The innermost bench that a run lies in; null: it is a run by itself. */
function benchOf(id: string, benches: readonly BenchRow[]): BenchRow | null {
  const around = (bench: BenchRow) => (bench.id === "." ? "" : `${bench.id}/`);
  return benches
    .filter((bench) => id.startsWith(around(bench)))
    .reduce<BenchRow | null>(
      (inner, bench) => (inner === null || around(bench).length > around(inner).length ? bench : inner),
      null,
    );
}

function rowOfBench(bench: BenchRow, runs: readonly RunRow[], finished: number): RunRow {
  const sum = (pick: (row: RunRow) => number | null) =>
    runs.reduce<number | null>((all, row) => {
      const value = pick(row);
      return value === null ? all : (all ?? 0) + value;
    }, null);
  const times = (pick: (row: RunRow) => string) =>
    runs
      .map(pick)
      .filter((at) => at !== "")
      .toSorted();
  const models = runs.flatMap(({ model }) => (model === null ? [] : [model]));
  return {
    id: bench.id,
    condition: conditionOf(bench, runs, finished),
    trouble: bench.trouble,
    space: shared(
      runs.map(({ space }) => space),
      "spaces",
    ),
    spaceDigest: "",
    searcher: shared(
      runs.map(({ searcher }) => searcher),
      "searchers",
    ),
    model: models.length === 0 ? null : shared(models, "models"),
    seed: 0,
    isBlind: runs.length > 0 && runs.every(({ isBlind }) => isBlind),
    known: 0,
    hints: 0,
    limits: {},
    metric: null,
    best: null,
    evaluations: sum(({ evaluations }) => evaluations) ?? 0,
    budget: sum(({ budget }) => budget) ?? 0,
    rounds: sum(({ rounds }) => rounds) ?? 0,
    tokens: sum(({ tokens }) => tokens),
    usd: sum(({ usd }) => usd),
    startedAt: times(({ startedAt }) => startedAt)[0] ?? "",
    lastAt: times(({ lastAt }) => lastAt).at(-1) ?? "",
    ended: null,
  };
}

/** The most urgent state of its runs; a bench is finished when all its planned runs are. */
function conditionOf({ planned, failed }: BenchRow, runs: readonly RunRow[], finished: number): Condition {
  const urgent = (["running", "paused", "damaged"] as const).find((each) =>
    runs.some(({ condition }) => condition === each),
  );
  return urgent ?? (finished + failed >= Math.max(planned, runs.length) ? "finished" : "stopped");
}

/** What all have in common, or how many there are. */
function shared(names: readonly string[], many: string): string {
  const different = [...new Set(names.filter((name) => name !== ""))];
  return different.length <= 1 ? (different[0] ?? "") : `${different.length} ${many}`;
}
