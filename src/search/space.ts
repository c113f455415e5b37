/**
 * A search space as data: reading, writing, sampling and varying its architectures.
 *
 * Owns the one spelling of an architecture (proto/README.md states the rules; the evaluator follows the same ones,
 * and both read proto/vectors). Knows no space by name, no accuracy and no search method.
 */
import * as z from "zod";
import { ContractViolation } from "../errors.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { pick, type Random } from "./random.ts";
import type { RepairKind } from "./repairs.ts";

// ----- What a space is -----

const name = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/);

const dimensionSchema = z.strictObject({
  name,
  meaning: z.string().default(""),
  /** Tokens a slot may hold, in canonical order. */
  choices: z.array(z.string().min(1)).min(1),
  /** Whether raw values match tokens by value instead of by letter. */
  numeric: z.boolean(),
  /** Consecutive slots that belong together; the sizes add up to the dimension's length. */
  groups: z.array(z.strictObject({ name: z.string(), size: z.int().min(1) })).min(1),
  /** The dimension holding how many slots of each group are in use, or empty when all are. */
  activeCount: z.string().default(""),
  slotNames: z.array(z.string()).default([]),
});

/** A space as its evaluator describes it: the fields of `SpaceDescription` in the contract. */
export const spaceDescriptionSchema = z.strictObject({
  id: z.string().min(1),
  summary: z.string(),
  digest: z.string().min(1),
  dimensions: z.array(dimensionSchema).min(1),
  template: z.string(),
  metrics: z
    .array(z.strictObject({ name, unit: z.string(), meaning: z.string(), higherIsBetter: z.boolean() }))
    .min(1),
  costs: z.array(z.strictObject({ name, unit: z.string(), meaning: z.string() })),
  splits: z
    .array(
      z.strictObject({
        name,
        meaning: z.string(),
        /** Two splits with the same text use the same images; absent: not told. */
        data: z.string().min(1).exactOptional(),
      }),
    )
    .min(1),
  parallelism: z.int().min(1),
  maxBatch: z.int().min(1),
  provenance: z.string(),
});

export type SpaceDescription = z.infer<typeof spaceDescriptionSchema>;
export type Dimension = SpaceDescription["dimensions"][number];

/** Whether slots are asked for in a list for each group: groups of one size are, for models lose their way in long flat lists. */
export function isWrittenGrouped({ groups }: Dimension): boolean {
  const size = groups[0]?.size ?? 1;
  return groups.length > 1 && size > 1 && groups.every((group) => group.size === size);
}

// ----- What an architecture is -----

declare const canonical: unique symbol;
/** The canonical text of an architecture: the wire form, the journal form and the key of every map. */
export type ArchitectureText = string & { readonly [canonical]: true };

/** A legal architecture. */
export interface Architecture {
  readonly text: ArchitectureText;
  /** The index of the choice in each slot of each dimension; null where the slot is inactive. */
  readonly choices: readonly (readonly (number | null)[])[];
}

/** Why something is no architecture: a code, where, and a sentence. */
export const rejectionSchema = z.strictObject({
  code: z.enum(["unreadable", "unknown-dimension", "missing-dimension", "wrong-length", "not-a-choice"]),
  place: z.string(),
  sentence: z.string(),
});
export type Rejection = z.infer<typeof rejectionSchema>;

export type Parsed =
  | {
      readonly ok: true;
      readonly architecture: Architecture;
      /** In what its form differs from the one that is asked for, each kind once. */
      readonly repairs: readonly RepairKind[];
    }
  | { readonly ok: false; readonly rejections: readonly Rejection[] };

/** One place that a choice fills: dimension index and flat slot index. */
export interface Slot {
  readonly dimension: number;
  readonly slot: number;
}

const longestRawText = 100_000;
const numberText = /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
/** A choice is written into JSON as it stands. */
const jsonNumber = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
const surroundingSpace = /^[ \t\r\n]+|[ \t\r\n]+$/g;

/** A dimension with what follows from its description worked out once. */
interface Axis extends Dimension {
  readonly length: number;
  /** The group of each slot and its place within that group. */
  readonly placeOf: readonly { readonly group: number; readonly within: number }[];
  /** The index of the dimension that `activeCount` names, or -1. */
  readonly countedBy: number;
  /** The numeric value of each choice; empty when the dimension is not numeric. */
  readonly values: readonly number[];
}

type RawSlots = (number | null | undefined)[];

/**
 * A space and everything that can be done with its architectures.
 *
 * @throws ContractViolation from the constructor when the description contradicts itself.
 */
