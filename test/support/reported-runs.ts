/**
 * Finished runs in the tiny space, folded from the events of a few numbers.
 *
 * Owns how a list of scores becomes a record: five candidates a round, one architecture a score. Knows no searcher.
 */
import {
  type ChatReply,
  type EventBody,
  formatVersion,
  type Outcome,
  type Verdict,
} from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import type { ReportedRun } from "../../src/report/study.ts";
import { runStarted } from "./run-events.ts";

type Started = ReturnType<typeof runStarted>;

export interface RunOptions {
  readonly folder?: string;
  readonly search?: Partial<Started["search"]>;
  readonly started?: Partial<Omit<Started, "search">>;
  /** The cost of each architecture; over a limit of the search it is evaluated all the same. */
  readonly flops?: readonly number[];
  /** What of the test split is known after the end: of the winner, of all that was evaluated, or nothing. */
  readonly tests?: "winner" | "oracle" | "none";
  /** The test value of an architecture, from its place and its value on the search split. */
  readonly testOf?: (at: number, value: number) => number;
  /** The standard error of a value, from its place; none is known where it is not given. */
  readonly errorOf?: (at: number, split: "search" | "test") => number | undefined;
  /** Whether the evaluator had the result at a place in its store. */
  readonly isStored?: (at: number) => boolean;
  /** The canonical text of each architecture; made up where it is not given. */
  readonly textOf?: (at: number) => string;
  readonly replies?: readonly Partial<ChatReply>[];
  /** Whether it came to an end; else it is still under way. */
  readonly ends?: boolean;
}

/** A run that evaluated one architecture a score, in this order; null is a failed evaluation. */
export function reportedRun(scores: readonly (number | null)[], options: RunOptions = {}): ReportedRun {
  const {
    search = {},
    started = {},
    flops = [],
    tests = "winner",
    testOf = (_at, value) => value - 1,
  } = options;
  const first = runStarted(started);
  const { name } = first.space.metrics[0] as { name: string };
  const { name: costName } = first.space.costs[0] as { name: string };
  const measured = (value: number | null, at: number, split: "search" | "test"): Outcome => {
    if (value === null) return { kind: "failure", failure: "crashed", message: "out of order" };
    const error = options.errorOf?.(at, split);
    const errors = error === undefined ? {} : { standardErrors: { [name]: error } };
    if (split === "search" && options.isStored?.(at) === true)
      return { kind: "measurement", metrics: { [name]: value }, seconds: 0, ...errors, stored: true };
    return { kind: "measurement", metrics: { [name]: value }, seconds: 2, ...errors };
  };
  const limit = search.limits?.[costName] ?? Number.POSITIVE_INFINITY;
  const textOf = options.textOf ?? ((at: number) => `|conv~${at}|`);
  const verdictOf = (at: number): Verdict => {
    const cost = flops[at] ?? 100 + at;
    return {
      kind: "accepted",
      measured: { text: textOf(at), costs: { [costName]: cost }, equivalenceKey: "" },
      overLimit: cost > limit,
      twin: null,
    };
  };
  const bodies: EventBody[] = [{ ...first, search: { ...first.search, budget: scores.length, ...search } }];
  for (const [at, reply] of (options.replies ?? []).entries())
    bodies.push({
      type: "chat-replied",
      role: "navigator",
      round: at + 1,
      attempt: 1,
      added: [],
      carried: 0,
      request: "",
      reply: {
        model: "m",
        content: "",
        reasoning: null,
        finishReason: null,
        inputTokens: 1_000,
        outputTokens: 100,
        seconds: 3,
        failures: [],
        ...reply,
      },
    });
  for (let start = 0, round = 1; start < scores.length; start += 5, round++) {
    const places = scores.slice(start, start + 5).map((_, index) => start + index);
    bodies.push({
      type: "round-proposed",
      round,
      candidates: places.map((at) => ({ raw: at, verdict: verdictOf(at) })),
    });
    for (const [candidate, at] of places.entries())
      bodies.push({
        type: "architecture-measured",
        round,
        candidate,
        text: textOf(at),
        outcome: measured(scores[at] ?? null, at, "search"),
      });
    bodies.push({ type: "round-closed", round, chain: "" });
  }
  if (options.ends !== false) {
    bodies.push({ type: "run-ended", reason: "budget", chain: "" });
    const tested = (at: number) => ({
      text: textOf(at),
      outcome: measured(testOf(at, scores[at] as number), at, "test"),
    });
    const better = first.space.metrics[0]?.higherIsBetter === false ? Math.min : Math.max;
    const within = scores.map((value, at) => ((flops[at] ?? 100 + at) > limit ? null : value));
    const known = within.filter((value) => value !== null);
    const winner = within.indexOf(better(...known));
    if (tests !== "none" && winner !== -1)
      bodies.push({ type: "winner-tested", ...tested(winner), chain: "" });
    if (tests === "oracle")
      bodies.push({
        type: "oracle-tested",
        results: [...scores.keys()].filter((at) => scores[at] !== null).map(tested),
        chain: "",
      });
  }
  const state = fold(
    bodies.map((body, index) => ({
      v: formatVersion,
      seq: index + 1,
      at: new Date(Date.UTC(2026, 0, 1) + 1000 * index).toISOString(),
      ...body,
    })),
  ) as RunState;
  return { folder: options.folder ?? `runs/${state.search.searcher}-${state.search.seed}`, state };
}
