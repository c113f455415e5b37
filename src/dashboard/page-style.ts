/**
 * How the live page looks: one style sheet for both themes and for screens from 375 to 2,560 pixels.
 *
 * The colours and the style of figures are those of a report. Nothing in it loads anything.
 */
import { darkVariables, lightVariables, narrowStyle } from "../report/page-style.ts";
import { runStyle } from "./run-style.ts";

/** On top of the report's colours: what distinguishes states, and what warns. */
const lightOwn =
  "--good: #00694e; --busy: #0b5394; --warn: #8a4600; --bad: #a3182f; --added: #d9f2e3; --removed: #fbe0e3; --strong-line: #767676;";
const darkOwn =
  "--good: #4fd0a4; --busy: #8fc1f5; --warn: #ffb074; --bad: #ff8fa0; --added: #17402f; --removed: #4d1f27; --strong-line: #8a8a86;";

/** The style sheet of the live page. */
export const pageStyle = `
:root { color-scheme: light; ${lightVariables} ${lightOwn} }
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { color-scheme: dark; ${darkVariables} ${darkOwn} } }
:root[data-theme="dark"] { color-scheme: dark; ${darkVariables} ${darkOwn} }
* { box-sizing: border-box; }
html { font-size: 100%; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scrollbar-gutter: stable; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.45; font-size: .9375rem;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums lining-nums; }
header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding: .5rem 1.25rem; border-bottom: 1px solid var(--line); }
header .home { font-weight: 600; text-decoration: none; }
header .home[aria-current] { color: inherit; }
main { padding: 1rem 1.25rem 4rem; max-width: 160rem; margin: 0 auto; }
main:focus { outline: none; }
main.list { max-width: 100rem; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .75rem; font-weight: 600; overflow-wrap: anywhere; }
h1:focus { outline: none; }
h1 code { font-size: .9em; }
h2 { font-size: 1.05rem; line-height: 1.3; margin: 0 0 .6rem; font-weight: 600; overflow-wrap: anywhere; }
h3 { font-size: .95rem; margin: 1rem 0 .4rem; font-weight: 600; }
p { margin: 0 0 .6rem; overflow-wrap: anywhere; max-width: 75ch; }
a { color: var(--link); text-underline-offset: .15em; }
code, pre, .text { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .8125rem; overflow-wrap: anywhere; }
pre { margin: 0 0 .75rem; padding: .6rem .75rem; background: var(--wash); border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere; }
button, .button, input, select, textarea { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--strong-line); border-radius: 4px; padding: .25rem .6rem; }
button, .button { display: inline-block; background: var(--wash); cursor: pointer; text-decoration: none; color: var(--ink); }
button:hover:not(:disabled), .button:hover { border-color: var(--ink); }
button:disabled { opacity: .6; cursor: default; }
textarea { width: 100%; min-height: 5rem; resize: vertical; }
input[type="checkbox"] { width: 1.05rem; height: 1.05rem; padding: 0; margin: 0; accent-color: var(--link); vertical-align: -.15rem; }
label { overflow-wrap: anywhere; }
progress { width: 100%; max-width: 16rem; height: .6rem; accent-color: var(--link); vertical-align: middle; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem; margin: 0 0 .75rem; }
dt { color: var(--faint); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
dd pre { margin: 0; }
details > summary { cursor: pointer; overflow-wrap: anywhere; }
ins { background: var(--added); text-decoration: underline; text-decoration-thickness: 1px; }
del { background: var(--removed); text-decoration: line-through; }
ul { margin: 0 0 .6rem; padding-left: 1.25rem; }

.skip { position: absolute; left: -100vw; top: .25rem; z-index: 1; background: var(--paper); padding: .4rem .75rem; border: 1px solid var(--ink); border-radius: 4px; }
.skip:focus { left: .5rem; }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; border: 0; }
.faint, .of, .hint, .waiting, .count { color: var(--faint); }
.trouble { color: var(--bad); overflow-wrap: anywhere; }
.alert, .note { border-left: 3px solid var(--warn); background: var(--wash); padding: .5rem .75rem; border-radius: 0 4px 4px 0; max-width: none; }
.empty { background: var(--wash); border-radius: 6px; padding: 1rem 1.25rem; margin: .5rem 0 1rem; }
.empty p:last-child { margin-bottom: 0; }
.badge { display: inline-flex; gap: .35em; align-items: baseline; white-space: nowrap; font-weight: 600; font-size: .85em; }
.badge > span { width: 1.1em; text-align: center; }
.badge.running { color: var(--busy); }
.badge.paused { color: var(--warn); }
.badge.stopped { color: var(--faint); }
.badge.finished { color: var(--good); }
.badge.damaged { color: var(--bad); }
.mark { display: inline-block; font-size: .75rem; border: 1px solid var(--strong-line); border-radius: 3px; padding: 0 .3rem; color: var(--faint); white-space: nowrap; }
.right { text-align: right; }
.download, .copy { font-size: .8125rem; padding: .1rem .45rem; }

.tools { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin-bottom: .75rem; }
.tools input[type="search"] { width: 16rem; max-width: 60vw; }
.choice { display: inline-flex; gap: .5rem; align-items: center; margin-left: auto; min-height: 2.1rem; }
.reading { display: inline-flex; gap: .5rem; align-items: center; color: var(--faint); }
.reading progress { width: 8rem; }

.box { overflow-x: auto; padding-bottom: .3rem; max-width: 100%; }
table { border-collapse: collapse; min-width: 100%; font-size: .84rem; line-height: 1.35; }
thead th { border-bottom: 1px solid var(--ink); font-weight: 600; vertical-align: bottom; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; }
th.right, td.right { text-align: right; }
th:first-child, td:first-child { padding-left: .25rem; }
th:last-child, td:last-child { padding-right: .25rem; }
tbody th { font-weight: 400; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
td.right { white-space: nowrap; }
td.text, td.words { min-width: 14rem; max-width: 36rem; overflow-wrap: anywhere; }
caption { text-align: left; }

table.runs { font-size: .875rem; }
table.runs thead th { padding: 0; }
table.runs thead button { border: 0; background: none; font: inherit; font-weight: 600; padding: .3rem .6rem; white-space: nowrap; }
table.runs thead th.choose { padding: 0 .6rem; }
table.runs .arrow { display: inline-block; width: 1em; font-size: .7em; margin-left: .3em; }
table.runs tbody tr:hover { background: var(--wash); }
table.runs tbody th { overflow-wrap: anywhere; min-width: 10rem; }
table.runs tbody th a { font-weight: 600; }
table.runs tbody th .trouble { display: block; max-width: 60ch; }
table.runs td.choose label { display: block; padding: 0 .35rem; }
table.runs .opener { border: 0; padding: 0; background: none; color: var(--link); font-weight: 600; text-align: left; overflow-wrap: anywhere; }
table.runs .sign { display: inline-block; width: 1.1em; }
table.runs .about { display: block; padding-left: 1.1em; color: var(--faint); }
table.runs tr.within th { padding-left: 1.7em; }
.direction { color: var(--faint); margin-left: .2em; }
.ago { white-space: nowrap; }

figure { margin: 0 0 1rem; }
.comparison > figure { margin: 1.75rem 0; }
figure.drawing { max-width: 60rem; }
figcaption { font-size: .84rem; line-height: 1.45; overflow-wrap: anywhere; max-width: 60rem; }
figure.table figcaption { margin-bottom: .5rem; }
figure.drawing figcaption { margin-top: .5rem; }
figcaption .number, figcaption .title { font-weight: 600; }
figcaption .caption { color: var(--faint); }
figure svg { display: block; width: 100%; min-width: 32rem; height: auto; overflow: visible; }
figure svg text { font-family: inherit; white-space: pre; }
figure svg a:hover circle, figure svg a:focus circle { stroke: currentColor; stroke-width: 1.5; }

.members { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .35rem 1.5rem; }
.members li { display: inline-flex; gap: .5rem; flex-wrap: wrap; align-items: baseline; overflow-wrap: anywhere; min-width: 0; }
.remove { font-size: .8125rem; }
.comparison { margin-top: 2rem; }

.grid { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); align-items: start; }
.panel { min-width: 0; border: 1px solid var(--line); border-radius: 6px; padding: .85rem 1rem; }
.panel > :last-child { margin-bottom: 0; }
.scroll { max-height: 24rem; overflow: auto; overflow-wrap: anywhere; }
.numbers { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 0 0 .6rem; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
@media (min-width: 64rem) { .grid { grid-template-columns: repeat(2, minmax(0, 1fr)); } .wide { grid-column: 1 / -1; } }
@media (min-width: 112rem) { .grid { grid-template-columns: repeat(3, minmax(0, 1fr)); } .wide { grid-column: span 2; } }

@media (min-width: 100rem) {
  .comparison { display: grid; gap: 1.5rem 3rem; grid-template-columns: repeat(2, minmax(0, 1fr)); align-items: start; }
  .comparison > h2, .comparison > p { grid-column: 1 / -1; margin: 0; }
  .comparison > figure { margin: 0; }
}
@media (min-width: 140rem) { html { font-size: 112.5%; } }

@media (max-width: 48rem) {
  header { padding: .5rem .75rem; }
  main { padding: .75rem .75rem 3rem; }
  h1 { font-size: 1.2rem; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: .4rem; }
  .tools .field, .tools input[type="search"], .tools select { width: 100%; max-width: none; }
  .choice { margin-left: 0; flex-wrap: wrap; }
  .runs-box { overflow: visible; }
  table.runs, table.runs thead, table.runs tbody, table.runs tr, table.runs th, table.runs td { display: block; min-width: 0; }
  table.runs thead tr { display: flex; flex-wrap: wrap; gap: .25rem; margin-bottom: .5rem; }
  table.runs thead th { border: 0; }
  table.runs thead th.choose { display: none; }
  table.runs thead button { border: 1px solid var(--line); padding: .15rem .4rem; font-size: .8125rem; }
  table.runs thead th[aria-sort="none"] .arrow { display: none; }
  table.runs tbody tr { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .75rem; margin-bottom: .5rem; position: relative; display: flex; flex-direction: column; }
  table.runs tbody th { order: -1; padding-right: 2.5rem; }
  table.runs tbody tr + tr > * { border-top: 0; }
  table.runs tbody td, table.runs tbody th { padding: .1rem 0; }
  table.runs tbody td.right { text-align: left; white-space: normal; }
  table.runs tbody td[data-label]::before { content: attr(data-label); display: inline-block; width: 7rem; color: var(--faint); }
  table.runs tbody tr.within { margin-left: 1rem; }
  table.runs tbody tr.within th { padding-left: 0; }
  table.runs tbody td.choose { position: absolute; right: .5rem; top: .35rem; }
  table.runs tbody td.choose label { padding: .35rem; }
  figure svg { min-width: 30rem; }
}
${narrowStyle}@media (prefers-reduced-motion: no-preference) { .badge.running > span { animation: breathe 2.4s ease-in-out infinite; } }
@keyframes breathe { 50% { opacity: .35; } }
@media (forced-colors: active) { .badge, .mark { border: 1px solid; } }
${runStyle}`;
