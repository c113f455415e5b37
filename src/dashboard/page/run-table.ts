/** Which rows of the list of runs are shown, and in which order. */
import type { Condition, RunRow } from "../../runs/shown-runs.ts";

/** The columns, in their order. */
export const columns = [
  { key: "state", name: "State", isNumeric: false },
  { key: "run", name: "Run", isNumeric: false },
  { key: "space", name: "Space", isNumeric: false },
  { key: "searcher", name: "Searcher", isNumeric: false },
  { key: "model", name: "Model", isNumeric: false },
  { key: "best", name: "Best", isNumeric: true },
  { key: "evaluations", name: "Evaluations", isNumeric: true },
  { key: "tokens", name: "Tokens", isNumeric: true },
  { key: "money", name: "Money", isNumeric: true },
  { key: "age", name: "Began", isNumeric: true },
] as const;
export type ColumnKey = (typeof columns)[number]["key"];

export interface Order {
  readonly by: ColumnKey;
  /** Smallest, earliest or first in the alphabet first. For `best` the worst is the smallest, for `age` the oldest. */
  readonly isAscending: boolean;
}

/** The newest run first. */
export const firstOrder: Order = { by: "age", isAscending: false };

/** The new order when a column's head is pressed: numbers begin with the largest, words with the first. */
export function orderAfter({ by, isAscending }: Order, pressed: ColumnKey): Order {
  if (by === pressed) return { by, isAscending: !isAscending };
  return { by: pressed, isAscending: columns.find(({ key }) => key === pressed)?.isNumeric !== true };
}

export interface Filter {
  /** Every word of it must be in the run's id, space, searcher or model; letter case does not count. */
  readonly words: string;
  /** Null: any. */
  readonly condition: Condition | null;
}

/** Whether a filter may leave anything out. */
export function isFiltered({ words, condition }: Filter): boolean {
  return words.trim() !== "" || condition !== null;
}

/**
 * The rows that a filter leaves, in order.
 *
 * @param around words that hold for each of them, such as the title of their bench
 */
export function shownRows(
  rows: Iterable<RunRow>,
  { words, condition }: Filter,
  order: Order,
  around = "",
): RunRow[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const left = [...rows].filter((row) => {
    if (condition !== null && row.condition !== condition) return false;
    const text = [row.id, row.space, row.searcher, row.model ?? "", around].join("\n").toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
  return ordered(left, (row) => row, order);
}

/** Items in the order of their rows; one without a value to sort by is last, in both directions. */
export function ordered<Item>(
  items: readonly Item[],
  rowOf: (item: Item) => RunRow,
  { by, isAscending }: Order,
): Item[] {
  const sign = isAscending ? 1 : -1;
  const keyed = items.map((item) => ({ item, row: rowOf(item), key: keyOf(rowOf(item), by) }));
  keyed.sort((first, second) => {
    if (first.key === null || second.key === null)
      return Number(first.key === null) - Number(second.key === null) || byId(first.row, second.row);
    return sign * compared(first.key, second.key) || byId(first.row, second.row);
  });
  return keyed.map(({ item }) => item);
}

// --- internal ---

/** What needs a reader's eye first comes first. */
const conditions: readonly Condition[] = ["running", "paused", "stopped", "damaged", "finished"];
/** Made once: to compare by locale is slow otherwise. Numbers within names count as numbers. */
const { compare } = new Intl.Collator("en", { numeric: true });

function keyOf(row: RunRow, by: ColumnKey): string | number | null {
  switch (by) {
    case "state":
      return conditions.indexOf(row.condition);
    case "run":
      return row.id;
    case "space":
      return row.space === "" ? null : row.space;
    case "searcher":
      return row.searcher === "" ? null : row.searcher;
    case "model":
      return row.model;
    case "best":
      return row.best === null || row.metric === null
        ? null
        : row.metric.higherIsBetter
          ? row.best
          : -row.best;
    case "evaluations":
      return row.evaluations;
    case "tokens":
      return row.tokens;
    case "money":
      return row.usd;
    case "age":
      return row.startedAt === "" ? null : Date.parse(row.startedAt);
  }
}

function compared(first: string | number, second: string | number): number {
  return typeof first === "number" && typeof second === "number"
    ? first - second
    : compare(String(first), String(second));
}

function byId(first: RunRow, second: RunRow): number {
  return compare(first.id, second.id);
}
