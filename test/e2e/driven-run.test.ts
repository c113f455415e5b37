/** A run that another program drives: its lines, its end when the program goes away, and how the same call continues it. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  type Ended,
  evaluator,
  type EvaluatorProcess,
  events,
  isRunning,
  journalLines,
  killAt,
  newRun,
  root,
  shown,
  start,
  startEvaluator,
  temporaryFile,
  until,
  untilRecorded,
} from "../support/cli.ts";
import {
  expectReplays,
  expectSame,
  small,
  space,
  type Undisturbed,
  undisturbed,
} from "../support/disturbed-runs.ts";

type Line = { readonly kind: string; readonly exitCode?: number } & Record<string, unknown>;

function linesOf({ stdout }: Pick<Ended, "stdout">): Line[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

function call(
  run: string,
  file: string,
  flags: readonly string[] = [],
  address = evaluator.address,
): string[] {
  const driven = ["--continue", "--exit-with-stdin", "--events"];
  return ["run", file, "--evaluator", address, "--out", run, ...driven, ...flags];
}

/** The lines of a call that runs to its end. */
async function driven(run: string, file: string, flags: readonly string[] = []): Promise<Line[]> {
  return linesOf(await collmNas(call(run, file, flags)));
}

let slow: EvaluatorProcess;
let reference: Undisturbed;

beforeAll(async () => {
  [slow, reference] = await Promise.all([startEvaluator({ slowSeconds: 0.15 }), undisturbed(small)]);
});
afterAll(() => slow.kill());

