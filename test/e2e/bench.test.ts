/**
 * A bench as a person makes one: runs of a plan against one real evaluator, stopped, killed, gone on with, and with
 * runs in it that fail.
 */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openRowIndex } from "../../src/runs/row-index.ts";
import { FolderCatalog } from "../../src/runs/run-catalog.ts";
import { benchFile } from "../../src/app/dashboard.ts";
import { readStudy } from "../../src/app/read-study.ts";
import type { BenchRecord } from "../../src/report/bench-record.ts";
import type { RunEvent } from "../../src/search/events.ts";
import {
  collmNas,
  evaluator,
  type Ended,
  events,
  start,
  startEvaluator,
  temporaryFile,
  temporaryFolder,
  until,
} from "../support/cli.ts";
import { rechained } from "../support/live-runs.ts";
import {
  chat,
  type ModelServer,
  playRoles,
  startModelServer,
  unauthorized,
} from "../support/model-server.ts";

const servers: ModelServer[] = [];

afterAll(() => Promise.all(servers.map((each) => each.close())));

const lines = [
  "title: A small bench",
  "spaces: [analognas-baseline]",
  "seeds: 2",
  "searchers: [evolution]",
  "controls: [random]",
  "run: {budget: 20}",
];

interface Result {
  readonly bench: string;
  readonly runs: number;
  readonly done: number;
  readonly failed: readonly { folder: string; label: string; reason: string }[];
  readonly withoutWinner: readonly { folder: string; reason: string }[];
  readonly tables: readonly { id: string; rows: readonly (readonly string[])[] }[];
}

function plan(...text: string[]): string {
  return temporaryFile("plan.yaml", text.join("\n"));
}

function args(file: string, out: string, ...flags: string[]): string[] {
  return ["bench", file, "--evaluator", evaluator.address, "--out", out, ...flags];
}

async function made(file: string, out: string, ...flags: string[]): Promise<Result> {
  const ended = await collmNas([...args(file, out, ...flags), "--json"]);
  expect(ended.code, ended.stderr).toBe(0);
  return JSON.parse(ended.stdout) as Result;
}

function record(out: string): BenchRecord {
  return JSON.parse(readFileSync(join(out, "bench.json"), "utf8")) as BenchRecord;
}

/** What the live page shows of a folder: its benches and runs, in order. */
async function shownIn(folder: string): Promise<{ benches: string[]; runs: string[] }> {
  const catalog = new FolderCatalog(folder, benchFile, openRowIndex(null, folder));
  const runs: string[] = [];
  let benches: string[] = [];
  for await (const message of catalog.changes(new AbortController().signal)) {
    runs.push(...message.rows.map(({ id }) => id));
    benches = message.benches?.map(({ id }) => id) ?? benches;
    if (message.unread === 0) break;
  }
  await catalog.close();
  return { benches, runs: runs.toSorted() };
}

/** The first line on standard error that is the program's own last word. */
function refusal({ stderr }: Ended): string {
  return stderr.trim().split("\n").at(-1) ?? "";
}

