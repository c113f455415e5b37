/**
 * Standard errors from the record to the reader: which results cannot be told from the best, how a score is written, and
 * which searches a space cannot tell apart.
 */
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { recordLines } from "../../src/app/record-lines.ts";
import { summarize } from "../../src/app/summary.ts";
import { LiveView } from "../../src/cli/live-view.ts";
import { summaryLines } from "../../src/cli/summary.ts";
import { candidateWords } from "../../src/dashboard/page/candidate-words.ts";
import { outcomeWords } from "../../src/dashboard/page/event-words.ts";
import { comparedSpaces } from "../../src/report/comparison.ts";
import { studyMarkdown } from "../../src/report/markdown.ts";
import { undecidedOn, undecidedSentence } from "../../src/report/noise.ts";
import { sectionsOf } from "../../src/report/sections.ts";
import type { Study } from "../../src/report/study.ts";
import { type Outcome, readEvent } from "../../src/search/events.ts";
import { isWithinNoise, tiesWithBest } from "../../src/search/noise.ts";
import { best } from "../../src/search/results.ts";
import type { Candidate, RunState } from "../../src/search/state.ts";
import { score } from "../../src/text/numbers.ts";
import { reportedRun, type RunOptions } from "../support/reported-runs.ts";
import { runStarted } from "../support/run-events.ts";
import { folded, stamped } from "../support/short-events.ts";
import { inFile } from "../support/streams.ts";
import { screenOf } from "../support/terminal.ts";
import { type Entry, row, studyOf, table } from "../support/written-studies.ts";

const tiesOf = (state: RunState) => tiesWithBest(state)?.map(({ measured }) => measured.text) ?? null;
/** Different architectures of the space of these runs. */
const textOf = (at: number) => `{"op":["${["none", "skip", "conv"][at]}","conv"],"width":[8]}`;
const runOf = (scores: readonly number[], options: RunOptions) =>
  reportedRun(scores, { textOf, ...options }).state;

describe("a score", () => {
  it.each([
    [94.3258, "percent", 0.3412, "94.3 % ± 0.3"],
    [94.3258, "percent", 0.1463, "94.33 % ± 0.15"],
    [94.3258, "percent", 1.94, "94.3 % ± 1.9"],
    [94.3258, "percent", 2.04, "94.3 % ± 2.0"],
    [94.3258, "percent", 14, "94.3 % ± 14.0"],
    [1432.58, "ms", 14, "1433 ms ± 14"],
    [0.9433, "", 0.02, "0.943 ± 0.020"],
    [0.9433, "", 0.00021, "0.9433 ± 0.0002"],
    [100, "percent", 0, "100.0 % ± 0"],
    [94.3258, "percent", 1e-9, "94.33 % ± 1e-9"],
    [94.3258, "percent", null, "94.33 %"],
    [null, "percent", 0.3, "–"],
  ])("of %s %s with the error %s is %s", (value, unit, error, text) => {
    expect(score(value, unit, error)).toBe(text);
  });
});

describe("ties with the best", () => {
  it("are closer to it than 1.96 standard errors of a difference", () => {
    const [one, other] = [
      { value: 90, error: 3 },
      { value: 80.21, error: 4 },
    ];
    expect(isWithinNoise(one, other)).toBe(true);
    expect(isWithinNoise(other, one)).toBe(true);
    expect(isWithinNoise(one, { ...other, value: 80.19 })).toBe(false);
  });

  it("are measured, within the limits, of known noise, and not the best itself", () => {
    // The limit leaves out the fourth, the noise of the fifth is not known, the sixth failed, the last is too far.
    const scores = [90, 89, 88, 89.5, 89.9, null, 70];
    const { state } = reportedRun(scores, {
      search: { limits: { flops_m: 150 } },
      flops: [100, 100, 100, 200, 100, 100, 100],
      errorOf: (at) => (at === 4 ? undefined : 1),
    });
    expect(tiesOf(state)).toEqual(["|conv~1|", "|conv~2|"]);
    const hidden = reportedRun(scores, { errorOf: (at) => (at === 0 ? undefined : 1) });
    expect(tiesOf(hidden.state)).toBeNull();
    expect(tiesOf(runOf([90, 90], {}))).toBeNull();
  });

  it("may have been known before the search began", () => {
    const known = (text: string, accuracy: number) => ({
      measured: { text, costs: { flops_m: 1 }, equivalenceKey: "" },
      metrics: { accuracy },
      standardErrors: { accuracy: 1 },
    });
    const state = folded([
      runStarted(),
      { type: "results-known", source: "a test", results: [known("a", 90), known("b", 89)] },
    ]);
    expect(best(state)?.text).toBe("a");
    expect(tiesOf(state)).toEqual(["b"]);
  });
});

