/**
 * Nothing is lost: a run that is killed, interrupted, cut off from its evaluator or from its disk goes on from where
 * it stood and comes to what it would have come to, and no evaluator outlives it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator as quick,
  decisions,
  type Ended,
  type EvaluatorProcess,
  evaluatorOf,
  evaluatorsOf,
  events,
  isRunning,
  journalLines,
  json,
  killAt,
  newRun,
  outcome,
  type Process,
  type Settings,
  shown,
  slowPython,
  slowWords,
  start,
  startEvaluator,
  type Summary,
  temporaryFile,
  temporaryFolder,
  until,
  untilRecorded,
} from "../support/cli.ts";
import { type GrpcServer, startGrpcServer } from "../support/grpc-server.ts";

const space = "analognas-baseline";
/** Three rounds of four. */
const small = `space: ${space}\nbudget: 12\ncandidates: {min: 4, max: 4}\n`;

let slow: EvaluatorProcess;

beforeAll(async () => {
  slow = await startEvaluator({ slowSeconds: 0.15 });
});

/** What a configuration comes to when nothing happens to it. */
interface Undisturbed {
  readonly file: string;
  readonly run: string;
  readonly summary: Summary;
}

async function undisturbed(text: string, address: string): Promise<Undisturbed> {
  const file = temporaryFile("search.yaml", text);
  const run = newRun();
  return { file, run, summary: await json(["run", file, "--evaluator", address, "--out", run]) };
}

/** The run came to what it would have come to without the disturbance, and its record holds together. */
async function expectSame(run: string, reference: Undisturbed): Promise<void> {
  expect(outcome(await shown(run))).toEqual(outcome(reference.summary));
  expect(decisions(run)).toEqual(decisions(reference.run));
}

async function expectReplays(run: string): Promise<void> {
  const replayed = await collmNas(["replay", run]);
  expect(replayed, replayed.stderr).toMatchObject({ code: 0 });
}

async function resumed(run: string, flags: readonly string[] = [], settings?: Settings): Promise<Ended> {
  const ended = await collmNas(["resume", run, ...flags], settings);
  expect(ended.code, ended.stderr).toBe(0);
  return ended;
}

