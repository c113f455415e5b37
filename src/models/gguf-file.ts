/**
 * Loads a language model from a GGUF file into this process and gives it to players.
 *
 * One loaded copy of a file serves all roles; their requests take turns. Before node-llama-cpp reads the file, its first
 * bytes are checked: everything else in it is for that package to read.
 */
import { basename, resolve } from "node:path";
import { Interrupted, UsageError } from "../errors.ts";
import type { ChatModel, Clock } from "../search/ports.ts";
import { openRegular } from "../system/regular-file.ts";
import { unusable } from "../system/system-error.ts";
import { GgufChat, type GgufChatOptions, type PlayedFile, pieceTokens } from "./gguf-chat.ts";
import { grammarSchema } from "./grammar-schema.ts";
import {
  type Chat,
  type Context,
  firstWords,
  type Grammar,
  type HistoryItem,
  type Model,
  type Runtime,
  type RuntimeOptions,
  type Sequence,
  startRuntime,
} from "./llama-runtime.ts";

export interface GgufOptions extends RuntimeOptions {
  readonly path: string;
  /** The window in tokens, prompt and reply together; null: what the model was trained on, and 8,192 at most. */
  readonly contextTokens: number | null;
  readonly clock: Clock;
}

/** A loaded file. It can have any number of players; their requests take turns. */
export interface Gguf {
  /** The window of each player, in tokens. */
  readonly contextTokens: number;
  /** A player with a memory of its own for what it has read: of a prompt with the same beginning it reads only the rest. */
  chat(options: GgufChatOptions): ChatModel;
  /** Stops requests in progress and frees the memory. Nothing can be asked after that. */
  close(): Promise<void>;
}

const largestDefaultWindow = 8_192;
/** How many players keep what they have read: as many as there are roles. */
const memories = 2;

/**
 * Loads a model file.
 *
 * @throws UsageError when node-llama-cpp is not there, the file is not a model that it knows, or there is not enough memory
 */
export async function openGguf(options: GgufOptions): Promise<Gguf> {
  const path = resolve(options.path);
  await checkMagic(path, options.path);
  const runtime = await startRuntime(options);
  runtime.complaints.length = 0;
  const model = await runtime.llama.loadModel({ modelPath: path }).catch((error: unknown) => {
    throw new UsageError(
      `${options.path} cannot be loaded (${firstWords(runtime.complaints, error)}): use another GGUF file, of an architecture that llama.cpp knows`,
    );
  });
  const wanted = options.contextTokens;
  const most = Math.min(model.trainContextSize, largestDefaultWindow);
  try {
    const context = await model.createContext({
      contextSize: wanted ?? { max: most },
      sequences: memories,
      threads: options.threads,
      batchSize: pieceTokens,
    });
    return new LoadedGguf(runtime, model, context, options);
  } catch (error) {
    await model.dispose();
    throw new UsageError(
      `${options.path} has no room for a window of ${wanted ?? most} tokens (${firstWords(runtime.complaints, error)}): set a smaller contextTokens, or use a smaller model`,
    );
  }
}

// --- internal ---

class LoadedGguf implements Gguf, PlayedFile {
  readonly contextTokens: number;
  readonly label: string;
  readonly clock: Clock;
  readonly #runtime: Runtime;
  readonly #model: Model;
  readonly #context: Context;
  readonly #isLimited: boolean;
  readonly #closing = new AbortController();
  /** Settles when the last request in line is done. */
  #line: Promise<void> = Promise.resolve();
  /** The memory that was given to the last player: further players share it. */
  #sequence: Sequence | null = null;

  constructor(runtime: Runtime, model: Model, context: Context, options: GgufOptions) {
    this.label = `gguf:${basename(options.path)}`;
    this.clock = options.clock;
    this.contextTokens = context.contextSize;
    this.#runtime = runtime;
    this.#model = model;
    this.#context = context;
    this.#isLimited = options.contextTokens === null && context.contextSize < model.trainContextSize;
  }

  chat(options: GgufChatOptions): ChatModel {
    if (this.#sequence === null || this.#context.sequencesLeft > 0)
      this.#sequence = this.#context.getSequence();
    const chat = new this.#runtime.library.LlamaChat({ contextSequence: this.#sequence });
    return new GgufChat(this, chat, this.#sequence, options);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#line;
    await this.#model.dispose();
  }

  get windowNote(): string | null {
    if (!this.#isLimited) return null;
    return `the model reads ${this.contextTokens} of the ${this.#model.trainContextSize} tokens that it was trained on: set contextTokens for more`;
  }

  get trainedTokens(): number {
    return this.#model.trainContextSize;
  }

  tokensOf(chat: Chat, history: readonly HistoryItem[]): number[] {
    const { contextText } = chat.chatWrapper.generateContextState({ chatHistory: history });
    return contextText.tokenize(this.#model.tokenizer);
  }

  async grammarFor(schema: Readonly<Record<string, unknown>>): Promise<Grammar> {
    return await this.#runtime.llama.createGrammarForJsonSchema(grammarSchema(schema));
  }

  /**
   * Does `work` after all requests before it are done. The caller is free as soon as `signal` is raised; work that
   * has begun still ends before the next one begins.
   */
  async inTurn<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    const interrupted = () => new Interrupted(`stopped on request while model ${this.label} was asked`);
    if (stop.aborted) throw interrupted();
    let onAbort = () => {};
    const stopped = new Promise<never>((_, reject) => {
      onAbort = () => reject(interrupted());
    });
    stop.addEventListener("abort", onAbort, { once: true });
    const done = this.#line.then(async () => {
      if (stop.aborted) throw interrupted();
      return await work(stop);
    });
    this.#line = done.then(
      () => {},
      () => {},
    );
    try {
      return await Promise.race([done, stopped]);
    } catch (error) {
      if (stop.aborted) throw interrupted();
      throw error;
    } finally {
      stop.removeEventListener("abort", onAbort);
    }
  }
}

/** @throws UsageError for a file that cannot be read or does not begin like a GGUF file */
async function checkMagic(path: string, shown: string): Promise<void> {
  const begin = Buffer.alloc(8);
  try {
    const file = await openRegular(path);
    try {
      await file.read(begin, 0, begin.length, 0);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unusable(`cannot read the model ${shown}`, error);
  }
  const version = begin.readUInt32LE(4);
  if (begin.toString("latin1", 0, 4) === "GGUF") {
    if (version === 2 || version === 3) return;
    throw new UsageError(
      `${shown} is in version ${version} of the GGUF format, and only 2 and 3 are known: convert it again, or use another file`,
    );
  }
  throw new UsageError(
    `${shown} is not a GGUF file: name a model in that format after gguf:, or start a server for this one and name it with --base-url`,
  );
}
