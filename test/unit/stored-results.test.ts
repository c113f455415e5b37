/** Results from the evaluator's store: counted, shown wherever a run is shown, and no measure of how long evaluations take. */
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { summaryLines } from "../../src/cli/summary.ts";
import { LiveView } from "../../src/cli/live-view.ts";
import { evaluationsWords } from "../../src/dashboard/page/status-words.ts";
import { assumedRates } from "../../src/report/assumed-rates.ts";
import { measuredRates } from "../../src/report/measured-rates.ts";
import { fold } from "../../src/search/fold.ts";
import { funnel } from "../../src/search/funnel.ts";
import { replaySearch } from "../../src/search/replay.ts";
import type { RunState } from "../../src/search/state.ts";
import { setUp } from "../support/core-ports.ts";
import { MemoryEvaluator } from "../support/memory-evaluator.ts";
import { reportedRun } from "../support/reported-runs.ts";
import { scriptedSearcher } from "../support/scripted-searcher.ts";
import { inFile } from "../support/streams.ts";
import { tinyTexts } from "../support/tiny-architectures.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { row, studyOf, table } from "../support/written-studies.ts";

/** Three evaluations, of which the evaluator had two in its store. */
async function watched() {
  const stored = new Set(tinyTexts.slice(0, 2));
  const evaluator = new MemoryEvaluator({
    description: tinyDescription,
    score: ({ text }) => ({
      kind: "measurement",
      metrics: { accuracy: text.length },
      seconds: stored.has(text) ? 0 : 40,
      ...(stored.has(text) ? { stored: true } : {}),
    }),
  });
  const searcher = scriptedSearcher([tinyTexts.slice(0, 3)]);
  const { run, journal } = await setUp({ searcher, evaluator, search: { budget: 3, rounds: 1 } });
  let said = "";
  const out = new PassThrough().on("data", (bytes: Buffer) => (said += bytes.toString()));
  const view = new LiveView(Object.assign(out, { isTTY: false }));
  view.begin(fold(journal.events) as RunState);
  const state = await run(undefined, (notice) => view.observe(notice));
  return { state, said, events: journal.events, searcher };
}

describe("results from the store", () => {
  it("are counted, told of a round and of the run, and replayed", async () => {
    const { state, said, events, searcher } = await watched();
    expect(funnel(state)).toMatchObject({ evaluated: 3, storedEvaluated: 2 });
    expect(said).toMatch(/^round {2}1 .*, 3 evaluated \(2 from the store\)$/m);
    expect(inFile(summaryLines(state, "runs/mine", "collm-nas")).join("\n")).toMatch(
      /^Funnel .*: 3 evaluated \(of these .*, 2 served from the store\)$/m,
    );
    expect((await replaySearch(events, searcher)).complete).toBe(true);
  });

  it("are said on the page, and only where there are some", () => {
    const words = (isStored: boolean) =>
      evaluationsWords(reportedRun([1, 2], { isStored: () => isStored }).state);
    expect(words(false)).toBe("2 evaluations, 4 s of the evaluator's time.");
    expect(words(true)).toBe("2 evaluations, 0 s of the evaluator's time, 2 served from the store.");
  });

  it("are a column of a report's funnel where any run had some", () => {
    const entry = { label: "ours", scores: [[80, 81, 82]] };
    const cells = (isStored: (at: number) => boolean) =>
      row(table(studyOf([{ ...entry, isStored }]), "funnel-tiny"), 0);
    expect(cells((at) => at > 0)).toMatchObject({ Evaluated: "3", "From the store": "2" });
    expect(Object.keys(cells(() => false))).not.toContain("From the store");
  });

  it("do not say how long an evaluation takes", () => {
    const assumed = assumedRates({ sizes: {}, prices: {}, bounds: {}, most: 10, tokensPerSecond: null });
    const seconds = (isStored: (at: number) => boolean) =>
      measuredRates(reportedRun([1, 2, 3, 4], { isStored }).state, assumed.rates, {
        most: 10,
        memory: { navigator: true, generator: false },
      }).rates.evaluationSeconds?.expected;
    expect(seconds((at) => at > 0)).toBe(seconds(() => false));
    expect(seconds(() => true)).toBe(assumed.rates.evaluationSeconds?.expected);
  });
});
