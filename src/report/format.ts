/**
 * How numbers and names are written in tables and captions.
 *
 * Owns rounding, the words for what is not known, and how a word is quoted for a shell. Knows no run: it is handed numbers and
 * words.
 */
import { type Interval, mean, median, sd } from "./statistics.ts";

/** Stands where there is no number, or none that is known. */
export const unknown = "–";

/** How many decimals show four digits of the largest of some numbers. */
export function decimalsFor(values: readonly number[]): number {
  const largest = Math.max(0, ...values.map(Math.abs));
  return largest === 0 ? 2 : Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(largest))));
}

export function fixed(value: number | null, decimals: number): string {
  return value === null ? unknown : value.toFixed(decimals);
}

/** With its sign, but for what rounds to zero. */
export function signed(value: number | null, decimals: number): string {
  if (value === null) return unknown;
  const text = value.toFixed(decimals);
  if (Number(text) === 0) return (0).toFixed(decimals);
  return value > 0 ? `+${text}` : text;
}

/** Mean ± standard deviation of the numbers that are known, and of how many where that is not all. */
export function spreadOf(values: readonly (number | null)[], decimals: number): string {
  const known = values.filter((value) => value !== null);
  const centre = mean(known);
  if (centre === null) return unknown;
  const some = known.length === values.length ? "" : ` (${known.length} of ${values.length})`;
  return `${plusMinus({ mean: centre, sd: sd(known) }, decimals)}${some}`;
}

export function plusMinus(spread: { mean: number; sd: number | null }, decimals: number): string {
  const centre = spread.mean.toFixed(decimals);
  return spread.sd === null ? centre : `${centre} ± ${spread.sd.toFixed(decimals)}`;
}

export function range(interval: Interval | null, write: (value: number) => string): string {
  return interval === null ? unknown : `${write(interval.low)} to ${write(interval.high)}`;
}

/** A count or a mean of counts, with thousands marked. */
export function amount(value: number | null): string {
  // Intl.NumberFormat does the same, but takes a browser 80 ms to make.
  const [whole = "", part = ""] = (value ?? 0).toFixed(1).split(".");
  const marked = whole.replace(/\B(?=(?:\d{3})+$)/g, ",");
  return value === null ? unknown : part === "0" ? marked : `${marked}.${part}`;
}

/** An amount of money, small ones to two digits that count; a dash where it is not known. */
export function money(value: number | null): string {
  if (value === null) return unknown;
  return value === 0 || value >= 1 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
}

/**
 * The median of numbers some of which were never reached (null, later than all others), or how many were reached where
 * that is no more than half.
 */
export function reachedMedian(values: readonly (number | null)[]): { median: number | null; text: string } {
  const reached = values.filter((value) => value !== null).length;
  const middle = median(values.map((value) => value ?? Number.POSITIVE_INFINITY)) ?? Number.POSITIVE_INFINITY;
  if (!Number.isFinite(middle))
    return { median: null, text: values.length === 0 ? unknown : `${reached} of ${values.length} reached` };
  const some = reached === values.length ? "" : `, ${reached} of ${values.length} reached`;
  return { median: middle, text: `${amount(middle)}${some}` };
}

/** As part of an id or a file name: lower case, words joined by hyphens. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}

/** "a", "a and b", "a, b and c". */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A length of time in words, as coarse as it is long. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A unit as it follows a number. */
export function unitSign(unit: string): string {
  return unit === "percent" ? "%" : unit;
}

/** What a reader does not see and a terminal or an editor obeys: controls, formats, marks of direction, fillers. */
const unseen = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** Those of them that begin a line somewhere. */
const lineBreaks = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;

/** Text from elsewhere without what is not seen: it may be shown, not obeyed. Line breaks and tabs stay. */
export function plain(text: string): string {
  return text.replace(lineBreaks, (found) => (found === "\r\n" ? "\n" : " ")).replace(unseen, "");
}

/** JSON with whatever is not seen written as `\u…`: another spelling of the same value. */
export function plainJson(json: string): string {
  return json.replace(/\r/g, " ").replace(unseen, (found) =>
    Array.from({ length: found.length }, (_, at) => found.charCodeAt(at))
      .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
