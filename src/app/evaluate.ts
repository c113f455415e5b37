/**
 * Asks the evaluator directly, without a search: which spaces it has, and what one architecture is worth. Records nothing.
 */
import { ContractViolation, UsageError } from "../errors.ts";
import type { Outcome } from "../search/events.ts";
import type { Evaluator, SpaceCatalog } from "../search/ports.ts";
import { Space } from "../search/space.ts";
import { readDirectSetup } from "../settings/config.ts";
import type { Flags } from "../settings/flags.ts";
import { openEvaluator } from "./compose.ts";

/** Where the evaluator is. */
export type EvaluatorFlags = Pick<Flags, "evaluator" | "evaluatorConfig">;

/** Every space of the evaluator, and its version. */
export async function listSpaces(
  flags: EvaluatorFlags,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<SpaceCatalog["list"]>>> {
  return await asking(flags, (evaluator) => evaluator.list(signal));
}

/** One space as the evaluator describes it. */
export async function describeSpace(id: string, flags: EvaluatorFlags, signal: AbortSignal): Promise<Space> {
  return await asking(flags, async (evaluator) => new Space(await evaluator.describe(id, signal)));
}

/** What one architecture costs and is worth. */
export interface Evaluated {
  readonly space: Space;
  readonly text: string;
  readonly architecture: ReturnType<Space["toObject"]>;
  readonly costs: Readonly<Record<string, number>>;
  readonly outcome: Outcome;
}

/**
 * The costs and the outcome of one architecture in any raw form.
 *
 * @throws UsageError when it is no architecture of the space, or the space has no such split
 */
export async function evaluateArchitecture(
  raw: string,
  spaceId: string,
  split: "search" | "test",
  flags: EvaluatorFlags,
  signal: AbortSignal,
): Promise<Evaluated> {
  return await asking(flags, async (evaluator) => {
    const description = await evaluator.describe(spaceId, signal);
    const space = new Space(description);
    if (!description.splits.some(({ name }) => name === split))
      throw new UsageError(
        `space ${spaceId} has no split "${split}"; it has ${description.splits.map(({ name }) => name).join(", ")}`,
      );
    const parsed = space.parse(raw);
    if (!parsed.ok)
      throw new UsageError(
        `not an architecture of ${spaceId}: ${parsed.rejections.map(({ sentence }) => sentence).join("; ")}`,
      );
    const { text } = parsed.architecture;
    const request = { space: description, texts: [text] };
    const [measured] = await evaluator.measureCosts(request, signal);
    let outcome: Outcome | null = null;
    for await (const message of evaluator.evaluate({ ...request, split }, signal))
      if (message.kind === "outcome") outcome = message.outcome;
    if (outcome === null || measured === undefined)
      throw new ContractViolation(`the evaluator gave no answer for ${text}`);
    const { costs } = measured;
    return { space, text, architecture: space.toObject(parsed.architecture), costs, outcome };
  });
}

// --- internal ---

async function asking<T>(
  flags: EvaluatorFlags,
  ask: (evaluator: Evaluator & SpaceCatalog) => Promise<T>,
): Promise<T> {
  const { evaluator, close } = await openEvaluator({ evaluator: readDirectSetup(flags) });
  try {
    return await ask(evaluator);
  } finally {
    await close();
  }
}
