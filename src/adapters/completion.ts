/**
 * A chat completion, whole or in pieces, read into one form.
 *
 * Owns where servers put content, thoughts, token counts and the reason for the end. Knows nothing of the way it came,
 * and judges nothing: what is missing is null or empty.
 */
import { separateThoughts } from "./thoughts.ts";

export interface Completion {
  /** Empty: the server did not say. */
  readonly model: string;
  readonly content: string;
  readonly reasoning: string;
  /** Null where the server did not say, here and below. */
  readonly finishReason: string | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly reasoningTokens: number | null;
}

/** Why an object is no completion: it tells an error, has no choice, or is something else. */
export type NoCompletion =
  | { readonly kind: "error"; readonly error: unknown }
  | { readonly kind: "no-choice" }
  | { readonly kind: "something-else" };

/** Reads a whole answer, as parsed from its JSON. */
export function readCompletion(value: unknown): Completion | NoCompletion {
  const { choices, error, model, usage } = fieldsOf(value);
  if (!Array.isArray(choices)) {
    const isTold = error !== undefined && error !== null && error !== "";
    return isTold ? { kind: "error", error } : { kind: "something-else" };
  }
  if (choices.length === 0) return { kind: "no-choice" };
  const choice = fieldsOf(choices[0]);
  const message = fieldsOf(choice["message"]);
  const reasoning = textOf(message["reasoning_content"]) || textOf(message["reasoning"]);
  const finishReason = textOf(choice["finish_reason"]) || null;
  return completion(textOf(model), textOf(message["content"]), reasoning, finishReason, usage);
}

/** Gathers the pieces of a stream. */
export class Pieces {
  readonly #content: string[] = [];
  readonly #reasoning: string[] = [];
  #model = "";
  #finishReason: string | null = null;
  #usage: unknown;
  #hasChoice = false;
  /** Content and thoughts so far, in characters. */
  characters = 0;

  add(chunk: unknown): void {
    const { choices, model, usage } = fieldsOf(chunk);
    this.#model ||= textOf(model);
    // Some servers tell the count so far in every piece, and most tell it in a last one without a choice.
    if (typeof usage === "object" && usage !== null) this.#usage = usage;
    const [first] = Array.isArray(choices) ? (choices as unknown[]) : [];
    if (first === undefined) return;
    this.#hasChoice = true;
    const choice = fieldsOf(first);
    const delta = fieldsOf(choice["delta"] ?? choice["message"]);
    const content = textOf(delta["content"]);
    const reasoning = textOf(delta["reasoning_content"]) || textOf(delta["reasoning"]);
    if (content !== "") this.#content.push(content);
    if (reasoning !== "") this.#reasoning.push(reasoning);
    this.characters += content.length + reasoning.length;
    this.#finishReason = textOf(choice["finish_reason"]) || this.#finishReason;
  }

  /** Whether the server said why the reply ended: nothing of it is missing then. */
  get isFinished(): boolean {
    return this.#finishReason !== null;
  }

  whole(): Completion | NoCompletion {
    if (!this.#hasChoice) return { kind: "no-choice" };
    const [content, reasoning] = [this.#content.join(""), this.#reasoning.join("")];
    return completion(this.#model, content, reasoning, this.#finishReason, this.#usage);
  }
}

/** The members of an object; none of anything else. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** The value that a text is the JSON of; undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

// --- internal ---

function completion(
  model: string,
  text: string,
  apart: string,
  finishReason: string | null,
  usage: unknown,
): Completion {
  const { thoughts, rest } = separateThoughts(text);
  const counts = fieldsOf(usage);
  const cached = countOf(fieldsOf(counts["prompt_tokens_details"])["cached_tokens"]);
  return {
    model,
    content: rest,
    reasoning: [apart, thoughts].filter((each) => each !== "").join("\n\n"),
    finishReason,
    inputTokens: countOf(counts["prompt_tokens"]),
    outputTokens: countOf(counts["completion_tokens"]),
    // The second is DeepSeek's.
    cachedTokens: cached ?? countOf(counts["prompt_cache_hit_tokens"]),
    reasoningTokens: countOf(fieldsOf(counts["completion_tokens_details"])["reasoning_tokens"]),
  };
}

/** Text, or the text in a list of parts; empty for anything else. */
function textOf(value: unknown): string {
  const texts = Array.isArray(value) ? value.map((part) => fieldsOf(part)["text"]) : [value];
  return texts.filter((text) => typeof text === "string").join("");
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
