import { describe, expect, it } from "vitest";
import type { Reference } from "../../src/report/bench-record.ts";
import { tablesOf } from "../../src/report/comparison.ts";
import { type DataRow, type Table, wordsOf } from "../../src/report/exhibit.ts";
import {
  cohortsOf,
  type LostCell,
  type ReportedRun,
  type RunName,
  type Study,
} from "../../src/report/study.ts";
import { blindSpace, reveal } from "../../src/search/blind.ts";
import { Space } from "../../src/search/space.ts";
import { type RunOptions, reportedRun } from "../support/reported-runs.ts";
import { tinySpace } from "../support/run-events.ts";

/** Runs of one name, a list of scores for each seed from 0. */
interface Entry extends RunOptions {
  readonly label: string;
  readonly isControl?: boolean;
  readonly scores: readonly (readonly (number | null)[])[];
}

function studyOf(
  entries: readonly Entry[],
  { references = [], lost = [] }: { references?: readonly Reference[]; lost?: readonly LostCell[] } = {},
): Study {
  const named = new Map<string, RunName>();
  const runs = entries.flatMap(({ label, isControl = false, scores, ...options }): ReportedRun[] =>
    scores.map((each, seed, all) => {
      const budget = Math.max(...all.map(({ length }) => length));
      const folder = `runs/${options.started?.space?.id ?? "tiny"}/${label}/seed${seed}`;
      named.set(folder, { label, isControl });
      return reportedRun(each, { ...options, folder, search: { budget, ...options.search, seed } });
    }),
  );
  return {
    title: "A study",
    cohorts: cohortsOf(runs, named, lost),
    references,
    unreadable: [],
    command: "collm-nas report runs",
    benches: [],
    madeAt: "2026-01-01T00:00:00.000Z",
    versions: {},
  };
}

function table(study: Study, id: string): Table {
  const found = tablesOf(study).find((each) => each.id === id);
  if (found === undefined) throw new Error(`there is no table ${id}`);
  return found;
}

/** A row as column name to cell. */
function row({ columns, rows }: Table, at: number): Record<string, string | undefined> {
  return Object.fromEntries(columns.map(({ name }, column) => [name, rows[at]?.[column]]));
}

const lost = (label: string): LostCell => ({
  folder: `x/${label}`,
  label,
  isControl: false,
  space: "tiny",
  reason: "killed",
});
const players = { navigator: "rules", generator: "rules" };

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

  it("is the best after each checkpoint within the budget; who ended early stands as it ended", () => {
    const { columns, rows, data } = table(
      studyOf([
        { label: "long", scores: [rising, rising.slice(0, 12)], search: { budget: 25 } },
        { label: "short", scores: [rising.slice(0, 15)] },
      ]),
      "progress-search-tiny",
    );
    expect(columns.map(({ name }) => name)).toEqual(["Search", "After 10", "After 20"]);
    expect(rows).toEqual([
      ["long", "69.00 ± 0.00", "75.00 ± 5.66"],
      ["short", "69.00", "–"],
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
      ["asked", "68.00 ± 0.00", "78.00 ± 0.00"],
      // Of one of the two the pick after 10 is the winner, whose test is known; a mean over it alone would mislead.
      ["unasked", "–", "–"],
    ]);
    const ids = tablesOf(studyOf([{ label: "unasked", scores: [rising] }])).map(({ id }) => id);
    expect(ids).toContain("progress-search-tiny");
    expect(ids).not.toContain("progress-test-tiny");
  });
});

