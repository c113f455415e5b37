/**
 * Local search: looks at the neighbours of the best, moves when one is better, starts again when none is.
 *
 * The current architecture of the climb is read from the rounds so far, so nothing has to be remembered. No space is
 * known here.
 */
import type { MeasuredCost } from "../search/events.ts";
import type { Searcher, Turn } from "../search/ports.ts";
import { shuffle } from "../search/random.ts";
import type { Architecture } from "../search/architecture.ts";
import { isOverLimit } from "../search/results.ts";
import { drawNew, roundSize, skipsTwins, worthProposing } from "./draws.ts";
import { type Individual, individuals } from "./population.ts";

export const localSearch: Searcher = {
  name: "local-search",
  summary: "hill climbing over all one-choice neighbours, restarted at random from each peak",
  async propose(turn) {
    const stream = turn.random("steps");
    const summit = currentOf(turn);
    const open = summit === null ? [] : shuffle(stream, unvisited(turn, summit.architecture));
    const steps = (await worthProposing(turn, open)).slice(0, roundSize(turn));
    if (steps.length > 0) return steps.map(({ text }) => text);
    const start = await drawNew(turn, roundSize(turn), () => turn.space.sample(stream));
    return start.map(({ text }) => text);
  },
};

/** The current architecture of the climb: the best since the last restart; null before the first result. */
function currentOf(turn: Turn): Individual | null {
  const all = individuals(turn.state, turn.space);
  let current: Individual | null = null;
  for (const round of new Set(all.map((each) => each.round))) {
    if (current !== null && unvisited(turn, current.architecture, round).length === 0) current = null;
    for (const each of all) {
      if (each.round === round && (current === null || each.fitness > current.fitness)) current = each;
    }
  }
  return current;
}

/** Neighbours that were not visited before `round`, and are not known to be over a limit or a twin that is skipped. */
function unvisited(turn: Turn, architecture: Architecture, round = turn.round): Architecture[] {
  return turn.space.neighbours(architecture).filter(({ text }) => {
    const measured = turn.state.costs.get(text);
    const visit = turn.state.visited.get(text);
    if (visit !== undefined && visit.round < round) return false;
    if (measured === undefined) return true;
    return !isOverLimit(turn.state, measured) && !isSkippedTwin(turn, measured, round);
  });
}

/** Whether one that computes the same was visited before `round`, and such twins are skipped. */
function isSkippedTwin(turn: Turn, { equivalenceKey }: MeasuredCost, round: number): boolean {
  if (!skipsTwins(turn) || equivalenceKey === "") return false;
  const { state } = turn;
  const first = state.visited.get(state.firstOfKey.get(equivalenceKey) ?? "");
  return first !== undefined && first.round < round;
}
