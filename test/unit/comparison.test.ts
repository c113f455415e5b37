/** The tables that compare searches with each other, and say what was found, spent and lost. */
import { describe, expect, it } from "vitest";
import type { DataRow, Table } from "../../src/report/exhibit.ts";
import { tablesOf } from "../../src/report/tables.ts";
import { blindSpace, reveal } from "../../src/search/blind.ts";
import { Space } from "../../src/search/space.ts";
import { tinySpace } from "../support/run-events.ts";
import { lost, players, row, studyOf, table } from "../support/written-studies.ts";

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
