/**
 * Cost against value of what was evaluated, with the limit and the Pareto front.
 *
 * It draws the limited cost, else the first, and thins out points where there are too many.
 */
import * as Plot from "@observablehq/plot";
import { errorOf } from "../../search/noise.ts";
import { evaluations, valueOf } from "../../search/results.ts";
import type { Candidate } from "../../search/state.ts";
import { type ComparedCohort, nameOf } from "../comparison.ts";
import type { DataRow, Figure } from "../exhibit.ts";
import { draw, extent, keyHeight, type Look, shortened, thinned } from "./canvas.ts";
import type { Subject } from "./subject.ts";
import { quantile } from "../statistics.ts";
import { amount, unitSign } from "../../text/numbers.ts";
import { listed } from "../../text/words.ts";
import { ownNames } from "../own-names.ts";
import type { ReportedRun } from "../study.ts";

const mostPoints = 2_000;

interface Point {
  readonly cohort: ComparedCohort;
  readonly run: ReportedRun;
  readonly candidate: Candidate;
  readonly text: string;
  readonly cost: number;
  readonly value: number;
  /** Its standard error; null: not known. */
  readonly error: number | null;
}

/** A scatter of the searches shown in detail; null where the space has no cost or nothing was evaluated. */
export function costFigure({ space, detailed, looks, choice, linkOf }: Subject): Figure | null {
  const { id, slug, objective, higherIsBetter } = space;
  const limits = detailed.flatMap(({ runs }) => runs.map(({ state }) => state.search.limits));
  const costs = space.space?.costs ?? [];
  const cost = costs.find(({ name }) => limits.some((limit) => limit[name] !== undefined)) ?? costs[0];
  if (cost === undefined) return null;
  const points = detailed.flatMap((cohort) => pointsOf(cohort, cost.name));
  if (points.length === 0) return null;
  const front = paretoFront(points, higherIsBetter);
  const shown = [...new Set([...thinned(points, mostPoints - front.length), ...front])];
  const ordered = points.map(({ value }) => value);
  const [worst, best] = higherIsBetter
    ? [quantile(ordered, 0.05) as number, Math.max(...ordered)]
    : [quantile(ordered, 0.95) as number, Math.min(...ordered)];
  const y = extent([worst, best]);
  const inside = shown.filter(({ value }) => value >= y[0] && value <= y[1]);
  const beyond = points.filter(({ value }) => value < y[0] || value > y[1]).length;
  const limit = [...new Set(limits.flatMap((each) => each[cost.name] ?? []))];
  const x = extent([...inside.map((point) => point.cost), ...limit]);
  const lookOf = (cohort: ComparedCohort) => looks.get(cohort.label) as Look;
  const key = detailed.map((cohort) => ({
    text: shortened(nameOf(cohort), 60),
    colour: lookOf(cohort).colour,
    symbol: lookOf(cohort).symbol,
  }));
  const unit = cost.unit === "" ? "" : ` (${cost.unit})`;
  const isOneRun = detailed.flatMap(({ runs }) => runs).length === 1;
  const origin = ({ cohort, run }: Point) =>
    isOneRun ? "" : `${nameOf(cohort)}, seed ${run.state.search.seed}, `;
  const figureId = `cost-${slug}`;
  const svg = draw({
    id: figureId,
    hasLinks: linkOf !== undefined,
    label: `Scatter plot: ${objective} against ${cost.name} of architectures evaluated on ${id} by ${listed(detailed.map(nameOf))}, with the Pareto front.`,
    key,
    keyTop: 20,
    height: 400 + keyHeight(key),
    marginLeft: 62,
    marginRight: 20,
    marginTop: 32 + keyHeight(key),
    marginBottom: 44,
    x: { domain: x, label: `${cost.name}${unit}`, labelAnchor: "center", labelArrow: "none", ticks: 8 },
    y: { domain: y, label: objective, labelArrow: "none", ticks: 6, grid: true },
    marks: [
      ...detailed.map((cohort) =>
        Plot.dot(
          inside.filter((point) => point.cohort === cohort),
          {
            x: "cost",
            y: "value",
            stroke: lookOf(cohort).colour,
            strokeOpacity: 0.55,
            symbol: lookOf(cohort).symbol,
            r: 2.4,
          },
        ),
      ),
      Plot.line(front, {
        x: "cost",
        y: "value",
        curve: "step-after",
        stroke: "currentColor",
        strokeWidth: 1.25,
        clip: true,
      }),
      ...limit.map((value) => Plot.ruleX([value], { stroke: "currentColor", strokeDasharray: "5 4" })),
      ...limit.map((value) => {
        const isRight = value > (x[0] + x[1]) / 2;
        return Plot.text([0], {
          x: [value],
          frameAnchor: "bottom",
          text: [`limit ${amount(value)}`],
          textAnchor: isRight ? "end" : "start",
          dx: isRight ? -5 : 5,
          dy: -6,
        });
      }),
      // Nothing to be seen, large enough to be pointed at, the better ones on top.
      ...(linkOf === undefined
        ? []
        : [
            Plot.dot(inside, {
              x: "cost",
              y: "value",
              r: 5,
              sort: { channel: "y", order: higherIsBetter ? "ascending" : "descending" },
              fill: "transparent",
              href: ({ run, candidate }: Point) => linkOf(run, candidate),
              title: (point: Point) => `${origin(point)}${titleOf(point, cost, space)}`,
            }),
          ]),
    ],
  });
  return {
    id: figureId,
    title: `Cost and value of what was evaluated on ${id}`,
    caption: [
      "Each mark is an architecture that was evaluated; the line is their Pareto front.",
      ...(shown.length < points.length
        ? [
            `Of ${amount(points.length)} architectures ${amount(shown.length)} are shown, evenly picked, the front kept whole.`,
          ]
        : []),
      ...(beyond > 0 ? [`${amount(beyond)} of the worst values lie beyond the axis.`] : []),
      choice,
    ].join(" "),
    notes: [
      {
        term: "Pareto front",
        words: "the architectures that nothing evaluated beats in both: none costs less and is better.",
      },
      {
        term: "Mark by cost and value",
        words: "by the value on the search split; what several runs of a search evaluated is shown once.",
      },
    ],
    data: shown.map(
      (point): DataRow => ({
        search: point.cohort.label,
        [cost.name]: point.cost,
        value: point.value,
        on_front: front.includes(point) ? 1 : 0,
        architecture: front.includes(point) ? point.text : null,
      }),
    ),
    svg,
  };
}

