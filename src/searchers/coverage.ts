/**
 * Computes what the evaluated architectures leave unseen of a space: choices by place, and ranges of a cost.
 *
 * It decides what counts as hardly seen, how the places of a large space are grouped, and which come first where not
 * all fit. The reader and the words are not known here.
 */
import { number } from "../text/numbers.ts";
import type { Space } from "../search/space.ts";
import type { Dimension } from "../search/space-description.ts";
import { resultsSoFar } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { cutTo } from "../text/words.ts";

/** A dimension of more slots than this is listed by group, and one of more groups than this as a whole. */
const mostPlaces = 8;
/** A choice is hardly seen below this part of its even share. */
const hardly = 0.25;
/** Of a larger space a search never sees a part worth a number. */
const countable = 100_000n;
const bands = 5;
/** The longest lists, in characters. */
const longestNever = 420;
const longestRare = 360;

/** A list that is ready to be shown, most useful entries first, and how many entries did not fit. */
export interface Listed {
  readonly text: string;
  readonly more: number;
}

/** What has been seen and what has not, as facts for a text; null where there is nothing to show. */
export interface Coverage {
  readonly evaluated: number;
  /** The number of architectures, for a space that is small enough. */
  readonly size: string | null;
  /** Choices that no evaluated architecture holds there: `op[0]: skip, pool; op[3]: skip`. */
  readonly never: Listed | null;
  /** Choices held by less than a quarter of their even share: `ks[0-3]: 3 (2 of 60)`. */
  readonly rare: Listed | null;
  /** How many were evaluated in each range of the first limited cost, or of the first one: `10 to 20: 3`. */
  readonly bands: { readonly cost: string; readonly unit: string; readonly text: string } | null;
}

/** The coverage of the whole search; null before anything was evaluated. */
export function coverageOf(state: RunState, space: Space): Coverage | null {
  const evaluated = resultsSoFar(state);
  if (evaluated.length === 0) return null;
  const tallies = talliesOf(
    space,
    evaluated.map(({ measured }) => space.fromText(measured.text).choices),
  );
  const never = tallies
    .map((tally) => ({ ...tally, tokens: tokensWhere(tally, (count) => count === 0) }))
    .filter(({ tokens }) => tokens.length > 0)
    .sort((first, second) => shareOfSpace(second) - shareOfSpace(first));
  const rare = tallies
    .flatMap(({ place, choices, counts, total }) =>
      counts.map((count, choice) => ({
        count,
        ratio: (count * choices.length) / total,
        text: `${place}: ${tokenText(choices[choice] as string)} (${count} of ${total})`,
      })),
    )
    .filter(({ count, ratio }) => count > 0 && ratio < hardly)
    .sort((first, second) => first.ratio - second.ratio);
  return {
    evaluated: evaluated.length,
    size: space.size <= countable ? String(space.size) : null,
    never: listed(
      never.map(({ place, tokens }) => `${place}: ${tokens.join(", ")}`),
      longestNever,
    ),
    rare: listed(
      rare.map(({ text }) => text),
      longestRare,
    ),
    bands: bandsOf(
      state,
      evaluated.map(({ measured }) => measured.costs),
    ),
  };
}

// --- internal ---

/** How often each choice is in a place: a slot, or the slots of a group or dimension together. */
interface Tally {
  readonly place: string;
  readonly choices: readonly string[];
  readonly slots: number;
  readonly counts: readonly number[];
  /** How often the place was filled. */
  readonly total: number;
}

function talliesOf(
  space: Space,
  architectures: readonly (readonly (readonly (number | null)[])[])[],
): Tally[] {
  return space.description.dimensions.flatMap((dimension, index) =>
    rangesOf(dimension).map(({ first, last }) => {
      const counts = dimension.choices.map(() => 0);
      let total = 0;
      for (const choices of architectures)
        for (const choice of (choices[index] ?? []).slice(first, last + 1)) {
          if (choice === null) continue;
          counts[choice] = (counts[choice] ?? 0) + 1;
          total += 1;
        }
      return {
        place: placeText(dimension, first, last),
        choices: dimension.choices,
        slots: last - first + 1,
        counts,
        total,
      };
    }),
  );
}

