/**
 * Regularized evolution (Real et al., 2019): the oldest individual dies, and not the worst.
 *
 * The last twenty results are alive. In a tournament five of them compete, and the winner has one mutated child. A
 * round breeds ten children, like ten workers that do not wait for each other. No space is known here.
 */
import type { Searcher } from "../search/ports.ts";
import { shuffle } from "../search/random.ts";
import { drawNew, roundSize } from "./draws.ts";
import { type Individual, individuals, ranked } from "./population.ts";

const populationSize = 20;
const tournamentSize = 5;

export const regularizedEvolution: Searcher = {
  name: "regularized-evolution",
  summary: "ageing population of 20, tournaments of 5, one mutation a child (Real et al., 2019)",
  async propose(turn) {
    const stream = turn.random("breeding");
    const alive = byAge(individuals(turn.state, turn.space)).slice(-populationSize);
    const drawn = await drawNew(turn, roundSize(turn), () => {
      const [parent] = ranked(shuffle(stream, alive).slice(0, tournamentSize));
      return alive.length < populationSize || parent === undefined
        ? turn.space.sample(stream)
        : turn.space.mutate(parent.architecture, stream);
    });
    return drawn.map(({ text }) => text);
  },
};

/** The oldest first. What was known before the search has no age: the fitter of those live longer. */
function byAge(all: readonly Individual[]): Individual[] {
  const known = all.filter(({ round }) => round === 0);
  return [...ranked(known).reverse(), ...all.slice(known.length)];
}
