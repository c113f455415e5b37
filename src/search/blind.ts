/**
 * Gives a space neutral names, so that a search cannot recognise it, and translates architectures in both directions.
 *
 * The neutral names depend on the description and the seed alone. Names, meanings, groups and order change. The
 * structure of the space, its metrics and its costs stay. No search and no evaluator is known here.
 */
import { ContractViolation } from "../errors.ts";
import { digestOf } from "./digest.ts";
import type { MeasuredCost } from "./events.ts";
import type { CostRequest, EvaluationMessage, EvaluationRequest, Evaluator } from "./ports.ts";
import { randomStream, shuffle } from "./random.ts";
import { Space } from "./space.ts";
import type { Dimension, SpaceDescription } from "./space-description.ts";

/** The space that a blind run of `seed` sees in place of `original`. */
export function blindSpace(original: SpaceDescription, seed: number): SpaceDescription {
  return disguise(original, seed).blind;
}

/** From architectures of the blind space to the same ones under their own names; both texts are canonical. */
export function reveal(original: SpaceDescription, seed: number): (blindText: string) => string {
  return translator(original, seed).reveal;
}

/** From architectures of the space under its own names to the same ones in the blind space; both texts are canonical. */
export function hide(original: SpaceDescription, seed: number): (originalText: string) => string {
  return translator(original, seed).hide;
}

/** Lets a blind search ask an evaluator that knows the space under its own names. */
export class BlindEvaluator implements Evaluator {
  readonly #evaluator: Evaluator;
  readonly #original: SpaceDescription;
  readonly #translator: Translator;

  constructor(evaluator: Evaluator, original: SpaceDescription, seed: number) {
    this.#evaluator = evaluator;
    this.#original = original;
    this.#translator = translator(original, seed);
  }