describe("a bench", () => {
  test("makes ordinary runs, which it does not make again", async () => {
    const out = join(temporaryFolder(), "bench");
    const file = plan(...lines);
    const first = await made(file, out);
    expect(first).toMatchObject({ bench: out, runs: 4, done: 4, failed: [] });
    const folders = record(out).combinations.map(({ folder }) => join(out, folder));
    expect(
      record(out).combinations.map(({ label, isControl, status }) => [label, isControl, status]),
    ).toEqual([
      ["evolution", false, "done"],
      ["evolution", false, "done"],
      ["random", true, "done"],
      ["random", true, "done"],
    ]);
    const ids = record(out).combinations.map(({ folder }) => folder);
    expect(await shownIn(out)).toEqual({ benches: ["."], runs: ids });
    expect(await shownIn(dirname(out))).toEqual({
      benches: ["bench"],
      runs: ids.map((id) => `bench/${id}`),
    });
    expect(await shownIn(join(out, "runs"))).toEqual({
      benches: [],
      runs: ids.map((id) => id.replace("runs/", "")),
    });
    // A report of the folder that benches lie in is one of what they hold.
    const { cohorts } = await readStudy([dirname(out)], "");
    expect(cohorts.map(({ label, runs }) => [label, runs.length])).toEqual([
      ["evolution", 2],
      ["random", 2],
    ]);
    for (const folder of folders) expect((await collmNas(["replay", folder])).code).toBe(0);
    const bytes = folders.map((folder) => readFileSync(join(folder, "journal.jsonl"), "utf8"));
    expect(await made(file, out)).toEqual(first);
    expect(folders.map((folder) => readFileSync(join(folder, "journal.jsonl"), "utf8"))).toEqual(bytes);
  });

  test("says which runs have no usable winner, and ends with 7 where none has one", async () => {
    const out = join(temporaryFolder(), "bench");
    const settings = "settings: {any: {}, tight: {limits: {flops_m: 1}}}";
    const some = await made(plan(...lines, settings), out);
    expect(some).toMatchObject({ runs: 6, done: 6, failed: [] });
    expect(some.withoutWinner.map(({ folder }) => folder)).toEqual([
      expect.stringContaining("evolution-tight/seed0"),
      expect.stringContaining("evolution-tight/seed1"),
    ]);
    expect(some.withoutWinner[0]?.reason).toContain("no legal architecture at or below flops_m 1 found");
    const none = [
      "title: None",
      "spaces: [analognas-baseline]",
      "seeds: 1",
      "searchers: [random]",
      "controls: []",
    ];
    const file = plan(...none, "run: {budget: 20, limits: {flops_m: 1}}");
    const ended = await collmNas([...args(file, join(temporaryFolder(), "none")), "--json"]);
    expect(ended.code, ended.stderr).toBe(7);
    expect(refusal(ended)).toContain("not one of 1 runs has a usable winner; the first one: ended without");
    expect((JSON.parse(ended.stdout) as Result).withoutWinner).toHaveLength(1);
  });

  test("finds the same as each run by itself", async () => {
    const out = join(temporaryFolder(), "bench");
    await made(plan(...lines), out);
    const alone = join(temporaryFolder(), "run");
    const flags = [
      "--space",
      "analognas-baseline",
      "--searcher",
      "evolution",
      "--seed",
      "1",
      "--budget",
      "20",
    ];
    await collmNas(["run", ...flags, "--evaluator", evaluator.address, "--out", alone]);
    const texts = (run: string) =>
      events(run).flatMap((event) => (event.type === "architecture-measured" ? [event.text] : []));
    expect(texts(join(out, "runs/analognas-baseline/evolution/seed1"))).toEqual(texts(alone));
    expect(texts(alone)).toHaveLength(20);
  });

  test("takes more seeds in, and makes only those", async () => {
    const out = join(temporaryFolder(), "bench");
    const file = plan(...lines);
    await made(file, out, "--seeds", "1");
    const old = statSync(join(out, "runs/analognas-baseline/random/seed0/journal.jsonl")).mtimeMs;
    expect(await made(file, out, "--seeds", "3")).toMatchObject({ runs: 6, done: 6 });
    expect(statSync(join(out, "runs/analognas-baseline/random/seed0/journal.jsonl")).mtimeMs).toBe(old);
  });

  test("measures all of a space once, and anew when its data are others", async () => {
    const out = join(temporaryFolder(), "bench");
    const file = plan(...lines, "optimum: true");
    const optimum = () => record(out).references[0]?.optimum;
    const note = (changes: object) => {
      const { references, ...rest } = record(out);
      const changed = references.map((each) => ({ ...each, ...changes }));
      writeFileSync(join(out, "bench.json"), JSON.stringify({ ...rest, references: changed }));
    };
    await made(file, out, "--seeds", "1");
    const measured = optimum();
    expect(measured).toEqual({ search: expect.closeTo(94.0664, 3), test: null });
    note({ optimum: { search: 12, test: null } });
    await made(file, out);
    expect(optimum()).toEqual({ search: 12, test: null });
    note({ digest: "another" });
    await made(file, out);
    expect(optimum()).toEqual(measured);
  });

  test("keeps what an earlier plan made in the same folder", async () => {
    const out = join(temporaryFolder(), "bench");
    const file = plan(...lines);
    await made(file, out);
    expect(await made(file, out, "--seeds", "1")).toMatchObject({ runs: 2, done: 2 });
    expect(
      record(out)
        .combinations.map(({ folder }) => folder)
        .sort(),
    ).toEqual([
      "runs/analognas-baseline/evolution/seed0",
      "runs/analognas-baseline/evolution/seed1",
      "runs/analognas-baseline/random/seed0",
      "runs/analognas-baseline/random/seed1",
    ]);
  });

  test.each([
    ["an empty journal", (folder: string) => writeFileSync(join(folder, "journal.jsonl"), "")],
    [
      "half a first line",
      (folder: string) => writeFileSync(join(folder, "journal.jsonl"), '{"v":1,"seq":1,'),
    ],
    [
      "the lock of a process that is gone",
      (folder: string) =>
        writeFileSync(
          join(folder, "lock"),
          JSON.stringify({ pid: 4_000_000, host: hostname(), startedAt: "2026-01-01T00:00:00.000Z" }),
        ),
    ],
  ])("makes a run that was killed as it began, and left %s", async (_, leave) => {
    const out = join(temporaryFolder(), "bench");
    await made(plan(...lines), out, "--seeds", "1");
    const folder = join(out, "runs/analognas-baseline/evolution/seed1");
    mkdirSync(folder);
    leave(folder);
    expect(await made(plan(...lines), out)).toMatchObject({ runs: 4, done: 4, failed: [] });
  });

  test("goes on where it was killed", async () => {
    const slow = await startEvaluator({ slowSeconds: 0.05 });
    const out = join(temporaryFolder(), "bench");
    const file = plan(...lines);
    const command = ["bench", file, "--out", out, "--evaluator", slow.address];
    const killed = start(command);
    const running = join(out, "runs/analognas-baseline/evolution/seed0");
    await until("a run is under way", () => existsSync(running) && events(running).length > 5);
    killed.kill("SIGKILL");
    await killed.ended;
    const begun = events(running);
    expect(begun.at(-1)?.type).not.toBe("run-ended");
    const ended = await collmNas([...command, "--json"]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ runs: 4, done: 4 });
    expect(events(running).slice(0, begun.length)).toEqual(begun);
    expect((await collmNas(["replay", running])).code).toBe(0);
    await slow.kill();
  });

  test("stops at Ctrl-C with the command to go on with", async () => {
    const slow = await startEvaluator({ slowSeconds: 0.05 });
    const out = join(temporaryFolder(), "bench");
    const file = plan(...lines);
    const stopped = start(["bench", file, "--out", out, "--evaluator", slow.address]);
    const running = join(out, "runs/analognas-baseline/evolution/seed0");
    await until("a run is under way", () => existsSync(running) && events(running).length > 5);
    stopped.interrupt();
    const ended = await stopped.ended;
    expect(ended.code).toBe(3);
    expect(refusal(ended)).toMatch(
      /stopped with 0 of 4 runs done; the same command continues it: .* bench .*plan\.yaml/,
    );
    expect(ended.stdout).toBe("");
    expect(record(out).combinations.map(({ status }) => status)).toEqual(
      Array.from({ length: 4 }, () => "pending"),
    );
    await slow.kill();
  });

  test("is made by one process at a time", async () => {
    const slow = await startEvaluator({ slowSeconds: 5 });
    const out = join(temporaryFolder(), "bench");
    const command = ["bench", plan(...lines), "--out", out, "--evaluator", slow.address];
    const first = start(command);
    await until("it has begun", () => existsSync(join(out, "bench.json")));
    const second = await collmNas(command);
    expect(second.code).toBe(5);
    expect(refusal(second)).toContain(out);
    first.kill("SIGKILL");
    await first.ended;
    await slow.kill();
  });
});

