/** A folder of runs as it is shown: what is found, what rows say as records change, and what the index spares. */
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JournalNotice } from "../../src/runs/shown-runs.ts";
import { readPlan } from "../../src/app/plan.ts";
import {
  afterRounds,
  appendTo,
  linesOf,
  stampedAfter,
  writeDamagedRun,
  writeRun,
  writeTornRun,
} from "../support/live-runs.ts";
import { record, scratch, folder, cache, Shown, show, until, hold } from "../support/shown-catalog.ts";

describe("the runs of a folder", () => {
  it("are found three levels deep, but not behind links, in hidden folders or in other runs", async () => {
    for (const id of ["a", "bench/b", "x/y/c", "x/y/z/too-deep", ".hidden/d", "node_modules/e", "a/inside"])
      writeRun(join(folder, id), record);
    writeRun(join(scratch, "outside"), record);
    symlinkSync(join(scratch, "outside"), join(folder, "link"));
    mkdirSync(join(folder, "linked-record"));
    symlinkSync(join(scratch, "outside", "journal.jsonl"), join(folder, "linked-record", "journal.jsonl"));
    const shown = await show().whole();
    expect(shown.ids).toEqual(["a", "bench/b", "x/y/c"]);
    for (const id of ["link", "linked-record", "../outside", "x/y/z/too-deep", "x/../a", "./a", "", "/"])
      expect(await shown.catalog.has(id), id).toBe(false);
    expect(await shown.catalog.has("bench/b")).toBe(true);
  });

  it("are the folder itself, where that is a run", async () => {
    writeRun(join(folder, "only"), record);
    const shown = await show(join(folder, "only")).whole();
    expect(shown.rows.get(".")?.rounds).toBeGreaterThan(0);
  });

  it("are none where there is no folder, and some once there is", async () => {
    const shown = await show(join(folder, "later")).whole();
    expect(shown.messages[0]).toMatchObject({ rows: [], unread: 0 });
    writeRun(join(folder, "later", "a"), record);
    await until("it is shown", () => shown.rows.has("a"));
  });

  it("are shown beside a damaged one, which names the line", async () => {
    writeRun(join(folder, "good"), record);
    writeDamagedRun(join(folder, "bad"), record, 9);
    writeRun(join(folder, "rot"), []);
    writeFileSync(join(folder, "rot", "journal.jsonl"), "what?\n");
    const shown = await show().whole();
    expect(shown.rows.get("good")).toMatchObject({ condition: "finished", trouble: null });
    expect(shown.rows.get("bad")).toMatchObject({ condition: "damaged", searcher: "collm" });
    expect(shown.rows.get("bad")?.trouble).toMatch(/line 9: it holds event 10 instead of event 9/);
    expect(shown.rows.get("rot")?.trouble).toMatch(/line 1: not JSON/);
  });

  it("are shown as far as they are whole, and not before they have begun", async () => {
    writeTornRun(join(folder, "torn"), record);
    writeRun(join(folder, "empty"), []);
    const shown = await show().whole();
    expect(shown.ids).toEqual(["torn"]);
    expect(await shown.catalog.has("empty")).toBe(true);
    expect(await shown.catalog.status("empty")).toEqual({
      condition: "stopped",
      isSteerable: false,
      lastSeq: 0,
    });
    appendTo(join(folder, "empty"), record.slice(0, 1));
    await until("it has begun", () => shown.rows.has("empty"));
  });
});

