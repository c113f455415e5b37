/**
 * The token that lets a reader steer.
 *
 * It is in memory only, as long as the page is open.
 */

let held: string | null = null;
const listeners = new Set<() => void>();

/** The token that the server took; null: the page can only be read. */
export function token(): string | null {
  return held;
}

/**
 * Asks the server whether a text is the token, and keeps it if so.
 *
 * @returns whether it is
 * @throws TypeError when the server cannot be reached
 */
export async function setToken(text: string): Promise<boolean> {
  const answer = await fetch("/api/token", {
    method: "POST",
    // What cannot be in a header is no token.
    headers: { authorization: `Bearer ${encodeURIComponent(text)}` },
  });
  if (!answer.ok) return false;
  held = text;
  for (const listener of listeners) listener();
  return true;
}

/** Calls back whenever there is another token; returns what ends that. */
export function onToken(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
