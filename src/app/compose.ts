/**
 * Chooses an implementation for every port: evaluator, models, searcher, clock.
 *
 * Only this file knows which implementations there are; all others use search/ports.ts. It closes what it opened.
 */
import { join, relative } from "node:path";
import type { PresentSearch } from "../models/recorded-chat.ts";
import {
  environmentForPython,
  isStartedByNpm,
  pythonFromEnvironment,
  readHeaders,
  readKey,
} from "../settings/environment.ts";
import { localModel, type ModelConfig, type ServerConfig, type Setup, serverOf } from "../settings/config.ts";
import { UsageError } from "../errors.ts";
import { type Role, type OutputMode, roleSchema } from "../search/events.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import type { ChatModel, Clock, Evaluator, Searcher, SpaceCatalog } from "../search/ports.ts";
import { searchers } from "../searchers/registry.ts";
import { installEvaluator, isCheckout, packageRoot } from "../system/installation.ts";

export { deadlineIn, systemClock } from "../system/clock.ts";

export { packageRoot };

/** How a person called this program, for the commands that messages suggest. */
export const program = isCheckout
  ? fromHere("bin/collm-nas")
  : isStartedByNpm()
    ? "npx collm-nas"
    : "collm-nas";

function fromHere(path: string): string {
  const whole = join(packageRoot, path);
  const way = relative(process.cwd(), whole);
  return way.startsWith("..") ? whole : `./${way}`;
}

/** An evaluator in use, and how to put it away. */
export interface OpenedEvaluator {
  readonly evaluator: Evaluator & SpaceCatalog;
  /** The Python that it is started with; null: it was not started here. */
  readonly python: string | null;
  /** Appends to a file what an evaluator that was started here writes to standard error. */
  readonly logTo: (file: string) => void;
  readonly close: () => Promise<void>;
}

/** The evaluator at an address, or a Python one started for this command. */
export async function openEvaluator({
  evaluator: setup,
}: Pick<Setup, "evaluator">): Promise<OpenedEvaluator> {
  const { address, config, silenceSeconds } = setup;
  if (address !== null) {
    if (config !== null) {
      throw new UsageError(
        "--evaluator-config configures the evaluator that is started here; the one at --evaluator has its own",
      );
    }
    const { GrpcEvaluator } = await import("../evaluator/grpc-evaluator.ts");
    const evaluator = new GrpcEvaluator({ address, silenceSeconds });
    return { evaluator, python: null, logTo: () => {}, close: async () => evaluator.close() };
  }
  const { findPython } = await import("../evaluator/python-evaluator.ts");
  const { LocalEvaluator } = await import("../evaluator/local-evaluator.ts");
  const { findMadePython } = await import("./python-setup.ts");
  const python = pythonFromEnvironment() ?? findPython(packageRoot) ?? (await findMadePython());
  if (python === null) {
    throw new UsageError(
      `no Python for the evaluator: run \`${installEvaluator}\`, set COLLM_NAS_PYTHON to a Python with collm-nas, or name a running evaluator with --evaluator HOST:PORT`,
    );
  }
  const evaluator = new LocalEvaluator({
    python,
    environment: environmentForPython(),
    configFile: config,
    packageRoot,
    silenceSeconds,
  });
  return { evaluator, python, logTo: (file) => evaluator.logTo(file), close: () => evaluator.close() };
}

/** The models in use, and how to put them away. */
export interface OpenedModels {
  readonly models: Record<Role, ChatModel>;
  /** The windows of models that were opened here, in tokens; a server's is known from the settings alone. */
  readonly windows: Readonly<Partial<Record<Role, number>>>;
  readonly close: () => Promise<void>;
}

/** Who is called while models are asked. */
export interface ModelWatch {
  /** Before each wait: how long it is, and why. */
  readonly onRetry: (seconds: number, reason: string) => void;
  /** While a reply arrives: its length so far, in characters. */
  readonly onText?: (role: Role, characters: number) => void;
}

