import { describe, expect, it } from "vitest";
import { endWithoutWinner, summarize, whyNoWinner } from "../../src/app/summary.ts";
import { scoreText, summaryLines } from "../../src/cli/summary.ts";
import { number } from "../../src/text/numbers.ts";
import type { ChatReply, Outcome, RunEvent } from "../../src/search/events.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { fold } from "../../src/search/fold.ts";
import type { RunState } from "../../src/search/state.ts";
import { rules } from "../../src/searchers/rules.ts";
import { type CoreOptions, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { tinyDescription, tinyScore } from "../support/tiny-space.ts";
import { inFile } from "../support/streams.ts";

const smallest = '{"depth":[1,1],"width":[16,null,16,null]}';
const good = '{"depth":[2,1],"width":[24,32,32,null]}';
const largest = '{"depth":[2,2],"width":[32,32,32,32]}';

/** The record of a run to its end. */
async function record(
  options: Partial<CoreOptions> & Pick<CoreOptions, "searcher">,
): Promise<readonly RunEvent[]> {
  const { run, journal } = await setUp({ search: { rounds: 2, stallRounds: 1 }, ...options });
  await run();
  return journal.events;
}

const folded = (events: readonly RunEvent[]) => fold(events) as RunState;
const upTo = (events: readonly RunEvent[], type: RunEvent["type"]) =>
  events.slice(
    0,
    events.findIndex((event) => event.type === type),
  );

/** Two rounds with something of everything, the winner tested. */
const everything = record({
  searcher: scriptedSearcher([
    [smallest, "nonsense", { depth: [1, 9], width: [16, 16, 16, 16] }, largest],
    [smallest, good],
  ]),
  search: { rounds: 2, limits: { flops_m: 50 }, budget: 3 },
});

/** The closing lines: what stands under a heading, lines without one belonging to the last. */
function sections(state: RunState, run = "runs/mine"): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let heading = "";
  for (const line of inFile(summaryLines(state, run, "collm-nas"))) {
    const [, word = "", text = ""] = /^(\w*)\s*(.*)$/.exec(line) ?? [];
    if (/^[A-Z]/.test(line)) {
      heading = word;
      found[heading] = [text];
    } else {
      found[heading]?.push(line.trim());
    }
  }
  return found;
}

