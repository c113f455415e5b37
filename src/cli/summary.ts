/**
 * Writes the closing lines of a run: its winner, how it ended, what it took, and what to type next.
 *
 * The numbers are from app/summary.ts.
 */
import { fieldsOf } from "../text/json.ts";
import { summarize, whyNoWinner } from "../app/summary.ts";
import { dollars, namedNumbers, number, score } from "../text/numbers.ts";
import { shellWord } from "../text/shell.ts";
import { capUnits, endings, knownWords, playersOf, tiesWords } from "../report/words.ts";
import type { StandardErrors } from "../search/events.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import type { Spend } from "../search/spend.ts";
import type { Funnel } from "../search/funnel.ts";
import { budgetSpent } from "../search/progress.ts";
import { objective, untestedWinner } from "../search/results.ts";
import type { CapReached, RunState } from "../search/state.ts";
import type { Worker } from "../app/held-run.ts";
import { paint } from "./style.ts";
import { table } from "./table.ts";
import { wrapped } from "../text/wrapped.ts";

/**
 * The closing lines for a person. `command` is how this program was called, `worker` who works on the run now, `columns` how
 * wide the terminal is; null: it is none.
 */
export function summaryLines(
  state: RunState,
  run: string,
  command: string,
  worker: Worker = "nobody",
  columns: number | null = null,
): string[] {
  const broken = (words: string) => wrapped(words, columns === null ? null : columns - labelWidth);
  const summary = summarize(state, run);
  const { best: winner, funnel: lost, spend: spent } = summary;
  const bold = (text: string) => paint("bold", text);
  const rows: [string, string][] = [];
  if (winner === null) rows.push(["Winner", broken(`none: ${whyNoWinner(state).words}`)]);
  else {
    const found = scores(state.space, winner.metrics, winner.standardErrors);
    const caveat = winner.sameImagesAsSearch ? "  (same images as the search)" : "";
    rows.push(["Winner", bold(winner.text)]);
    if (winner.original !== null) rows.push(["", `under its own names: ${winner.original}`]);
    if (winner.isKnown) rows.push(["", broken("known before the search began, which found nothing better")]);
    rows.push(["", broken([found, namedNumbers(winner.costs)].filter((part) => part !== "").join("  "))]);
    rows.push([
      "",
      broken(
        winner.test === null
          ? testNote(state)
          : `test split: ${scores(state.space, winner.test, winner.testStandardErrors)}${caveat}`,
      ),
    ]);
    rows.push(["", broken(tiesWords(winner.withinNoise))]);
  }
  rows.push([
    "Ended",
    broken(
      `${endingOf(state, worker)} (${budgetSpent(state)} of ${state.search.budget} evaluations, ${state.rounds.length} ${state.rounds.length === 1 ? "round" : "rounds"})`,
    ),
  ]);
  if (state.capReached !== null) rows.push(["", broken(capLine(state.capReached))]);
  rows.push(["Funnel", broken(funnelLine(lost))]);
  rows.push(["Spend", broken(spendLine(state, spent))]);
  if (state.known.length > 0) rows.push(["Known", broken(`began with ${knownWords(state)}`)]);
  if (state.hints.length > 0) rows.push(["Hints", hintsByPerson(state)]);
  rows.push(["Run", run]);
  const word = shellWord(run);
  const reached = state.capReached;
  // To resume or prolong a run takes its lock, which its process holds.
  const isFree = worker === "nobody";
  const isOurs = isFree && !isProgrammed(state);
  const next = [
    ...(isOurs && state.ended !== null && reached !== null
      ? [["continue", `${command} resume ${word} --cap ${reached.cap}=${number(2 * reached.allowed)}`]]
      : []),
    ...(isOurs && state.ended === null ? [["continue", `${command} resume ${word}`]] : []),
    ...(worker === "steerable" && state.isPaused ? [["continue", `${command} steer ${word} resume`]] : []),
    ...(isFree ? [] : [["look on", `${command} watch ${word}`]]),
    ["every round", `${command} show ${word}`],
    ["on a page", `${command} dashboard ${word}`],
    ...(isOurs && state.ended === "budget"
      ? [["continue", `${command} resume ${word} --budget ${2 * state.search.budget}`]]
      : []),
    ...(isOurs && state.ended === "nothing-succeeded"
      ? [["once the cause is repaired", `${command} resume ${word} --budget ${state.search.budget}`]]
      : []),
    ...(state.ended === null ? [] : [["check the record", `${command} replay ${word}`]]),
  ] as const;
  for (const [index, [what, line]] of next.entries())
    rows.push([index === 0 ? "Next" : "", `${line}  ${paint("dim", `# ${what}`)}`]);
  return table(rows.filter(([, text]) => text !== ""));
}

/** `name value unit` for each metric of a result, with its standard error where it is known. */
export function scores(
  space: Pick<SpaceDescription, "metrics">,
  values: Readonly<Record<string, number>>,
  errors: StandardErrors | null,
): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${score(value, unitOf(space, name), errors?.[name] ?? null)}`)
    .join("  ");
}

/** The unit of a metric as it follows its number; none where the name says it already, as in `images 10000`. */
function unitOf({ metrics }: Pick<SpaceDescription, "metrics">, metric: string): string {
  const unit = metrics.find(({ name }) => name === metric)?.unit ?? "";
  return unit === metric ? "" : unit;
}

/** `2 hints by a person`. */
export function hintsByPerson({ hints }: Pick<RunState, "hints">): string {
  return `${hints.length} ${hints.length === 1 ? "hint" : "hints"} by a person`;
}

// --- internal ---

/** Whether a program served the evaluator for this run alone, so that only its call continues the run. */
function isProgrammed({ setup }: RunState): boolean {
  const program = fieldsOf(setup["evaluator"])["program"];
  return program !== null && program !== undefined;
}

/** The longest of the words before the lines, and the gap after it. */
const labelWidth = "Winner".length + 2;

function endingOf({ ended, isPaused }: RunState, worker: Worker): string {
  if (ended !== null) return endings[ended];
  if (worker === "nobody") return `not finished: stopped${isPaused ? " during a pause" : ""}`;
  return isPaused ? "not finished: paused" : "not finished: still running";
}

function capLine({ cap, allowed, spent, needed }: CapReached): string {
  if (cap === "seconds") return `${number(allowed)} s may be taken in all`;
  const why =
    needed === 0
      ? `${number(spent - allowed)} more than allowed: the server gave a longer reply than it was asked for`
      : `the next call may need ${number(needed)}`;
  return `${number(spent)} of ${number(allowed)} ${capUnits[cap]} used, unknown ones at their most; ${why}`;
}

function funnelLine(lost: Funnel): string {
  const parts = [
    [lost.unreadable, "unreadable"],
    [lost.illegal, "illegal"],
    [lost.repeated, "repeated"],
    [lost.equivalent, "equivalent"],
    [lost.overLimit, "over the limit"],
    [lost.beyondBudget, "beyond the budget"],
    [lost.failed, "failed"],
    [lost.evaluated, "evaluated"],
  ] as const;
  const shown = parts
    .filter(([count, name]) => count > 0 || name === "evaluated")
    .map(([count, name]) => `${count} ${name}`);
  const within = [
    [lost.improved, "improved the best"],
    [lost.equivalentEvaluated, "repeated a function"],
    [lost.overLimitEvaluated, "were over the limit"],
    [lost.storedEvaluated, "served from the store"],
  ] as const;
  const details = within.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`);
  return `${lost.proposed} proposed: ${shown.join(", ")}${details.length > 0 ? ` (of these ${details.join(", ")})` : ""}`;
}

