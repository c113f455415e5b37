/**
 * Puts together what a report shows of each space: a few sentences, then tables and figures in their order.
 *
 * What is in a table or a figure is decided by its own module.
 */
import {
  compare,
  type ComparedCohort,
  type ComparedSpace,
  comparedSpaces,
  finalMean,
  hasMeans,
  pairedDifference,
  searchValue,
} from "./comparison.ts";
import type { Figure, Table } from "./exhibit.ts";
import { type Subject, subjectsOf } from "./figures/subject.ts";
import { undecidedSentences } from "./noise.ts";
import { fewestPairs, type PairedVerdict, range } from "./statistics.ts";
import { strategyTables } from "./strategy-table.ts";
import { type Study, usualControls } from "./study.ts";
import { tablesOfSpace } from "./tables.ts";
import { type FoundArchitecture, foundArchitectures } from "./winners.ts";
import { signed } from "../text/numbers.ts";
import { shellWord } from "../text/shell.ts";
import { figuresOf } from "./figures/figures.ts";
import { repliesTables } from "./replies-table.ts";

/** What is shown of one space. */
export interface Section {
  readonly space: ComparedSpace;
  /** It in a few sentences; every number in them is in a table too. */
  readonly abstract: string;
  /** In the order to show them. */
  readonly exhibits: readonly (Table | Figure)[];
  readonly found: readonly FoundArchitecture[];
}

/**
 * The sections of a study, a space each.
 *
 * @param linkOf where a mark of one candidate leads; absent: nowhere
 */
export function sectionsOf(study: Study, linkOf?: Subject["linkOf"]): Section[] {
  const spaces = comparedSpaces(study);
  const subjects = subjectsOf(study, spaces, linkOf);
  return spaces.map((space) => {
    const subject = subjects.find((each) => each.space === space) ?? null;
    const [results, ...tables] = tablesOfSpace(space);
    const [curves, ...figures] = subject === null ? [] : figuresOf(subject);
    const strategies = subject === null ? [] : strategyTables(subject);
    const exhibits = [results, curves, ...tables, ...repliesTables(space), ...figures, ...strategies];
    return {
      space,
      abstract: [abstractOf(space), ...undecidedSentences(space)].join(" "),
      exhibits: exhibits.filter((exhibit) => exhibit !== undefined),
      found: foundArchitectures(space),
    };
  });
}

/** One sentence or two on a space. */
export function abstractOf(space: ComparedSpace): string {
  const { id, higherIsBetter, decimals } = space;
  const objective = space.space?.metrics[0]?.name ?? "value";
  const found = space.cohorts
    .filter((cohort) => finalMean(cohort) !== null)
    .toSorted((first, second) => compare(first, second, higherIsBetter));
  const said = (cohort: ComparedCohort) => {
    const all = cohort.outcomes.length;
    const counted = cohort.outcomes.filter(({ last }) => last.best !== null).length;
    const runs = counted < all ? `${counted} of ${all} runs` : all === 1 ? "1 run" : `${all} runs`;
    return `${(finalMean(cohort) as number).toFixed(decimals)} over ${runs}`;
  };
  const best = found.find(({ isControl }) => !isControl);
  const control = found.find(({ isControl }) => isControl);
  const level = (cohort: ComparedCohort) =>
    found.filter(
      (other) => other.isControl === cohort.isControl && compare(other, cohort, higherIsBetter) === 0,
    );
  /** A cohort's name, and how many have just the same mean. */
  const named = (cohort: ComparedCohort) => {
    const others = level(cohort).length - 1;
    return others === 0 ? cohort.label : `${cohort.label} (level with ${others} more)`;
  };
  const [first] = found;
  /** One run has no mean. */
  const average = hasMeans(found) ? "mean " : "";
  if (first === undefined) return `On ${id} no finished run found anything.`;
  if (best === undefined || control === undefined) {
    const top = best ?? first;
    const value =
      found.length === 1
        ? `the ${average}${objective} ${said(top)} on the search split`
        : `the best ${average}${objective} on the search split: ${said(top)}`;
    return `On ${id}, ${named(top)} has ${value}.${addedControl(space)}`;
  }
  const { mean, interval, pairs, verdict } = pairedDifference(best, control, searchValue, higherIsBetter);
  const numbers =
    interval === null
      ? ""
      : ` (paired by seed ${signed(mean, decimals)}, 95 % interval ${range(interval, (value) => signed(value, decimals))}, ${pairs} pairs)`;
  return `On ${id}, ${named(best)} has the best ${average}${objective} on the search split of all but the controls: ${said(best)}. The strongest control, ${named(control)}, has ${said(control)}; ${pairs === 0 ? "no run of one has a seed in common with a run of the other" : verdicts[verdict]}${numbers}.`;
}

// --- internal ---

/** Which command adds something to measure the searches against; nothing where there is something. */
function addedControl({ id, cohorts, program }: ComparedSpace): string {
  const states = cohorts.flatMap(({ runs }) => runs.map(({ state }) => state));
  const [state] = states;
  const isMeasured =
    cohorts.some(({ isControl }) => isControl) ||
    states.some(({ search }) => usualControls.includes(search.searcher));
  if (state === undefined || isMeasured) return "";
  const { limits, budget, seed } = state.search;
  const flags = [
    ...Object.entries(limits).map(([name, limit]) => `--limit ${name}=${limit}`),
    `--budget ${budget}`,
    `--seed ${seed}`,
  ].join(" ");
  return ` There is no control to compare it with; this command adds one: “${program} run --space ${shellWord(id)} --searcher ${usualControls[0]} ${flags}”.`;
}

const verdicts: Record<PairedVerdict, string> = {
  ahead: "the search is ahead of it",
  behind: "the search is behind it",
  tie: "no difference between the two was shown",
  "too few": `with fewer than ${fewestPairs} pairs of runs nothing is said about the difference`,
};
