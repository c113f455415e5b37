/**
 * Writes the requests for a strategy: the results of a round, the state of the search, and what to work out from both.
 *
 * It decides which facts are shown. Without prompt extras these are the paper's alone: evaluated architectures, the
 * best so far, the limit and the target. The role and the words are not known here.
 */
import { number } from "../text/numbers.ts";
import type { Role } from "../search/events.ts";
import type { Rejection } from "../search/architecture.ts";
import type { Space } from "../search/space.ts";
import { funnel } from "../search/funnel.ts";
import { budgetLeft } from "../search/progress.ts";
import {
  best,
  type Evaluation,
  evaluationsAmong,
  excessOf,
  knownResults,
  objective,
  resultOf,
  valueOf,
} from "../search/results.ts";
import type { Round, RunState } from "../search/state.ts";
import { spreadOf } from "./cost-spread.ts";
import { coverageOf, type Listed } from "./coverage.ts";
import {
  describeLimits,
  hasPromptExtras,
  informs,
  openNames,
  sceneOf,
  textsOf,
  withUnit,
  writeArchitecture,
} from "./prompts.ts";
import { bulleted, type StrategistTexts } from "./wordings/texts.ts";

const mostExamples = 5;
/** How many of the results that were known before the search are shown, the best ones. */
const mostKnown = 20;

/** Who writes the strategy: its words, and the role whose conversation it keeps. */
export interface Author {
  readonly role: Role;
  readonly texts: StrategistTexts;
}

/** Asks for the first strategy; from what was known before the search, where there is any. */
export function openingMessage(state: RunState, space: Space, { role, texts }: Author): string {
  const { opening } = textsOf(state.search);
  const scene = sceneOf(state, role);
  const names = openNames(space)
    .map((name) => `\`${name}\``)
    .join(", ");
  return [
    ...(state.known.length === 0
      ? [texts.first(scene)]
      : [knownSection(state, space), texts.firstFromKnown(scene)]),
    ...spreadSection(state, space),
    `${opening.heading}\n${bulleted(opening.considerations(scene, names))}`,
  ].join("\n\n");
}

/** Shows the results of round `last` and asks for the next strategy. */
export function refinementMessage(
  state: RunState,
  space: Space,
  last: Round,
  { role, texts }: Author,
): string {
  const { questions } = textsOf(state.search);
  const scene = sceneOf(state, role);
  return [
    resultsOf(state, space, last, texts),
    ...(scene.promptExtras ? lossesOf(state, space, last, texts) : []),
    overviewOf(state, space, last),
    ...(informs(state.search, "coverage") ? coverageSection(state, space) : []),
    `${texts.next(scene)}\n${bulleted(questions(objective(state).name))}`,
    texts.close(scene),
  ].join("\n\n");
}

/** Results in order of value, those without one last. */
export function bestFirst(state: RunState, results: readonly Evaluation[]): Evaluation[] {
  const rank = ({ outcome }: Evaluation) => {
    const value = valueOf(state, outcome);
    return value === null ? Number.NEGATIVE_INFINITY : objective(state).higherIsBetter ? value : -value;
  };
  return [...results].sort((first, second) => rank(second) - rank(first));
}

/** One result: its value or failure, its costs, the architecture. */
export function resultLine(
  state: RunState,
  space: Space,
  { measured, outcome, overLimit }: Evaluation,
): string {
  const architecture = writeArchitecture(space, space.fromText(measured.text));
  const costs = costsOf(measured.costs);
  const mark = overLimit && hasPromptExtras(state.search) ? " (over the limit)" : "";
  if (outcome.kind === "failure")
    return `evaluation failed (${outcome.failure}), ${costs}${mark}: ${architecture}`;
  const value = valueOf(state, outcome);
  return `${objective(state).name} ${value === null ? "unknown" : number(value)}, ${costs}${mark}: ${architecture}`;
}

/** Every cost by name, in one line. */
export function costsOf(costs: Readonly<Record<string, number>>): string {
  return (
    Object.entries(costs)
      .map(([name, value]) => `${name} ${number(value)}`)
      .join(", ") || "no cost"
  );
}

