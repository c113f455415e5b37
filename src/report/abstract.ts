/**
 * A report in a few sentences made of its numbers.
 *
 * Owns the wording of the summary. Every number in it stands in a table too.
 */
import {
  type ComparedCohort,
  type ComparedSpace,
  hasMeans,
  pairedDifference,
  searchValue,
} from "./compared.ts";
import { finalMean, compare } from "./figures/subject.ts";
import { range } from "./spreads.ts";
import { signed } from "../text/numbers.ts";
import { shellWord } from "../text/shell.ts";
import { fewestPairs, type PairedVerdict } from "./statistics.ts";
import { usualControls } from "./study.ts";

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
