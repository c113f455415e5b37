/**
 * A run followed from elsewhere: `run --feed`, `watch` from the folder and from the feed, and the Python example, each a
 * process of its own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import {
  collmNas,
  evaluator as quick,
  type EvaluatorProcess,
  journalLines,
  json,
  killAt,
  newRun,
  type Process,
  python,
  root,
  start,
  startEvaluator,
  temporaryFile,
  temporaryFolder,
  until,
  untilRecorded,
} from "../support/cli.ts";

const space = "analognas-baseline";
/** Three rounds of four. */
const small = `space: ${space}\nbudget: 12\ncandidates: {min: 4, max: 4}\n`;
/** Long enough for whoever is started beside it to find it under way. */
const long = small.replace("budget: 12", "budget: 40");

let slow: EvaluatorProcess;
/** A run that has ended. */
let finished: string;

beforeAll(async () => {
  slow = await startEvaluator({ slowSeconds: 0.15 });
  finished = newRun();
  await json(["run", temporaryFile("search.yaml", small), "--evaluator", quick.address, "--out", finished]);
});

interface FedRun {
  readonly run: string;
  readonly address: string;
  readonly process: Process;
}

/** Starts a run with a feed, slow enough to be followed. */
async function fedRun(settings: { run?: string; cwd?: string } = {}): Promise<FedRun> {
  const { run = newRun(), cwd = temporaryFolder() } = settings;
  const file = temporaryFile("search.yaml", long);
  const process = start(
    ["run", file, "--evaluator", slow.address, "--out", run, "--feed", "tcp://127.0.0.1:*"],
    { cwd },
  );
  const address = await until("the feed is open", () => /^feed on (\S+)$/m.exec(process.stderr())?.[1]);
  return { run, address, process };
}

const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");

