/**
 * Shortens a search, for a new conversation after the old one grew too long for a model's window.
 *
 * It keeps of older rounds a line for each, the latest strategy, the best architectures whole, and a person's hints.
 * Every part is bounded, however long the search is. The role and the words are not known here.
 */
import { number } from "../text/numbers.ts";
import type { Role } from "../search/events.ts";
import type { Space } from "../search/space.ts";
import { strategyBefore } from "../search/conversation.ts";
import { funnel } from "../search/funnel.ts";
import {
  type Evaluation,
  evaluationsAmong,
  isBetter,
  objective,
  resultsSoFar,
  valueOf,
} from "../search/results.ts";
import type { Round, RunState } from "../search/state.ts";
import { strategySummary } from "../search/strategy.ts";
import { bestFirst, resultLine } from "./feedback.ts";
import { earlierHintSection } from "./hints.ts";
import { hasPromptExtras, textsOf } from "./prompts.ts";
import { bulleted } from "./wordings/texts.ts";
import { cutTo } from "../text/words.ts";

/** The most of the best architectures that are shown, each in full. */
const mostBest = 10;
/** The most rounds with a line of their own, the latest ones; and the most lines for all the others. */
const singleRounds = 20;
const mostBands = 10;
const longestSummary = 200;
const longestStrategy = 4_000;

/**
 * The request `message` after `last`, preceded by a summary of the rounds before it.
 *
 * @param role the role whose conversation it begins. The result is undefined where that role keeps no conversation
 */
export function condensedMessage(
  state: RunState,
  space: Space,
  last: Round,
  role: Role,
  message: string,
): string | undefined {
  if (!state.search.memory[role]) return undefined;
  const { earlier } = textsOf(state.search);
  const older = state.rounds.slice(0, last.round - 1);
  const strategy = strategyBefore(state, last.round + 1);
  const top = bestFirst(
    state,
    resultsSoFar(state).filter((each) => !each.overLimit && valueOf(state, each.outcome) !== null),
  ).slice(0, mostBest);
  return [
    `${earlier.heading}\n\n${earlier.reason}`,
    ...(older.length > 0 ? [bulleted(roundLines(state, older))] : []),
    ...(hasPromptExtras(state.search) ? [lossesLine(state)] : []),
    ...(strategy === null
      ? []
      : [`${earlier.strategy}\n\n<strategy>\n${cutTo(strategy, longestStrategy)}\n</strategy>`]),
    ...(top.length > 0
      ? [
          `${earlier.bestHeading(top.length)}\n\n${top
            .map((each, index) => `${index + 1}. ${resultLine(state, space, each)}`)
            .join("\n")}`,
        ]
      : []),
    ...earlierHintSection(state, last.round + 1),
    message,
  ].join("\n\n");
}

// --- internal ---

/** A line for each of the latest rounds; earlier rounds share lines. */
function roundLines(state: RunState, older: readonly Round[]): string[] {
  const isLong = older.length > singleRounds + mostBands;
  const banded = isLong ? older.slice(0, older.length - singleRounds) : [];
  const size = Math.ceil(banded.length / mostBands);
  const bands = Array.from({ length: size === 0 ? 0 : Math.ceil(banded.length / size) }, (_, band) =>
    banded.slice(band * size, (band + 1) * size),
  );
  return [
    ...bands.map((rounds) => lineOf(state, rounds)),
    ...older.slice(banded.length).map((round) => {
      const summary = round.strategy === null ? "" : cutTo(strategySummary(round.strategy), longestSummary);
      return `${lineOf(state, [round])}${summary === "" ? "" : `. ${summary}`}`;
    }),
  ];
}

function lineOf(state: RunState, rounds: readonly Round[]): string {
  const { earlier } = textsOf(state.search);
  const evaluated = rounds.flatMap(({ candidates }) => evaluationsAmong(candidates));
  const [first = 0, last = 0] = [rounds[0]?.round, rounds.at(-1)?.round];
  const best = bestValue(state, evaluated);
  return earlier.round(
    first,
    last,
    evaluated.length,
    best === null ? earlier.none : `${objective(state).name} ${number(best)}`,
  );
}

/** The best value within the limits. */
function bestValue(state: RunState, evaluated: readonly Evaluation[]): number | null {
  let best: number | null = null;
  for (const { outcome, overLimit } of evaluated) {
    const value = valueOf(state, outcome);
    if (value !== null && !overLimit && isBetter(state, value, best)) best = value;
  }
  return best;
}

function lossesLine(state: RunState): string {
  const { failed, overLimit, overLimitEvaluated } = funnel(state);
  return textsOf(state.search).earlier.losses(failed, overLimit + overLimitEvaluated);
}
