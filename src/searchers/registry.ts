/**
 * Every way to propose, by name.
 *
 * Owns the list and nothing else.
 */
import type { SearchConfig } from "../search/events.ts";
import type { Searcher } from "../search/ports.ts";
import { collm } from "./collm.ts";
import { costliestFirst } from "./costliest-first.ts";
import { evolution } from "./evolution.ts";
import { localSearch } from "./local-search.ts";
import { random } from "./random.ts";
import { regularizedEvolution } from "./regularized-evolution.ts";

/** In the order to show them. */
export const searchers: readonly Searcher[] = [
  collm,
  random,
  evolution,
  regularizedEvolution,
  localSearch,
  costliestFirst,
];

/** The names of searchers that ask the roles, and so need a model or the rules. */
const roleSearchers: ReadonlySet<string> = new Set([collm.name]);

/** Whether a search asks the roles. */
export function asksRoles({ searcher }: Pick<SearchConfig, "searcher">): boolean {
  return roleSearchers.has(searcher);
}
