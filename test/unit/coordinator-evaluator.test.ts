/** A search beside an evaluator that gives no number, goes away or breaks the contract. */
import { describe, expect, it } from "vitest";
import { ContractViolation, EvaluatorUnavailable } from "../../src/errors.ts";
import type { Notice } from "../../src/search/live-run.ts";
import type { Outcome } from "../../src/search/events.ts";
import type { EvaluationMessage } from "../../src/search/ports.ts";
import { funnel } from "../../src/search/funnel.ts";
import { best, trace } from "../../src/search/results.ts";
import { bodies, facts, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator, evaluatorWith } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { middle, narrow, right, wide } from "../support/tiny-architectures.ts";
import { tinyBest, tinyDescription, tinyScore } from "../support/tiny-space.ts";

describe("an evaluation that gives no number", () => {
  const failed: Outcome = { kind: "failure", failure: "out-of-memory", message: "too large" };

  it("is paid for, is no number anywhere, and is not tried again", async () => {
    const evaluator = new MemoryEvaluator({
      score: (architecture, split) =>
        architecture.text === narrow ? failed : tinyScore(architecture, split),
    });
    const { journal, run } = await setUp({
      evaluator,
      search: { budget: 2 },
      searcher: scriptedSearcher([[narrow], [narrow, middle]]),
    });
    const state = await run();
    expect(state.ended).toBe("budget");
    expect(funnel(state)).toMatchObject({ evaluated: 1, failed: 1, repeated: 1, improved: 1 });
    expect(trace(state)).toEqual([
      { evaluation: 1, text: null, value: null },
      { evaluation: 2, text: middle, value: expect.any(Number) },
    ]);
    expect(bodies(journal.events, "architecture-measured")[0]?.outcome).toEqual(failed);
    expect(best(state)?.text).toBe(middle);
  });

  const impossible: [string, Record<string, number>, "not-finite" | "out-of-range"][] = [
    ["NaN", { accuracy: Number.NaN, loss: 1 }, "not-finite"],
    ["infinity", { accuracy: Number.POSITIVE_INFINITY, loss: 1 }, "not-finite"],
    ["105 percent", { accuracy: 105, loss: 1 }, "out-of-range"],
    ["less than nothing", { accuracy: -0.001, loss: 1 }, "out-of-range"],
    ["no value of the objective", { loss: 1 }, "not-finite"],
    ["NaN in the second metric", { accuracy: 50, loss: Number.NaN }, "not-finite"],
    ["no value of the second metric", { accuracy: 50 }, "not-finite"],
  ];
  it.each(impossible)("is what %s becomes", async (_, metrics, failure) => {
    const description = {
      ...tinyDescription,
      metrics: [
        ...tinyDescription.metrics,
        { name: "loss", unit: "nats", meaning: "", higherIsBetter: false },
      ],
    };
    const evaluator = new MemoryEvaluator({
      description,
      score: () => ({ kind: "measurement", metrics, seconds: 1 }),
    });
    const { journal, run } = await setUp({
      description,
      evaluator,
      search: { budget: 1 },
      searcher: scriptedSearcher([[narrow]]),
    });
    const state = await run();
    expect(bodies(journal.events, "architecture-measured")[0]?.outcome).toMatchObject({
      kind: "failure",
      failure,
    });
    expect(best(state)).toBeNull();
    expect(trace(state)).toEqual([{ evaluation: 1, text: null, value: null }]);
    expect(state.ended).toBe("budget");
  });

  it("is not what the ends of the range are, nor a loss above 100", async () => {
    const description = {
      ...tinyDescription,
      metrics: [
        ...tinyDescription.metrics,
        { name: "loss", unit: "nats", meaning: "", higherIsBetter: false },
      ],
    };
    const evaluator = new MemoryEvaluator({
      description,
      score: ({ text }) => ({
        kind: "measurement",
        metrics: { accuracy: text === narrow ? 0 : 100, loss: 120 },
        seconds: 1,
      }),
    });
    const { run } = await setUp({
      description,
      evaluator,
      search: { budget: 2 },
      searcher: scriptedSearcher([[narrow, middle]]),
    });
    expect(funnel(await run())).toMatchObject({ evaluated: 2, failed: 0 });
  });
});

