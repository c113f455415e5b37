/**
 * The list of runs as the page shows it: what a filter leaves, in which order, and the addresses that lead from it.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Line, nameWithin, shownLines } from "../../src/dashboard/page/bench-lines.ts";
import { hrefOf, parseRoute, type Route, withoutToken } from "../../src/dashboard/page/router.ts";
import {
  columns,
  type Filter,
  firstOrder,
  type Order,
  orderAfter,
  shownRows,
} from "../../src/dashboard/page/run-table.ts";
import { ageWords, exactTime } from "../../src/text/durations.ts";
import type { BenchRow, RunRow } from "../../src/runs/shown-runs.ts";

const all = { words: "", condition: null };

function row(id: string, values: Partial<RunRow> = {}): RunRow {
  return {
    id,
    condition: "finished",
    trouble: null,
    space: "tiny",
    spaceDigest: "d",
    searcher: "random",
    model: null,
    seed: 0,
    isBlind: false,
    known: 0,
    hints: 0,
    limits: {},
    metric: { name: "accuracy", unit: "percent", higherIsBetter: true },
    best: 90,
    evaluations: 100,
    budget: 100,
    rounds: 5,
    tokens: null,
    usd: null,
    startedAt: "2026-01-01T00:00:00.000Z",
    lastAt: "2026-01-01T01:00:00.000Z",
    ended: "budget",
    ...values,
  };
}

function shown(rows: readonly RunRow[], order: Order, filter = {}): string[] {
  return shownRows(rows, { ...all, ...filter }, order).map(({ id }) => id);
}

describe("the order of runs", () => {
  test("is the newest first until a reader chooses another", () => {
    const rows = [
      row("old", { startedAt: "2026-01-01T00:00:00.000Z" }),
      row("new", { startedAt: "2026-03-01T00:00:00.000Z" }),
      row("middle", { startedAt: "2026-02-01T00:00:00.000Z" }),
    ];
    expect(shown(rows, firstOrder)).toEqual(["new", "middle", "old"]);
  });

  test("begins with the better value, whichever direction is better", () => {
    const higher = [row("good", { best: 93 }), row("bad", { best: 9 })];
    const metric = { name: "loss", unit: "", higherIsBetter: false };
    const lower = [row("good", { best: 0.1, metric }), row("bad", { best: 2, metric })];
    const order = orderAfter(firstOrder, "best");
    expect(shown(higher.toReversed(), order)).toEqual(["good", "bad"]);
    expect(shown(lower.toReversed(), order)).toEqual(["good", "bad"]);
  });

  test("keeps a run without the value at the end, either way", () => {
    const rows = [row("none", { best: null }), row("low", { best: 1 }), row("high", { best: 2 })];
    expect(shown(rows, { by: "best", isAscending: true })).toEqual(["low", "high", "none"]);
    expect(shown(rows, { by: "best", isAscending: false })).toEqual(["high", "low", "none"]);
  });

  test("counts numbers within names as numbers", () => {
    const rows = ["seed-10", "seed-9", "seed-1"].map((id) => row(id));
    expect(shown(rows, { by: "run", isAscending: true })).toEqual(["seed-1", "seed-9", "seed-10"]);
  });

  test("shows what goes on before what is over", () => {
    const rows = [
      row("over"),
      row("broken", { condition: "damaged" }),
      row("waiting", { condition: "paused" }),
      row("working", { condition: "running" }),
    ];
    expect(shown(rows, { by: "state", isAscending: true })).toEqual(["working", "waiting", "broken", "over"]);
  });

  test("turns round when the same head is pressed again, and begins anew with another", () => {
    const byTokens = orderAfter(firstOrder, "tokens");
    expect(byTokens).toEqual({ by: "tokens", isAscending: false });
    expect(orderAfter(byTokens, "tokens")).toEqual({ by: "tokens", isAscending: true });
    expect(orderAfter(byTokens, "searcher")).toEqual({ by: "searcher", isAscending: true });
  });

  test("loses no run and is the same however the runs came in, for every column and both directions", () => {
    const anyRow = fc.record({
      id: fc.string({ minLength: 1, maxLength: 3 }),
      best: fc.option(fc.double({ noNaN: true })),
      tokens: fc.option(fc.nat()),
      model: fc.option(fc.string()),
      startedAt: fc.constantFrom("", "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"),
      condition: fc.constantFrom("running", "paused", "stopped", "finished", "damaged"),
    });
    const rows = fc.uniqueArray(anyRow, { selector: ({ id }) => id });
    fc.assert(
      fc.property(
        rows,
        fc.constantFrom(...columns.map(({ key }) => key)),
        fc.boolean(),
        (values, by, isAscending) => {
          const given = values.map(({ id, ...rest }) => row(id, rest as Partial<RunRow>));
          const ordered = shown(given, { by, isAscending });
          expect(ordered.toSorted()).toEqual(given.map(({ id }) => id).toSorted());
          // Ids that a reader takes for the same may stand either way round.
          const collator = new Intl.Collator("en", { numeric: true });
          const isDistinct = given.every(({ id }, at) =>
            given.every(({ id: other }, place) => at === place || collator.compare(id, other) !== 0),
          );
          if (isDistinct) expect(shown(given.toReversed(), { by, isAscending })).toEqual(ordered);
        },
      ),
    );
  });
});

describe("a filter", () => {
  const rows = [
    row("bench/qwen-1", { model: "Qwen3-8B", searcher: "collm", space: "nasbench201-cifar100" }),
    row("bench/random-1", { space: "nasbench201-cifar100", condition: "running" }),
    row("other/one", { space: "spos" }),
  ];

  test("leaves what has every word in its id, space, searcher or model, whatever the letter case", () => {
    expect(shown(rows, firstOrder, { words: "QWEN cifar" })).toEqual(["bench/qwen-1"]);
    expect(shown(rows, firstOrder, { words: " random " })).toEqual(["bench/random-1", "other/one"]);
    expect(shown(rows, firstOrder, { words: "qwen spos" })).toEqual([]);
  });

  test("leaves the runs of one state", () => {
    expect(shown(rows, firstOrder, { condition: "running" })).toEqual(["bench/random-1"]);
    expect(shown(rows, firstOrder, { words: "spos", condition: "running" })).toEqual([]);
  });
});

describe("a bench in the list", () => {
  const bench = (id: string, values: Partial<BenchRow> = {}): BenchRow => ({
    id,
    title: "Cells, compared",
    planned: 3,
    failed: 0,
    trouble: null,
    ...values,
  });
  const members = [
    row("b/runs/cells/random/seed0", { space: "cells", tokens: null, evaluations: 10, budget: 20 }),
    row("b/runs/cells/collm/seed0", { space: "cells", searcher: "collm", model: "m", tokens: 5, usd: 0.5 }),
    row("b/runs/maps/random/seed1", { space: "maps", condition: "stopped", evaluations: 30 }),
  ];
  const rows = [row("alone"), row("bb/other"), ...members];
  const lines = (filter: Partial<Filter> = {}, benches = [bench("b")], order = firstOrder) =>
    shownLines(rows, benches, { ...all, ...filter }, order);
  const ids = (shownAs: readonly Line[]) =>
    shownAs.map((line) =>
      line.kind === "run" ? line.row.id : [line.bench.id, ...line.runs.map(({ id }) => id).toSorted()],
    );

  test("is one line that holds its runs, and those alone", () => {
    expect(ids(lines({}, [bench("b")], { by: "run", isAscending: true }))).toEqual([
      "alone",
      ["b", ...members.map(({ id }) => id).toSorted()],
      "bb/other",
    ]);
    const [line] = lines().filter(({ kind }) => kind === "bench");
    expect(line).toMatchObject({
      begun: 3,
      finished: 2,
      row: {
        condition: "stopped",
        space: "2 spaces",
        searcher: "2 searchers",
        model: "m",
        best: null,
        evaluations: 140,
        budget: 220,
        tokens: 5,
        usd: 0.5,
      },
    });
  });

  test("holds every run where it is the folder that is shown, and a run lies in the innermost of two", () => {
    expect(ids(lines({}, [bench(".")]))).toEqual([[".", ...rows.map(({ id }) => id).toSorted()]]);
    expect(ids(lines({}, [bench("."), bench("b")], { by: "run", isAscending: true }))).toEqual([
      [".", "alone", "bb/other"],
      ["b", ...members.map(({ id }) => id).toSorted()],
    ]);
  });

  test("stands with what a filter leaves of it, found by its title too, and not where that is nothing", () => {
    expect(ids(lines({ words: "maps" }))).toEqual([["b", "b/runs/maps/random/seed1"]]);
    expect(ids(lines({ condition: "stopped" }))).toEqual([["b", "b/runs/maps/random/seed1"]]);
    expect(ids(lines({ words: "compared collm" }))).toEqual([["b", "b/runs/cells/collm/seed0"]]);
    expect(ids(lines({ words: "alone" }))).toEqual(["alone"]);
  });

  test("that has not begun, or whose record is none, is a line all the same", () => {
    const [line] = shownLines([], [bench("b")], all, firstOrder);
    expect(line).toMatchObject({ row: { condition: "stopped" }, begun: 0, finished: 0, runs: [] });
    expect(ids(lines({}, [bench("b", { trouble: "no record", planned: 0 })]))).toHaveLength(3);
  });

  test.each([
    [{ planned: 3 }, ["finished", "finished", "finished"], "finished"],
    [{ planned: 4 }, ["finished", "finished", "finished"], "stopped"],
    [{ planned: 4, failed: 1 }, ["finished", "finished", "finished"], "finished"],
    [{ planned: 3 }, ["finished", "running", "damaged"], "running"],
    [{ planned: 3 }, ["finished", "paused", "damaged"], "paused"],
    [{ planned: 3 }, ["finished", "finished", "damaged"], "damaged"],
    [{ planned: 3 }, ["finished", "stopped", "finished"], "stopped"],
  ] as const)("of %o with runs that are %j is %s", (values, conditions, condition) => {
    const runs = conditions.map((each, at) => row(`b/${at}`, { condition: each }));
    const [line] = shownLines(runs, [bench("b", values)], all, firstOrder);
    expect(line?.row.condition).toBe(condition);
  });

  test("names its runs by their folders below it", () => {
    expect(nameWithin(bench("b"), "b/runs/cells/random/seed0")).toBe("cells/random/seed0");
    expect(nameWithin(bench("."), "runs/cells/random/seed0")).toBe("cells/random/seed0");
    expect(nameWithin(bench("x/b"), "x/b/elsewhere")).toBe("elsewhere");
  });

  test("loses no run, whatever the folders are called", () => {
    const path = fc.array(fc.constantFrom("a", "b", "runs", "a b"), { minLength: 1, maxLength: 4 });
    const paths = fc.uniqueArray(path.map((parts) => parts.join("/")));
    fc.assert(
      fc.property(paths, paths, fc.constantFrom(...columns.map(({ key }) => key)), (runs, found, by) => {
        const given = runs.map((id) => row(id));
        const list = shownLines(
          given,
          found.map((id) => bench(id)),
          all,
          { by, isAscending: true },
        );
        const told = list.flatMap((line) => (line.kind === "run" ? [line.row] : line.runs));
        expect(told.map(({ id }) => id).toSorted()).toEqual(runs.toSorted());
      }),
    );
  });
});

describe("an address", () => {
  const anyId = fc.string({ minLength: 1, unit: "grapheme" });
  const routes: fc.Arbitrary<Route> = fc.oneof(
    fc.constant<Route>({ page: "list" }),
    fc.record({
      page: fc.constant("run" as const),
      id: anyId,
      place: fc.option(
        fc.record({
          round: fc.integer({ min: 1, max: 999 }),
          candidate: fc.option(fc.integer({ min: 1, max: 99 })),
        }),
      ),
    }),
    fc.record({ page: fc.constant("compare" as const), ids: fc.uniqueArray(anyId, { minLength: 1 }) }),
  );

  test("leads to the place it was made for, whatever a run's folder is called", () => {
    fc.assert(
      fc.property(routes, (route) => {
        expect(parseRoute(hrefOf(route))).toEqual(route);
      }),
    );
    expect(hrefOf({ page: "run", id: "bench/a b", place: { round: 3, candidate: 2 } })).toBe(
      "#/run/bench%2Fa%20b/round-3/candidate-2",
    );
  });

  test("that means nothing leads to the list, and one that is badly written breaks nothing", () => {
    for (const fragment of ["", "#", "#/nowhere", "#/run/", "#token"])
      expect(parseRoute(fragment)).toEqual({ page: "list" });
    expect(parseRoute("#/run/%E0%A4%A/round-0")).toEqual({ page: "run", id: "%E0%A4%A", place: null });
    expect(parseRoute("#/compare/a,,a,b")).toEqual({ page: "compare", ids: ["a", "b"] });
  });

  test("hands over its token and is left without it", () => {
    expect(withoutToken("#token=abc-_1")).toEqual({ fragment: "#/", token: "abc-_1" });
    expect(withoutToken("#/run/a%2Fb?token=abc")).toEqual({ fragment: "#/run/a%2Fb", token: "abc" });
    expect(withoutToken("#/run/a")).toEqual({ fragment: "#/run/a", token: null });
    // A run of that name is no token.
    expect(withoutToken("#/run/token=abc")).toEqual({ fragment: "#/run/token=abc", token: null });
  });
});

describe("a time", () => {
  const since = (at: string) => (Date.parse("2026-01-10T12:00:00.000Z") - Date.parse(at)) / 1_000;

  test("is told as coarsely as it is long ago", () => {
    expect(ageWords(since("2026-01-10T11:59:55.400Z"))).toBe("4 s ago");
    expect(ageWords(since("2026-01-10T11:01:00.000Z"))).toBe("59 min ago");
    expect(ageWords(since("2026-01-09T13:00:00.000Z"))).toBe("23 h ago");
    expect(ageWords(since("2025-12-31T12:00:00.000Z"))).toBe("10 days ago");
  });

  test("is never in the future by a clock that is off, and a dash where there is none", () => {
    expect(ageWords(since("2026-01-10T12:00:09.000Z"))).toBe("0 s ago");
    expect(ageWords(since(""))).toBe("–");
    expect(exactTime("2026-01-10T12:00:09.123Z")).toBe("2026-01-10 12:00:09 UTC");
  });
});