export class Space {
  readonly #axes: readonly Axis[];
  /** Indices into #axes with every count dimension before the ones it governs. */
  readonly #order: readonly number[];
  /** The template cut at its placeholders: literals[i] stands before places[i]; one literal more than places. */
  readonly #literals: readonly string[];
  readonly #places: readonly Slot[];

  readonly description: SpaceDescription;

  constructor(description: SpaceDescription) {
    this.description = description;
    this.#axes = description.dimensions.map((dimension) => axisOf(dimension, description));
    const indices = this.#axes.map((_, index) => index);
    const isGoverned = (index: number) => this.#axes[index]?.countedBy !== -1;
    this.#order = [...indices.filter((index) => !isGoverned(index)), ...indices.filter(isGoverned)];
    const { literals, places } = cutTemplate(description, this.#axes);
    this.#literals = literals;
    this.#places = places;
  }

  get id(): string {
    return this.description.id;
  }

  /** The number of different architectures. */
  get size(): bigint {
    let size = 1n;
    for (const [index, axis] of this.#axes.entries()) {
      if (axis.countedBy !== -1) continue;
      const governed = this.#axes.filter((other) => other.countedBy === index);
      if (governed.length === 0) size *= BigInt(axis.choices.length) ** BigInt(axis.length);
      for (let group = 0; governed.length > 0 && group < axis.length; group++) {
        size *= axis.values
          .map((count) =>
            governed.reduce((product, other) => product * BigInt(other.choices.length) ** BigInt(count), 1n),
          )
          .reduce((sum, product) => sum + product, 0n);
      }
    }
    return size;
  }

  /**
   * Reads a raw architecture in any of the forms of proto/README.md, or says every reason why it is none.
   *
   * No form adds or drops a slot that is in use: a list one short is no architecture. Of a key that stands twice in
   * JSON text the last one holds, as everywhere in JSON.
   */
  parse(raw: unknown): Parsed {
    const repairs = new Set<RepairKind>();
    if (typeof raw === "string") repairs.add("item-as-text");
    const object = typeof raw === "string" ? this.#objectFromText(raw) : raw;
    if (typeof object !== "object" || object === null || Array.isArray(object)) {
      const form = this.description.template === "" ? "" : ` or text like ${this.description.template}`;
      const sentence = `not readable as an architecture: expected an object with ${this.#axes.map((axis) => `"${axis.name}"`).join(", ")}${form}`;
      return { ok: false, rejections: [{ code: "unreadable", place: "", sentence }] };
    }
    const entries = new Map<string, unknown>(Object.entries(object));
    const read: (RawSlots | null)[] = this.#axes.map(() => null);
    const reasons: Rejection[][] = this.#axes.map(() => []);
    for (const index of this.#order) {
      const axis = this.#axes[index] as Axis;
      const found = reasons[index] as Rejection[];
      if (!entries.has(axis.name)) {
        found.push({ code: "missing-dimension", place: axis.name, sentence: `"${axis.name}" is missing` });
        continue;
      }
      const counts = axis.countedBy === -1 ? undefined : this.#countsIn(axis, read[axis.countedBy] ?? null);
      if (counts === null) continue;
      const { flat, wrong, forms } = flatten(axis, entries.get(axis.name), counts);
      for (const form of forms) repairs.add(form);
      found.push(...wrong);
      const chosen = flat.map((entry, slot) => {
        if (entry === unjudged || !isActive(axis, slot, counts)) return null;
        const choice = choiceOf(axis, entry);
        if (choice === -1) found.push(notAChoice(axis, slot, entry));
        else if (axis.numeric && typeof entry === "string" && typeof raw === "object")
          repairs.add("number-as-text");
        return choice;
      });
      if (found.length === 0) read[index] = chosen;
    }
    const rejections = reasons.flat();
    for (const key of [...entries.keys()].sort()) {
      if (this.#axes.some((axis) => axis.name === key)) continue;
      const names = this.#axes.map((axis) => axis.name);
      rejections.push({
        code: "unknown-dimension",
        place: key,
        sentence: `"${key.slice(0, 60)}" is no dimension; they are ${names.join(", ")}${didYouMean(key.slice(0, 60), names)}`,
      });
    }
    if (rejections.length > 0) return { ok: false, rejections };
    const architecture = this.#architecture(read as RawSlots[], () => 0);
    return { ok: true, architecture, repairs: [...repairs] };
  }

  /** Reads a canonical text that the program itself wrote. Throws ContractViolation for any other. */
  fromText(text: string): Architecture {
    const parsed = this.parse(text);
    if (parsed.ok && parsed.architecture.text === text) return parsed.architecture;
    const reason = parsed.ok
      ? `its spelling is ${parsed.architecture.text}`
      : parsed.rejections.map((each) => each.sentence).join("; ");
    throw new ContractViolation(`"${text}" is no canonical text of space ${this.id}: ${reason}`);
  }

  /** The architecture as a plain object: dimension name to list of values, numbers where numeric, null where inactive. */
  toObject(architecture: Architecture): Record<string, (string | number | null)[]> {
    return Object.fromEntries(
      this.#axes.map((axis, index) => [
        axis.name,
        (architecture.choices[index] ?? []).map((choice) =>
          choice === null
            ? null
            : axis.numeric
              ? (axis.values[choice] ?? null)
              : (axis.choices[choice] ?? null),
        ),
      ]),
    );
  }

