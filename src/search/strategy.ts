/**
 * The outline of a strategy: the text that the Navigator writes and the Generator reads.
 *
 * It has the section headings, how a range is written, and how to find the summary in a text that follows them. It does
 * not depend on the author of the text or on the space.
 */

/** The sections of a strategy, in order. "Directions" has one subsection for each dimension. */
export const strategySections = ["Summary", "What worked and why", "Directions", "Ranges", "Avoid"] as const;

/** The shares of the choices in one slot, as a line of the section "Ranges" gives them. */
export interface Range {
  /** The dimension's name. */
  readonly dimension: string;
  /** The flat slot index; null when the line speaks of the whole dimension. */
  readonly slot: number | null;
  /** Choice tokens with their percentages, best first. */
  readonly shares: readonly { readonly token: string; readonly percent: number }[];
}

const plainToken = /^[^\s`,;()"]+$/;

/** One line of the section "Ranges". */
export function printRange({ dimension, slot, shares }: Range): string {
  const place = slot === null ? dimension : `${dimension}[${slot}]`;
  const list = shares.map(
    ({ token, percent }) => `${plainToken.test(token) ? token : JSON.stringify(token)} ${percent}%`,
  );
  return `- ${place}: ${list.join(", ")}`;
}

/** The strategy in a sentence or two: its summary, or the first words that are not a heading. */
export function strategySummary(strategy: string): string {
  const lines = strategy.split("\n").map((line) => line.trim());
  const heading = lines.findIndex((line) => summaryHeading.test(line));
  const words: string[] = [];
  // Some models write the summary into the line of its heading.
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
