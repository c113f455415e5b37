/**
 * What a person who watches the search tells the Navigator.
 *
 * Owns how hints stand in a prompt: the same in every wording, for the words are the person's own. Knows neither who
 * gave them nor how they came.
 */
import { hintsFor } from "../search/conversation.ts";
import type { Hint, RunState } from "../search/state.ts";
import { bulleted } from "./wordings/texts.ts";

/** So many of the earlier ones are told again, the latest, each up to this length. */
const mostEarlier = 10;
const longestEarlier = 500;

/** The section that ends the request for the strategy of `round`; none where nobody gave a hint. */
export function hintsTold(state: RunState, round: number): string[] {
  const hints = hintsFor(state, round);
  if (hints.length === 0) return [];
  return [
    "# From the person who watches the search",
    "Weigh this as advice: follow it as far as the results and the limits allow. The form of your answer stays as it was asked for.",
    listed(hints.map(({ text }) => text)),
  ];
}

/** What was told before `round`, for a conversation that begins anew. */
export function earlierHintsTold({ hints }: RunState, round: number): string[] {
  const earlier = hints.filter((hint) => hint.round < round);
  if (earlier.length === 0) return [];
  const lines = earlier.slice(-mostEarlier).map((hint) => `round ${hint.round}: ${cut(hint)}`);
  return ["# What the person who watches the search advised before", listed(lines)];
}

// --- internal ---

/** A list whose entries may have several lines. */
function listed(texts: readonly string[]): string {
  return bulleted(texts.map((text) => text.replaceAll("\n", "\n  ")));
}

function cut({ text }: Hint): string {
  return text.length > longestEarlier ? `${text.slice(0, longestEarlier)}…` : text;
}
