/**
 * The tables of results and of progress: every search with its numbers, and how many runs a number is of.
 */
import { describe, expect, it } from "vitest";
import type { Reference } from "../../src/report/bench-record.ts";
import { wordsOf } from "../../src/report/exhibit.ts";
import { tablesOf } from "../../src/report/tables.ts";
import { tinySpace } from "../support/run-events.ts";
import { type Entry, lost, players, row, studyOf, table } from "../support/written-studies.ts";

describe("the results", () => {
  const reference: Reference = {
    space: "tiny",
    optimum: { search: 91, test: 89.5 },
    printed: [
      {
        label: "Method",
        source: "a paper",
        search: { mean: 90.5, sd: 0.25 },
        test: { mean: 94.37, sd: null },
      },
      { label: "Other", source: "a paper", search: null, test: { mean: 90, sd: 1 } },
    ],
  };
  const study = studyOf(
    [
      {
        label: "ours",
        scores: [
          [85, 90],
          [90, 91],
          [89, 90.5],
        ],
        tests: "oracle",
        testOf: (at) => [88, 87][at] ?? 0,
      },
      {
        label: "chance",
        isControl: true,
        scores: [
          [80, null],
          [null, null],
          [82, 81],
        ],
      },
    ],
    { references: [reference], lost: [lost("ours"), lost("gone")] },
  );
  const results = table(study, "results-tiny");

  it("hold both protocols of the test side by side, and every count", () => {
    expect(row(results, 0)).toEqual({
      Search: "ours",
      Runs: "3 of 4",
      "Search value": "90.50 ± 0.50",
      Median: "90.50",
      "95 % interval": "90.00 to 91.00",
      "Test of the picked": "87.00 ± 0.00",
      "Best test seen": "88.00 ± 0.00",
      "Test as printed": "–",
      "At the optimum": "1 of 3 (6 to 79 %)",
      "Evaluations to 90.50": "2, 2 of 3 reached",
      Evaluations: "2",
    });
  });

  it("say of how many runs a number is, and leave open what nobody measured", () => {
    expect(row(results, 1)).toMatchObject({
      Search: "chance (control)",
      Runs: "3",
      "Search value": "81.00 ± 1.41 (2 of 3)",
      "Test of the picked": "80.00 ± 1.41 (2 of 3)",
      "Best test seen": "–",
      "At the optimum": "0 of 3 (0 to 56 %)",
      "Evaluations to 90.50": "0 of 3 reached",
    });
  });

  it("show a search all of whose runs were lost", () => {
    expect(row(results, 2)).toMatchObject({
      Search: "gone",
      Runs: "0 of 1",
      "Search value": "–",
      Evaluations: "–",
    });
    expect(results.caption).toContain("6 of 8 planned runs are counted");
  });

  it("count the runs that ended with nothing to use", () => {
    const caption = (count: number) => {
      const scores = [0, 1, 2].map((seed) => (seed < count ? [null, null] : [80, 81]));
      return table(studyOf([{ label: "a", scores }]), "results-tiny").caption;
    };
    const counted = [0, 1, 2].map(
      (count) => /(\d) of them ended without a usable winner/.exec(caption(count))?.[1],
    );
    expect(counted).toEqual([undefined, "1", "2"]);
  });

  it("hold the printed rows apart from both protocols, and the optimum", () => {
    expect(row(results, 3)).toMatchObject({
      Search: "Method, as printed (a paper; protocol not stated)",
      "Search value": "90.50 ± 0.25",
      "Test of the picked": "–",
      "Best test seen": "–",
      "Test as printed": "94.37",
    });
    expect(row(results, 4)).toMatchObject({ "Search value": "–", "Test as printed": "90.00 ± 1.00" });
    expect(row(results, 5)).toMatchObject({
      Search: "optimum of the whole space",
      "Search value": "91.00",
      "Test of the picked": "–",
      "Best test seen": "89.50",
    });
    expect(results.rows).toHaveLength(6);
  });

  it("have the numbers behind them, a line a row, with the same columns in each", () => {
    expect(results.data).toHaveLength(6);
    expect(new Set(results.data.map((each) => Object.keys(each).join()))).toHaveProperty("size", 1);
    expect(results.data[1]).toMatchObject({
      search: "chance",
      kind: "control",
      runs: 3,
      planned: 3,
      search_count: 2,
      search_mean: 81,
      search_sd: Math.SQRT2,
      at_optimum: 0,
      reached: 0,
      evaluations_to_reach_median: null,
    });
    expect(results.data.map(({ kind }) => kind)).toEqual([
      "search",
      "control",
      "search",
      "printed",
      "printed",
      "optimum",
    ]);
  });

  it("leave out columns that no row could fill", () => {
    const noTest = { ...tinySpace, splits: [{ name: "search", meaning: "" }] };
    const plain = table(
      studyOf([{ label: "ours", scores: [[80]], started: { space: noTest }, tests: "none" }]),
      "results-tiny",
    );
    expect(plain.columns.map(({ name }) => name)).toEqual(["Search", "Runs", "Search value", "Evaluations"]);
    const twice = table(studyOf([{ label: "ours", scores: [[80], [81]] }]), "results-tiny");
    expect(twice.columns.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["Median", "95 % interval"]),
    );
  });

  it("take the lowest for the best where lower is better", () => {
    const space = {
      ...tinySpace,
      metrics: [{ name: "error", unit: "%", meaning: "", higherIsBetter: false }],
    };
    const errors = studyOf(
      [
        {
          label: "ours",
          scores: [
            [20, 10],
            [12, 11],
          ],
          started: { space },
          tests: "oracle",
          testOf: (at) => [7, 9][at] ?? 0,
        },
      ],
      {
        references: [
          {
            space: "tiny",
            optimum: { search: 10, test: 7 },
            printed: [{ label: "Method", source: "a paper", search: { mean: 11.5, sd: null }, test: null }],
          },
        ],
      },
    );
    expect(row(table(errors, "results-tiny"), 0)).toMatchObject({
      "Search value": "10.50 ± 0.71",
      "Test of the picked": "9.00 ± 0.00",
      "Best test seen": "7.00 ± 0.00",
      "At the optimum": "1 of 2 (9 to 91 %)",
      "Evaluations to 11.50": "2",
    });
    expect(wordsOf(table(errors, "results-tiny"))).toContain("error (%, lower is better)");
  });

  it("say what limits held and where the test split is not apart", () => {
    const space = { ...tinySpace, splits: tinySpace.splits.map((split) => ({ ...split, data: "the same" })) };
    const limited = studyOf([
      { label: "ours", scores: [[80]], search: { limits: { flops_m: 300 } }, started: { space } },
    ]);
    const caption = wordsOf(table(limited, "results-tiny"));
    expect(caption).toContain("Limits: flops_m at most 300 M.");
    expect(caption).toContain("uses the same images as its search split");
  });

  it("count calls and tokens of those who asked models, where the server told", () => {
    const asked = { started: { models: players }, replies: [{}, { inputTokens: null, outputTokens: null }] };
    const spent = table(
      studyOf([
        { label: "told", scores: [[80]], ...asked, replies: [{}, {}] },
        { label: "half told", scores: [[80], [81]], ...asked },
        { label: "untold", scores: [[80]], ...asked, replies: [{ inputTokens: null, outputTokens: null }] },
        { label: "chance", isControl: true, scores: [[80]] },
      ]),
      "results-tiny",
    );
    const cells = (name: string) => spent.rows.map((_, at) => row(spent, at)[name]);
    expect(cells("Calls")).toEqual(["2", "2", "1", "–"]);
    expect(cells("Tokens in + out")).toEqual(["2,000 + 200", "1,000 + 100", "–", "–"]);
  });

  it("give no mean of tokens that leaves out a run whose server did not tell", () => {
    const study = studyOf([
      { label: "mixed", scores: [[80], [81]], started: { models: players }, replies: [{}] },
    ]);
    for (const { reply } of study.cohorts[0]?.runs[1]?.state.chats ?? [])
      Object.assign(reply, { inputTokens: null, outputTokens: null });
    expect(row(table(study, "results-tiny"), 0)).toMatchObject({ Calls: "1", "Tokens in + out": "–" });
    expect(row(table(study, "spend-tiny"), 0)).toMatchObject({ Calls: "1 / 2", "Tokens in": "–" });
  });
});

