/** How the figures of a report are drawn: axes, lines, marks, labels, colours and the thinning of points. */
import fc from "fast-check";
import { parseHTML } from "linkedom";
import { beforeAll, describe, expect, it } from "vitest";
import { shortened, thinned } from "../../src/report/figures/canvas.ts";
import { sharedPoints, spread } from "../../src/report/figures/lines.ts";
import { seriesColours, stepColours } from "../../src/report/figures/colours.ts";
import { figuresOf } from "../../src/report/figures/figures.ts";
import { darkSeriesColours, darkStepColours, themes } from "../../src/report/page-style.ts";
import { principalComponents } from "../../src/report/projection.ts";
import type { ReportedRun, RunName, Study } from "../../src/report/study.ts";
import { contrast } from "../support/browser.ts";
import { studyOf } from "../support/searched-runs.ts";
import { figureOf, scored, searchedStudy, subjectOf } from "../support/searched-study.ts";

let study: Study;

let runs: readonly ReportedRun[];

beforeAll(async () => {
  ({ runs, study } = await searchedStudy());
});

describe("a projection", () => {
  const rows = [
    [1, 0, 0, 1],
    [0, 1, 0, 1],
    [0, 1, 1, 0],
    [1, 0, 1, 0],
    [1, 0, 1, 0],
  ];

  it("is the same for the same rows in any order", () => {
    const { points } = principalComponents(rows);
    const reversed = principalComponents(rows.toReversed()).points.toReversed();
    for (const [index, [x, y]] of points.entries()) {
      expect(reversed[index]?.[0]).toBeCloseTo(x, 9);
      expect(reversed[index]?.[1]).toBeCloseTo(y, 9);
    }
  });

  it("keeps the distances of what lies in a plane", () => {
    const { points, explained } = principalComponents(rows);
    const distance = (one: readonly number[], other: readonly number[]) =>
      Math.hypot(...one.map((value, at) => value - (other[at] as number)));
    for (const [one, first] of rows.entries())
      for (const [other, second] of rows.entries())
        expect(distance(points[one] as [number, number], points[other] as [number, number])).toBeCloseTo(
          distance(first, second),
          9,
        );
    expect(explained[0] + explained[1]).toBeCloseTo(1);
    expect(explained[0]).toBeGreaterThan(explained[1]);
  });

  it("points its axes to where what weighs most is larger", () => {
    const row = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(row, { minLength: 4, maxLength: 10 }), (all) => {
        const { points } = principalComponents(all);
        for (const axis of [0, 1] as const) {
          const along = [0, 1, 2].map((column) =>
            all.reduce(
              (total, each, index) => total + (each[column] as number) * (points[index]?.[axis] as number),
              0,
            ),
          );
          const [low, high] = [Math.min(...along), Math.max(...along)];
          expect(high).toBeGreaterThanOrEqual(-low - 1e-6 * Math.abs(low) - 1e-9);
        }
      }),
    );
  });

  it("of rows along a line has nothing on its second axis", () => {
    const { points, explained } = principalComponents(
      [0, 1, 2, 3].map((at) => [at * 1.1, at * 2.3, at * -0.7]),
    );
    expect(points.map(([, y]) => y)).toEqual([0, 0, 0, 0]);
    expect(explained).toEqual([1, 0]);
  });

  it("of rows that are all the same is one point", () => {
    expect(
      principalComponents([
        [1, 0],
        [1, 0],
      ]),
    ).toEqual({
      points: [
        [0, 0],
        [0, 0],
      ],
      explained: [0, 0],
    });
    expect(principalComponents([])).toEqual({ points: [], explained: [0, 0] });
  });
});

describe("the lines of a figure", () => {
  const textsIn = (svg: string) =>
    [...parseHTML(svg).document.querySelectorAll("text")].map(({ textContent }) => textContent);
  const long = ["collm (a model of some length), named", "collm (a model of some length), blind"];
  const named = (labels: readonly string[]) => {
    const all = labels.flatMap((label) =>
      scored(label, [
        [50, 60, 70],
        [40, 50, 60],
      ]),
    );
    const names = new Map(
      all.map(({ folder, state }): [string, RunName] => [
        folder,
        { label: state.search.searcher, isControl: false },
      ]),
    );
    return studyOf(all, { named: names });
  };

  it.each(["curves-tiny", "rounds-tiny"])("of %s have their whole names, on narrow screens too", (id) => {
    const figure = figureOf(named(long), id);
    for (const svg of [figure.svg, figure.narrow ?? ""])
      expect(textsIn(svg)).toEqual(expect.arrayContaining(id === "rounds-tiny" ? long.slice(0, 1) : long));
    const widthOf = (svg: string) => Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1]);
    expect(widthOf(figure.narrow ?? "")).toBeLessThanOrEqual(390);
    // What stands beside the lines has its room: no letter is wider than a square of its height.
    const shortest = figureOf(named(["a", "b"]), id);
    expect(widthOf(figure.svg)).toBeGreaterThan(widthOf(shortest.svg));
  });

  it("that lie on each other are told apart by marks of each, and others need none", () => {
    const marks = (labels: readonly string[]) =>
      (figureOf(named(labels), "curves-tiny").svg.match(/aria-label="dot"/g) ?? []).length;
    // Each line has a mark at its end; of lines on each other each has a group of marks more.
    expect(marks(["a"])).toBe(1);
    expect(marks(["a", "b"])).toBe(4);
  });

  it("are found to share their points exactly where they do", () => {
    const line = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), (lines) => {
        const points = lines.map((values) => values.map((y, x) => ({ x, y })));
        const found = sharedPoints(points, (point) => point, 0.5);
        for (const [index, own] of found.entries()) {
          const alike = (x: number, others: readonly number[][]) =>
            others.filter((values) => values[x] === lines[index]?.[x]).length;
          for (const { item, before, after } of own) {
            expect(before).toBe(alike(item.x, lines.slice(0, index)));
            expect(after).toBe(alike(item.x, lines.slice(index + 1)));
          }
          const shared = (lines[index] ?? []).filter((_, x) => alike(x, lines) > 1);
          expect(own).toHaveLength(shared.length);
        }
      }),
    );
  });

  it("have whole numbers of rounds below them", () => {
    const { svg, narrow } = figureOf(study, "rounds-tiny");
    for (const drawn of [svg, narrow ?? ""]) {
      const [, ticks = ""] = /aria-label="x-axis tick label">(.*?)<\/g>/.exec(drawn) ?? [];
      const numbers = [...ticks.matchAll(/>(\d+)</g)].map(([, text]) => text);
      expect(numbers.length).toBeGreaterThan(1);
      expect(new Set(numbers).size).toBe(numbers.length);
    }
  });
});

