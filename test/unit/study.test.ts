import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { bySpace, cohortsOf, type RunName } from "../../src/report/study.ts";
import { reportedRun } from "../support/reported-runs.ts";
import { tinySpace } from "../support/run-events.ts";

/** Runs of one configuration, a seed each from 0. */
function seeds(count: number, options: Parameters<typeof reportedRun>[1] = {}, prefix = "runs") {
  return Array.from({ length: count }, (_, seed) =>
    reportedRun([80, 90], {
      ...options,
      folder: `${prefix}/seed${seed}`,
      search: { ...options.search, seed },
    }),
  );
}

const players = { navigator: "rules", generator: "rules" };
/** The model's settings as a run stores them. */
const model = (changes: Record<string, unknown> = {}) => ({
  model: { name: "small", temperature: 0.6, baseUrl: "http://one", ...changes },
});

describe("a cohort", () => {
  it("is what differs in the seed alone, in the order of the seeds", () => {
    const [first, second, third] = seeds(3);
    const [cohort, ...others] = cohortsOf([third, first, second].filter((run) => run !== undefined));
    expect(others).toEqual([]);
    expect(cohort?.runs.map(({ state }) => state.search.seed)).toEqual([0, 1, 2]);
    expect(cohort).toMatchObject({ label: "collm", isControl: false, spaceId: "tiny", lost: [] });
  });

  it("is told from others by the setting in which it differs", () => {
    const runs = [...seeds(2, { search: { budget: 10 } }, "a"), ...seeds(2, { search: { budget: 20 } }, "b")];
    expect(cohortsOf(runs).map(({ label, runs: each }) => [label, each.length])).toEqual([
      ["collm, budget 10", 2],
      ["collm, budget 20", 2],
    ]);
  });

  it("is told from others of its name too, as after a run was prolonged", () => {
    const runs = [...seeds(2, { search: { budget: 10 } }, "a"), ...seeds(1, { search: { budget: 20 } }, "b")];
    const named = new Map(
      runs.map(({ folder }): [string, RunName] => [folder, { label: "mine", isControl: true }]),
    );
    const lost = [{ folder: "a/seed2", label: "mine", isControl: true, space: "tiny", reason: "killed" }];
    expect(
      cohortsOf(runs, named, lost).map(({ label, isControl, lost: gone }) => [label, isControl, gone.length]),
    ).toEqual([
      ["mine, budget 10", true, 1],
      ["mine, budget 20", true, 0],
    ]);
  });

  it("does not depend on where a server was or how patiently it was asked, but on how it was sampled", () => {
    const played = (setup: Record<string, unknown>, patienceSeconds: number, prefix: string) =>
      seeds(1, { started: { models: players, setup }, search: { patienceSeconds } }, prefix);
    const [one] = played(model(), 1, "a");
    const [same] = played(model({ baseUrl: "http://two", retries: 9 }), 60, "b");
    const [other] = played(model({ roles: { generator: { temperature: 0.2 } } }), 1, "c");
    expect(() => cohortsOf([one, same].filter((run) => run !== undefined))).toThrow(
      /same search with the same seed 0/,
    );
    expect(cohortsOf([one, other].filter((run) => run !== undefined)).map(({ label }) => label)).toEqual([
      "collm (rules), temperature 0.6",
      "collm (rules), temperature navigator=0.6 generator=0.2",
    ]);
  });

  it("tells settings that are so from those that are not in words, each by what it is", () => {
    const labels = (first: object, second: object) =>
      cohortsOf([...seeds(1, { search: first }, "a"), ...seeds(1, { search: second }, "b")]).map(
        ({ label }) => label,
      );
    expect(labels({ promptExtras: true }, { promptExtras: false })).toEqual([
      "collm, prompt extras",
      "collm, no prompt extras",
    ]);
    expect(labels({ oracle: false }, { oracle: true })).toEqual(["collm, no oracle", "collm, oracle"]);
    expect(labels({ wording: "standard" }, { wording: "concise" })).toEqual([
      "collm, wording standard",
      "collm, wording concise",
    ]);
    expect(labels({ rounds: 5 }, { rounds: 10 })).toEqual(["collm, rounds 5", "collm, rounds 10"]);
    expect(labels({ rounds: 5 }, { rounds: null })).toEqual(["collm, rounds 5", "collm, rounds unset"]);
    expect(labels({ limits: { flops_m: 120 } }, { limits: {} })).toEqual([
      "collm, limits flops_m=120",
      "collm, no limits",
    ]);
    expect(labels({ inform: ["coverage", "costs"] }, {})).toEqual([
      "collm, facts coverage+costs",
      "collm, no facts",
    ]);
    expect(labels({ caps: { usd: 2 } }, {})).toEqual(["collm, money cap 2", "collm, money cap unset"]);
    expect(
      labels(
        { memory: { navigator: true, generator: false } },
        { memory: { navigator: false, generator: false } },
      ),
    ).toEqual(["collm, Navigator memory", "collm, no Navigator memory"]);
  });

  it("holds no seed twice", () => {
    expect(() => cohortsOf([...seeds(1, {}, "a"), ...seeds(1, {}, "b")])).toThrow(
      new UsageError("a/seed0 and b/seed0 are the same search with the same seed 0; leave one of them out"),
    );
  });

  it("counts no run that is still under way", () => {
    const [cohort] = cohortsOf([
      ...seeds(1),
      reportedRun([80], { folder: "open", search: { seed: 7, budget: 2 }, ends: false }),
    ]);
    expect(cohort?.runs.map(({ folder }) => folder)).toEqual(["runs/seed0"]);
    expect(cohort?.lost).toEqual([{ folder: "open", reason: "unfinished: resume it first" }]);
  });
});

