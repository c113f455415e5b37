/**
 * Answers requests with a language model in a GGUF file: one ChatModel for each player of a loaded file.
 *
 * Reads the prompt, forces the reply into the schema with a grammar, separates thoughts from the answer and counts
 * tokens. Keeps what it has read: of a prompt with the same beginning, only the rest is read. Replies are not judged here.
 */
import { ChatUnavailable } from "../errors.ts";
import type { ChatReply, Message } from "../search/events.ts";
import type { ChatModel, ChatRequest, Clock } from "../search/ports.ts";
import type { Chat, Chunk, Generated, Grammar, HistoryItem, Sequence } from "./llama-runtime.ts";
import { separateThoughts } from "./thoughts.ts";

export interface GgufChatOptions {
  readonly temperature: number;
  readonly topP: number | null;
  /** The longest reply, thinking included; null: 4,096, or what the window leaves. */
  readonly maxTokens: number | null;
  /** Null: the seed of each request. */
  readonly seed: number | null;
  /** Called while a reply is written, with its length so far in characters. */
  readonly onText?: (characters: number) => void;
}

/** What a player needs of its file. */
export interface PlayedFile {
  readonly label: string;
  readonly clock: Clock;
  /** The window of each player, in tokens. */
  readonly contextTokens: number;
  readonly trainedTokens: number;
  /** What the user should know about the window; noted in the first reply. */
  readonly windowNote: string | null;
  tokensOf(chat: Chat, history: readonly HistoryItem[]): number[];
  grammarFor(schema: Readonly<Record<string, unknown>>): Promise<Grammar>;
  inTurn<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T>;
}

const longestDefaultReply = 4_096;
/** Tokens that stay free at the end of a window: node-llama-cpp would drop old text there. */
const spare = 16;
/** A prompt is read in pieces of this many tokens, so that a request can be stopped between two of them. */
export const pieceTokens = 256;
/** The share of a reply that may be thinking: the answer needs the rest. */
const thoughtShare = 0.75;

export class GgufChat implements ChatModel {
  readonly label: string;
  readonly #file: PlayedFile;
  readonly #chat: Chat;
  readonly #sequence: Sequence;
  readonly #options: GgufChatOptions;
  #note: string | null;
  /** Grammars by their schema: a search asks for few forms, again and again. */
  readonly #grammars = new Map<string, Grammar>();

  constructor(file: PlayedFile, chat: Chat, sequence: Sequence, options: GgufChatOptions) {
    this.label = file.label;
    this.#file = file;
    this.#chat = chat;
    this.#sequence = sequence;
    this.#options = options;
    this.#note = file.windowNote;
  }

  async reply(request: ChatRequest, signal: AbortSignal): Promise<ChatReply> {
    const { clock } = this.#file;
    const begin = clock.seconds();
    const reply = await this.#file.inTurn((stop) => this.#answer(request, stop), signal);
    const notes = this.#note === null ? {} : { notes: [this.#note] };
    this.#note = null;
    return { ...reply, ...notes, seconds: clock.seconds() - begin, failures: [] };
  }

  async #answer(
    { messages, schema, seed }: ChatRequest,
    signal: AbortSignal,
  ): Promise<Omit<ChatReply, "seconds" | "failures">> {
    const history = [...messages.map(historyItem), { type: "model", response: [] } as const];
    const tokens = this.#file.tokensOf(this.#chat, history);
    const room = this.#file.contextTokens - tokens.length - spare;
    if (room < 1) throw this.#tooLong(tokens.length);
    const grammar = schema === null ? null : await this.#grammar(schema);
    const cached = await this.#read(tokens, signal);
    const { temperature, topP, maxTokens, onText } = this.#options;
    const longest = Math.min(maxTokens ?? longestDefaultReply, room);
    // All text under a grammar is the answer: that form has no place for thoughts.
    const thoughtTokens = grammar === null ? Math.ceil(longest * thoughtShare) : Infinity;
    const meter = this.#sequence.tokenMeter.getState();
    let characters = 0;
    let reasoningTokens = 0;
    const { fullResponse, metadata } = await this.#chat.generateResponse(history, {
      signal,
      maxTokens: longest,
      temperature,
      ...(topP === null ? {} : { topP }),
      seed: (this.#options.seed ?? seed) % 2 ** 32,
      // A list of architectures repeats itself.
      repeatPenalty: false,
      budgets: { thoughtTokens, commentTokens: thoughtTokens },
      contextShift: { size: 1 },
      ...(grammar === null ? {} : { grammar }),
      onResponseChunk: (chunk: Chunk) => {
        if (chunk.type === "segment") reasoningTokens += chunk.tokens.length;
        onText?.((characters += chunk.text.length));
      },
    });
    const { usedOutputTokens } = this.#sequence.tokenMeter.diff(meter);
    const text = (pieces: Generated["fullResponse"]) =>
      pieces.map((each) => (typeof each === "string" ? each : each.text)).join("");
    // Without a grammar, the template of the model or the text itself marks the thoughts.
    const isThought = (each: Generated["fullResponse"][number]) =>
      grammar === null && typeof each !== "string";
    const thoughts = fullResponse.filter(isThought);
    const answer = fullResponse.filter((each) => !isThought(each));
    const { thoughts: marked, rest } =
      grammar === null ? separateThoughts(text(answer)) : { thoughts: "", rest: text(answer) };
    const reasoning = [text(thoughts).trim(), marked].filter((part) => part !== "").join("\n\n");
    return {
      model: this.label,
      content: rest.trim(),
      reasoning: reasoning === "" ? null : reasoning,
      finishReason: metadata.stopReason === "maxTokens" ? "length" : "stop",
      inputTokens: tokens.length,
      outputTokens: usedOutputTokens,
      ...(cached === 0 ? {} : { cachedTokens: cached }),
      ...(thoughts.length === 0 ? {} : { reasoningTokens }),
      ...(grammar === null ? {} : { outputMode: "json-schema" }),
    };
  }

  /** Lets the model read a prompt except its last token; returns how many tokens it had already read. */
  async #read(tokens: readonly number[], signal: AbortSignal): Promise<number> {
    await this.#sequence.adaptStateToTokens(tokens, false);
    const cached = Math.min(this.#sequence.nextTokenIndex, tokens.length);
    for (let at = cached; at < tokens.length - 1; at += pieceTokens) {
      signal.throwIfAborted();
      await this.#sequence.evaluateWithoutGeneratingNewTokens(
        tokens.slice(at, Math.min(at + pieceTokens, tokens.length - 1)),
      );
    }
    signal.throwIfAborted();
    return cached;
  }

  async #grammar(schema: Readonly<Record<string, unknown>>): Promise<Grammar> {
    const key = JSON.stringify(schema);
    const grammar = this.#grammars.get(key) ?? (await this.#file.grammarFor(schema));
    this.#grammars.set(key, grammar);
    return grammar;
  }

  #tooLong(tokens: number): ChatUnavailable {
    const { contextTokens, trainedTokens } = this.#file;
    const remedy =
      contextTokens < trainedTokens
        ? `raise contextTokens (the model was trained on ${trainedTokens})`
        : "turn a role's memory off, or use a model with a longer window";
    return new ChatUnavailable(
      `a prompt of ${tokens} tokens leaves no room for a reply in the ${contextTokens} tokens (contextTokens) of ${this.label}: ${remedy}, then resume`,
    );
  }
}

// --- internal ---

function historyItem({ role, content }: Message): HistoryItem {
  if (role === "assistant") return { type: "model", response: [content] };
  return { type: role, text: content };
}
