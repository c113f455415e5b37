/**
 * What the fold makes of a record: what it refuses and counts, and what a resume, failures and idle rounds change.
 */
import { describe, expect, it } from "vitest";
import { ContractViolation } from "../../src/errors.ts";
import { stopReason } from "../../src/search/stop-reason.ts";
import type { EventBody, SearchConfig, Verdict } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import { funnel } from "../../src/search/funnel.ts";
import { budgetSpent, idleRounds, isHopeless, roundLimit } from "../../src/search/progress.ts";
import { trace } from "../../src/search/results.ts";
import { started } from "../support/core-ports.ts";
import { runResumed } from "../support/run-events.ts";
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
  rounds,
} from "../support/short-events.ts";

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
    [
      "a measurement after the end of its round",
      [started(), proposed(1, accepted("a")), closed(1), measured(1, 0, "a", failure)],
      "event 4: architecture-measured comes after the end of round 1",
    ],
    [
      "a proposal after the end of its round",
      [started(), proposed(1, accepted("a")), closed(1), proposed(1, accepted("b"))],
      "event 4: round-proposed comes after the end of round 1",
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

  it("takes new values from its place on, and leaves the others", () => {
    const state = folded([
      started({ budget: 5, rounds: 3 }),
      ended,
      runResumed({ budget: 9, setup: { server: "there" }, models: { navigator: "n", generator: "g" } }),
    ]);
    expect(state).toMatchObject({
      ended: null,
      resumes: 1,
      setup: { server: "there" },
      models: { navigator: "n" },
      search: { budget: 9, rounds: 3 },
    });
    expect(folded([started({ budget: 5, rounds: 3 }), ended, runResumed({ rounds: 7 })])).toMatchObject({
      ended: null,
      search: { budget: 5, rounds: 7 },
    });
  });

  it("leaves an ended run ended when it prolongs nothing", () => {
    expect(folded([started(), ended, runResumed()])).toMatchObject({ ended: "budget", resumes: 1 });
  });

  it("forgets idle rounds only when there were as many as make a stall", () => {
    const idle = [started({ stallRounds: 2 }), ...rounds([accepted("a")], [], [])];
    expect(idleRounds(folded(idle))).toBe(2);
    expect(idleRounds(folded([...idle, runResumed()]))).toBe(0);
    const once = [started({ stallRounds: 2 }), ...rounds([accepted("a")], [])];
    expect(idleRounds(folded([...once, runResumed()]))).toBe(1);
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
    expect(hopeless({ giveUpAfter: 3 }, runResumed())).toBe(false);
    const next = [proposed(2, accepted("b")), measured(2, 0, "b", failure), closed(2)];
    // Too few failures to give up are not forgiven.
    expect(hopeless({ giveUpAfter: 4 }, runResumed(), ...next)).toBe(true);
    expect(hopeless({ giveUpAfter: 3 }, runResumed(), ...next)).toBe(false);
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
