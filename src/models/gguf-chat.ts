/**
 * A language model in a GGUF file, run in this process by node-llama-cpp, as a ChatModel without a server.
 *
 * Owns where that optional package is found, one loaded copy of a file for all roles, the order in which requests
 * take their turns, the window, and what a reply cost in tokens. Knows no prompt, no role and no space, and does not
 * judge what a reply says. Nothing but node-llama-cpp reads the file beyond its first bytes.
 */
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ChatUnavailable, Interrupted, UsageError } from "../errors.ts";
import type { ChatReply, Message } from "../search/events.ts";
import type { ChatModel, ChatRequest, Clock } from "../search/ports.ts";
import { grammarSchema } from "./grammar-schema.ts";
import { openRegular } from "../system/regular-file.ts";
import { codeOf, unusable } from "../system/system-error.ts";
import { separateThoughts } from "./thoughts.ts";

export interface GgufOptions {
  readonly path: string;
  /** What computes; `off` is the processor alone. */
  readonly gpu: "off" | "auto" | "cuda" | "vulkan" | "metal";
  /** How many threads of the processor compute. More than there are idle cores make it many times slower. */
  readonly threads: number;
  /** The window in tokens, prompt and reply together; null: what the model was trained on, and 8,192 at most. */
  readonly contextTokens: number | null;
  readonly clock: Clock;
  /** A folder in which node-llama-cpp may be installed, beside the places where any package is looked for. */
  readonly moduleFolder: string;
}

export interface GgufChatOptions {
  readonly temperature: number;
  readonly topP: number | null;
  /** The longest reply, thinking included; null: 4,096, or what the window leaves. */
  readonly maxTokens: number | null;
  /** Null: the one of each request. */
  readonly seed: number | null;
  /** Told while a reply is written: its length so far, in characters. */
  readonly onText?: (characters: number) => void;
}

/** A file that is loaded: any number of players, whose requests take turns. */
export interface Gguf {
  /** The window of each player, in tokens. */
  readonly contextTokens: number;
  /** A player with a memory of its own for what it has read: asked again with the same beginning, it reads the rest. */
  chat(options: GgufChatOptions): ChatModel;
  /** Ends what is under way and gives the memory back. Nothing can be asked afterwards. */
  close(): Promise<void>;
}

const largestDefaultWindow = 8_192;
const longestDefaultReply = 4_096;
/** Kept free at the end of a window: node-llama-cpp would begin to drop old text there. */
const spare = 16;
/** A prompt is read in pieces of so many tokens, so that a request can be stopped between two of them. */
const piece = 256;
/** The share of a reply that may be thinking: the answer needs the rest. */
const thoughtShare = 0.75;
/** How many players keep what they have read: as many as there are roles. */
const memories = 2;

/**
 * Loads a model file.
 *
 * @throws UsageError when node-llama-cpp is not there, the file is no model that it knows, or the memory does not do
 */
export async function openGguf(options: GgufOptions): Promise<Gguf> {
  const path = resolve(options.path);
  await checkMagic(path, options.path);
  const runtime = await startRuntime(options);
  runtime.complaints.length = 0;
  const model = await runtime.llama.loadModel({ modelPath: path }).catch((error: unknown) => {
    throw new UsageError(
      `${options.path} cannot be loaded (${firstWords(runtime.complaints, error)}): take another GGUF file, of an architecture that llama.cpp knows`,
    );
  });
  const wanted = options.contextTokens;
  const most = Math.min(model.trainContextSize, largestDefaultWindow);
  try {
    const context = await model.createContext({
      contextSize: wanted ?? { max: most },
      sequences: memories,
      threads: options.threads,
      batchSize: piece,
    });
    return new LoadedGguf(runtime, model, context, options);
  } catch (error) {
    await model.dispose();
    throw new UsageError(
      `${options.path} has no room for a window of ${wanted ?? most} tokens (${firstWords(runtime.complaints, error)}): set a smaller contextTokens, or take a smaller model`,
    );
  }
}

