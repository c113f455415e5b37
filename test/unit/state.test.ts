import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ContractViolation } from "../../src/errors.ts";
import { stopReason } from "../../src/search/coordinator.ts";
import {
  type ChatReply,
  type EventBody,
  formatVersion,
  type MeasuredCost,
  type Outcome,
  type RunEvent,
  readEvent,
  type SearchConfig,
  type Verdict,
} from "../../src/search/events.ts";
import { spend } from "../../src/search/spend.ts";
import {
  best,
  budgetLeft,
  budgetSpent,
  evaluations,
  fold,
  funnel,
  idleRounds,
  isHopeless,
  isBetter,
  isOverLimit,
  objective,
  type RunState,
  applyEvent,
  resultOf,
  roundLimit,
  sawWithinLimit,
  smallestCosts,
  strategyBefore,
  trace,
  transcript,
  valueOf,
} from "../../src/search/state.ts";
import { facts, started } from "../support/core-ports.ts";
import { tinyDescription } from "../support/tiny-space.ts";

const limit = 50;

function stamped(bodies: readonly EventBody[]): RunEvent[] {
  return bodies.map((body, index) => ({
    v: formatVersion,
    seq: index + 1,
    at: new Date(Date.UTC(2026, 0, 1) + 1000 * index).toISOString(),
    ...body,
  }));
}

function folded(bodies: readonly EventBody[]): RunState {
  return fold(stamped(bodies)) as RunState;
}

const cost = (text: string, flops_m: number, equivalenceKey = ""): MeasuredCost => ({
  text,
  costs: { flops_m },
  equivalenceKey,
});
const accepted = (text: string, flops_m = 1, twin: string | null = null): Verdict => ({
  kind: "accepted",
  measured: cost(text, flops_m, twin === null ? "" : "key"),
  overLimit: flops_m > limit,
  twin,
});
const measurement = (accuracy: number, seconds = 1): Outcome => ({
  kind: "measurement",
  metrics: { accuracy },
  seconds,
});
const failure: Outcome = { kind: "failure", failure: "crashed", message: "" };

const proposed = (round: number, ...verdicts: Verdict[]): EventBody => ({
  type: "round-proposed",
  round,
  candidates: verdicts.map((verdict, raw) => ({ raw, verdict })),
});
const measured = (round: number, candidate: number, text: string, outcome: Outcome): EventBody => ({
  type: "architecture-measured",
  round,
  candidate,
  text,
  outcome,
});
const closed = (round: number): EventBody => ({ type: "round-closed", round, chain: "" });
const resumed = (changes: Partial<Extract<EventBody, { type: "run-resumed" }>> = {}): EventBody => ({
  type: "run-resumed",
  budget: null,
  rounds: null,
  setup: null,
  models: null,
  versions: {},
  repairs: [],
  ...changes,
});
const replied = (
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
function rounds(...verdicts: Verdict[][]): EventBody[] {
  return verdicts.flatMap((each, index) => [proposed(index + 1, ...each), closed(index + 1)]);
}

// ----- Random records -----

/** What a random candidate becomes; architectures get names of their own as they come up. */
type Draft =
  | {
      readonly kind: "unreadable" | "illegal" | "repeated" | "beyond-budget" | "over-limit";
      readonly flops: number;
    }
  | { readonly kind: "accepted"; readonly flops: number; readonly outcome: Outcome | null }
  | { readonly kind: "equivalent"; readonly flops: number; readonly of: number };

const value = fc.integer({ min: 0, max: 8 }).map((each) => each * 12.5);
const flops = fc.integer({ min: 1, max: 60 });
const draft: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "unreadable" as const,
        "illegal" as const,
        "repeated" as const,
        "beyond-budget" as const,
        "over-limit" as const,
      ),
      flops,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("accepted" as const),
      flops,
      outcome: fc.oneof(
        { weight: 6, arbitrary: value.map((each) => measurement(each)) },
        fc.constant(failure),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("equivalent" as const), flops, of: fc.nat({ max: 5 }) }),
  },
);

