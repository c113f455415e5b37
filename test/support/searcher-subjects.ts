/**
 * Every searcher in the registry as the suite of test/contract/searcher.ts takes it: what it promises, and what it has to be
 * told in a space.
 */
import type { Searcher } from "../../src/search/ports.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { costliestFirst } from "../../src/searchers/costliest-first.ts";
import { priorRandom } from "../../src/searchers/prior-random.ts";
import { random } from "../../src/searchers/random.ts";
import { asksRoles, searchers } from "../../src/searchers/registry.ts";
import { type SearcherSubject, unevenPrior } from "../contract/searcher.ts";

/** Those that do not look at results: the controls. The players of the roles here do not either. */
const blind: readonly Searcher[] = [random, costliestFirst, priorRandom];
const portfolio = searchers.find(({ name }) => name === "portfolio") as Searcher;

/** Every searcher in the registry, and the portfolio with each kind of early searcher. */
export const searcherSubjects: readonly SearcherSubject[] = [
  ...searchers.map((searcher) => ({
    searcher,
    isFrugal: !asksRoles({ searcher: searcher.name }),
    learns: !blind.includes(searcher) && !asksRoles({ searcher: searcher.name }),
    ...(searcher === priorRandom
      ? { settings: (space: SpaceDescription) => ({ prior: unevenPrior(space) }) }
      : {}),
  })),
  {
    searcher: portfolio,
    isFrugal: true,
    learns: true,
    settings: (space) => ({ early: "prior-random", prior: unevenPrior(space) }),
  },
  { searcher: portfolio, isFrugal: false, learns: true, settings: () => ({ early: "collm" }) },
];