/** Where to find node-llama-cpp: null when it is nowhere. For tests, and for those who look before they load. */
export async function findLibrary(moduleFolder: string): Promise<LlamaLibrary | null> {
  // A name that the compiler does not follow: the package is optional.
  const ordinary: string = "node-llama-cpp";
  const inFolder = join(resolve(moduleFolder), "node_modules", ordinary, "dist", "index.js");
  for (const specifier of [ordinary, pathToFileURL(inFolder).href]) {
    try {
      return (await import(specifier)) as LlamaLibrary;
    } catch (error) {
      if (codeOf(error) !== "ERR_MODULE_NOT_FOUND") throw error;
    }
  }
  return null;
}

// ----- What is used of node-llama-cpp -----

/** The parts of node-llama-cpp 3 that are used here; its own types come with it, and it may be absent. */
export interface LlamaLibrary {
  getLlama(options: Readonly<Record<string, unknown>>): Promise<Llama>;
  readonly LlamaChat: new (options: { readonly contextSequence: Sequence }) => Chat;
}

interface Llama {
  /** What computes; false: the processor. */
  readonly gpu: string | false;
  loadModel(options: { readonly modelPath: string }): Promise<Model>;
  createGrammarForJsonSchema(schema: Readonly<Record<string, unknown>>): Promise<Grammar>;
}

interface Model {
  readonly trainContextSize: number;
  readonly tokenizer: unknown;
  createContext(options: {
    readonly contextSize: number | { readonly max: number };
    readonly sequences: number;
    readonly threads: number;
    readonly batchSize: number;
  }): Promise<Context>;
  dispose(): Promise<void>;
}

interface Context {
  readonly contextSize: number;
  readonly sequencesLeft: number;
  getSequence(): Sequence;
}

interface Sequence {
  readonly nextTokenIndex: number;
  readonly tokenMeter: {
    getState(): Meter;
    diff(earlier: Meter): Meter;
  };
  adaptStateToTokens(tokens: readonly number[], allowShift: boolean): Promise<void>;
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
}

interface Meter {
  readonly usedInputTokens: number;
  readonly usedOutputTokens: number;
}

/** Opaque here. */
interface Grammar {
  readonly rootRuleName: string;
}

type HistoryItem =
  | { readonly type: "system" | "user"; readonly text: string }
  | { readonly type: "model"; readonly response: readonly string[] };

interface Chat {
  readonly chatWrapper: {
    generateContextState(state: { readonly chatHistory: readonly HistoryItem[] }): {
      readonly contextText: { tokenize(tokenizer: unknown): number[] };
    };
  };
  generateResponse(
    history: readonly HistoryItem[],
    options: Readonly<Record<string, unknown>>,
  ): Promise<Generated>;
}

interface Generated {
  readonly fullResponse: readonly (string | { readonly segmentType: string; readonly text: string })[];
  readonly metadata: { readonly stopReason: string };
}

interface Chunk {
  readonly type: "segment" | undefined;
  readonly text: string;
  readonly tokens: readonly number[];
}

// ----- A loaded file -----

class LoadedGguf implements Gguf {
  readonly contextTokens: number;
  readonly label: string;
  readonly clock: Clock;
  readonly #runtime: Runtime;
  readonly #model: Model;
  readonly #context: Context;
  readonly #limited: boolean;
  readonly #closing = new AbortController();
  /** Settles when the last request in line has left. */
  #line: Promise<void> = Promise.resolve();
  /** The last memory that was given out: further players share it. */
  #sequence: Sequence | null = null;

