/**
 * The figures of one run, as panels.
 *
 * It decides which figure is where, which runs are drawn next to it, and what is shown until there is a figure.
 * studies.ts
 * draws.
 */
import { program } from "./program.ts";
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { listed } from "../../text/words.ts";
import type { RunState } from "../../search/state.ts";
import { withUnit } from "../../text/numbers.ts";
import type { ControlRuns } from "./control-runs.ts";
import { mostControls } from "./controls.ts";
import { exhibitView } from "./exhibits.ts";
import { awaited, type PanelContext, fold, type Panel } from "./panel.ts";
import type { Snapshot } from "./snapshot.ts";
import { unitOfCost } from "./status-words.ts";
import type { FigureName } from "./figure-makers.ts";
import { type DrawnFigures, figuresFor } from "./studies.ts";

export interface FigurePanels {
  readonly curves: Panel;
  readonly cost: Panel;
  readonly funnel: Panel;
  readonly choices: Panel;
  readonly map: Panel;
  /** Draws the figures again if something new is known. */
  draw(snapshot: Snapshot): void;
  leave(): void;
}

export function figurePanels(context: PanelContext, controls: ControlRuns): FigurePanels {
  const [beside, own] = [figuresFor(() => context.changed()), figuresFor(() => context.changed())];
  const opened = new Set<string>();
  let drawn = "";
  /** How often the figures by round were asked for, and what was there when they last were. */
  let asks = 0;
  let before: ReturnType<DrawnFigures["of"]> = null;
  const isAsked = () => asks > 0 && own.of("choices") === before;
  const panel = (title: string, figures: DrawnFigures, name: FigureName, words: string): Panel => ({
    title,
    render: ({ state }) => figureView(figures, name, state, words),
  });
  const byRound = (title: string, name: FigureName, words: string): Panel => ({
    title,
    render: ({ state }) => {
      if (state.rounds.length <= mostRoundsUnasked) return figureView(own, name, state, words);
      const ask = () => {
        asks += 1;
        before = own.of("choices");
        context.changed();
      };
      return html`${own.of(name) === null && !isAsked() ? nothing : figureView(own, name, state, words)}
        <p class="faint">With more than ${mostRoundsUnasked} rounds this takes a while. It is drawn only when you ask for it.</p>
        <button type="button" @click=${ask}>Draw ${title.toLowerCase()} now</button>`;
    },
  });
  return {
    curves: {
      title: "Best so far",
      render: ({ state }) =>
        html`<p class="faint">${limitSentence(state)}</p>
          ${figureView(beside, "curves", state, "Its curve begins with the first result.")}
          ${controlsView(controls, opened, context, state)}`,
    },
    cost: panel("Cost and value", own, "cost", "Each evaluated architecture will be a point here."),
    funnel: byRound(
      "Candidates by round",
      "funnel",
      "What happened to the candidates of each round will be shown here.",
    ),
    choices: byRound("Choices by round", "choices", "How often each choice was taken will be shown here."),
    map: {
      title: "Where it went",
      render: ({ state }) =>
        fold({ opened, key: mapKey, context }, "Show the architectures on a plane, by round", () =>
          figureView(own, "map", state, "A plane needs a few different architectures."),
        ),
    },
    draw: ({ state, count }) => {
      const isMapped = opened.has(mapKey);
      const isByRound = isAsked() || state.rounds.length <= mostRoundsUnasked;
      const runs = controls.runs;
      const wanted = JSON.stringify([count, isMapped, asks, runs.map(({ folder }) => folder)]);
      if (wanted === drawn) return;
      drawn = wanted;
      const self = { folder: context.id, state };
      beside.draw({ runs: [self], controls: runs, names: ["curves"], label: "this run" });
      own.draw({
        runs: [self],
        names: [
          "cost",
          ...(isByRound ? (["funnel", "choices"] as const) : []),
          ...(isMapped ? (["map"] as const) : []),
        ],
        linkOf: (_run, { round, index }) => context.hrefOf({ round, candidate: index + 1 }),
      });
    },
    leave: () => {
      beside.close();
      own.close();
    },
  };
}

// --- internal ---

const mapKey = "map";
/** Figures with a column for each round are drawn by themselves as long as there are no more: each costs its time. */
const mostRoundsUnasked = 100;

function figureView(figures: DrawnFigures, name: FigureName, state: RunState, words: string): TemplateResult {
  const found = figures.of(name);
  if (figures.refusal !== null)
    return html`<p class="trouble">The report refuses to draw this: ${figures.refusal}.</p>`;
  if (found === null) return awaited("The figure is being drawn.");
  if (found.length === 0)
    return awaited(state.ended === null ? words : "There is nothing to draw: nothing was evaluated.");
  return html`${found.map((figure) => exhibitView(figure, { isFolded: true }))}`;
}

function limitSentence(state: RunState): string {
  const limits = Object.entries(state.search.limits).map(
    ([name, limit]) => `${name} at most ${withUnit(limit, unitOfCost(state, name))}`,
  );
  return limits.length === 0
    ? "No limit: every architecture counts."
    : `Limit: ${listed(limits)}. Only what keeps to it counts.`;
}

/** Which other runs are in the figure. */
function controlsView(
  controls: ControlRuns,
  opened: Set<string>,
  context: PanelContext,
  state: RunState,
): TemplateResult {
  const { possible, chosen } = controls;
  if (possible.length === 0)
    return html`<p class="faint">This folder has no other finished run on this space with the same limits to compare with. One without models takes seconds: <code>${program()} run --space ${(state.original ?? state.space).id} --searcher random${Object.entries(state.search.limits).map(([name, limit]) => ` --limit ${name}=${limit}`)}</code></p>`;
  const isFull = chosen.length >= mostControls;
  return fold(
    { opened, key: "controls", context },
    `Compare with other runs (${chosen.length} of ${possible.length} shown)`,
    () => html`<fieldset class="choices">
    <legend>Runs to compare with, at most ${mostControls}</legend>
    ${repeat(
      possible,
      ({ id }) => id,
      (
        row,
      ) => html`<label><input type="checkbox" .checked=${chosen.includes(row.id)} ?disabled=${isFull && !chosen.includes(row.id)} @change=${() => controls.toggle(row.id)}> ${row.id}
        <span class="faint">${row.searcher}${row.model === null ? nothing : ` (${row.model})`}, seed ${row.seed}</span></label>`,
    )}
  </fieldset>`,
  );
}
