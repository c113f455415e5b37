/**
 * Figures of lines: drawn with the names beside them, and for a narrow screen with a key above.
 *
 * Names are moved apart until they can be read. Marks of lines that lie on each other are found here, so that each
 * figure can show both.
 */
import * as Plot from "@observablehq/plot";
import {
  draw,
  type Drawing,
  figureWidth,
  type KeyEntry,
  keyHeight,
  type Look,
  narrowWidth,
  shortened,
} from "./canvas.ts";

/** A line's end with the words that belong to it. */
export interface LineEnd {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly look: Pick<Look, "colour" | "width"> & Partial<Look>;
}

/** The rectangle that a figure draws in: its domains and its margins. */
export interface Frame {
  readonly width: number;
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly height: number;
  readonly marginLeft: number;
  readonly marginRight: number;
  readonly marginTop: number;
  readonly marginBottom: number;
}

/**
 * A figure of lines twice: with their names beside them, and for a narrow screen under a key.
 *
 * @param make the drawing in a frame; with the names where `names` is true
 */
export function drawnTwice(
  ends: readonly LineEnd[],
  height: number,
  make: (frame: Omit<Frame, "x" | "y">, names: boolean) => Drawing,
): { readonly svg: string; readonly narrow: string } {
  const margins = { marginLeft: 62, marginTop: 30, marginBottom: 44 };
  const room = nameRoom(ends);
  const beside = { ...margins, height, width: figureWidth - leastRoom + room, marginRight: room };
  const key = lineKey(ends);
  const above = keyHeight(key, narrowWidth);
  const under = {
    ...margins,
    height: Math.round(height * 0.7) + above,
    width: narrowWidth,
    marginTop: margins.marginTop + above,
    marginRight: 14,
  };
  const narrow = make(under, false);
  return {
    svg: draw({ ...make(beside, true), ...beside }),
    narrow: draw({ ...narrow, ...under, id: `${narrow.id}-narrow`, key, keyTop: 20 }),
  };
}

/** A point of a line, with how many others of the same place are drawn before and after it. */
export interface Shared<Item> {
  readonly item: Item;
  readonly before: number;
  readonly after: number;
}

/**
 * The points of each line that lie where those of others do, at the same `x` and hardly apart in `y`.
 *
 * @param apart the distance from which two values can be distinguished by their places
 */
export function sharedPoints<Item>(
  lines: readonly (readonly Item[])[],
  placeOf: (item: Item) => { readonly x: number; readonly y: number },
  apart: number,
): Shared<Item>[][] {
  const near = (line: readonly Item[], { x, y }: { readonly x: number; readonly y: number }) =>
    line.some((other) => placeOf(other).x === x && Math.abs(placeOf(other).y - y) < apart);
  return lines.map((line, index) =>
    line.flatMap((item) => {
      const count = (others: readonly (readonly Item[])[]) =>
        others.filter((other) => near(other, placeOf(item))).length;
      const [before, after] = [count(lines.slice(0, index)), count(lines.slice(index + 1))];
      return before + after === 0 ? [] : [{ item, before, after }];
    }),
  );
}

/** Labels right of the frame, apart from each other, each joined to the end of its line. */
export function endLabels(ends: readonly LineEnd[], frame: Frame): Plot.Markish[] {
  const [, right] = frame.x;
  const [low, high] = frame.y;
  const across = (right - frame.x[0]) / (frame.width - frame.marginLeft - frame.marginRight);
  const down = (high - low) / (frame.height - frame.marginTop - frame.marginBottom);
  const places = spread(
    ends.map(({ y }) => y),
    labelGap * down,
    low - 8 * down,
    high + 8 * down,
  );
  return ends.flatMap(({ text, x, y, look }, index) => {
    const place = [places[index] as number];
    return [
      Plot.link([0], {
        x1: [x],
        y1: [y],
        x2: [right + 16 * across],
        y2: place,
        stroke: look.colour,
        strokeWidth: 0.75,
      }),
      Plot.text([0], {
        x: [right + 20 * across],
        y: place,
        text: [shortened(text, longestName)],
        fill: look.colour,
        textAnchor: "start",
        fontWeight: look.width > 2 ? "bold" : "normal",
      }),
    ];
  });
}

/**
 * Moves places apart until any two are `gap` from each other, as little as it takes and within bounds.
 *
 * @returns one place for each of `wanted`, in the same order
 */
export function spread(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, index) => index).sort((one, other) => at(wanted, one) - at(wanted, other));
  const places = order.map((index) => at(wanted, index));
  // Neighbours that are too close become a block, placed around the middle of what its members want.
  let blocks = places.map((place) => ({ members: [place], start: place }));
  for (let before = -1; before !== blocks.length; ) {
    before = blocks.length;
    const merged: typeof blocks = [];
    for (const block of blocks) {
      const last = merged.at(-1);
      if (last === undefined || last.start + last.members.length * gap <= block.start) merged.push(block);
      else merged[merged.length - 1] = settled([...last.members, ...block.members], gap);
    }
    blocks = merged.map((block) => {
      const extent = (block.members.length - 1) * gap;
      return { ...block, start: Math.max(low, Math.min(block.start, high - extent)) };
    });
  }
  const moved = blocks.flatMap(({ members, start }) => members.map((_, index) => start + index * gap));
  const result: number[] = [];
  for (const [rank, index] of order.entries()) result[index] = at(moved, rank);
  return result;
}

// --- internal ---

const labelGap = 14;
const longestName = 60;
/** Beside lines with short names. */
const leastRoom = 190;

/** How much room the names of lines take beside them, at the most of letters of middling width. */
function nameRoom(ends: readonly Pick<LineEnd, "text" | "look">[]): number {
  const widths = ends.map(
    ({ text, look }) => Math.min(text.length, longestName) * (look.width > 2 ? 7.4 : 6.8) + 28,
  );
  return Math.max(leastRoom, ...widths);
}

/** The entries of a key that say what the lines of a figure are. */
function lineKey(ends: readonly Pick<LineEnd, "text" | "look">[]): KeyEntry[] {
  return ends.map(({ text, look }) => ({
    text: shortened(text, longestName),
    colour: look.colour,
    line: { dash: look.dash ?? null, width: look.width },
  }));
}

function at(values: readonly number[], index: number): number {
  return values[index] as number;
}

function settled(members: number[], gap: number): { members: number[]; start: number } {
  const middle = members.reduce((sum, place, index) => sum + place - index * gap, 0) / members.length;
  return { members, start: middle };
}