/** What is known of an architecture that was proposed before, in a few words. */
export function knownOf(state: RunState, text: string): string {
  const candidate = state.visited.get(text);
  const outcome = candidate === undefined ? null : resultOf(state, candidate);
  if (candidate?.verdict.kind === "over-limit") return "over the limit";
  if (outcome === null) return "not evaluated";
  if (outcome.kind === "failure") return `evaluation failed (${outcome.failure})`;
  const value = valueOf(state, outcome);
  return `${objective(state).name} ${value === null ? "unknown" : number(value)}`;
}

/** A share in percent, to a tenth of one. */
export function percent(share: number): string {
  return `${number(Math.round(1000 * share) / 10)}%`;
}

// --- internal ---

/** The best of what was known before the search; what is over a limit comes last. */
function knownSection(state: RunState, space: Space): string {
  const ordered = bestFirst(state, knownResults(state));
  const isOver = ({ overLimit }: Evaluation) => overLimit;
  const shown = [...ordered.filter((each) => !isOver(each)), ...ordered.filter(isOver)].slice(0, mostKnown);
  const lines = shown.map((each, index) => `${index + 1}. ${resultLine(state, space, each)}`);
  return `${textsOf(state.search).known(ordered.length, shown.length)}\n\n${lines.join("\n")}`;
}

function resultsOf(state: RunState, space: Space, last: Round, { noCandidates }: StrategistTexts): string {
  const { results } = textsOf(state.search);
  const evaluated = bestFirst(state, evaluationsAmong(last.candidates));
  const lines = evaluated.map((evaluation, index) => `${index + 1}. ${resultLine(state, space, evaluation)}`);
  const hasUnused = space.description.dimensions.some(({ activeCount }) => activeCount !== "");
  return [
    `${results.heading(last.round)}${hasUnused ? ` (${results.unused})` : ""}`,
    evaluated.length > 0
      ? lines.join("\n")
      : last.candidates.length > 0
        ? results.noneEvaluated
        : noCandidates,
  ].join("\n\n");
}

function overviewOf(state: RunState, space: Space, last: Round): string {
  const { overview } = textsOf(state.search);
  const scene = sceneOf(state, "navigator");
  const metric = objective(state);
  const winner = best(state);
  const { target, budget } = state.search;
  const left = budgetLeft(state);
  const lines = [
    winner === null
      ? overview.noBest(scene)
      : overview.best(
          scene,
          `${metric.name} ${number(winner.value)}`,
          costsOf(winner.measured.costs),
          writeArchitecture(space, space.fromText(winner.text)),
        ),
    ...(scene.promptExtras ? [overview.evaluations(budget - left, left)] : []),
    ...describeLimits(state).map(overview.limit),
    ...(informs(state.search, "headroom") ? headroomLines(state, last) : []),
    target === null
      ? overview.open(metric.higherIsBetter ? "high" : "low")
      : overview.target(withUnit(target, metric.unit)),
  ];
  return `${overview.heading}\n${bulleted(lines)}`;
}

/** What happened to the candidates that were not evaluated, a line for each kind, with the reasons that help. */
function lossesOf(state: RunState, space: Space, last: Round, texts: StrategistTexts): string[] {
  const { results } = textsOf(state.search);
  const lost = funnel(state, last.round);
  const lines: string[] = [];
  if (lost.repeated > 0) lines.push(texts.repeated(lost.repeated));
  if (lost.repeated > 0 && informs(state.search, "duplicates"))
    lines.push(results.again(duplicatesOf(state, space, last)));
  if (lost.equivalent > 0) lines.push(results.equivalent(lost.equivalent));
  const rejections = last.candidates.flatMap(({ verdict }) =>
    "rejections" in verdict ? verdict.rejections : [],
  );
  if (rejections.length > 0)
    lines.push(results.invalid(lost.illegal + lost.unreadable, commonest(rejections)));
  const over = last.candidates.flatMap(({ verdict }) =>
    verdict.kind === "over-limit" ? [verdict.measured] : [],
  );
  if (over.length > 0) {
    const nearest = informs(state.search, "headroom")
      ? [...over].sort((first, second) => excessOf(state, first.costs) - excessOf(state, second.costs))
      : over;
    const examples = nearest
      .slice(0, mostExamples)
      .map(({ text, costs }) => `${costsOf(costs)}: ${writeArchitecture(space, space.fromText(text))}`);
    lines.push(results.overLimit(over.length, examples.join("; ")));
  }
  if (lost.beyondBudget > 0) lines.push(results.beyondRound(lost.beyondBudget));
  return lines.length === 0 ? [] : [`${results.lost}\n${bulleted(lines)}`];
}

