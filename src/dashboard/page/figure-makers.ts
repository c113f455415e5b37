/**
 * The figures of the report by name.
 *
 * This file is loaded with the first figure, because it brings the drawing library.
 */
import { comparedSpaces } from "../../report/comparison.ts";
import type { Figure } from "../../report/exhibit.ts";
import { type Subject, subjectsOf } from "../../report/figures/subject.ts";
import { choicesFigures } from "../../report/figures/choices.ts";
import { costFigure } from "../../report/figures/cost.ts";
import { curvesFigure } from "../../report/figures/curves.ts";
import { funnelFigure } from "../../report/figures/funnel.ts";
import { mapFigure } from "../../report/figures/map.ts";
import { roundBestsFigure } from "../../report/figures/round-bests.ts";
import type { Study } from "../../report/study.ts";

/** The figures that there are. */
export type FigureName = "curves" | "round-bests" | "cost" | "funnel" | "choices" | "map";

/** Where a point of the cost figure leads; see `Subject`. */
export type LinkOf = NonNullable<Subject["linkOf"]>;

/** What is to be drawn of a study, a space each. */
export function subjectsFor(study: Study, linkOf?: LinkOf): Subject[] {
  return subjectsOf(study, comparedSpaces(study), linkOf);
}

/** Each gives what there is to draw of one space. */
export const makers: Readonly<Record<FigureName, (subject: Subject) => readonly Figure[]>> = {
  curves: (subject) => some(curvesFigure(subject)),
  "round-bests": (subject) => some(roundBestsFigure(subject)),
  cost: (subject) => some(costFigure(subject)),
  funnel: (subject) => some(funnelFigure(subject)),
  choices: choicesFigures,
  map: (subject) => some(mapFigure(subject)),
};

// --- internal ---

function some(figure: Figure | null): readonly Figure[] {
  return figure === null ? [] : [figure];
}
