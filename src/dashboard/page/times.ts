/**
 * Times in words.
 *
 * Owns the wording. Knows no clock: it is handed both times.
 */

/** How long a time of ISO 8601 lies before `now` (milliseconds since 1970), as coarse as it is long ago. */
export function ageWords(at: string, now: number): string {
  const then = Date.parse(at);
  if (Number.isNaN(then)) return "–";
  const seconds = Math.max(0, Math.floor((now - then) / 1_000));
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
