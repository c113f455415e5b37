/**
 * Where candidates were lost, round by round.
 *
 * search/funnel.ts says what each state means.
 */
import * as Plot from "@observablehq/plot";
import { type Funnel, funnel } from "../../search/funnel.ts";
import { type ComparedCohort, hasMeans, nameOf } from "../comparison.ts";
import type { DataRow, Figure } from "../exhibit.ts";
import { draw, keyHeight, shortened } from "./canvas.ts";
import type { Subject } from "./subject.ts";
import { listed } from "../../text/words.ts";
import { seriesColour } from "./colours.ts";
import { mostRounds } from "./round-bests.ts";

type State =
  | "improved"
  | "evaluated"
  | Exclude<
      keyof Funnel,
      "proposed" | "evaluated" | "improved" | "overLimitEvaluated" | "equivalentEvaluated" | "storedEvaluated"
    >;

/** From the bottom of a bar to its top. */
const states: readonly {
  readonly state: State;
  readonly text: string;
  readonly colour: string;
  readonly opacity: number;
}[] = [
  { state: "improved", text: "improved the best", colour: seriesColour(2), opacity: 1 },
  { state: "evaluated", text: "evaluated, no better", colour: seriesColour(2), opacity: 0.4 },
  { state: "failed", text: "failed", colour: seriesColour(8), opacity: 1 },
  { state: "equivalent", text: "equivalent", colour: seriesColour(6), opacity: 0.6 },
  { state: "repeated", text: "repeated", colour: seriesColour(0), opacity: 0.7 },
  { state: "overLimit", text: "over the limit", colour: seriesColour(1), opacity: 0.75 },
  { state: "beyondBudget", text: "beyond the budget", colour: seriesColour(9), opacity: 0.35 },
  { state: "illegal", text: "illegal", colour: seriesColour(4), opacity: 0.9 },
  { state: "unreadable", text: "unreadable", colour: seriesColour(3), opacity: 0.9 },
];

interface Bar {
  readonly cohort: ComparedCohort;
  readonly round: number;
  readonly state: State;
  readonly perRun: number;
}

/** Stacked bars by round for the searches shown in detail; null where nothing was proposed. */
export function funnelFigure({ space, detailed, choice }: Subject): Figure | null {
  const { id, slug } = space;
  const most = mostRounds(detailed);
  const bars = detailed.flatMap((cohort) => barsOf(cohort, most));
  if (bars.length === 0) return null;
  const present = states.filter(({ state }) => bars.some((bar) => bar.state === state));
  const key = present.map(({ text, colour, opacity }) => ({ text, colour, opacity }));
  const rounds = Array.from({ length: Math.max(...bars.map(({ round }) => round)) }, (_, index) => index + 1);
  const shownCohorts = detailed.filter((cohort) => bars.some((bar) => bar.cohort === cohort));
  const names = shownCohorts.map(nameOf);
  const every = Math.ceil(rounds.length / 20);
  const figureId = `funnel-by-round-${slug}`;
  const svg = draw({
    id: figureId,
    label: `Stacked bars: what happened to the candidates of each round on ${id}, for ${listed(names)}.`,
    key,
    keyTop: 20,
    height: 84 + keyHeight(key) + names.length * 130,
    marginLeft: 62,
    marginRight: 20,
    marginTop: 42 + keyHeight(key),
    marginBottom: 42,
    x: {
      type: "band",
      domain: rounds,
      label: "round",
      labelArrow: "none",
      tickFormat: (round: number) => ((round - 1) % every === 0 ? `${round}` : ""),
      padding: 0.15,
    },
    y: { label: "candidates per run", labelArrow: "none", ticks: 4, grid: true },
    // A single one would be in the middle of its room, under the name of the axis.
    fy: { domain: names, axis: null, padding: names.length === 1 ? 0 : 0.22 },
    marks: [
      Plot.barY(bars, {
        fy: ({ cohort }: Bar) => nameOf(cohort),
        x: "round",
        y: "perRun",
        fill: ({ state }: Bar) => lookOf(state).colour,
        fillOpacity: ({ state }: Bar) => lookOf(state).opacity,
        order: present.map(({ colour }) => colour),
      }),
      Plot.ruleY([0]),
      Plot.text(names, {
        fy: (name: string) => name,
        text: (name: string) => shortened(name, 60),
        frameAnchor: "top-left",
        dy: -14,
        dx: 2,
        fontWeight: "bold",
      }),
    ],
    color: { type: "identity" },
    opacity: { type: "identity" },
  });
  return {
    id: figureId,
    title: `What happened to the candidates of each round on ${id}`,
    caption: `Candidates by what happened to them${hasMeans(detailed) ? ", means per run" : ""}. ${choice}`,
    notes: hasMeans(detailed)
      ? [
          {
            term: "Candidates per run",
            words: "over all runs of a search, those that had ended by then included.",
          },
        ]
      : [],
    data: bars.map(
      ({ cohort, round, state, perRun }): DataRow => ({
        search: cohort.label,
        round,
        state,
        per_run: perRun,
      }),
    ),
    svg,
  };
}

// --- internal ---

function lookOf(state: State): (typeof states)[number] {
  return states.find((each) => each.state === state) as (typeof states)[number];
}

/** One for each round and state that has any. */
function barsOf(cohort: ComparedCohort, most: number): Bar[] {
  return Array.from({ length: most }, (_, index) => {
    const counts = cohort.runs.flatMap(({ state }) =>
      index < state.rounds.length ? [funnel(state, index + 1)] : [],
    );
    return states.flatMap(({ state }): Bar[] => {
      const count = counts.reduce(
        (sum, each) => sum + (state === "evaluated" ? each.evaluated - each.improved : each[state]),
        0,
      );
      return count === 0 ? [] : [{ cohort, round: index + 1, state, perRun: count / cohort.runs.length }];
    });
  }).flat();
}
