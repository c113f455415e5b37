/** What the figures of a report show: the numbers behind them, and what is chosen. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { bestRun, comparedSpaces, representative } from "../../src/report/comparison.ts";
import { type DataRow, wordsOf } from "../../src/report/exhibit.ts";
import type { Subject } from "../../src/report/figures/subject.ts";
import { roundResults } from "../../src/report/outcome.ts";
import { strategyTables } from "../../src/report/strategy-table.ts";
import { foundArchitectures } from "../../src/report/winners.ts";
import { paretoFront } from "../../src/report/figures/cost.ts";
import { figuresOf } from "../../src/report/figures/figures.ts";
import { repliesTables } from "../../src/report/replies-table.ts";
import type { ReportedRun, Study } from "../../src/report/study.ts";
import { funnel } from "../../src/search/funnel.ts";
import { evaluations } from "../../src/search/results.ts";
import { evolution } from "../../src/searchers/evolution.ts";
import { reportedRun } from "../support/reported-runs.ts";
import { searchedRun, studyOf } from "../support/searched-runs.ts";
import { figureOf, scored, searchedStudy, seeds, subjectOf } from "../support/searched-study.ts";
import { tinyBest } from "../support/tiny-space.ts";

let study: Study;

let runs: readonly ReportedRun[];

let blindRuns: readonly ReportedRun[];

beforeAll(async () => {
  ({ runs, study } = await searchedStudy());
  blindRuns = await Promise.all(seeds.map((seed) => searchedRun(evolution, { seed, blind: true })));
});

function sum(rows: readonly DataRow[], column: string): number {
  return rows.reduce((total, row) => total + Number(row[column]), 0);
}

describe("curves", () => {
  it("average the best so far over runs, and carry an early end on", () => {
    const { data } = figureOf(studyOf(scored("one", [[50, 40, 60], [70]])), "curves-tiny");
    expect(data.map(({ evaluation, mean }) => [evaluation, mean])).toEqual([
      [1, 60],
      [2, 60],
      [3, 65],
    ]);
    expect(data[0]).toMatchObject({ search: "one", low: 50, high: 70 });
  });

  it("begin where every run that finds anything has found something", () => {
    const { data } = figureOf(
      studyOf(
        scored("one", [
          [null, 50, 60],
          [10, 20, 30],
          [null, null, null],
        ]),
      ),
      "curves-tiny",
    );
    expect(data.map(({ evaluation, mean }) => [evaluation, mean])).toEqual([
      [2, 35],
      [3, 45],
    ]);
  });

  it("go down where lower is better", () => {
    const { data, caption } = figureOf(studyOf(scored("one", [[50, 60, 40]], true)), "curves-tiny");
    expect(data.map(({ mean }) => mean)).toEqual([50, 50, 40]);
    expect(caption).toContain("Lower is better");
  });

  it("show the optimum and what is printed beside every search by name", () => {
    const references = [
      {
        space: "tiny",
        optimum: { search: 97.25, test: null },
        printed: [{ label: "Theirs", source: "x", search: { mean: 96.5, sd: null }, test: null }],
      },
    ];
    const { svg } = figureOf({ ...study, references }, "curves-tiny");
    for (const text of ["optimum 97.25", "Theirs printed 96.50", "collm", "random (control)", "evolution"])
      expect(svg).toContain(`>${text}</text>`);
  });
});

it("rounds show where the best of each round stands, gain counts from the best before", () => {
  const [run] = scored("one", [[50, 40, 45, 30, 20, 48, 10, 55, 1, 2, 60]]) as [ReportedRun];
  expect(roundResults(run.state)).toEqual([
    { round: 1, evaluated: 5, best: 50, gain: null },
    { round: 2, evaluated: 5, best: 55, gain: 5 },
    { round: 3, evaluated: 1, best: 60, gain: 5 },
  ]);
  const worse = scored("one", [[50, 40, 45, 30, 20, 48]])[0] as ReportedRun;
  expect(roundResults(worse.state)[1]).toMatchObject({ best: 48, gain: -2 });
  const { data } = figureOf(studyOf([run]), "rounds-tiny");
  expect(data.map(({ mean }) => mean)).toEqual([50, 55, 60]);
});

it("a round over the limit brings nothing", () => {
  const run = reportedRun([50, 90], { flops: [10, 30], search: { limits: { flops_m: 20 } } });
  expect(roundResults(run.state)[0]).toMatchObject({ evaluated: 2, best: 50 });
});

describe("cost and value", () => {
  it("have a front that nothing beats in both", () => {
    const points = fc.array(
      fc.record({ cost: fc.integer({ max: 9, min: 0 }), value: fc.integer({ max: 9, min: 0 }) }),
      {
        minLength: 1,
      },
    );
    fc.assert(
      fc.property(points, fc.boolean(), (all, higherIsBetter) => {
        const front = paretoFront(all, higherIsBetter);
        const isBetter = (one: number, other: number) => (higherIsBetter ? one > other : one < other);
        const beats = (one: (typeof all)[number], other: (typeof all)[number]) =>
          one.cost <= other.cost &&
          !isBetter(other.value, one.value) &&
          (one.cost < other.cost || isBetter(one.value, other.value));
        for (const point of all) {
          const isBeaten = all.some((other) => beats(other, point));
          const isShown = front.some(({ cost, value }) => cost === point.cost && value === point.value);
          expect(isShown).toBe(!isBeaten);
        }
      }),
    );
  });

  it("are thinned evenly, with the front kept whole and said so", () => {
    const many = Array.from({ length: 2_500 }, (_, at) => (at * 7919) % 2_500);
    const flops = many.map((_, at) => 1 + ((at * 104_729) % 2_503));
    const run = reportedRun(many, { flops, search: { searcher: "one" } });
    const { data, caption, svg } = figureOf(studyOf([run]), "cost-tiny");
    expect(data.length).toBeLessThanOrEqual(2_000);
    expect(data.length).toBeGreaterThan(1_900);
    expect(caption).toContain("Of 2,500 architectures");
    const front = paretoFront(
      many.map((value, at) => ({ value, cost: flops[at] as number })),
      true,
    );
    expect(data.filter(({ on_front }) => on_front === 1)).toHaveLength(front.length);
    expect(svg.length).toBeLessThan(400_000);
  });

  it("are left out where the space has no cost", () => {
    const [run] = scored("one", [[1, 2]]) as [ReportedRun];
    const space = { ...run.state.space, costs: [] };
    const without = studyOf([{ ...run, state: { ...run.state, space } }]);
    expect(figuresOf(subjectOf(without)).map(({ id }) => id)).not.toContain("cost-tiny");
  });

  it("show the limit", () => {
    const run = reportedRun([50, 90], { flops: [10, 30], search: { limits: { flops_m: 20 } } });
    expect(figureOf(studyOf([run]), "cost-tiny").svg).toContain(">limit 20</text>");
  });
});

it("the funnel counts every candidate once", () => {
  const { data } = figureOf(study, "funnel-by-round-tiny");
  const own = runs.filter(({ state }) => state.search.searcher === "collm");
  const proposed = own.reduce((total, { state }) => total + funnel(state).proposed, 0);
  expect(
    sum(
      data.filter(({ search }) => search === "collm"),
      "per_run",
    ) * own.length,
  ).toBeCloseTo(proposed);
});

describe("choices", () => {
  it("have shares that add up slot by slot and round by round", () => {
    const { data } = figureOf(study, "choices-1-tiny");
    const keys = new Set(data.map(({ slot, round }) => `${slot} ${round}`));
    expect(keys.size).toBeGreaterThan(6);
    for (const key of keys)
      expect(
        sum(
          data.filter(({ slot, round }) => `${slot} ${round}` === key),
          "share",
        ),
      ).toBeCloseTo(1);
    const depth = data.filter(({ slot, round }) => slot === "depth[0]: stage 1" && round === 1);
    const evaluated = runs
      .filter(({ state }) => state.search.searcher === "collm")
      .flatMap(({ state }) => evaluations(state).filter(({ candidate }) => candidate.round === 1));
    expect(depth.map(({ choice }) => choice)).toEqual(["1", "2"]);
    expect(sum(depth, "count")).toBe(evaluated.length);
    const ones = evaluated.filter(({ measured }) => measured.text.startsWith('{"depth":[1,'));
    expect(depth[0]?.["count"]).toBe(ones.length);
  });

  it("stand under the space's own names where the search was blind to them", () => {
    const { data } = figureOf(studyOf(blindRuns), "choices-1-tiny");
    expect(new Set(data.map(({ slot }) => slot))).toContain("depth[0]: stage 1");
    const sighted = new Set(
      data.filter(({ slot }) => `${slot}`.startsWith("width")).map(({ choice }) => choice),
    );
    expect(sighted).toEqual(new Set(["16", "24", "32"]));
    expect(
      sum(
        data.filter(({ slot }) => slot === "depth[0]: stage 1"),
        "count",
      ),
    ).toBe(blindRuns.reduce((total, { state }) => total + evaluations(state).length, 0));
  });
});

it("what a blind search found is told in the space's own names, with a command that evaluates it", () => {
  const [space] = comparedSpaces(studyOf(blindRuns));
  const found = foundArchitectures(space as NonNullable<typeof space>);
  expect(found).toHaveLength(1);
  expect(found[0]?.text).toMatch(/^\{"depth":\[\d,\d\],"width":\[/);
  expect(found[0]?.command).toBe(`collm-nas evaluate '${found[0]?.text}' --space tiny`);
});

it("an architecture that several searches found is told once, with all of them", () => {
  const [space] = comparedSpaces(study);
  const found = foundArchitectures(space as NonNullable<typeof space>);
  expect(new Set(found.map(({ text }) => text)).size).toBe(found.length);
  expect(found.flatMap(({ finders }) => finders.map(({ label }) => label)).sort()).toEqual([
    "collm",
    "evolution",
    "random",
  ]);
  const optimum = found.find(({ text }) => text === tinyBest);
  expect(optimum?.search ?? 0).toBeGreaterThan(94);
});

it("the map marks the winner of the median run of each search", () => {
  const map = figureOf(study, "map-tiny");
  const { data } = map;
  const winners = data.filter(({ winner }) => winner === 1);
  expect(winners.map(({ search }) => search)).toEqual(["collm", "random"]);
  for (const winner of winners) {
    const own = data.filter(({ search }) => search === winner["search"]);
    expect(winner["value"]).toBe(Math.max(...own.map(({ value }) => Number(value))));
  }
  expect(wordsOf(map)).toMatch(/median of each search by final value \(collm seed \d, random seed \d\)/);
});

describe("what is shown in detail", () => {
  it("is what has a strategy and the strongest control", () => {
    const { detailed, choice } = subjectOf(study);
    expect(detailed.map(({ label }) => label)).toEqual(["collm", "random"]);
    expect(choice).toBe("Of 3 searches the figure shows those with a strategy and the strongest control.");
  });

  it("is the best search and a control where none has a strategy", () => {
    const all = [...scored("a", [[1], [2]]), ...scored("b", [[5], [6]]), ...scored("c", [[3], [3]])];
    const named = new Map([
      ["c/0", { label: "c", isControl: true }],
      ["c/1", { label: "c", isControl: true }],
    ]);
    expect(subjectOf(studyOf(all, { named })).detailed.map(({ label }) => label)).toEqual(["b", "c"]);
    const lower = [...scored("a", [[1], [2]], true), ...scored("b", [[5], [6]], true)];
    expect(subjectOf(studyOf(lower)).detailed.map(({ label }) => label)).toEqual(["a", "b"]);
  });

  it("is the lower median of an even number of runs, and the best run by the objective's direction", () => {
    const cohortOf = (all: readonly ReportedRun[]) =>
      subjectOf(studyOf(all)).cohorts[0] as Subject["cohorts"][number];
    const cohort = cohortOf(scored("a", [[4], [1], [3], [2]]));
    expect(representative(cohort).folder).toBe("a/3");
    expect(bestRun(cohort, true)?.outcome.seed).toBe(0);
    expect(bestRun(cohort, false)?.outcome.seed).toBe(1);
  });
});

it("replies are counted role by role, and round by round in the data", () => {
  const replies = [{ inputTokens: null }, { failures: ["refused", "broken off"] }, {}];
  const { folder, state } = reportedRun([1, 2], { replies, search: { searcher: "asking" } });
  const chats = state.chats.map((call, index) => ({
    ...call,
    role: index === 2 ? ("generator" as const) : call.role,
    rejected: index === 1 ? ["no list"] : null,
  }));
  const asking = { folder, state: { ...state, chats } };
  const [space] = comparedSpaces(studyOf([asking, ...scored("mute", [[1]])]));
  const [table] = repliesTables(space as NonNullable<typeof space>);
  expect(table?.rows).toEqual([
    ["asking", "navigator", "m", "2", "1", "2", "1,000", "200", "6"],
    ["asking", "generator", "m", "1", "0", "0", "1,000", "100", "3"],
  ]);
  expect(table?.data.map(({ role, round, replies: count }) => [role, round, count])).toEqual([
    ["navigator", 1, 1],
    ["navigator", 2, 1],
    ["generator", 3, 1],
  ]);
  const [silent] = comparedSpaces(studyOf(scored("mute", [[1]])));
  expect(repliesTables(silent as NonNullable<typeof silent>)).toEqual([]);
});

it("strategies stand beside what their rounds brought", () => {
  const [table] = strategyTables(subjectOf(study));
  expect(table?.title).toBe("Strategies of collm on tiny, round by round");
  expect(table?.rows[0]).toEqual([
    "1",
    expect.stringMatching(/\w/),
    expect.any(String),
    expect.stringMatching(/^\d/),
    "–",
  ]);
  expect(table?.data[0]).toMatchObject({ search: "collm", round: 1, gain: null });
});