/** The places of a dimension, as first and last slot. */
function rangesOf({ groups, choices }: Dimension): { first: number; last: number }[] {
  if (choices.length === 1) return [];
  const slots = groups.reduce((sum, { size }) => sum + size, 0);
  if (slots <= mostPlaces) return Array.from({ length: slots }, (_, slot) => ({ first: slot, last: slot }));
  if (groups.length > mostPlaces) return [{ first: 0, last: slots - 1 }];
  let at = 0;
  return groups.map(({ size }) => {
    at += size;
    return { first: at - size, last: at - 1 };
  });
}

function placeText({ name, groups }: Dimension, first: number, last: number): string {
  if (first < last) return `${name}[${first}-${last}]`;
  return groups.length === 1 && groups[0]?.size === 1 ? name : `${name}[${first}]`;
}

function tokensWhere({ choices, counts }: Tally, holds: (count: number) => boolean): string[] {
  return choices.filter((_, choice) => holds(counts[choice] ?? 0)).map(tokenText);
}

/** The part of even draws that have one of `tokens` in the place. */
function shareOfSpace({ choices, slots, tokens }: Tally & { readonly tokens: readonly string[] }): number {
  return 1 - (1 - tokens.length / choices.length) ** slots;
}

function tokenText(token: string): string {
  return /^[^\s`,;:()"]+$/.test(token) ? token : JSON.stringify(token);
}

/** The entries that fit, in their order, the first one in any case; null when there are none. */
function listed(entries: readonly string[], longest: number): Listed | null {
  if (entries.length === 0) return null;
  let length = 0;
  const fitting = entries.findIndex((entry) => (length += entry.length + 2) > longest);
  const kept = fitting === -1 ? entries : entries.slice(0, Math.max(1, fitting));
  const text = kept.join("; ");
  return {
    text: cutTo(text, longest),
    more: entries.length - kept.length,
  };
}

/**
 * Ranges of equal width between the lowest and the highest cost that the search has seen. They end at a limit where
 * architectures over it are not evaluated.
 */
function bandsOf(
  { search, space, costs }: RunState,
  evaluated: readonly Readonly<Record<string, number>>[],
): Coverage["bands"] {
  const cost =
    space.costs.find(({ name }) => search.limits[name] !== undefined) ??
    space.costs.find(({ name }) => evaluated.every((each) => each[name] !== undefined));
  if (cost === undefined) return null;
  const { name, unit } = cost;
  const valuesIn = (all: Iterable<Readonly<Record<string, number>>>) =>
    [...all].flatMap(({ [name]: value }) => (value === undefined ? [] : [value]));
  const met = valuesIn([...costs.values()].map((each) => each.costs));
  const most = search.overLimit === "skip" ? (search.limits[name] ?? Infinity) : Infinity;
  const lowest = smallest(met);
  const highest = Math.min(largest(met), most);
  const step = (highest - lowest) / bands;
  const edges = Array.from({ length: bands + 1 }, (_, edge) => Number((lowest + edge * step).toPrecision(4)));
  if (!edges.every((edge, at) => at === 0 || edge > (edges[at - 1] as number))) return null;
  const counts = Array.from({ length: bands }, () => 0);
  for (const value of valuesIn(evaluated)) {
    // Rounded edges may leave the outermost ones just outside.
    const above = edges.findIndex((edge, at) => at > 0 && value <= edge);
    const band = above === -1 ? bands - 1 : above - 1;
    counts[band] = (counts[band] ?? 0) + 1;
  }
  const text = counts
    .map((count, at) => `${number(edges[at] as number)} to ${number(edges[at + 1] as number)}: ${count}`)
    .join("; ");
  return { cost: name, unit, text };
}

function smallest(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}
