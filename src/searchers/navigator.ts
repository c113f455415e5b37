/**
 * The Navigator: writes the strategy and refines it from each round's results.
 *
 * Owns its prompts and the reading of its replies. Keeps no conversation: whether one is carried is the Coordinator's
 * business. Knows no model and no space.
 */
import type { ChatReply } from "../search/events.ts";
import type { Prompt, Reading } from "../search/ports.ts";
import type { Rejection, Space } from "../search/space.ts";
import { strategySections } from "../search/strategy.ts";
import {
  best,
  budgetLeft,
  type Evaluation,
  evaluations,
  evaluationsAmong,
  funnel,
  objective,
  type Round,
  type RunState,
  strategyBefore,
  valueOf,
} from "../search/state.ts";
import {
  describeLimits,
  describeProblem,
  describeSpace,
  figure,
  withUnit,
  writeArchitecture,
} from "./prompts.ts";

const fewestWords = 5;
const longestQuote = 200;
const mostExamples = 5;

/** What a rule-following Navigator needs in place of prose. */
export interface NavigatorBrief {
  readonly role: "navigator";
  readonly space: Space;
  readonly higherIsBetter: boolean;
  /** What it may know: all results with memory, the last round's without. */
  readonly results: readonly Evaluation[];
  readonly values: readonly (number | null)[];
  /** Architectures over a limit, in the same scope. */
  readonly overLimit: readonly { readonly text: string; readonly excess: number }[];
  readonly budgetLeft: number;
  readonly budget: number;
}

/** The prompt for the strategy of `round`: an opening as long as there is none, a refinement after that. */
export function navigatorPrompt(state: RunState, space: Space, round: number): Prompt {
  const last = strategyBefore(state, round) === null ? undefined : state.rounds[round - 2];
  return {
    system: systemPrompt(state, space),
    user: last === undefined ? openingMessage(state, space) : refinementMessage(state, space, last),
    schema: null,
    brief: briefOf(state, space, last),
  };
}

