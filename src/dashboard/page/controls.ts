/**
 * Finds the other runs that can be drawn next to a run, and chooses the first few.
 *
 * The list of runs is enough for that: no run is read.
 */
import type { RunRow } from "../../runs/shown-runs.ts";

/** How many runs are shown beside one at most. */
export const mostControls = 5;

/** What of a run decides which runs it can be compared with. */
export type Compared = Pick<
  RunRow,
  "id" | "space" | "spaceDigest" | "limits" | "searcher" | "model" | "seed" | "isBlind" | "budget"
>;

/**
 * The finished runs of others on the same data within the same limits, without hints and known results: those without
 * roles first, then by searcher and seed. Of runs that look the same but for their folder the latest is kept, because a
 * figure cannot distinguish them.
 */
export function possibleControls(rows: readonly RunRow[], run: Compared): RunRow[] {
  const found = new Map<string, RunRow>();
  for (const row of rows) {
    if (row.condition !== "finished" || row.id === run.id || row.hints + row.known > 0) continue;
    if (row.space !== run.space || row.spaceDigest !== run.spaceDigest) continue;
    if (limitsKey(row.limits) !== limitsKey(run.limits)) continue;
    const key = sameness(row);
    if (key === sameness(run)) continue;
    const other = found.get(key);
    if (other === undefined || row.lastAt > other.lastAt) found.set(key, row);
  }
  return [...found.values()].toSorted(
    (first, second) =>
      Number(first.model !== null) - Number(second.model !== null) ||
      first.searcher.localeCompare(second.searcher, "en") ||
      first.seed - second.seed ||
      first.id.localeCompare(second.id, "en"),
  );
}

/**
 * The runs that are shown unless a reader chooses, at most `mostControls`: those of the same budget where there are any,
 * and one of each searcher before a second of any.
 */
export function firstControls(possible: readonly RunRow[], { budget }: Pick<Compared, "budget">): string[] {
  const seen = new Map<string, number>();
  const alike = possible.filter((row) => row.budget === budget);
  const turns = (alike.length > 0 ? alike : possible).map((row) => {
    const name = JSON.stringify([row.searcher, row.model]);
    const turn = seen.get(name) ?? 0;
    seen.set(name, turn + 1);
    return { row, turn };
  });
  return turns
    .toSorted((first, second) => first.turn - second.turn)
    .slice(0, mostControls)
    .map(({ row }) => row.id);
}

// --- internal ---

function limitsKey(limits: Readonly<Record<string, number>>): string {
  return JSON.stringify(Object.entries(limits).toSorted(([first], [second]) => (first < second ? -1 : 1)));
}

function sameness({ searcher, model, seed, isBlind, budget }: Omit<Compared, "id">): string {
  return JSON.stringify([searcher, model, seed, isBlind, budget]);
}