describe("the record", () => {
  const event = (accuracy: number) => {
    const outcome: Outcome = {
      kind: "measurement",
      metrics: { accuracy: 90 },
      seconds: 1,
      standardErrors: { accuracy },
    };
    return stamped([{ type: "architecture-measured", round: 1, candidate: 0, text: "a", outcome }])[0];
  };

  it.each([-0.1, Number.NaN])("holds no standard error of %s", (accuracy) => {
    expect(readEvent(event(0.5))).toEqual({ ok: true, event: event(0.5) });
    expect(readEvent(event(accuracy))).toMatchObject({ ok: false });
  });
});

describe("a winner", () => {
  const noisy: RunOptions = { errorOf: (_at, split) => (split === "test" ? 0.4 : 0.3) };
  const lines = (scores: readonly number[], options: RunOptions) =>
    inFile(summaryLines(runOf(scores, options), "runs/a", "collm-nas")).map((line) => line.trim());

  it("is printed with its standard errors and the number of ties, in the summary and as an object", () => {
    const scores = [94.32, 93.9, 94.1];
    const text = lines(scores, noisy);
    expect(text).toContain("accuracy 94.3 % ± 0.3  flops_m 100");
    expect(text).toContain("test split: accuracy 93.3 % ± 0.4");
    expect(text).toContain("2 others within noise");
    expect(lines([94.32, 93.9, 80], noisy)).toContain("1 other within noise");
    expect(lines([94.32, 80], noisy).join()).not.toContain("within noise");
    expect(summarize(runOf(scores, noisy), "runs/a").best).toMatchObject({
      standardErrors: { accuracy: 0.3 },
      testStandardErrors: { accuracy: 0.4 },
      withinNoise: 2,
    });
  });

  it("is printed as ever where no standard error is known", () => {
    const text = lines([94.32, 94.31], {});
    expect(text).toContain("accuracy 94.32 %  flops_m 100");
    expect(text.join()).not.toMatch(/±|within noise/);
  });

  it("has them in the lines for a program", () => {
    const shown = { state: runOf([94.32, 93.9], noisy), damage: null, worker: "nobody" as const };
    const [, first, second] = [...recordLines(shown, "runs/a")];
    expect(first).toMatchObject({
      standard_errors: { accuracy: 0.3 },
      test_standard_errors: { accuracy: 0.4 },
    });
    expect(second).toMatchObject({ standard_errors: { accuracy: 0.3 }, test_standard_errors: null });
  });

  it("has them on the page", () => {
    const state = runOf([94.32, 93.9], noisy);
    const candidate = state.rounds[0]?.candidates[0] as Candidate;
    expect(candidateWords(state, candidate)).toMatchObject({ value: 94.32, error: 0.3 });
    expect(outcomeWords(candidate.outcome as Outcome)).toBe("accuracy 94.3 ± 0.3");
  });

  it.each([
    [80, "best 94.3 % ± 0.3"],
    [65, "best 94.32 %  "],
  ])("is in the bar of a terminal of %d columns as far as it fits", async (columns, words) => {
    let written = "";
    const out = new PassThrough().on("data", (bytes: Buffer) => (written += bytes.toString()));
    const terminal = Object.assign(out, { isTTY: true, columns, hasColors: () => false });
    const view = new LiveView(terminal);
    view.begin(runOf([94.32, 93.9], { ...noisy, ends: false, search: { budget: 200 } }));
    const line = () => screenOf(written, columns).find((each) => each.includes("evaluated")) ?? "";
    await expect.poll(() => `${line()}  `).toContain(words);
    view.end();
  });
});

