/**
 * Where figures are drawn: a document of its own, colours that follow the reader's theme, keys and labels.
 *
 * Owns how a line of one cohort is told from another's, and that what comes out is one SVG element without a script,
 * a style sheet or anything to load. Knows no run. Text is put in as text nodes, so that nothing in it can act.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { faint } from "./colours.ts";

/** The width of a figure, in the units of its view box; names beside lines may make it wider. */
export const figureWidth = 720;
/** The width of one for a narrow screen. */
export const narrowWidth = 380;

/** The shapes of marks; each with the letter that stands for it in a key. */
export const markSymbols = {
  circle: "○",
  square: "□",
  triangle: "△",
  diamond: "◇",
  cross: "+",
  star: "☆",
  wye: "Y",
} as const;
export type MarkSymbol = keyof typeof markSymbols;

/** How the marks of one cohort look. */
export interface Look {
  readonly colour: string;
  /** As SVG's stroke-dasharray; null: solid. */
  readonly dash: string | null;
  readonly symbol: MarkSymbol;
  readonly width: number;
}

/** One entry of a key. */
export interface KeyEntry {
  readonly text: string;
  readonly colour: string;
  readonly opacity?: number;
  /** Drawn in place of a rectangle. */
  readonly symbol?: MarkSymbol;
  readonly line?: Pick<Look, "dash" | "width">;
}

export interface Drawing extends Omit<Plot.PlotOptions, "document" | "className" | "style" | "ariaLabel"> {
  /** The figure's; sets names within it apart from those of other figures on a page. */
  readonly id: string;
  /** What a reader who cannot see it is told. */
  readonly label: string;
  /** Colours and what they stand for, drawn above the frame; leave `keyHeight` of the top margin to it. */
  readonly key?: readonly KeyEntry[];
  /** What stands above the key, such as the name of the upright axis. */
  readonly keyTop?: number;
  /** Whether marks lead somewhere: for those who point at them, for by keyboard there would be too many. */
  readonly hasLinks?: boolean;
}

/** How much of the top margin a key takes. */
export function keyHeight(key: readonly KeyEntry[], width: number = figureWidth): number {
  return placed(key, width).height;
}

/** Draws an SVG element. */
export function draw({ id, label, key = [], keyTop = 0, hasLinks = false, ...options }: Drawing): string {
  const { document } = parseHTML("<html></html>") as unknown as { readonly document: SvgDocument };
  const svg = Plot.plot({
    width: figureWidth,
    className: "plot",
    ...options,
    document: document as never,
  }) as unknown as SvgElement;
  // The page's own style sheet says how a figure stands in it.
  svg.querySelector("style")?.remove();
  svg.setAttribute("xmlns", svgNamespace);
  // What is one picture to a reader has no parts that lead anywhere.
  svg.setAttribute("role", hasLinks ? "group" : "img");
  if (hasLinks) for (const link of svg.querySelectorAll("a")) prepareLink(link);
  svg.setAttribute(
    "aria-label",
    escapes(svg) ? label : label.replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
  );
  svg.setAttribute("font-size", "12");
  svg.removeAttribute("height");
  svg.removeAttribute("width");
  if (key.length > 0) svg.append(drawnKey(document, key, keyTop, options.width ?? figureWidth));
  return svg.outerHTML
    .replaceAll(/plot-clip-\d+/g, `${id}-clip`)
    .replaceAll(/ (?:transform|[cxyr][xy12]?)="[^"]*"/g, (attribute) =>
      attribute.replaceAll(/(\.\d\d)\d+/g, "$1"),
    );
}

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
 * @param apart how far two values are from each other that are told apart by their places
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

/** As much of a label as fits: its beginning and its end, for labels that are alike differ at the end. */
export function shortened(label: string, most: number): string {
  if (label.length <= most) return label;
  const tail = Math.floor((most - 1) * 0.6);
  return `${label.slice(0, most - 1 - tail)}…${label.slice(-tail)}`;
}

