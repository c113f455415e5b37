/**
 * Evolution, our adaptation of the paper's baseline: selects the better half and breeds children from it.
 *
 * The paper gives the population, the generations and the half that is kept, but not how children are made. Here the
 * population is ten, and a generation has five children, by crossover and by mutation in turn. No space is known here.
 */
import type { Searcher } from "../search/ports.ts";
import { pick } from "../search/random.ts";
import { drawNew, roundSize } from "./draws.ts";
import { fittest, type Individual, individuals } from "./population.ts";

const populationSize = 10;
const kept = populationSize / 2;

export const evolution: Searcher = {
  name: "evolution",
  summary:
    "population of 10, better half kept, children by crossover and mutation (our adaptation of the paper's baseline)",
  async propose(turn) {
    const stream = turn.random("breeding");
    const all = individuals(turn.state, turn.space);
    if (all.length < populationSize) {
      const founders = await drawNew(turn, Math.min(roundSize(turn), populationSize - all.length), () =>
        turn.space.sample(stream),
      );
      return founders.map(({ text }) => text);
    }
    const parents = survivors(all);
    let child = 0;
    const children = await drawNew(turn, Math.min(turn.allowance, populationSize - kept), () => {
      const mother = pick(stream, parents).architecture;
      if (child++ % 2 === 0) return turn.space.mutate(mother, stream);
      return turn.space.crossover(mother, pick(stream, parents).architecture, stream);
    });
    const missing = Math.min(turn.allowance, populationSize - kept) - children.length;
    const strangers =
      missing > 0 ? await drawNew(turn, missing, () => turn.space.sample(stream), children) : [];
    return [...children, ...strangers].map(({ text }) => text);
  },
};

/** The better half of the population after every round so far. */
function survivors(all: readonly Individual[]): Individual[] {
  let population: Individual[] = [];
  let round: number | undefined;
  for (const each of all) {
    if (each.round !== round && population.length >= populationSize) population = fittest(population, kept);
    round = each.round;
    population.push(each);
  }
  return fittest(population, kept);
}
