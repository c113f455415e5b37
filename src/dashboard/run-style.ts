/** How the page of one run looks: the layout of its panels, after the style sheet of the whole page. */

/** Follows the page's own style sheet. */
export const runStyle = `
.panel .row { margin-bottom: .6rem; gap: .5rem .75rem; }
.head { display: flex; flex-wrap: wrap; gap: .35rem .75rem; align-items: baseline; max-width: none; overflow-wrap: anywhere; }
.headline { display: flex; flex-wrap: wrap; gap: .1rem .6rem; align-items: baseline; margin: 0 0 .4rem; }
.headline .value { font-size: 2rem; line-height: 1.1; font-weight: 600; }
.facts { grid-template-columns: minmax(6.5rem, max-content) minmax(0, 1fr); margin: .6rem 0; }
.facts > div { display: contents; }
.meter { display: flex; flex-wrap: wrap; gap: .15rem .6rem; align-items: center; }
.meter progress { width: 8rem; flex: none; }
.panel .note { margin-top: .75rem; }
.panel .note p { margin: 0 0 .3rem; }
.panel .note pre:last-child { margin: 0; }
.panel .empty { padding: .5rem .75rem; margin: 0 0 .6rem; color: var(--faint); }
pre.command { margin: 0 0 .4rem; padding: .4rem .6rem; background: var(--paper); border: 1px solid var(--line); }
.verbatim { display: block; max-height: 24rem; overflow: auto; margin: .3rem 0 .6rem; padding: .55rem .7rem; background: var(--wash); border-radius: 4px;
  white-space: pre-wrap; overflow-wrap: anywhere; font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .8125rem; line-height: 1.45; }
.verbatim del + ins { margin-left: .15em; }
.summary { font-weight: 600; }
.hint-quote { margin: 0 0 .6rem; padding: .35rem .75rem; border-left: 3px solid var(--busy); }
.hint-quote figcaption { color: var(--faint); }
.hint-quote blockquote { margin: .2rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.candidates { width: 100%; }
.candidates td { overflow-wrap: anywhere; min-width: 13rem; }
.candidates td.right { min-width: 0; overflow-wrap: normal; }
.candidates td.proposed { min-width: 0; white-space: nowrap; }
.candidates td.proposed, .candidates th.right { overflow-wrap: normal; }
.candidates code { display: inline-block; min-width: 12rem; }
.candidates .reasons code { min-width: 0; }
.candidates tr.aimed > * { background: var(--wash); }
.candidates tr.aimed > :first-child { box-shadow: inset 3px 0 var(--link); }
.better { white-space: nowrap; color: var(--good); }
.reason { display: block; color: var(--faint); font-size: .8125rem; }
.reasons { margin: .15rem 0 .3rem; padding-left: 1.1rem; color: var(--faint); font-size: .8125rem; overflow-wrap: anywhere; }
button.link { border: 0; padding: 0; background: none; color: var(--link); text-decoration: underline; text-underline-offset: .15em; }
.replies { position: relative; list-style: none; margin: 0 0 .6rem; padding: 0 .6rem; max-height: 44rem; overflow: auto; border: 1px solid var(--line); border-radius: 4px; }
.replies > li:first-child { border-top: 0; }
.replies > li { border-top: 1px solid var(--line); padding: .5rem 0; }
.replies > li > p { margin: 0 0 .25rem; max-width: none; }
.replies summary { width: fit-content; }
.log { position: relative; container-type: inline-size; max-height: 44rem; overflow: auto; border: 1px solid var(--line); border-radius: 4px; margin-bottom: .6rem; }
.log ol { list-style: none; margin: 0; padding: 0; font-size: .84rem; }
.log li { display: grid; grid-template-columns: 3rem 4.4rem minmax(0, 1fr) auto; gap: 0 .75rem; padding: .25rem .6rem; border-top: 1px solid var(--line); align-items: baseline; }
.log li:first-child { border-top: 0; }
.log .seq { text-align: right; color: var(--faint); }
.log time { color: var(--faint); }
.log .sentence { grid-row: 2; grid-column: 3 / -1; overflow-wrap: anywhere; }
.log details[open] { grid-row: 3; grid-column: 1 / -1; }
@container (min-width: 48rem) {
  .log li { grid-template-columns: 3rem 4.4rem 12.5rem minmax(0, 1fr) auto; }
  .log .sentence { grid-row: 1; grid-column: 4; }
  .log details[open] { grid-row: 2; }
}
.hint-form { display: grid; gap: .35rem; }
.hint-form p { margin: 0; }
.hint-form button { justify-self: start; }
.answer { margin: .6rem 0 0; }
button.danger { border-color: var(--bad); color: var(--bad); font-weight: 600; }
button[aria-disabled="true"] { opacity: .6; cursor: default; }
fieldset.choices { display: grid; gap: .25rem; max-height: 16rem; overflow: auto; margin: .4rem 0 0; padding: .4rem .75rem; border: 1px solid var(--line); border-radius: 4px; min-width: 0; }
@media (max-width: 48rem) {
  .facts { grid-template-columns: minmax(0, 1fr); }
  .log .sentence { grid-column: 1 / -1; }
}
`;
