/**
 * What a reply used, in tokens, from the report of its server.
 *
 * Owns where servers put their counts and which reading of them is taken: the largest that fits all of them, so that a
 * cap is not passed unnoticed. Knows no request and no price.
 */
import { fieldsOf } from "./json.ts";

/** Null: not reported. */
export interface Counts {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** The part of the input that was read before. */
  readonly cachedTokens: number | null;
  /** The part of the output that was thought. */
  readonly reasoningTokens: number | null;
}

/**
 * Reads the counts of one reply.
 *
 * On some servers the completion includes the thoughts and the prompt includes what was read before; on others not. A part
 * that is larger than its whole was counted apart and is added. A total that exceeds both includes what is missing. A
 * prompt always takes tokens, and so does a reply with text in it: 0 means that the server does not count.
 *
 * @param usage the server's member of that name; of another form, it gives no counts
 * @param hasAnswer whether there is any text in the content, and `hasThoughts` in the thoughts
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
  // Anthropic counts three parts of a prompt apart: new, read from its cache, and written to it.
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

/** Of two reports on one reply, as pieces of a stream bring them, the larger count of each kind. */
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

/** The largest of what are counts; null: none is one. */
function largest(...values: readonly unknown[]): number | null {
  const counts = values.map(countOf).filter((count) => count !== null);
  return counts.length === 0 ? null : Math.max(...counts);
}

function sum(first: number | null, second: number | null): number | null {
  return first === null || second === null ? null : Math.min(first + second, Number.MAX_SAFE_INTEGER);
}

/** A whole with its part in it, wherever the part was counted. */
function wholeOf(whole: number | null, part: number | null): number | null {
  return whole !== null && part !== null && part > whole ? sum(whole, part) : whole;
}
