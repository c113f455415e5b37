/**
 * Detects a server that cuts prompts and does not say so: the conversation grows, but the server's token counts do not.
 *
 * It judges from the record alone, and needs three counts of one conversation. So it finds nothing where a server
 * counts nothing, where a role has no conversation, and in the first two prompts of one. A server that counts only what
 * it had not read before is recognized by its earlier counts.
 */
import type { ChatReply, Message, Role } from "./events.ts";
import { bytesOf, newBytesIn } from "./conversation.ts";
import type { ChatCall, RunState } from "./state.ts";

/**
 * Every text takes at least one token for this many bytes: usually one for four, and one for six with the longest
 * words.
 */
const mostBytesPerToken = 12;
/** A whole prompt takes at least one token for this many bytes: one that counts less was partly read before. */
const usualBytesPerToken = 6;
/** A smaller count of a first prompt is not a count: some servers always report one small number. */
const implausibleBytesPerToken = 40;
/** How much a conversation must grow before its counts show anything, in bytes. */
const leastGrowth = 600;
/** How much more tokens a byte a text may have than the densest prompt so far. */
const shareOfRate = 1.5;
/** What a server may put around what is new in a prompt, in tokens. */
const tokensAround = 64;
/** A context has one size: a count that fell further is not a cut. */
const leastShareOfLargest = 0.4;
/** A difference of this many bytes always changes the count. */
const tellingBytes = 64;
/** A prompt with this part of the usual tokens a byte was read whole. */
const wholeShare = 0.8;

/**
 * The most that the server read of a prompt that it cut; null where it is not known to have cut it.
 *
 * @param isFirst whether a conversation begins with these messages
 */
export function cutBy(
  state: RunState,
  role: Role,
  messages: readonly Message[],
  isFirst: boolean,
  reply: ChatReply,
): { readonly promptTokens: number } | null {
  if (state.search.onTruncation?.[role] === undefined) return null;
  const [promptBytes, newBytes] = [bytesOf(messages), newBytesIn(state, role, messages)];
  const call = readingOf({ role, isFirst, promptBytes, newBytes, reply });
  if (call === null) return null;
  const before = state.chats
    .flatMap((chat) => readingOf(chat) ?? [])
    .filter(({ model }) => model === reply.model);
  const rate = Math.max(...[...before, call].map(({ input, bytes }) => input / bytes));
  const limit = state.promptLimits[role];
  if (isFirst) {
    const isCutAgain = limit !== null && call.input >= limit && call.input < wholeShare * rate * call.bytes;
    return isCutAgain ? { promptTokens: call.input } : null;
  }
  const own = before.filter((reading) => reading.role === role);
  const conversation = [...own.slice(own.findLastIndex((reading) => reading.isFirst)), call];
  const [first, base, previous] = [conversation[0], conversation.at(-3), conversation.at(-2)];
  if (first?.isFirst !== true || base === undefined || previous === undefined) return null;
  if (!isCounted(first.input, first.bytes)) return null;
  if (call.bytes - base.bytes < leastGrowth) return null;
  const latest = [base, previous, call];
  // Either count: what was read before differs between prompts, and is part of the input on most servers.
  const hasGrown = [previous, call].some(
    ({ input, most, bytes }) =>
      Math.max(input - base.input, most - base.most) >= (bytes - base.bytes) / mostBytesPerToken,
  );
  const largest = Math.max(...conversation.map(({ input }) => input));
  const hasFallen = Math.min(previous.input, call.input) < leastShareOfLargest * largest;
  if (hasGrown || hasFallen) return null;
  const isKnown = countsWhole(before.slice(0, before.indexOf(base) + 1), rate) || isFixed(latest);
  return isKnown ? { promptTokens: Math.max(...latest.map(({ input }) => input)) } : null;
}

/** Whether a number can be the count of a first prompt. */
export function isCounted(tokens: number, bytes: number): boolean {
  return tokens * implausibleBytesPerToken >= bytes;
}

/** What a person can do about a server that cuts prompts. */
export const largerContext =
  "give the model a larger context (Ollama: OLLAMA_CONTEXT_LENGTH, or num_ctx in its Modelfile; vLLM: --max-model-len; llama.cpp: --ctx-size)";

/** Why a run stops. @param isShort whether older rounds were shortened already */
export function cutWords(role: Role, promptTokens: number, isShort: boolean): string {
  const what = isShort
    ? `the ${role}'s server cuts even the shortened conversation: it reads no more than ${promptTokens} tokens of it`
    : `the ${role}'s server cuts long prompts and does not say so: it reads no more than ${promptTokens} tokens of a conversation that grew, so results are lost`;
  const other = isShort ? "" : ", or have older rounds shortened (--on-truncation shorten)";
  return `${what}; ${largerContext}${other}, then resume`;
}

// --- internal ---

/** A prompt with its count. */
interface Reading {
  readonly role: Role;
  readonly model: string;
  readonly isFirst: boolean;
  readonly bytes: number;
  /** The part that the role had not got before. */
  readonly fresh: number;
  /** The tokens that the server counted. */
  readonly input: number;
  /** With those that it had read before, which some servers count apart. */
  readonly most: number;
}

/** Null where the server gave no count. */
function readingOf({
  role,
  isFirst,
  promptBytes,
  newBytes,
  reply,
}: Pick<ChatCall, "role" | "isFirst" | "promptBytes" | "newBytes" | "reply">): Reading | null {
  const { model, inputTokens: input, cachedTokens = 0 } = reply;
  if (input === null || input === 0 || promptBytes === 0) return null;
  return { role, model, isFirst, bytes: promptBytes, fresh: newBytes, input, most: input + cachedTokens };
}

/**
 * Whether there is a prompt of which the server had read half or more before, and it counted all such prompts whole.
 */
function countsWhole(readings: readonly Reading[], rate: number): boolean {
  const telling = readings.filter(({ fresh, bytes }) => fresh <= bytes / 2);
  const likely = shareOfRate * Math.max(rate, 1 / usualBytesPerToken);
  return telling.length > 0 && telling.every(({ input, fresh }) => input > likely * fresh + tokensAround);
}

/** Whether all counts are the same number, although the new parts of the prompts differ in length. */
function isFixed(readings: readonly Reading[]): boolean {
  const fresh = readings.map((reading) => reading.fresh);
  return (
    new Set(readings.map(({ input }) => input)).size === 1 &&
    Math.max(...fresh) - Math.min(...fresh) >= tellingBytes
  );
}
