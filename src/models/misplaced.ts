/**
 * Replies whose answer is not where it belongs: kept back by the model or a filter, or put among the thoughts.
 *
 * Owns how a request turns thinking off, when an answer may be read from the thoughts, and the words for all of it. Sends
 * nothing, and judges no answer.
 */
import type { Unanswered } from "../search/events.ts";
import type { Completion } from "./completion.ts";
import { fieldsOf, parsed } from "./fields.ts";
import { endingOf } from "./finish-reason.ts";
import { separateThoughts } from "./thoughts.ts";

/** What there is in a reply: an answer with a note where one is due, or none and why. */
export interface Placed {
  readonly completion: Completion;
  readonly note: string | null;
  readonly unanswered: Unanswered | null;
}

/**
 * Looks where the answer is.
 *
 * Some servers take all text for thoughts. The answer is read from there where thinking was turned off, or where there is
 * nothing but the JSON that was asked for. What may be thoughts, or was cut off, is never read as an answer.
 *
 * @param thinking whether the request turns thinking on; null: it says nothing of it
 * @param isJson whether JSON was asked for
 */
export function placed(completion: Completion, thinking: boolean | null, isJson: boolean): Placed {
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
    const words = `the content is empty: the whole reply is in "${member}", where thoughts belong`;
    const next =
      thinking === false
        ? `${dropParser}, or leave thinking on`
        : `${dropParser}; if thinking is off there, set model.extraBody: {chat_template_kwargs: {enable_thinking: false}} to have the answer read from there`;
    return without(completion, { why: "in-thoughts", words, next });
  }
  return {
    completion: { ...completion, content: rest, reasoning: "" },
    note: `The answer was in "${member}", where thoughts belong, and was read from there; to get it in the content, ${dropParser}, or leave thinking on.`,
    unanswered: null,
  };
}

/** Whether further members of a request turn thinking on or off; null: they say nothing of it. */
export function thinkingIn(extraBody: Readonly<Record<string, unknown>>): boolean | null {
  const said = Object.entries(extraBody).flatMap(([name, value]): boolean[] => {
    if (containers.has(name)) return [thinkingIn(fieldsOf(value))].filter((each) => each !== null);
    return switches.has(name) && value !== null ? [isOn(value)] : [];
  });
  return said.length === 0 ? null : !said.includes(false);
}

// --- internal ---

const dropParser = "start the server without its reasoning parser (vLLM, SGLang: --reasoning-parser)";

/** What turns thinking on or off, by server: vLLM and SGLang, llama.cpp, Qwen, Ollama, OpenAI, OpenRouter, GLM, Gemini. */
const switches: ReadonlySet<string> = new Set([
  "enable_thinking",
  "thinking",
  "think",
  "reasoning",
  "reasoning_effort",
  "reasoning_budget",
  "thinking_budget",
]);
const containers: ReadonlySet<string> = new Set([
  "chat_template_kwargs",
  "extra_body",
  "google",
  "thinking_config",
]);

function isOn(value: unknown): boolean {
  if (typeof value === "object") {
    const { type, enabled, effort, max_tokens: most } = fieldsOf(value);
    return [type, enabled, effort, most].every((each) => each === undefined || isOn(each));
  }
  return !(value === false || value === 0 || value === "none" || value === "disabled" || value === "off");
}

function isValue(text: string): boolean {
  const value = parsed(text.trim());
  return typeof value === "object" && value !== null;
}

function without(completion: Completion, unanswered: Unanswered): Placed {
  const { words, next } = unanswered;
  return {
    completion,
    note: `${words.charAt(0).toUpperCase()}${words.slice(1)}: ${next}.`,
    unanswered,
  };
}

const other = "put the task in other words (task), or use another model or server";

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
  return line.length > longestQuote ? `${line.slice(0, longestQuote)}…` : line;
}

const longestQuote = 200;
