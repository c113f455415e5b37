/**
 * Architectures of the tiny space, written out: all of them, and a few that tests call by a name.
 *
 * What they score and cost is said in tiny-space.ts.
 */
import { tinySpace } from "./tiny-space.ts";

/** The text of every architecture, in the order in which the space lists them. */
export const tinyTexts: readonly string[] = [...tinySpace().all()].map(({ text }) => text);

export const narrow = '{"depth":[1,1],"width":[16,null,16,null]}';
export const middle = '{"depth":[1,1],"width":[24,null,16,null]}';
export const wide = '{"depth":[1,1],"width":[32,null,16,null]}';
export const right = '{"depth":[1,1],"width":[16,null,24,null]}';
export const largest = '{"depth":[2,2],"width":[32,32,32,32]}';

/** The widths of a text added up, halved: the cost that the tiny space's evaluator gives. */
export function flopsOf(text: string): number {
  const widths = (JSON.parse(text) as { width: (number | null)[] }).width;
  return widths.reduce<number>((sum, width) => sum + (width ?? 0), 0) / 2;
}

export const cheapestFirst: readonly string[] = [...tinyTexts].sort(
  (first, second) => flopsOf(first) - flopsOf(second),
);
