/**
 * Lists every searcher by name, and checks whether the settings of a search fit its searcher.
 */
import { UsageError } from "../errors.ts";
import type { SearchConfig } from "../search/events.ts";
import type { Searcher } from "../search/ports.ts";
import type { Space } from "../search/space.ts";
import { collm } from "./collm.ts";
import { costliestFirst } from "./costliest-first.ts";
import { evolution } from "./evolution.ts";
import { localSearch } from "./local-search.ts";
import { checkEarly, earlyName, portfolioOf } from "./portfolio.ts";
import { checkPrior, priorRandom } from "./prior-random.ts";
import { random } from "./random.ts";
import { regularizedEvolution } from "./regularized-evolution.ts";
import { reinforce } from "./reinforce.ts";
import { rules } from "./rules.ts";
import { solo } from "./solo.ts";
import { surrogate } from "./surrogate.ts";

const arms: readonly Searcher[] = [
  collm,
  solo,
  rules,
  random,
  evolution,
  regularizedEvolution,
  localSearch,
  reinforce,
  surrogate,
  priorRandom,
  costliestFirst,
];

const portfolio = portfolioOf(arms, surrogate);

/** The searchers, in the order to show them. */
export const searchers: readonly Searcher[] = [...arms, portfolio];

/** The names of searchers that ask the roles, and so need a language model. */
const roleSearchers: ReadonlySet<string> = new Set([collm.name, solo.name]);

/** The settings that decide which searcher plays. */
export type PlayerSettings = Pick<SearchConfig, "searcher" | "early" | "prior">;

/** The searcher that plays the first round. */
export function firstPlayer(search: PlayerSettings): string {
  return search.searcher === portfolio.name ? earlyName(search) : search.searcher;
}

/** Whether a search asks the roles. */
export function asksRoles(search: PlayerSettings): boolean {
  return roleSearchers.has(firstPlayer(search));
}

/** Whether a search asks a separate Navigator in every round. */
export function asksNavigator({ searcher }: Pick<SearchConfig, "searcher">): boolean {
  return searcher === collm.name;
}

/**
 * Whether a search's settings fit its searcher and its space: the early searcher of a portfolio, a prior,
 * and a cost revision.
 *
 * @throws UsageError that names the setting
 */
export function checkSettings(
  space: Space,
  search: PlayerSettings & Pick<SearchConfig, "blind" | "costRevision">,
): void {
  if (search.searcher === portfolio.name) checkEarly(search, arms);
  if (search.costRevision === true && firstPlayer(search) === solo.name)
    throw new UsageError(
      `costRevision: "${solo.name}" has no Generator of its own to look again; leave it out, or use searcher "${collm.name}"`,
    );
  if (firstPlayer(search) !== priorRandom.name) return;
  if (search.blind === true)
    throw new UsageError(
      `searcher "${search.searcher}" draws from a prior, which names what a blind search must not see; leave out one of the two`,
    );
  checkPrior(space, search.prior);
}
