/** `spaces` and `evaluate`: tables of what the evaluator says. It is asked by app/evaluate.ts. */
import { describeSpace, type EvaluatorFlags, evaluateArchitecture, listSpaces } from "../app/evaluate.ts";
import { errorsOf } from "../search/noise.ts";
import type { Space } from "../search/space.ts";
import type { Output } from "./output.ts";
import { namedNumbers } from "../text/numbers.ts";
import { scores } from "./summary.ts";
import { table } from "./table.ts";
import { wrapped } from "../text/wrapped.ts";

/** Lists every space, or describes one. */
export async function spaces(
  id: string | undefined,
  flags: EvaluatorFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (id !== undefined) {
    const space = await describeSpace(id, flags, signal);
    output.result(
      { ...space.description, size: space.size.toString() },
      descriptionLines(space, output.columns),
    );
    return;
  }
  const listed = await listSpaces(flags, signal);
  const rows = listed.spaces.map(({ id: name, available, summary, unavailableReason }) => [
    name,
    available ? "yes" : "no",
    available ? summary : unavailableReason,
  ]);
  output.result(
    { spaces: listed.spaces, serverVersion: listed.serverVersion },
    table(rows, ["space", "available", ""], output.columns),
  );
}

/** Costs and scores of one architecture in any raw form. */
export async function evaluate(
  raw: string,
  spaceId: string,
  split: "search" | "test",
  flags: EvaluatorFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const evaluated = await evaluateArchitecture(raw, spaceId, split, flags, signal);
  const { space, text, architecture, costs, outcome } = evaluated;
  const score =
    outcome.kind === "measurement"
      ? scores(space.description, outcome.metrics, errorsOf(outcome))
      : `failed (${outcome.failure}): ${outcome.message}`;
  const result = {
    space: spaceId,
    split,
    architecture,
    text,
    metrics: outcome.kind === "measurement" ? outcome.metrics : null,
    standardErrors: errorsOf(outcome),
    failure: outcome.kind === "failure" ? { kind: outcome.failure, message: outcome.message } : null,
    costs,
    seconds: outcome.kind === "measurement" ? outcome.seconds : null,
  };
  output.result(
    result,
    table([
      ["Architecture", text],
      [`Split ${split}`, score],
      ["Costs", namedNumbers(costs)],
    ]),
  );
}

// --- internal ---

function descriptionLines(space: Space, columns: number | null): string[] {
  const { description } = space;
  return [
    wrapped(`${description.id}: ${description.summary}`, columns),
    "",
    ...table(
      description.dimensions.map(({ name, choices, groups, activeCount }) => [
        name,
        `${groups.reduce((sum, { size }) => sum + size, 0)}`,
        choices.join(", "),
        activeCount === "" ? "" : `in each group, the first ${activeCount} are active`,
      ]),
      ["dimension", "slots", "choices", ""],
      columns,
    ),
    "",
    ...table(
      [
        ["Architectures", space.size.toLocaleString("en-US")],
        ["Written as", description.template === "" ? "JSON" : description.template],
        ...description.metrics.map(({ name, unit, meaning }) => [`Metric ${name}`, `${unit}: ${meaning}`]),
        ...description.costs.map(({ name, unit, meaning }) => [`Cost ${name}`, `${unit}: ${meaning}`]),
        ...description.splits.map(({ name, meaning }) => [`Split ${name}`, meaning]),
        ["Numbers from", description.provenance],
      ],
      [],
      columns,
    ),
  ];
}