interface Story {
  /** One list of bodies a round: what was proposed, then measurements that may come in any order. */
  readonly rounds: readonly { readonly proposed: EventBody; readonly measured: readonly EventBody[] }[];
}

function told(drafts: readonly (readonly Draft[])[]): Story {
  const texts: string[] = [];
  return {
    rounds: drafts.map((round, index) => {
      const measurements: EventBody[] = [];
      const verdicts = round.map((each, candidate): Verdict => {
        const text = `architecture ${index}.${candidate}`;
        switch (each.kind) {
          case "unreadable":
          case "illegal":
            return { kind: each.kind, rejections: [{ code: "unreadable", place: "", sentence: "" }] };
          case "repeated":
            return { kind: "repeated", text: texts[0] ?? text };
          case "beyond-budget":
          case "over-limit":
            return { kind: each.kind, measured: cost(text, each.flops) };
          case "equivalent": {
            const twin = texts[each.of];
            if (twin === undefined) return { kind: "repeated", text };
            return { kind: "equivalent", measured: cost(text, each.flops), twin };
          }
          case "accepted":
            texts.push(text);
            if (each.outcome !== null) measurements.push(measured(index + 1, candidate, text, each.outcome));
            return accepted(text, each.flops);
        }
      });
      return { proposed: proposed(index + 1, ...verdicts), measured: measurements };
    }),
  };
}

const story = fc.array(fc.array(draft, { maxLength: 7 }), { maxLength: 6 }).map(told);
const search: Partial<SearchConfig> = { limits: { flops_m: limit }, overLimit: "evaluate", budget: 1_000 };

function recordOf(
  { rounds: each }: Story,
  order: (measured: readonly EventBody[]) => readonly EventBody[] = (list) => list,
): EventBody[] {
  return [
    started(search),
    ...each.flatMap((round, index) => [round.proposed, ...order(round.measured), closed(index + 1)]),
  ];
}

