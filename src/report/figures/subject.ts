/** Decides what the figures of one space show: its cohorts, the few shown in detail, and how each looks. */
import { compare, type ComparedCohort, type ComparedSpace, hasStrategy } from "../comparison.ts";
import { type Look, type MarkSymbol, markSymbols } from "./canvas.ts";
import type { Candidate } from "../../search/state.ts";
import type { ReportedRun, Study } from "../study.ts";
import { seriesColour } from "./colours.ts";

/** The cohorts on one space, ready to be drawn. */
export interface Subject {
  readonly space: ComparedSpace;
  /** Cohorts with runs. */
  readonly cohorts: readonly ComparedCohort[];
  /** The few of them that are shown in detail. */
  readonly detailed: readonly ComparedCohort[];
  /** Those of `detailed` that follow a strategy in words. */
  readonly withStrategy: readonly ComparedCohort[];
  /** Says which cohorts `detailed` are and why. */
  readonly choice: string;
  /** By label, the same on every space. */
  readonly looks: ReadonlyMap<string, Look>;
  /** Where a mark of one candidate leads; absent: nowhere. */
  readonly linkOf?: ((run: ReportedRun, candidate: Candidate) => string) | undefined;
}

/** How many cohorts with a strategy are shown in detail at most. */
const mostDetailed = 3;

/** The spaces of a study on which at least one run can be shown. */
export function subjectsOf(
  study: Study,
  spaces: readonly ComparedSpace[],
  linkOf?: Subject["linkOf"],
): Subject[] {
  const looks = looksOf(study);
  return spaces.flatMap((space) => {
    const cohorts = space.cohorts.filter(({ runs }) => runs.length > 0);
    if (cohorts.length === 0) return [];
    const ranked = cohorts.toSorted((first, second) => compare(first, second, space.higherIsBetter));
    const led = cohorts.filter(hasStrategy);
    const shown = led.slice(0, mostDetailed);
    const searcher = ranked.find((cohort) => !cohort.isControl && !hasStrategy(cohort));
    const others = ranked.filter(
      (cohort) => !hasStrategy(cohort) && !(shown.length === 0 && cohort === searcher),
    );
    const control = others.find(({ isControl }) => isControl) ?? others[0];
    const detailed = [
      ...shown,
      ...(shown.length === 0 && searcher !== undefined ? [searcher] : []),
      ...(control === undefined ? [] : [control]),
    ];
    const some = led.length > shown.length ? ` (the first ${shown.length} of ${led.length})` : "";
    const choice =
      detailed.length === cohorts.length
        ? "All searches are shown."
        : `Of ${cohorts.length} searches the figure shows ${shown.length > 0 ? `those with a strategy${some}` : "the best"}${control === undefined ? "" : ` and the strongest ${control.isControl ? "control" : "of the others"}`}.`;
    const subject = { space, cohorts, detailed, withStrategy: shown, choice, looks };
    return [linkOf === undefined ? subject : { ...subject, linkOf }];
  });
}

// --- internal ---

const symbols = Object.keys(markSymbols) as MarkSymbol[];

/** Cohorts with a strategy have strong lines, controls dashed ones. */
function looksOf({ cohorts }: Study): Map<string, Look> {
  const labels = [...new Set(cohorts.map(({ label }) => label))];
  const isOf = (label: string, holds: (cohort: Study["cohorts"][number]) => boolean) =>
    cohorts.some((cohort) => cohort.label === label && holds(cohort));
  const order = [
    ...labels.filter((label) => isOf(label, hasStrategy)),
    ...labels.filter((label) => isOf(label, (cohort) => !hasStrategy(cohort))),
  ];
  return new Map(
    [...new Set(order)].map((label, index) => {
      const [leads, control] = [isOf(label, hasStrategy), isOf(label, ({ isControl }) => isControl)];
      const dash = control ? ["2 3", "6 3", "9 3 2 3", "4 2"][index % 4] : index >= 10 ? "12 4" : null;
      return [
        label,
        {
          colour: seriesColour(index),
          dash: dash ?? null,
          symbol: symbols[index % symbols.length] as MarkSymbol,
          width: leads ? 2.75 : 1.5,
        },
      ];
    }),
  );
}