function commonest(rejections: readonly Rejection[]): string {
  const counts = new Map<string, number>();
  for (const { sentence } of rejections) counts.set(sentence, (counts.get(sentence) ?? 0) + 1);
  const sorted = [...counts].sort(([, first], [, second]) => second - first).slice(0, 3);
  return sorted.map(([sentence]) => sentence).join("; ");
}

/** The architectures that were repeated most often, with what is known of them. */
function duplicatesOf(state: RunState, space: Space, { candidates }: Round): string {
  const counts = new Map<string, number>();
  for (const { verdict } of candidates)
    if (verdict.kind === "repeated") counts.set(verdict.text, (counts.get(verdict.text) ?? 0) + 1);
  return [...counts]
    .sort(([, first], [, second]) => second - first)
    .slice(0, mostExamples)
    .map(
      ([text, count]) =>
        `${count} × ${knownOf(state, text)}: ${writeArchitecture(space, space.fromText(text))}`,
    )
    .join("; ");
}

/** The part of each limit that is used by the best, and by the middle one of a round's evaluated architectures. */
function headroomLines(state: RunState, last: Round): string[] {
  const { overview } = textsOf(state.search);
  const winner = best(state);
  const evaluated = evaluationsAmong(last.candidates);
  return Object.entries(state.search.limits).flatMap(([name, limit]) => {
    if (limit <= 0) return [];
    const shareOf = (costs: Readonly<Record<string, number>>) => {
      const cost = costs[name];
      return cost === undefined ? [] : [cost / limit];
    };
    const shares = evaluated.flatMap(({ measured }) => shareOf(measured.costs)).sort((a, b) => a - b);
    const middle = shares[Math.floor((shares.length - 1) / 2)];
    const [most] = winner === null ? [] : shareOf(winner.measured.costs);
    if (middle === undefined && most === undefined) return [];
    return [overview.headroom(`\`${name}\``, percentOrNull(most), percentOrNull(middle))];
  });
}

function percentOrNull(share: number | undefined): string | null {
  return share === undefined ? null : percent(share);
}

/** What the search has and has not seen; empty before anything was evaluated. */
function coverageSection(state: RunState, space: Space): string[] {
  const coverage = coverageOf(state, space);
  if (coverage === null) return [];
  const { coverage: texts } = textsOf(state.search);
  const whole = ({ text, more }: Listed) => `${text}${more === 0 ? "" : texts.more(more)}`;
  const { evaluated, size, never, rare, bands } = coverage;
  const lines = [
    ...(size === null ? [] : [texts.share(evaluated, size)]),
    ...(never === null ? [] : [texts.never(whole(never))]),
    ...(rare === null ? [] : [texts.rare(whole(rare))]),
    ...(bands === null
      ? []
      : [texts.bands(`\`${bands.cost}\`${bands.unit === "" ? "" : ` (${bands.unit})`}`, bands.text)]),
  ];
  return lines.length === 0 ? [] : [`${texts.heading}\n${bulleted(lines)}`];
}

/** What random architectures cost, where that is shown. */
function spreadSection(state: RunState, space: Space): string[] {
  const spread = spreadOf(state, space);
  if (spread === null) return [];
  const { spread: texts } = textsOf(state.search);
  const lines = spread.costs.map(({ name, unit, lowest, highest, lowerQuarter, upperQuarter }) =>
    texts.cost(
      `\`${name}\``,
      `${number(lowest)} to ${withUnit(highest, unit)}`,
      `${number(lowerQuarter)} to ${number(upperQuarter)}`,
    ),
  );
  const within = spread.within === null ? [] : [texts.within(percent(spread.within / spread.drawn))];
  return [`${texts.heading(spread.drawn)}\n${bulleted([...lines, ...within])}`];
}