describe("an evaluator that is away", () => {
  const script = [
    [narrow, middle, wide],
    [right, tinyBest],
  ];
  const search = { budget: 5, patienceSeconds: 10 };
  const undisturbed = async () =>
    facts(await (await setUp({ search, searcher: scriptedSearcher(script) })).run());

  it("is asked again with growing waits until it is back, and the run is as if nothing had been", async () => {
    const evaluator = new MemoryEvaluator();
    const { run, clock } = await setUp({ evaluator, search, searcher: scriptedSearcher(script) });
    evaluator.goAway(4);
    const notices: Notice[] = [];
    const state = await run(undefined, (notice) => notices.push(notice));
    expect(clock.waits).toEqual([0.25, 0.5, 1, 2]);
    expect(notices.filter(({ kind }) => kind === "waiting")).toEqual(
      clock.waits.map((seconds) => ({ kind: "waiting", seconds, reason: "the evaluator went away" })),
    );
    expect(facts(state)).toEqual(await undisturbed());
  });

  it("is asked only for what has no answer when it breaks off in the middle", async () => {
    const evaluator = new MemoryEvaluator();
    evaluator.breakAfter(2);
    const asked: (readonly string[])[] = [];
    const watched = evaluatorWith(
      {
        evaluate: (request, signal) => {
          asked.push(request.texts);
          return evaluator.evaluate(request, signal);
        },
      },
      evaluator,
    );
    const { run, clock } = await setUp({ evaluator: watched, search, searcher: scriptedSearcher(script) });
    const state = await run();
    expect(asked).toEqual([[narrow, middle, wide], [wide], [right, tinyBest], [tinyBest]]);
    expect(evaluator.evaluated.map(({ text }) => text)).toEqual([
      narrow,
      middle,
      wide,
      right,
      tinyBest,
      tinyBest,
    ]);
    expect(clock.waits).toEqual([0.25]);
    expect(facts(state)).toEqual(await undisturbed());
  });

  it("is asked again when it closes the stream with answers missing", async () => {
    const usual = new MemoryEvaluator();
    const streams: EvaluationMessage[][] = [
      [{ kind: "progress", index: 1, fraction: 0.5, note: "half" }],
      [{ kind: "outcome", index: 2, outcome: { kind: "measurement", metrics: { accuracy: 1 }, seconds: 0 } }],
    ];
    const asked: number[] = [];
    const evaluator = evaluatorWith(
      {
        async *evaluate(request, signal) {
          asked.push(request.texts.length);
          const stream = streams.shift();
          if (stream === undefined) yield* usual.evaluate(request, signal);
          else yield* stream;
        },
      },
      usual,
    );
    const notices: Notice[] = [];
    const { run, clock } = await setUp({
      evaluator,
      search: { ...search, budget: 3 },
      searcher: scriptedSearcher(script),
    });
    const state = await run(undefined, (notice) => notices.push(notice));
    expect(asked).toEqual([3, 3, 2, 1]);
    // The answer in between starts patience, and the waits, again.
    expect(clock.waits).toEqual([0.25, 0.25]);
    expect(state.visited.get(wide)?.outcome).toMatchObject({ metrics: { accuracy: 1 } });
    expect(notices).toContainEqual({
      kind: "progress",
      split: "search",
      text: middle,
      place: 2,
      of: 3,
      fraction: 0.5,
      note: "half",
    });
    expect(notices).toContainEqual(
      expect.objectContaining({
        kind: "waiting",
        reason: "the evaluator closed the stream with 3 architectures unanswered",
      }),
    );
  });

  it("ends the run when patience is exceeded, with everything recorded so far", async () => {
    const evaluator = new MemoryEvaluator();
    const { run, clock, journal } = await setUp({
      evaluator,
      search,
      searcher: scriptedSearcher((turn) => {
        if (turn.round === 2) evaluator.goAway(1_000);
        return script[turn.round - 1] ?? [];
      }),
    });
    await expect(run()).rejects.toThrow(new EvaluatorUnavailable("the evaluator went away (waited 10 s)"));
    expect(clock.waits.reduce((sum, seconds) => sum + seconds, 0)).toBe(10);
    expect(Math.max(...clock.waits)).toBeLessThanOrEqual(5);
    expect(journal.events.at(-1)?.type).toBe("round-closed");
    expect(bodies(journal.events, "architecture-measured")).toHaveLength(3);
  });

  it("is given up at once without patience", async () => {
    const evaluator = new MemoryEvaluator();
    evaluator.goAway(1);
    const { run, clock } = await setUp({
      evaluator,
      search: { patienceSeconds: 0 },
      searcher: scriptedSearcher(script),
    });
    await expect(run()).rejects.toThrow(EvaluatorUnavailable);
    expect(clock.waits).toEqual([]);
  });

  it("keeps the answers that came before it was given up", async () => {
    const usual = new MemoryEvaluator();
    let isGone = false;
    const evaluator = evaluatorWith(
      {
        async *evaluate(request, signal) {
          if (isGone) throw new EvaluatorUnavailable("gone");
          for await (const message of usual.evaluate(request, signal)) {
            yield message;
            if (message.index === 1) break;
          }
          isGone = true;
          throw new EvaluatorUnavailable("gone");
        },
      },
      usual,
    );
    const { run, journal } = await setUp({ evaluator, search, searcher: scriptedSearcher(script) });
    await expect(run()).rejects.toThrow("gone (waited 10 s)");
    expect(bodies(journal.events, "architecture-measured").map(({ text }) => text)).toEqual([narrow, middle]);
  });

  it("may take as long as it likes while answers keep coming", async () => {
    const usual = new MemoryEvaluator();
    const evaluator = evaluatorWith(
      {
        async *evaluate(request, signal) {
          clock.pass(60);
          for await (const message of usual.evaluate(request, signal)) {
            yield message;
            throw new EvaluatorUnavailable("one at a time");
          }
        },
      },
      usual,
    );
    const { run, clock } = await setUp({
      evaluator,
      search: { ...search, patienceSeconds: 1 },
      searcher: scriptedSearcher(script),
    });
    expect((await run()).ended).toBe("budget");
  });
});

