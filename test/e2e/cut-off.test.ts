/** A run that is cut off from its evaluator or from its disk waits, or ends and goes on later, and loses nothing. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator as quick,
  evaluatorOf,
  evaluatorsOf,
  isRunning,
  newRun,
  slowPython,
  slowWords,
  start,
  startEvaluator,
  temporaryFile,
  temporaryFolder,
  until,
  untilRecorded,
} from "../support/cli.ts";
import { expectReplays, expectSame, resumed, small, space, undisturbed } from "../support/disturbed-runs.ts";

describe("an evaluator", () => {
  test("of the run's own that dies in the middle of a round is started again", async () => {
    const reference = await undisturbed(small);
    const run = newRun();
    const process = start(["run", reference.file, "--out", run], { env: slowPython(0.1) });
    const first = await evaluatorOf(process);
    await untilRecorded(run, 5);
    globalThis.process.kill(first, "SIGKILL");
    const second = await until("another one starts", () =>
      evaluatorsOf(process.pid).find((pid) => pid !== first),
    );
    const { code, stderr } = await process.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("the Python evaluator was killed by SIGKILL");
    const log = join(run, "evaluator.log");
    expect(stderr).toContain(`(its log: ${log}); the next call starts it again`);
    const said = () => readFileSync(log, "utf8").split(slowWords).length - 1;
    expect(said()).toBe(2);
    expect(isRunning(second)).toBe(false);
    await expectSame(run, reference);
    const longer = await resumed(run, ["--budget", "13"], { env: slowPython(0) });
    expect(longer.stderr).not.toContain("evaluator.log");
    expect(said()).toBe(3);
  });

  test("of the run's own leaves no log where there is no run", async () => {
    const cwd = temporaryFolder();
    const listed = await collmNas(["spaces", space], { cwd, env: slowPython(0) });
    expect(listed.code, listed.stderr).toBe(0);
    const refused = await collmNas(["run", "--space", "none", "--out", "run"], { cwd, env: slowPython(0) });
    expect(refused.code).toBe(2);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test("that is gone for a while and comes back at the same address is waited for", async () => {
    const reference = await undisturbed(small);
    const first = await startEvaluator({ slowSeconds: 0.1 });
    const run = newRun();
    const process = start(["run", reference.file, "--evaluator", first.address, "--out", run]);
    await untilRecorded(run, 5);
    await first.kill();
    await until("it waits", () => process.stderr().includes("waiting"));
    await startEvaluator({ port: first.port });
    const { code, stderr } = await process.ended;
    expect(code, stderr).toBe(0);
    await expectSame(run, reference);
  });

  test("that does not come back: exit 3 and how to go on, with another one if need be", async () => {
    const reference = await undisturbed(`${small}evaluator: {patienceSeconds: 1}\n`);
    const first = await startEvaluator({ slowSeconds: 0.1 });
    const run = newRun();
    const process = start(["run", reference.file, "--evaluator", first.address, "--out", run, "--json"]);
    await untilRecorded(run, 5);
    await first.kill();
    const { code, stdout, stderr } = await process.ended;
    expect(code, stderr).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ status: "failed", stopReason: "stopped" });
    expect(stderr).toMatch(/evaluator 127\.0\.0\.1:\d+ is not available.* \(waited \d s\)/);
    expect(stderr).toMatch(new RegExp(`then continue with: \\S*bin/collm-nas resume ${run}$`, "m"));

    const again = await collmNas(["resume", run]);
    expect(again.code, again.stderr).toBe(3);
    await resumed(run, ["--evaluator", quick.address]);
    await expectSame(run, reference);
    await expectReplays(run);
  });

  describe("that hangs", () => {
    test("and never wakes up: exit 3 after the silence that was set", async () => {
      const text = `${small}evaluator: {silenceSeconds: 1, patienceSeconds: 1}\n`;
      const hanging = await startEvaluator({ slowSeconds: 0.1 });
      const run = newRun();
      const flags = ["--evaluator", hanging.address, "--out", run];
      const process = start(["run", temporaryFile("search.yaml", text), ...flags]);
      await untilRecorded(run, 5);
      globalThis.process.kill(hanging.pid, "SIGSTOP");
      const { code, stderr } = await process.ended;
      expect(code, stderr).toBe(3);
      expect(stderr).toContain("was silent for 1 s");
      expect(stderr).toContain(`resume ${run}`);
      await hanging.kill();
    });

    test("and wakes up again loses nothing", async () => {
      const reference = await undisturbed(small);
      const file = temporaryFile("search.yaml", `${small}evaluator: {silenceSeconds: 1}\n`);
      const hanging = await startEvaluator({ slowSeconds: 0.1 });
      const run = newRun();
      const process = start(["run", file, "--evaluator", hanging.address, "--out", run]);
      await untilRecorded(run, 5);
      globalThis.process.kill(hanging.pid, "SIGSTOP");
      await until("it waits", () => process.stderr().includes("waiting"));
      globalThis.process.kill(hanging.pid, "SIGCONT");
      const { code, stderr } = await process.ended;
      expect(code, stderr).toBe(0);
      await expectSame(run, reference);
    });
  });
});

describe("a disk that is full", () => {
  test("stops the run with exit 3, and it goes on once there is space", async ({ skip }) => {
    const disk = join(temporaryFolder(), "disk");
    mkdirSync(disk);
    const mount = (options: string) =>
      spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", disk], { encoding: "utf8" });
    const mounted = process.platform === "linux" ? mount("size=64k") : null;
    if (mounted?.status !== 0) skip(`cannot mount a small disk here: ${mounted?.stderr ?? "needs Linux"}`);
    try {
      const reference = await undisturbed(`space: ${space}\nbudget: 60\n`);
      expect(statSync(join(reference.run, "journal.jsonl")).size).toBeGreaterThan(40_000);
      writeFileSync(join(disk, "ballast"), Buffer.alloc(32 * 1024));
      const run = join(disk, "run");
      const full = await collmNas(["run", reference.file, "--evaluator", quick.address, "--out", run]);
      expect(full.code, full.stderr).toBe(3);
      expect(full.stderr).toContain("disk full; free space; then continue with: ");
      expect(full.stderr).toContain(`resume ${run}`);

      rmSync(join(disk, "ballast"));
      expect(mount("size=1m,remount").status).toBe(0);
      await resumed(run);
      await expectSame(run, reference);
      await expectReplays(run);
    } finally {
      spawnSync("umount", ["-l", disk]);
    }
  });
});
