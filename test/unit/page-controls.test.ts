/** Which other runs the page of a run sets it against. */
import { expect, test } from "vitest";
import { firstControls, mostControls, possibleControls } from "../../src/dashboard/page/controls.ts";
import type { RunRow } from "../../src/runs/shown-runs.ts";

function row(id: string, changes: Partial<RunRow> = {}): RunRow {
  return {
    id,
    condition: "finished",
    trouble: null,
    space: "tiny",
    spaceDigest: "d1",
    searcher: "random",
    model: null,
    seed: 0,
    isBlind: false,
    known: 0,
    hints: 0,
    limits: {},
    metric: { name: "accuracy", unit: "%", higherIsBetter: true },
    best: 90,
    evaluations: 10,
    budget: 10,
    rounds: 1,
    tokens: null,
    usd: null,
    startedAt: "2026-01-01T00:00:00Z",
    lastAt: "2026-01-01T00:01:00Z",
    ended: "budget",
    ...changes,
  };
}

const run = row("mine", { searcher: "collm", model: "m", condition: "running", limits: { a: 1, b: 2 } });
const other = (id: string, changes: Partial<RunRow> = {}) => row(id, { limits: { b: 2, a: 1 }, ...changes });
const idsOf = (rows: readonly RunRow[]) => possibleControls(rows, run).map(({ id }) => id);

test("only finished runs of the same data within the same limits, whatever their order", () => {
  expect(
    idsOf([
      run,
      other("fine"),
      other("other-space", { space: "huge", seed: 3 }),
      other("other-data", { spaceDigest: "d2", seed: 4 }),
      other("other-limits", { limits: { a: 1 }, seed: 5 }),
      other("no-end", { condition: "stopped", seed: 1 }),
      other("broken", { condition: "damaged", seed: 2 }),
    ]),
  ).toEqual(["fine"]);
});

test("a run that was given hints is no control", () => {
  expect(idsOf([other("helped", { hints: 1 })])).toEqual([]);
});

test("a run that began with known results is no control", () => {
  expect(idsOf([other("warm", { known: 1 })])).toEqual([]);
});

test("runs without roles come first, then by searcher and seed", () => {
  expect(
    idsOf([
      other("c", { searcher: "collm", model: "another" }),
      other("r10", { seed: 10 }),
      other("e", { searcher: "evolution" }),
      other("r2", { seed: 2 }),
    ]),
  ).toEqual(["e", "r2", "r10", "c"]);
});

test("of runs that look the same the latest is kept, and none that looks as the run itself", () => {
  expect(
    idsOf([
      other("older", { lastAt: "2026-01-01T00:00:00Z" }),
      other("newer", { lastAt: "2026-02-01T00:00:00Z" }),
      other("myself-again", { searcher: "collm", model: "m" }),
    ]),
  ).toEqual(["newer"]);
});

test("at first one of each searcher is shown before a second of any, never more than fit", () => {
  const many = Array.from({ length: 6 }, (_, seed) => other(`r${seed}`, { seed }));
  const possible = possibleControls([...many, other("s", { searcher: "second" })], run);
  const first = firstControls(possible, run);
  expect(first).toHaveLength(mostControls);
  expect(first.slice(0, 2).toSorted()).toEqual(["r0", "s"]);
});

test("at first those of the same budget are shown where there are any", () => {
  const [short, long] = [other("short", { budget: 10 }), other("long", { budget: 500, seed: 1 })];
  expect(firstControls(possibleControls([short, long], run), run)).toEqual(["short"]);
  expect(firstControls(possibleControls([long], run), run)).toEqual(["long"]);
});