describe("against the controls", () => {
  const ours = [[90], [90.5], [91], [90.25], [90.75], [90]];
  const chance = [[89], [89.5], [90.5], [89.25], [90.25]];
  const study = studyOf([
    { label: "ours", scores: ours },
    { label: "few", scores: ours.slice(0, 4) },
    { label: "chance", isControl: true, scores: chance },
    { label: "same", isControl: true, scores: ours, testOf: (_, value) => 180 - value },
  ]);

  it("every search is paired with every control by seed, controls with each other once", () => {
    const { rows } = table(study, "controls-search-tiny");
    expect(
      rows.map(([search, against, difference, , pairs, verdict]) => [
        search,
        against,
        difference,
        pairs,
        verdict,
      ]),
    ).toEqual([
      ["ours", "chance", "+0.800", "5", "ahead"],
      ["ours", "same", "0.000", "6", "tie"],
      ["few", "chance", "+0.875", "4", "too few"],
      ["few", "same", "0.000", "4", "too few"],
      ["chance (control)", "same", "-0.800", "5", "behind"],
    ]);
    expect(rows[1]?.[3]).toBe("0.000 to 0.000");
    expect(rows[2]?.[3]).toBe("–");
  });

  it("the test of the picked is compared for itself", () => {
    const [first, second] = table(study, "controls-test-tiny").data;
    expect(first).toMatchObject({ search: "ours", against: "chance", difference: 0.8, verdict: "ahead" });
    expect(second).toMatchObject({ search: "ours", against: "same", pairs: 6, verdict: "tie" });
    expect(second?.["difference"]).toBeCloseTo(2 * (90 + 2.5 / 6) - 181, 10);
  });

  it("a seed without a value on either side is no pair", () => {
    const { data } = table(
      studyOf([
        { label: "ours", scores: [[90], [null], [90]] },
        { label: "chance", isControl: true, scores: [[80], [80], [null]] },
      ]),
      "controls-search-tiny",
    );
    expect(data[0]).toMatchObject({ pairs: 1, difference: 10, verdict: "too few" });
  });

  it("no common seed is said where there is not one pair, and why a table has nothing but dashes", () => {
    const apart = (chance: readonly (number | null)[]) =>
      table(
        studyOf([
          { label: "ours", scores: [[90], [null], [null]] },
          { label: "chance", isControl: true, scores: chance.map((value) => [value]) },
          { label: "other", isControl: true, scores: [[null], [null], [70]] },
        ]),
        "controls-search-tiny",
      );
    const verdicts = ({ columns, rows }: Table) =>
      rows.map((cells) => cells[columns.findIndex(({ name }) => name === "Verdict")]);
    expect(verdicts(apart([null, 80]))).toEqual(["no common seed", "no common seed", "no common seed"]);
    expect(apart([null, 80]).caption).toContain("No two of these runs have a common seed");
    expect(verdicts(apart([80]))).toEqual(["too few", "no common seed", "no common seed"]);
    expect(apart([80]).caption).not.toContain("No two");
  });

  it("uneven budgets are pointed out", () => {
    const uneven = (budget: number) =>
      table(
        studyOf([
          { label: "ours", scores: [[90]], search: { budget } },
          { label: "chance", isControl: true, scores: [[80]], search: { budget: 50 } },
        ]),
        "controls-search-tiny",
      ).caption;
    expect(uneven(100)).toContain("Not all of these searches had the same budget");
    expect(uneven(50)).not.toContain("the same budget");
  });

  it("is nothing without a control", () => {
    const ids = tablesOf(studyOf([{ label: "ours", scores: ours }])).map(({ id }) => id);
    expect(ids).toEqual(["results-tiny", "winners-tiny", "spend-tiny", "funnel-tiny"]);
  });
});

describe("told and blind", () => {
  const hidden = { ...tinySpace, digest: "neutral" };
  const told = [[90], [91], [92], [90], [91]];
  const blind = {
    started: { space: hidden, original: tinySpace },
    scores: told.map(([value = 0]) => [value - 0.5]),
  };

  it("are paired when all else is equal", () => {
    const study = studyOf([
      { label: "told", scores: told, search: { task: "Classify.", limits: { flops_m: 300 } } },
      { label: "concise", scores: told, search: { wording: "concise", limits: { flops_m: 300 } } },
      { label: "blind", ...blind, search: { blind: true, limits: { flops_m: 300 } } },
      { label: "blind, no limit", ...blind, search: { blind: true } },
    ]);
    const { rows, data } = table(study, "blind-tiny");
    expect(rows).toEqual([
      [
        "told",
        "blind",
        "search value",
        "90.80 ± 0.84",
        "90.30 ± 0.84",
        "+0.500",
        "+0.500 to +0.500",
        "5",
        "ahead",
      ],
      [
        "told",
        "blind",
        "test of the picked",
        "89.80 ± 0.84",
        "89.30 ± 0.84",
        "+0.500",
        "+0.500 to +0.500",
        "5",
        "ahead",
      ],
    ]);
    expect(data.map(({ measure }) => measure)).toEqual(["search", "test"]);
  });

  it("are not compared where one is missing", () => {
    const study = studyOf([{ label: "told", scores: told }]);
    expect(tablesOf(study).map(({ id }) => id)).not.toContain("blind-tiny");
  });
});

