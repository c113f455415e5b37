/**
 * CoLLM-NAS: the Navigator refines the strategy, the Generator turns it into architectures (paper, Algorithm 1).
 *
 * It decides the order in which the two roles are asked in a round, and what is measured before each. No model and no
 * space is known here.
 */
import type { Searcher } from "../search/ports.ts";
import { strategyBefore } from "../search/conversation.ts";
import { measureSpread } from "./cost-spread.ts";
import { askedForm, generatorPrompt, readArchitectures } from "./generator.ts";
import { navigatorPrompt, readStrategy } from "./navigator.ts";
import { lookAgain } from "./cost-revision.ts";

export const collm: Searcher = {
  name: "collm",
  summary: "two cooperating language models: a Navigator writes the strategy, a Generator the architectures",
  async propose(turn) {
    if (strategyBefore(turn.state, turn.round) === null) await measureSpread(turn);
    const written = await turn.ask(
      "navigator",
      navigatorPrompt(turn.state, turn.space, turn.round),
      readStrategy,
    );
    if (written !== null) await turn.setStrategy(written);
    const strategy = written ?? strategyBefore(turn.state, turn.round);
    if (strategy === null) return [];
    const draft = await turn.ask(
      "generator",
      generatorPrompt(turn.state, turn.space, strategy),
      readArchitectures(turn.space, askedForm(turn.state.search)),
    );
    return draft === null ? [] : await lookAgain(turn, strategy, draft);
  },
};
