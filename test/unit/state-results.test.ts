/**
 * What a state says of results: limits, the objective, equivalent architectures, and what the roles said and cost.
 */
import { describe, expect, it } from "vitest";
import type { EventBody, Outcome, Verdict } from "../../src/search/events.ts";
import { spend } from "../../src/search/spend.ts";
import { strategyBefore, transcript } from "../../src/search/conversation.ts";
import { funnel } from "../../src/search/funnel.ts";
import { budgetSpent } from "../../src/search/progress.ts";
import {
  best,
  isBetter,
  isOverLimit,
  objective,
  resultOf,
  sawWithinLimit,
  smallestCosts,
  trace,
  valueOf,
} from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { started } from "../support/core-ports.ts";
import {
  accepted,
  closed,
  cost,
  failure,
  folded,
  limit,
  measured,
  measurement,
  proposed,
  replied,
  rounds,
} from "../support/short-events.ts";
import { tinyDescription } from "../support/tiny-space.ts";

describe("limits", () => {
  const limited = (limits: Record<string, number>, ...more: EventBody[]) =>
    folded([started({ limits }), ...more]);

  it("are exceeded by more than the limit, by any one cost, and by a cost that is not there", () => {
    const both = { flops_m: 10, params_m: 1 };
    const of = (flops_m: number, params_m: number) => ({
      text: "a",
      costs: { flops_m, params_m },
      equivalenceKey: "",
    });
    expect(isOverLimit(limited(both), of(10, 1))).toBe(false);
    expect(isOverLimit(limited(both), of(10.001, 1))).toBe(true);
    expect(isOverLimit(limited(both), of(1, 1.001))).toBe(true);
    expect(isOverLimit(limited(both), cost("a", 1))).toBe(true);
    expect(isOverLimit(limited({}), cost("a", 1e300))).toBe(false);
  });

  it("know whether anything within them was ever seen, and the smallest cost", () => {
    const asked = (...flopsOf: number[]): EventBody => ({
      type: "costs-measured",
      round: 1,
      measured: flopsOf.map((each, index) => cost(`${index}`, each)),
    });
    expect(sawWithinLimit(limited({ flops_m: 10 }, asked(11, 12)))).toBe(false);
    expect(sawWithinLimit(limited({ flops_m: 10 }, asked(11, 10)))).toBe(true);
    expect(smallestCosts(limited({ flops_m: 10, params_m: 1 }, asked(12, 11, 13)))).toEqual([
      { name: "flops_m", limit: 10, smallest: 11 },
      { name: "params_m", limit: 1, smallest: null },
    ]);
  });
});