describe("what was found", () => {
  it("is the best run's pick with its cost; every run is in the data", () => {
    const { rows, data } = table(
      studyOf([
        { label: "ours", scores: [[80, 85], [90, 70], [90]] },
        { label: "chance", scores: [[null]] },
      ]),
      "winners-tiny",
    );
    expect(rows).toEqual([["ours", "1", "90.00", "89.00", "100", "|conv~0|"]]);
    expect(
      data.map(({ search, seed, architecture, cost_flops_m }) => [search, seed, architecture, cost_flops_m]),
    ).toEqual([
      ["ours", 0, "|conv~1|", 101],
      ["ours", 1, "|conv~0|", 100],
      ["ours", 2, "|conv~0|", 100],
      ["chance", 0, null, null],
    ]);
  });

  it("stands under the space's own names, where the search was blind to them", () => {
    const hidden = blindSpace(tinySpace, 0);
    const texts = [...new Space(hidden).all()].map(({ text }) => text as string);
    const blind = {
      search: { blind: true as const },
      scores: [[80, 85]],
      textOf: (at: number) => texts[at] as string,
    };
    const found = (space: typeof hidden) =>
      table(studyOf([{ label: "blind", ...blind, started: { space, original: tinySpace } }]), "winners-tiny");
    const own = reveal(tinySpace, 0)(texts[1] as string);
    expect(new Space(tinySpace).parse(own).ok).toBe(true);
    expect(found(hidden).rows[0]?.at(-1)).toBe(own);
    expect(found(hidden).data[0]).toMatchObject({ architecture: own });
    // Under a disguise of another version the text stays as it was found.
    expect(found({ ...hidden, summary: "another" }).rows[0]?.at(-1)).toBe(texts[1]);
  });
});

describe("spend and losses", () => {
  const study = studyOf(
    [
      {
        label: "ours",
        scores: [[80, null, 85], [90]],
        started: { models: players },
        replies: [{ failures: ["refused"] }, {}],
      },
      { label: "chance", isControl: true, scores: [[80]] },
    ],
    { lost: [lost("gone")] },
  );

  it("is told per run and in all, and open where there was no chat or no run", () => {
    expect(row(table(study, "spend-tiny"), 0)).toEqual({
      Search: "ours",
      Runs: "2",
      Evaluations: "2 / 4",
      "Evaluation seconds": "3 / 6",
      Calls: "2 / 4",
      "Failed attempts": "1 / 2",
      "Unreadable replies": "0 / 0",
      "Tokens in": "2,000 / 4,000",
      "Tokens out": "200 / 400",
      Thinking: "–",
      USD: "–",
      "Chat seconds": "6 / 12",
    });
    expect(row(table(study, "spend-tiny"), 1)).toMatchObject({
      Evaluations: "1 / 1",
      Calls: "–",
      "Chat seconds": "–",
    });
    expect(row(table(study, "spend-tiny"), 2)).toMatchObject({ Runs: "0", Evaluations: "–" });
  });

  it("adds up: what was proposed is what became of it", () => {
    const { rows, data } = table(study, "funnel-tiny");
    expect(row(table(study, "funnel-tiny"), 0)).toMatchObject({
      Proposed: "4",
      Failed: "1",
      Evaluated: "3",
      Improved: "3",
    });
    for (const line of data) expect(line["proposed"]).toBe(lossesOf(line));
    expect(rows[2]?.slice(1)).toEqual(["0", ...Array(10).fill("–")]);
  });

  function lossesOf(line: DataRow): number {
    const states = [
      "unreadable",
      "illegal",
      "repeated",
      "equivalent",
      "over_the_limit",
      "beyond_the_budget",
      "failed",
      "evaluated",
    ];
    return states.reduce((total, state) => total + (line[state] as number), 0);
  }
});

describe("spaces", () => {
  it("each have tables of their own, with ids of their own", () => {
    const on = (id: string) => ({ label: "ours", scores: [[80]], started: { space: { ...tinySpace, id } } });
    const ids = tablesOf(studyOf([on("tiny.a"), on("tiny-a")])).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain("results-tiny-a");
    expect(ids).toContain("results-tiny-a-2");
  });

  it("of which nothing could be read still show what was lost", () => {
    const study = studyOf([{ label: "ours", scores: [[80]] }], {
      lost: [{ ...lost("gone"), space: "elsewhere" }],
    });
    expect(row(table(study, "results-elsewhere"), 0)).toMatchObject({
      Search: "gone",
      Runs: "0 of 1",
      "Search value": "–",
    });
  });
});
