/**
 * A search inside the measuring process: its usual settings, and a journal that keeps nothing.
 *
 * Owns what the measurements of searchers share. Needs dist/.
 */
import { systemClock } from "../dist/system/clock.js";
import { parseConfig, searchConfigOf } from "../dist/settings/config.js";
import { formatVersion } from "../dist/search/events.js";

/** What a search is where nobody says otherwise, as the program itself has it. */
export const usualSearch = searchConfigOf(parseConfig({ space: "any" }, ""));

export function memoryJournal() {
  let seq = 0;
  const at = systemClock.now();
  return { append: async (bodies) => bodies.map((body) => ({ v: formatVersion, seq: ++seq, at, ...body })) };
}
