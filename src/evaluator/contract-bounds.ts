/**
 * How much an evaluator may say: lists and texts that its messages leave open are held to a size.
 *
 * Owns the numbers, each far above what any space known to us needs, and the words for what exceeds them. Knows no
 * connection, which holds a whole message to its size.
 */

const most = {
  spaces: 10_000,
  dimensions: 1_000,
  "choices in one dimension": 5_000,
  "groups in one dimension": 5_000,
  "slots in all": 20_000,
  metrics: 100,
  costs: 100,
  splits: 100,
} as const;
/** A text of one outcome: it stands in the record. */
const longestText = 10_000;

interface SpaceLists {
  readonly dimensions: readonly {
    readonly choices: readonly unknown[];
    readonly groups: readonly { readonly size: number }[];
  }[];
  readonly metrics: readonly unknown[];
  readonly costs: readonly unknown[];
  readonly splits: readonly unknown[];
}

/** What of a description exceeds its bound, in words; null: nothing. */
export function beyondBounds(space: SpaceLists): string | null {
  const { dimensions, metrics, costs, splits } = space;
  const longest = (lists: readonly (readonly unknown[])[]) =>
    lists.reduce((found, { length }) => Math.max(found, length), 0);
  const counts: readonly [keyof typeof most, number][] = [
    ["dimensions", dimensions.length],
    ["metrics", metrics.length],
    ["costs", costs.length],
    ["splits", splits.length],
    ["choices in one dimension", longest(dimensions.map(({ choices }) => choices))],
    ["groups in one dimension", longest(dimensions.map(({ groups }) => groups))],
    [
      "slots in all",
      dimensions.reduce((sum, { groups }) => groups.reduce((part, { size }) => part + size, sum), 0),
    ],
  ];
  const [found] = counts.filter(([what, count]) => count > most[what]);
  return found === undefined ? null : tooMany(...found);
}

/** What of a list of spaces exceeds its bound, in words; null: nothing. */
export function listBeyondBounds(spaces: readonly unknown[]): string | null {
  return spaces.length > most.spaces ? tooMany("spaces", spaces.length) : null;
}

/** A text of an outcome, cut where it is longer than a record shall hold. */
export function boundedText(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}…`;
}

/** Whether a text that is no sentence, and cannot be cut, is longer than a record shall hold. */
export function isTooLong(text: string): boolean {
  return text.length > longestText;
}

// --- internal ---

function tooMany(what: keyof typeof most, count: number): string {
  return `${count} ${what}, and at most ${most[what]} are taken`;
}