describe("run --feed", () => {
  test("is followed by its address, line for line, also by one that comes late", async () => {
    const { run, address, process } = await fedRun();
    const early = start(["watch", address, "--json"]);
    await untilRecorded(run, 9);
    const late = start(["watch", address, "--json"]);
    const person = start(["watch", address]);
    for (const watching of [early, late]) {
      const ended = await watching.ended;
      expect(ended.code, ended.stderr).toBe(0);
      expect(linesOf(ended.stdout)).toEqual(journalLines(run));
    }
    expect((await process.ended).code).toBe(0);
    const { code, stdout, stderr } = await person.ended;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("Winner");
    expect(stderr).toContain(`listening to ${address}`);
    expect(stderr).toMatch(/^round {2}1 {2}best \d/m);
  });

  test("goes on to its end beside a frozen subscriber, which has every line once it thaws", async () => {
    const { run, address, process } = await fedRun();
    const frozen = start(["watch", address, "--json"]);
    await until("it watches", () => linesOf(frozen.stdout()).length > 3);
    frozen.kill("SIGSTOP");
    const { code, stderr } = await process.ended;
    expect(code, stderr).toBe(0);
    const seenBefore = linesOf(frozen.stdout()).length;
    expect(seenBefore).toBeLessThan(journalLines(run).length);
    frozen.kill("SIGCONT");
    const ended = await frozen.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(linesOf(ended.stdout)).toEqual(journalLines(run));
  });

  test("is followed from a folder where its journal is not, with what was missed said", async () => {
    const cwd = temporaryFolder();
    const { run, address, process } = await fedRun({ run: "here", cwd });
    await untilRecorded(join(cwd, run), 5);
    const { code, stdout, stderr } = await start(["watch", address, "--json"]).ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("the journal of here is not here: only what the feed brings is shown");
    const missed = journalLines(join(cwd, run)).length - linesOf(stdout).length;
    expect(missed).toBeGreaterThan(4);
    expect(linesOf(stdout)).toEqual(journalLines(join(cwd, run)).slice(missed));
    expect(stderr).toContain(`events 1 to ${missed} were missed: from here on each event is shown by itself`);
    expect(stderr).toMatch(/^round \d {2}accuracy \d/m);
    expect((await process.ended).code).toBe(0);
  });

  test("that other machines would reach is refused before anything begins, with the reason", async () => {
    const run = newRun();
    const { code, stderr } = await collmNas([
      "run",
      "--space",
      space,
      "--out",
      run,
      "--feed",
      "tcp://0.0.0.0:*",
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^collm-nas: other machines can reach the feed on tcp:\/\/0\.0\.0\.0:\*, .* --allow-remote$/m,
    );
    expect(existsSync(run)).toBe(false);
  });

  test("on a port that is taken, and on no address at all, is refused with the next step", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    for (const [address, words] of [
      [`tcp://127.0.0.1:${port}`, "another process has it; choose another one"],
      ["5599", '"5599" is no address of a feed; it has to be tcp://HOST:PORT, such as tcp://127.0.0.1:5599'],
    ] as const) {
      const run = newRun();
      const { code, stderr } = await collmNas(["run", "--space", space, "--out", run, "--feed", address]);
      expect(code).toBe(2);
      expect(stderr).toContain(words);
      expect(existsSync(run)).toBe(false);
      const resumed = await collmNas(["resume", finished, "--budget", "24", "--feed", address]);
      expect(resumed.code).toBe(2);
      expect(resumed.stderr).toContain(words);
    }
    taken.close();
  });

  test("is followed by the Python example, which prints every event once", async () => {
    const cwd = temporaryFolder();
    const { run, address, process } = await fedRun({ run: "followed", cwd });
    const folder = join(cwd, run);
    await untilRecorded(folder, 4);
    const example = spawn(python, [join(root, "examples/watch_feed.py"), address], {
      cwd,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    example.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
    const [code] = (await once(example, "close")) as [number | null];
    expect(code).toBe(0);
    expect((await process.ended).code).toBe(0);
    const recorded = journalLines(folder).map((line) => JSON.parse(line) as { seq: number; type: string });
    expect(linesOf(printed).map((line) => line.split(" ").slice(0, 2))).toEqual(
      recorded.map(({ seq, type }) => [`${seq}`, type]),
    );
    expect(printed.match(/^\d+ architecture-measured \{'accuracy': \d/gm)).toHaveLength(40);
  });
});

describe("watch RUN", () => {
  test("shows a run that has ended: a line a round, and what it came to", async () => {
    const { code, stdout, stderr } = await collmNas(["watch", finished]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^space analognas-baseline, searcher rules, no language model/m);
    expect(stderr.match(/^round {2}\d {2}best \d/gm)).toHaveLength(3);
    const shown = await collmNas(["show", finished]);
    expect(
      stdout
        .trim()
        .split("\n")
        .slice(0, 4)
        .every((line) => shown.stdout.includes(line.trim())),
    ).toBe(true);
  });

  test("prints every line of the record with --json and nothing else", async () => {
    const { code, stdout } = await collmNas(["watch", finished, "--json"]);
    expect(code).toBe(0);
    expect(linesOf(stdout)).toEqual(journalLines(finished));
  });

  test("follows the folder with and without the feed to the same end", async () => {
    const { run, address, process } = await fedRun();
    const watching = [start(["watch", run, "--json"]), start(["watch", run, "--json", "--feed", address])];
    expect((await process.ended).code).toBe(0);
    for (const each of watching) {
      const { code, stdout, stderr } = await each.ended;
      expect(code, stderr).toBe(0);
      expect(linesOf(stdout)).toEqual(journalLines(run));
    }
  });

  test("says that no feed answers, and follows only the journal", async () => {
    const { run, process } = await fedRun();
    await untilRecorded(run, 3);
    process.kill("SIGSTOP");
    const watching = start(["watch", run, "--json", "--feed", "tcp://127.0.0.1:9"]);
    await until("that is told", () =>
      watching.stderr().includes("no feed answers on tcp://127.0.0.1:9: only the journal is followed"),
    );
    process.kill("SIGCONT");
    const { code, stdout, stderr } = await watching.ended;
    expect(code, stderr).toBe(0);
    expect(linesOf(stdout)).toEqual(journalLines(run));
  });

  test("ends with the word that the run is not running when it was killed, and how to go on", async () => {
    const run = newRun();
    const file = temporaryFile("search.yaml", small);
    const killed = start(["run", file, "--evaluator", slow.address, "--out", run], { env: killAt(11) });
    await untilRecorded(run, 3);
    const watching = start(["watch", run]);
    expect((await killed.ended).signal).toBe("SIGKILL");
    const { code, stdout, stderr } = await watching.ended;
    expect(code).toBe(3);
    expect(stderr).toContain(`${run} is not running, and is not finished; continue it with: `);
    expect(stderr).toMatch(new RegExp(`resume ${run}$`, "m"));
    expect(stdout).toContain("not finished");
  });

  test("waits for a feed that is not there, and says so", async () => {
    const watching = start(["watch", "tcp://127.0.0.1:9"]);
    await until("that is told", () =>
      watching.stderr().includes("no feed answers on tcp://127.0.0.1:9 yet: waiting for it"),
    );
    watching.interrupt();
    expect((await watching.ended).code).toBe(3);
  });

  test("stops at Ctrl-C and leaves the run alone", async () => {
    const { run, process } = await fedRun();
    const watching = start(["watch", run]);
    await until("it watches", () => watching.stderr().includes("searcher"));
    watching.interrupt();
    const { code, stderr } = await watching.ended;
    expect(code).toBe(3);
    expect(stderr).toContain(`no longer watching ${run}; the run continues`);
    expect((await process.ended).code).toBe(0);
  });

  test("refuses what is no run, and two addresses, with exit code 2", async () => {
    const nothing = newRun();
    for (const [args, words] of [
      [["watch", nothing], `there is no run folder ${nothing}`],
      [["watch", temporaryFolder()], "holds no run (journal.jsonl is missing)"],
      [["watch", "tcp://nowhere"], '"tcp://nowhere" is no address of a feed'],
      [["watch", "tcp://127.0.0.1:5599", "--feed", "tcp://127.0.0.1:5600"], "one address alone"],
      [["watch", finished, "--feed", "5599"], '"5599" is no address of a feed'],
    ] as const) {
      const { code, stderr } = await collmNas(args);
      expect(stderr).toContain(words);
      expect(code).toBe(2);
    }
  });

  test("names the line of a record that cannot be trusted", async () => {
    const run = newRun();
    cpSync(finished, run, { recursive: true });
    const lines = journalLines(run);
    writeFileSync(join(run, "journal.jsonl"), [...lines.slice(0, 4), "{", ...lines.slice(5), ""].join("\n"));
    const { code, stderr } = await collmNas(["watch", run]);
    expect(code).toBe(5);
    expect(stderr).toContain(`${join(run, "journal.jsonl")}, line 5: not JSON`);
  });

  test("tells of a record that is taken away, comes back as another one, and goes for good", async () => {
    const { run, process } = await fedRun();
    await untilRecorded(run, 6);
    process.kill("SIGSTOP");
    const watching = start(["watch", run]);
    await until("it watches", () => watching.stderr().includes("searcher"));
    const path = join(run, "journal.jsonl");
    renameSync(path, `${path}.away`);
    await until("that is told", () =>
      watching.stderr().includes("is not there: waiting for it to come back"),
    );
    cpSync(join(finished, "journal.jsonl"), path);
    await until("it is shown again", () => watching.stderr().includes("shown again from its first line"));
    await until("it is read again", () => /shown again[^]*round {2}3 {2}best/.test(watching.stderr()));
    process.kill("SIGKILL");
    rmSync(run, { recursive: true });
    const { code, stderr } = await watching.ended;
    expect(stderr).toContain("is gone; name the folder");
    expect(code).toBe(2);
  });

  test("shows nothing of a model's escape codes", async () => {
    const run = newRun();
    mkdirSync(run);
    const lines = readFileSync(join(finished, "journal.jsonl"), "utf8").split("\n").slice(0, 1);
    writeFileSync(join(run, "journal.jsonl"), `${lines[0]}\n`);
    const holder = { pid: process.pid, host: (await import("node:os")).hostname(), startedAt: "now" };
    writeFileSync(join(run, "lock"), JSON.stringify(holder));
    const watching = start(["watch", run]);
    await until("it watches", () => watching.stderr().includes("searcher"));
    const evil = {
      v: 1,
      seq: 2,
      at: "2026-01-01T00:00:00.000Z",
      type: "strategy-set",
      round: 1,
      text: "\u001b]0;owned\u0007\u001b[2J calm",
    };
    appendFileSync(join(run, "journal.jsonl"), `${JSON.stringify(evil)}\n`);
    await until("the strategy is told", () => watching.stderr().includes("calm"));
    expect(watching.stderr()).not.toContain("\u001b");
    rmSync(join(run, "lock"));
    await wait(0);
    expect((await watching.ended).code).toBe(3);
  });
});
