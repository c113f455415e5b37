/**
 * The ranking experiment without the world: what is drawn, what a model is shown, which replies count, and what a
 * ranking is worth.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChatUnavailable, JournalDamaged, UsageError } from "../../src/errors.ts";
import { askForRanking, rankingPrompt, readRanking } from "../../src/ranking/ranker.ts";
import { headerLine, isRankingHeader, readTrials, type Trial, trialLine } from "../../src/ranking/record.ts";
import { bestFirst, byCost, byModel, truthOf } from "../../src/ranking/score.ts";
import { cutIntoBins, drawTrial, type Scored } from "../../src/ranking/trial.ts";
import { Space } from "../../src/search/space.ts";
import { ScriptedChat } from "../support/scripted-chat.ts";
import { tinyDescription, tinySpace } from "../support/tiny-space.ts";
import { replied } from "../support/read-replies.ts";

const space = tinySpace();
const scored = (values: readonly number[]): Scored[] =>
  values.map((value, at) => ({ text: `a${at}`, value }));

describe("bins", () => {
  it("hold every architecture once, differ by one at most, and go from the best values to the worst", () => {
    const values = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: 1, max: 12 }),
        fc.boolean(),
        (numbers, wanted, higherIsBetter) => {
          const count = Math.min(wanted, numbers.length);
          const all = scored(numbers);
          const bins = cutIntoBins(all, count, higherIsBetter);
          expect(bins).toHaveLength(count);
          const sizes = bins.map((bin) => bin.length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
          const flat = bins.flat();
          expect(new Set(flat)).toEqual(new Set(all));
          expect(flat).toHaveLength(all.length);
          const inOrder = flat.map(({ value }) => (higherIsBetter ? -value : value));
          expect(inOrder).toEqual([...inOrder].sort((first, second) => first - second));
        },
      ),
    );
  });

  it("keep equal values in the order given", () => {
    const bins = cutIntoBins(scored([5, 7, 5, 5]), 2, true);
    expect(bins.map((bin) => bin.map(({ text }) => text))).toEqual([
      ["a1", "a0"],
      ["a2", "a3"],
    ]);
  });
});

describe("a trial", () => {
  const bins = cutIntoBins(scored(Array.from({ length: 100 }, (_, at) => at)), 10, true);
  const texts = (drawn: readonly Scored[]) => drawn.map(({ text }) => text);
  const set = (drawn: readonly Scored[]) => texts(drawn).sort();

  it("has one architecture of every bin", () => {
    for (let trial = 1; trial <= 50; trial++) {
      const drawn = drawTrial(bins, 0, "fresh", trial);
      expect(bins.map((bin) => drawn.filter((each) => bin.includes(each)).length)).toEqual(bins.map(() => 1));
    }
  });

  it("is the same for the same seed and number, and another for any other", () => {
    expect(drawTrial(bins, 3, "fresh", 7)).toEqual(drawTrial(bins, 3, "fresh", 7));
    expect(set(drawTrial(bins, 3, "fresh", 8))).not.toEqual(set(drawTrial(bins, 3, "fresh", 7)));
    expect(set(drawTrial(bins, 4, "fresh", 7))).not.toEqual(set(drawTrial(bins, 3, "fresh", 7)));
  });

  it("has the same architectures in another order where draws are fixed", () => {
    const [first, second] = [drawTrial(bins, 0, "fixed", 1), drawTrial(bins, 0, "fixed", 2)];
    expect(set(second)).toEqual(set(first));
    expect(texts(second)).not.toEqual(texts(first));
  });

  it.each(["fresh", "fixed"] as const)("gives nothing away by its order, draws being %s", (draws) => {
    const places = bins.map(() => 0);
    for (let trial = 1; trial <= 2000; trial++) {
      const drawn = drawTrial(bins, 0, draws, trial);
      const place = drawn.findIndex((each) => bins[0]?.includes(each));
      places[place] = (places[place] ?? 0) + 1;
    }
    for (const count of places) expect(Math.abs(count - 200)).toBeLessThan(60);
  });
});

describe("the prompt", () => {
  const shown = [...space.all()].slice(0, 12).map(({ text }) => text);
  const problem = { task: null, structured: true };
  const prompt = rankingPrompt(space, shown, problem);

  it("lists the architectures under their numbers, in the order given", () => {
    const lines = prompt.user.split("\n").filter((line) => /^\d+\. /.test(line));
    expect(lines.map((line) => line.slice(0, line.indexOf(".")))).toEqual(shown.map((_, at) => `${at + 1}`));
    const read = lines.map((line) => space.parse(line.slice(line.indexOf("{"))));
    expect(read.map((each) => each.ok && each.architecture.text)).toEqual(shown);
  });

  it("tells the structure and nothing of scores, of where they come from, or of the space's name", () => {
    const { system, user } = prompt;
    expect(system).toContain("How many channels each layer has");
    expect(user).toContain("Share of images classified correctly");
    expect(user).toContain("higher is better");
    expect(`${system}\n${user}`).not.toMatch(/\btiny\b|written by hand/);
  });

  it("asks for the lowest where lower is better", () => {
    const metrics = [{ name: "error", unit: "", meaning: "", higherIsBetter: false }];
    const other = new Space({ ...tinyDescription, metrics });
    expect(rankingPrompt(other, shown, problem).user).toMatch(/`error`.*lower is better/);
  });

  it("holds the task where there is one", () => {
    expect(prompt.system).not.toContain("birds");
    const task = "The networks tell birds apart.";
    expect(rankingPrompt(space, shown, { ...problem, task }).system).toContain(task);
  });

  it("asks for a list of all the numbers under a schema, or for a fence without one", () => {
    expect(prompt.schema).toMatchObject({
      properties: {
        ranking: { minItems: 12, maxItems: 12, items: { enum: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] } },
      },
      required: ["ranking"],
      additionalProperties: false,
    });
    expect(prompt.system).not.toContain("```");
    const free = rankingPrompt(space, shown, { ...problem, structured: false });
    expect(free.schema).toBeNull();
    expect(free.system).toContain("```json");
  });
});

describe("a reply", () => {
  it.each([
    ["JSON alone", '{"ranking": [3, 1, 4, 2]}'],
    ["JSON in a fence", 'Well:\n```json\n{"ranking": [3, 1, 4, 2]}\n```\nThat is all.'],
    ["a bare list", "I say [3, 1, 4, 2]."],
    ["drafts before the answer", 'First {"ranking": [1, 2, 3, 4]}, no: {"ranking": [3,1,4,2]}'],
    ["a list of numbers after the answer", '{"ranking": [3, 1, 4, 2]}, see also [1, 2, 3, 4]'],
    ["drafts as bare lists", "[1, 2, 3, 4] or better [3, 1, 4, 2]"],
    ["more keys", '{"why": "deeper", "ranking": [3, 1, 4, 2], "sure": [1]}'],
  ])("counts: %s", (_what, content) => {
    expect(readRanking(4)(replied(content))).toEqual({ ok: true, value: [3, 1, 4, 2] });
  });

  it.each([
    ["nothing", "", "the reply is empty"],
    ["prose", "The third is best.", "no list of numbers was found"],
    ["an empty list", '{"ranking": []}', "1, 2, 3, 4: missing"],
    ["too few", '{"ranking": [3, 1, 4]}', "2: missing"],
    ["too many", '{"ranking": [3, 1, 4, 2, 3]}', "3: given more than once"],
    ["one twice", '{"ranking": [3, 1, 4, 4]}', "4: given more than once"],
    ["from 0", '{"ranking": [2, 0, 3, 1]}', "0: not the number of an architecture (1 to 4)"],
    ["beyond the last", '{"ranking": [3, 1, 5, 2]}', "5: not the number"],
    ["fractions", '{"ranking": [3, 1, 2.5, 2]}', "2.5: not the number"],
    ["text", '{"ranking": ["3", "1", "4", "2"]}', '"3", "1", "4", "2": not the number'],
    ["lists", '{"ranking": [[3], {"a": 1}, 4, 2]}', "a list, an object: not the number"],
    ["a wrong answer after a right draft", '{"ranking": [3,1,4,2]} {"ranking": [1,1,1,1]}', "1: given more"],
    ["scores", '{"ranking": {"1": 0.5}}', "no list of numbers was found"],
  ])("does not count: %s", (_what, content, reason) => {
    const reading = readRanking(4)(replied(content));
    expect(reading.ok).toBe(false);
    expect(!reading.ok && reading.reasons.join("; ")).toContain(reason);
  });

  it("says when it was cut off", () => {
    const reading = readRanking(4)(replied('{"ranking": [3, 1', "length"));
    expect(!reading.ok && reading.reasons.join()).toContain("cut off by the length limit");
  });

  it("of a hundred thousand numbers gets reasons of a few words", () => {
    const many = Array.from({ length: 100_000 }, (_, at) => at + 5);
    const reading = readRanking(4)(replied(JSON.stringify({ ranking: many })));
    expect(reading.ok).toBe(false);
    expect(!reading.ok && reading.reasons.join().length).toBeLessThan(500);
  });

  it("is read without a throw, whatever it says, and only ever as a permutation", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (content) => {
        const reading = readRanking(3)(replied(content));
        if (reading.ok) expect(reading.value.toSorted((first, second) => first - second)).toEqual([1, 2, 3]);
        else expect(reading.reasons.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe("asking", () => {
  const quiet = new AbortController().signal;
  const texts = [...space.all()].slice(0, 3).map(({ text }) => text);
  const prompt = rankingPrompt(space, texts, { task: null, structured: true });
  const asked = { count: 3, seed: 5, trial: 2 };
  const ask = (model: ScriptedChat) => askForRanking(model, prompt, asked, quiet);

  it("takes the first reply that can be read", async () => {
    const model = new ScriptedChat(['{"ranking": [2, 3, 1]}']);
    const { ranking, replies } = await ask(model);
    expect(ranking).toEqual([2, 3, 1]);
    expect(replies.map(({ rejected }) => rejected)).toEqual([null]);
    expect(model.requests[0]?.messages.map(({ role }) => role)).toEqual(["system", "user"]);
  });

  it("asks once more with the reasons, under another seed", async () => {
    const model = new ScriptedChat(['{"ranking": [2, 2, 1]}', '{"ranking": [2, 3, 1]}']);
    const { ranking, replies } = await ask(model);
    expect(ranking).toEqual([2, 3, 1]);
    expect(replies.map(({ rejected }) => rejected === null)).toEqual([false, true]);
    const [first, second] = model.requests;
    expect(second?.messages.slice(0, 3)).toEqual([
      ...(first?.messages ?? []),
      { role: "assistant", content: '{"ranking": [2, 2, 1]}' },
    ]);
    expect(second?.messages[3]?.content).toContain("2: given more than once");
    expect(second?.seed).not.toBe(first?.seed);
  });

  it("gives up after the second, without a ranking", async () => {
    const model = new ScriptedChat(["no", "never"]);
    const { ranking, replies } = await ask(model);
    expect(ranking).toBeNull();
    expect(replies).toHaveLength(2);
  });

  it("passes on that no reply could be had", async () => {
    const model = new ScriptedChat([new ChatUnavailable("the server is away")]);
    await expect(ask(model)).rejects.toThrow(ChatUnavailable);
  });
});

const at = "2026-01-01T00:00:00.000Z";

function trial(values: readonly number[], ranking: number[] | null = null, number = 1): Trial {
  const architectures = values.map((value, index) => ({
    text: `a${index}`,
    value,
    costs: { flops_m: 10 * value, params_m: 1 },
  }));
  return trialLine({ trial: number, architectures, replies: [], ranking }, at);
}

describe("a score", () => {
  it("makes a ranking a number that is highest for the first", () => {
    const standing = byModel(trial([1, 2, 3], [3, 1, 2])) ?? [];
    expect([...standing].sort((first, second) => first - second)).toEqual([
      standing[1],
      standing[0],
      standing[2],
    ]);
    expect(byModel(trial([1, 2, 3]))).toBeNull();
  });

  it("takes the costlier for the better, and lower values for better ones where the metric says so", () => {
    expect(byCost(trial([1, 2]), "flops_m")).toEqual([10, 20]);
    expect(truthOf(trial([1, 2]), true)).toEqual([1, 2]);
    expect(truthOf(trial([1, 2]), false)).toEqual([-1, -2]);
  });

  it.each([
    ["the best first", [3, 1, 2], [9, 1, 2], 1],
    ["another first", [1, 3, 2], [9, 1, 2], 0],
    ["the best among three that tie", [3, 3, 3, 1], [9, 1, 2, 3], 1 / 3],
    ["a tie without the best", [3, 3, 1], [1, 2, 9], 0],
    ["one of two best ones", [1, 3, 2], [9, 9, 2], 1],
    ["everything tied", [1, 1, 1, 1], [9, 1, 2, 3], 1 / 4],
  ])("of %s", (_what, predicted, truth, share) => {
    expect(bestFirst(predicted, truth)).toBeCloseTo(share, 12);
  });
});

describe("a record", () => {
  const config = { space: "tiny", seed: 0, model: null };
  const header = headerLine({ config, setup: {}, versions: {} }, at);
  const lines = (...trials: unknown[]): unknown[] => JSON.parse(JSON.stringify([header, ...trials]));
  const read = (all: readonly unknown[], now: typeof config & Record<string, unknown> = config) =>
    readTrials(all, now as typeof config, "r.jsonl");

  it("gives back the trials that were stored", () => {
    const stored = [trial([1, 2], [2, 1]), trial([3, 4], null, 2)];
    expect(read(lines(...stored))).toEqual(stored);
    expect(isRankingHeader(header)).toBe(true);
    expect(isRankingHeader({ type: "run-started" })).toBe(false);
  });

  it("is no other experiment's: the first difference is named", () => {
    expect(() => read(lines(), { ...config, seed: 1 })).toThrow(UsageError);
    expect(() => read(lines(), { ...config, seed: 1 })).toThrow(/another seed: 0 there, 1 here/);
    expect(() => read(lines(), { ...config, temperature: 0.6 })).toThrow(
      /another temperature: none there, 0\.6 here/,
    );
  });

  it.each([
    ["a gap", [trial([1, 2], null, 2)], "line 2: trial 2 cannot be at this place"],
    ["the same trial twice", [trial([1, 2]), trial([1, 2])], "line 3: trial 1 cannot be at this place"],
    ["a ranking that leaves one out", [trial([1, 2], [1])], "line 2: trial 1 cannot be at this place"],
    ["a ranking that names one twice", [trial([1, 2], [1, 1])], "line 2: trial 1 cannot be at this place"],
    [
      "a value that is no number",
      [{ ...trial([1]), architectures: [{ text: "a", value: "1", costs: {} }] }],
      "line 2",
    ],
    ["another key", [{ ...trial([1]), note: "" }], "line 2"],
  ])("with %s is damaged", (_what, trials, words) => {
    expect(() => read(lines(...trials))).toThrow(JournalDamaged);
    expect(() => read(lines(...trials))).toThrow(words);
  });
});