/** Does `work` for each item, two at a time. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

describe("kill -9", () => {
  /** Kills a run at a place of its record, resumes it, and looks at what it comes to. */
  async function expectSurvival(reference: Undisturbed, address: string, place: number): Promise<void> {
    const run = newRun();
    const killed = await collmNas(["run", reference.file, "--evaluator", address, "--out", run], {
      env: killAt(place),
    });
    expect(killed.signal, `killed at ${place}: ${killed.stderr}`).toBe("SIGKILL");
    const whole = Math.floor(place);
    expect(journalLines(run)).toHaveLength(whole);
    const torn = readFileSync(join(run, "journal.jsonl"), "utf8").split("\n").at(-1) ?? "";
    expect(torn !== "").toBe(place !== whole);

    const { stdout, stderr } = await resumed(run, ["--json"]);
    expect(stderr).toMatch(/^took over the lock of process \d+, which is gone$/m);
    if (torn !== "")
      expect(stderr).toContain(`cut an unfinished last line of ${torn.length} bytes (event ${whole + 1})`);
    const summary = JSON.parse(stdout) as Summary;
    expect(outcome(summary), `killed at ${place}`).toEqual(outcome(reference.summary));
    expect(decisions(run), `killed at ${place}`).toEqual(decisions(reference.run));
    await expectReplays(run);
  }

  test("after any event of a run with roles, and in the middle of writing some", {
    timeout: 180_000,
  }, async () => {
    const reference = await undisturbed(small.replace("12", "8"), quick.address);
    const { length } = journalLines(reference.run);
    expect(length).toBeGreaterThanOrEqual(20);
    const places = Array.from({ length }, (_, index) => index + 1);
    const middles = [1.5, 4.5, Math.floor(length / 2) + 0.5, length - 0.5];
    await forEach([...places, ...middles], (place) => expectSurvival(reference, quick.address, place));
  });

  test("after any event of a search that asks for costs first", { timeout: 120_000 }, async () => {
    const text = `${small.replace("12", "8")}searcher: local-search\nlimits: {flops_m: 120}\n`;
    const reference = await undisturbed(text, quick.address);
    const places = events(reference.run).flatMap(({ type, seq }) =>
      type === "architecture-measured" ? [] : [seq],
    );
    expect(events(reference.run).map(({ type }) => type)).toContain("costs-measured");
    await forEach(places, (place) => expectSurvival(reference, quick.address, place));
  });

  describe("around the test of the winner", () => {
    let server: GrpcServer;

    beforeAll(async () => {
      server = await startGrpcServer();
    });
    afterAll(() => server.kill());

    test("is made up for, and not made twice", async () => {
      const reference = await undisturbed(
        "space: tiny\nbudget: 6\ncandidates: {min: 3, max: 3}\n",
        server.address,
      );
      expect(reference.summary.best?.test).toEqual({ accuracy: expect.any(Number) });
      const types = events(reference.run).map(({ type }) => type);
      expect(types.slice(-2)).toEqual(["run-ended", "winner-tested"]);
      const places = [types.length - 2, types.length - 1, types.length - 0.5, types.length];
      await forEach(places, (place) => expectSurvival(reference, server.address, place));
    });
  });

  test("before the first event is whole: there is nothing to resume, and that is said", async () => {
    const run = newRun();
    const flags = ["--space", space, "--evaluator", quick.address, "--out", run];
    expect((await collmNas(["run", ...flags], { env: killAt(0.5) })).signal).toBe("SIGKILL");
    const { code, stderr } = await collmNas(["resume", run]);
    expect(code).toBe(2);
    expect(stderr).toContain("nothing was recorded; start again");
  });

  test("twice in a row, the second time in the round that was resumed", async () => {
    const reference = await undisturbed(small, quick.address);
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
    const reference = await undisturbed(small, quick.address);
    const run = newRun();
    const process = start(["run", reference.file, "--out", run, "--json"], { env: slowPython(0.2) });
    const evaluator = await evaluatorOf(process);
    await untilRecorded(run, 7);
    const { stdout, stderr } = await expectQuickEnd(process);
    expect(stderr).toMatch(new RegExp(`then go on with: \\S*bin/collm-nas resume ${run}$`, "m"));
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

describe("resume", () => {
  test("--budget prolongs a run that has ended", async () => {
    const reference = await undisturbed(small, quick.address);
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
    const { run, summary } = await undisturbed(small, quick.address);
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
    const { run } = await undisturbed(small, quick.address);
    const holder = { pid: 1, host: "elsewhere", startedAt: "2026-01-01T00:00:00.000Z", processStart: null };
    writeFileSync(join(run, "lock"), `${JSON.stringify(holder)}\n`);
    const { code, stderr } = await collmNas(["resume", run, "--budget", "20"]);
    expect(code).toBe(5);
    expect(stderr).toContain("on host elsewhere");
  });
});

describe("an evaluator", () => {
  test("of the run's own that dies in the middle of a round is started again", async () => {
    const reference = await undisturbed(small, quick.address);
    const run = newRun();
    const process = start(["run", reference.file, "--out", run], { env: slowPython(0.1) });
    const first = await evaluatorOf(process);
    await untilRecorded(run, 7);
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
    const reference = await undisturbed(small, quick.address);
    const first = await startEvaluator({ slowSeconds: 0.1 });
    const run = newRun();
    const process = start(["run", reference.file, "--evaluator", first.address, "--out", run]);
    await untilRecorded(run, 7);
    await first.kill();
    await until("it waits", () => process.stderr().includes("waiting"));
    await startEvaluator({ port: first.port });
    const { code, stderr } = await process.ended;
    expect(code, stderr).toBe(0);
    await expectSame(run, reference);
  });

  test("that does not come back: exit 3 and how to go on, with another one if need be", async () => {
    const reference = await undisturbed(`${small}evaluator: {patienceSeconds: 1}\n`, quick.address);
    const first = await startEvaluator({ slowSeconds: 0.1 });
    const run = newRun();
    const process = start(["run", reference.file, "--evaluator", first.address, "--out", run, "--json"]);
    await untilRecorded(run, 7);
    await first.kill();
    const { code, stdout, stderr } = await process.ended;
    expect(code, stderr).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ status: "failed", stopReason: "stopped" });
    expect(stderr).toMatch(/evaluator 127\.0\.0\.1:\d+ is not available.* \(waited \d s\)/);
    expect(stderr).toMatch(new RegExp(`then go on with: \\S*bin/collm-nas resume ${run}$`, "m"));

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
      await untilRecorded(run, 7);
      globalThis.process.kill(hanging.pid, "SIGSTOP");
      const { code, stderr } = await process.ended;
      expect(code, stderr).toBe(3);
      expect(stderr).toContain("was silent for 1 s");
      expect(stderr).toContain(`resume ${run}`);
      await hanging.kill();
    });

    test("and wakes up again loses nothing", async () => {
      const reference = await undisturbed(small, quick.address);
      const file = temporaryFile("search.yaml", `${small}evaluator: {silenceSeconds: 1}\n`);
      const hanging = await startEvaluator({ slowSeconds: 0.1 });
      const run = newRun();
      const process = start(["run", file, "--evaluator", hanging.address, "--out", run]);
      await untilRecorded(run, 7);
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
      const reference = await undisturbed(`space: ${space}\nbudget: 40\n`, quick.address);
      expect(statSync(join(reference.run, "journal.jsonl")).size).toBeGreaterThan(40_000);
      writeFileSync(join(disk, "ballast"), Buffer.alloc(32 * 1024));
      const run = join(disk, "run");
      const full = await collmNas(["run", reference.file, "--evaluator", quick.address, "--out", run]);
      expect(full.code, full.stderr).toBe(3);
      expect(full.stderr).toContain("disk full; free space; then go on with: ");
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
