/**
 * Writes the parts of prompts that all roles share, in every wording, and the JSON Schema of an answer.
 *
 * The texts are made from the space's description, the problem and the results. All names in them come from the
 * description, except the task sentence of the configuration: no space, benchmark or data set is known here.
 */
import { number } from "../text/numbers.ts";
import type { Inform, Role, SearchConfig, Wording } from "../search/events.ts";
import { randomStream } from "../search/random.ts";
import type { Architecture } from "../search/architecture.ts";
import type { Space } from "../search/space.ts";
import { type Dimension, isWrittenGrouped } from "../search/space-description.ts";
import { objective } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { coaching } from "./wordings/coaching.ts";
import { concise } from "./wordings/concise.ts";
import { standard } from "./wordings/standard.ts";
import { bulleted, type Scene, type Texts } from "./wordings/texts.ts";

const wordings: Readonly<Record<Wording, Texts>> = { standard, concise, coaching };

/** The wording of a search. */
export function textsOf({ wording = "standard" }: Pick<SearchConfig, "wording">): Texts {
  return wordings[wording];
}

/** Whether the prompts may hold more than the paper's. */
export function hasPromptExtras({ promptExtras }: Pick<SearchConfig, "promptExtras">): boolean {
  return promptExtras !== false;
}

/** Whether the prompts show `fact` beyond the results. */
export function informs(search: Pick<SearchConfig, "promptExtras" | "inform">, fact: Inform): boolean {
  return hasPromptExtras(search) && (search.inform ?? []).includes(fact);
}

/** What the texts of a search depend on. `author` is the role whose conversation the text belongs to. */
export function sceneOf({ search }: RunState, author: Role): Scene {
  return {
    ...search.candidates,
    isLimited: Object.keys(search.limits).length > 0,
    skipsOverLimit: search.overLimit === "skip",
    promptExtras: hasPromptExtras(search),
    remembers: search.memory[author],
    structured: search.structured,
  };
}

/**
 * The JSON Schema of a list of architectures, in constructs that every constrained decoder supports.
 *
 * @param before members before the list, by name
 */
export function architecturesSchema(
  space: Space,
  { min, max }: SearchConfig["candidates"],
  before: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const properties = Object.fromEntries(
    space.description.dimensions.map((dimension) => [dimension.name, slotsSchema(dimension)]),
  );
  const item = { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
  return {
    type: "object",
    properties: { ...before, architectures: { type: "array", items: item, minItems: min, maxItems: max } },
    required: [...Object.keys(before), "architectures"],
    additionalProperties: false,
  };
}

/** The description of the space for a model: dimensions, slots by group, rules of the structure, costs. */
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
 * @param unused what is in slots that are not in use: null where it is shown, any choice where it is an answer
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
    const lists = isWrittenGrouped(dimension)
      ? chunks(dimension, slots).map((group) => `[${group.join(", ")}]`)
      : slots;
    return `"${dimension.name}": [${lists.join(", ")}]`;
  });
  return `{${members.join(", ")}}`;
}

/**
 * The form in which architectures are answered, around an example: JSON under a schema, or a fence.
 *
 * @param before what comes before the list, where the answer is JSON under a schema
 */
export function answerForm({ search }: RunState, space: Space, before = ""): string {
  const example = exampleOf(space);
  if (search.structured) return `{${before}"architectures": [${example}, ...]}`;
  // The paper's answers are objects one after another.
  const inside = hasPromptExtras(search) ? `{"architectures": [${example}, ...]}` : `${example}\n{...}`;
  return `\`\`\`json\n${inside}\n\`\`\``;
}

/** An architecture in the form of an answer; its choices mean nothing. */
export function exampleOf(space: Space): string {
  return writeArchitecture(space, space.sample(randomStream(0, "example")), "choice");
}

/** The goal, the limits and how to treat them: the same words for all roles. */
export function describeProblem(state: RunState): string {
  const { search } = state;
  const { problem } = textsOf(search);
  const scene = sceneOf(state, "navigator");
  const metric = objective(state);
  return [
    problem.heading,
    ...(search.task === null ? [] : [search.task]),
    bulleted([
      problem.objective(metric.higherIsBetter ? "maximise" : "minimise", describeNumber(metric)),
      problem.target(scene, search.target === null ? null : withUnit(search.target, metric.unit)),
      ...describeLimits(state).map(problem.limit),
      ...(scene.promptExtras ? [problem.budget(search.budget)] : []),
      ...(scene.isLimited ? [problem.nearLimit(scene)] : []),
    ]),
  ].join("\n\n");
}