  /** Every slot that is part of the architecture and could hold something else. */
  freeSlots(architecture: Architecture): Slot[] {
    return architecture.choices.flatMap((slots, dimension) =>
      slots.flatMap((choice, slot) =>
        choice === null || this.#axes[dimension]?.choices.length === 1 ? [] : [{ dimension, slot }],
      ),
    );
  }

  /** Draws every active slot independently and evenly from its choices. */
  sample(random: Random): Architecture {
    const raw = this.#axes.map((axis) =>
      Array.from({ length: axis.length }, () => random.below(axis.choices.length)),
    );
    return this.#architecture(raw, () => 0);
  }

  /** Changes one active slot to another choice; slots that become active by it are drawn. */
  mutate(architecture: Architecture, random: Random): Architecture {
    const free = this.freeSlots(architecture);
    if (free.length === 0) return architecture;
    const { dimension, slot } = pick(random, free);
    const choices = (this.#axes[dimension] as Axis).choices.length;
    const raw = architecture.choices.map((slots) => [...slots]) as RawSlots[];
    const current = raw[dimension]?.[slot] as number;
    (raw[dimension] as RawSlots)[slot] = (current + 1 + random.below(choices - 1)) % choices;
    return this.#architecture(raw, (axis) => random.below(axis.choices.length));
  }

  /** Takes each slot from one of two parents; a slot that neither uses but the child does is drawn. */
  crossover(first: Architecture, second: Architecture, random: Random): Architecture {
    const raw = first.choices.map((slots, dimension) =>
      slots.map((choice, slot) => {
        const other = second.choices[dimension]?.[slot] ?? null;
        return random.below(2) === 0 ? (choice ?? other) : (other ?? choice);
      }),
    );
    return this.#architecture(raw, (axis) => random.below(axis.choices.length));
  }

  /** Every architecture that differs in one choice. A slot that becomes active repeats the one before it in its group. */
  neighbours(architecture: Architecture): Architecture[] {
    return this.freeSlots(architecture).flatMap(({ dimension, slot }) =>
      (this.#axes[dimension] as Axis).choices.flatMap((_, choice) => {
        if (architecture.choices[dimension]?.[slot] === choice) return [];
        const raw = architecture.choices.map((slots) => [...slots]) as RawSlots[];
        (raw[dimension] as RawSlots)[slot] = choice;
        return [
          this.#architecture(raw, (axis, at, slots) =>
            axis.placeOf[at]?.within === 0 ? 0 : (slots[at - 1] ?? 0),
          ),
        ];
      }),
    );
  }

  /** Every architecture once, in a fixed order. Only for spaces whose `size` is small. */
  *all(): Generator<Architecture> {
    const raw: RawSlots[] = this.#axes.map((axis) => Array.from({ length: axis.length }, () => null));
    const places = this.#order.flatMap((dimension) =>
      Array.from({ length: (this.#axes[dimension] as Axis).length }, (_, slot) => ({ dimension, slot })),
    );
    const fill = function* (this: Space, at: number): Generator<Architecture> {
      const place = places[at];
      if (place === undefined) {
        yield this.#architecture(raw, () => 0);
        return;
      }
      const axis = this.#axes[place.dimension] as Axis;
      const slots = raw[place.dimension] as RawSlots;
      const counts = axis.countedBy === -1 ? undefined : this.#countsIn(axis, raw[axis.countedBy] ?? null);
      if (!isActive(axis, place.slot, counts ?? undefined)) {
        yield* fill.call(this, at + 1);
        return;
      }
      for (let choice = 0; choice < axis.choices.length; choice++) {
        slots[place.slot] = choice;
        yield* fill.call(this, at + 1);
      }
      slots[place.slot] = null;
    };
    yield* fill.call(this, 0);
  }

  // --- internal ---

  /** Makes raw choices legal: inactive slots empty, active ones without a choice filled by `missing`. */
  #architecture(
    raw: readonly RawSlots[],
    missing: (axis: Axis, slot: number, slots: RawSlots) => number,
  ): Architecture {
    const choices: (number | null)[][] = this.#axes.map(() => []);
    for (const index of this.#order) {
      const axis = this.#axes[index] as Axis;
      const counts =
        axis.countedBy === -1 ? undefined : this.#countsIn(axis, choices[axis.countedBy] ?? null);
      const slots = choices[index] as (number | null)[];
      for (let slot = 0; slot < axis.length; slot++) {
        slots.push(
          isActive(axis, slot, counts ?? undefined)
            ? (raw[index]?.[slot] ?? missing(axis, slot, slots))
            : null,
        );
      }
    }
    return { choices, text: this.#print(choices) as ArchitectureText };
  }

  #print(choices: readonly (readonly (number | null)[])[]): string {
    if (this.description.template !== "") {
      const tokens = this.#places.map(({ dimension, slot }) => {
        const choice = choices[dimension]?.[slot];
        return choice === null || choice === undefined
          ? "null"
          : (this.#axes[dimension]?.choices[choice] ?? "null");
      });
      return this.#literals.map((literal, index) => literal + (tokens[index] ?? "")).join("");
    }
    const members = this.#axes.map((axis, index) => {
      const slots = (choices[index] ?? []).map((choice) => {
        if (choice === null) return "null";
        const token = axis.choices[choice] as string;
        return axis.numeric ? token : JSON.stringify(token);
      });
      return `"${axis.name}":[${slots.join(",")}]`;
    });
    return `{${members.join(",")}}`;
  }

  /** How many slots of each group of `axis` are active, or null when that was not readable. */
  #countsIn(axis: Axis, counted: RawSlots | null): number[] | null {
    if (counted === null) return null;
    const values = (this.#axes[axis.countedBy] as Axis).values;
    return counted.map((choice) => values[choice as number] as number);
  }

  #objectFromText(raw: string): unknown {
    if (raw.length > longestRawText) return null;
    const text = raw.replace(surroundingSpace, "");
    if (text.startsWith("{")) {
      try {
        return JSON.parse(text);
      } catch {
        return null;
      }
    }
    if (this.description.template === "" || !text.startsWith(this.#literals[0] as string)) return null;
    const object: Record<string, string[]> = Object.fromEntries(this.#axes.map((axis) => [axis.name, []]));
    let at = (this.#literals[0] as string).length;
    for (const [index, { dimension, slot }] of this.#places.entries()) {
      const literal = this.#literals[index + 1] as string;
      const last = index === this.#places.length - 1;
      const end = last ? text.length - literal.length : text.indexOf(literal, at);
      if (end < at || (last && !text.endsWith(literal))) return null;
      (object[(this.#axes[dimension] as Axis).name] as string[])[slot] = text.slice(at, end);
      at = end + literal.length;
    }
    return object;
  }
}

function axisOf(dimension: Dimension, description: SpaceDescription): Axis {
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

function cutTemplate(
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
      `space ${description.id}: a text of the template cannot be read back, for a choice holds what follows its place, or the text begins with { or white space or ends with white space; the evaluator has to correct its description`,
    );
  }
  return { literals, places };
}

function isActive(axis: Axis, slot: number, counts: readonly number[] | undefined): boolean {
  if (counts === undefined) return true;
  const { group, within } = axis.placeOf[slot] as { group: number; within: number };
  return within < (counts[group] as number);
}

/** Stands in the slots of a list whose length was wrong already: nothing more is said about them. */
const unjudged = Symbol("unjudged");

/**
 * A raw value as one flat list of all slots, inactive ones undefined where they were left out; `wrong` says what had
 * no such form, `forms` in what it differs from the form asked for.
 */
function flatten(
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

function choiceOf(axis: Axis, entry: unknown): number {
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

function notAChoice(axis: Axis, slot: number, entry: unknown): Rejection {
  const place = `${axis.name}[${slot}]`;
  const got = entry === undefined ? "nothing" : shown(entry);
  const hint = typeof entry === "string" ? didYouMean(entry.slice(0, 60), axis.choices) : "";
  return {
    code: "not-a-choice",
    place,
    sentence: `"${place}" is ${got}; choices are ${axis.choices.join(", ")}${hint}`,
  };
}

function shown(entry: unknown): string {
  if (typeof entry === "object" && entry !== null) return Array.isArray(entry) ? "a list" : "an object";
  return (JSON.stringify(entry) ?? typeof entry).slice(0, 60);
}