describe("the object of --json", () => {
  it("holds the run, the winner, what became of every candidate, the spend and the trace", async () => {
    const state = folded(await everything);
    const summary = summarize(state, "runs/mine");
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
    expect(summary).toEqual({
      run: "runs/mine",
      space: "tiny",
      searcher: "collm",
      models: null,
      seed: 0,
      status: "ended",
      stopReason: "rounds",
      best: {
        architecture: { depth: [2, 1], width: [24, 32, 32, null] },
        text: good,
        isKnown: false,
        metrics: { accuracy: expect.closeTo(94.9987, 3) },
        standardErrors: null,
        withinNoise: null,
        costs: { flops_m: 44, params_m: 1.375 },
        test: { accuracy: expect.closeTo(94.7487, 3) },
        testStandardErrors: null,
        original: null,
        sameImagesAsSearch: false,
      },
      noWinner: null,
      funnel: {
        proposed: 6,
        unreadable: 1,
        illegal: 1,
        repeated: 1,
        equivalent: 0,
        overLimit: 1,
        beyondBudget: 0,
        evaluated: 2,
        failed: 0,
        improved: 2,
        overLimitEvaluated: 0,
        equivalentEvaluated: 0,
        storedEvaluated: 0,
      },
      spend: expect.objectContaining({
        evaluations: 2,
        chatCalls: 0,
        rejectedReplies: 0,
        inputTokens: 0,
        outputTokens: 0,
        chatSeconds: 0,
        evaluationSeconds: 0,
      }),
      trace: [
        { evaluation: 1, text: smallest, value: expect.any(Number) },
        { evaluation: 2, text: good, value: expect.closeTo(94.9987, 3) },
      ],
    });
    const {
      proposed,
      improved: _improved,
      overLimitEvaluated: _over,
      equivalentEvaluated: _twins,
      storedEvaluated: _stored,
      ...states
    } = summary.funnel;
    expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(proposed);
  });

  it("says that a run without an end was interrupted, unless it is told better", async () => {
    const state = folded(upTo(await everything, "run-ended"));
    expect(summarize(state, "r")).toMatchObject({ status: "interrupted", stopReason: "stopped" });
    expect(summarize(state, "r", "failed")).toMatchObject({ status: "failed", stopReason: "stopped" });
    expect(summarize(state, "r").best).toMatchObject({ text: good, test: null });
  });

  it("has null for a winner there is not, and for one that could not be tested", async () => {
    const none = folded(await record({ searcher: scriptedSearcher([[]]) }));
    expect(summarize(none, "r")).toMatchObject({ best: null, stopReason: "stalled", trace: [] });
    const untested = folded(upTo(await everything, "winner-tested"));
    expect(summarize(untested, "r").best).toMatchObject({ text: good, test: null });
    const failed = folded(await record(failingOn("test")));
    expect(summarize(failed, "r").best).toMatchObject({ text: good, test: null });
  });

  it("holds every metric and every cost under its name", async () => {
    const description: SpaceDescription = {
      ...tinyDescription,
      metrics: [
        ...tinyDescription.metrics,
        { name: "top5", unit: "percent", meaning: "", higherIsBetter: true },
        { name: "images", unit: "images", meaning: "", higherIsBetter: true },
        { name: "latency", unit: "ms", meaning: "", higherIsBetter: false },
      ],
    };
    const metrics = { accuracy: 70, top5: 90, images: 50_000, latency: 1.5 };
    const outcome: Outcome = { kind: "measurement", metrics, seconds: 2.5 };
    const evaluator = new MemoryEvaluator({ description, score: () => outcome });
    const state = folded(await record({ searcher: scriptedSearcher([[good]]), description, evaluator }));
    expect(summarize(state, "r")).toMatchObject({
      best: { metrics, test: metrics },
      spend: { evaluationSeconds: 2.5 },
    });
    const line = "accuracy 70.00 %  top5 90.00 %  images 50000  latency 1.500 ms";
    expect(sections(state)["Winner"]?.slice(1)).toEqual([
      `${line}  flops_m 44  params_m 1.375`,
      `test split: ${line}`,
    ]);
  });

  it("says of a test on the images of the search that it was one", async () => {
    const splits = tinyDescription.splits.map((split) => ({ ...split, data: "the same 5000" }));
    const description = { ...tinyDescription, splits };
    const events = await record({ searcher: scriptedSearcher([[good]]), description });
    expect(summarize(folded(events), "r").best).toMatchObject({ sameImagesAsSearch: true });
    expect(sections(folded(events))["Winner"]?.[2]).toMatch(
      /^test split: accuracy 94\.75 %  \(same images as the search\)$/,
    );
    const untested = folded(upTo(events, "winner-tested"));
    expect(summarize(untested, "r").best).toMatchObject({ test: null, sameImagesAsSearch: false });
  });
});

