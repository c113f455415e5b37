/**
 * The test split of everything evaluated, asked after the end: what a report needs to name the best test seen, and what
 * no decision may see.
 */
import { describe, expect, it } from "vitest";
import { ReplayDivergence } from "../../src/errors.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import { evaluations, isComplete } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { replaySearch, resumeSearch } from "../../src/search/replay.ts";
import { random } from "../../src/searchers/random.ts";
import { bodies, facts, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { tinyDescription, tinyScore } from "../support/tiny-space.ts";
import { runResumed } from "../support/run-events.ts";

const asked = { searcher: random, search: { oracle: true as const, budget: 12 } };

/** The record up to and with the first event of a type. */
function upTo(events: readonly RunEvent[], type: RunEvent["type"]): RunEvent[] {
  return events.slice(0, events.findIndex((event) => event.type === type) + 1);
}

describe("the oracle", () => {
  it("asks the test split for all that was evaluated, once, after the winner", async () => {
    const evaluator = new MemoryEvaluator();
    const { journal, run } = await setUp({ ...asked, evaluator });
    const state = await run();
    expect(journal.events.slice(-3).map(({ type }) => type)).toEqual([
      "run-ended",
      "winner-tested",
      "oracle-tested",
    ]);
    const [tested] = bodies(journal.events, "oracle-tested");
    expect(tested?.results.map(({ text }) => text)).toEqual(
      evaluations(state).map(({ measured }) => measured.text),
    );
    const onTest = evaluator.evaluated.filter(({ split }) => split === "test");
    expect(onTest).toHaveLength(1 + 12);
    expect(isComplete(state)).toBe(true);
  });

  it("is asked nothing unless that was wished, nor where there is no test split", async () => {
    const plain = await setUp({ searcher: random, search: { budget: 12 } });
    await plain.run();
    expect(bodies(plain.journal.events, "oracle-tested")).toEqual([]);
    const description = { ...tinyDescription, splits: [{ name: "search", meaning: "" }] };
    const single = await setUp({ ...asked, description });
    expect(isComplete(await single.run())).toBe(true);
    expect(bodies(single.journal.events, "oracle-tested")).toEqual([]);
  });

  it("changes no decision", async () => {
    const without = await setUp({ searcher: random, search: { budget: 12 } });
    const withOracle = await setUp(asked);
    const decided = async ({ run }: typeof without) => (await run()).rounds;
    expect(await decided(withOracle)).toEqual(await decided(without));
  });

  it("leaves failed evaluations out", async () => {
    let count = 0;
    const evaluator = new MemoryEvaluator({
      score: (architecture, split) =>
        split === "search" && count++ === 3
          ? { kind: "failure", failure: "crashed", message: "it crashed" }
          : tinyScore(architecture, split),
    });
    const { journal, run } = await setUp({ ...asked, evaluator });
    const state = await run();
    const failed = evaluations(state).find(({ outcome }) => outcome.kind === "failure")?.measured.text;
    const [tested] = bodies(journal.events, "oracle-tested");
    expect(tested?.results).toHaveLength(11);
    expect(tested?.results.map(({ text }) => text)).not.toContain(failed);
  });

  it.each(["run-ended", "winner-tested"] as const)(
    "is asked after a resume when the record ends with %s",
    async (last) => {
      const whole = await setUp(asked);
      const state = await whole.run();
      const cut = await setUp(asked);
      const kept = upTo(whole.journal.events, last);
      expect(isComplete(fold(kept) as RunState)).toBe(false);
      const journal = { append: cut.journal.append.bind(cut.journal) };
      await cut.journal.append(kept.slice(1).map(({ v: _v, seq: _seq, at: _at, ...body }) => body));
      const resumed = await resumeSearch(
        [...cut.journal.events],
        { ...cut.ports, journal },
        new AbortController().signal,
      );
      expect(facts(resumed)).toEqual(facts(state));
      expect(bodies(cut.journal.events, "oracle-tested")).toHaveLength(1);
    },
  );

  it("is asked only for what is new when a run is prolonged", async () => {
    const { journal, ports, run } = await setUp(asked);
    await run();
    await journal.append([runResumed({ budget: 15 })]);
    const state = await resumeSearch([...journal.events], ports, new AbortController().signal);
    const sizes = bodies(journal.events, "oracle-tested").map(({ results }) => results.length);
    expect(sizes).toEqual([12, 3]);
    expect(state.oracleTests.size).toBe(15);
    await expect(replaySearch(journal.events, random)).resolves.toMatchObject({ complete: true });
  });

  it("may be left unasked when a run is prolonged before its turn", async () => {
    const whole = await setUp(asked);
    await whole.run();
    const { journal, ports } = await setUp(asked);
    const kept = upTo(whole.journal.events, "winner-tested");
    await journal.append(kept.slice(1).map(({ v: _v, seq: _seq, at: _at, ...body }) => body));
    await journal.append([runResumed({ budget: 15 })]);
    const state = await resumeSearch([...journal.events], ports, new AbortController().signal);
    expect(state.oracleTests.size).toBe(15);
    await expect(replaySearch(journal.events, random)).resolves.toMatchObject({ complete: true });
  });

  it("is part of what a replay checks", async () => {
    const { journal, run } = await setUp(asked);
    await run();
    await expect(replaySearch(journal.events, random)).resolves.toMatchObject({ complete: true });
    const changed = structuredClone([...journal.events]);
    const last = changed.at(-1);
    if (last?.type === "oracle-tested" && last.results[0]?.outcome.kind === "measurement")
      last.results[0].outcome.metrics["accuracy"] = 99;
    await expect(replaySearch(changed, random)).rejects.toThrow(ReplayDivergence);
  });
});