/** What nothing beats in both cost and value, by rising cost. */
export function paretoFront<Item extends Pick<Point, "cost" | "value">>(
  points: readonly Item[],
  higherIsBetter: boolean,
): Item[] {
  const sign = higherIsBetter ? 1 : -1;
  const order = points.toSorted(
    (first, second) => first.cost - second.cost || sign * (second.value - first.value),
  );
  const front: Item[] = [];
  for (const point of order) {
    const last = front.at(-1);
    if (last === undefined || sign * (point.value - last.value) > 0) front.push(point);
  }
  return front;
}

// --- internal ---

/** The place of a point and its numbers: "round 3, candidate 2: 93.1 %, 45 M". */
function titleOf(
  { candidate: { round, index }, value, error, cost: paid }: Point,
  cost: { readonly unit: string },
  { space, decimals }: Subject["space"],
): string {
  const unit = space?.metrics[0]?.unit ?? "";
  const numbers = [
    `${withUnit(value.toFixed(decimals), unit)}${error === null ? "" : ` ± ${error.toFixed(decimals)}`}`,
    withUnit(String(Number(paid.toPrecision(4))), cost.unit),
  ];
  return `round ${round}, candidate ${index + 1}: ${numbers.join(", ")}`;
}

function withUnit(number: string, unit: string): string {
  return unit === "" ? number : `${number} ${unitSign(unit)}`;
}

function pointsOf(cohort: ComparedCohort, cost: string): Point[] {
  const found = new Map<string, Point>();
  for (const run of cohort.runs) {
    const { state } = run;
    const open = ownNames(state) ?? ((text: string) => text);
    for (const { candidate, measured, outcome } of evaluations(state)) {
      const text = open(measured.text);
      const [paid, value] = [measured.costs[cost], valueOf(state, outcome)];
      if (paid === undefined || value === null || found.has(text)) continue;
      const error = errorOf(state, outcome);
      found.set(text, { cohort, run, candidate, text, cost: paid, value, error });
    }
  }
  return [...found.values()];
}
