/**
 * How a report looks: one style sheet for both themes, for narrow and wide screens, and for paper.
 *
 * It has the colours that figures refer to. Nothing in it loads anything.
 */
import { seriesColours, stepColours } from "./figures/colours.ts";

/** On the dark page, in the order of `seriesColours`. */
export const darkSeriesColours = [
  "#5cb3f0",
  "#ff9152",
  "#3fcf9f",
  "#ec8fd6",
  "#e0b83f",
  "#9ad4f5",
  "#b0a4ff",
  "#c3cf55",
  "#ff7f93",
  "#b9b9b9",
] as const;

/** On the dark page, in the order of `stepColours`. */
export const darkStepColours = ["#8f7be8", "#6f9bf0", "#3fb8c4", "#4fd08c", "#c5cf4a", "#ffb84d"] as const;

/** The colours of text and page by theme. */
export const themes = {
  light: {
    paper: "#ffffff",
    ink: "#1b1b1b",
    faint: "#636363",
    line: "#d5d5d5",
    wash: "#f5f5f3",
    link: "#0b5394",
  },
  dark: {
    paper: "#15171a",
    ink: "#e6e4df",
    faint: "#a3a19c",
    line: "#3a3d42",
    wash: "#1e2125",
    link: "#8fc1f5",
  },
} as const;

const variables = (
  theme: Readonly<Record<string, string>>,
  series: readonly string[],
  steps: readonly string[],
): string =>
  [
    ...Object.entries(theme).map(([name, colour]) => `--${name}: ${colour};`),
    ...series.map((colour, index) => `--series-${index + 1}: ${colour};`),
    ...steps.map((colour, index) => `--step-${index + 1}: ${colour};`),
  ].join(" ");

/** The colours that pages and figures refer to, as CSS custom properties, by theme. */
export const lightVariables = variables(themes.light, seriesColours, stepColours);
export const darkVariables = variables(themes.dark, darkSeriesColours, darkStepColours);

/** Of a figure that there is twice, a narrow screen shows the one that fits it. */
export const narrowStyle = `.narrow { display: none; }
@media screen and (max-width: 48rem) {
  .broad { display: none; }
  .narrow { display: block; }
  figure .narrow svg { min-width: 0; max-width: 34rem; }
}
`;

/** The style sheet of a report. */
export const pageStyle = `
:root { color-scheme: light dark; ${lightVariables} }
@media screen and (prefers-color-scheme: dark) { :root { ${darkVariables} } }
* { box-sizing: border-box; }
html { font-size: 100%; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: Charter, "Bitstream Charter", "Source Serif 4", "Iowan Old Style", Georgia, serif; }
header, main { max-width: 160rem; margin: 0 auto; padding: 0 1.25rem; }
header > *, section > * { max-width: 60rem; }
section > figure, figcaption { max-width: none; }
figure.drawing { max-width: 75rem; }
header { padding-top: 3rem; }
main { padding-bottom: 5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; font-weight: 600; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 3.25rem 0 1rem; font-weight: 600; overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; font-weight: 600; }
p { margin: 0 0 .9rem; overflow-wrap: anywhere; }
a { color: var(--link); text-underline-offset: .15em; }
code, pre, .text { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .8rem; }
pre { margin: 0 0 1rem; padding: .7rem .9rem; background: var(--wash); border-radius: 3px; white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0 0 1rem; font-size: .9rem; }
dt { color: var(--faint); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
dd pre { margin: 0; }
nav ul { columns: 2 18rem; margin: 0; padding: 0; list-style: none; font-size: .9rem; }
nav li { break-inside: avoid; margin-bottom: .2rem; }
figure { margin: 2.25rem 0; }
.source { font-size: .88rem; color: var(--faint); overflow-wrap: anywhere; }
figcaption { font-size: .88rem; line-height: 1.45; color: var(--ink); overflow-wrap: anywhere; }
figure.table figcaption { margin-bottom: .6rem; }
figure.drawing figcaption { margin-top: .6rem; }
figcaption .number { font-weight: 600; }
figcaption .title { font-weight: 600; }
figcaption .caption { color: var(--faint); }
.box { overflow-x: auto; padding-bottom: .3rem; max-width: 100%; background-repeat: no-repeat; background-attachment: local, local, scroll, scroll;
  background-image: linear-gradient(to right, var(--paper) 40%, transparent), linear-gradient(to left, var(--paper) 40%, transparent),
    linear-gradient(to right, var(--line), transparent), linear-gradient(to left, var(--line), transparent);
  background-position: 0 0, 100% 0, 0 0, 100% 0; background-size: 2rem 100%, 2rem 100%, .6rem 100%, .6rem 100%; }
figure.table .box { width: max-content; min-width: min(47rem, 100%); max-width: 100%; }
dl.notes { grid-template-columns: minmax(8rem, max-content) minmax(0, 1fr); max-width: 75rem; }
.box:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; overflow: visible; }
svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; white-space: pre; }
table { border-collapse: collapse; min-width: 100%; font-size: .84rem; line-height: 1.35; font-variant-numeric: tabular-nums lining-nums;
  border-top: 1.5px solid var(--ink); border-bottom: 1.5px solid var(--ink); }
thead th { border-bottom: 1px solid var(--ink); font-weight: 600; vertical-align: bottom; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
tbody th { font-weight: 400; min-width: 12.5rem; }
th { white-space: normal; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
.right { text-align: right; }
td.right { white-space: nowrap; }
td.text { min-width: 14rem; max-width: 28rem; overflow-wrap: anywhere; font-size: .72rem; }
td.words { min-width: 16rem; max-width: 36rem; }
.lost li { margin-bottom: .35rem; overflow-wrap: anywhere; }
${narrowStyle}@media (max-width: 30rem) {
  header { padding-top: 1.5rem; }
  h1 { font-size: 1.5rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
}
@media screen and (min-width: 110rem) {
  section { display: grid; gap: 0 3rem; grid-template-columns: repeat(2, minmax(0, 1fr)); align-items: start; }
  section > * { grid-column: 1 / -1; }
  section > figure { grid-column: auto; min-width: 0; }
}
@media (min-width: 140rem) { html { font-size: 112.5%; } }
@media print {
  body { font-size: 10pt; }
  main, header { max-width: none; padding: 0; }
  nav, .download { display: none; }
  figure { break-inside: avoid; margin: 1.2rem 0; }
  figure.table { break-inside: auto; }
  table { width: 100%; }
  th, td, td.right, td.text, td.words, tbody th { min-width: 0; max-width: none; padding: .2rem .15rem; white-space: normal; font-size: 6pt; }
  tr { break-inside: avoid; }
  thead { display: table-header-group; }
  h2, h3, figcaption { break-after: avoid; }
  .box, figure.table .box { overflow: visible; background: none; width: auto; max-width: none; }
  svg { min-width: 0; }
  a { color: inherit; text-decoration: none; }
}
`;
