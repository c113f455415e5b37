/**
 * The dimensions of a space with all that is computed from them once: lengths, groups, counts, values, the template.
 *
 * Refuses a description that contradicts itself.
 */
import { ContractViolation } from "../errors.ts";
import type { Slot } from "./architecture.ts";
import type { Dimension, SpaceDescription } from "./space-description.ts";

/** A choice is written into JSON as it is. */
const jsonNumber = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

/** A dimension with all that is computed from its description once. */
export interface Axis extends Dimension {
  readonly length: number;
  /** The group of each slot and its place within that group. */
  readonly placeOf: readonly { readonly group: number; readonly within: number }[];
  /** The index of the dimension that `activeCount` names, or -1. */
  readonly countedBy: number;
  /** The numeric value of each choice; empty when the dimension is not numeric. */
  readonly values: readonly number[];
}

/** A choice index for each slot: null where the slot is inactive, undefined where nothing was given. */
export type RawSlots = (number | null | undefined)[];

/** @throws ContractViolation when the description contradicts itself */
export function axisOf(dimension: Dimension, description: SpaceDescription): Axis {
  const broken = (what: string) =>
    new ContractViolation(
      `space ${description.id}, dimension "${dimension.name}": ${what}; the evaluator has to correct its description`,
    );
  const placeOf = dimension.groups.flatMap(({ size }, group) =>
    Array.from({ length: size }, (_, within) => ({ group, within })),
  );
  const countedBy =
    dimension.activeCount === ""
      ? -1
      : description.dimensions.findIndex((other) => other.name === dimension.activeCount);
  const values = dimension.numeric ? dimension.choices.map(Number) : [];
  if (dimension.numeric && !dimension.choices.every((token) => jsonNumber.test(token)))
    throw broken("a numeric choice is no decimal number");
  if (!values.every(Number.isFinite)) throw broken("a numeric choice is beyond the range of numbers");
  if (new Set<unknown>(dimension.numeric ? values : dimension.choices).size < dimension.choices.length)
    throw broken("a choice is listed twice");
  if (description.dimensions.filter((other) => other.name === dimension.name).length > 1)
    throw broken("the name is used twice");
  if (dimension.slotNames.length > 0 && dimension.slotNames.length !== placeOf.length)
    throw broken("slot names and slots differ in number");
  if (dimension.activeCount !== "") {
    const counting = description.dimensions[countedBy];
    const sizes = dimension.groups.map(({ size }) => size);
    if (counting === undefined || !counting.numeric || counting.activeCount !== "")
      throw broken(`"${dimension.activeCount}" is no numeric dimension whose slots are all active`);
    if (counting.groups.reduce((sum, { size }) => sum + size, 0) !== sizes.length)
      throw broken(`"${dimension.activeCount}" needs one slot for each group`);
    if (
      counting.choices.some(
        (token) =>
          !Number.isInteger(Number(token)) || Number(token) < 0 || Number(token) > Math.min(...sizes),
      )
    )
      throw broken(`"${dimension.activeCount}" counts more slots than a group has`);
  }
  return { ...dimension, length: placeOf.length, placeOf, countedBy, values };
}

/** The template, cut at its placeholders. @throws ContractViolation where a text of it could not be read back */
export function cutTemplate(
  description: SpaceDescription,
  axes: readonly Axis[],
): { literals: string[]; places: Slot[] } {
  if (description.template === "") return { literals: [], places: [] };
  const literals: string[] = [];
  const places: Slot[] = [];
  let at = 0;
  for (const match of description.template.matchAll(/\{([A-Za-z_][A-Za-z0-9_]*)\[([0-9]+)\]\}/g)) {
    literals.push(description.template.slice(at, match.index));
    places.push({ dimension: axes.findIndex((axis) => axis.name === match[1]), slot: Number(match[2]) });
    at = match.index + match[0].length;
  }
  literals.push(description.template.slice(at));
  const slots = axes.reduce((sum, axis) => sum + axis.length, 0);
  const named = new Set(places.map(({ dimension, slot }) => `${dimension}[${slot}]`));
  const outside = places.some(({ dimension, slot }) => slot >= (axes[dimension]?.length ?? 0));
  if (outside || named.size !== slots || places.length !== slots || literals.slice(1, -1).includes("")) {
    throw new ContractViolation(
      `space ${description.id}: the template must name every slot once, with text between them; the evaluator has to correct its description`,
    );
  }
  const isAmbiguous = places.some(({ dimension }, index) => {
    const { choices, countedBy } = axes[dimension] as Axis;
    const after = literals[index + 1] as string;
    return (countedBy === -1 ? choices : [...choices, "null"]).some(
      (token) =>
        (index === 0 && /^[ \t\r\n{]/.test(`${literals[0]}${token}`)) ||
        (index < places.length - 1
          ? `${token}${after}`.indexOf(after) < token.length
          : /[ \t\r\n]$/.test(`${token}${after}`)),
    );
  });
  if (isAmbiguous) {
    throw new ContractViolation(
      `space ${description.id}: a text of the template cannot be read back: a choice holds the text after its place, or the text begins with { or white space, or ends with white space; the evaluator has to correct its description`,
    );
  }
  return { literals, places };
}

/** Whether a slot is in use, given how many of each group are; absent: all are. */
export function isActive(axis: Axis, slot: number, counts: readonly number[] | undefined): boolean {
  if (counts === undefined) return true;
  const { group, within } = axis.placeOf[slot] as { group: number; within: number };
  return within < (counts[group] as number);
}
