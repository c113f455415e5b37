/**
 * The file journal's folder and record: making a run, opening it, and refusing a damaged one.
 *
 * What every Journal promises is in test/contract/journal.ts; here is what is true of files.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRun, openRun } from "../../src/runs/journal.ts";
import { journalPath } from "../../src/runs/run-folder.ts";
import { readRun } from "../../src/runs/run-record.ts";
import { JournalDamaged, UsageError } from "../../src/errors.ts";
import { failureOf } from "../support/failure.ts";
import { runStarted, strategySet, testClock } from "../support/run-events.ts";
import { recorded, runPlace } from "../support/run-place.ts";

const place = runPlace();

const clock = testClock();

describe("creating a run", () => {
  it("makes the folder and its parents, and holds the lock until it is closed", async () => {
    place.folder = join(place.scratch, "a", "b", "run");
    const journal = await createRun(place.folder, clock);
    expect(readdirSync(place.folder).toSorted()).toEqual(["journal.jsonl", "lock"]);
    expect(JSON.parse(readFileSync(join(place.folder, "lock"), "utf8"))).toMatchObject({
      pid: process.pid,
      host: hostname(),
      startedAt: expect.stringMatching(/^2024-/),
    });
    await journal.append([runStarted()]);
    await journal.close();
    await journal.close();
    expect(readdirSync(place.folder)).toEqual(["journal.jsonl"]);
  });

  it("writes one line of JSON an event", async () => {
    const events = await recorded(place, 2);
    const lines = readFileSync(journalPath(place.folder), "utf8").split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line))).toEqual(events);
    expect(lines[1]).toMatch(/^\{"v":1,"seq":2,"at":"[^"]+","type":"strategy-set",/);
  });

  it("accepts an empty folder", async () => {
    mkdirSync(place.folder);
    await recorded(place, 1);
    expect((await readRun(place.folder)).events).toHaveLength(2);
  });

  it("never overwrites a run", async () => {
    await recorded(place, 1);
    const before = readFileSync(journalPath(place.folder));
    const error = await failureOf(createRun(place.folder, clock));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`${place.folder} already holds a run: resume it, or choose another --out`);
    expect(readFileSync(journalPath(place.folder))).toEqual(before);
    expect(readdirSync(place.folder)).toEqual(["journal.jsonl"]);
  });

  it("refuses a folder with anything else in it, and a file", async () => {
    mkdirSync(place.folder);
    writeFileSync(join(place.folder, "thesis.tex"), "");
    const error = await failureOf(createRun(place.folder, clock));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`${place.folder} is not empty (it holds thesis.tex): choose another --out`);
    expect(readdirSync(place.folder)).toEqual(["thesis.tex"]);

    for (const path of [join(place.folder, "thesis.tex"), join(place.folder, "thesis.tex", "run")]) {
      const refused = await failureOf(createRun(path, clock));
      expect(refused).toBeInstanceOf(UsageError);
      expect(refused.message).toContain(path);
    }
  });

  it("lets one of two win that start in the same folder at once", async () => {
    const outcomes = await Promise.allSettled([
      createRun(place.folder, clock),
      createRun(place.folder, clock),
    ]);
    const won = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(won).toHaveLength(1);
    await won[0]?.value.append([runStarted()]);
    await won[0]?.value.close();
    expect((await readRun(place.folder)).events).toHaveLength(1);
  });

  it("leaves nothing when nothing was recorded, but keeps a folder it did not make", async () => {
    await (await createRun(place.folder, clock)).close();
    expect(existsSync(place.folder)).toBe(false);
    mkdirSync(place.folder);
    await (await createRun(place.folder, clock)).close();
    expect(readdirSync(place.folder)).toEqual([]);
  });
});

describe("opening a run", () => {
  it("continues where the record ends", async () => {
    const before = await recorded(place, 2);
    const { journal, events, repairs } = await openRun(place.folder, clock);
    expect(events).toEqual(before);
    expect(repairs).toEqual([]);
    const more = await journal.append([strategySet(3)]);
    await journal.close();
    expect(more[0]?.seq).toBe(4);
    expect(await readRun(place.folder)).toEqual({ events: [...before, ...more], tornBytes: 0 });
  });

  it("refuses a folder that is not there or holds no run", async () => {
    for (const act of [() => openRun(place.folder, clock), () => readRun(place.folder)]) {
      const error = await failureOf(act());
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toBe(`there is no run folder ${place.folder}; name the folder that --out named`);
    }
    mkdirSync(place.folder);
    for (const act of [() => openRun(place.folder, clock), () => readRun(place.folder)]) {
      const error = await failureOf(act());
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain(`${place.folder} holds no run (journal.jsonl is missing)`);
    }
    expect(readdirSync(place.folder)).toEqual([]);
  });

  it.each([
    ["zero bytes", ""],
    ["an unfinished first line", '{"v":1,"seq":1,"at'],
  ])("says of %s that nothing was recorded, and lets go of the lock", async (_, content) => {
    mkdirSync(place.folder);
    writeFileSync(journalPath(place.folder), content);
    for (const act of [() => openRun(place.folder, clock), () => readRun(place.folder)]) {
      const error = await failureOf(act());
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message).toContain("nothing was recorded; start again");
    }
    expect(readFileSync(journalPath(place.folder), "utf8")).toBe(content);
    expect(readdirSync(place.folder)).toEqual(["journal.jsonl"]);
  });

  it("repairs a last line torn at any byte, says so, and writes on", async () => {
    const events = await recorded(place, 3);
    const whole = readFileSync(journalPath(place.folder));
    const lastLine = whole.lastIndexOf("\n", whole.length - 2) + 1;
    expect(whole.length - lastLine).toBeGreaterThan(80);
    for (let end = lastLine; end < whole.length; end++) {
      writeFileSync(journalPath(place.folder), whole.subarray(0, end));
      const torn = end - lastLine;
      expect(await readRun(place.folder)).toEqual({ events: events.slice(0, 3), tornBytes: torn });
      expect(statSync(journalPath(place.folder)).size).toBe(end);

      const opened = await openRun(place.folder, clock);
      expect(opened.events).toEqual(events.slice(0, 3));
      expect(opened.repairs).toEqual(
        torn === 0 ? [] : [`cut an unfinished last line of ${torn} bytes (event 4)`],
      );
      expect(readFileSync(journalPath(place.folder))).toEqual(whole.subarray(0, lastLine));
      const [again] = await opened.journal.append([strategySet(9)]);
      await opened.journal.close();
      expect(again?.seq).toBe(4);
      expect((await readRun(place.folder)).events).toEqual([...events.slice(0, 3), again]);
    }
  });

  it("cuts a tail that is no text at all", async () => {
    const events = await recorded(place, 1);
    const whole = readFileSync(journalPath(place.folder));
    for (const tail of [Buffer.alloc(500), Buffer.from([0xff, 0xfe, 0x80])]) {
      writeFileSync(journalPath(place.folder), Buffer.concat([whole, tail]));
      const opened = await openRun(place.folder, clock);
      await opened.journal.close();
      expect(opened.repairs).toEqual([`cut an unfinished last line of ${tail.length} bytes (event 3)`]);
      expect(opened.events).toEqual(events);
    }
  });

  describe("refuses a damaged record with the line and what is wrong, and touches nothing:", () => {
    type Damage = (lines: string[]) => (string | Buffer)[];
    const cases: [string, number, string, Damage][] = [
      ["a line that is no JSON", 2, "not JSON", ([first, , ...rest]) => [first ?? "", "{oops", ...rest]],
      [
        "a byte cut out of the middle",
        3,
        "",
        (lines) => lines.map((line, at) => (at === 2 ? line.replace('"type"', 'type"') : line)),
      ],
      [
        "an unknown type",
        2,
        "type",
        (lines) => lines.map((line, at) => (at === 1 ? line.replace("strategy-set", "strategy-sat") : line)),
      ],
      [
        "an unknown field",
        2,
        "unrecognized",
        (lines) => lines.map((line, at) => (at === 1 ? line.replace('"text"', '"note":1,"text"') : line)),
      ],
      [
        "a missing line",
        3,
        "it holds event 4 instead of event 3",
        (lines) => lines.filter((_, at) => at !== 2),
      ],
      [
        "a line twice",
        3,
        "it holds event 2 instead of event 3",
        (lines) => lines.flatMap((line, at) => (at === 1 ? [line, line] : [line])),
      ],
      [
        "a changed number",
        3,
        "it holds event 33 instead of event 3",
        (lines) => lines.map((line) => line.replace('"seq":3', '"seq":33')),
      ],
      [
        "a number that is text",
        3,
        "seq",
        (lines) => lines.map((line) => line.replace('"seq":3', '"seq":"3"')),
      ],
      [
        "a record without its first line",
        1,
        "it holds event 2 instead of event 1",
        (lines) => lines.slice(1),
      ],
      [
        "another first event",
        1,
        "the first event is strategy-set instead of run-started",
        (lines) => lines.slice(1).map((line, at) => line.replace(/"seq":\d+/, `"seq":${at + 1}`)),
      ],
      [
        "run-started later on",
        2,
        "run-started comes after the first line",
        ([first = ""]) => [first, first.replace('"seq":1', '"seq":2')],
      ],
      ["a blank line", 3, "blank", (lines) => lines.toSpliced(2, 0, "")],
      ["a line of spaces at the end", 5, "blank", (lines) => [...lines, "  "]],
      [
        "zeros in place of a line",
        2,
        "not JSON",
        (lines) => lines.map((line, at) => (at === 1 ? "\0".repeat(line.length) : line)),
      ],
      [
        "another encoding",
        4,
        "not UTF-8",
        (lines) =>
          lines.map((line, at) =>
            at === 3 ? Buffer.from(line.replace("strategy of", "stratégie"), "latin1") : line,
          ),
      ],
      [
        "a byte order mark",
        1,
        "not JSON",
        (lines) => lines.map((line, at) => (at === 0 ? `\uFEFF${line}` : line)),
      ],
      [
        "a newer format",
        2,
        "format version 2 is newer than this program's 1",
        (lines) => lines.map((line, at) => (at === 1 ? line.replace('"v":1', '"v":2') : line)),
      ],
      ["no object", 2, "not an object", (lines) => lines.map((line, at) => (at === 1 ? "42" : line))],
      [
        "damage before a torn tail",
        2,
        "not an object",
        (lines) => [...lines.map((line, at) => (at === 1 ? "null" : line)), '{"v":'],
      ],
    ];

    it.each(cases)("%s", async (name, line, reason, damage) => {
      await recorded(place, 3);
      const lines = readFileSync(journalPath(place.folder), "utf8").trimEnd().split("\n");
      const parts = damage(lines).flatMap((each) => [Buffer.from(each), Buffer.from("\n")]);
      if (name.includes("torn")) parts.pop();
      const bytes = Buffer.concat(parts);
      writeFileSync(journalPath(place.folder), bytes);
      for (const act of [() => readRun(place.folder), () => openRun(place.folder, clock)]) {
        const error = await failureOf(act());
        expect(error).toBeInstanceOf(JournalDamaged);
        expect(error.message).toContain(`${journalPath(place.folder)}, line ${line}: `);
        expect(error.message.toLowerCase()).toContain(reason.toLowerCase());
        expect(error.message).toContain("restore the file from a copy");
      }
      expect(readFileSync(journalPath(place.folder))).toEqual(bytes);
      expect(readdirSync(place.folder)).toEqual(["journal.jsonl"]);
    });
  });

  it("is read by others while it is written", async () => {
    const journal = await createRun(place.folder, clock);
    await journal.append([runStarted()]);
    let writing = true;
    const writer = (async () => {
      for (let round = 1; round <= 200; round++) await journal.append([strategySet(round)]);
      writing = false;
    })();
    let last = 0;
    while (writing) {
      const { events } = await readRun(place.folder);
      expect(events.length).toBeGreaterThanOrEqual(last);
      last = events.length;
    }
    await writer;
    await journal.close();
    expect((await readRun(place.folder)).events).toHaveLength(201);
  });
});