describe("lost runs", () => {
  const lost = (label: string, space: string) => ({
    folder: `x/${label}`,
    label,
    isControl: false,
    space,
    reason: "killed",
  });

  it("stand with the runs of their name", () => {
    const runs = seeds(2);
    const named = new Map(
      runs.map(({ folder }): [string, RunName] => [folder, { label: "mine", isControl: false }]),
    );
    const cohorts = cohortsOf(runs, named, [lost("mine", "tiny")]);
    expect(cohorts.map(({ runs: each, lost: gone }) => [each.length, gone])).toEqual([
      [2, [{ folder: "x/mine", reason: "killed" }]],
    ]);
  });

  it("are a cohort of their own when nothing else is left of it", () => {
    const cohorts = cohortsOf(seeds(1), new Map(), [lost("gone", "tiny"), lost("gone", "elsewhere")]);
    expect(
      cohorts.map(({ label, spaceId, space, runs, lost: gone }) => [
        label,
        spaceId,
        space?.id,
        runs.length,
        gone.length,
      ]),
    ).toEqual([
      ["collm", "tiny", "tiny", 1, 0],
      ["gone", "tiny", "tiny", 0, 1],
      ["gone", "elsewhere", undefined, 0, 1],
    ]);
    expect(
      bySpace(cohorts).map(({ id, space, cohorts: members }) => [id, space?.id, members.length]),
    ).toEqual([
      ["tiny", "tiny", 2],
      ["elsewhere", undefined, 1],
    ]);
  });
});

describe("runs on different data", () => {
  const other = { ...tinySpace, digest: "tiny-2" };

  it("are never put together", () => {
    const runs = [...seeds(1, {}, "a"), ...seeds(1, { started: { space: other } }, "b")];
    expect(() => cohortsOf(runs)).toThrow(
      /a\/seed0 and b\/seed0 searched different data under the name tiny \(digests tiny-1 and tiny-2\)/,
    );
  });

  it("are told by the space itself where the search was blind to its names", () => {
    const hidden = { ...tinySpace, digest: "neutral" };
    const blind = (original: typeof tinySpace) =>
      seeds(1, { started: { space: hidden, original }, search: { blind: true } }, "b");
    const cohorts = cohortsOf([...seeds(1, {}, "a"), ...blind(tinySpace)]);
    expect(cohorts.map(({ label, isBlind, space }) => [label, isBlind, space?.digest])).toEqual([
      ["collm, named", false, "tiny-1"],
      ["collm, blind", true, "tiny-1"],
    ]);
    expect(() => cohortsOf([...seeds(1, {}, "a"), ...blind(other)])).toThrow(UsageError);
  });
});
