/**
 * A prompt as long as a run's conversation becomes, to find out whether a server reads all of one.
 *
 * It makes the text and reads the answer. At its beginning, which is what servers leave out, is a word that the end asks
 * for. Sends nothing.
 */
import type { ChatReply, Message } from "../search/events.ts";
import type { Random } from "../search/random.ts";
import type { Space } from "../search/space.ts";
import { bytesOf } from "../search/conversation.ts";
import { isCounted } from "../search/truncation.ts";

/** How long it is, in bytes, where the window is not known: what some ten rounds come to. */
const usualBytes = 32_000;
/** A shorter one tells nothing. */
const leastBytes = 8_000;
/** A token of architectures and numbers is two to four bytes. */
const fewestBytesPerToken = 2;
const usualBytesPerToken = 4;
const mostBytesPerToken = 6;
/** Architectures in one message. */
const linesAMessage = 15;

/** How long the prompt may be beside a reply in a window of so many tokens; null: there is no room for one. */
export function longPromptBytes(contextTokens: number | null, maxTokens: number | null): number | null {
  if (contextTokens === null) return usualBytes;
  const room = (contextTokens - (maxTokens ?? contextTokens / 4)) * fewestBytesPerToken;
  return room < leastBytes ? null : Math.min(usualBytes, Math.floor(room));
}

/**
 * A conversation of `bytes` or little more.
 *
 * @param word another one each time: a server that has read the beginning before may not count it
 */
export function longPrompt(space: Space, bytes: number, word: string, random: Random): Message[] {
  const messages: Message[] = [
    { role: "system", content: `You keep a list of architectures, number ${word}, and remember all of it.` },
    { role: "user", content: `The word to remember is "${word}". The list follows in parts.` },
  ];
  for (let part = 1; bytesOf(messages) < bytes; part++) {
    const lines = Array.from({ length: linesAMessage }, (_, line) =>
      JSON.stringify({ line, ...space.toObject(space.sample(random)) }),
    );
    messages.push({ role: "assistant", content: `Part ${part - 1} is noted.` });
    messages.push({ role: "user", content: `Part ${part}:\n${lines.join("\n")}` });
  }
  messages.push({ role: "assistant", content: "All parts are noted." });
  messages.push({
    role: "user",
    content: "Which word was to be remembered? It is in the first message. Answer with that word alone.",
  });
  return messages;
}

/** A prompt's size and the tokens that its server counted; null: it gave none. */
export interface Counted {
  readonly bytes: number;
  readonly tokens: number | null;
}

/** Whether all of a long prompt was read; `unknown`: neither count nor answer tells. */
export function readingOf(
  long: Counted,
  first: Counted,
  { content, reasoning }: Pick<ChatReply, "content" | "reasoning">,
  word: string,
): "whole" | "cut" | "unknown" {
  if (`${reasoning ?? ""} ${content}`.includes(word)) return "whole";
  const { tokens } = long;
  if (tokens === null || first.tokens === null || !isCounted(first.tokens, first.bytes)) return "unknown";
  const bytesPerToken = (long.bytes - first.bytes) / Math.max(1, tokens - first.tokens);
  if (bytesPerToken > mostBytesPerToken) return "cut";
  return bytesPerToken > usualBytesPerToken ? "unknown" : "whole";
}
