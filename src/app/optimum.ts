/**
 * Finds the best of a space by measuring all of it. For tables, where an evaluation costs nothing.
 *
 * Larger spaces are refused.
 */
import { EvaluatorUnavailable, UsageError } from "../errors.ts";
import type { Reference } from "../report/bench-record.ts";
import { checkedOutcome } from "../search/measurements.ts";
import type { Evaluator } from "../search/ports.ts";
import type { Space } from "../search/space.ts";

/** A space with more architectures is no table. */
const mostEnumerated = 50_000n;

/**
 * The value of the objective of every architecture on one split, in the order of `texts`.
 *
 * A failed evaluation has no value.
 *
 * @throws EvaluatorUnavailable when one stays without an answer
 */
export async function measureAll(
  evaluator: Evaluator,
  space: Space,
  texts: readonly string[],
  split: "search" | "test",
  signal: AbortSignal,
): Promise<(number | null)[]> {
  const { description } = space;
  const metric = description.metrics[0]?.name ?? "";
  const values: (number | null)[] = texts.map(() => null);
  for (let start = 0; start < texts.length; start += description.maxBatch) {
    const batch = texts.slice(start, start + description.maxBatch);
    const open = new Set(batch.keys());
    for await (const message of evaluator.evaluate({ space: description, split, texts: batch }, signal)) {
      if (message.kind !== "outcome") continue;
      open.delete(message.index);
      const outcome = checkedOutcome(description, message.outcome);
      if (outcome.kind === "measurement") values[start + message.index] = outcome.metrics[metric] ?? null;
    }
    if (open.size > 0)
      throw new EvaluatorUnavailable(
        `the evaluator closed the stream with ${open.size} architectures unanswered; see that it is well, then resume`,
      );
  }
  return values;
}

/** Every architecture's text. @throws UsageError when the space is too large to be listed */
export function everyText(space: Space): string[] {
  if (space.size > mostEnumerated)
    throw new UsageError(
      `space ${space.id} has ${space.size} architectures, more than the ${mostEnumerated} that can all be measured`,
    );
  return [...space.all()].map(({ text }) => text);
}

/** The best value of the objective on each split. */
export async function measureOptimum(
  evaluator: Evaluator,
  space: Space,
  signal: AbortSignal,
): Promise<Reference["optimum"]> {
  const texts = everyText(space);
  const bestOn = async (split: "search" | "test") => {
    const values = (await measureAll(evaluator, space, texts, split, signal)).filter(
      (value) => value !== null,
    );
    const better = space.description.metrics[0]?.higherIsBetter === false ? Math.min : Math.max;
    return values.length === 0 ? null : values.reduce((first, second) => better(first, second));
  };
  const search = await bestOn("search");
  const hasTest = space.description.splits.some(({ name }) => name === "test");
  return search === null ? null : { search, test: hasTest ? await bestOn("test") : null };
}