describe("progress", () => {
  /** The best after k evaluations is 59 + k. */
  const rising = Array.from({ length: 25 }, (_, at) => 60 + at);

  it("is the best after each checkpoint and at each budget; who ended early stands as it ended", () => {
    const { columns, rows, data } = table(
      studyOf([
        { label: "long", scores: [rising, rising.slice(0, 12)], search: { budget: 25 } },
        { label: "short", scores: [rising.slice(0, 15)] },
      ]),
      "progress-search-tiny",
    );
    expect(columns.map(({ name }) => name)).toEqual([
      "Search",
      "After 10",
      "After 15",
      "After 20",
      "After 25",
    ]);
    expect(rows).toEqual([
      ["long", "69.00 ± 0.00", "72.50 ± 2.12", "75.00 ± 5.66", "77.50 ± 9.19"],
      ["short", "69.00", "74.00", "–", "–"],
    ]);
    expect(data[0]).toMatchObject({ after_20_count: 2, after_20_mean: 75 });
    expect(data[1]).toMatchObject({ after_20_count: 0, after_20_mean: null, after_20_sd: null });
  });

  it("gives a test value only where it is known of every run's pick", () => {
    const entries: Entry[] = [
      { label: "asked", scores: [rising, rising], tests: "oracle" },
      { label: "unasked", scores: [rising, [...rising.slice(0, 9), 99, 61]], search: { budget: 25 } },
    ];
    expect(table(studyOf(entries), "progress-test-tiny").rows).toEqual([
      ["asked", "68.00 ± 0.00", "78.00 ± 0.00", "83.00 ± 0.00"],
      // Of one of the two the pick after 10 is the winner, whose test is known; a mean over it alone would mislead.
      // What is picked in the end is tested, whatever the budget is.
      ["unasked", "–", "–", "90.50 ± 10.61"],
    ]);
    const untested = studyOf([{ label: "unasked", scores: [rising], tests: "none" }]);
    const ids = tablesOf(untested).map(({ id }) => id);
    expect(ids).toContain("progress-search-tiny");
    expect(ids).not.toContain("progress-test-tiny");
  });
});
