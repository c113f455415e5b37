/** The event log's sentences. */
import { expect, test } from "vitest";
import { eventSentence, eventTypes } from "../../src/dashboard/page/event-words.ts";
import { type EventBody, eventBodySchema, formatVersion } from "../../src/search/events.ts";
import { runResumed, runStarted, strategySet } from "../support/run-events.ts";

const sentence = (body: EventBody) =>
  eventSentence({ v: formatVersion, seq: 1, at: "2026-01-01T00:00:00Z", ...body });

const reply = {
  model: "m",
  content: "",
  reasoning: null,
  finishReason: null,
  inputTokens: 1_200,
  outputTokens: 30,
  seconds: 2.5,
  failures: [],
};

test("the filter offers every type of event that there is", () => {
  const types = eventBodySchema.options.map(({ shape }) => shape.type.value);
  expect([...eventTypes].sort()).toEqual([...types].sort());
});

test("a start names the searcher, the space, the budget and the seed", () => {
  expect(sentence(runStarted())).toBe("The run began: collm on tiny, 10 evaluations, seed 0.");
});

test("a person's part is told as a person's", () => {
  expect(sentence({ type: "hint-given", round: 4, text: "try <b>skip</b>" })).toBe(
    "A person gave the Navigator of round 4 a hint: try <b>skip</b>",
  );
  expect(sentence({ type: "run-paused", round: 0 })).toBe("A person paused the run before its first round.");
  expect(sentence({ type: "run-paused", round: 3 })).toBe("A person paused the run after round 3.");
  expect(sentence({ type: "run-continued", round: 3 })).toBe("A person continued the run.");
});

test("a reply tells what it took, and where the server did not say", () => {
  const asked = { type: "chat-replied", round: 2, attempt: 1, carried: 0, request: "" } as const;
  expect(sentence({ ...asked, added: [], role: "navigator", reply })).toBe(
    "Round 2: the Navigator replied (m, 1200 + 30 tokens, 2.5 s).",
  );
  const truncated = { promptTokens: 1_026 };
  expect(sentence({ ...asked, added: [], role: "navigator", reply, truncated })).toBe(
    "Round 2: the Navigator replied (m, 1200 + 30 tokens, 2.5 s). The server cut this prompt: the conversation had grown, and no more than 1026 tokens of it were read.",
  );
  expect(
    sentence({
      ...asked,
      added: [],
      role: "generator",
      attempt: 2,
      reply: { ...reply, inputTokens: null, outputTokens: null },
    }),
  ).toBe("Round 2: the Generator replied (m, tokens not given, 2.5 s, attempt 2).");
});

test("a proposal counts its candidates by what was decided", () => {
  const measured = { text: "t", costs: {}, equivalenceKey: "" };
  const accepted = { raw: 1, verdict: { kind: "accepted", measured, overLimit: false, twin: null } } as const;
  const repeated = { raw: 2, verdict: { kind: "repeated", text: "t" } } as const;
  expect(sentence({ type: "round-proposed", round: 1, candidates: [accepted, accepted, repeated] })).toBe(
    "Round 1: 3 candidates proposed: 2 accepted, 1 repeated.",
  );
  expect(sentence({ type: "round-proposed", round: 1, candidates: [] })).toBe(
    "Round 1: 0 candidates proposed.",
  );
});

test("candidates are counted from 1, and a failure is no number", () => {
  const measured = { type: "architecture-measured", round: 3, candidate: 0, text: "t" } as const;
  expect(
    sentence({ ...measured, outcome: { kind: "measurement", metrics: { accuracy: 91.5 }, seconds: 1 } }),
  ).toBe("Round 3, candidate 1: accuracy 91.5.");
  expect(
    sentence({ ...measured, outcome: { kind: "failure", failure: "out-of-memory", message: "needs 40 GB" } }),
  ).toBe("Round 3, candidate 1: failed, out of memory: needs 40 GB.");
});

test("a cap tells what was allowed, used and needed, with its unit", () => {
  expect(sentence({ type: "cap-reached", round: 5, cap: "usd", allowed: 2, spent: 1.9, needed: 0.2 })).toBe(
    "Round 5: the cap of 2 USD is reached: 1.9 used, the next call may need 0.2.",
  );
});

test("an end says why", () => {
  expect(sentence({ type: "run-ended", reason: "stalled", chain: "" })).toBe(
    "The run ended: several rounds in a row brought nothing new.",
  );
});

test("resuming says what changed and what was repaired", () => {
  expect(sentence(runResumed({ budget: 40, repairs: ["a torn last line was cut"] }))).toBe(
    "The run was resumed with a budget of 40. Repaired first: a torn last line was cut.",
  );
});

test("a strategy is not spread over the log", () => {
  expect(sentence(strategySet(2, "x".repeat(5_000)))).toBe("Round 2: a strategy was set (5,000 characters).");
});
