/**
 * The outline of a strategy: the text that the Navigator writes and the Generator reads.
 *
 * Owns the section headings and how to find the summary and the ranges in a text that follows them. Knows neither
 * who wrote the text nor what the space is.
 */

/** The sections of a strategy, in order. "Directions" has one subsection for each dimension. */
export const strategySections = ["Summary", "What worked and why", "Directions", "Ranges", "Avoid"] as const;

/** The share of one choice in one slot, as a line of the section "Ranges" gives it. */
export interface Range {
  /** The dimension's name. */
  readonly dimension: string;
  /** The flat slot index; null when the line speaks of the whole dimension. */
  readonly slot: number | null;
  /** Choice tokens with their percentages, best first. */
  readonly shares: readonly { readonly token: string; readonly percent: number }[];
}

const rangeLine = /^[-*]\s*`?([A-Za-z_][A-Za-z0-9_]*)(?:\[(\d+)\])?`?\s*:\s*(.+)$/s;
/** A token, plain or as a string of JSON, and after it its percentage: `conv3 60%`, `conv3 (60%)`, `"a b" 60%`. */
const share = /(?<![^\s`,;()])(?:("(?:[^"\\]|\\.)*")|`?([^\s`,;()"]+)`?)(?:\s+|\s*\(\s*)(\d+(?:\.\d+)?)\s*%/g;
const plainToken = /^[^\s`,;()"]+$/;

/** One line of the section "Ranges". */
export function printRange({ dimension, slot, shares }: Range): string {
  const place = slot === null ? dimension : `${dimension}[${slot}]`;
  const list = shares.map(
    ({ token, percent }) => `${plainToken.test(token) ? token : JSON.stringify(token)} ${percent}%`,
  );
  return `- ${place}: ${list.join(", ")}`;
}

/** Every range that a text states in the form of `printRange`; other lines are left alone. */
export function readRanges(strategy: string): Range[] {
  return strategy.split("\n").flatMap((line) => {
    const match = rangeLine.exec(line.trim());
    if (match === null) return [];
    const [, dimension = "", slot, list = ""] = match;
    const shares = [...list.matchAll(share)].flatMap(([, quoted, plain = "", percent = "0"]) => {
      const token = quoted === undefined ? plain : unquoted(quoted);
      return token === null ? [] : [{ token, percent: Number(percent) }];
    });
    return shares.length === 0 ? [] : [{ dimension, slot: slot === undefined ? null : Number(slot), shares }];
  });
}

/** The strategy in a sentence or two: its summary, or the first words that are no heading. */
export function strategySummary(strategy: string): string {
  const lines = strategy.split("\n").map((line) => line.trim());
  const heading = lines.findIndex((line) => summaryHeading.test(line));
  const words: string[] = [];
  // Some write the summary into the line of its heading.
  const beside = besideHeading.exec(lines[heading] ?? "")?.[1] ?? "";
  if (beside !== "") words.push(beside);
  for (const line of lines.slice(heading + 1)) {
    const isHeading = anyHeading.test(line);
    if (words.length > 0 && (line === "" || isHeading)) break;
    if (line !== "" && !isHeading) words.push(line.replace(/^[-*]\s+/, ""));
  }
  return words
    .join(" ")
    .replace(/\*\*|`/g, "")
    .trim();
}

// --- internal ---

const summaryHeading = /^(#+\s*|\*\*)+summary\b/i;
const besideHeading = /summary(?:\*\*)?\s*:(?:\*\*)?\s*(.*)$/i;
/** A line that begins with # or is bold as a whole. */
const anyHeading = /^(#|\*\*[^*]+\*\*:?$)/;

/** The string that a piece of JSON stands for, or null when it is none. */
function unquoted(json: string): string | null {
  try {
    return JSON.parse(json) as string;
  } catch {
    return null;
  }
}