describe("the objective", () => {
  const loss = {
    ...tinyDescription,
    metrics: [{ name: "loss", unit: "nats", meaning: "", higherIsBetter: false }, ...tinyDescription.metrics],
  };

  it("is the space's first metric, in its direction", () => {
    const state = folded([started({}, loss)]);
    expect(objective(state).name).toBe("loss");
    expect([
      isBetter(state, 1, 2),
      isBetter(state, 2, 1),
      isBetter(state, 1, 1),
      isBetter(state, 9, null),
    ]).toEqual([true, false, false, true]);
    expect(valueOf(state, { kind: "measurement", metrics: { loss: 0.5, accuracy: 90 }, seconds: 0 })).toBe(
      0.5,
    );
    expect([valueOf(state, failure), valueOf(state, null), valueOf(state, measurement(90))]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it("decides best and trace where less is better", () => {
    const outcome = (value_: number): Outcome => ({
      kind: "measurement",
      metrics: { loss: value_, accuracy: 50 },
      seconds: 0,
    });
    const state = folded([
      started({}, loss),
      proposed(1, accepted("a"), accepted("b"), accepted("c")),
      ...[2, 1, 1].map((each, place) => measured(1, place, "abc"[place] ?? "", outcome(each))),
    ]);
    expect(best(state)?.text).toBe("b");
    expect(trace(state).map(({ text }) => text)).toEqual(["a", "b", "b"]);
    expect(funnel(state).improved).toBe(2);
  });
});

describe("an equivalent architecture", () => {
  it("has the result of its twin, also as the best when the twin is over the limit", () => {
    const state = folded([
      started({ limits: { flops_m: limit } }),
      proposed(1, accepted("large", 60), accepted("small", 10), {
        kind: "equivalent",
        measured: cost("lean", 20),
        twin: "large",
      }),
      measured(1, 0, "large", measurement(90)),
      measured(1, 1, "small", measurement(50)),
    ]);
    expect(best(state)).toMatchObject({ text: "lean", value: 90 });
    expect(budgetSpent(state)).toBe(2);
  });

  it("has no result as long as its twin has none, and no number when that failed", () => {
    const record = [
      started(),
      proposed(1, accepted("a"), { kind: "equivalent", measured: cost("b", 1), twin: "a" } satisfies Verdict),
    ];
    const candidate = (state: RunState) => state.rounds[0]?.candidates[1] ?? expect.unreachable();
    const waiting = folded(record);
    expect(resultOf(waiting, candidate(waiting))).toBeNull();
    const failed = folded([...record, measured(1, 0, "a", failure)]);
    expect(resultOf(failed, candidate(failed))).toEqual(failure);
    expect(best(failed)).toBeNull();
  });

  it("is counted where it was evaluated all the same", () => {
    const state = folded([
      started(),
      proposed(1, accepted("a"), accepted("b", 1, "a")),
      measured(1, 0, "a", measurement(1)),
      measured(1, 1, "b", measurement(1)),
    ]);
    expect(funnel(state)).toMatchObject({ evaluated: 2, equivalent: 0, equivalentEvaluated: 1 });
  });
});

describe("roles", () => {
  it("keep a conversation each, rejected replies included", () => {
    const state = folded([
      started(),
      replied("navigator", 1),
      { type: "reply-rejected", role: "navigator", round: 1, attempt: 1, reasons: ["why"] },
      replied("navigator", 1, {}, 2),
      replied("generator", 1),
    ]);
    expect(transcript(state, "navigator").map(({ role, content }) => `${role}: ${content}`)).toEqual([
      "user: navigator 1.1",
      "assistant: reply navigator 1.1",
      "user: navigator 1.2",
      "assistant: reply navigator 1.2",
    ]);
    expect(transcript(state, "generator")).toHaveLength(2);
    expect(state.chats.map(({ rejected }) => rejected)).toEqual([["why"], null, null]);
  });

  it("cost what their servers reported, and null where none reported", () => {
    const nothing = spend(folded([started()]));
    expect(nothing).toEqual({
      evaluations: 0,
      chatCalls: 0,
      rejectedReplies: 0,
      repairedReplies: 0,
      failedAttempts: 0,
      billedFailures: 0,
      probes: 0,
      inputTokens: 0,
      outputTokens: 0,
      cachedTokens: null,
      reasoningTokens: null,
      usd: null,
      chatSeconds: 0,
      evaluationSeconds: 0,
    });
    const untold = { inputTokens: null, outputTokens: null };
    expect(
      spend(folded([started(), replied("navigator", 1, untold), replied("generator", 1, untold)])),
    ).toMatchObject({ chatCalls: 2, inputTokens: null, outputTokens: null, chatSeconds: 1 });
    expect(
      spend(folded([started(), replied("navigator", 1, untold), replied("generator", 1)])),
    ).toMatchObject({ inputTokens: 3, outputTokens: 2 });
    const failures = ["is busy", "broke off"];
    expect(spend(folded([started(), replied("navigator", 1, { failures })]))).toMatchObject({
      chatCalls: 1,
      failedAttempts: 2,
    });
  });

  it("go by the latest strategy of an earlier round", () => {
    const set = (round: number, text: string): EventBody => ({ type: "strategy-set", round, text });
    const state = folded([
      started(),
      set(1, "first"),
      ...rounds([]),
      proposed(2),
      closed(2),
      set(3, "third"),
    ]);
    expect([1, 2, 3, 4, 9].map((round) => strategyBefore(state, round))).toEqual([
      null,
      "first",
      "first",
      "third",
      "third",
    ]);
  });
});
