/** What the page of a run says of how it stands and what to do next. */
import { expect, test } from "vitest";
import { nextStep, noWinnerYet, roundsWords, settingsWords } from "../../src/dashboard/page/status-words.ts";
import type { StatusMessage } from "../../src/dashboard/protocol.ts";
import type { Condition } from "../../src/runs/shown-runs.ts";
import { reportedRun } from "../support/reported-runs.ts";

const status = (condition: Condition, trouble: string | null = null): StatusMessage => ({
  condition,
  isSteerable: false,
  trouble,
  isRestart: false,
  lastSeq: 1,
});
const ended = reportedRun([1, 2, 3]).state;
const unfinished = reportedRun([1, 2, 3], { ends: false, search: { budget: 10 } }).state;

test("a stopped run is resumed in its own folder, quoted for a shell", () => {
  expect(nextStep(unfinished, status("stopped"), "my runs/it's")?.commands).toEqual([
    "collm-nas resume 'my runs/it'\\''s'",
  ]);
});

test("a paused run is let go on, a running one needs nothing", () => {
  expect(nextStep(unfinished, status("paused"), "runs/a")?.commands).toEqual([
    "collm-nas steer runs/a resume",
  ]);
  expect(nextStep(unfinished, status("running"), "runs/a")).toBeNull();
});

test("one whose budget is spent can go on with more of it, and be checked", () => {
  expect(nextStep(ended, status("finished"), "runs/a")?.commands).toEqual([
    "collm-nas resume runs/a --budget 6",
    "collm-nas replay runs/a",
  ]);
});

test("what is wrong with a record is told in its own words, whatever the run does", () => {
  const next = nextStep(unfinished, status("running", "line 7 is no JSON."), "runs/a");
  expect(next?.words).toContain("line 7 is no JSON.");
});

test("as long as the folder is not known no command is made up", () => {
  expect(nextStep(unfinished, status("stopped"), null)?.commands).toEqual([]);
});

test("rounds are counted with the one under way and the most there can be", () => {
  expect(roundsWords(unfinished, status("running"))).toBe("1 closed");
  const { state } = reportedRun([1], { ends: false, search: { rounds: 4 } });
  state.rounds.push({ round: 2, strategy: null, candidates: [], closed: false });
  expect(roundsWords(state, status("running"))).toBe("1 closed, round 2 under way, at most 4");
  expect(roundsWords(state, status("stopped"))).toBe("1 closed, round 2 not closed, at most 4");
});

test("where there is no winner yet, it says what is awaited", () => {
  const models = { navigator: "m", generator: "m" };
  const search = { budget: 10 };
  const [asked, drawn] = [models, null].map(
    (players) => reportedRun([], { ends: false, search, started: { models: players } }).state,
  );
  expect(asked && noWinnerYet(asked, status("running"))).toContain("Navigator is being asked");
  expect(drawn && noWinnerYet(drawn, status("running"))).toContain("candidates are being drawn");
  // Nobody asks for anything where no process works on it.
  expect(asked && noWinnerYet(asked, status("stopped"))).toBe(
    "It stopped before the first strategy was set.",
  );
});

test("the head of the page names the roles' players, the seed, the limit with its unit, and hints", () => {
  const models = { navigator: "big", generator: "small" };
  const { state } = reportedRun([1], {
    started: { models },
    search: { seed: 7, limits: { flops_m: 600 }, target: 95, blind: true },
  });
  state.hints.push({ round: 1, text: "x", at: "" });
  expect(settingsWords(state)).toEqual([
    "space tiny",
    "searcher collm",
    "roles: big and small",
    "seed 7",
    "flops_m at most 600 M",
    "target 95 %",
    "blind to the space's names",
    "1 hint from a person",
  ]);
});
