/**
 * What commands leave on disk is nobody else's: prompts and replies stand in it. With `--shared` the user's mask alone
 * decides.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collmNas, root, start, temporaryFile, temporaryFolder } from "../support/cli.ts";
import { type EvaluateCall, type GrpcServer, outcomeFor, startGrpcServer } from "../support/grpc-server.ts";

let evaluator: GrpcServer;
let usual: number;
/** Lets every evaluation wait until it is opened. */
let gate: Promise<void> = Promise.resolve();

beforeAll(async () => {
  // The group may read: neither the mask of nobody's files nor that of everybody's.
  usual = process.umask(0o027);
  const Evaluate = async (call: EvaluateCall) => {
    await gate;
    call.request.architectures.forEach((_, index) => call.write(outcomeFor(call, index)));
    call.end();
  };
  evaluator = await startGrpcServer({ Evaluate: (call) => void Evaluate(call) });
});

afterAll(async () => {
  process.umask(usual);
  await evaluator.kill();
});

/** The modes of all that is in a folder, itself included. */
function modesIn(folder: string): Record<string, number> {
  const names = ["", ...readdirSync(folder, { recursive: true, encoding: "utf8" })];
  return Object.fromEntries(names.map((name) => [name, statSync(join(folder, name)).mode & 0o777]));
}

const isPrivate = (modes: Record<string, number>) =>
  Object.entries(modes).filter(([, mode]) => mode !== 0o700 && mode !== 0o600);

const plan = `title: Two\nspaces: [tiny]\nseeds: 2\nsearchers: [random]\ncontrols: []\nrun: {budget: 4}\n`;
const commands = {
  run: (out: string) => ["run", "--space", "tiny", "--searcher", "random", "--budget", "4", "--out", out],
  bench: (out: string) => ["bench", temporaryFile("plan.yaml", plan), "--out", out],
  rank: (out: string) => ["rank", "--space", "tiny", "--cells", "3", "--trials", "2", "--out", out],
};

test.each(Object.entries(commands))(
  "what %s makes is its owner's alone, unless it is shared",
  async (_name, args) => {
    const folder = temporaryFolder();
    for (const [name, more] of [
      ["own", []],
      ["shared", ["--shared"]],
    ] as const) {
      const ended = await collmNas([...args(join(folder, name)), ...more, "--evaluator", evaluator.address]);
      expect(ended.code, ended.stderr).toBe(0);
    }
    const own = existsSync(join(folder, "own")) && statSync(join(folder, "own")).isDirectory();
    const modes = own ? modesIn(join(folder, "own")) : { "": statSync(join(folder, "own")).mode & 0o777 };
    expect(isPrivate(modes)).toEqual([]);
    const shared = own
      ? modesIn(join(folder, "shared"))
      : { "": statSync(join(folder, "shared")).mode & 0o777 };
    expect(Object.keys(shared)).toEqual(Object.keys(modes));
    for (const mode of Object.values(shared)) expect([0o750, 0o640]).toContain(mode);
  },
);

test("so are lock, sockets and reports of a run, also in a folder that was there", async () => {
  const folder = join(temporaryFolder(), "run");
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  let open = () => {};
  gate = new Promise((resolve) => {
    open = resolve;
  });
  const feed = join(temporaryFolder(), "feed.sock");
  const run = start([...commands.run(folder), "--evaluator", evaluator.address, "--feed", `ipc://${feed}`]);
  await expect.poll(() => existsSync(join(folder, "control.sock")), { timeout: 30_000 }).toBe(true);
  expect(Object.keys(modesIn(folder)).toSorted()).toEqual(["", "control.sock", "journal.jsonl", "lock"]);
  expect(isPrivate(modesIn(folder))).toEqual([]);
  expect(statSync(feed).mode & 0o777).toBe(0o600);
  open();
  expect((await run.ended).code).toBe(0);
  const within = ["--out", join(folder, "report.html"), "--markdown", join(folder, "new/report.md")];
  const reported = await collmNas(["report", folder, ...within]);
  expect(reported.code, reported.stderr).toBe(0);
  expect(isPrivate(modesIn(folder))).toEqual([]);
});

test("report writes over an earlier one only where it is named", async () => {
  const cwd = temporaryFolder();
  const fixture = join(root, "test/fixtures/run-v1");
  writeFileSync(join(cwd, "mine.html"), "mine");
  expect((await collmNas(["report", fixture], { cwd })).code).toBe(0);
  const before = statSync(join(cwd, "report.html")).mtimeMs;
  const again = await collmNas(["report", fixture], { cwd });
  expect(again.code).toBe(2);
  expect(again.stderr).toMatch(/report\.html is there already; write over it with --out report\.html/);
  expect(statSync(join(cwd, "report.html")).mtimeMs).toBe(before);
  expect((await collmNas(["report", fixture, "--out", "report.html"], { cwd })).code).toBe(0);
  expect((await collmNas(["report", fixture, "--out", "mine.html"], { cwd })).code).toBe(2);
});
