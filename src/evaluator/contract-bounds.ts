/**
 * Limits the lists and texts in an evaluator's messages, whose size the contract leaves open.
 *
 * Each limit is far above what any known space needs. The size of a whole message is limited by the connection.
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
/** The longest text of one outcome: it goes into the record. */
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

/** The first part of a description that is above its limit, in words; null: none is. */
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

/** Whether a list of spaces is above its limit, in words; null: it is not. */
export function listBeyondBounds(spaces: readonly unknown[]): string | null {
  return spaces.length > most.spaces ? tooMany("spaces", spaces.length) : null;
}

/** A text of an outcome, cut if it is too long for the record. */
export function boundedText(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}…`;
}

/** Whether a text that cannot be cut, because it is not a sentence, is too long for the record. */
export function isTooLong(text: string): boolean {
  return text.length > longestText;
}

// --- internal ---

function tooMany(what: keyof typeof most, count: number): string {
  return `${count} ${what}, and at most ${most[what]} are allowed`;
}
