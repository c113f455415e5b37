/**
 * Everything a report shows of each space, in the order it is shown.
 *
 * Owns the order. What is in an exhibit is for its own module to say.
 */
import { tablesOfSpace } from "./comparison.ts";
import { comparedSpaces, type ComparedSpace } from "./compared.ts";
import type { Figure, Table } from "./exhibit.ts";
import { figuresOf } from "./figures/figures.ts";
import { type Subject, subjectsOf } from "./figures/subject.ts";
import { repliesTables } from "./replies-table.ts";
import { strategyTables } from "./strategies.ts";
import type { Study } from "./study.ts";
import { type FoundArchitecture, foundArchitectures } from "./winners.ts";

/** What is shown of one space. */
export interface Section {
  readonly space: ComparedSpace;
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
      exhibits: exhibits.filter((exhibit) => exhibit !== undefined),
      found: foundArchitectures(space),
    };
  });
}