  constructor(runtime: Runtime, model: Model, context: Context, options: GgufOptions) {
    this.label = `gguf:${basename(options.path)}`;
    this.clock = options.clock;
    this.contextTokens = context.contextSize;
    this.#runtime = runtime;
    this.#model = model;
    this.#context = context;
    this.#limited = options.contextTokens === null && context.contextSize < model.trainContextSize;
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

  /** What a person should know of the window, once. */
  get windowNote(): string | null {
    if (!this.#limited) return null;
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
   * Does `work` when all requests before it are through. The caller is free as soon as `signal` is raised; work that
   * has begun then still ends before the next one begins.
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

class GgufChat implements ChatModel {
  readonly label: string;
  readonly #file: LoadedGguf;
  readonly #chat: Chat;
  readonly #sequence: Sequence;
  readonly #options: GgufChatOptions;
  #note: string | null;
  /** Grammars by the schema they were made from: a search asks for few forms, over and over. */
  readonly #grammars = new Map<string, Grammar>();

  constructor(file: LoadedGguf, chat: Chat, sequence: Sequence, options: GgufChatOptions) {
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
    // Whatever a grammar lets through is the answer: there is no thinking in that form.
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
      // A list of architectures repeats itself by its nature.
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
    // A grammar leaves no room for thoughts; else they are what the template marks, or what the text itself does.
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

  /** Has the model read a prompt but for its last token; returns how many tokens it had read before. */
  async #read(tokens: readonly number[], signal: AbortSignal): Promise<number> {
    await this.#sequence.adaptStateToTokens(tokens, false);
    const cached = Math.min(this.#sequence.nextTokenIndex, tokens.length);
    for (let at = cached; at < tokens.length - 1; at += piece) {
      signal.throwIfAborted();
      await this.#sequence.evaluateWithoutGeneratingNewTokens(
        tokens.slice(at, Math.min(at + piece, tokens.length - 1)),
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
        : "turn a role's memory off, or take a model with a longer window";
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

/** @throws UsageError for a file that cannot be read or does not begin as GGUF files do */
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
      `${shown} is in version ${version} of the GGUF format, and only 2 and 3 are known: convert it anew, or take another file`,
    );
  }
  throw new UsageError(
    `${shown} is no GGUF file: name a model in that format after gguf:, or serve this one and name its server with --base-url`,
  );
}

async function loadLibrary(moduleFolder: string): Promise<LlamaLibrary> {
  const library = await findLibrary(moduleFolder).catch((error: unknown) => {
    throw new UsageError(
      `node-llama-cpp is installed but does not load (${firstWords([], error)}): run \`npm run setup:llm\` again`,
    );
  });
  if (library !== null) return library;
  throw new UsageError(
    "gguf: models need node-llama-cpp, which is not installed: run `npm run setup:llm` in a checkout, or `npm install node-llama-cpp@3.21.1` beside collm-nas",
  );
}

/** The library, started. */
interface Runtime {
  readonly library: LlamaLibrary;
  readonly llama: Llama;
  /** What it said of late instead of printing it. */
  readonly complaints: string[];
}

/**
 * Those that run, by what they were started with. They stay for as long as the process: started once more after its
 * end, the library prints what it should hand over.
 */
const runtimes = new Map<string, Promise<Runtime>>();

async function startRuntime({ gpu, threads, moduleFolder }: GgufOptions): Promise<Runtime> {
  const key = JSON.stringify([gpu, threads, moduleFolder]);
  const runtime = runtimes.get(key) ?? newRuntime({ gpu, threads, moduleFolder });
  runtimes.set(key, runtime);
  try {
    return await runtime;
  } catch (error) {
    runtimes.delete(key);
    throw error;
  }
}

async function newRuntime({
  gpu,
  threads,
  moduleFolder,
}: Pick<GgufOptions, "gpu" | "threads" | "moduleFolder">): Promise<Runtime> {
  const library = await loadLibrary(moduleFolder);
  const complaints: string[] = [];
  const unavailable = (reason: string) => {
    const what = gpu === "off" ? "this processor" : `gpu: ${gpu}`;
    const extra = gpu === "cuda" || gpu === "vulkan" ? ` -- ${gpu}` : "";
    return new UsageError(
      `node-llama-cpp cannot compute on ${what} here, ${process.platform} ${process.arch} (${reason}): run \`npm run setup:llm${extra}\`, or choose another gpu`,
    );
  };
  let llama: Llama;
  try {
    llama = await library.getLlama({
      gpu: gpu === "off" ? false : gpu,
      // A missing binary is an error, not a reason to compile or to fetch anything.
      build: "never",
      skipDownload: true,
      progressLogs: false,
      maxThreads: threads,
      logLevel: "error",
      logger: (_level: string, message: string) => complaints.push(message),
    });
  } catch (error) {
    throw unavailable(firstWords([], error));
  }
  // Asked for a card that is not there, the library takes the processor without a word.
  if (gpu !== "off" && gpu !== "auto" && llama.gpu !== gpu)
    throw unavailable(`it would take ${llama.gpu === false ? "the processor" : llama.gpu}`);
  return { library, llama, complaints };
}

/** What went wrong, on one line: what the library logged, or else what it threw. */
function firstWords(complaints: readonly string[], error: unknown): string {
  const said =
    complaints.find((line) => line.trim() !== "") ?? (error instanceof Error ? error.message : String(error));
  const line = said.replace(/\s+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