describe("a run that fails in a bench", () => {
  const roles = [...lines.slice(0, 3), "searchers: [collm]", ...lines.slice(4)];

  test("is named with its reason, stops no other, and is made once its cause is gone", async () => {
    let isRefusing = true;
    const good = playRoles();
    const server = await startModelServer((request) => (isRefusing ? unauthorized() : good(request)));
    servers.push(server);
    const out = join(temporaryFolder(), "bench");
    const file = plan(...roles);
    const flags = ["--model", "m", "--base-url", server.baseUrl];
    const ended = await collmNas([...args(file, out, ...flags), "--json"]);
    expect(ended.code, ended.stderr).toBe(3);
    const result = JSON.parse(ended.stdout) as Result;
    expect(result).toMatchObject({ runs: 4, done: 2 });
    expect(result.failed.map(({ label, reason }) => [label, reason.includes("401")])).toEqual([
      ["collm (m)", true],
      ["collm (m)", true],
    ]);
    expect(ended.stderr).toContain("collm (m) on analognas-baseline, seed 0: failed: ");
    const [main] = result.tables;
    expect(main?.rows.flat().join(" ")).toContain("0 of 2");
    isRefusing = false;
    expect(await made(file, out, ...flags)).toMatchObject({ runs: 4, done: 4, failed: [] });
  });

  test("is one whose record is damaged", async () => {
    const out = join(temporaryFolder(), "bench");
    const file = plan(...lines);
    await made(file, out);
    const damaged = join(out, "runs/analognas-baseline/random/seed0/journal.jsonl");
    writeFileSync(damaged, readFileSync(damaged, "utf8").replace('"seq":3', '"seq":4'));
    const broken = await collmNas([...args(file, out), "--json"]);
    expect(broken.code).toBe(5);
    expect(JSON.parse(broken.stdout)).toMatchObject({ done: 3, failed: [{ label: "random" }] });
    expect(refusal(broken)).toContain("journal.jsonl, line 3");
  });

  test("is one whose replies cannot be read", async () => {
    const server = await startModelServer(() => chat("I would rather not."));
    servers.push(server);
    const out = join(temporaryFolder(), "bench");
    const ended = await collmNas([
      ...args(plan(...roles), out, "--model", "m", "--base-url", server.baseUrl, "--seeds", "1"),
      "--json",
    ]);
    expect(ended.code).toBe(4);
    const { failed } = JSON.parse(ended.stdout) as Result;
    expect(failed.map(({ reason }) => reason)).toEqual([expect.stringContaining("could be read")]);
  });
});

