/**
 * The optional package node-llama-cpp: finds it, starts it, and has the types of what is used of it.
 *
 * Nothing is compiled or downloaded: a binary that is missing is an error. A library that was started stays for as long
 * as the process.
 */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "../errors.ts";
import { installPackage, isInPythonPackage } from "../system/installation.ts";
import { codeOf } from "../system/system-error.ts";
import { cutTo, oneLine } from "../text/words.ts";

export interface RuntimeOptions {
  /** What computes; `off` is the processor alone. */
  readonly gpu: "off" | "auto" | "cuda" | "vulkan" | "metal";
  /** How many threads of the processor compute. More threads than idle cores are many times slower. */
  readonly threads: number;
  /** A folder in which node-llama-cpp may be installed, besides the usual places of packages. */
  readonly moduleFolder: string;
}

/** The library, started. */
export interface Runtime {
  readonly library: LlamaLibrary;
  readonly llama: Llama;
  /** What it logged lately. It prints nothing. */
  readonly complaints: string[];
}

/** @throws UsageError when the package is not there, does not load, or cannot compute on what was chosen */
export async function startRuntime({ gpu, threads, moduleFolder }: RuntimeOptions): Promise<Runtime> {
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

/** What went wrong, on one line: what the library logged, or else what it threw. */
export function firstWords(complaints: readonly string[], error: unknown): string {
  const said =
    complaints.find((line) => line.trim() !== "") ?? (error instanceof Error ? error.message : String(error));
  return cutTo(oneLine(said), 200);
}

/** Imports node-llama-cpp from where it is installed; null when it is not installed. */
export async function findLibrary(moduleFolder: string): Promise<LlamaLibrary | null> {
  // The compiler does not follow a name in a variable: the package is optional.
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

// ----- What is used of node-llama-cpp 3. Its own types come with the package, which may be absent. -----

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

export interface Model {
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

export interface Context {
  readonly contextSize: number;
  readonly sequencesLeft: number;
  getSequence(): Sequence;
}

export interface Sequence {
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

/** Not looked into here. */
export interface Grammar {
  readonly rootRuleName: string;
}

export type HistoryItem =
  | { readonly type: "system" | "user"; readonly text: string }
  | { readonly type: "model"; readonly response: readonly string[] };

export interface Chat {
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

export interface Generated {
  readonly fullResponse: readonly (string | { readonly segmentType: string; readonly text: string })[];
  readonly metadata: { readonly stopReason: string };
}

export interface Chunk {
  readonly type: "segment" | undefined;
  readonly text: string;
  readonly tokens: readonly number[];
}

// --- internal ---

/**
 * The started libraries, by what they were started with. They stay for as long as the process: a library that is started
 * again after its end prints its log instead of passing it on.
 */
/** The version that this file is written for. */
const wanted = "node-llama-cpp@3.21.1";
const runtimes = new Map<string, Promise<Runtime>>();

async function newRuntime({ gpu, threads, moduleFolder }: RuntimeOptions): Promise<Runtime> {
  const library = await loadLibrary(moduleFolder);
  const complaints: string[] = [];
  const unavailable = (reason: string) => {
    const what = gpu === "off" ? "this processor" : `gpu: ${gpu}`;
    const extra = gpu === "cuda" || gpu === "vulkan" ? ` -- ${gpu}` : "";
    const install = isInPythonPackage ? "" : `run \`npm run setup:llm${extra}\`, or `;
    return new UsageError(
      `node-llama-cpp cannot compute on ${what} here, ${process.platform} ${process.arch} (${reason}): ${install}choose another gpu`,
    );
  };
  let llama: Llama;
  try {
    llama = await library.getLlama({
      gpu: gpu === "off" ? false : gpu,
      // A missing binary is an error, not a reason to compile or to download anything.
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
  // When the card is not there, the library takes the processor and does not say so.
  if (gpu !== "off" && gpu !== "auto" && llama.gpu !== gpu)
    throw unavailable(`it would take ${llama.gpu === false ? "the processor" : llama.gpu}`);
  return { library, llama, complaints };
}

async function loadLibrary(moduleFolder: string): Promise<LlamaLibrary> {
  const library = await findLibrary(moduleFolder).catch((error: unknown) => {
    throw new UsageError(
      `node-llama-cpp is installed but does not load (${firstWords([], error)}): run \`${isInPythonPackage ? installPackage(wanted) : "npm run setup:llm"}\` again`,
    );
  });
  if (library !== null) return library;
  throw new UsageError(
    isInPythonPackage
      ? `gguf: models need node-llama-cpp, which is not installed: run \`${installPackage(wanted)}\``
      : `gguf: models need node-llama-cpp, which is not installed: run \`npm run setup:llm\` in a checkout, or \`npm install ${wanted}\` beside collm-nas`,
  );
}
