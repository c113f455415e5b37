/**
 * What the roles are told: text made from the space's description, the problem and the results.
 *
 * Owns the wording that both roles share and the JSON Schema of an answer. Knows no space, benchmark or data set: all
 * names in these texts come from the description, except the task sentence of the configuration.
 */
import type { SearchConfig } from "../search/events.ts";
import type { Architecture, Dimension, Space } from "../search/space.ts";
import { objective, type RunState } from "../search/state.ts";

/** The JSON Schema of a list of architectures, in constructs that every constrained decoder honours. */
export function architecturesSchema(
  space: Space,
  { min, max }: SearchConfig["candidates"],
): Record<string, unknown> {
  const properties = Object.fromEntries(
    space.description.dimensions.map((dimension) => [dimension.name, slotsSchema(dimension)]),
  );
  const item = { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
  return {
    type: "object",
    properties: { architectures: { type: "array", items: item, minItems: min, maxItems: max } },
    required: ["architectures"],
    additionalProperties: false,
  };
}

/** The space, as a model needs to know it: dimensions, slots by group, rules of the structure, costs. */
export function describeSpace(space: Space): string {
  const { summary, dimensions, costs } = space.description;
  const rules = describeRules(dimensions);
  return [
    "# The search space",
    ...(summary === "" ? [] : [summary]),
    "An architecture is one JSON object with exactly these keys:",
    ...dimensions.map(describeDimension),
    ...(rules.length > 0
      ? [
          "## Rules of the structure",
          [
            ...rules,
            "- Fill the unused slots with any choice: they are not part of the network and cost nothing.",
          ].join("\n"),
        ]
      : []),
    ...(costs.length > 0 ? ["## Costs", costs.map((cost) => `- ${describeNumber(cost)}`).join("\n")] : []),
  ].join("\n\n");
}

/**
 * One architecture as JSON, slots grouped where all groups are alike.
 *
 * @param unused what stands in slots that are not in use: null where it is shown, some choice where it is an answer
 */
export function writeArchitecture(
  space: Space,
  architecture: Architecture,
  unused: "null" | "choice" = "null",
): string {
  const object = space.toObject(architecture);
  const members = space.description.dimensions.map((dimension) => {
    const { choices, numeric } = dimension;
    const filling = unused === "null" ? null : numeric ? Number(choices[0]) : choices[0];
    const slots = (object[dimension.name] ?? []).map((value) => JSON.stringify(value ?? filling));
    const lists = isNested(dimension)
      ? chunks(dimension, slots).map((group) => `[${group.join(", ")}]`)
      : slots;
    return `"${dimension.name}": [${lists.join(", ")}]`;
  });
  return `{${members.join(", ")}}`;
}

/** The goal, the limits and how to treat them: the same words for both roles. */
export function describeProblem(state: RunState): string {
  const { search } = state;
  const metric = objective(state);
  const limits = describeLimits(state);
  const over =
    search.overLimit === "skip"
      ? "is thrown away without being evaluated"
      : "uses up an evaluation and can never win";
  return [
    "# The problem",
    ...(search.task === null ? [] : [search.task]),
    [
      `- Objective: ${metric.higherIsBetter ? "maximise" : "minimise"} ${describeNumber(metric)}`,
      `- Target: ${search.target === null ? "none given; get as far as possible." : `${withUnit(search.target, metric.unit)}. Reaching it ends the search.`}`,
      ...limits.map((limit) => `- Strict limit: ${limit}.`),
      `- Budget: ${search.budget} evaluated architectures in all.`,
      ...(limits.length > 0
        ? [
            `- An architecture over a limit ${over}. One far below the limit leaves capacity unused and is likely worse: aim close under it.`,
          ]
        : []),
    ].join("\n"),
  ].join("\n\n");
}

/** What each limited cost may be at most. */
export function describeLimits({ search, space }: RunState): string[] {
  return Object.entries(search.limits).map(([name, limit]) => {
    const unit = space.costs.find((cost) => cost.name === name)?.unit ?? "";
    return `\`${name}\` at most ${withUnit(limit, unit)}`;
  });
}

/** A number in at most six significant digits. */
export function figure(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** A number with its unit, where it has one. */
export function withUnit(value: number, unit: string): string {
  return unit === "" ? figure(value) : `${figure(value)} ${unit}`;
}

// --- internal ---

/** A metric or cost: its name, its unit and its meaning, as far as they are told. */
function describeNumber({ name, unit, meaning }: { name: string; unit: string; meaning: string }): string {
  return `\`${name}\`${unit === "" ? "" : ` (${unit})`}${meaning === "" ? "" : `: ${meaning}`}`;
}

/** Which slots are in use, one line for all dimensions that share the answer. */
function describeRules(dimensions: readonly Dimension[]): string[] {
  const rules = new Map<string, string[]>();
  for (const { name, activeCount, groups } of dimensions) {
    if (activeCount === "") continue;
    const used =
      groups.length === 1
        ? `the first \`${activeCount}\``
        : groups
            .map((group, at) => `the first ${activeCount}[${at}] of ${group.name || `group ${at}`}`)
            .join(", ");
    rules.set(used, [...(rules.get(used) ?? []), `\`${name}\``]);
  }
  return [...rules].map(
    ([used, names]) => `- Of the slots of ${names.join(" and ")} only these are in use: ${used}.`,
  );
}

function describeDimension(dimension: Dimension): string {
  const { name, meaning, choices, groups, slotNames } = dimension;
  const slots = groups.reduce((sum, { size }) => sum + size, 0);
  const lines = [
    `## \`${name}\`: ${slots === 1 ? "one slot," : `${slots} slots, each`} one of ${choices.join(", ")}`,
  ];
  if (meaning !== "") lines.push(meaning);
  if (slots > 1) {
    const form = isNested(dimension)
      ? `Written as ${groups.length} lists, one a group, of ${groups[0]?.size} slots each. ${name}[i] below counts the slots from 0 through all groups.`
      : `Written as one flat list of ${slots} slots, counted from 0.`;
    let at = 0;
    const list = groups.map((group) => {
      const members = Array.from({ length: group.size }, () => {
        const slot = at++;
        return slotNames[slot] === undefined ? `${name}[${slot}]` : `${name}[${slot}] (${slotNames[slot]})`;
      });
      return `- ${group.name || "all"}: ${members.join(", ")}`;
    });
    lines.push(form, list.join("\n"));
  }
  return lines.join("\n\n");
}

function slotsSchema(dimension: Dimension): Record<string, unknown> {
  const slot = dimension.numeric
    ? { type: "number", enum: dimension.choices.map(Number) }
    : { type: "string", enum: dimension.choices };
  const list = (items: unknown, length: number) => ({
    type: "array",
    items,
    minItems: length,
    maxItems: length,
  });
  if (isNested(dimension)) return list(list(slot, dimension.groups[0]?.size ?? 1), dimension.groups.length);
  return list(
    slot,
    dimension.groups.reduce((sum, { size }) => sum + size, 0),
  );
}

/** Groups of one size are written as lists of their own: models lose their way in long flat lists. */
function isNested({ groups }: Dimension): boolean {
  const size = groups[0]?.size ?? 1;
  return groups.length > 1 && size > 1 && groups.every((group) => group.size === size);
}

function chunks<T>({ groups }: Dimension, slots: readonly T[]): T[][] {
  let at = 0;
  return groups.map(({ size }) => slots.slice(at, (at += size)));
}
