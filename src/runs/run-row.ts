/**
 * One line of the list of runs: the few values that are shown of a run, and its condition.
 *
 * Reads neither file nor clock: whether a process works on the run, and what is wrong with its journal, are arguments.
 */
import * as z from "zod";
import { stopReasonSchema } from "../search/events.ts";
import { spend } from "../search/spend.ts";
import { budgetSpent } from "../search/progress.ts";
import { best, isComplete, objective } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import type { Condition, RunRow } from "./shown-runs.ts";

/** A row that comes from elsewhere, such as a stored index. */
export const runRowSchema: z.ZodType<RunRow> = z.strictObject({
  id: z.string(),
  condition: z.enum(["running", "paused", "stopped", "finished", "damaged"]),
  trouble: z.string().nullable(),
  space: z.string(),
  spaceDigest: z.string(),
  searcher: z.string(),
  model: z.string().nullable(),
  seed: z.number(),
  isBlind: z.boolean(),
  known: z.number(),
  hints: z.number(),
  limits: z.record(z.string(), z.number()),
  metric: z.strictObject({ name: z.string(), unit: z.string(), higherIsBetter: z.boolean() }).nullable(),
  best: z.number().nullable(),
  evaluations: z.number(),
  budget: z.number(),
  rounds: z.number(),
  tokens: z.number().nullable(),
  usd: z.number().nullable(),
  startedAt: z.string(),
  lastAt: z.string(),
  ended: stopReasonSchema.nullable(),
});

export interface Circumstances {
  /** Whether a process works on the run. */
  readonly isHeld: boolean;
  /** What is wrong with its journal, with the line; null: nothing. */
  readonly trouble: string | null;
}

/** @param state as far as the journal could be read; null: not even its first line */
export function rowOf(id: string, state: RunState | null, { isHeld, trouble }: Circumstances): RunRow {
  const condition = conditionOf(state, { isHeld, trouble });
  if (state === null) return { ...unread, id, condition, trouble };
  const { inputTokens, outputTokens, usd } = spend(state);
  const { name, unit, higherIsBetter } = objective(state);
  const isAsked = state.models !== null;
  const isCounted = inputTokens !== null || outputTokens !== null;
  return {
    id,
    condition,
    trouble,
    space: state.space.id,
    spaceDigest: state.space.digest,
    searcher: state.label ?? state.search.searcher,
    model:
      state.models === null
        ? null
        : [...new Set([state.models.navigator, state.models.generator])].join(" and "),
    seed: state.search.seed,
    isBlind: state.search.blind === true,
    known: state.known.length,
    hints: state.hints.length,
    limits: state.search.limits,
    metric: { name, unit, higherIsBetter },
    best: best(state)?.value ?? null,
    evaluations: budgetSpent(state),
    budget: state.search.budget,
    rounds: state.rounds.length,
    tokens: isAsked && isCounted ? (inputTokens ?? 0) + (outputTokens ?? 0) : null,
    usd: isAsked ? usd : null,
    startedAt: state.startedAt,
    lastAt: state.lastAt,
    ended: state.ended,
  };
}

/** The row of a run, made while a process worked on it, when that process may have gone. */
export function withHolder(row: RunRow, isHeld: boolean): RunRow {
  if (isHeld || (row.condition !== "running" && row.condition !== "paused")) return row;
  return { ...row, condition: row.ended === null ? "stopped" : "finished" };
}

// --- internal ---

function conditionOf(state: RunState | null, { isHeld, trouble }: Circumstances): Condition {
  if (trouble !== null) return "damaged";
  if (state !== null && isComplete(state)) return "finished";
  // What comes after the end, such as the winner's test, is work on the run too.
  if (isHeld) return state?.isPaused === true ? "paused" : "running";
  return state === null || state.ended === null ? "stopped" : "finished";
}

const unread: Omit<RunRow, "id" | "condition" | "trouble"> = {
  space: "",
  spaceDigest: "",
  searcher: "",
  model: null,
  seed: 0,
  isBlind: false,
  known: 0,
  hints: 0,
  limits: {},
  metric: null,
  best: null,
  evaluations: 0,
  budget: 0,
  rounds: 0,
  tokens: null,
  usd: null,
  startedAt: "",
  lastAt: "",
  ended: null,
};
