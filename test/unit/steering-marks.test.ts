/** What a person did to a run shows wherever the run is told of, and keeps it out of a bench's averages. */
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { Worker } from "../../src/app/held-run.ts";
import { LiveView } from "../../src/cli/live-view.ts";
import { summarize } from "../../src/app/summary.ts";
import { summaryLines } from "../../src/cli/summary.ts";
import { cohortsOf, type ReportedRun } from "../../src/report/study.ts";
import type { EventBody, RunEvent, StopReason } from "../../src/search/events.ts";
import { applyEvent } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { reportedRun } from "../support/reported-runs.ts";
import { inFile } from "../support/streams.ts";

/** A run that something more is recorded of. */
function further(run: ReportedRun, ...bodies: readonly EventBody[]): ReportedRun {
  const { state } = run;
  for (const body of bodies) applyEvent(state, { v: 1, seq: state.seq + 1, at: state.lastAt, ...body });
  return run;
}

const hint = (text: string): EventBody => ({ type: "hint-given", round: 1, text });

const seeded = (seed: number, folder: string, ...bodies: readonly EventBody[]) =>
  further(reportedRun([80, 90], { folder, search: { seed } }), ...bodies);

describe("a report", () => {
  it("keeps hinted runs in a cohort of their own", () => {
    const runs = [
      seeded(0, "a"),
      seeded(1, "b"),
      seeded(0, "c", hint("one"), hint("two")),
      seeded(1, "d", hint("one")),
    ];
    const cohorts = cohortsOf(runs).map(({ label, runs: members }) => [
      label,
      members.map(({ folder }) => folder),
    ]);
    expect(cohorts).toEqual([
      ["collm", ["a", "b"]],
      ["collm, hinted", ["c", "d"]],
    ]);
  });

  it("of a bench leaves hinted runs out of what is averaged, and says why", () => {
    const runs = [seeded(0, "a"), seeded(1, "b", hint("one")), seeded(2, "c", hint("one"), hint("two"))];
    const named = new Map(runs.map(({ folder }) => [folder, { label: "mine", isControl: false }]));
    const [cohort, ...others] = cohortsOf(runs, named);
    expect(others).toEqual([]);
    expect(cohort?.label).toBe("mine");
    expect(cohort?.runs.map(({ folder }) => folder)).toEqual(["a"]);
    expect(cohort?.lost).toEqual([
      { folder: "b", reason: "a person gave it 1 hint" },
      { folder: "c", reason: "a person gave it 2 hints" },
    ]);
  });

  it("counts a run that was only paused as any other", () => {
    const runs = [
      seeded(0, "a", { type: "run-paused", round: 1 }, { type: "run-continued", round: 1 }),
      seeded(1, "b"),
    ];
    const named = new Map(runs.map(({ folder }) => [folder, { label: "mine", isControl: false }]));
    for (const [cohort] of [cohortsOf(runs), cohortsOf(runs, named)])
      expect([cohort?.runs.length, cohort?.lost.length]).toEqual([2, 0]);
  });
});

describe("the summary of a run", () => {
  it("counts a person's hints, and says nothing of them where there are none", () => {
    const plain = reportedRun([null]).state;
    const { state } = further(reportedRun([null]), hint("one"));
    expect(summarize(state, "runs/mine").hints).toBe(1);
    expect(summarize(plain, "runs/mine")).not.toHaveProperty("hints");
    expect(summaryLines(state, "runs/mine", "collm-nas").join("\n")).toMatch(/^Hints +1 hint by a person$/m);
    expect(summaryLines(plain, "runs/mine", "collm-nas").join("\n")).not.toContain("Hints");
  });

  const open = () => reportedRun([null], { ends: false }).state;
  const paused = () => further(reportedRun([null], { ends: false }), { type: "run-paused", round: 1 }).state;
  const ended = (reason: StopReason) => ({ ...reportedRun([null]).state, ended: reason });
  const resume = "collm-nas resume runs/mine";
  const onward = "collm-nas steer runs/mine resume";
  const watch = "collm-nas watch runs/mine";

  it.each<[what: string, state: () => RunState, worker: Worker, ending: string, named: string[]]>([
    ["paused", paused, "steerable", "not finished: paused (", [onward, watch]],
    ["paused elsewhere", paused, "out-of-reach", "not finished: paused (", [watch]],
    ["stopped during a pause", paused, "nobody", "not finished: stopped during a pause (", [resume]],
    ["under way", open, "steerable", "not finished: still running (", [watch]],
    ["under way elsewhere", open, "out-of-reach", "not finished: still running (", [watch]],
    ["stopped", open, "nobody", "not finished: stopped (", [resume]],
    ["ended, its winner being tested", () => ended("budget"), "steerable", "the budget is spent (", [watch]],
    ["ended", () => ended("budget"), "nobody", "the budget is spent (", [`${resume} --budget 2`]],
  ])("names for a run that is %s what brings it on, and no command that its lock refuses", (...row) => {
    const [, state, worker, ending, named] = row;
    const lines = inFile(summaryLines(state(), "runs/mine", "collm-nas", worker));
    expect(lines.find((line) => line.startsWith("Ended"))).toContain(ending);
    const commands = lines.flatMap(
      (line) => /collm-nas (?:resume|steer|watch) .*?(?= {2}#)/.exec(line) ?? [],
    );
    expect(commands).toEqual(named);
  });
});

describe("the view of a run under way", () => {
  it("says what a person had it do, without the escape codes of a hint", () => {
    let written = "";
    const out = new PassThrough().on("data", (bytes: Buffer) => (written += bytes.toString()));
    const view = new LiveView(out);
    const { state } = reportedRun([80], { ends: false });
    const happen = (body: EventBody) =>
      view.observe({
        kind: "recorded",
        event: { v: 1, seq: 1, at: state.lastAt, ...body } as RunEvent,
        state,
      });
    happen({ type: "run-paused", round: 2 });
    happen({ type: "hint-given", round: 3, text: "look \u001b[2Jthere" });
    happen({ type: "run-continued", round: 2 });
    view.end();
    expect(written).toMatch(/^paused; continue with: \S*collm-nas steer test-run resume$/m);
    expect(written).toMatch(/^a hint by a person, sent .* of round 3: look \[2Jthere$/m);
    expect(written).toMatch(/^continued after the pause$/m);
  });
});
