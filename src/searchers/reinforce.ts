/**
 * REINFORCE (Williams, 1992) with the paper's two numbers for its baseline: learning rate 0.01, average of 0.9.
 *
 * The policy has one categorical distribution for each slot, and every result moves it. It is computed again from all
 * results in order, so nothing has to be remembered. No space is known here.
 */
import type { Searcher } from "../search/ports.ts";
import type { Space } from "../search/space.ts";
import type { RunState } from "../search/state.ts";
import { drawNew, roundSize } from "./draws.ts";
import { drawByOdds, type Odds, perSlot } from "./odds.ts";
import { individuals } from "./population.ts";

const learningRate = 0.01;
/** The part of the baseline that is kept when a result comes in. */
const memory = 0.9;

export const reinforce: Searcher = {
  name: "reinforce",
  summary: "policy gradient: one distribution a slot, moved by each result against a moving average",
  async propose(turn) {
    const stream = turn.random("draws");
    const odds = policy(turn.state, turn.space);
    const count = roundSize(turn);
    const drawn = await drawNew(turn, count, () => drawByOdds(turn.space, odds, stream));
    // A policy that has settled on known architectures proposes nothing new.
    const strangers = await drawNew(turn, count - drawn.length, () => turn.space.sample(stream), drawn);
    return [...drawn, ...strangers].map(({ text }) => text);
  },
};

/**
 * The policy after every result so far. The reward is the objective in the unit of the space; its sign depends on the
 * direction.
 */
function policy(state: RunState, space: Space): Odds {
  const logits = perSlot(space, (_, choices) => Array.from({ length: choices }, () => 0));
  let baseline: number | null = null;
  for (const { architecture, fitness } of individuals(state, space)) {
    baseline ??= fitness;
    const step = learningRate * (fitness - baseline);
    baseline = memory * baseline + (1 - memory) * fitness;
    for (const [dimension, slots] of architecture.choices.entries()) {
      for (const [slot, chosen] of slots.entries()) {
        const own = logits[dimension]?.[slot];
        if (chosen === null || own === undefined) continue;
        // The gradient of the log of a softmax: 1 for the chosen one, minus the odds of each.
        for (const [choice, odds] of softmax(own).entries())
          own[choice] = (own[choice] ?? 0) + step * ((choice === chosen ? 1 : 0) - odds);
      }
    }
  }
  return logits.map((slots) => slots.map(softmax));
}

function softmax(logits: readonly number[]): number[] {
  const highest = Math.max(...logits);
  const powers = logits.map((each) => Math.exp(each - highest));
  const sum = powers.reduce((total, each) => total + each, 0);
  return powers.map((each) => each / sum);
}