function spendLine(state: RunState, spent: Spend): string {
  const evaluating = `${spent.evaluations} evaluations in ${spent.evaluationSeconds.toFixed(1)} s`;
  if (state.models === null) return state.label === undefined ? evaluating : `${evaluating}; ${state.label}`;
  const players = playersOf(state.models).join(" and ");
  const rejected = spent.rejectedReplies > 0 ? `, ${spent.rejectedReplies} unreadable` : "";
  const repaired = spent.repairedReplies > 0 ? `, ${spent.repairedReplies} repaired in their form` : "";
  const charged = spent.billedFailures > 0 ? ` (${spent.billedFailures} of them perhaps charged for)` : "";
  const failed = spent.failedAttempts > 0 ? `, after ${spent.failedAttempts} failed attempts${charged}` : "";
  const probed = spent.probes > 0 ? `, ${spent.probes} ${spent.probes === 1 ? "probe" : "probes"}` : "";
  const calls = `${spent.chatCalls} replies (${players}${rejected}${repaired}${failed}${probed})`;
  return `${evaluating}; ${calls}; ${tokensLine(spent)} in ${spent.chatSeconds.toFixed(1)} s${moneyLine(state, spent)}`;
}

function tokensLine({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Spend): string {
  if (inputTokens === null) return "tokens not counted by the server,";
  const cached = cachedTokens === null ? "" : ` (${cachedTokens} read before)`;
  const thinking = reasoningTokens === null ? "" : ` (${reasoningTokens} thinking)`;
  return `${inputTokens}${cached} + ${outputTokens ?? 0}${thinking} tokens`;
}

function moneyLine({ prices }: RunState, { usd }: Spend): string {
  if (usd !== null) return `; ${dollars(usd)}`;
  if (prices === undefined) return "";
  return Object.values(prices).some((price) => price === null)
    ? "; price not known"
    : "; money not known, for tokens are not";
}

function testNote(state: RunState): string {
  if (state.ended === null) return "";
  return state.space.splits.some(({ name }) => name === "test")
    ? untestedWinner(state) !== null
      ? "test split: not asked yet"
      : "test split: the evaluation failed"
    : "no test split in this space: the score is the one the search saw";
}

/** The objective's value with its unit, and its standard error where it is known, for a progress line. */
export function scoreText(state: RunState, value: number | null, error: number | null = null): string {
  if (value === null) return "none yet";
  return score(value, unitOf(state.space, objective(state).name), error);
}
