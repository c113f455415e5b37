/**
 * Times and lengths of time as people read them.
 *
 * Pure: it knows no clock and is given every time.
 */

import { unknown } from "./numbers.ts";

/** A length of time in words, as coarse as it is long. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The same; a short one to a tenth of a second. */
export function preciseDuration(seconds: number): string {
  return seconds < 10 ? `${Number(seconds.toFixed(1))} s` : duration(seconds);
}

/** How long ago something was, as coarse as it is long ago. `elapsed` is in seconds; a dash where it is not a number. */
export function ageWords(elapsed: number): string {
  if (Number.isNaN(elapsed)) return unknown;
  const seconds = Math.max(0, Math.floor(elapsed));
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ago`;
  return `${Math.floor(hours / 24)} days ago`;
}

/** A time of ISO 8601 to the second, in UTC. */
export function exactTime(at: string): string {
  return at === "" ? "not known" : `${at.slice(0, 19).replace("T", " ")} UTC`;
}