/** The way to ask each role's server that an earlier part of the run found out. */
export type KnownOutputModes = Readonly<Partial<Record<Role, OutputMode>>>;

/**
 * The models that play the roles.
 *
 * @param present the search that they play; absent: another use of a model
 * @throws UsageError for a key that is missing, and for a file that is no model
 */
export async function openModels(
  model: ModelConfig,
  clock: Clock,
  watch: ModelWatch,
  known: KnownOutputModes = {},
  present?: PresentSearch,
): Promise<OpenedModels> {
  const closing: (() => Promise<void>)[] = [];
  const windows: Partial<Record<Role, number>> = {};
  const shared = new Map<string, Promise<(role: Role) => ChatModel>>();
  const open = async (role: Role): Promise<ChatModel> => {
    const server = serverOf(model, role);
    const local = localModel(server.name);
    if (local === null) return await openServer(server, role, clock, watch, known[role] ?? null);
    // Both roles may use one file: it is read once.
    const key = JSON.stringify(local.kind === "gguf" ? [local, server.gpu, server.threads] : local);
    const player =
      shared.get(key) ??
      (local.kind === "recorded" ? openRecorded(local.path, present) : openFile(local.path, server));
    shared.set(key, player);
    return (await player)(role);
  };
  const openFile = async (path: string, server: ServerConfig): Promise<(role: Role) => ChatModel> => {
    const { openGguf } = await import("../models/gguf-file.ts");
    const wanted = roleSchema.options.map((role) => serverOf(model, role).contextTokens);
    const given = wanted.filter((window) => window !== null);
    const gguf = await openGguf({
      path,
      gpu: server.gpu,
      threads: server.threads,
      contextTokens: given.length === 0 ? null : Math.max(...given),
      clock,
      moduleFolder: join(packageRoot, "llm"),
    });
    closing.push(() => gguf.close());
    return (role) => {
      windows[role] = gguf.contextTokens;
      const { temperature, topP, maxTokens, seed } = serverOf(model, role);
      return gguf.chat({ temperature, topP, maxTokens, seed, ...telling(watch, role) });
    };
  };
  const close = async () => {
    for (const put of closing) await put();
  };
  try {
    const models = { navigator: await open("navigator"), generator: await open("generator") };
    return { models, windows, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openServer(
  server: ServerConfig,
  role: Role,
  clock: Clock,
  watch: ModelWatch,
  known: OutputMode | null,
): Promise<ChatModel> {
  const { OpenAIChat } = await import("../models/openai-chat.ts");
  const {
    name,
    contextTokens: _window,
    onTruncation: _onTruncation,
    gpu: _gpu,
    threads: _threads,
    ...settings
  } = server;
  return new OpenAIChat({
    ...settings,
    model: name,
    apiKey: readKey(server),
    headers: readHeaders(server),
    known,
    clock,
    onRetry: watch.onRetry,
    ...telling(watch, role),
  });
}

function telling({ onText }: ModelWatch, role: Role): { onText?: (characters: number) => void } {
  return onText === undefined ? {} : { onText: (characters) => onText(role, characters) };
}

async function openRecorded(path: string, present?: PresentSearch): Promise<(role: Role) => ChatModel> {
  const { readRun } = await import("../runs/run-record.ts");
  const { RecordedChat } = await import("../models/recorded-chat.ts");
  const { events } = await readRun(path);
  const recorded = new RecordedChat(events, path, present);
  return (role) => recorded.player(role);
}

/** @throws UsageError naming the nearest searcher */
export function findSearcher(name: string): Searcher {
  const found = searchers.find((searcher) => searcher.name === name);
  if (found !== undefined) return found;
  const names = searchers.map((searcher) => searcher.name);
  throw new UsageError(`unknown searcher "${name}"; they are ${names.join(", ")}${didYouMean(name, names)}`);
}
