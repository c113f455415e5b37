/** Names the kinds of things in a record: searchers, endings, verdicts, caps, output modes. */
import type { Cap, OutputMode, StopReason, Verdict } from "../search/events.ts";
import type { RunState } from "../search/state.ts";

/** The searcher of a run by its label, then the models that it asks. */
export function searcherWords({
  search,
  label,
  models,
}: Pick<RunState, "search" | "label" | "models">): string {
  const players = playersOf(models);
  return `${label ?? search.searcher}${players.length === 0 ? "" : ` (${players.join(" and ")})`}`;
}

/** The models that play the roles, each once; none where no role is played. */
export function playersOf(models: RunState["models"]): string[] {
  return models === null ? [] : [...new Set([models.navigator, models.generator])];
}

/** `20 known results from the run first, which cost no budget`. */
export function knownWords({ known, knownFrom }: Pick<RunState, "known" | "knownFrom">): string {
  const one = known.length === 1;
  return `${known.length} known ${one ? "result" : "results"} from ${knownFrom ?? "elsewhere"}, which cost${one ? "s" : ""} no budget`;
}

/** `3 others within noise`: what cannot be told from the best; empty where there is nothing, or it is not known. */
export function tiesWords(withinNoise: number | null): string {
  if (withinNoise === null || withinNoise === 0) return "";
  return `${withinNoise} ${withinNoise === 1 ? "other" : "others"} within noise`;
}

/** Why a run came to its end. */
export const endings: Readonly<Record<StopReason, string>> = {
  budget: "the budget is spent",
  target: "the target is reached",
  rounds: "the last round is played",
  stalled: "several rounds in a row brought nothing new",
  "nothing-within-limit": "nothing within the limits was found",
  "nothing-succeeded": "every evaluation so far failed",
  "token-cap": "the cap on tokens is reached",
  "money-cap": "the cap on money is reached",
  "time-cap": "the cap on time is reached",
};

export const capUnits: Readonly<Record<Cap, string>> = { tokens: "tokens", usd: "USD", seconds: "s" };

/** What was decided about a candidate, in a word or two. */
export const verdictNames: Readonly<Record<Verdict["kind"], string>> = {
  unreadable: "unreadable",
  illegal: "illegal",
  repeated: "repeated",
  "over-limit": "over the limit",
  equivalent: "equivalent",
  "beyond-budget": "beyond the budget",
  accepted: "accepted",
};

/** What a role was asked for, by how the server is held to it. */
export const outputModeWords: Readonly<Record<OutputMode, string>> = {
  "json-schema": "JSON under a schema",
  "json-object": "a JSON object",
  text: "JSON in words",
};

/** What happened to a prompt that its server cut. */
export function truncationWords(promptTokens: number): string {
  return `The server cut this prompt: the conversation had grown, and no more than ${promptTokens} tokens of it were read`;
}
