/** The best so far, by evaluation: means over runs with their intervals. */
import * as Plot from "@observablehq/plot";
import { type ComparedCohort, hasMeans, intervalNote, limitsSentences, nameOf } from "../comparison.ts";
import type { DataRow, Figure } from "../exhibit.ts";
import { extent, type Look } from "./canvas.ts";
import type { Subject } from "./subject.ts";
import { stepAfter } from "../outcome.ts";
import { bootstrapMean, type Interval, mean } from "../statistics.ts";
import { drawnTwice, endLabels, type Shared, sharedPoints } from "./lines.ts";
import { fixed } from "../../text/numbers.ts";
import { listed } from "../../text/words.ts";
import { faint, paper } from "./colours.ts";

/** How many evaluations have a band at most: each costs a bootstrap. */
const mostPlaces = 40;
/** With more searches than this, only those shown in detail have a band. */
const mostBands = 4;

interface Point {
  readonly evaluation: number;
  readonly mean: number;
  readonly interval: Interval;
}

/** Best-so-far curves of every cohort on a space; null where nothing was found. */
export function curvesFigure({ space, cohorts, detailed, looks }: Subject): Figure | null {
  const { id, slug, decimals, higherIsBetter, optimum, printed } = space;
  const budget = Math.max(...cohorts.flatMap(({ outcomes }) => outcomes.map(({ steps }) => steps.length)));
  const places = evaluationsShown(budget);
  const curves = cohorts
    .map((cohort) => ({ cohort, look: looks.get(cohort.label) as Look, points: pointsOf(cohort, places) }))
    .filter(({ points }) => points.length > 0);
  if (curves.length === 0) return null;
  const toReach = printed.find(({ search }) => search !== null);
  const references = [
    ...(optimum === null
      ? []
      : [{ text: `optimum ${fixed(optimum.search, decimals)}`, value: optimum.search }]),
    ...(toReach === undefined || toReach.search === null
      ? []
      : [
          {
            text: `${toReach.label} printed ${fixed(toReach.search.mean, decimals)}`,
            value: toReach.search.mean,
          },
        ]),
  ];
  const from = Math.max(1, Math.ceil(budget / 10));
  const seen = curves.flatMap(({ points }) => points.filter(({ evaluation }) => evaluation >= from));
  const [low, high] = extent([
    ...seen.map(({ mean: value }) => value),
    ...references.map(({ value }) => value),
  ]);
  const banded =
    curves.length <= mostBands ? curves : curves.filter(({ cohort }) => detailed.includes(cohort));
  const domain: [number, number] = [1, Math.max(2, budget)];
  const figureId = `curves-${slug}`;
  const ends = [
    ...curves.map(({ cohort, look, points }) => ({
      text: nameOf(cohort),
      x: budget,
      y: (points.at(-1) as Point).mean,
      look,
    })),
    ...references.map(({ text, value }) => ({
      text,
      x: budget,
      y: value,
      look: { colour: faint, width: 1, dash: "1 3" },
    })),
  ];
  const shared = sharedPoints(
    curves.map(({ points }) => points),
    ({ evaluation, mean: y }) => ({ x: evaluation, y }),
    (high - low) / 150,
  );
  const { svg, narrow } = drawnTwice(ends, 430, (frame, hasNames) => ({
    id: figureId,
    label: `Line chart: best ${space.objective} so far on ${id} against the number of evaluations, for ${listed(curves.map(({ cohort }) => nameOf(cohort)))}.`,
    x: { domain, label: "evaluations", labelAnchor: "center", labelArrow: "none", ticks: hasNames ? 8 : 5 },
    y: { domain: [low, high], label: space.objective, labelArrow: "none", ticks: 6, grid: true },
    marks: [
      ...references.map(({ value }) =>
        Plot.ruleY([value], { stroke: faint, strokeDasharray: "1 3", strokeWidth: 1.5 }),
      ),
      ...banded.map(({ points, look }) =>
        Plot.areaY(points, {
          x: "evaluation",
          y1: ({ interval }: Point) => interval.low,
          y2: ({ interval }: Point) => interval.high,
          curve: "step-after",
          fill: look.colour,
          fillOpacity: 0.13,
          clip: true,
        }),
      ),
      ...curves.map(({ points, look }) =>
        Plot.line(points, {
          x: "evaluation",
          y: "mean",
          curve: "step-after",
          stroke: look.colour,
          strokeWidth: look.width,
          ...(look.dash === null ? {} : { strokeDasharray: look.dash }),
          clip: true,
        }),
      ),
      // Lines that lie on each other have the marks of each in turn.
      ...curves.map(({ look }, index) =>
        Plot.dot(
          (shared[index] ?? []).filter(
            ({ before, after }, place) => place % (2 * (before + after + 1)) === 2 * before,
          ),
          {
            x: ({ item }: Shared<Point>) => item.evaluation,
            y: ({ item }: Shared<Point>) => item.mean,
            fill: look.colour,
            stroke: paper,
            strokeWidth: 0.75,
            symbol: look.symbol,
            r: 4,
            clip: true,
          },
        ),
      ),
      ...curves.map(({ look, points }, index) =>
        Plot.dot(points.slice(-1), {
          x: "evaluation",
          y: "mean",
          fill: look.colour,
          stroke: paper,
          strokeWidth: 0.75,
          symbol: look.symbol,
          r: 3.5 + 2.5 * (shared[index]?.findLast(({ item }) => item === points.at(-1))?.after ?? 0),
        }),
      ),
      ...(hasNames ? endLabels(ends, { ...frame, x: domain, y: [low, high] }) : []),
    ],
  }));
  const bands =
    banded.length < curves.length
      ? ` Intervals are drawn for ${listed(banded.map(({ cohort }) => cohort.label))}; the data have all.`
      : "";
  return {
    id: figureId,
    title: `Best so far on ${id}`,
    caption: [
      `The best value so far${hasMeans(cohorts) ? ", mean over runs" : ""}.`,
      ...limitsSentences(cohorts),
      direction(higherIsBetter),
    ].join(" "),
    notes: [
      ...(hasMeans(cohorts) ? [intervalNote] : []),
      {
        term: "Lines of the best so far",
        words: `the best value on the search split within the limits; a run that ended early stays at its last value. Dashed lines are controls, dotted levels are references; lines that lie on each other show the marks of each in turn.${bands}`,
      },
      {
        term: `Upright axis of the best so far on ${id}`,
        words: `begins near the lowest mean after ${from} evaluations.`,
      },
    ],
    data: curves.flatMap(({ cohort, points }) =>
      points.map(
        ({ evaluation, mean: value, interval }): DataRow => ({
          search: cohort.label,
          evaluation,
          mean: value,
          low: interval.low,
          high: interval.high,
        }),
      ),
    ),
    svg,
    narrow,
  };
}

// --- internal ---

function direction(higherIsBetter: boolean): string {
  return higherIsBetter ? "Higher is better." : "Lower is better.";
}

/** Every evaluation at first, where much happens, then evenly to the last. */
function evaluationsShown(budget: number): number[] {
  const dense = Math.min(budget, mostPlaces / 2);
  const rest = Math.min(mostPlaces / 2, budget - dense);
  const first = Array.from({ length: dense }, (_, index) => index + 1);
  return [
    ...first,
    ...Array.from({ length: rest }, (_, index) =>
      Math.round(dense + ((index + 1) * (budget - dense)) / rest),
    ),
  ];
}

/** Only where every run that finds anything has found something: a mean over fewer would jump. */
function pointsOf({ outcomes }: ComparedCohort, places: readonly number[]): Point[] {
  const finding = outcomes.filter(({ last }) => last.best !== null);
  return places.flatMap((evaluation) => {
    const values = finding.flatMap((outcome) => stepAfter(outcome, evaluation)?.best ?? []);
    const middle = mean(values);
    if (middle === null || values.length < finding.length) return [];
    return [{ evaluation, mean: middle, interval: bootstrapMean(values) }];
  });
}