describe("a folder that holds other runs", () => {
  test.each([
    ["settings", ["--budget", "30"], "was run with another budget (20, not 30); choose another --out"],
    ["data", [], "searched other data under the name analognas-baseline"],
  ])("is refused for its %s, and left as it is", async (what, flags, message) => {
    const out = join(temporaryFolder(), "bench");
    const file = plan(...lines);
    await made(file, out);
    const journal = join(out, "runs/analognas-baseline/random/seed1/journal.jsonl");
    if (what === "data") {
      const [begun, ...others] = events(dirname(journal)) as [
        RunEvent & { type: "run-started" },
        ...RunEvent[],
      ];
      const record = rechained([{ ...begun, space: { ...begun.space, digest: "another" } }, ...others]);
      writeFileSync(journal, record.map((event) => `${JSON.stringify(event)}\n`).join(""));
    }
    const before = readFileSync(join(out, "bench.json"), "utf8");
    const ended = await collmNas([...args(file, out), ...flags]);
    expect(ended.code).toBe(2);
    expect(refusal(ended)).toContain(message);
    expect(readFileSync(join(out, "bench.json"), "utf8")).toBe(before);
  });
});

test("runs of another setting are not taken for those of the plan, also where a record leaves it out", async () => {
  const out = join(temporaryFolder(), "bench");
  const text = (costRevision: boolean) =>
    plan(...lines.slice(0, 5), `run: {budget: 20, costRevision: ${costRevision}}`);
  await made(text(true), out);
  const ended = await collmNas(args(text(false), out));
  expect(ended.code).toBe(2);
  expect(refusal(ended)).toContain(
    "was run with another costRevision (true, not false); choose another --out",
  );
});

describe("a plan that cannot be run", () => {
  test.each([
    ["an unknown space", [lines[0], "spaces: [analognas-baselin]", ...lines.slice(2)], "analognas-baseline"],
    [
      "a cost that the space has not",
      [...lines.slice(0, 5), "run: {limits: {flop_m: 3}}"],
      'did you mean "flops_m"',
    ],
    ["seeds repeated", [...lines.slice(0, 2), "seeds: [1, 1]", ...lines.slice(3)], '"seeds" holds 1 twice'],
    ["an unknown searcher", [...lines.slice(0, 3), "searchers: [evolutio]", ...lines.slice(4)], "evolution"],
  ])("is refused with %s before anything runs", async (_, text, message) => {
    const out = join(temporaryFolder(), "bench");
    const ended = await collmNas(args(plan(...(text as string[])), out));
    expect(ended.code).toBe(2);
    expect(refusal(ended)).toContain(message);
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    ["a file", () => temporaryFile("taken", "")],
    ["a folder of other things", () => dirname(temporaryFile("taken", ""))],
  ])("is refused where %s stands in its way", async (_, take) => {
    const out = take();
    const ended = await collmNas(args(plan(...lines), out));
    expect(ended.code).toBe(2);
    expect(refusal(ended)).toContain(out);
    expect(existsSync(join(out, "lock"))).toBe(false);
  });

  test("is refused where a run is", async () => {
    const out = join(temporaryFolder(), "bench");
    const file = plan(...lines);
    await made(file, out);
    const run = join(out, "runs/analognas-baseline/random/seed0");
    const ended = await collmNas(args(file, run));
    expect(ended.code).toBe(2);
    expect(refusal(ended)).toContain("holds other things (journal.jsonl) and no bench");
  });
});