describe("a run that a program drives", () => {
  test("prints its lines alone on standard output, and a view without result on standard error", async () => {
    const run = newRun();
    const ended = await collmNas(call(run, reference.file));
    const lines = linesOf(ended);
    expect(lines[0]).toEqual({ kind: "begun", run, continued: false, evaluated: 0, budget: 12 });
    expect(lines.at(-1)).toMatchObject({ kind: "ended", exitCode: 0, run, error: null });
    const { trace, run: _run, ...rest } = reference.summary;
    expect(lines.at(-1)?.["summary"]).toMatchObject({ run, stopReason: rest.stopReason, best: rest.best });
    expect(trace).toHaveLength(12);
    expect(lines.at(-1)?.["summary"]).not.toHaveProperty("trace");
    const told = lines.flatMap(({ kind, event }) => (kind === "event" ? [event] : []));
    expect(told).toEqual(events(run).slice(1));
    expect(ended.stderr).toContain("12 evaluations");
    expect(ended.stderr).toContain("round  1");
    expect(ended.stderr).not.toContain("Winner");
    await expectSame(run, reference);
  });

  test("ends with its standard input, and the same call continues it", async () => {
    const run = newRun();
    const process = start(call(run, reference.file, [], slow.address), { hasInput: true });
    await untilRecorded(run, 6);
    process.endInput();
    const ended = await process.ended;
    expect(ended.code).toBe(3);
    const last = linesOf(ended).at(-1);
    expect(last).toMatchObject({ kind: "ended", exitCode: 3, run, summary: { status: "interrupted" } });
    expect(last?.["error"]).toEqual({ name: "Interrupted", message: "stopped on request" });
    expect(ended.stderr).not.toContain("stopped on request");
    expect(existsSync(join(run, "lock"))).toBe(false);
    const evaluated = events(run).filter(({ type }) => type === "architecture-measured").length;
    expect(evaluated).toBeLessThan(12);
    const [begun, ...others] = await driven(run, reference.file);
    expect(begun).toEqual({ kind: "begun", run, continued: true, evaluated, budget: 12 });
    expect(others.at(-1)).toMatchObject({ kind: "ended", exitCode: 0, summary: { stopReason: "budget" } });
    await expectSame(run, reference);
    await expectReplays(run);
  });

  test("ends after the program that drives it was killed", async () => {
    const run = newRun();
    const args = [join(root, "bin/collm-nas"), ...call(run, reference.file, [], slow.address)];
    // The driver holds the other ends of both pipes. Nobody else knows of the run.
    const driver = temporaryFile(
      "driver.mjs",
      `import { spawn } from "node:child_process";
       const [command, ...args] = JSON.parse(process.argv[2]);
       const run = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"], detached: true });
       run.stdout.resume();
       console.log(run.pid);`,
    );
    const parent = spawn(process.execPath, [driver, JSON.stringify(args)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let pid = "";
    parent.stdout.setEncoding("utf8").on("data", (text: string) => (pid += text));
    await untilRecorded(run, 6);
    parent.kill("SIGKILL");
    await until("the run has ended", () => !isRunning(Number(pid)));
    expect(Number(pid)).toBeGreaterThan(1);
    expect(existsSync(join(run, "lock"))).toBe(false);
    expect(events(run).at(-1)?.type).not.toBe("run-ended");
    await driven(run, reference.file);
    await expectSame(run, reference);
  });
});

describe("--continue", () => {
  test("sums up a complete run, and changes nothing", async () => {
    const run = newRun();
    await driven(run, reference.file);
    const before = journalLines(run);
    const lines = await driven(run, reference.file);
    expect(lines.map(({ kind }) => kind)).toEqual(["begun", "ended"]);
    expect(lines[0]).toMatchObject({ continued: true, evaluated: 12 });
    expect(lines[1]).toMatchObject({ exitCode: 0, summary: { status: "ended", spend: { evaluations: 12 } } });
    const told = await collmNas([
      "run",
      reference.file,
      "--evaluator",
      evaluator.address,
      "--out",
      run,
      "--continue",
    ]);
    expect(told).toMatchObject({ code: 0 });
    expect(told.stdout).toContain("Winner");
    expect(told.stderr).toContain("the run has ended (budget); prolong it with --budget or --rounds");
    expect(journalLines(run)).toEqual(before);
  });

  test("prolongs a run by a larger budget, and refuses a smaller one with both", async () => {
    const run = newRun();
    await driven(run, reference.file);
    const [begun, ...others] = await driven(run, reference.file, ["--budget", "20"]);
    expect(begun).toMatchObject({ continued: true, evaluated: 12, budget: 20 });
    expect(others.at(-1)).toMatchObject({ exitCode: 0, summary: { spend: { evaluations: 20 } } });
    await expectReplays(run);
    const before = journalLines(run);
    expect(refusal(await driven(run, reference.file))).toContain(
      `${run} was begun with budget 20, and 12 is not more; give the same or a larger one`,
    );
    expect(journalLines(run)).toEqual(before);
  });

  test("prolongs a run by a larger cap, and refuses one that is used up", async () => {
    const run = newRun();
    await driven(run, reference.file, ["--cap", "seconds=0.0001"]);
    expect(await shown(run)).toMatchObject({ stopReason: "time-cap" });
    const before = journalLines(run);
    expect(refusal(await driven(run, reference.file, ["--cap", "seconds=0.0002"]))).toContain(
      "--cap seconds=0.0002",
    );
    expect(journalLines(run)).toEqual(before);
    await driven(run, reference.file, ["--cap", "seconds=1000"]);
    expect(await shown(run)).toMatchObject({ stopReason: "budget" });
    await expectReplays(run);
  });

  test("refuses a run of another setting or of another space, names both values, and leaves it as it is", async () => {
    const run = newRun();
    await driven(run, reference.file);
    const before = journalLines(run);
    expect(refusal(await driven(run, reference.file, ["--seed", "4"]))).toContain(
      `${run} was run with another seed (0, not 4)`,
    );
    const [other = ""] = (await otherSpaces()).filter((each) => each !== space);
    expect(refusal(await driven(run, reference.file, ["--space", other]))).toContain(
      `${run} was run with another space ("${space}", not "${other}")`,
    );
    const file = temporaryFile("search.yaml", small);
    // A space of the same name with other data.
    const [started, ...others] = before.map((line) =>
      line.replace(/"digest":"[0-9a-f]+"/, '"digest":"other"'),
    );
    const forged = newRun();
    mkdirSync(forged);
    writeFileSync(join(forged, "journal.jsonl"), `${started}\n${others.slice(0, 2).join("\n")}\n`);
    expect(refusal(await driven(forged, file))).toContain(
      `${forged} searched other data under the name ${space}`,
    );
    expect(journalLines(run)).toEqual(before);
  });

  test("begins where a killed run had not begun, and where nothing was", async () => {
    const run = newRun();
    const flags = ["run", reference.file, "--evaluator", evaluator.address, "--out", run, "--continue"];
    const killed = await start(flags, { env: killAt(0.5) }).ended;
    expect(killed.signal).toBe("SIGKILL");
    expect(journalLines(run)).toEqual([]);
    expect(existsSync(join(run, "lock"))).toBe(true);
    const [begun] = await driven(run, reference.file);
    expect(begun).toMatchObject({ kind: "begun", continued: false });
    await expectSame(run, reference);
  });

  test("is refused while another process works on the run", async () => {
    const run = newRun();
    const first = start(call(run, reference.file, [], slow.address), { hasInput: true });
    await untilRecorded(run, 4);
    const [last] = await driven(run, reference.file);
    expect(last).toMatchObject({ kind: "ended", exitCode: 5, run: null, error: { name: "JournalLocked" } });
    expect(JSON.stringify(last)).toContain(`held by process ${first.pid}`);
    first.endInput();
    await first.ended;
  });
});

test("resume prints the same lines", async () => {
  const run = newRun();
  await driven(run, reference.file);
  const lines = linesOf(
    await collmNas(["resume", run, "--budget", "16", "--evaluator", evaluator.address, "--events"]),
  );
  expect(lines[0]).toEqual({ kind: "begun", run, continued: true, evaluated: 12, budget: 16 });
  expect(lines.at(-1)).toMatchObject({ kind: "ended", summary: { spend: { evaluations: 16 } } });
});

function refusal(lines: readonly Line[]): string {
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({
    kind: "ended",
    exitCode: 2,
    summary: null,
    error: { name: "UsageError" },
  });
  const error = lines[0]?.["error"] as { message: string } | undefined;
  return error?.message ?? "";
}

async function otherSpaces(): Promise<string[]> {
  const { stdout } = await collmNas(["spaces", "--evaluator", evaluator.address, "--json"]);
  const { spaces } = JSON.parse(stdout) as { spaces: { id: string; available: boolean }[] };
  return spaces.filter(({ available }) => available).map(({ id }) => id);
}
