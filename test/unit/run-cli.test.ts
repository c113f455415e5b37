/** The command line as a function: several at a time, on the streams that it is given and on no other. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { runCli } from "../../src/cli/run-cli.ts";
import { entryOf, type FlagKey, flagForm, flagHelp } from "../../src/settings/command-flags.ts";
import { settings } from "../../src/settings.ts";
import { keptStreams } from "../support/streams.ts";

const run = "test/fixtures/run-v1";
const never = new AbortController().signal;

async function ran(args: readonly string[], terminal: Parameters<typeof keptStreams>[0] = {}) {
  const streams = keptStreams(terminal);
  let stoppable = 0;
  const onStoppable = () => {
    stoppable += 1;
  };
  const code = await runCli(args, { ...streams, signal: never, onStoppable });
  return { code, ...streams.text(), stoppable };
}

afterEach(() => vi.restoreAllMocks());

describe("the command line in process", () => {
  it("prints to the streams that it is given, and leaves the process as it was", async () => {
    const writes = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, "write"));
    const exit = vi.spyOn(process, "exit");
    const before = ["SIGINT", "SIGTERM", "SIGHUP"].map((name) => process.listenerCount(name));
    const all = await Promise.all([
      ran(["--version"]),
      ran(["--help"]),
      ran(["show", run]),
      ran(["show", run, "--json"]),
      ran(["show", "nowhere"]),
      ran(["run", "--budget", "none"]),
      ran(["sohw", run]),
    ]);
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 2, 2, 2]);
    const [version, help, shown, object, nowhere, budget, unknown] = all;
    expect(version?.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(help?.stdout).toContain("collm-nas run --space analognas-baseline");
    expect(shown?.stdout).toMatch(/^Winner /m);
    expect(JSON.parse(object?.stdout ?? "")).toMatchObject({ status: "ended" });
    for (const { stdout, stderr } of [nowhere, budget, unknown].filter((each) => each !== undefined)) {
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^collm-nas: /);
    }
    expect(unknown?.stderr).toContain("(Did you mean show?)");
    expect(writes.map(({ mock }) => mock.calls)).toEqual([[], []]);
    expect(exit).not.toHaveBeenCalled();
    expect(["SIGINT", "SIGTERM", "SIGHUP"].map((name) => process.listenerCount(name))).toEqual(before);
  });

  it("prints the schemas of the files that it reads", async () => {
    const [search, plan, neither] = await Promise.all([
      ran(["schema"]),
      ran(["schema", "plan", "--json"]),
      ran(["schema", "searh"]),
    ]);
    expect(JSON.parse(search.stdout)).toMatchObject({
      required: ["space"],
      title: "search.yaml of collm-nas",
    });
    expect(JSON.parse(plan.stdout)).toMatchObject({ required: ["title", "spaces", "seeds", "searchers"] });
    expect([neither.code, neither.stdout]).toEqual([2, ""]);
  });

  it("has every flag of a setting in the help of run, in its sentence", async () => {
    const { stdout } = await ran(["run", "--help"]);
    const help = stdout.replace(/\s+/g, " ");
    const keys = Object.keys({ ...settings, caps: null }) as FlagKey[];
    for (const key of keys)
      if (entryOf(key).flag !== undefined) expect(help).toContain(`${flagForm(key)} ${flagHelp(key)}`);
  });

  it("has colours and lines as wide as the terminal it is given", async () => {
    const escape = "\u001b[";
    const [wide, narrow, file] = await Promise.all([
      ran(["show", run], { isTTY: true, columns: 200, hasColors: () => true }),
      ran(["show", run], { isTTY: true, columns: 50, hasColors: () => false }),
      ran(["show", run]),
    ]);
    expect(wide.stdout).toContain(`${escape}1m`);
    expect(narrow.stdout + file.stdout).not.toContain(escape);
    expect(narrow.stdout.split("\n").length).toBeGreaterThan(file.stdout.split("\n").length);
  });

  it("says when a command begins that has to be stopped, and stops it by the signal", async () => {
    const streams = keptStreams();
    const stop = new AbortController();
    const code = runCli(["dashboard", "test/fixtures", "--port", "0", "--json"], {
      ...streams,
      signal: stop.signal,
      onStoppable: () => setTimeout(() => stop.abort(), 500),
    });
    expect(await code).toBe(0);
    expect(JSON.parse(streams.text().stdout)).toMatchObject({ folder: "test/fixtures" });
    expect((await ran(["show", run])).stoppable).toBe(0);
  });
});
