/**
 * The best of each round, by round.
 *
 * A mean is shown as long as at least half of the runs have a value.
 */
import * as Plot from "@observablehq/plot";
import { hasMeans, hasStrategy, intervalNote, nameOf } from "../comparison.ts";
import type { DataRow, Figure } from "../exhibit.ts";
import { extent, type Look } from "./canvas.ts";
import type { Subject } from "./subject.ts";
import { roundResults } from "../outcome.ts";
import { bootstrapMean, type Interval, mean } from "../statistics.ts";
import { drawnTwice, endLabels, sharedPoints } from "./lines.ts";
import { listed } from "../../text/words.ts";
import { paper } from "./colours.ts";

interface Point {
  readonly round: number;
  readonly mean: number;
  readonly interval: Interval;
  readonly runs: number;
}

/** Curves of the best of a round for the searches that are shown in detail; null where no round found anything. */
export function roundBestsFigure({ space, detailed, looks, choice }: Subject): Figure | null {
  const { id, slug, objective } = space;
  const most = mostRounds(detailed);
  const curves = detailed
    .map((cohort) => {
      const results = cohort.runs.map(({ state }) => roundResults(state));
      const points = Array.from({ length: most }, (_, index): Point[] => {
        const values = results.flatMap((rounds) => rounds[index]?.best ?? []);
        const middle = mean(values);
        if (middle === null || values.length < results.length / 2) return [];
        return [{ round: index + 1, mean: middle, interval: bootstrapMean(values), runs: values.length }];
      }).flat();
      return { cohort, look: looks.get(cohort.label) as Look, points };
    })
    .filter(({ points }) => points.length > 0);
  if (curves.length === 0) return null;
  const rounds = Math.max(...curves.flatMap(({ points }) => points.map(({ round }) => round)));
  const [low, high] = extent(
    curves.flatMap(({ points }) => points.flatMap(({ interval }) => [interval.low, interval.high])),
  );
  const figureId = `rounds-${slug}`;
  const ends = curves.map(({ cohort, look, points }) => {
    const { round, mean: value } = points.at(-1) as Point;
    return { text: nameOf(cohort), x: round, y: value, look };
  });
  const shared = sharedPoints(
    curves.map(({ points }) => points),
    ({ round, mean: y }) => ({ x: round, y }),
    (high - low) / 150,
  );
  const { svg, narrow } = drawnTwice(ends, 360, (frame, hasNames) => ({
    id: figureId,
    label: `Line chart: best ${objective} of each round on ${id}, for ${listed(curves.map(({ cohort }) => nameOf(cohort)))}.`,
    x: {
      domain: [1, Math.max(2, rounds)],
      label: "round",
      labelAnchor: "center",
      labelArrow: "none",
      ticks: wholeTicks(rounds, hasNames ? 10 : 5),
      tickFormat: "d",
    },
    y: { domain: [low, high], label: objective, labelArrow: "none", ticks: 6, grid: true },
    marks: [
      ...curves.map(({ points, look }) =>
        Plot.areaY(points, {
          x: "round",
          y1: ({ interval }: Point) => interval.low,
          y2: ({ interval }: Point) => interval.high,
          fill: look.colour,
          fillOpacity: 0.12,
        }),
      ),
      ...curves.map(({ points, look }) =>
        Plot.line(points, {
          x: "round",
          y: "mean",
          stroke: look.colour,
          strokeWidth: look.width,
          ...(look.dash === null ? {} : { strokeDasharray: look.dash }),
        }),
      ),
      // Of points that lie on each other, the first is drawn larger, around the later ones.
      ...curves.flatMap(({ points, look }, index) =>
        points.map((point) =>
          Plot.dot([point], {
            x: "round",
            y: "mean",
            fill: look.colour,
            stroke: paper,
            strokeWidth: 0.75,
            symbol: look.symbol,
            r: 3 + 2.5 * (shared[index]?.find(({ item }) => item === point)?.after ?? 0),
          }),
        ),
      ),
      ...(hasNames ? endLabels(ends, { ...frame, x: [1, Math.max(2, rounds)], y: [low, high] }) : []),
    ],
  }));
  return {
    id: figureId,
    title: `Best of each round on ${id}`,
    caption: `The best search value among what one round evaluated within the limits${hasMeans(detailed) ? ", mean over runs" : ""}. ${choice}`,
    notes: [
      ...(hasMeans(detailed) ? [intervalNote] : []),
      {
        term: "Best of each round",
        words: "shown where at least half of the runs have one; sizes of rounds differ between searches.",
      },
    ],
    data: curves.flatMap(({ cohort, points }) =>
      points.map(
        ({ round, mean: value, interval, runs }): DataRow => ({
          search: cohort.label,
          round,
          mean: value,
          low: interval.low,
          high: interval.high,
          runs,
        }),
      ),
    ),
    svg,
    narrow,
  };
}

/** How many rounds are shown: those of the searches with a strategy, or of the first search. */
export function mostRounds(detailed: Subject["detailed"]): number {
  const withStrategy = detailed.filter(hasStrategy);
  const leading = withStrategy.length > 0 ? withStrategy : detailed.slice(0, 1);
  return Math.max(1, ...leading.flatMap(({ runs }) => runs.map(({ state }) => state.rounds.length)));
}

// --- internal ---

/** Rounds are whole: at most so many of them, evenly apart. */
function wholeTicks(rounds: number, most: number): number[] {
  const step = Math.ceil(rounds / most);
  return Array.from({ length: Math.ceil(rounds / step) }, (_, index) => 1 + index * step);
}
