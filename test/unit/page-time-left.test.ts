/** How long the page of a run says that it may still take. */
import { expect, test } from "vitest";
import { secondsLeft } from "../../src/dashboard/page/time-left.ts";
import { timeLeftWords } from "../../src/dashboard/page/status-words.ts";
import type { StatusMessage } from "../../src/dashboard/protocol.ts";
import type { Condition } from "../../src/runs/shown-runs.ts";
import type { RunState } from "../../src/search/state.ts";
import { reportedRun } from "../support/reported-runs.ts";

/** Ten evaluations in two rounds; each event a second after the one before. */
function runOfTen(search: Parameters<typeof reportedRun>[1] = {}): RunState {
  return reportedRun(
    Array.from({ length: 10 }, (_, at) => at),
    { ends: false, ...search },
  ).state;
}

const status = (condition: Condition): StatusMessage => ({
  condition,
  isSteerable: true,
  trouble: null,
  isRestart: false,
  lastSeq: 1,
});

test("what is left takes as long for each evaluation as what was made", () => {
  // 1 + 2 × (proposed + 5 measured + closed) = 15 events: 14 s for 10 evaluations.
  expect(secondsLeft(runOfTen({ search: { budget: 20 } }))).toBeCloseTo(14);
  expect(secondsLeft(runOfTen({ search: { budget: 110 } }))).toBeCloseTo(140);
});

test("rounds may end it sooner than the budget", () => {
  expect(secondsLeft(runOfTen({ search: { budget: 1_000, rounds: 3 } }))).toBeCloseTo(7);
});

test("it is never more than the cap on time leaves", () => {
  expect(secondsLeft(runOfTen({ search: { budget: 1_000, caps: { seconds: 20 } } }))).toBeCloseTo(6);
});

test("nothing is said before the first result and after the end", () => {
  expect(secondsLeft(reportedRun([], { ends: false, search: { budget: 10 } }).state)).toBeNull();
  expect(secondsLeft(reportedRun([1, 2, 3]).state)).toBeNull();
});

test("it is said as an estimate, and only of a run that goes on", () => {
  expect(timeLeftWords(140, status("running"))).toBe("about 2 min");
  expect(timeLeftWords(14, status("paused"))).toBe("about 14 s of work");
  for (const condition of ["stopped", "finished", "damaged"] as const)
    expect(timeLeftWords(140, status(condition))).toBeNull();
});
