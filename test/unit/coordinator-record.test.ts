/** What a search records, in which order, and what happens when it cannot be written. */
import { describe, expect, it } from "vitest";
import type { Notice } from "../../src/search/live-run.ts";
import { trace } from "../../src/search/results.ts";
import { bodies, facts, setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { middle, narrow, tinyTexts, wide } from "../support/tiny-architectures.ts";
import { tinySpace } from "../support/tiny-space.ts";

const space = tinySpace();

describe("a record that cannot be written", () => {
  it.each(["round-proposed", "architecture-measured", "round-closed", "run-ended", "winner-tested"])(
    "ends the run with the journal's own error at %s",
    async (type) => {
      const full = new Error("no space left on device");
      const { run, journal } = await setUp({
        search: { budget: 3 },
        searcher: scriptedSearcher([[narrow, middle, wide]]),
        journal: {
          beforeAppend: (stored) => {
            if (stored.some((body) => body.type === type)) throw full;
          },
        },
      });
      await expect(run()).rejects.toBe(full);
      expect(journal.events.map((event) => event.type)).not.toContain(type);
    },
  );
});

describe("what is recorded", () => {
  it("is in the order in which it happened, and the observer sees every record with its state", async () => {
    const notices: Notice[] = [];
    const { run, journal } = await setUp({
      search: { budget: 3 },
      searcher: scriptedSearcher(async (turn) => {
        await turn.setStrategy("go");
        return turn.round === 1 ? [narrow, middle] : [wide];
      }),
    });
    await run(undefined, (notice) => notices.push(notice));
    const types = [
      "run-started",
      "strategy-set",
      "round-proposed",
      "architecture-measured",
      "architecture-measured",
      "round-closed",
      "strategy-set",
      "round-proposed",
      "architecture-measured",
      "round-closed",
      "run-ended",
      "winner-tested",
    ];
    expect(journal.events.map(({ type }) => type)).toEqual(types);
    expect(notices.flatMap((notice) => (notice.kind === "recorded" ? [notice.event.seq] : []))).toEqual(
      types.slice(1).map((_, index) => index + 2),
    );
  });

  it("adds up to the same whatever the order in which answers come", async () => {
    const script = [tinyTexts.slice(0, 5), tinyTexts.slice(3, 9), tinyTexts.slice(20, 25)];
    const outcome = async (order: "asked" | "shuffled") => {
      const { run, journal } = await setUp({
        evaluator: new MemoryEvaluator({ order }),
        search: { budget: 13 },
        searcher: scriptedSearcher(script),
      });
      return {
        state: await run(),
        places: bodies(journal.events, "architecture-measured").map(({ candidate }) => candidate),
      };
    };
    const [asked, shuffled] = [await outcome("asked"), await outcome("shuffled")];
    expect(shuffled.places).not.toEqual(asked.places);
    expect(facts(shuffled.state)).toEqual(facts(asked.state));
    expect(trace(shuffled.state)).toEqual(trace(asked.state));
  });

  it("is the same twice over", async () => {
    const once = async () => {
      const { run, journal } = await setUp({
        search: { budget: 4 },
        searcher: scriptedSearcher((turn) => [space.sample(turn.random("x")).text]),
      });
      await run();
      return journal.events;
    };
    expect(await once()).toEqual(await once());
  });
});
