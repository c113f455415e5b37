/**
 * `spaces` and `evaluate`: asking the evaluator directly, without a search.
 *
 * Owns the two tables. Records nothing.
 */
import type { Flags } from "../settings/flags.ts";
import { readDirectSetup } from "../settings/config.ts";
import { ContractViolation, UsageError } from "../errors.ts";
import type { Outcome } from "../search/events.ts";
import { Space } from "../search/space.ts";
import { openEvaluator } from "../app/compose.ts";
import type { Output } from "./output.ts";
import { numbers, scores } from "./summary.ts";
import { table } from "./table.ts";

/** Lists every space, or describes one. */
export async function spaces(
  id: string | undefined,
  flags: Flags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { evaluator, close } = await openEvaluator({ evaluator: readDirectSetup(flags) });
  try {
    if (id !== undefined) {
      const description = await evaluator.describe(id, signal);
      const space = new Space(description);
      output.result({ ...description, size: space.size.toString() }, descriptionLines(space));
      return;
    }
    const listed = await evaluator.list(signal);
    const rows = listed.spaces.map(({ id: name, available, summary, unavailableReason }) => [
      name,
      available ? "yes" : "no",
      available ? summary : unavailableReason,
    ]);
    output.result(
      { spaces: listed.spaces, serverVersion: listed.serverVersion },
      table(rows, ["space", "available", ""]),
    );
  } finally {
    await close();
  }
}

/** Costs and scores of one architecture in any raw form. */
export async function evaluate(
  raw: string,
  spaceId: string,
  split: "search" | "test",
  flags: Flags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { evaluator, close } = await openEvaluator({ evaluator: readDirectSetup(flags) });
  try {
    const description = await evaluator.describe(spaceId, signal);
    const space = new Space(description);
    if (!description.splits.some(({ name }) => name === split)) {
      throw new UsageError(
        `space ${spaceId} has no split "${split}"; it has ${description.splits.map(({ name }) => name).join(", ")}`,
      );
    }
    const parsed = space.parse(raw);
    if (!parsed.ok)
      throw new UsageError(
        `not an architecture of ${spaceId}: ${parsed.rejections.map(({ sentence }) => sentence).join("; ")}`,
      );
    const { architecture } = parsed;
    const request = { space: description, texts: [architecture.text] };
    const [measured] = await evaluator.measureCosts(request, signal);
    let outcome: Outcome | null = null;
    for await (const message of evaluator.evaluate({ ...request, split }, signal))
      if (message.kind === "outcome") outcome = message.outcome;
    if (outcome === null || measured === undefined)
      throw new ContractViolation(`the evaluator gave no answer for ${architecture.text}`);
    const costs = measured.costs;
    const score =
      outcome.kind === "measurement"
        ? scores(description, outcome.metrics)
        : `failed (${outcome.failure}): ${outcome.message}`;
    const result = {
      space: spaceId,
      split,
      architecture: space.toObject(architecture),
      text: architecture.text,
      metrics: outcome.kind === "measurement" ? outcome.metrics : null,
      failure: outcome.kind === "failure" ? { kind: outcome.failure, message: outcome.message } : null,
      costs,
      seconds: outcome.kind === "measurement" ? outcome.seconds : null,
    };
    output.result(result, [
      ...table([
        ["Architecture", architecture.text],
        [`Split ${split}`, score],
        ["Costs", numbers(costs)],
      ]),
    ]);
  } finally {
    await close();
  }
}

// --- internal ---

function descriptionLines(space: Space): string[] {
  const { description } = space;
  return [
    `${description.id}: ${description.summary}`,
    "",
    ...table(
      description.dimensions.map(({ name, choices, groups, activeCount }) => [
        name,
        `${groups.reduce((sum, { size }) => sum + size, 0)}`,
        choices.join(", "),
        activeCount === "" ? "" : `in each group, the first ${activeCount} are active`,
      ]),
      ["dimension", "slots", "choices", ""],
    ),
    "",
    ...table([
      ["Architectures", space.size.toLocaleString("en-US")],
      ["Written as", description.template === "" ? "JSON" : description.template],
      ...description.metrics.map(({ name, unit, meaning }) => [`Metric ${name}`, `${unit}: ${meaning}`]),
      ...description.costs.map(({ name, unit, meaning }) => [`Cost ${name}`, `${unit}: ${meaning}`]),
      ...description.splits.map(({ name, meaning }) => [`Split ${name}`, meaning]),
      ["Numbers from", description.provenance],
    ]),
  ];
}
