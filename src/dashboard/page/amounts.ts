/**
 * Numbers as the page of a run writes them: with units, and no more digits than count.
 *
 * Owns the wording. Knows no run: it is handed numbers.
 */
import { amount, unknown } from "../../report/format.ts";

/** A number in at most six significant digits; a dash where it is not known. */
export function number(value: number | null | undefined): string {
  return value === null || value === undefined ? unknown : String(Number(value.toPrecision(6)));
}

/** A number with its unit, where it has one. */
export function withUnit(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return unknown;
  return unit === "" ? number(value) : `${number(value)} ${unit === "percent" ? "%" : unit}`;
}

/** A length of time in words, as coarse as it is long. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `1 round`, `2 rounds`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${amount(count)} ${count === 1 ? one : many}`;
}
