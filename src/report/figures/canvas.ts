/**
 * Where figures are drawn: a document of its own, colours that follow the reader's theme, keys and labels.
 *
 * Owns how a line of one cohort is told from another's, and that what comes out is one SVG element without a script,
 * a style sheet or anything to load. Knows no run. Text is put in as text nodes, so that nothing in it can act.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { faint } from "./colours.ts";

/** The width of every figure, in the units of its view box. */
export const figureWidth = 720;

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
export function keyHeight(key: readonly KeyEntry[]): number {
  return placed(key).height;
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
  if (hasLinks) for (const link of svg.querySelectorAll("a")) link.setAttribute("tabindex", "-1");
  svg.setAttribute(
    "aria-label",
    escapes(svg) ? label : label.replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
  );
  svg.setAttribute("font-size", "12");
  svg.removeAttribute("height");
  svg.removeAttribute("width");
  if (key.length > 0) svg.append(drawnKey(document, key, keyTop));
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
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly height: number;
  readonly marginLeft: number;
  readonly marginRight: number;
  readonly marginTop: number;
  readonly marginBottom: number;
}

/** Labels right of the frame, apart from each other, each joined to the end of its line. */
export function endLabels(ends: readonly LineEnd[], frame: Frame): Plot.Markish[] {
  const [, right] = frame.x;
  const [low, high] = frame.y;
  const across = (right - frame.x[0]) / (figureWidth - frame.marginLeft - frame.marginRight);
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
      ...(look.symbol === undefined
        ? []
        : [Plot.dot([0], { x: [x], y: [y], fill: look.colour, symbol: look.symbol, r: 3.5 })]),
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
        text: [shortened(text, look.width > 2 ? 21 : 26)],
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
function placed(key: readonly KeyEntry[]): { height: number; places: { x: number; y: number }[] } {
  let [x, y] = [4, 0];
  const places = key.map(({ text }) => {
    const width = 34 + text.length * 7;
    if (x > 4 && x + width > figureWidth) [x, y] = [4, y + keyLine];
    const place = { x, y };
    x += width;
    return place;
  });
  return { height: key.length === 0 ? 0 : y + keyLine + 8, places };
}

function drawnKey(document: SvgDocument, key: readonly KeyEntry[], top: number): SvgElement {
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
  const { places } = placed(key);
  for (const [index, { text, colour, opacity = 1, symbol }] of key.entries()) {
    const { x, y } = places[index] as { x: number; y: number };
    const sample =
      symbol === undefined
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
