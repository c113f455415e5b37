/**
 * SiLLM-NAS, the paper's ablation: one model that reflects, then generates.
 *
 * Its prompt shows what the Navigator is shown, and asks for what both roles give. Its replies are read into a strategy
 * and raw candidates. It plays under the Generator's name, and keeps the Generator's conversation where memory says so.
 * No model and no space is known here.
 */
import type { ChatReply } from "../search/events.ts";
import type { Prompt, Reading, Searcher } from "../search/ports.ts";
import type { Space } from "../search/space.ts";
import type { Round, RunState } from "../search/state.ts";
import { condensedMessage } from "./condensed.ts";
import { measureSpread } from "./cost-spread.ts";
import { openingMessage, refinementMessage } from "./feedback.ts";
import { type AskedForm, answerIn, askedForm, candidatesIn, isAnswer, readFound } from "./generator.ts";
import { isStrategy, outlineOf } from "./navigator.ts";
import {
  answerForm,
  architecturesSchema,
  describeProblem,
  describeSpace,
  sceneOf,
  textsOf,
} from "./prompts.ts";
import type { Found } from "./reply.ts";

export const solo: Searcher = {
  name: "solo",
  summary: "one language model that reflects, then generates: the paper's ablation (SiLLM-NAS)",
  async propose(turn) {
    if (lastToTell(turn.state, turn.round) === undefined) await measureSpread(turn);
    const prompt = soloPrompt(turn.state, turn.space, turn.round);
    const answer = await turn.ask("generator", prompt, readSolo(turn.space, askedForm(turn.state.search)));
    if (answer === null) return [];
    if (answer.strategy !== null) await turn.setStrategy(answer.strategy);
    return answer.candidates;
  },
};

/** What one reply holds. */
export interface SoloAnswer {
  /** The reflection; null where there is none, which is allowed. */
  readonly strategy: string | null;
  readonly candidates: readonly unknown[];
}

/** The prompt of `round`: an opening until there are candidates, a refinement after that. */
export function soloPrompt(state: RunState, space: Space, round: number): Prompt {
  const { candidates, structured } = state.search;
  const last = lastToTell(state, round);
  const author = { role: "generator", texts: textsOf(state.search).solo } as const;
  const user =
    last === undefined ? openingMessage(state, space, author) : refinementMessage(state, space, last, author);
  const condensed = last === undefined ? undefined : condensedMessage(state, space, last, "generator", user);
  return {
    system: systemPrompt(state, space),
    user,
    ...(condensed === undefined ? {} : { condensed }),
    schema: structured ? architecturesSchema(space, candidates, { strategy: { type: "string" } }) : null,
  };
}

/**
 * The architectures as a Generator would give them, and the strategy: a member of the same object, or the text before.
 */
export function readSolo(space: Space, asked: AskedForm = "json"): (reply: ChatReply) => Reading<SoloAnswer> {
  return (reply) => {
    const answer = answerIn(space, reply.content);
    const first = beginningOf(space, answer.text, answer.found);
    const found = answer.found.slice(first === undefined ? 0 : answer.found.indexOf(first));
    const reading = readFound(space, asked, reply, answer, found);
    if (!reading.ok) return reading;
    return { ...reading, value: { strategy: strategyIn(answer.text, first), candidates: reading.value } };
  };
}

// --- internal ---

/** The round whose results are shown in `round`; undefined until there are candidates. */
function lastToTell({ rounds }: RunState, round: number): Round | undefined {
  const before = rounds.slice(0, round - 1);
  return before.some((each) => each.candidates.length > 0) ? before.at(-1) : undefined;
}

function systemPrompt(state: RunState, space: Space): string {
  const { solo: texts } = textsOf(state.search);
  const scene = sceneOf(state, "generator");
  return [
    texts.role(scene),
    describeProblem(state),
    describeSpace(space),
    texts.work(scene),
    texts.answer(scene, outlineOf(state, space), answerForm(state, space, '"strategy": "...", ')),
  ].join("\n\n");
}

/** Where the answer begins. Examples in a strategy before it are not candidates. */
function beginningOf(space: Space, content: string, found: readonly Found[]): Found | undefined {
  const whole = found.findLast(({ value }) => isAnswer(value));
  if (whole !== undefined) return whole;
  const held = found.filter(({ value }) => candidatesIn(space, value).length > 0);
  const fences = [...content.matchAll(/^[ \t]*```/gm)].map(({ index }) => index);
  let passed = 0;
  const fenced = held.find(({ start }) => {
    while ((fences[passed] ?? content.length) < start) passed += 1;
    return passed % 2 === 1;
  });
  return fenced ?? held[0];
}

function strategyIn(content: string, first: Found | undefined): string | null {
  const { value, start = 0 } = first ?? {};
  const beside =
    typeof value === "object" && value !== null && "strategy" in value ? value.strategy : undefined;
  const before = content
    .slice(0, start)
    .trim()
    .replace(/```[^\n`]*$/, "");
  // The rest of an object that was cut off is not a text.
  const isText = !/^(```[^\n`]*\n\s*)?\{/.test(before);
  const strategy = (typeof beside === "string" ? beside : isText ? before : "").trim();
  return isStrategy(strategy) ? strategy : null;
}