describe("a bench", () => {
  const presets = new URL("../../presets/bench/", import.meta.url).pathname;
  const cell = { label: "l", isControl: false, space: "s", seed: 0, reason: null };
  function writeBench(at: string, statuses: readonly string[], title = "All of it"): void {
    mkdirSync(at, { recursive: true });
    const combinations = statuses.map((status, index) => ({ ...cell, folder: `runs/${index}`, status }));
    const bench = {
      format: 1,
      title,
      combinations,
      references: [],
      command: "collm-nas bench p.yaml",
      versions: {},
    };
    writeFileSync(join(at, "bench.json"), JSON.stringify(bench));
  }
  const benchesLast = (shown: Shown) =>
    shown.messages.findLast(({ benches }) => benches !== undefined)?.benches;

  it.each(readdirSync(presets))(
    "made by %s is shown with its runs, as deep as it makes them",
    async (preset) => {
      const file = join(presets, preset);
      const model = { model: "m", baseUrl: "http://127.0.0.1:1/v1" };
      const { runs } = await readPlan(file, { seeds: 1 }).catch(() => readPlan(file, { seeds: 1, ...model }));
      // From the folder of the bench itself to as far above it as a run by itself is found.
      for (const [above, place] of [".", "one", "one/two", "one/two/three"].entries()) {
        const root = join(folder, `from-${above}`);
        writeBench(join(root, place), ["done"]);
        const ids = [...new Set([runs[0], runs.at(-1)].map((run) => join(place, run?.folder ?? "")))];
        for (const id of ids) writeRun(join(root, id), record.slice(0, 5));
        const shown = await show(root).whole();
        expect(shown.ids).toEqual(ids.toSorted());
        expect(benchesLast(shown)?.map(({ id }) => id)).toEqual([place]);
        await shown.close();
      }
    },
  );

  it("tells how many runs it is to have as that changes, and that its record is none", async () => {
    const broken = ["", "[]", '{"format":2}', "\u0000".repeat(17 * 1024 * 1024)];
    for (const [at, text] of broken.entries()) {
      mkdirSync(join(folder, `x${at}`));
      writeFileSync(join(folder, `x${at}`, "bench.json"), text);
    }
    writeBench(join(folder, "b"), ["pending", "done", "failed"]);
    writeRun(join(folder, "alone"), record.slice(0, 5));
    const shown = await show().whole();
    const [good, ...others] = shown.messages[0]?.benches ?? [];
    expect(good).toEqual({ id: "b", title: "All of it", planned: 3, failed: 1, trouble: null });
    expect(others.map(({ trouble }) => trouble)).toEqual(
      broken.map(() => expect.stringMatching(/^bench\.json is no record of a bench; restore/)),
    );
    writeBench(join(folder, "b"), ["failed", "done", "failed", "failed"]);
    for (const at of [0, 1, 2]) writeBench(join(folder, `x${at}`), ["done"]);
    rmSync(join(folder, "x3"), { recursive: true });
    await until(
      "all are repaired",
      () => benchesLast(shown)?.every(({ trouble }) => trouble === null) === true,
    );
    expect(benchesLast(shown)?.map(({ id, planned, failed }) => [id, planned, failed])).toEqual([
      ["b", 4, 3],
      ["x0", 1, 0],
      ["x1", 1, 0],
      ["x2", 1, 0],
    ]);
    expect(shown.ids).toEqual(["alone"]);
  });
});

describe("a row", () => {
  it("follows its record as it grows, is paused, loses its holder and goes", async () => {
    const run = writeRun(join(folder, "a"), afterRounds(record, 1));
    hold(run);
    const shown = await show().whole();
    expect(shown.rows.get("a")).toMatchObject({ condition: "running", rounds: 1 });
    const two = afterRounds(record, 2);
    appendTo(run, two.slice(afterRounds(record, 1).length));
    await until("the second round shows", () => shown.rows.get("a")?.rounds === 2);
    const pause = stampedAfter(two, [{ type: "run-paused", round: 2 }]);
    appendTo(run, pause);
    await until("it is paused", () => shown.rows.get("a")?.condition === "paused");
    expect(await shown.catalog.status("a")).toMatchObject({
      condition: "paused",
      lastSeq: pause[0]?.seq,
    });
    rmSync(join(run, "lock"));
    await until("it is stopped", () => shown.rows.get("a")?.condition === "stopped");
    rmSync(run, { recursive: true });
    await until("it is gone", () => !shown.rows.has("a"));
    expect(shown.messages.at(-1)?.gone).toEqual(["a"]);
    expect(await shown.catalog.status("a")).toBeNull();
  });

  it("is damaged once its record is, and whole again once that is repaired", async () => {
    const run = writeRun(join(folder, "a"), afterRounds(record, 1));
    const shown = await show().whole();
    appendFileSync(join(run, "journal.jsonl"), "{}\n");
    await until("it is damaged", () => shown.rows.get("a")?.condition === "damaged");
    writeRun(run, record);
    await until("it is repaired", () => shown.rows.get("a")?.condition === "finished");
  });
});

