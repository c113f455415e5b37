/**
 * Every Searcher in the spaces of many slots, whose searches take longest. `npm test` looks only at what it proposes there,
 * `npm run test:long` holds it to the whole suite.
 */
import { random } from "../../src/searchers/random.ts";
import type { Space } from "../../src/search/space.ts";
import { searcherSubjects } from "../support/searcher-subjects.ts";
import { casesOf } from "../support/sweep.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";
import { suiteInSpaces } from "./searcher.ts";

const spaces = ["layers", "stages"].map((id) => (vectorSpaces.get(id) as Space).description);

for (const subject of searcherSubjects)
  suiteInSpaces(subject, spaces, random, casesOf({ few: false, all: true }));
