/**
 * Reads a chat completion, whole or in pieces, into one form, and finds the answer in it.
 *
 * Servers put content, thoughts, refusals, errors and the reason for the end in different places. Some answers are not
 * in the content: they are among the thoughts, or the model or a filter withholds them. A reply that broke off at its
 * server is no completion. What is missing is null or empty. No text is judged here.
 */
import type { Unanswered } from "../search/events.ts";
import { fieldsOf, parseJson } from "../text/json.ts";
import { endingOf, graver, reasonIn } from "./finish-reason.ts";
import { separateThoughts } from "./thoughts.ts";
import { countsOf, type Counts, merged } from "./usage.ts";
import { cutTo } from "../text/words.ts";

export interface Completion extends Counts {
  /** Empty: the server did not say. */
  readonly model: string;
  readonly content: string;
  readonly reasoning: string;
  /** The member that has thoughts outside the content; null: none has. */
  readonly reasoningIn: ThoughtsMember | null;
  /** What the model says in place of an answer; empty: it does not refuse. */
  readonly refusal: string;
  /** Null: the server did not say. A limit that was reached is `length`, whatever the server calls it. */
  readonly finishReason: string | null;
}

/** The members in which servers put thoughts: the older one first. */
const thoughtsMembers = ["reasoning_content", "reasoning"] as const;
export type ThoughtsMember = (typeof thoughtsMembers)[number];

/** Why an object is not a completion: it broke off, reports an error, has no choice, or is something else. */
export type NoCompletion =
  | { readonly kind: "broken"; readonly reason: string | null; readonly error: unknown }
  | { readonly kind: "error"; readonly error: unknown }
  | { readonly kind: "no-choice" }
  | { readonly kind: "something-else" };

/** Reads a whole answer, as parsed from its JSON. */
export function readCompletion(value: unknown): Completion | NoCompletion {
  const { choices, error } = fieldsOf(value);
  if (!Array.isArray(choices) || choices.length === 0) {
    const reported = bareError(value) ?? error;
    if (isError(reported)) return { kind: "error", error: reported };
    return { kind: Array.isArray(choices) ? "no-choice" : "something-else" };
  }
  const pieces = new Pieces();
  pieces.add(value, "message");
  return pieces.whole();
}

/** Gathers the pieces of a stream. */
export class Pieces {
  readonly #content: string[] = [];
  readonly #reasoning: string[] = [];
  readonly #refusal: string[] = [];
  #reasoningIn: ThoughtsMember | null = null;
  #model = "";
  #reason: string | null = null;
  #usage: unknown;
  #error: unknown;
  #hasChoice = false;
  /** Content and thoughts so far, in characters. */
  characters = 0;

  /** @param member where a choice has its text: `message` in a whole answer, `delta` in a piece of a stream */
  add(chunk: unknown, member: "delta" | "message" = "delta"): void {
    const { choices, model, usage, error, x_groq: groq } = fieldsOf(chunk);
    this.#model ||= textOf(model);
    const [first] = Array.isArray(choices) ? (choices as unknown[]) : [];
    const choice = fieldsOf(first);
    // Some servers count in every piece, most in a last piece without a choice, Moonshot within the choice.
    for (const each of [usage, choice["usage"], fieldsOf(groq)["usage"]])
      if (typeof each === "object" && each !== null) this.#usage = merged(this.#usage, each);
    for (const each of [error, choice["error"], first === undefined ? bareError(chunk) : undefined])
      if (isError(each)) this.#error ??= each;
    if (first === undefined) return;
    this.#hasChoice = true;
    const said = fieldsOf(choice[member] ?? choice["message"]);
    const content = textOf(said["content"]);
    const thoughtsIn = thoughtsMembers.find((name) => textOf(said[name]) !== "");
    const reasoning = thoughtsIn === undefined ? "" : textOf(said[thoughtsIn]);
    const refusal = textOf(said["refusal"]);
    if (content !== "") this.#content.push(content);
    if (reasoning !== "") this.#reasoning.push(reasoning);
    if (refusal !== "") this.#refusal.push(refusal);
    this.#reasoningIn ??= thoughtsIn ?? null;
    this.characters += content.length + reasoning.length;
    // OpenRouter adds the provider's own word. It says more than "stop", but not more than other words.
    const reason = reasonIn(choice["finish_reason"]);
    const native = endingOf(reason) === "whole" ? reasonIn(choice["native_finish_reason"]) : null;
    this.#reason = graver(this.#reason, graver(native, reason));
  }

  /** Whether the server said why the reply ended: then nothing more comes. */
  get isFinished(): boolean {
    return this.#reason !== null;
  }

