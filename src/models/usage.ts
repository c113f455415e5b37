/**
 * Reads from a server's report how many tokens a reply used.
 *
 * Servers put their counts in different places and count in different ways. Where a report can be read in several ways,
 * the largest count is taken, so that no cap is passed unnoticed.
 */
import { fieldsOf } from "../text/json.ts";

/** Null: not reported. */
export interface Counts {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** The part of the input that came from a cache. */
  readonly cachedTokens: number | null;
  /** The part of the output that was thoughts. */
  readonly reasoningTokens: number | null;
}

/**
 * Reads the counts of one reply.
 *
 * On some servers the completion includes the thoughts and the prompt includes the cached part; on others not. A part
 * that is larger than its whole was counted separately and is added. A total that is larger than prompt and completion
 * includes what is missing. A prompt always takes tokens, and so does a reply with text: 0 means that the server does not
 * count.
 *
 * @param usage the server's member `usage`; one of another form gives no counts
 * @param hasAnswer whether there is text in the content
 * @param hasThoughts whether there is text in the thoughts
 */
export function countsOf(usage: unknown, hasAnswer: boolean, hasThoughts: boolean): Counts {
  const counts = fieldsOf(usage);
  const details = (...names: readonly string[]) => names.map((name) => fieldsOf(counts[name]));
  const inputDetails = details("prompt_tokens_details", "input_tokens_details");
  const outputDetails = details("completion_tokens_details", "output_tokens_details");
  const cached = largest(
    ...inputDetails.map((each) => each["cached_tokens"]),
    // DeepSeek; Anthropic; Moonshot.
    counts["prompt_cache_hit_tokens"],
    counts["cache_read_input_tokens"],
    counts["cached_tokens"],
  );
  const reasoning = largest(
    ...outputDetails.map((each) => each["reasoning_tokens"]),
    // SGLang; Gemini's own word.
    counts["reasoning_tokens"],
    counts["thoughts_token_count"],
  );
  const total = largest(counts["total_tokens"]) || null;
  const prompt = largest(
    counts["prompt_tokens"],
    counts["input_tokens"],
    sum(largest(counts["prompt_cache_hit_tokens"]), largest(counts["prompt_cache_miss_tokens"])),
  );
  // Anthropic counts three parts of a prompt separately: new, read from its cache, and written to it.
  const written = largest(counts["cache_creation_input_tokens"]);
  const input = wholeOf(prompt, written === null ? cached : sum(cached ?? 0, written)) || null;
  const completion = largest(counts["completion_tokens"], counts["output_tokens"]);
  const isCounted = completion !== 0 || !hasAnswer;
  const reported = isCounted ? wholeOf(completion, reasoning) : null;
  const output = largest(reported, total !== null && input !== null ? total - input : null);
  const rest = total !== null && input === null && output !== null ? total - output : null;
  return {
    inputTokens: input ?? (largest(rest) || null),
    outputTokens: output === 0 && (hasAnswer || hasThoughts) ? null : output,
    cachedTokens: cached,
    reasoningTokens: reasoning,
  };
}

/** Merges two reports on one reply, as the pieces of a stream have them: the larger count of each kind. */
export function merged(before: unknown, later: unknown): unknown {
  if (typeof before === "number" && typeof later === "number") return Math.max(before, later);
  if (typeof later !== "object" || later === null) return later ?? before;
  if (typeof before !== "object" || before === null) return later;
  const [first, second] = [fieldsOf(before), fieldsOf(later)];
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries(Array.from(names, (name) => [name, merged(first[name], second[name])]));
}

// --- internal ---

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** The largest of the values that are counts; null: none is a count. */
function largest(...values: readonly unknown[]): number | null {
  const counts = values.map(countOf).filter((count) => count !== null);
  return counts.length === 0 ? null : Math.max(...counts);
}

function sum(first: number | null, second: number | null): number | null {
  return first === null || second === null ? null : Math.min(first + second, Number.MAX_SAFE_INTEGER);
}

/** A whole that includes its part, wherever the part was counted. */
function wholeOf(whole: number | null, part: number | null): number | null {
  return whole !== null && part !== null && part > whole ? sum(whole, part) : whole;
}