describe("the closing lines", () => {
  it("give the winner with its score, costs and test, how the run ended and where candidates went", async () => {
    const { Winner, Ended, Funnel, Spend, Run, Next } = sections(folded(await everything));
    expect(Winner).toEqual([
      good,
      expect.stringMatching(/^accuracy 95\.00 %  flops_m 44  params_m 1\.375$/),
      expect.stringMatching(/^test split: accuracy 94\.75 %$/),
    ]);
    expect(Ended).toEqual(["the last round is played (2 of 3 evaluations, 2 rounds)"]);
    expect(Funnel).toEqual([
      "6 proposed: 1 unreadable, 1 illegal, 1 repeated, 1 over the limit, 2 evaluated (of these 2 improved the best)",
    ]);
    expect(Spend).toEqual(["2 evaluations in 0.0 s"]);
    expect(Run).toEqual(["runs/mine"]);
    expect(Next?.[0]).toContain("collm-nas show runs/mine");
    expect(Next?.[1]).toContain("collm-nas dashboard runs/mine");
    expect(Next?.at(-1)).toContain("collm-nas replay runs/mine");
    expect(Next?.join()).not.toContain("resume");
  });

  it("leave out of the funnel what did not happen, but for the evaluated", async () => {
    expect(sections(folded(await record({ searcher: scriptedSearcher([[]]) })))["Funnel"]).toEqual([
      "0 proposed: 0 evaluated",
    ]);
  });

  it("offer to go on with a run that was stopped, and to prolong one that spent its budget", async () => {
    const stopped = sections(folded(upTo(await everything, "run-ended")));
    expect(stopped["Next"]?.[0]).toContain("collm-nas resume runs/mine");
    expect(stopped["Next"]?.join()).not.toMatch(/replay|--budget/);
    expect(stopped["Ended"]?.[0]).toMatch(/^not finished/);
    expect(stopped["Winner"]?.join()).not.toContain("test split");
    const spent = folded(
      await record({ searcher: scriptedSearcher([[smallest, good]]), search: { budget: 2 } }),
    );
    expect(sections(spent)["Ended"]).toEqual(["the budget is spent (2 of 2 evaluations, 1 round)"]);
    expect(sections(spent)["Next"]?.join()).toContain("collm-nas resume runs/mine --budget 4");
  });

  it("say why there is no winner: the limit and the nearest miss, or that nothing gave a result", async () => {
    const limits = { flops_m: 12.5, params_m: 100 };
    const over = folded(
      await record({
        searcher: scriptedSearcher([[largest, smallest, good]]),
        search: { limits, stallRounds: 1 },
      }),
    );
    expect(summarize(over, "r")).toMatchObject({ best: null, stopReason: "nothing-within-limit" });
    const words = "no legal architecture at or below flops_m 12.5 found; the smallest seen costs 16";
    expect(summarize(over, "r").noWinner).toEqual({ reason: "nothing-within-limits", words });
    expect(sections(over)["Winner"]).toEqual([`none: ${words}`]);
    expect(sections(over)["Ended"]?.[0]).toContain(
      "nothing within the limits was found (0 of 20 evaluations",
    );
    const failing = folded(await record(failingOn("search")));
    expect(whyNoWinner(failing)).toEqual({
      reason: "nothing-succeeded",
      words: "no evaluation gave a result: 2 failed, the first one with crashed (boom)",
    });
    expect(sections(failing)["Funnel"]?.[0]).toContain("2 failed, 0 evaluated");
  });

  it("are those of an end without a usable winner, whatever it ended by", async () => {
    const none = folded(await record({ searcher: scriptedSearcher([["?"]]) }));
    const limits = { flops_m: 12.5 };
    const evaluatedOver = folded(
      await record({
        searcher: scriptedSearcher([[largest, smallest]]),
        search: { limits, overLimit: "evaluate", budget: 2 },
      }),
    );
    const givenUp = folded(
      await record({ ...failingOn("search"), search: { giveUpAfter: 2, limits: { flops_m: 1_000 } } }),
    );
    const ends = [none, evaluatedOver, givenUp].map((state) => [
      state.ended,
      summarize(state, "r").noWinner?.reason,
      endWithoutWinner(state)?.exitCode,
    ]);
    expect(ends).toEqual([
      ["stalled", "nothing-evaluated", 7],
      ["budget", "nothing-within-limits", 7],
      ["nothing-succeeded", "nothing-succeeded", 7],
    ]);
    expect(sections(givenUp)["Next"]?.join()).toContain("collm-nas resume runs/mine --budget 20");
    const under = folded(upTo(await record(failingOn("search")), "run-ended"));
    expect([endWithoutWinner(under), summarize(under, "r").noWinner]).toEqual([null, null]);
    expect(endWithoutWinner(folded(await everything))).toBeNull();
  });

  it("tell apart a test that failed, one that was not made, and a space without a test split", async () => {
    const note = (state: RunState) => sections(state)["Winner"]?.[2];
    expect(note(folded(await record(failingOn("test"))))).toBe("test split: the evaluation failed");
    expect(note(folded(upTo(await everything, "winner-tested")))).toBe("test split: not asked yet");
    const description = { ...tinyDescription, splits: tinyDescription.splits.slice(0, 1) };
    expect(note(folded(await record({ searcher: scriptedSearcher([[good]]), description })))).toBe(
      "no test split in this space: the score is the one the search saw",
    );
  });

  it("say of the rules that they are no language model, and of a search without a label nothing of the kind", async () => {
    const label = "rules, no language model";
    const events = await record({ searcher: rules, search: { searcher: "rules", budget: 5 } });
    const labelled = events.map((event) => (event.type === "run-started" ? { ...event, label } : event));
    const state = folded(labelled);
    expect(summarize(state, "r")).toMatchObject({ searcher: "rules", models: null });
    expect(sections(state)["Spend"]).toEqual([
      expect.stringMatching(/^5 evaluations in .* s; rules, no language model$/),
    ]);
    expect(sections(folded(events))["Spend"]?.[0]).toMatch(/^5 evaluations in [\d.]+ s$/);
  });

  it("name the models, their replies and tokens, and say when a server tells no tokens", async () => {
    const told = await withReplies([
      { inputTokens: 100, outputTokens: 20, seconds: 1.25 },
      { inputTokens: 50, outputTokens: 10, seconds: 0.5 },
    ]);
    expect(summarize(told, "r").spend).toMatchObject({
      chatCalls: 2,
      inputTokens: 150,
      outputTokens: 30,
      chatSeconds: 1.75,
    });
    expect(sections(told)["Spend"]?.[0]).toMatch(/2 replies.*large and small.*150 \+ 30 tokens in 1\.[78] s/);
    const silent = await withReplies([{ inputTokens: null, outputTokens: null, seconds: 1 }]);
    expect(summarize(silent, "r").spend).toMatchObject({
      chatCalls: 1,
      inputTokens: null,
      outputTokens: null,
    });
    expect(sections(silent)["Spend"]?.[0]).toContain("tokens not counted by the server");
  });

  it("count the replies that could not be read", async () => {
    const state = await withReplies([{}, {}], 2);
    expect(summarize(state, "r").spend).toMatchObject({ chatCalls: 2, rejectedReplies: 1 });
    expect(sections(state)["Spend"]?.[0]).toContain("1 unreadable");
  });
});

