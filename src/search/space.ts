/**
 * A search space as data: reads, writes, samples and varies its architectures.
 *
 * Every architecture has one spelling, by the rules of proto/README.md. The evaluator follows the same rules, and the
 * tests of both read proto/vectors. No space is known here by name, and no accuracy and no search method.
 */
import { ContractViolation } from "../errors.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { pick, type Random } from "./random.ts";
import type { RepairKind } from "./repairs.ts";
import type { Architecture, ArchitectureText, Parsed, Rejection, Slot } from "./architecture.ts";
import { type Axis, axisOf, cutTemplate, isActive, type RawSlots } from "./axes.ts";
import { choiceOf, flatten, notAChoice, unjudged } from "./slots.ts";
import type { SpaceDescription } from "./space-description.ts";

const longestRawText = 100_000;
const surroundingSpace = /^[ \t\r\n]+|[ \t\r\n]+$/g;

/**
 * A space and everything that can be done with its architectures.
 *
 * @throws ContractViolation from the constructor when the description contradicts itself.
 */
export class Space {
  readonly #axes: readonly Axis[];
  /** Indices into #axes with every count dimension before the ones it governs. */
  readonly #order: readonly number[];
  /** The template cut at its placeholders: literals[i] is before places[i]; there is one literal more than places. */
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
   * Reads a raw architecture in any of the forms of proto/README.md, or gives every reason why it is not one.
   *
   * No form adds or drops a slot that is in use: a list that is one entry short is not an architecture. Where JSON text
   * has a key twice, the last one counts, as always in JSON.
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
    throw new ContractViolation(`"${text}" is not in the canonical form of space ${this.id}: ${reason}`);
  }

  /**
   * The architecture as a plain object: dimension name to list of values, numbers where numeric, null where inactive.
   */
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

  /** Draws every active slot independently, all its choices equally likely. */
  sample(random: Random): Architecture {
    const raw = this.#axes.map((axis) =>
      Array.from({ length: axis.length }, () => random.below(axis.choices.length)),
    );
    return this.#architecture(raw, () => 0);
  }

  /** Changes one active slot to another choice; slots that this makes active are drawn. */
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

  /** Takes each slot from one of two parents; a slot that only the child uses is drawn. */
  crossover(first: Architecture, second: Architecture, random: Random): Architecture {
    const raw = first.choices.map((slots, dimension) =>
      slots.map((choice, slot) => {
        const other = second.choices[dimension]?.[slot] ?? null;
        return random.below(2) === 0 ? (choice ?? other) : (other ?? choice);
      }),
    );
    return this.#architecture(raw, (axis) => random.below(axis.choices.length));
  }

  /**
   * Every architecture that differs in one choice. A slot that becomes active repeats the one before it in its group.
   */
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
