/**
 * The composition root: chooses an implementation for every port.
 *
 * Owns which adapters exist, and closes what it opened. Every other module meets the world through search/ports.ts.
 */
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type ModelConfig, pythonFromEnvironment, readKey, type Setup, serverOf } from "../config.ts";
import { UsageError } from "../errors.ts";
import type { Role } from "../search/events.ts";
import { didYouMean } from "../search/nearest.ts";
import type { ChatModel, Clock, Evaluator, Searcher, SpaceCatalog } from "../search/ports.ts";
import { searchers } from "../searchers/registry.ts";

export { systemClock } from "../adapters/system-clock.ts";

/** The folder that holds package.json: as far from src/commands as from dist/commands. */
export const packageRoot = fileURLToPath(new URL("../../", import.meta.url));

/** How a person called this program, for the commands that messages suggest. */
export const program = existsSync(join(packageRoot, "src")) ? fromHere("bin/collm-nas") : "collm-nas";

function fromHere(path: string): string {
  const whole = join(packageRoot, path);
  const way = relative(process.cwd(), whole);
  return way.startsWith("..") ? whole : `./${way}`;
}

/** An evaluator in use, and how to put it away. */
export interface OpenedEvaluator {
  readonly evaluator: Evaluator & SpaceCatalog;
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
    const { GrpcEvaluator } = await import("../adapters/grpc-evaluator.ts");
    const evaluator = new GrpcEvaluator({ address, silenceSeconds });
    return { evaluator, logTo: () => {}, close: async () => evaluator.close() };
  }
  const { LocalEvaluator, findPython } = await import("../adapters/python-evaluator.ts");
  const python = pythonFromEnvironment() ?? findPython(packageRoot);
  if (python === null) {
    throw new UsageError(
      "no Python for the evaluator: run `npm run setup` in a checkout, set COLLM_NAS_PYTHON to a Python with collm-nas-evaluator, or name a running evaluator with --evaluator HOST:PORT",
    );
  }
  const evaluator = new LocalEvaluator({
    python,
    configFile: config,
    packageRoot,
    silenceSeconds,
  });
  return { evaluator, logTo: (file) => evaluator.logTo(file), close: () => evaluator.close() };
}

/** The models that play the roles: the one that was named, or the rules. */
export async function openModels(
  model: ModelConfig | null,
  clock: Clock,
  onRetry: (seconds: number, reason: string) => void,
): Promise<Record<Role, ChatModel>> {
  if (model === null) {
    const { rulesModel } = await import("../searchers/rules.ts");
    return { navigator: rulesModel, generator: rulesModel };
  }
  const { OpenAIChat } = await import("../adapters/openai-chat.ts");
  const open = (role: Role) => {
    const { name, ...settings } = serverOf(model, role);
    const apiKey = readKey(serverOf(model, role));
    return new OpenAIChat({ ...settings, model: name, apiKey, clock, onRetry });
  };
  return { navigator: open("navigator"), generator: open("generator") };
}

/** @throws UsageError naming the nearest searcher */
export function findSearcher(name: string): Searcher {
  const found = searchers.find((searcher) => searcher.name === name);
  if (found !== undefined) return found;
  const names = searchers.map((searcher) => searcher.name);
  throw new UsageError(`unknown searcher "${name}"; they are ${names.join(", ")}${didYouMean(name, names)}`);
}
