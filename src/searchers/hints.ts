/**
 * Writes a person's hints into the Navigator's prompt.
 *
 * It is the same in every wording, because the words are the person's own. How a hint arrives is not known here.
 */
import { hintsFor } from "../search/conversation.ts";
import type { RunState } from "../search/state.ts";
import { bulleted } from "./wordings/texts.ts";
import { cutTo } from "../text/words.ts";

/** The most earlier hints that are repeated, the latest ones, each cut to this length. */
const mostEarlier = 10;
const longestEarlier = 500;

/** The section that ends the request for the strategy of `round`; empty where nobody gave a hint. */
export function hintSection(state: RunState, round: number): string[] {
  const hints = hintsFor(state, round);
  if (hints.length === 0) return [];
  return [
    "# From the person who watches the search",
    "Weigh this as advice: follow it as far as the results and the limits allow. The form of your answer stays as it was asked for.",
    listed(hints.map(({ text }) => text)),
  ];
}

/** The hints before `round`, for a new conversation. */
export function earlierHintSection({ hints }: RunState, round: number): string[] {
  const earlier = hints.filter((hint) => hint.round < round);
  if (earlier.length === 0) return [];
  const lines = earlier
    .slice(-mostEarlier)
    .map((hint) => `round ${hint.round}: ${cutTo(hint.text, longestEarlier)}`);
  return ["# What the person who watches the search advised before", listed(lines)];
}

// --- internal ---

/** A list whose entries may have several lines. */
function listed(texts: readonly string[]): string {
  return bulleted(texts.map((text) => text.replaceAll("\n", "\n  ")));
}