describe("the closing lines on a terminal", () => {
  it.each([40, 60, 80, 81, 132])(
    "of %d columns are broken between words, and commands not at all",
    async (columns) => {
      const state = folded(await everything);
      const lines = inFile(summaryLines(state, "runs/mine", "collm-nas", "nobody", columns));
      const whole = inFile(summaryLines(state, "runs/mine", "collm-nas", "nobody", null));
      const isKept = (line: string) => /collm-nas |\{/.test(line);
      expect(lines.filter(isKept)).toEqual(whole.filter(isKept));
      for (const line of lines) if (!isKept(line)) expect(line.length, line).toBeLessThanOrEqual(columns);
      expect(lines.join(" ").split(/\s+/)).toEqual(whole.join(" ").split(/\s+/));
    },
  );
});

describe("numbers", () => {
  it.each([
    [94.37, "94.37"],
    [94.373_333_333, "94.3733"],
    [1_234_567.8, "1234570"],
    [0.000_012_345_67, "0.0000123457"],
    [0, "0"],
    [-3, "-3"],
  ])("are shown with at most six digits: %d", (value, text) => {
    expect(number(value)).toBe(text);
  });

  it("of the objective carry its unit", async () => {
    const state = folded(await everything);
    expect(scoreText(state, 94.376)).toBe("94.38 %");
    expect(scoreText(state, null)).toBe("none yet");
    const [metric] = tinyDescription.metrics;
    const inMs = { ...state, space: { ...state.space, metrics: [{ ...metric, unit: "ms" }] } } as RunState;
    expect(scoreText(inMs, 3)).toBe("3.000 ms");
    const bare = { ...state, space: { ...state.space, metrics: [{ ...metric, unit: "" }] } } as RunState;
    expect(scoreText(bare, 3)).toBe("3.000");
  });
});

// --- internal ---

/** Two architectures, whose evaluation fails on one of the splits. */
function failingOn(failing: "search" | "test"): Parameters<typeof record>[0] {
  return {
    searcher: scriptedSearcher([[smallest, good]]),
    search: { rounds: 1, limits: { flops_m: 1_000 } },
    evaluator: new MemoryEvaluator({
      score: (architecture, split) =>
        split === failing
          ? { kind: "failure", failure: "crashed", message: "boom" }
          : tinyScore(architecture, split),
    }),
  };
}

/** A run whose record holds some replies; the one at `rejectedAt`, counted from 1, could not be read. */
async function withReplies(replies: readonly Partial<ChatReply>[], rejectedAt = 0): Promise<RunState> {
  const events = await everything;
  const [started] = events;
  const bodies: Record<string, unknown>[] = replies.flatMap((reply, index) => {
    const usual = {
      model: "large",
      content: "words",
      reasoning: null,
      finishReason: "stop",
      inputTokens: 1,
      outputTokens: 1,
      seconds: 0,
      failures: [],
    };
    const replied = {
      type: "chat-replied",
      role: index === 0 ? "navigator" : "generator",
      round: 1,
      attempt: 1,
      added: [],
      carried: 0,
      request: "",
      reply: { ...usual, ...reply },
    };
    const rejected = {
      type: "reply-rejected",
      role: replied.role,
      round: 1,
      attempt: 1,
      reasons: ["no JSON"],
    };
    return index + 1 === rejectedAt ? [replied, rejected] : [replied];
  });
  const stamped = bodies.map((body, index) => ({ ...body, v: 1, seq: index + 2, at: started?.at }));
  const models = { navigator: "large", generator: "small" };
  return folded([{ ...started, models }, ...stamped] as RunEvent[]);
}
