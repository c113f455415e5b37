/** A run that is interrupted: how soon it ends, what it says and leaves, and that it goes on. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  type Ended,
  type EvaluatorProcess,
  evaluatorOf,
  isRunning,
  killAt,
  newRun,
  type Process,
  slowPython,
  start,
  startEvaluator,
  temporaryFolder,
  until,
  untilRecorded,
} from "../support/cli.ts";
import { expectReplays, expectSame, resumed, small, space, undisturbed } from "../support/disturbed-runs.ts";

let slow: EvaluatorProcess;

beforeAll(async () => {
  slow = await startEvaluator({ slowSeconds: 0.15 });
});

describe("Ctrl-C", () => {
  async function expectQuickEnd(process: Process): Promise<Ended> {
    const begin = performance.now();
    process.interrupt();
    const ended = await process.ended;
    expect((performance.now() - begin) / 1000).toBeLessThan(2);
    expect(ended.code, ended.stderr).toBe(3);
    return ended;
  }

  test("ends a run within 2 s, says how to go on, and leaves neither lock nor evaluator", async () => {
    const reference = await undisturbed(small);
    const run = newRun();
    const process = start(["run", reference.file, "--out", run, "--json"], { env: slowPython(0.2) });
    const evaluator = await evaluatorOf(process);
    await untilRecorded(run, 7);
    const { stdout, stderr } = await expectQuickEnd(process);
    expect(stderr).toMatch(new RegExp(`then continue with: \\S*bin/collm-nas resume ${run}$`, "m"));
    expect(JSON.parse(stdout)).toMatchObject({ run, status: "interrupted", stopReason: "stopped" });
    await until("the evaluator is gone", () => !isRunning(evaluator));
    expect(existsSync(join(run, "lock"))).toBe(false);

    await resumed(run);
    await expectSame(run, reference);
    await expectReplays(run);
  });

  test("tells a person the same", async () => {
    const run = newRun();
    const process = start(["run", "--space", space, "--evaluator", slow.address, "--out", run]);
    await untilRecorded(run, 7);
    const { stdout } = await expectQuickEnd(process);
    expect(stdout).toMatch(/^Ended +not finished: stopped \(\d+ of 100 evaluations, 1 round\)$/m);
    expect(stdout).toContain(`bin/collm-nas resume ${run}`);
  });

  test("works on a resumed run as well", async () => {
    const run = newRun();
    const env = slowPython(0.2);
    const args = ["run", "--space", space, "--budget", "40", "--out", run];
    await collmNas(args, { env: { ...env, ...killAt(6) } });
    const process = start(["resume", run], { env });
    const evaluator = await evaluatorOf(process);
    await untilRecorded(run, 10);
    const { stderr } = await expectQuickEnd(process);
    expect(stderr).toContain(`resume ${run}`);
    await until("the evaluator is gone", () => !isRunning(evaluator));
  });

  test("works while the evaluator hangs, and ends that too", async () => {
    const run = newRun();
    const process = start(["run", "--space", space, "--out", run], { env: slowPython(0.2) });
    const evaluator = await evaluatorOf(process);
    await untilRecorded(run, 7);
    globalThis.process.kill(evaluator, "SIGSTOP");
    await expectQuickEnd(process);
    await until("the evaluator is gone", () => !isRunning(evaluator));
  });

  test("works while a run waits for its evaluator", async () => {
    const own = await startEvaluator({ slowSeconds: 0.15 });
    const run = newRun();
    const process = start(["run", "--space", space, "--evaluator", own.address, "--out", run]);
    await untilRecorded(run, 7);
    await own.kill();
    await until("it waits", () => process.stderr().includes("waiting"));
    await expectQuickEnd(process);
    expect(existsSync(join(run, "lock"))).toBe(false);
  });

  test("works before anything is recorded, and leaves nothing to clean up", async () => {
    const folder = temporaryFolder();
    const process = start(["run", "--space", space, "--out", "run"], { cwd: folder });
    const evaluator = await evaluatorOf(process);
    await expectQuickEnd(process);
    await until("the evaluator is gone", () => !isRunning(evaluator));
    expect(existsSync(join(folder, "run"))).toBe(false);
  });

  test.each(["SIGTERM", "SIGHUP"] as const)("has a like in %s", async (signal) => {
    const run = newRun();
    const process = start(["run", "--space", space, "--evaluator", slow.address, "--out", run]);
    await untilRecorded(run, 6);
    process.kill(signal);
    expect((await process.ended).code).toBe(3);
    expect(existsSync(join(run, "lock"))).toBe(false);
  });
});
