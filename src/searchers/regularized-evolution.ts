/**
 * Regularized evolution (Real et al., 2019): the oldest dies, not the worst.
 *
 * Owns the tournament: the last twenty results are alive, five of them compete, the winner has one mutated child.
 * Ten children are bred a round, as by ten workers that do not wait for each other. Knows no space.
 */
import type { Searcher } from "../search/ports.ts";
import { shuffle } from "../search/random.ts";
import { drawNew, roundSize } from "./draws.ts";
import { individuals, ranked } from "./population.ts";

const populationSize = 20;
const tournamentSize = 5;

export const regularizedEvolution: Searcher = {
  name: "regularized-evolution",
  summary: "ageing population of 20, tournaments of 5, one mutation a child (Real et al., 2019)",
  async propose(turn) {
    const stream = turn.random("breeding");
    const alive = individuals(turn.state, turn.space).slice(-populationSize);
    const drawn = await drawNew(turn, roundSize(turn), () => {
      const [parent] = ranked(shuffle(stream, alive).slice(0, tournamentSize));
      return alive.length < populationSize || parent === undefined
        ? turn.space.sample(stream)
        : turn.space.mutate(parent.architecture, stream);
    });
    return drawn.map(({ text }) => text);
  },
};