/** From the smallest to the largest with a little room. */
export function extent(values: readonly number[], room = 0.05): [number, number] {
  const [low, high] = values.reduce<[number, number]>(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const margin = (high - low || Math.abs(high) || 1) * room;
  return [low - margin, high + margin];
}

/**
 * Moves places apart until any two are `gap` from each other, as little as it takes and within bounds.
 *
 * @returns one place for each of `wanted`, in the same order
 */
export function spread(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, index) => index).sort((one, other) => at(wanted, one) - at(wanted, other));
  const places = order.map((index) => at(wanted, index));
  // Neighbours that are too close become a block, which stands around the middle of what its members want.
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

/** At most `most` of some items, evenly picked and in their order, always the same. */
export function thinned<Item>(items: readonly Item[], most: number): readonly Item[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, index) => items[Math.floor((index * items.length) / most)] as Item);
}

// --- internal ---

/** As much of a DOM as is used here. */
interface SvgElement {
  readonly outerHTML: string;
  textContent: string | null;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  append(child: SvgElement): void;
  remove(): void;
  querySelector(selector: string): SvgElement | null;
  querySelectorAll(selector: string): Iterable<SvgElement>;
}

interface SvgDocument {
  createElementNS(namespace: string, name: string): SvgElement;
}

const svgNamespace = "http://www.w3.org/2000/svg";
const keyLine = 18;
const labelGap = 14;
const longestName = 60;
/** Beside lines with short names. */
const leastRoom = 190;

/** A browser writes the library's href as xlink:href, and a file that does not declare this prefix cannot be opened. */
function prepareLink(link: SvgElement): void {
  const href = link.getAttribute("href") ?? "";
  link.removeAttribute("href");
  link.setAttribute("href", href);
  link.setAttribute("tabindex", "-1");
}

/** Whether a document writes what an attribute holds as markup: a browser does; linkedom escapes quotation marks alone. */
function escapes(element: SvgElement): boolean {
  element.setAttribute("aria-label", "&");
  return element.outerHTML.includes('"&amp;"');
}

function at(values: readonly number[], index: number): number {
  return values[index] as number;
}

function settled(members: number[], gap: number): { members: number[]; start: number } {
  const middle = members.reduce((sum, place, index) => sum + place - index * gap, 0) / members.length;
  return { members, start: middle };
}

/** Where the entries of a key stand; letters are taken to be of middling width. */
function placed(
  key: readonly KeyEntry[],
  available: number,
): { height: number; places: { x: number; y: number }[] } {
  let [x, y] = [4, 0];
  const places = key.map(({ text }) => {
    const width = 34 + text.length * 7;
    if (x > 4 && x + width > available) [x, y] = [4, y + keyLine];
    const place = { x, y };
    x += width;
    return place;
  });
  return { height: key.length === 0 ? 0 : y + keyLine + 8, places };
}

function drawnKey(document: SvgDocument, key: readonly KeyEntry[], top: number, width: number): SvgElement {
  const element = (name: string, attributes: Readonly<Record<string, string | number>>) => {
    const made = document.createElementNS(svgNamespace, name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, `${value}`);
    return made;
  };
  const group = element("g", {
    "text-anchor": "start",
    "aria-hidden": "true",
    transform: `translate(0,${top})`,
  });
  const { places } = placed(key, width);
  for (const [index, { text, colour, opacity = 1, symbol, line }] of key.entries()) {
    const { x, y } = places[index] as { x: number; y: number };
    const sample =
      line !== undefined
        ? element("line", {
            x1: x,
            x2: x + 16,
            y1: y + 9,
            y2: y + 9,
            stroke: colour,
            "stroke-width": line.width,
            ...(line.dash === null ? {} : { "stroke-dasharray": line.dash }),
          })
        : symbol === undefined
          ? element("rect", {
              x,
              y: y + 3,
              width: 14,
              height: 12,
              fill: colour,
              "fill-opacity": opacity,
              stroke: faint,
              "stroke-width": 0.5,
            })
          : element("text", { x, y: y + 14, fill: colour, "font-size": 15, "font-weight": "bold" });
    if (symbol !== undefined) sample.textContent = markSymbols[symbol];
    const words = element("text", { x: x + 19, y: y + 13 });
    words.textContent = text;
    group.append(sample);
    group.append(words);
  }
  return group;
}
