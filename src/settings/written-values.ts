/**
 * Reads what a person writes after a flag or into a file: the accepted spellings of a number and of a path.
 *
 * No setting is known here. It imports almost nothing: the command line needs it before a command is known.
 */
import { homedir } from "node:os";
import { join } from "node:path";

// ----- Paths -----

/** A path, with `~` read as a shell reads it: a shell does not read it in `--out=~/runs` or in a file. */
export function homePath(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}

/** Why `path` is not read; null: it is. */
export function pathRefusal(path: string): string | null {
  return /^~[^/]/.test(path)
    ? `begins with ~, which means your own folder only as ~ or ~/…; write the whole path, or ./${path} for a file of that name`
    : null;
}

// ----- Numbers -----

const decimal = /^[+-]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
/** Texts that are read as numbers, and as whole numbers, for programs that check a file before it is read. */
export const numberPattern = decimal.source;
export const countPattern = `${decimal.source.slice(0, -1)}[kKM]?$`;
const thousands: Readonly<Record<string, number>> = { "": 1, k: 1e3, K: 1e3, M: 1e6 };

/** A number, such as 12, 1_000, 0.5 or 1e6; null: it is not one. */
export function readNumber(text: string): number | null {
  const value = decimal.test(text.trim()) ? Number(text.trim().replaceAll("_", "")) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}

/** A whole number, such as 40, 200k, 2M or 1e6; null: it is not one. */
export function readCount(text: string): number | null {
  const [, digits = "", unit = ""] = /^(.*?)\s*([kKM]?)$/.exec(text.trim()) ?? [];
  const value = (readNumber(digits) ?? Number.NaN) * (thousands[unit] ?? Number.NaN);
  const whole = Math.round(value);
  // 1.1 times a million is not quite whole in binary.
  return Number.isSafeInteger(whole) && Math.abs(value - whole) <= 1e-9 * Math.abs(whole) ? whole : null;
}

/** What a whole number may look like, for messages. */
export const countForms = "a whole number, such as 2000, 200k, 2M or 1e6";