describe("a drawing", () => {
  const hostile = `</text><script>alert(1)</script>"'&amp;<img src=x onerror=alert(2)>`;

  it("is one SVG element that acts and loads nothing, whatever labels say", () => {
    const named = new Map(
      runs.map(({ folder, state }) => [
        folder,
        { label: `${state.search.searcher} ${hostile}`, isControl: state.search.searcher === "random" },
      ]),
    );
    const figures = figuresOf(subjectOf(studyOf(runs, { named })));
    expect(figures.map(({ id }) => id)).toEqual([
      "curves-tiny",
      "rounds-tiny",
      "cost-tiny",
      "funnel-by-round-tiny",
      "choices-1-tiny",
      "map-tiny",
    ]);
    for (const { svg } of figures) {
      const { document } = parseHTML(`<html><body>${svg}</body></html>`);
      expect([...document.body.children].map(({ tagName }) => tagName.toLowerCase())).toEqual(["svg"]);
      const elements = [...document.querySelectorAll("*")];
      expect(
        elements.filter(({ tagName }) => /script|style|img|foreignobject|use|image|^a$/i.test(tagName)),
      ).toEqual([]);
      const attributes = elements.flatMap((element) => [...element.attributes].map(({ name }) => name));
      expect(attributes.filter((name) => /^on|href|^style$/i.test(name))).toEqual([]);
      const root = document.querySelector("svg");
      expect(root?.getAttribute("role")).toBe("img");
      expect(root?.getAttribute("aria-label")).toMatch(/^[A-Z][a-z ]+: .+\.$/s);
    }
    expect(figures[0]?.svg).toContain("ror=alert(2)&gt;</text>");
  });

  it("is the same every time", () => {
    expect(figuresOf(subjectOf(study))).toEqual(figuresOf(subjectOf(study)));
  });

  it("can be read in both themes", () => {
    for (const colour of seriesColours)
      expect(contrast(colour, themes.light.paper), colour).toBeGreaterThan(4.5);
    for (const colour of stepColours) expect(contrast(colour, themes.light.paper), colour).toBeGreaterThan(3);
    for (const colour of [...darkSeriesColours, ...darkStepColours])
      expect(contrast(colour, themes.dark.paper), colour).toBeGreaterThan(4.5);
    expect(darkSeriesColours).toHaveLength(seriesColours.length);
    expect(darkStepColours).toHaveLength(stepColours.length);
    for (const { paper, wash, ink, faint, link } of Object.values(themes))
      for (const text of [ink, faint, link])
        for (const behind of [paper, wash]) expect(contrast(text, behind)).toBeGreaterThan(4.5);
  });
});

describe("labels", () => {
  it("are moved apart within bounds, in their order, and no further than needed", () => {
    const wanted = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(wanted, (places) => {
        const moved = spread(places, 5, 0, 100);
        const order = places
          .map((_, index) => index)
          .sort((one, other) => (moved[one] as number) - (moved[other] as number));
        for (const [rank, index] of order.entries()) {
          expect(moved[index]).toBeGreaterThanOrEqual(-1e-9);
          expect(moved[index]).toBeLessThanOrEqual(100 + 1e-9);
          const next = order[rank + 1];
          if (next === undefined) continue;
          expect((moved[next] as number) - (moved[index] as number)).toBeGreaterThanOrEqual(5 - 1e-9);
          expect(places[next] as number).toBeGreaterThanOrEqual(places[index] as number);
        }
      }),
    );
    expect(spread([10, 50, 90], 5, 0, 100)).toEqual([10, 50, 90]);
    expect(spread([50, 50], 10, 0, 100)).toEqual([45, 55]);
  });

  it("keep both ends when they are cut", () => {
    expect(shortened("short", 10)).toBe("short");
    const [one, other] = ["collm (a model), blind true", "collm (a model), blind false"].map((label) =>
      shortened(label, 20),
    );
    expect(one).toMatch(/^collm.*…/);
    expect(one).not.toBe(other);
    expect(one).toHaveLength(20);
  });
});

it("thinning keeps order, ends at the most, and leaves few alone", () => {
  const items = Array.from({ length: 1_001 }, (_, index) => index);
  const few = thinned(items, 100);
  expect(few).toHaveLength(100);
  expect(few[0]).toBe(0);
  expect([...few]).toEqual([...few].sort((one, other) => one - other));
  expect(thinned([1, 2], 100)).toEqual([1, 2]);
});
