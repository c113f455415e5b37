/**
 * Where a search went: its architectures on a plane, by round.
 *
 * projection.ts computes the plane.
 */
import * as Plot from "@observablehq/plot";
import { best, evaluations, valueOf } from "../../search/results.ts";
import type { Architecture } from "../../search/architecture.ts";
import { nameOf, representative } from "../comparison.ts";
import type { DataRow, Figure } from "../exhibit.ts";
import { draw, extent, figureWidth, keyHeight, shortened } from "./canvas.ts";
import type { Subject } from "./subject.ts";
import { listed } from "../../text/words.ts";
import { architectureReader } from "../own-names.ts";
import { oneHot, principalComponents } from "../projection.ts";
import { paper, stepColour, stepColours } from "./colours.ts";

interface Evaluated {
  readonly name: string;
  readonly label: string;
  readonly seed: number;
  readonly round: number;
  /** From the first round (0) to the last (1). */
  readonly share: number;
  readonly architecture: Architecture;
  readonly value: number | null;
  readonly isWinner: boolean;
}

interface Point extends Omit<Evaluated, "architecture"> {
  readonly x: number;
  readonly y: number;
}

/** One frame for each search that is shown in detail; null where nothing was evaluated or everything is the same. */
export function mapFigure({
  space: { id, slug, space, higherIsBetter },
  detailed,
  choice,
}: Subject): Figure | null {
  if (space === null) return null;
  const shown = detailed.map((cohort) => ({ cohort, run: representative(cohort) }));
  const evaluated = shown.flatMap(({ cohort, run: { state } }): Evaluated[] => {
    const read = architectureReader(state);
    const winner = best(state);
    return evaluations(state).flatMap(({ candidate, measured, outcome }) => {
      const architecture = read(measured.text);
      if (architecture === null) return [];
      return [
        {
          name: nameOf(cohort),
          label: cohort.label,
          seed: state.search.seed,
          round: candidate.round,
          share: state.rounds.length < 2 ? 0 : (candidate.round - 1) / (state.rounds.length - 1),
          architecture,
          value: valueOf(state, outcome),
          isWinner: measured.text === winner?.text,
        },
      ];
    });
  });
  const { points: places, explained } = principalComponents(
    evaluated.map(({ architecture }) => oneHot(architecture, space)),
  );
  if (explained[0] === 0) return null;
  const points = evaluated.map(({ architecture: _architecture, ...rest }, index): Point => {
    const [x, y] = places[index] as readonly [number, number];
    return { ...rest, x, y };
  });
  const names = [...new Set(points.map(({ name }) => name))];
  const x = extent(
    points.map((point) => point.x),
    0.06,
  );
  const y = extent(
    points.map((point) => point.y),
    0.06,
  );
  const key = stepColours.map((_, index) => ({
    text: index === 0 ? "first round" : index === stepColours.length - 1 ? "last round" : "",
    colour: stepColour(index / stepColours.length),
  }));
  const side = (figureWidth - 58) / Math.max(2, names.length);
  const perLine = Math.max(8, Math.floor((0.94 * side) / 7.2));
  const nameLines = Math.max(...names.map((name) => Math.min(3, Math.ceil(name.length / (0.8 * perLine)))));
  const nameHeight = 12 + 14 * nameLines;
  const figureId = `map-${slug}`;
  const svg = draw({
    id: figureId,
    label: `Scatter plot: the architectures of one run on ${id} on their first two principal components, coloured by round, for ${listed(names)}.`,
    key,
    width: figureWidth,
    height: keyHeight(key) + 42 + nameHeight + Math.min(side, 330),
    marginLeft: 58,
    marginRight: 10 + (names.length === 1 ? side : 0),
    marginTop: nameHeight + keyHeight(key),
    marginBottom: 42,
    x: {
      domain: x,
      label: `component 1 (${percent(explained[0])})`,
      labelArrow: "none",
      labelAnchor: "center",
      ticks: 4,
    },
    y: {
      domain: y,
      label: `component 2 (${percent(explained[1])})`,
      labelArrow: "none",
      labelAnchor: "center",
      ticks: 4,
    },
    fx: { domain: names, axis: null, padding: 0.06 },
    marks: [
      Plot.frame({ stroke: "currentColor", strokeOpacity: 0.3 }),
      ...stepColours.map((_, step) =>
        Plot.dot(
          points.filter(
            ({ share }) => Math.min(stepColours.length - 1, Math.floor(share * stepColours.length)) === step,
          ),
          {
            fx: "name",
            x: "x",
            y: "y",
            r: 3.2,
            fill: stepColour(step / stepColours.length),
            fillOpacity: 0.8,
          },
        ),
      ),
      Plot.dot(
        points.filter(({ isWinner }) => isWinner),
        {
          fx: "name",
          x: "x",
          y: "y",
          r: 8,
          symbol: "star",
          fill: "currentColor",
          stroke: paper,
          strokeWidth: 1.2,
        },
      ),
      Plot.text(names, {
        fx: (name: string) => name,
        text: (name: string) => shortened(name, 3 * perLine),
        lineWidth: perLine * 0.53,
        lineAnchor: "bottom",
        frameAnchor: "top-left",
        dy: -8,
        fontWeight: "bold",
      }),
    ],
  });
  const runs = shown.map(({ cohort, run }) => `${cohort.label} seed ${run.state.search.seed}`);
  return {
    id: figureId,
    title: `Where the searches went on ${id}`,
    caption: `What one run of each search evaluated: points that are near share choices; the star is the winner. ${choice}`,
    notes: [
      {
        term: "Where the searches went",
        words: `the first two principal components of the choices (one number for each choice of each slot), the same axes for every search; nothing is said about a point's value. The star has the ${higherIsBetter ? "highest" : "lowest"} value within the limits.`,
      },
      {
        term: `Points on ${id}`,
        words: `the axes hold ${percent(explained[0])} and ${percent(explained[1])} of all variance. Runs: the median of each search by final value (${runs.join(", ")}).`,
      },
    ],
    data: points.map(
      ({ label, seed, round, x: first, y: second, value, isWinner }): DataRow => ({
        search: label,
        seed,
        round,
        component_1: Number(first.toPrecision(6)),
        component_2: Number(second.toPrecision(6)),
        value,
        winner: isWinner ? 1 : 0,
      }),
    ),
    svg,
  };
}

// --- internal ---

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