describe("a report", () => {
  const errorOf = (_at: number, split: "search" | "test") => (split === "test" ? 0.42 : 0.31);
  const entry = (label: string, value: number, more: Partial<Entry> = {}): Entry => ({
    label,
    scores: [[value], [value + 1]],
    errorOf,
    ...more,
  });
  const undecided = (study: Study) => {
    const [space] = comparedSpaces(study);
    const found = space === undefined ? null : undecidedOn(space);
    return space === undefined || found === null ? null : undecidedSentence(space, found);
  };

  it("tells the spread over seeds from the noise of one evaluation", () => {
    const study = studyOf([entry("ours", 90), entry("chance", 80)]);
    const { caption, notes = [] } = table(study, "results-tiny");
    expect(caption).toContain(
      "± is the spread over seeds; one evaluation of a winner has a standard error of 0.31 (search) and 0.42 (test).",
    );
    expect(notes.map(({ term }) => term)).toContain("Standard error of one evaluation");
    const winners = table(study, "winners-tiny");
    expect(winners.caption).toContain("± is the standard error of that one evaluation.");
    expect(row(winners, 0)).toMatchObject({ "Search value": "91.00 ± 0.31", Test: "90.00 ± 0.42" });
    expect(winners.data[0]).toMatchObject({ search_standard_error: 0.31, test_standard_error: 0.42 });
    const single = studyOf([entry("ours", 90, { scores: [[90]] })]);
    expect(table(single, "results-tiny").caption).toContain(" One evaluation of a winner has a standard");
  });

  it("says nothing of noise that is not known", () => {
    const study = studyOf([entry("ours", 90, { errorOf: () => undefined })]);
    expect(
      JSON.stringify(sectionsOf(study).map(({ abstract, exhibits }) => [abstract, exhibits])),
    ).not.toMatch(/standard.error|cannot tell/i);
  });

  it("says which searches a space cannot tell apart, by the test of the picked", () => {
    const study = studyOf([entry("a", 90), entry("b", 90.2)]);
    const words =
      "The space tiny cannot tell these two searches apart, even where all seeds agree: by test of the picked their means differ by 0.20, and one pick has a standard error of 0.42.";
    expect(undecided(study)).toBe(words);
    expect(sectionsOf(study)[0]?.abstract).toContain(words);
    expect(studyMarkdown(study)).toContain(words);
    expect(undecided(studyOf([entry("a", 90), entry("b", 90.2), entry("c", 90.4)]))).toBe(
      "The space tiny cannot tell these 3 searches apart, even where all seeds agree: by test of the picked their means differ by at most 0.40, and one pick has a standard error of 0.42.",
    );
    expect(undecided(studyOf([entry("a", 90), entry("b", 90.2), entry("c", 99)]))).toBe(
      "The space tiny cannot tell all of these searches apart, even where all seeds agree: by test of the picked the means of 1 of 3 pairs differ by less than 0.42, the standard error of one pick.",
    );
  });

  it("says it by the search value where no test has a standard error, and not where all are apart", () => {
    const untested = { errorOf: (_at: number, split: string) => (split === "test" ? undefined : 0.3) };
    expect(undecided(studyOf([entry("a", 90, untested), entry("b", 90.1, untested)]))).toContain(
      "by search value their means differ by 0.10, and one pick has a standard error of 0.30.",
    );
    expect(undecided(studyOf([entry("a", 90), entry("b", 91)]))).toBeNull();
    expect(undecided(studyOf([entry("a", 90)]))).toBeNull();
  });
});
