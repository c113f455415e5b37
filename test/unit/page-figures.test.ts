/** What the live page asks of the report beyond a report: marks that lead somewhere, and runs that have not ended. */
import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { comparedSpaces } from "../../src/report/comparison.ts";
import { type Subject, subjectsOf } from "../../src/report/figures/subject.ts";
import { sectionsOf } from "../../src/report/sections.ts";
import { costFigure } from "../../src/report/figures/cost.ts";
import { curvesFigure } from "../../src/report/figures/curves.ts";
import { cohortsOf, type ReportedRun, type Study } from "../../src/report/study.ts";
import { reportedRun } from "../support/reported-runs.ts";

function studyOf(runs: readonly ReportedRun[]): Study {
  return {
    title: "",
    cohorts: cohortsOf(runs, new Map(), [], "all"),
    references: [],
    unreadable: [],
    program: "collm-nas",
    benches: [],
    command: "",
    madeAt: "2026-01-01T00:00:00.000Z",
    versions: {},
  };
}

function subjectOf(runs: readonly ReportedRun[], linkOf?: Subject["linkOf"]): Subject {
  const study = studyOf(runs);
  return subjectsOf(study, comparedSpaces(study), linkOf)[0] as Subject;
}

const linkOf: Subject["linkOf"] = ({ folder }, { round, index }) => `#/run/${folder}/${round}/${index}`;

describe("a mark of the cost figure", () => {
  const run = reportedRun([90, 91.5, 92, 90.5, 91, 93.125], { folder: "r", flops: [10, 20, 30, 40, 50, 60] });
  const drawn = (of: Subject) => {
    const { document } = parseHTML(`<body>${costFigure(of)?.svg}</body>`);
    const links = [...document.querySelectorAll("svg a")];
    return { role: document.querySelector("svg")?.getAttribute("role"), links };
  };

  test("leads to its candidate and says in words where it is from and what it is", () => {
    const { links } = drawn(subjectOf([run], linkOf));
    const told = links.map((link) => [link.getAttribute("href"), link.querySelector("title")?.textContent]);
    expect(told).toContainEqual(["#/run/r/1/1", "round 1, candidate 2: 91.50 %, 20 M"]);
    expect(told).toContainEqual(["#/run/r/2/0", "round 2, candidate 1: 93.13 %, 60 M"]);
  });

  test("is out of the way of the keyboard, and the figure is no single picture then", () => {
    const { role, links } = drawn(subjectOf([run], linkOf));
    expect(role).toBe("group");
    expect(links.length).toBeGreaterThan(0);
    expect(links.every((link) => link.getAttribute("tabindex") === "-1")).toBe(true);
  });

  test("leads nowhere in a report", () => {
    expect(drawn(subjectOf([run]))).toEqual({ role: "img", links: [] });
    expect(costFigure(subjectOf([run]))?.svg).not.toContain("<title");
  });

  test("leads to a candidate of its own run where several runs are compared", () => {
    const other = reportedRun([80, 81], { folder: "s", search: { seed: 1 }, textOf: (at) => `|pool~${at}|` });
    const svg = sectionsOf(studyOf([run, other]), linkOf)
      .flatMap(({ exhibits }) => exhibits)
      .flatMap((exhibit) => ("svg" in exhibit ? [exhibit.svg] : []))
      .join("");
    expect(svg).toContain("#/run/r/1/1");
    expect(svg).toContain("#/run/s/1/1");
    expect(svg).toContain("seed 1, round 1, candidate 2");
  });
});

describe("a run that has not ended", () => {
  test("is counted as far as it got where all runs are, and lost in a report", () => {
    const run = reportedRun([90, 91], { ends: false });
    expect(cohortsOf([run], new Map(), [], "all")[0]?.runs).toEqual([run]);
    expect(cohortsOf([run])[0]).toMatchObject({ runs: [], lost: [{ folder: run.folder }] });
    expect(curvesFigure(subjectOf([run]))?.data.map(({ mean }) => mean)).toEqual([90, 91]);
  });
});

describe("the curves", () => {
  test("name the limit that what they show is within", () => {
    const limited = reportedRun([90], { search: { limits: { flops_m: 120 } } });
    expect(curvesFigure(subjectOf([limited]))?.caption).toMatch(/Limits: .*at most 120/);
    expect(curvesFigure(subjectOf([reportedRun([90])]))?.caption).not.toMatch(/Limits/);
  });
});