  async measureCosts(request: CostRequest, signal: AbortSignal): Promise<readonly MeasuredCost[]> {
    const measured = await this.#evaluator.measureCosts(this.#revealed(request), signal);
    return measured.map((each) => ({ ...each, text: this.#translator.hide(each.text) }));
  }

  evaluate(request: EvaluationRequest, signal: AbortSignal): AsyncIterable<EvaluationMessage> {
    return this.#evaluator.evaluate(this.#revealed(request), signal);
  }

  #revealed<T extends CostRequest>(request: T): T {
    const { blind, reveal: revealed } = this.#translator;
    if (digestOf(request.space) !== digestOf(blind)) {
      throw new ContractViolation(
        `the blind form of space ${blind.id} differs from the one that this version makes; continue the run with the version that began it`,
      );
    }
    return { ...request, space: this.#original, texts: request.texts.map(revealed) };
  }
}

// --- internal ---

/** Where one dimension of the blind space comes from; places and choices by index. */
interface Mask {
  readonly dimension: number;
  readonly slots: readonly number[];
  readonly choices: readonly number[];
}

/** A blind space, and where each of its dimensions comes from. */
interface Disguise {
  readonly blind: SpaceDescription;
  readonly masks: readonly Mask[];
}

interface Translator {
  readonly blind: SpaceDescription;
  readonly reveal: (blindText: string) => string;
  readonly hide: (originalText: string) => string;
}

function translator(original: SpaceDescription, seed: number): Translator {
  const { blind, masks } = disguise(original, seed);
  const [open, hidden] = [new Space(original), new Space(blind)];
  return {
    blind,
    reveal: (blindText) => {
      const { choices } = hidden.fromText(blindText);
      const slots = original.dimensions.map((): (string | null)[] => []);
      for (const [at, mask] of masks.entries()) {
        for (const [place, slot] of mask.slots.entries()) {
          const choice = choices[at]?.[place] ?? null;
          const token = choice === null ? null : tokenOf(original, mask.dimension, mask.choices[choice]);
          (slots[mask.dimension] as (string | null)[])[slot] = token;
        }
      }
      return written(open, slots);
    },
    hide: (originalText) => {
      const { choices } = open.fromText(originalText);
      const slots = masks.map((mask, at) =>
        mask.slots.map((slot) => {
          const choice = choices[mask.dimension]?.[slot] ?? null;
          return choice === null ? null : tokenOf(blind, at, mask.choices.indexOf(choice));
        }),
      );
      return written(hidden, slots);
    },
  };
}

function disguise(original: SpaceDescription, seed: number): Disguise {
  const { dimensions, id, metrics, costs, splits, parallelism, maxBatch } = original;
  const random = (label: string) => randomStream(seed, `blind: ${label}`);
  const orderOf = (label: string, count: number) => shuffle(random(label), [...Array(count).keys()]);

  const places = orderOf("dimensions", dimensions.length);
  const names = neutralNames(original, seed);
  const nameOf = (index: number) => names[places.indexOf(index)] as string;
  const masked = places.map((index) => {
    const dimension = dimensions[index] as Dimension;
    const isCounting = dimensions.some(({ activeCount }) => activeCount === dimension.name);
    const isCounted = dimension.activeCount !== "";
    // A counted dimension's groups go with the slots that count them, and its slots keep their order in a group.
    const key = isCounted ? dimension.activeCount : dimension.name;
    const sizes = dimension.groups.map(({ size }) => size);
    const groups = isCounted
      ? orderOf(`slots of ${key}`, sizes.length).map((group) => slotsOfGroup(sizes, group))
      : [
          orderOf(
            `slots of ${key}`,
            sizes.reduce((sum, size) => sum + size, 0),
          ),
        ];
    const choices = orderOf(`choices of ${dimension.name}`, dimension.choices.length);
    const name = nameOf(index);
    const blind: Dimension = {
      name,
      meaning: "",
      // Counts have to be numbers.
      choices: choices.map((choice, at) =>
        isCounting ? (dimension.choices[choice] as string) : `${name}${at + 1}`,
      ),
      numeric: isCounting,
      groups: groups.map(({ length }, group) => ({
        name: groups.length > 1 ? `group ${group}` : "",
        size: length,
      })),
      activeCount: isCounted
        ? nameOf(dimensions.findIndex((other) => other.name === dimension.activeCount))
        : "",
      slotNames: [],
    };
    return { blind, mask: { dimension: index, slots: groups.flat(), choices } };
  });
  const withoutMeaning = <T extends { readonly meaning: string }>(each: T): T => ({ ...each, meaning: "" });
  return {
    blind: {
      id,
      summary: "",
      digest: digestOf([original.digest, "blind", seed]),
      dimensions: masked.map(({ blind }) => blind),
      template: "",
      metrics: metrics.map(withoutMeaning),
      costs: costs.map(withoutMeaning),
      splits: splits.map(withoutMeaning),
      parallelism,
      maxBatch,
      provenance: "",
    },
    masks: masked.map(({ mask }) => mask),
  };
}

/** One or more letters for each dimension, in an order that depends on the seed. None is used by the space itself. */
function neutralNames({ dimensions, metrics, costs }: SpaceDescription, seed: number): string[] {
  const own = dimensions.flatMap(({ name, choices }) => [name, ...choices]);
  const others = [...metrics, ...costs].map(({ name }) => name);
  const taken = new Set([...own, ...others].map((each) => each.toLowerCase()));
  const most = Math.max(...dimensions.map(({ choices }) => choices.length));
  const isFree = (name: string) =>
    !taken.has(name) &&
    !Array.from({ length: most }, (_, at) => `${name}${at + 1}`).some((each) => taken.has(each));
  // Without i, which means any index in the text about a space.
  const letters = "abcdefghjklmnopqrstuvwxyz".split("");
  const names: string[] = [];
  for (let length = 1; names.length < dimensions.length; length++) {
    const random = randomStream(seed, `blind: names of ${length}`);
    names.push(...shuffle(random, letters.map((letter) => letter.repeat(length)).filter(isFree)));
  }
  return names.slice(0, dimensions.length);
}

function slotsOfGroup(sizes: readonly number[], group: number): number[] {
  const start = sizes.slice(0, group).reduce((sum, size) => sum + size, 0);
  return Array.from({ length: sizes[group] ?? 0 }, (_, within) => start + within);
}

function tokenOf({ dimensions }: SpaceDescription, dimension: number, choice: number | undefined): string {
  return dimensions[dimension]?.choices[choice ?? -1] as string;
}

/** The canonical text of the architecture with these tokens in these slots. */
function written(space: Space, slots: readonly (readonly (string | null)[])[]): string {
  const parsed = space.parse(
    Object.fromEntries(space.description.dimensions.map(({ name }, at) => [name, slots[at]])),
  );
  if (parsed.ok) return parsed.architecture.text;
  throw new ContractViolation(
    `space ${space.id} cannot be translated: ${parsed.rejections.map(({ sentence }) => sentence).join("; ")}`,
  );
}