describe("over random records", () => {
  it("every event is one that a journal can hold", () => {
    fc.assert(
      fc.property(story, (each) => {
        for (const event of stamped(recordOf(each)))
          expect(readEvent(JSON.parse(JSON.stringify(event)))).toEqual({ ok: true, event });
      }),
      { numRuns: 30 },
    );
  });

  it("the funnel adds up, over the run and over its rounds", () => {
    fc.assert(
      fc.property(story, (each) => {
        const state = folded(recordOf(each));
        const { proposed: all, improved, overLimitEvaluated, equivalentEvaluated, ...states } = funnel(state);
        expect(Object.keys(states)).toHaveLength(8);
        expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(all);
        expect(all).toBe(state.rounds.reduce((sum, { candidates }) => sum + candidates.length, 0));
        expect(improved + overLimitEvaluated).toBeLessThanOrEqual(states.evaluated);
        expect(equivalentEvaluated).toBe(0);
        const byRound = state.rounds.map(({ round }) => funnel(state, round));
        for (const [name, total] of Object.entries(funnel(state))) {
          expect(byRound.reduce((sum, round) => sum + round[name as keyof typeof round], 0)).toBe(total);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("what was spent is what was evaluated, failures included", () => {
    fc.assert(
      fc.property(story, (each) => {
        const state = folded(recordOf(each));
        const { evaluated, failed } = funnel(state);
        expect(budgetSpent(state)).toBe(each.rounds.flatMap((round) => round.measured).length);
        expect(budgetSpent(state)).toBe(evaluated + failed);
        expect(budgetLeft(state)).toBe(1_000 - budgetSpent(state));
        expect(trace(state)).toHaveLength(budgetSpent(state));
        expect(spend(state).evaluations).toBe(budgetSpent(state));
        expect(spend(state).evaluationSeconds).toBe(evaluated);
      }),
      { numRuns: 200 },
    );
  });

  it("the best is the first highest result within the limits, equivalents included", () => {
    fc.assert(
      fc.property(story, (each) => {
        const state = folded(recordOf(each));
        let expected: { text: string; value: number } | null = null;
        for (const candidate of state.rounds.flatMap(({ candidates }) => candidates)) {
          const outcome = resultOf(state, candidate);
          if (
            !("measured" in candidate.verdict) ||
            (candidate.verdict.measured.costs["flops_m"] ?? 0) > limit
          )
            continue;
          if (outcome?.kind !== "measurement") continue;
          const found = outcome.metrics["accuracy"] ?? -1;
          if (expected === null || found > expected.value)
            expected = { text: candidate.verdict.measured.text, value: found };
        }
        const { text, value: found } = best(state) ?? {};
        expect({ text, value: found }).toEqual(expected ?? {});
      }),
      { numRuns: 300 },
    );
  });

  it("the trace never gets worse, and improves as often as the funnel says", () => {
    fc.assert(
      fc.property(story, (each) => {
        const state = folded(recordOf(each));
        const values = trace(state).map((point) => point.value ?? -1);
        expect(values).toEqual(values.toSorted((first, second) => first - second));
        const steps = values.filter((point, index) => point > (values[index - 1] ?? -1)).length;
        expect(steps).toBe(funnel(state).improved);
        expect(trace(state).map(({ evaluation }) => evaluation)).toEqual(values.map((_, index) => index + 1));
        for (const point of trace(state)) expect(point.text === null).toBe(point.value === null);
      }),
      { numRuns: 200 },
    );
  });

  it("the order in which measurements arrive makes no difference", () => {
    const shuffled = story.chain((each) =>
      fc.tuple(
        fc.constant(each),
        fc.tuple(
          ...each.rounds.map((round) =>
            fc.shuffledSubarray([...round.measured], { minLength: round.measured.length }),
          ),
        ),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([each, orders]) => {
        let round = 0;
        const [inOrder, arrived] = [
          folded(recordOf(each)),
          folded(recordOf(each, () => orders[round++] ?? [])),
        ];
        expect(facts(arrived)).toEqual(facts(inOrder));
        expect(evaluations(arrived)).toEqual(evaluations(inOrder));
        expect(trace(arrived)).toEqual(trace(inOrder));
        expect(best(arrived)).toEqual(best(inOrder));
        expect(funnel(arrived)).toEqual(funnel(inOrder));
      }),
      { numRuns: 200 },
    );
  });

  it("folding goes on from any event as if it had not stopped", () => {
    fc.assert(
      fc.property(story, fc.nat(), (each, at) => {
        const events = stamped(recordOf(each));
        const cut = 1 + (at % events.length);
        let state = fold(events.slice(0, cut));
        for (const event of events.slice(cut)) state = applyEvent(state, event);
        expect(state).toEqual(fold(events));
      }),
      { numRuns: 100 },
    );
  });
});

describe("the fold", () => {
  it("of nothing is nothing", () => {
    expect(fold([])).toBeNull();
  });

  const impossible: [string, EventBody[], string][] = [
    [
      "a record that does not begin with run-started",
      [closed(1)],
      "event 1: a record begins with run-started, not round-closed",
    ],
    ["a run that starts twice", [started(), started()], "event 2: the run has already started"],
    [
      "a measurement of a round that was not proposed",
      [started(), measured(1, 0, "a", failure)],
      "event 2: measures an architecture that round 1 did not accept",
    ],
    [
      "a measurement of a place that is not there",
      [started(), proposed(1, accepted("a")), measured(1, 1, "a", failure)],
      "event 3: measures an architecture that round 1 did not accept",
    ],
    [
      "a measurement under another name",
      [started(), proposed(1, accepted("a")), measured(1, 0, "b", failure)],
      "event 3: measures an architecture that round 1 did not accept",
    ],
    [
      "a measurement of what was not accepted",
      [started(), proposed(1, { kind: "over-limit", measured: cost("a", 60) }), measured(1, 0, "a", failure)],
      "event 3: measures an architecture that round 1 did not accept",
    ],
  ];
  it.each(impossible)("refuses %s", (_, bodies, message) => {
    expect(() => folded(bodies)).toThrow(new ContractViolation(message));
  });

  it("keeps every cost, but counts as visited only what got a verdict of its own", () => {
    const state = folded([
      started(),
      { type: "costs-measured", round: 1, measured: [cost("asked", 1)] },
      proposed(
        1,
        accepted("a", 2),
        { kind: "over-limit", measured: cost("b", 60) },
        { kind: "equivalent", measured: cost("c", 4), twin: "a" },
        { kind: "beyond-budget", measured: cost("d", 5) },
        { kind: "repeated", text: "e" },
      ),
    ]);
    expect([...state.costs.keys()]).toEqual(["asked", "a", "b", "c", "d"]);
    expect([...state.visited.keys()]).toEqual(["a", "b", "c"]);
  });

  it("keeps the first of a key that did not fail, in the order proposed and not in that of arrival", () => {
    const keyed = (text: string): Verdict => ({
      kind: "accepted",
      measured: cost(text, 1, "key"),
      overLimit: false,
      twin: null,
    });
    const record = [started(), proposed(1, keyed("a"), keyed("b"), keyed("c"))];
    expect(folded(record).firstOfKey.get("key")).toBe("a");
    expect(
      folded([...record, measured(1, 1, "b", failure), measured(1, 0, "a", failure)]).firstOfKey.get("key"),
    ).toBe("c");
    expect(
      folded([...record, measured(1, 0, "a", failure), measured(1, 1, "b", failure)]).firstOfKey.get("key"),
    ).toBe("c");
    expect(
      folded([...record, measured(1, 2, "c", failure), measured(1, 0, "a", failure)]).firstOfKey.get("key"),
    ).toBe("b");
    const allFailed = [...record, ...["a", "b", "c"].map((text, place) => measured(1, place, text, failure))];
    expect(folded(allFailed).firstOfKey.has("key")).toBe(false);
    expect(folded([...allFailed, proposed(2, keyed("d"))]).firstOfKey.get("key")).toBe("d");
  });

  it("does not count what is still being evaluated", () => {
    const state = folded([
      started(),
      proposed(1, accepted("a"), accepted("b")),
      measured(1, 1, "b", measurement(5)),
    ]);
    expect(funnel(state)).toMatchObject({ proposed: 1, evaluated: 1 });
    expect(budgetSpent(state)).toBe(1);
    expect(trace(state)).toEqual([{ evaluation: 1, text: "b", value: 5 }]);
  });
});

describe("resuming", () => {
  const ended: EventBody = { type: "run-ended", reason: "budget", chain: "" };

  it("takes new values from where it stands, and leaves the others", () => {
    const state = folded([
      started({ budget: 5, rounds: 3 }),
      ended,
      resumed({ budget: 9, setup: { server: "there" }, models: { navigator: "n", generator: "g" } }),
    ]);
    expect(state).toMatchObject({
      ended: null,
      resumes: 1,
      setup: { server: "there" },
      models: { navigator: "n" },
      search: { budget: 9, rounds: 3 },
    });
    expect(folded([started({ budget: 5, rounds: 3 }), ended, resumed({ rounds: 7 })])).toMatchObject({
      ended: null,
      search: { budget: 5, rounds: 7 },
    });
  });

  it("leaves an ended run ended when it prolongs nothing", () => {
    expect(folded([started(), ended, resumed()])).toMatchObject({ ended: "budget", resumes: 1 });
  });

  it("forgets idle rounds only when there were as many as make a stall", () => {
    const idle = [started({ stallRounds: 2 }), ...rounds([accepted("a")], [], [])];
    expect(idleRounds(folded(idle))).toBe(2);
    expect(idleRounds(folded([...idle, resumed()]))).toBe(0);
    const once = [started({ stallRounds: 2 }), ...rounds([accepted("a")], [])];
    expect(idleRounds(folded([...once, resumed()]))).toBe(1);
  });
});

describe("a run in which nothing succeeds", () => {
  const failing = (count: number) => [
    proposed(1, ...Array.from({ length: count }, (_, at) => accepted(`a${at}`))),
    ...Array.from({ length: count }, (_, at) => measured(1, at, `a${at}`, failure)),
    closed(1),
  ];

  it("is given up after as many failures as it says, and those are forgiven once it is resumed", () => {
    const hopeless = (search: Partial<SearchConfig>, ...more: EventBody[]) =>
      isHopeless(folded([started(search), ...failing(3), ...more]));
    expect([2, 3, 4].map((giveUpAfter) => hopeless({ giveUpAfter }))).toEqual([true, true, false]);
    expect(hopeless({})).toBe(false);
    expect(hopeless({ giveUpAfter: 3 }, resumed())).toBe(false);
    const next = [proposed(2, accepted("b")), measured(2, 0, "b", failure), closed(2)];
    // Too few failures to give up are not forgiven.
    expect(hopeless({ giveUpAfter: 4 }, resumed(), ...next)).toBe(true);
    expect(hopeless({ giveUpAfter: 3 }, resumed(), ...next)).toBe(false);
  });

  it("is no such run where a single evaluation gave a result, over a limit or not", () => {
    const over = accepted("z", limit + 1);
    const record = [started({ giveUpAfter: 3 }), ...failing(3)];
    const one = [proposed(2, over), measured(2, 0, "z", measurement(1)), closed(2)];
    expect(isHopeless(folded([...record, ...one]))).toBe(false);
  });
});

describe("idle rounds", () => {
  it("are the closed ones at the end in which nothing was accepted", () => {
    const repeated: Verdict = { kind: "repeated", text: "a" };
    expect(idleRounds(folded([started(), ...rounds([], [accepted("a")], [repeated], [])]))).toBe(2);
    expect(idleRounds(folded([started(), ...rounds([], [accepted("a")])]))).toBe(0);
    expect(idleRounds(folded([started(), ...rounds([], []), proposed(3)]))).toBe(0);
    expect(idleRounds(folded([started()]))).toBe(0);
  });
});

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

  it("cost what their servers told, and null where none told", () => {
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

describe("the end", () => {
  it("allows roles 20 rounds, in proportion more above a budget of 100, and others any number", () => {
    const models = { navigator: "n", generator: "g" };
    const allowed = (changes: Partial<SearchConfig>) =>
      roundLimit(folded([{ ...started(changes), models } as EventBody]));
    expect(roundLimit(folded([started({ budget: 100 })]))).toBe(Number.POSITIVE_INFINITY);
    expect(roundLimit(folded([started({ budget: 100, rounds: 3 })]))).toBe(3);
    expect([1, 100, 101, 500].map((budget) => allowed({ budget }))).toEqual([20, 20, 21, 100]);
    expect(allowed({ budget: 500, rounds: 3 })).toBe(3);
  });

  it("has the reason that weighs most when several hold", () => {
    const record = [proposed(1, accepted("a")), measured(1, 0, "a", measurement(90)), closed(1)];
    const reason = (changes: Partial<SearchConfig>) =>
      stopReason(folded([started({ stallRounds: 1, ...changes }), ...record]));
    expect(reason({ target: 90, budget: 1, rounds: 1 })).toBe("target");
    expect(reason({ target: 91, budget: 1, rounds: 1 })).toBe("budget");
    expect(reason({ budget: 2, rounds: 1 })).toBe("rounds");
    expect(reason({ budget: 2, rounds: 2 })).toBeNull();
  });
});