/** A strategy is any text with some words in it. */
export function readStrategy(reply: ChatReply): Reading<string> {
  const text = reply.content.trim();
  if (text.split(/\s+/).length >= fewestWords) return { ok: true, value: text };
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

// ----- Prompts -----

function systemPrompt(state: RunState, space: Space): string {
  const { min, max } = state.search.candidates;
  const { limits, overLimit } = state.search;
  const onlyWithin = Object.keys(limits).length > 0 && overLimit === "skip" ? " and within the limit" : "";
  const outline = strategySections.map((section) =>
    section === "Directions"
      ? ["## Directions", ...space.description.dimensions.map(({ name }) => `### ${name}`)].join("\n")
      : section === "Ranges"
        ? `## Ranges\n- ${space.description.dimensions[0]?.name}[0]: CHOICE 60%, CHOICE 30%, CHOICE 10%`
        : `## ${section}`,
  );
  return [
    "You are the Navigator of a neural architecture search: an expert in network design who decides where to look next.",
    `You work with a Generator. You never list the next candidates yourself: you write a strategy in words, and the Generator turns it into ${min} to ${max} concrete architectures. The Generator remembers nothing and sees nothing but your latest strategy, so each strategy must stand alone: no "as before", no reference to results it cannot see. Every one that is legal and new${onlyWithin} is evaluated, and you are shown the scores.`,
    describeProblem(state),
    describeSpace(space),
    [
      "# How to work",
      "1. Start broad: make the first rounds cover clearly different regions of the space.",
      "2. After each round, compare the good architectures with the bad ones. Look for what the good ones share, slot by slot and in combination, and for how the objective moves with cost.",
      "3. Narrow towards what scores well, but keep a part of every round for combinations that have not been tried. Say which.",
      "4. Be concrete: name slots and choices exactly as the space writes them. A strategy that fits any space is worth nothing.",
    ].join("\n"),
    [
      "# What to write",
      "Answer with the strategy alone, under exactly these headings:",
      ["```", ...outline, "```"].join("\n"),
      "- Summary: two sentences, the region to search now and why.",
      "- What worked and why: patterns in the scores and your explanation (in the first round: your expectations and the reasons for them).",
      "- Directions: for each dimension, which choices to use in which slots, and what to combine.",
      "- Ranges: one line for each slot that matters, with the share of architectures in which it should hold each choice.",
      "- Avoid: choices and combinations that waste evaluations.",
    ].join("\n\n"),
  ].join("\n\n");
}

function openingMessage(state: RunState, space: Space): string {
  const names = space.description.dimensions.map(({ name }) => `\`${name}\``).join(", ");
  const limited = Object.keys(state.search.limits).length > 0;
  return [
    `Nothing has been evaluated yet. Write the first strategy, and favour diversity: the first ${state.search.candidates.min} to ${state.search.candidates.max} architectures should teach us as much as possible about the space.`,
    [
      "Consider:",
      `- how the choices in ${names} trade capacity against cost, and which early and late slots matter most;`,
      "- three or more clearly different families of architectures, each with the pattern that defines it;",
      "- which general principles of network design apply here, and which of them are worth testing;",
      limited
        ? "- how each family can be kept close under the limit: where to spend, and where to save for it."
        : "- the whole range from the smallest to the largest architectures, with most of the weight where you expect the best.",
    ].join("\n"),
  ].join("\n\n");
}

function refinementMessage(state: RunState, space: Space, last: Round): string {
  const metric = objective(state);
  const winner = best(state);
  const within = Object.keys(state.search.limits).length > 0 ? " within the limit" : "";
  const evaluated = bestFirst(state, evaluationsAmong(last.candidates));
  const lines = evaluated.map((evaluation, index) => `${index + 1}. ${resultLine(state, space, evaluation)}`);
  const hasUnused = space.description.dimensions.some(({ activeCount }) => activeCount !== "");
  return [
    `# Results of round ${last.round}, best first${hasUnused ? " (null marks an unused slot)" : ""}`,
    evaluated.length > 0
      ? lines.join("\n")
      : last.candidates.length > 0
        ? "No architecture of this round could be evaluated."
        : "The Generator gave no architectures.",
    ...lossesOf(state, space, last),
    [
      "# Where we stand",
      winner === null
        ? `- Best${within}: none yet.`
        : `- Best${within}: ${metric.name} ${figure(winner.value)} with ${costsOf(winner.measured.costs)}: ${writeArchitecture(space, space.fromText(winner.text))}`,
      `- Evaluations: ${state.search.budget - budgetLeft(state)} used, ${budgetLeft(state)} left.`,
      ...describeLimits(state).map((limit) => `- Limit: ${limit}.`),
      `- Target: ${state.search.target === null ? `as ${metric.higherIsBetter ? "high" : "low"} as possible` : withUnit(state.search.target, metric.unit)}.`,
    ].join("\n"),
    [
      state.search.memory.navigator
        ? "Now refine the strategy. Work out:"
        : "Now write the strategy for the next round from these results. Work out:",
      `- what the architectures with the best ${metric.name} have in common that the others lack, slot by slot;`,
      "- which ranges deserve more samples, which are settled and which are exhausted;",
      `- how ${metric.name} moves with cost, and whether there is capacity left to use;`,
      "- what the next set should try: close variations of the best, and combinations not seen so far.",
    ].join("\n"),
    "Write the whole strategy under the same headings.",
  ].join("\n\n");
}

function bestFirst(state: RunState, results: readonly Evaluation[]): Evaluation[] {
  const rank = ({ outcome }: Evaluation) => {
    const value = valueOf(state, outcome);
    return value === null ? Number.NEGATIVE_INFINITY : objective(state).higherIsBetter ? value : -value;
  };
  return [...results].sort((first, second) => rank(second) - rank(first));
}

function resultLine(state: RunState, space: Space, { measured, outcome, overLimit }: Evaluation): string {
  const architecture = writeArchitecture(space, space.fromText(measured.text));
  const costs = costsOf(measured.costs);
  const mark = overLimit ? " (over the limit)" : "";
  if (outcome.kind === "failure")
    return `evaluation failed (${outcome.failure}), ${costs}${mark}: ${architecture}`;
  const value = valueOf(state, outcome);
  return `${objective(state).name} ${value === null ? "unknown" : figure(value)}, ${costs}${mark}: ${architecture}`;
}

/** What became of the candidates that were not evaluated, each kind in a line with the reasons that help. */
function lossesOf(state: RunState, space: Space, last: Round): string[] {
  const lost = funnel(state, last.round);
  const lines: string[] = [];
  if (lost.repeated > 0)
    lines.push(`- ${lost.repeated} repeated an architecture proposed earlier: ask for new combinations.`);
  if (lost.equivalent > 0)
    lines.push(`- ${lost.equivalent} compute the same function as an architecture already evaluated.`);
  const rejections = last.candidates.flatMap(({ verdict }) =>
    "rejections" in verdict ? verdict.rejections : [],
  );
  if (rejections.length > 0)
    lines.push(`- ${lost.illegal + lost.unreadable} were not valid: ${commonest(rejections)}.`);
  const over = last.candidates.flatMap(({ verdict }) =>
    verdict.kind === "over-limit" ? [verdict.measured] : [],
  );
  if (over.length > 0) {
    const examples = over
      .slice(0, mostExamples)
      .map(({ text, costs }) => `${costsOf(costs)}: ${writeArchitecture(space, space.fromText(text))}`);
    lines.push(`- ${over.length} were over the limit and not evaluated, for example ${examples.join("; ")}.`);
  }
  if (lost.beyondBudget > 0) lines.push(`- ${lost.beyondBudget} were more than this round could evaluate.`);
  return lines.length === 0 ? [] : [["Not evaluated:", ...lines].join("\n")];
}

function commonest(rejections: readonly Rejection[]): string {
  const counts = new Map<string, number>();
  for (const { sentence } of rejections) counts.set(sentence, (counts.get(sentence) ?? 0) + 1);
  const sorted = [...counts].sort(([, first], [, second]) => second - first).slice(0, 3);
  return sorted.map(([sentence]) => sentence).join("; ");
}

function costsOf(costs: Readonly<Record<string, number>>): string {
  return (
    Object.entries(costs)
      .map(([name, value]) => `${name} ${figure(value)}`)
      .join(", ") || "no cost"
  );
}

// ----- Brief -----

function briefOf(state: RunState, space: Space, last: Round | undefined): NavigatorBrief {
  const remembers = state.search.memory.navigator;
  const candidates = remembers ? state.rounds.flatMap((each) => each.candidates) : (last?.candidates ?? []);
  const results = remembers ? evaluations(state) : evaluationsAmong(candidates);
  return {
    role: "navigator",
    space,
    higherIsBetter: objective(state).higherIsBetter,
    results,
    values: results.map(({ outcome }) => valueOf(state, outcome)),
    overLimit: candidates.flatMap(({ verdict }) =>
      verdict.kind === "over-limit" || (verdict.kind === "accepted" && verdict.overLimit)
        ? [{ text: verdict.measured.text, excess: excessOf(state, verdict.measured.costs) }]
        : [],
    ),
    budgetLeft: budgetLeft(state),
    budget: state.search.budget,
  };
}

/** By how much the limit that is exceeded most is exceeded, in parts of that limit. */
function excessOf(state: RunState, costs: Readonly<Record<string, number>>): number {
  const excesses = Object.entries(state.search.limits).map(
    ([name, limit]) => ((costs[name] ?? 0) - limit) / (Math.abs(limit) || 1),
  );
  return Math.max(...excesses);
}
