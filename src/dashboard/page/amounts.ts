/**
 * Numbers as the page of a run writes them: with units, and no more digits than count.
 *
 * Owns the wording. Knows no run: it is handed numbers.
 */
import { amount, duration as coarseDuration, unitSign, unknown } from "../../report/format.ts";

/** A number in at most six significant digits; a dash where it is not known. */
export function number(value: number | null | undefined): string {
  return value === null || value === undefined ? unknown : String(Number(value.toPrecision(6)));
}

/** A number with its unit, where it has one. */
export function withUnit(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return unknown;
  return unit === "" ? number(value) : `${number(value)} ${unitSign(unit)}`;
}

/** A length of time in words, as coarse as it is long; a short one to a tenth of a second. */
export function duration(seconds: number): string {
  return seconds < 10 ? `${Number(seconds.toFixed(1))} s` : coarseDuration(seconds);
}

/** `1 round`, `2 rounds`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${amount(count)} ${count === 1 ? one : many}`;
}
