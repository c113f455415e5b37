/** What the list of runs says of one. */
import { beforeAll, describe, expect, it } from "vitest";
import { rowOf, runRowSchema, withHolder } from "../../src/runs/run-row.ts";
import type { RunEvent } from "../../src/search/events.ts";
import { fold } from "../../src/search/fold.ts";
import { budgetSpent } from "../../src/search/progress.ts";
import { best } from "../../src/search/results.ts";
import type { RunState } from "../../src/search/state.ts";
import { afterRounds, searchedRecord } from "../support/live-runs.ts";

const held = { isHeld: true, trouble: null };
const free = { isHeld: false, trouble: null };

let events: readonly RunEvent[];
let whole: RunState;

beforeAll(async () => {
  events = await searchedRecord({ search: { budget: 30, limits: { flops_m: 120 }, seed: 7 } });
  whole = fold(events) as RunState;
});

/** The run after its first round, with what a person did then. */
function begun(...more: Parameters<typeof afterRounds>[2] & {}): RunState {
  return fold(afterRounds(events, 1, more)) as RunState;
}

describe("a row", () => {
  it("holds what the run comes to", () => {
    const row = rowOf("some/run", whole, free);
    expect(row).toMatchObject({
      id: "some/run",
      condition: "finished",
      trouble: null,
      space: whole.space.id,
      spaceDigest: whole.space.digest,
      searcher: "collm",
      model: "played in memory",
      seed: 7,
      isBlind: false,
      hints: 0,
      limits: { flops_m: 120 },
      best: best(whole)?.value,
      evaluations: budgetSpent(whole),
      budget: 30,
      rounds: whole.rounds.length,
      startedAt: events[0]?.at,
      lastAt: events.at(-1)?.at,
      ended: whole.ended,
    });
    expect(row.metric?.name).toBe(whole.space.metrics[0]?.name);
    expect(runRowSchema.parse(JSON.parse(JSON.stringify(row)))).toEqual(row);
  });

  it("names neither model nor tokens where nobody is asked", async () => {
    const random = fold(await searchedRecord({ searcher: "random", search: { budget: 5 } }));
    expect(rowOf("r", random, free)).toMatchObject({ model: null, tokens: null, usd: null });
    const ruled = fold(await searchedRecord({ searcher: "rules", search: { budget: 5 } }));
    expect(rowOf("r", ruled, free)).toMatchObject({ searcher: "rules, no language model", model: null });
  });

  it("counts the hints of a person", () => {
    const hinted = begun({ type: "hint-given", round: 2, text: "try the last edge" });
    expect(rowOf("r", hinted, held).hints).toBe(1);
  });

  it("of a damaged run says what is wrong, and what was recorded before", () => {
    const trouble = "journal.jsonl, line 9: not JSON";
    expect(rowOf("r", begun(), { isHeld: true, trouble })).toMatchObject({
      condition: "damaged",
      trouble,
      searcher: "collm",
      rounds: 1,
    });
    expect(rowOf("r", null, { isHeld: false, trouble })).toMatchObject({
      condition: "damaged",
      startedAt: "",
    });
  });
});

describe("the condition of a run", () => {
  it("comes from its record and from whether a process works on it", () => {
    const paused = begun({ type: "run-paused", round: 1 });
    const goesOn = begun({ type: "run-paused", round: 1 }, { type: "run-continued", round: 1 });
    const conditions = (state: RunState | null) => [
      rowOf("r", state, held).condition,
      rowOf("r", state, free).condition,
    ];
    expect(conditions(null)).toEqual(["running", "stopped"]);
    expect(conditions(begun())).toEqual(["running", "stopped"]);
    expect(conditions(paused)).toEqual(["paused", "stopped"]);
    expect(conditions(goesOn)).toEqual(["running", "stopped"]);
    expect(conditions(whole)).toEqual(["finished", "finished"]);
  });

  it("is running while the winner is still being tested", () => {
    const end = events.findIndex(({ type }) => type === "run-ended");
    const state = fold(events.slice(0, end + 1)) as RunState;
    const test = { name: "test", meaning: "unseen images" };
    const ended = { ...state, space: { ...state.space, splits: [...state.space.splits, test] } };
    expect(rowOf("r", ended, held).condition).toBe("running");
    expect(rowOf("r", ended, free).condition).toBe("finished");
  });

  it("follows from a row that was made while a process worked on the run", () => {
    const paused = begun({ type: "run-paused", round: 1 });
    for (const state of [begun(), paused, whole, null])
      for (const circumstances of [held, free])
        expect(withHolder(rowOf("r", state, held), circumstances.isHeld)).toEqual(
          rowOf("r", state, circumstances),
        );
  });
});
