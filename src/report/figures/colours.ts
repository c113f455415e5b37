/**
 * The colours of figures, by name. A page sets them for its theme; each name has a value for use outside such a page.
 *
 * It imports nothing, so that a style sheet can use it without the drawing library.
 */

/** The colour of the page and of what is faint; each with its value outside a page of ours. */
export const paper = "var(--paper, #ffffff)";
export const faint = "var(--faint, #6b6b6b)";

/** On white; the page has lighter ones for a dark theme. After Okabe and Ito, darkened to a contrast of 3 : 1. */
export const seriesColours = [
  "#0067a5",
  "#c84e00",
  "#00795b",
  "#a63d8f",
  "#8a6500",
  "#2278a8",
  "#5b4bb5",
  "#66700a",
  "#b3263f",
  "#5f5f5f",
] as const;

/** Cold to hot, first round to last; the page has others for a dark theme. */
export const stepColours = ["#482878", "#3e5a9c", "#26828e", "#1f9e6e", "#8a9a1c", "#c47c00"] as const;

/** Colour number `index` of the cohorts. */
export function seriesColour(index: number): string {
  const at = index % seriesColours.length;
  return `var(--series-${at + 1}, ${seriesColours[at]})`;
}

/** The colour of a place between the first (0) and the last (1). */
export function stepColour(share: number): string {
  const at = Math.min(stepColours.length - 1, Math.floor(share * stepColours.length));
  return `var(--step-${at + 1}, ${stepColours[at]})`;
}
