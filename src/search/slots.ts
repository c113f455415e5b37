/**
 * Reads raw values of one dimension into its slots.
 *
 * It accepts the forms of proto/README.md. For anything else it gives every reason.
 */
import { didYouMean } from "../text/did-you-mean.ts";
import { quotedValue } from "../text/json.ts";
import type { Rejection } from "./architecture.ts";
import type { Axis } from "./axes.ts";
import type { RepairKind } from "./repairs.ts";
import { isWrittenGrouped } from "./space-description.ts";

const numberText = /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

/** Marks the slots of a list of a wrong length: nothing more is said about them. */
export const unjudged = Symbol("unjudged");

/**
 * A raw value as one flat list of all slots; inactive slots that were left out are undefined. `wrong` says what has no
 * accepted form, `forms` how it differs from the form asked for.
 */
export function flatten(
  axis: Axis,
  value: unknown,
  counts: readonly number[] | undefined,
): { flat: unknown[]; wrong: Rejection[]; forms: RepairKind[] } {
  const refused = (expected: number) => ({
    flat: [],
    wrong: [wrongLength(axis, axis.name, value, expected)],
    forms: [],
  });
  if (!Array.isArray(value)) {
    const bare = axis.length === 1 && (typeof value !== "object" || value === null);
    return bare ? { flat: [value], wrong: [], forms: ["bare-slot"] } : refused(axis.length);
  }
  if (value.some(Array.isArray)) {
    if (value.length !== axis.groups.length || !value.every(Array.isArray))
      return refused(axis.groups.length);
    const wrong: Rejection[] = [];
    const forms: RepairKind[] = isWrittenGrouped(axis) ? [] : ["grouped-slots"];
    const flat = (value as unknown[][]).flatMap((inner, group) => {
      const { size } = axis.groups[group] as { size: number };
      const active = counts?.[group] ?? size;
      if (inner.length < size) forms.push("active-only");
      if (inner.length === size || inner.length === active) return padded(inner, size);
      wrong.push(wrongLength(axis, `${axis.name}[${group}]`, inner, active));
      return Array.from({ length: size }, () => unjudged);
    });
    return { flat, wrong, forms };
  }
  if (value.length === axis.length || (axis.groups.length === 1 && value.length === counts?.[0])) {
    const forms: RepairKind[] = isWrittenGrouped(axis) ? ["flat-groups"] : [];
    if (value.length < axis.length) forms.push("active-only");
    return { flat: padded(value, axis.length), wrong: [], forms };
  }
  return refused(axis.length);
}

function padded(list: readonly unknown[], length: number): unknown[] {
  return [...list, ...Array.from({ length: length - list.length })];
}

/** The index of the choice that a raw entry means; -1: none. */
export function choiceOf(axis: Axis, entry: unknown): number {
  if (!axis.numeric) return typeof entry === "string" ? axis.choices.indexOf(entry) : -1;
  if (typeof entry === "number") return axis.values.indexOf(entry);
  return typeof entry === "string" && numberText.test(entry) ? axis.values.indexOf(Number(entry)) : -1;
}

function wrongLength(axis: Axis, place: string, value: unknown, expected: number): Rejection {
  const got = Array.isArray(value) ? `${value.length}` : "no list";
  const grouped = axis.groups.length > 1 ? ` (or ${axis.groups.length} lists, one a group)` : "";
  return {
    code: "wrong-length",
    place,
    sentence: `"${place}" needs ${expected} entries${place === axis.name ? grouped : ""}, got ${got}`,
  };
}

export function notAChoice(axis: Axis, slot: number, entry: unknown): Rejection {
  const place = `${axis.name}[${slot}]`;
  const got = entry === undefined ? "nothing" : quotedValue(entry);
  const hint = typeof entry === "string" ? didYouMean(entry.slice(0, 60), axis.choices) : "";
  return {
    code: "not-a-choice",
    place,
    sentence: `"${place}" is ${got}; choices are ${axis.choices.join(", ")}${hint}`,
  };
}
