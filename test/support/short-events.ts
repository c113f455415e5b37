/**
 * Facts of a run in few words, for tests of what they add up to.
 *
 * A cost is one number, in the unit of the first cost of the tiny space; above `limit` it is over the limit.
 */
import {
  type ChatReply,
  type EventBody,
  formatVersion,
  type MeasuredCost,
  type Outcome,
  type RunEvent,
  type Verdict,
} from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";

export const limit = 50;

export function stamped(bodies: readonly EventBody[]): RunEvent[] {
  return bodies.map((body, index) => ({
    v: formatVersion,
    seq: index + 1,
    at: new Date(Date.UTC(2026, 0, 1) + 1000 * index).toISOString(),
    ...body,
  }));
}

export function folded(bodies: readonly EventBody[]): RunState {
  return fold(stamped(bodies)) as RunState;
}

export const cost = (text: string, flops_m: number, equivalenceKey = ""): MeasuredCost => ({
  text,
  costs: { flops_m },
  equivalenceKey,
});

export const accepted = (text: string, flops_m = 1, twin: string | null = null): Verdict => ({
  kind: "accepted",
  measured: cost(text, flops_m, twin === null ? "" : "key"),
  overLimit: flops_m > limit,
  twin,
});

export const measurement = (accuracy: number, seconds = 1): Outcome => ({
  kind: "measurement",
  metrics: { accuracy },
  seconds,
});

export const failure: Outcome = { kind: "failure", failure: "crashed", message: "" };

export const proposed = (round: number, ...verdicts: Verdict[]): EventBody => ({
  type: "round-proposed",
  round,
  candidates: verdicts.map((verdict, raw) => ({ raw, verdict })),
});

export const measured = (round: number, candidate: number, text: string, outcome: Outcome): EventBody => ({
  type: "architecture-measured",
  round,
  candidate,
  text,
  outcome,
});

export const closed = (round: number): EventBody => ({ type: "round-closed", round, chain: "" });

export const replied = (
  role: "navigator" | "generator",
  round: number,
  reply: Partial<ChatReply> = {},
  attempt = 1,
): EventBody => ({
  type: "chat-replied",
  role,
  round,
  attempt,
  added: [{ role: "user", content: `${role} ${round}.${attempt}` }],
  carried: 0,
  request: "",
  reply: {
    model: "m",
    content: `reply ${role} ${round}.${attempt}`,
    reasoning: null,
    finishReason: null,
    inputTokens: 3,
    outputTokens: 2,
    seconds: 0.5,
    failures: [],
    ...reply,
  },
});

/** One round at a time without measurements, closed. */
export function rounds(...verdicts: Verdict[][]): EventBody[] {
  return verdicts.flatMap((each, index) => [proposed(index + 1, ...each), closed(index + 1)]);
}
