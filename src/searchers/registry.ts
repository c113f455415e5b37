/**
 * Every way to propose, by name.
 *
 * Owns the list and nothing else.
 */
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

/** The names of searchers whose roles need a model or the rules. */
export const roleSearchers: ReadonlySet<string> = new Set([collm.name]);
