/** A study of small searches, and the figures that a report draws of it. */
import { comparedSpaces } from "../../src/report/comparison.ts";
import type { Figure } from "../../src/report/exhibit.ts";
import { type Subject, subjectsOf } from "../../src/report/figures/subject.ts";
import { figuresOf } from "../../src/report/figures/figures.ts";
import type { ReportedRun, RunName, Study } from "../../src/report/study.ts";
import { collm } from "../../src/searchers/collm.ts";
import { evolution } from "../../src/searchers/evolution.ts";
import { random } from "../../src/searchers/random.ts";
import { reportedRun } from "./reported-runs.ts";
import { tinySpace } from "./run-events.ts";
import { searchedRun, studyOf } from "./searched-runs.ts";

export const seeds = [0, 1, 2];

/** Three runs each of a search with roles, a control and evolution, all under their own names. */
export async function searchedStudy(): Promise<{
  readonly runs: readonly ReportedRun[];
  readonly study: Study;
}> {
  const made = [collm, random, evolution].flatMap((searcher) =>
    seeds.map((seed) => searchedRun(searcher, { seed })),
  );
  const runs = await Promise.all(made);
  const named = new Map(
    runs.map(({ folder, state }): [string, RunName] => [
      folder,
      { label: state.search.searcher, isControl: state.search.searcher === "random" },
    ]),
  );
  return { runs, study: studyOf(runs, { named }) };
}

export function subjectOf(of: Study): Subject {
  return subjectsOf(of, comparedSpaces(of))[0] as Subject;
}

export function figureOf(of: Study, id: string): Figure {
  const found = figuresOf(subjectOf(of)).find((figure) => figure.id === id);
  if (found === undefined) throw new Error(`there is no figure ${id}`);
  return found;
}

/** Runs of scores under a label, a seed each. */
export function scored(
  label: string,
  scores: readonly (readonly (number | null)[])[],
  lowerIsBetter = false,
): ReportedRun[] {
  const metrics = [{ name: "loss", unit: "", meaning: "", higherIsBetter: false }];
  return scores.map((each, seed) =>
    reportedRun(each, {
      folder: `${label}/${seed}`,
      search: { searcher: label, seed, budget: Math.max(...scores.map(({ length }) => length)) },
      started: lowerIsBetter ? { space: { ...tinySpace, metrics } } : {},
    }),
  );
}
