/**
 * The thoughts of a model: how a request turns them on or off, and how they are taken out of a reply's text.
 *
 * Has the marks that models put around their thoughts. Thoughts that a server keeps in a member of their own never come
 * here. The time it takes is proportional to the length of the text, for any text.
 */
import { fieldsOf } from "../text/json.ts";

/** The marks around thoughts, by the models that use them. */
const enclosures = [
  // Qwen, DeepSeek R1 and most others; the second mark of a pair closes what the first one opens.
  ["<think>", "</think>"],
  ["<thinking>", "</thinking>"],
  ["<thought>", "</thought>"],
  ["<reasoning>", "</reasoning>"],
  // Mistral.
  ["[THINK]", "[/THINK]"],
  // Kimi.
  ["◁think▷", "◁/think▷"],
] as const;

/** The marks that chat templates open in the prompt, so that the reply only closes them. */
const openedInPrompts = enclosures.filter(([open]) => /^\S+think\S$/i.test(open));

/** gpt-oss: every message has a channel; the last one, `final`, is the answer. */
const channel = "<|channel|>";
const beginningOfMessage = "<|message|>";

/**
 * Takes the thoughts out of the beginning of a reply; later marks are part of the answer. If the thoughts were cut off, so
 * that nothing closes them, there is no answer.
 */
export function separateThoughts(text: string): { readonly thoughts: string; readonly rest: string } {
  if (/^\s*(<\|start\|>assistant)?<\|channel\|>/.test(text)) return separateChannels(text);
  const thoughts: string[] = [];
  let at = 0;
  for (;;) {
    const begin = at + spaceAt(text, at);
    const enclosure = enclosures.find(([open]) => text.startsWith(open, begin));
    if (enclosure === undefined) break;
    const [open, close] = enclosure;
    const end = text.indexOf(close, begin + open.length);
    thoughts.push(text.slice(begin + open.length, end === -1 ? undefined : end).trim());
    if (end === -1) return { thoughts: joined(thoughts), rest: "" };
    at = end + close.length;
  }
  if (at > 0) return { thoughts: joined(thoughts), rest: text.slice(at).trimStart() };
  for (const [open, close] of openedInPrompts) {
    const end = text.indexOf(close);
    if (end === -1) continue;
    const before = text.slice(0, end);
    const rest = text.slice(end + close.length).trimStart();
    if (rest !== "" && !before.includes(open)) return { thoughts: before.trim(), rest };
  }
  return { thoughts: "", rest: text };
}

/** Whether further members of a request turn thinking on or off; null: they do not say. */
export function thinkingIn(extraBody: Readonly<Record<string, unknown>>): boolean | null {
  const said = Object.entries(extraBody).flatMap(([name, value]): boolean[] => {
    if (containers.has(name)) return [thinkingIn(fieldsOf(value))].filter((each) => each !== null);
    return switches.has(name) && value !== null ? [isOn(value)] : [];
  });
  return said.length === 0 ? null : !said.includes(false);
}

// --- internal ---

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

function separateChannels(text: string): { thoughts: string; rest: string } {
  const final = text.indexOf(`${channel}final`);
  const begin = final === -1 ? -1 : text.indexOf(beginningOfMessage, final);
  const rest = begin === -1 ? "" : text.slice(begin + beginningOfMessage.length);
  const thoughts = (final === -1 ? text : text.slice(0, final))
    .replace(/<\|channel\|>(analysis|commentary)|<\|start\|>assistant|<\|(message|end|return)\|>/g, "\n")
    .trim();
  return { thoughts, rest: rest.replace(/<\|(return|end)\|>\s*$/, "").trim() };
}

function joined(thoughts: readonly string[]): string {
  return thoughts.filter((each) => each !== "").join("\n\n");
}

/** How much white space is at a place. */
function spaceAt(text: string, at: number): number {
  const space = /\s*/y;
  space.lastIndex = at;
  return space.exec(text)?.[0].length ?? 0;
}