  whole(): Completion | NoCompletion {
    if (this.#error !== undefined || endingOf(this.#reason) === "broken")
      return { kind: "broken", reason: this.#reason, error: this.#error };
    if (!this.#hasChoice) return { kind: "no-choice" };
    const apart = this.#reasoning.join("");
    const { thoughts, rest } = separateThoughts(this.#content.join(""));
    return {
      model: this.#model,
      content: rest,
      reasoning: [apart, thoughts].filter((each) => each !== "").join("\n\n"),
      reasoningIn: this.#reasoningIn,
      refusal: this.#refusal.join("").trim(),
      finishReason: endingOf(this.#reason) === "cut" ? "length" : this.#reason,
      ...countsOf(this.#usage, rest.trim() !== "", `${apart}${thoughts}`.trim() !== ""),
    };
  }
}

/** What is in a reply: an answer, with a note where one is needed; or no answer, and why. */
export interface FoundAnswer {
  readonly completion: Completion;
  readonly note: string | null;
  readonly unanswered: Unanswered | null;
}

/**
 * Finds the answer in a completion.
 *
 * Some servers treat all text as thoughts. The answer is read from the thoughts where thinking was turned off, or where
 * they are nothing but the JSON that was asked for. Text that may be thoughts, or was cut off, is never read as an answer.
 *
 * @param thinking whether the request turns thinking on or off; null: it does not say
 * @param isJson whether JSON was asked for
 */
export function findAnswer(completion: Completion, thinking: boolean | null, isJson: boolean): FoundAnswer {
  const { content, reasoning, reasoningIn: member, finishReason, refusal } = completion;
  const ending = endingOf(finishReason);
  if (ending === "withheld") return without(completion, withheld(finishReason ?? "", refusal));
  if (content.trim() !== "") return { completion, note: null, unanswered: null };
  if (refusal !== "") return without(completion, refused(refusal));
  const isElsewhere = /^(tool_calls|function_call)$/.test(finishReason ?? "");
  const isCut = ending === "cut";
  if (member === null || reasoning.trim() === "" || isElsewhere || (isCut && thinking !== false))
    return { completion, note: null, unanswered: null };
  const { rest } = separateThoughts(reasoning);
  const isAnswer = thinking === false || (thinking === null && isJson && isValue(rest));
  if (isCut || !isAnswer || rest.trim() === "") {
    const words = `the content is empty: the whole reply is in "${member}", the place for thoughts`;
    const next =
      thinking === false
        ? `${dropParser}, or leave thinking on`
        : `${dropParser}; if thinking is off there, set model.extraBody: {chat_template_kwargs: {enable_thinking: false}}, and the answer is read from there`;
    return without(completion, { why: "in-thoughts", words, next });
  }
  return {
    completion: { ...completion, content: rest, reasoning: "" },
    note: `The answer was in "${member}", the place for thoughts, and was read from there; to get it in the content, ${dropParser}, or leave thinking on.`,
    unanswered: null,
  };
}

// --- internal ---

const dropParser = "start the server without its reasoning parser (vLLM, SGLang: --reasoning-parser)";

/** Whether a member named `error` reports an error: some servers send an empty one with every reply. */
function isError(error: unknown): boolean {
  const members = typeof error === "object" && error !== null ? Object.values(error) : [error];
  return members.some((each) => Boolean(each));
}

/** An error that is the whole answer, as SGLang and older versions of vLLM send it; undefined: it is not. */
function bareError(value: unknown): unknown {
  return fieldsOf(value)["object"] === "error" ? value : undefined;
}

/** The text, or the text in a list of parts; empty for anything else. */
function textOf(value: unknown): string {
  const texts = Array.isArray(value) ? value.map((part) => fieldsOf(part)["text"]) : [value];
  return texts.filter((text) => typeof text === "string").join("");
}

function isValue(text: string): boolean {
  const value = parseJson(text.trim());
  return typeof value === "object" && value !== null;
}

function without(completion: Completion, unanswered: Unanswered): FoundAnswer {
  const { words, next } = unanswered;
  return {
    completion,
    note: `${words.charAt(0).toUpperCase()}${words.slice(1)}: ${next}.`,
    unanswered,
  };
}

const other = "put the task into other words (task), or use another model or server";

function refused(words: string): Unanswered {
  return { why: "refused", words: `the model refuses to answer (${shortened(words)})`, next: other };
}

function withheld(reason: string, words: string): Unanswered {
  const said = words === "" ? "" : `; the model says: ${shortened(words)}`;
  return {
    why: "withheld",
    words: `the answer was withheld (finish reason "${shortened(reason)}"${said})`,
    next: other,
  };
}

function shortened(text: string): string {
  const line = text.replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ").trim();
  return cutTo(line, longestQuote);
}

const longestQuote = 200;