describe("an evaluator that breaks the contract", () => {
  const outcome: Outcome = { kind: "measurement", metrics: { accuracy: 1 }, seconds: 0 };
  const streams: [string, EvaluationMessage[], string][] = [
    [
      "answers twice",
      [
        { kind: "outcome", index: 0, outcome },
        { kind: "outcome", index: 0, outcome },
      ],
      `the evaluator answered twice for ${narrow}`,
    ],
    [
      "answers for a place that was not asked for",
      [{ kind: "outcome", index: 2, outcome }],
      "the evaluator answered for place 2 of 2",
    ],
    [
      "answers for a place below the first",
      [{ kind: "progress", index: -1, fraction: 0, note: "" }],
      "the evaluator answered for place -1 of 2",
    ],
  ];
  it.each(streams)("and %s ends the run at once", async (_, stream, message) => {
    const evaluator = evaluatorWith({
      async *evaluate() {
        yield* stream;
      },
    });
    const { run, clock } = await setUp({ evaluator, searcher: scriptedSearcher([[narrow, middle]]) });
    await expect(run()).rejects.toThrow(new ContractViolation(message));
    expect(clock.waits).toEqual([]);
  });

  const costs: [string, Record<string, number>, RegExp][] = [
    ["no value of a limited cost", { params_m: 1 }, /no value for flops_m/],
    ["NaN as a limited cost", { flops_m: Number.NaN, params_m: 1 }, /flops_m/],
  ];
  it.each(costs)("and gives %s ends the run at once", async (_, given, message) => {
    const { run } = await setUp({
      evaluator: new MemoryEvaluator({ costs: () => given }),
      search: { limits: { flops_m: 9 } },
      searcher: scriptedSearcher([[narrow]]),
    });
    const ended = await run().then(String, (error: unknown) => error);
    expect(ended).toBeInstanceOf(ContractViolation);
    expect((ended as Error).message).toMatch(message);
  });

  it("and leaves out the costs of an architecture ends the run at once", async () => {
    const { run } = await setUp({
      evaluator: evaluatorWith({ measureCosts: async () => [] }),
      searcher: scriptedSearcher([[narrow]]),
    });
    await expect(run()).rejects.toThrow(
      new ContractViolation(
        `the evaluator gave no value for every cost of ${narrow}; it must give every cost of its own description`,
      ),
    );
  });
});
