/**
 * Draws figures: one SVG element each, without a script, a style sheet or anything to load.
 *
 * Colours follow the reader's theme. Text is put in as text nodes, so that it cannot act.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { faint } from "./colours.ts";

/** The width of a figure, in the units of its view box; names beside lines may make it wider. */
export const figureWidth = 720;
/** The width of one for a narrow screen. */
export const narrowWidth = 380;

/** The shapes of marks; each with the letter that shows it in a key. */
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
  /** What a screen reader says instead of it. */
  readonly label: string;
  /** Colours and their meaning, drawn above the frame; it needs `keyHeight` of the top margin. */
  readonly key?: readonly KeyEntry[];
  /** The room above the key, for example for the name of the upright axis. */
  readonly keyTop?: number;
  /** Whether marks lead somewhere: for those who point at them; by keyboard there would be too many. */
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
  // The page's own style sheet has the style of figures.
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

/** As much of a label as fits: its beginning and its end, because similar labels differ at the end. */
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

/** The places of the entries of a key; letters are taken to be of middling width. */
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
