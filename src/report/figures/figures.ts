/** Lists every figure of a space in its order. */
import type { Figure } from "../exhibit.ts";
import type { Subject } from "./subject.ts";
import { choicesFigures } from "./choices.ts";
import { costFigure } from "./cost.ts";
import { curvesFigure } from "./curves.ts";
import { funnelFigure } from "./funnel.ts";
import { mapFigure } from "./map.ts";
import { roundBestsFigure } from "./round-bests.ts";

/** The figures of one space, those that would show nothing left out. */
export function figuresOf(subject: Subject): Figure[] {
  return [
    curvesFigure(subject),
    roundBestsFigure(subject),
    costFigure(subject),
    funnelFigure(subject),
    ...choicesFigures(subject),
    mapFigure(subject),
  ].filter((figure) => figure !== null);
}
