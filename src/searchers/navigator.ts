/**
 * The Navigator: writes the strategy and refines it from each round's results.
 *
 * It writes the role's prompts, with the outline of a strategy, and reads its replies. The Coordinator keeps the
 * conversation, if any. No model and no space is known here.
 */
import type { ChatReply } from "../search/events.ts";
import type { Prompt, Reading } from "../search/ports.ts";
import type { Space } from "../search/space.ts";
import { strategyBefore } from "../search/conversation.ts";
import type { RunState } from "../search/state.ts";
import { strategySections } from "../search/strategy.ts";
import { condensedMessage } from "./condensed.ts";
import { openingMessage, refinementMessage } from "./feedback.ts";
import { hintSection } from "./hints.ts";
import {
  describeProblem,
  describeSpace,
  exampleOf,
  hasPromptExtras,
  openNames,
  sceneOf,
  textsOf,
} from "./prompts.ts";

const fewestWords = 5;
const longestQuote = 200;

/**
 * The prompt for the strategy of `round`: an opening until there is a strategy, a refinement after that. It ends with
 * the hints that a person gave for this round, and holds no other hints.
 */
export function navigatorPrompt(state: RunState, space: Space, round: number): Prompt {
  const last = strategyBefore(state, round) === null ? undefined : state.rounds[round - 2];
  const author = { role: "navigator", texts: textsOf(state.search).navigator } as const;
  const request =
    last === undefined ? openingMessage(state, space, author) : refinementMessage(state, space, last, author);
  const user = [request, ...hintSection(state, round)].join("\n\n");
  const condensed = last === undefined ? undefined : condensedMessage(state, space, last, "navigator", user);
  return {
    system: systemPrompt(state, space),
    user,
    ...(condensed === undefined ? {} : { condensed }),
    schema: null,
  };
}

/** A strategy is any text with some words in it. */
export function readStrategy(reply: ChatReply): Reading<string> {
  const text = reply.content.trim();
  if (isStrategy(text)) return { ok: true, value: text };
  const cut = reply.finishReason === "length" ? "; it was cut off by the length limit" : "";
  return {
    ok: false,
    reasons: [
      text === ""
        ? `the reply is empty${cut}`
        : `the reply is no strategy: "${text.slice(0, longestQuote)}"${cut}`,
    ],
  };
}

/** Whether a text has enough words to be a strategy. */
export function isStrategy(text: string): boolean {
  return text.split(/\s+/).length >= fewestWords;
}

/** The headings of a strategy in a fence; without prompt extras only the paper's, without shares. */
export function outlineOf({ search }: RunState, space: Space): string {
  const names = openNames(space);
  const directions = ["## Directions", ...names.map((name) => `### ${name}`)].join("\n");
  const ranges = `## Ranges\n- ${names[0]}[0]: CHOICE 60%, CHOICE 30%, CHOICE 10%`;
  const lines = strategySections.flatMap((section) => {
    if (section === "Directions") return [directions];
    if (section !== "Ranges" && section !== "Avoid") return [`## ${section}`];
    return hasPromptExtras(search) ? [section === "Ranges" ? ranges : "## Avoid"] : [];
  });
  return ["```", ...lines, "```"].join("\n");
}

// --- internal ---

function systemPrompt(state: RunState, space: Space): string {
  const { navigator, example } = textsOf(state.search);
  const scene = sceneOf(state, "navigator");
  return [
    navigator.role(scene),
    describeProblem(state),
    describeSpace(space),
    // The paper shows its Navigator a whole architecture; ours sees the form in the results.
    ...(scene.promptExtras ? [] : [example(exampleOf(space))]),
    navigator.work(scene),
    navigator.answer(scene, outlineOf(state, space), ""),
  ].join("\n\n");
}
