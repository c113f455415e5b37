/** A record that is cut anywhere is resumed to the same end, paying for nothing twice. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { EvaluatorUnavailable } from "../../src/errors.ts";
import type { RunEvent } from "../../src/search/events.ts";
import type { Searcher } from "../../src/search/ports.ts";
import { budgetSpent } from "../../src/search/progress.ts";
import { best, trace } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { bodies, facts, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { expectReplays, failed, resumed, searcher, wholeSearch, world } from "../support/whole-run.ts";

let record: readonly RunEvent[];

let final: RunState;

beforeAll(async () => {
  const { journal, run } = await setUp({ ...world(), search: wholeSearch });
  final = await run();
  record = journal.events;
});

describe("a resumed run", () => {
  it("ends as the uninterrupted one, wherever its record was cut, and pays for nothing twice", async () => {
    for (let cut = 1; cut <= record.length; cut++) {
      const kept = record.slice(0, cut);
      const ports = world();
      const { state, events } = await resumed(kept, {}, ports);
      expect(facts(state), `cut after event ${cut}`).toEqual(facts(final));
      expect(state.resumes).toBe(1);
      expect(events.slice(0, cut)).toEqual(kept);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      const asked = ports.models.navigator.requests.length + ports.models.generator.requests.length;
      expect(asked, `chat calls after event ${cut}`).toBe(
        final.chats.length - bodies(kept, "chat-replied").length,
      );
      const measured = bodies(kept, "architecture-measured").length + bodies(kept, "winner-tested").length;
      expect(ports.evaluator.evaluated.length, `evaluations after event ${cut}`).toBe(
        budgetSpent(final) + 1 - measured,
      );
    }
  });

  it("replays, wherever it was cut", async () => {
    for (let cut = 1; cut <= record.length; cut++) {
      const { state, events } = await resumed(record.slice(0, cut));
      await expectReplays(events, state);
    }
  });

  it("ends as the uninterrupted one and replays after any number of cuts, in resumed rounds too", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 5 }),
        async (cuts) => {
          let events: readonly RunEvent[] = record;
          let state = final;
          for (const cut of cuts)
            ({ state, events } = await resumed(events.slice(0, 1 + Math.floor(cut * (events.length - 1)))));
          expect(facts(state)).toEqual(facts(final));
          await expectReplays(events, state);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("takes up a run that its evaluator had left, with the answers that came before", async () => {
    const ports = world();
    const { journal, run } = await setUp({ ...ports, search: wholeSearch });
    ports.evaluator.breakAfter(1);
    const broken = run(undefined, (notice) => {
      if (notice.kind === "waiting") ports.evaluator.goAway(1_000);
    });
    await expect(broken).rejects.toThrow(EvaluatorUnavailable);
    expect(bodies(journal.events, "architecture-measured")).toHaveLength(1);
    const { state, events } = await resumed(journal.events);
    expect(facts(state)).toEqual(facts(final));
    await expectReplays(events, state);
  });

  it("does nothing more when it had ended", async () => {
    const ports = world();
    const { state, events } = await resumed(record, {}, ports);
    expect(facts(state)).toEqual(facts(final));
    expect(events).toHaveLength(record.length + 1);
    expect(ports.evaluator.calls).toMatchObject({ evaluate: 0, measureCosts: 0 });
  });

  it("continues from its end when its budget is prolonged, and tests another winner only", async () => {
    const { state, events } = await resumed(record, { budget: 30 });
    expect(budgetSpent(state)).toBe(30);
    expect(state.ended).toBe("budget");
    expect(trace(state).slice(0, 12)).toEqual(trace(final));
    const winners = new Set([best(final)?.text, best(state)?.text]);
    expect(bodies(events, "winner-tested").map(({ text }) => text)).toEqual([...winners]);
    await expectReplays(events, state);
  });

  it("continues from the middle of a round when its budget is prolonged, wherever it was cut", async () => {
    for (let cut = 1; cut <= record.length; cut += 3) {
      const { state, events } = await resumed(record.slice(0, cut), { budget: 15 });
      expect(budgetSpent(state), `cut after event ${cut}`).toBe(15);
      await expectReplays(events, state);
    }
  });

  it("stops at once when its budget is cut below what was spent", async () => {
    const { state, events } = await resumed(record.slice(0, -3), { budget: 1 });
    expect(state.ended).toBe("budget");
    expect(budgetSpent(state)).toBe(12);
    await expectReplays(events, state);
  });

  it("continues for more rounds when it had used up its rounds", async () => {
    const short = await setUp({ ...world(), search: { ...wholeSearch, rounds: 2 } });
    expect((await short.run()).ended).toBe("rounds");
    const { state, events } = await resumed(short.journal.events, { rounds: 3 });
    expect([state.ended, state.rounds.length]).toEqual(["rounds", 3]);
    await expectReplays(events, state);
  });

  it("continues after it was given up, and is given up again after as many failures", async () => {
    const broken = { ...world(), evaluator: new MemoryEvaluator({ score: () => failed }) };
    const short = await setUp({ ...broken, search: { ...wholeSearch, giveUpAfter: 3 } });
    const first = await short.run();
    expect(first.ended).toBe("nothing-succeeded");
    const budget = budgetSpent(final);
    const again = await resumed(short.journal.events, { budget }, broken);
    expect(again.state.ended).toBe("nothing-succeeded");
    expect(budgetSpent(again.state)).toBeGreaterThanOrEqual(budgetSpent(first) + 3);
    await expectReplays(again.events, again.state);
    const mended = await resumed(short.journal.events, { budget }, world());
    expect(best(mended.state)).not.toBeNull();
    await expectReplays(mended.events, mended.state);
  });

  it("notices when the searcher decides otherwise than it did", async () => {
    const afterProposal = record.slice(0, record.findIndex(({ type }) => type === "round-proposed") + 1);
    const other: Searcher = { ...searcher, propose: async (turn) => (await searcher.propose(turn)).slice(1) };
    await expect(resumed(afterProposal, {}, { ...world(), searcher: other })).rejects.toThrow(
      new RegExp(`^event ${afterProposal.length}: candidates\\.0\\.raw is .* in the record, but is now `),
    );
  });
});
