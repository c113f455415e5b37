/** `resume`: what prolongs a run, which runs it refuses, and whose lock it takes over. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator as quick,
  type EvaluatorProcess,
  events,
  journalLines,
  json,
  killAt,
  newRun,
  shown,
  start,
  startEvaluator,
  type Summary,
  untilRecorded,
} from "../support/cli.ts";
import { expectReplays, resumed, small, space, undisturbed } from "../support/disturbed-runs.ts";

let slow: EvaluatorProcess;

beforeAll(async () => {
  slow = await startEvaluator({ slowSeconds: 0.15 });
});

describe("resume", () => {
  test("--budget prolongs a run that has ended", async () => {
    const reference = await undisturbed(small);
    const { run } = reference;
    const { stdout } = await resumed(run, ["--budget", "20", "--json"]);
    const summary = JSON.parse(stdout) as Summary;
    expect(summary).toMatchObject({ status: "ended", stopReason: "budget", spend: { evaluations: 20 } });
    expect(summary.trace.slice(0, 12)).toEqual(reference.summary.trace);
    await expectReplays(run);
  });

  test("--rounds prolongs a run whose rounds were used up", async () => {
    const run = newRun();
    const flags = ["--space", space, "--evaluator", quick.address, "--rounds", "1", "--out", run];
    expect(await json(["run", ...flags])).toMatchObject({ stopReason: "rounds" });
    await resumed(run, ["--rounds", "2"]);
    expect(events(run).filter(({ type }) => type === "round-closed")).toHaveLength(2);
    await expectReplays(run);
  });

  test("says of a run that has ended that it has, and changes nothing", async () => {
    const { run, summary } = await undisturbed(small);
    const before = journalLines(run);
    const { stderr, stdout } = await resumed(run, ["--json"]);
    expect(stderr).toContain("the run has ended (budget); prolong it with --budget or --rounds");
    expect(JSON.parse(stdout)).toEqual(summary);
    expect(journalLines(run)).toEqual(before);
  });

  test("is refused while the run goes on, which can be shown meanwhile", async () => {
    const run = newRun();
    const process = start([
      "run",
      "--space",
      space,
      "--evaluator",
      slow.address,
      "--budget",
      "20",
      "--out",
      run,
    ]);
    await untilRecorded(run, 6);
    const second = await collmNas(["resume", run]);
    expect(second).toMatchObject({ code: 5, stdout: "" });
    expect(second.stderr).toContain(`held by process ${process.pid}`);
    expect(await shown(run)).toMatchObject({ status: "interrupted", stopReason: "stopped" });
    expect((await process.ended).code).toBe(0);
    await expectReplays(run);
  });

  test("goes to one of two that start at once", async () => {
    const run = newRun();
    const args = ["run", "--space", space, "--budget", "12", "--out", run];
    await collmNas([...args, "--evaluator", slow.address], { env: killAt(7) });
    const both = await Promise.all([collmNas(["resume", run]), collmNas(["resume", run])]);
    expect(new Set(both.map(({ code }) => code))).toEqual(new Set([0, 5]));
    expect(both.find(({ code }) => code === 5)?.stderr).toContain("held by process");
    expect((await shown(run)).spend.evaluations).toBe(12);
    await expectReplays(run);
  });

  test("takes over the lock of a process that is gone, and records that it did", async () => {
    const run = newRun();
    const args = ["run", "--space", space, "--budget", "5", "--evaluator", quick.address, "--out", run];
    await collmNas(args, { env: killAt(6) });
    const { pid } = JSON.parse(readFileSync(join(run, "lock"), "utf8")) as { pid: number };
    const { stderr } = await resumed(run);
    const repair = `took over the lock of process ${pid}, which is gone`;
    expect(stderr).toContain(repair);
    expect(events(run).find(({ type }) => type === "run-resumed")).toMatchObject({ repairs: [repair] });
  });

  test("does not take the lock of another host", async () => {
    const { run } = await undisturbed(small);
    const holder = { pid: 1, host: "elsewhere", startedAt: "2026-01-01T00:00:00.000Z", processStart: null };
    writeFileSync(join(run, "lock"), `${JSON.stringify(holder)}\n`);
    const { code, stderr } = await collmNas(["resume", run, "--budget", "20"]);
    expect(code).toBe(5);
    expect(stderr).toContain("on host elsewhere");
  });
});
