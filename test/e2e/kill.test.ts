/** Kills of a run that are not at one of its events: before the first, twice in a row, and what is left of its evaluator. */
import { describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator as quick,
  evaluatorOf,
  isRunning,
  journalLines,
  killAt,
  newRun,
  slowPython,
  start,
  until,
  untilRecorded,
} from "../support/cli.ts";
import {
  expectReplays,
  expectSame,
  forEach,
  resumed,
  small,
  space,
  undisturbed,
} from "../support/disturbed-runs.ts";

describe("kill -9", () => {
  test("before the first event is whole: there is nothing to resume, and that is said", async () => {
    const run = newRun();
    const flags = ["--space", space, "--evaluator", quick.address, "--out", run];
    expect((await collmNas(["run", ...flags], { env: killAt(0.5) })).signal).toBe("SIGKILL");
    const { code, stderr } = await collmNas(["resume", run]);
    expect(code).toBe(2);
    expect(stderr).toContain("nothing was recorded; start again");
  });

  test("twice in a row, the second time in the round that was resumed", async () => {
    const reference = await undisturbed(small);
    const run = newRun();
    await collmNas(["run", reference.file, "--evaluator", quick.address, "--out", run], { env: killAt(7) });
    // One event more: the resume itself.
    const again = await collmNas(["resume", run], { env: killAt(10) });
    expect(again.signal).toBe("SIGKILL");
    expect(journalLines(run)).toHaveLength(10);
    await resumed(run);
    await expectSame(run, reference);
    await expectReplays(run);
  });

  test("leaves no evaluator behind, whenever it comes", async () => {
    const env = slowPython(0.2);
    await forEach([0, 2, 8], async (count) => {
      const run = newRun();
      const process = start(["run", "--space", space, "--budget", "50", "--out", run], { env });
      const evaluator = await evaluatorOf(process);
      await untilRecorded(run, count);
      process.kill("SIGKILL");
      expect((await process.ended).signal).toBe("SIGKILL");
      await until("the evaluator is gone", () => !isRunning(evaluator));
    });
  });
});