describe("a record that is followed", () => {
  /** The notices, until it is ended. */
  function follow(shown: Shown, id: string, from: number) {
    const stop = new AbortController();
    const news: JournalNotice[] = [];
    const ended = (async () => {
      for await (const each of shown.catalog.follow(id, from, stop.signal)) news.push(each);
    })();
    const seqs = () =>
      news.flatMap((each) => (each.kind === "lines" ? each.lines.map(({ event }) => event.seq) : []));
    return {
      news,
      seqs,
      end: async () => {
        stop.abort();
        await ended;
      },
    };
  }

  it("gives the very lines after a number, and those that come", async () => {
    const run = writeRun(join(folder, "a"), record.slice(0, 10));
    const shown = await show().whole();
    const followed = follow(shown, "a", 7);
    await until("three lines", () => followed.seqs().length === 3);
    appendTo(run, record.slice(10, 12));
    await until("five lines", () => followed.seqs().length === 5);
    await followed.end();
    expect(followed.seqs()).toEqual([8, 9, 10, 11, 12]);
    const texts = followed.news.flatMap((each) =>
      each.kind === "lines" ? each.lines.map(({ text }) => text) : [],
    );
    expect(texts).toEqual(linesOf(record).slice(7, 12));
  });

  it("restarts where it is shorter than what was shown of it", async () => {
    writeRun(join(folder, "a"), record.slice(0, 5));
    const shown = await show().whole();
    const followed = follow(shown, "a", 9);
    await until("all five lines", () => followed.seqs().length === 5);
    await followed.end();
    expect(followed.news[0]?.kind).toBe("restarted");
  });

  it("tells that it is gone, and restarts when it is back", async () => {
    const run = writeRun(join(folder, "a"), record.slice(0, 5));
    const shown = await show().whole();
    const followed = follow(shown, "a", 0);
    await until("five lines", () => followed.seqs().length === 5);
    rmSync(run, { recursive: true });
    await until("it is gone", () => followed.news.at(-1)?.kind === "gone");
    writeRun(run, record.slice(0, 3));
    await until("three more", () => followed.seqs().length === 8);
    await followed.end();
    const kinds = followed.news.map(({ kind }) => kind);
    expect(kinds.indexOf("restarted")).toBeGreaterThan(kinds.indexOf("gone"));
  });
});

describe("the index", () => {
  const file = () => join(cache, readdirSync(cache)[0] as string);

  it("spares reading, for its owner alone, what has not changed since", async () => {
    for (const id of ["a", "b"]) writeRun(join(folder, id), record);
    const first = await show().whole();
    await first.close();
    expect(first.read).toBe(2);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(cache)).toHaveLength(1);

    writeRun(join(folder, "b"), afterRounds(record, 1));
    const second = await show().whole();
    expect(second.messages[0]?.rows.map(({ id }) => id)).toEqual(["a"]);
    await until("b is read", () => second.rows.size === 2);
    expect(second.read).toBe(1);
    expect(second.rows.get("a")).toEqual(first.rows.get("a"));
    expect(second.rows.get("b")).toMatchObject({ rounds: 1, condition: "stopped" });
  });

  it.each([
    ["no JSON", () => "{"],
    ["another version", (text: string) => text.replace(/"version":\d+/, '"version":0')],
    ["another folder", (text: string) => text.replace('"folder":"', '"folder":"/other')],
    ["a row that is none", (text: string) => text.replace('"condition"', '"state"')],
  ])("is thrown away when it is %s", async (_what, spoil) => {
    writeRun(join(folder, "a"), record);
    await (await show().whole()).close();
    writeFileSync(file(), spoil(readFileSync(file(), "utf8")));
    const shown = await show().whole();
    expect(shown.read).toBe(1);
    expect(shown.rows.get("a")?.condition).toBe("finished");
  });

  it("is not needed", async () => {
    writeFileSync(cache, "a file where its folder belongs");
    writeRun(join(folder, "a"), record);
    const shown = await show().whole();
    await shown.close();
    expect(shown.ids).toEqual(["a"]);
  });
});