/** The most that each limited cost may be. */
export function describeLimits({ search, space }: RunState): string[] {
  return Object.entries(search.limits).map(([name, limit]) => {
    const unit = space.costs.find((cost) => cost.name === name)?.unit ?? "";
    return `\`${name}\` at most ${withUnit(limit, unit)}`;
  });
}

/** The names of the dimensions in which there is something to choose. */
export function openNames({ description: { dimensions } }: Space): string[] {
  const open = dimensions.filter((dimension) => !isFixed(dimension));
  return (open.length === 0 ? dimensions : open).map(({ name }) => name);
}

/** A number with its unit, where it has one. */
export function withUnit(value: number, unit: string): string {
  return unit === "" ? number(value) : `${number(value)} ${unit}`;
}

// --- internal ---

/** Whether a dimension has one choice, so that nothing is searched there. */
function isFixed({ choices }: Dimension): boolean {
  return choices.length === 1;
}

/** A metric or cost: its name, its unit and its meaning, as far as they are known. */
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

/** A dimension for a model. Groups and slots that an earlier dimension shares with it are not listed again. */
function describeDimension(dimension: Dimension, index: number, all: readonly Dimension[]): string {
  const { name, meaning, choices } = dimension;
  const slots = slotCount(dimension);
  const count = slots === 1 ? "one slot," : `${slots} slots, each`;
  if (isFixed(dimension))
    return [
      `## \`${name}\`: ${count} always ${choices[0]}`,
      ...(meaning === "" ? [] : [firstSentence(meaning)]),
      ...(slots === 1 ? [] : [`${listForm(dimension)}.`]),
    ].join("\n\n");
  const twin = all.slice(0, index).find((other) => !isFixed(other) && haveSameSlots(other, dimension));
  return [
    `## \`${name}\`: ${count} one of ${choices.join(", ")}`,
    ...(meaning === "" ? [] : [meaning]),
    ...(slots === 1 ? [] : describeSlots(dimension, twin)),
  ].join("\n\n");
}

/** How the slots are written and counted, and what they are: a list, or the earlier dimension that has the same ones. */
function describeSlots(dimension: Dimension, twin: Dimension | undefined): string[] {
  const { name, groups, slotNames } = dimension;
  const form = isWrittenGrouped(dimension)
    ? `${listForm(dimension)}. ${name}[i]${twin === undefined ? " below" : ""} counts the slots from 0 through all groups.`
    : `${listForm(dimension)}, counted from 0.`;
  if (twin !== undefined)
    return [
      `${form} The groups and slots are those of \`${twin.name}\`: ${name}[i] is at the place of ${twin.name}[i].`,
    ];
  let at = 0;
  const list = groups.map((group) => {
    const members = Array.from({ length: group.size }, () => {
      const slot = at++;
      return slotNames[slot] === undefined ? `${name}[${slot}]` : `${name}[${slot}] (${slotNames[slot]})`;
    });
    return `- ${group.name || "all"}: ${members.join(", ")}`;
  });
  return [form, list.join("\n")];
}

function listForm(dimension: Dimension): string {
  const { groups } = dimension;
  return isWrittenGrouped(dimension)
    ? `Written as ${groups.length} lists, one a group, of ${groups[0]?.size} slots each`
    : `Written as one flat list of ${slotCount(dimension)} slots`;
}

/**
 * Whether slot i is the same place in two dimensions: the groups and the names of the slots are equal. Slots without
 * names are the same place only where one dimension counts both.
 */
function haveSameSlots(first: Dimension, second: Dimension): boolean {
  const isKnown =
    first.slotNames.length > 0 || (first.activeCount !== "" && first.activeCount === second.activeCount);
  const placesOf = ({ groups, slotNames }: Dimension) => JSON.stringify([groups, slotNames]);
  return isKnown && slotCount(first) > 1 && placesOf(first) === placesOf(second);
}

function slotCount({ groups }: Dimension): number {
  return groups.reduce((sum, { size }) => sum + size, 0);
}

function firstSentence(text: string): string {
  return /^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text;
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
  if (isWrittenGrouped(dimension))
    return list(list(slot, dimension.groups[0]?.size ?? 1), dimension.groups.length);
  return list(slot, slotCount(dimension));
}

function chunks<T>({ groups }: Dimension, slots: readonly T[]): T[][] {
  let at = 0;
  return groups.map(({ size }) => slots.slice(at, (at += size)));
}
