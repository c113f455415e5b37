/**
 * Searches by a model of the results: proposes what the model expects to improve on the best.
 *
 * It makes the first draws and the pool of candidates, scales the results, and computes expected improvement. The model
 * itself is gaussian-process.ts. No space is known here.
 */
import type { Searcher, Turn } from "../search/ports.ts";
import { pick, type Random } from "../search/random.ts";
import type { Architecture } from "../search/architecture.ts";
import { budgetLeft, roundLimit } from "../search/progress.ts";
import { drawNew, roundSize, worthProposing } from "./draws.ts";
import { fitGaussianProcess, type Prediction } from "./gaussian-process.ts";
import { type Individual, individuals, ranked } from "./population.ts";

/** The model is used from this many results on. */
const founders = 10;
/** Proposals a round: few, so that the model learns often; an evaluator measures them in parallel. */
const batch = 5;
const parents = 10;
const poolSize = 200;
/** One candidate in this many is an even draw. */
const strangerEvery = 10;
/** The most results that the model is fitted to: its time grows with their third power. */
const mostKnown = 120;
/** How many costs are asked for at a time, the most promising candidates first. */
const costBatch = 20;

export const surrogate: Searcher = {
  name: "surrogate",
  summary: "a Gaussian process on slots and pairs of slots, expected improvement over mutants of the best",
  async propose(turn) {
    const stream = turn.random("candidates");
    const all = individuals(turn.state, turn.space);
    const isNew = all.length < founders;
    const count = isNew ? Math.min(roundSize(turn), founders - all.length) : modelRoundSize(turn);
    const chosen = isNew ? [] : await mostPromising(turn, all, count, stream);
    const strangers = await drawNew(turn, count - chosen.length, () => turn.space.sample(stream), chosen);
    return [...chosen, ...strangers].map(({ text }) => text);
  },
};

/** Few a round, because the model learns from each; more where the rounds would end before the budget. */
function modelRoundSize(turn: Turn): number {
  const rounds = roundLimit(turn.state) - turn.round + 1;
  return Math.min(turn.allowance, Math.max(batch, Math.ceil(budgetLeft(turn.state) / rounds)));
}

/** The candidates with the highest expected improvement that are worth proposing. */
async function mostPromising(
  turn: Turn,
  all: readonly Individual[],
  count: number,
  stream: Random,
): Promise<Architecture[]> {
  const pool = candidates(turn, ranked(all).slice(0, parents), stream);
  if (pool.length === 0) return [];
  const known = learntFrom(all);
  const values = normalScores(known.map(({ fitness }) => fitness));
  const model = fitGaussianProcess(
    known.map(({ architecture }) => architecture),
    values,
  );
  const best = Math.max(...values);
  const predictions = model.predict(pool);
  const ordered = pool
    .map((architecture, index) => ({
      architecture,
      gain: logExpectedImprovement(predictions[index] as Prediction, best),
    }))
    .sort((first, second) => second.gain - first.gain)
    .map(({ architecture }) => architecture);
  const found: Architecture[] = [];
  for (let at = 0; at < ordered.length && found.length < count; at += costBatch)
    found.push(...(await worthProposing(turn, ordered.slice(at, at + costBatch), found)));
  return found.slice(0, count);
}

/** All results; where these are too many, the best of them and as many others, spread evenly over the rest. */
function learntFrom(all: readonly Individual[]): readonly Individual[] {
  if (all.length <= mostKnown) return all;
  const half = mostKnown / 2;
  const [top, rest] = [ranked(all).slice(0, half), ranked(all).slice(half)];
  return [
    ...top,
    ...Array.from(
      { length: half },
      (_, index) => rest[Math.floor((index * rest.length) / half)] as Individual,
    ),
  ];
}

/** Unvisited mutants of the best, by one choice and by two choices in turn, and some even draws. */
function candidates(turn: Turn, best: readonly Individual[], stream: Random): Architecture[] {
  const { space, state } = turn;
  const pool = new Map<string, Architecture>();
  // Where all neighbours of the best are known, even many draws find little that is new.
  for (let draw = 0; draw < 2 * poolSize && pool.size < poolSize; draw++) {
    const mutant = space.mutate(pick(stream, best).architecture, stream);
    const drawn =
      draw % strangerEvery === 0
        ? space.sample(stream)
        : draw % 2 === 0
          ? space.mutate(mutant, stream)
          : mutant;
    if (!state.visited.has(drawn.text)) pool.set(drawn.text, drawn);
  }
  return [...pool.values()];
}

/** Ranks as quantiles of the normal distribution, so that the unit and outliers do not count. Ties share a quantile. */
function normalScores(values: readonly number[]): number[] {
  const sorted = [...values].sort((first, second) => first - second);
  return values.map((value) => {
    const share = (sorted.indexOf(value) + sorted.lastIndexOf(value) + 1) / (2 * sorted.length);
    // Tukey's lambda distribution with the exponent that is closest to the normal one.
    return (share ** 0.1349 - (1 - share) ** 0.1349) / 0.1975;
  });
}

/**
 * The logarithm of the expected distance of a value above `best`; below it the distance counts as 0. The logarithm
 * distinguishes candidates with very little hope (Ament et al., 2023).
 */
function logExpectedImprovement({ mean, deviation }: Prediction, best: number): number {
  const z = (mean - best) / deviation;
  const square = z * z;
  // Far below the best the exact form loses its digits; its expansion does not.
  const inDeviations =
    z < -4
      ? Math.log((1 - 3 / square + 15 / square ** 2) / square) - square / 2 - Math.log(2 * Math.PI) / 2
      : Math.log(z * normalBelow(z) + normalDensity(z));
  return Math.log(deviation) + inDeviations;
}

function normalDensity(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/** The normal distribution function (Abramowitz and Stegun, 26.2.17). */
function normalBelow(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    normalDensity(z) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z > 0 ? 1 - tail : tail;
}
