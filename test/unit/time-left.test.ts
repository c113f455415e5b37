/** How long a search still takes: model time by rounds, evaluation time by evaluations. Every round here has five. */
import { expect, test } from "vitest";
import type { RunState } from "../../src/search/state.ts";
import { secondsLeft } from "../../src/search/time-left.ts";
import { secondsLeft as leftOnPage } from "../../src/dashboard/page/time-left.ts";
import { reportedRun } from "../support/reported-runs.ts";

const five = [1, 2, 3, 4, 5];

/** A run of whole rounds, one call a round, which took `chats` seconds. */
function run(rounds: number, budget: number, chats: readonly number[], search: object = {}): RunState {
  return reportedRun(Array(rounds).fill(five).flat(), {
    ends: false,
    search: { budget, ...search },
    replies: chats.map((seconds) => ({ seconds })),
  }).state;
}

/** Takes the outcomes of the last round's candidates back, but for the first `done`. */
function underWay(state: RunState, done: number): RunState {
  const rounds = state.rounds.map((round, at, all) =>
    at < all.length - 1
      ? round
      : {
          ...round,
          closed: false,
          candidates: round.candidates.map((each, place) =>
            place < done ? each : { ...each, outcome: null },
          ),
        },
  );
  return { ...state, rounds };
}

test("the first evaluation of a round does not bear the model's whole time", () => {
  // 100 s for the model, one evaluation of 2 s: not 99 times 102 s, which would be 2.8 h.
  expect(secondsLeft(underWay(run(1, 100, [100]), 1), 2)).toBe(99 * 2 + 19 * 100);
});

test("a first call that loads the model counts no more once there is another", () => {
  expect(secondsLeft(run(1, 60, [240]), 1)).toBe(55 + 11 * 240);
  expect(secondsLeft(run(2, 60, [240, 6]), 1)).toBe(50 + 10 * 6);
  expect(secondsLeft(run(3, 60, [240, 6, 8]), 1)).toBe(45 + 9 * 7);
});

test("a call for a round that has no proposal yet is no round of its own", () => {
  expect(secondsLeft(run(2, 60, [9, 9, 9]), 0)).toBe(10 * 9);
});

test("evaluations from the store take nothing, and leave the time of the model", () => {
  expect(secondsLeft(run(2, 60, [3, 3]), 0)).toBe(10 * 3);
  expect(secondsLeft(run(2, 60, []), 0)).toBe(0);
});

test("a budget that is nearly over needs no further round, and one that is over nothing", () => {
  expect(secondsLeft(underWay(run(2, 10, [30, 30]), 3), 2)).toBe(2 * 2);
  expect(secondsLeft(underWay(run(2, 10, [30, 30]), 3), 2, 0.5)).toBe(3);
  expect(secondsLeft(underWay(run(2, 11, [30, 30]), 3), 2)).toBe(3 * 2 + 30);
  expect(secondsLeft(run(2, 10, [30, 30]), 2)).toBe(0);
});

test("the last round and the cap on time may come first", () => {
  expect(secondsLeft(run(2, 1_000, [30, 30], { rounds: 3 }), 2)).toBe(5 * 2 + 30);
  expect(secondsLeft(underWay(run(2, 1_000, [30, 30], { rounds: 2 }), 1), 2)).toBe(4 * 2);
  // 1 + 2 rounds of 7 events and 2 calls: 16 s worked.
  expect(secondsLeft(run(2, 1_000, [30, 30], { caps: { seconds: 20 } }), 2)).toBe(4);
});

test("nothing is known before the first proposal", () => {
  expect(secondsLeft(run(0, 10, []), 1)).toBeNull();
});

test("on the page, what was no time of a model is that of the evaluations", () => {
  // 16 s worked, 6 of them by the model: 1 s for each of ten evaluations, so many at a time as they were.
  expect(leftOnPage(run(2, 60, [3, 3]))).toBe(50 * 1 + 10 * 3);
});
