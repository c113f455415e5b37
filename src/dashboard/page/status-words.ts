/** The status of a run in words: what it is, what comes next, what to type next. */
import { program } from "./program.ts";
import { endings, knownWords, playersOf } from "../../report/words.ts";
import { listed } from "../../text/words.ts";
import { commandLine } from "../../text/shell.ts";
import { funnel } from "../../search/funnel.ts";
import { spend } from "../../search/spend.ts";
import { roundLimit } from "../../search/progress.ts";
import type { RunState } from "../../search/state.ts";
import type { StatusMessage } from "../protocol.ts";
import { preciseDuration as duration } from "../../text/durations.ts";
import { amount, counted, withUnit } from "../../text/numbers.ts";

/** What there is to do about a run, and why. */
export interface NextStep {
  readonly words: string;
  /** Commands to choose from. */
  readonly commands: readonly string[];
}

/**
 * What to do next; null: it runs, and nothing has to be done.
 *
 * @param folder the run's folder as a command takes it; null: not known, and no command is given
 */
export function nextStep(
  state: RunState,
  status: StatusMessage | null,
  folder: string | null,
): NextStep | null {
  if (status === null) return null;
  const typed = (...orders: readonly (readonly string[])[]) =>
    folder === null
      ? []
      : orders.map(([order = "", ...rest]) => commandLine(program(), order, folder, ...rest));
  if (status.trouble !== null)
    return {
      words: `Something is wrong with its record: ${status.trouble.replace(/\.?$/, ".")} What was read before is still shown.`,
      commands: [],
    };
  switch (status.condition) {
    case "running":
      return null;
    case "paused":
      return {
        words: `A person paused it ${state.rounds.length === 0 ? "before its first round" : `after round ${state.rounds.length}`}. Continue it under Steering, or type:`,
        commands: typed(["steer", "resume"]),
      };
    case "stopped":
      return {
        words: "It has not ended, and no process works on it. To continue where it stopped:",
        commands: typed(["resume"]),
      };
    case "damaged":
      return { words: "Its record is damaged. What was read before is still shown.", commands: [] };
    case "finished":
      return finishedStep(state, typed);
  }
}

/** Whether a process works on a run, or waits to, as far as is known. */
export function isUnderWay({ ended }: Pick<RunState, "ended">, status: StatusMessage | null): boolean {
  if (ended !== null) return false;
  return status === null || status.condition === "running" || status.condition === "paused";
}

/** What comes next before anything was proposed. */
export function waitingWords(
  { models, ended }: Pick<RunState, "models" | "ended">,
  status: StatusMessage | null,
): string {
  const [first, doing] =
    models === null
      ? ["the first candidates were drawn", "The first candidates are being drawn."]
      : ["the first strategy was set", "The Navigator is being asked for the first strategy."];
  if (!isUnderWay({ ended }, status)) return `It stopped before ${first}.`;
  return status?.condition === "paused" ? "A person paused it before its first round." : doing;
}

/** Why there is no best. */
export function noWinnerYet(state: RunState, status: StatusMessage | null): string {
  if (state.rounds.length === 0) return waitingWords(state, status);
  if (isUnderWay(state, status))
    return "Nothing has been measured within the limits yet: the first result will be shown here.";
  const { evaluated, failed, overLimit } = funnel(state);
  return evaluated + failed === 0 && overLimit > 0
    ? "Nothing that was proposed keeps to the limits."
    : "No evaluation within the limits gave a result.";
}

/** How many rounds there are, and how many there can be. */
export function roundsWords(state: RunState, status: StatusMessage | null): string {
  const limit = roundLimit(state);
  const closed = state.rounds.filter((round) => round.closed).length;
  const isOpen = state.rounds.length > closed;
  return [
    `${closed} closed`,
    ...(isOpen
      ? [`round ${state.rounds.length} ${isUnderWay(state, status) ? "under way" : "not closed"}`]
      : []),
    ...(Number.isFinite(limit) ? [`at most ${limit}`] : []),
  ].join(", ");
}

/** How long it may still take; null: it does not continue, or nothing is known. */
export function timeLeftWords(secondsLeft: number | null, status: StatusMessage | null): string | null {
  if (secondsLeft === null || status === null) return null;
  if (status.condition === "running") return `about ${duration(secondsLeft)}`;
  return status.condition === "paused" ? `about ${duration(secondsLeft)} of work` : null;
}

/** The unit of a cost; empty where it has none. */
export function unitOfCost({ space }: Pick<RunState, "space">, name: string): string {
  return space.costs.find((cost) => cost.name === name)?.unit ?? "";
}

/** The settings of the run, in a few phrases. */
export function settingsWords(state: RunState): string[] {
  const { search, models, space } = state;
  const players = playersOf(models);
  const limits = Object.entries(search.limits).map(
    ([name, limit]) => `${name} at most ${withUnit(limit, unitOfCost(state, name))}`,
  );
  const target = search.target === null ? null : withUnit(search.target, space.metrics[0]?.unit ?? "");
  return [
    `space ${space.id}`,
    `searcher ${state.label ?? search.searcher}`,
    players.length === 0 ? "asks no model" : `roles: ${listed(players)}`,
    `seed ${search.seed}`,
    limits.length === 0 ? "no limit" : listed(limits),
    ...(target === null ? [] : [`target ${target}`]),
    ...(search.blind === true ? ["blind to the space's names"] : []),
    ...(state.known.length === 0 ? [] : [`began with ${knownWords(state)}`]),
    ...(state.hints.length === 0
      ? []
      : [counted(state.hints.length, "hint from a person", "hints from a person")]),
  ];
}

/** How many evaluations there were, what they took, and how many of them an earlier run had paid for. */
export function evaluationsWords(state: RunState): string {
  const { evaluations, evaluationSeconds } = spend(state);
  const { storedEvaluated } = funnel(state);
  const stored = storedEvaluated > 0 ? `, ${amount(storedEvaluated)} served from the store` : "";
  return `${counted(evaluations, "evaluation")}, ${duration(evaluationSeconds)} of the evaluator's time${stored}.`;
}

// --- internal ---

function finishedStep(
  state: RunState,
  typed: (...orders: readonly (readonly string[])[]) => string[],
): NextStep {
  const why = `It ended: ${state.ended === null ? "the reason is not known" : endings[state.ended]}.`;
  const cap = state.capReached;
  const check = ["replay"];
  if (state.ended === "budget")
    return {
      words: `${why} To continue with twice the budget, or to check the record:`,
      commands: typed(["resume", "--budget", `${2 * state.search.budget}`], check),
    };
  if (state.ended === "nothing-succeeded")
    return {
      words: `${why} To continue after the cause is fixed, or to check the record:`,
      commands: typed(["resume", "--budget", `${state.search.budget}`], check),
    };
  if (cap !== null)
    return {
      words: `${why} To continue with twice the cap, or to check the record:`,
      commands: typed(["resume", "--cap", `${cap.cap}=${2 * cap.allowed}`], check),
    };
  return { words: `${why} To check the record:`, commands: typed(check) };
}
