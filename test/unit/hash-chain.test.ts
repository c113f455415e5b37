/**
 * The chain digests of a record: no change before one goes unnoticed, and every reader of a finished run notices it.
 *
 * The records are those of real searches and the kept one of test/fixtures; one character is changed at a time.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openRun } from "../../src/runs/journal.ts";
import { readRun, readRunUnchecked } from "../../src/runs/run-record.ts";
import { followRun } from "../../src/runs/journal-tail.ts";
import { FolderCatalog } from "../../src/runs/run-catalog.ts";
import { openRowIndex } from "../../src/runs/row-index.ts";
import { openModels, systemClock } from "../../src/app/compose.ts";
import { estimateRun } from "../../src/cli/estimate.ts";
import { openOutput, type Output } from "../../src/cli/output.ts";
import { readStudy } from "../../src/app/read-study.ts";
import { report } from "../../src/cli/report.ts";
import { resume } from "../../src/cli/run.ts";
import { show } from "../../src/cli/show.ts";
import { watch } from "../../src/cli/watch.ts";
import { type ModelConfig, parseConfig } from "../../src/settings/config.ts";
import { JournalDamaged } from "../../src/errors.ts";
import { readEvent, type RunEvent } from "../../src/search/events.ts";
import { HashChain } from "../../src/search/hash-chain.ts";
import { linesOf, searchedRecord, writeRun } from "../support/live-runs.ts";
import { keptStreams } from "../support/streams.ts";

const fixture = readFileSync(new URL("../fixtures/run-v1/journal.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n");

let scratch: string;
let searched: readonly RunEvent[];
/** The lines of each record. */
let records: readonly (readonly string[])[];

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "seals-"));
  searched = await searchedRecord({ search: { budget: 40 } });
  records = [fixture, linesOf(searched)];
});

afterAll(() => {
  vi.restoreAllMocks();
  rmSync(scratch, { recursive: true, force: true });
});

/** The first line whose chain digest does not hold; null: all of them do. "unreadable": a line is no event any more. */
function firstBroken(lines: readonly string[]): number | "unreadable" | null {
  const chain = new HashChain();
  for (const [index, line] of lines.entries()) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return "unreadable";
    }
    const read = readEvent(value);
    if (!read.ok) return "unreadable";
    if (chain.check(read.event) !== null) return index + 1;
  }
  return null;
}

function chainAtOrAfter(lines: readonly string[], number: number): number {
  return lines.findIndex((line, index) => index + 1 >= number && line.includes('"chain":"')) + 1;
}

describe("the seals of a record", () => {
  it("hold as it was written", () => {
    for (const lines of records) expect(firstBroken(lines)).toBeNull();
  });

  it("do not hold once any letter or digit that one of them covers is another, its own included", () => {
    const place = fc.nat({ max: records.length - 1 }).chain((record) =>
      fc
        .nat({
          max: (records[record] as readonly string[]).findLastIndex((line) => line.includes('"chain"')),
        })
        .chain((index) => {
          const line = records[record]?.[index] as string;
          const columns = Array.from(line).flatMap((character, column) =>
            /[0-9A-Za-z]/.test(character) ? [column] : [],
          );
          return fc.record({
            record: fc.constant(record),
            index: fc.constant(index),
            column: fc.constantFrom(...columns),
          });
        }),
    );
    fc.assert(
      fc.property(place, fc.constantFrom(..."123456789abcxyz".split("")), ({ record, index, column }, by) => {
        const lines = records[record] as readonly string[];
        const line = lines[index] as string;
        const isLast = chainAtOrAfter(lines, index + 2) === 0;
        fc.pre(line[column] !== by);
        // No chain digest covers the time of the last line that has one, nor another spelling of a number.
        fc.pre(!isLast);
        const changed = `${line.slice(0, column)}${by}${line.slice(column + 1)}`;
        fc.pre(!isSameValue(line, changed));
        const broken = firstBroken(lines.with(index, changed));
        if (broken === "unreadable") return;
        expect([chainAtOrAfter(lines, index + 1), chainAtOrAfter(lines, index + 2)]).toContain(broken);
      }),
      { numRuns: 150 },
    );
  });

  it("do not hold where a line is left out, is there twice, or is in another's place", () => {
    const renumbered = (lines: readonly string[]) =>
      lines.map((line, index) => line.replace(/"seq":\d+/, `"seq":${index + 1}`));
    const at = fixture.findIndex((line) => line.includes("architecture-measured"));
    for (const changed of [
      fixture.toSpliced(at, 1),
      fixture.toSpliced(at, 0, fixture[at] as string),
      fixture.toSpliced(at, 2, fixture[at + 1] as string, fixture[at] as string),
    ])
      expect(firstBroken(renumbered(changed))).toBeTypeOf("number");
  });
});

function isSameValue(one: string, other: string): boolean {
  try {
    return JSON.stringify(JSON.parse(one)) === JSON.stringify(JSON.parse(other));
  } catch {
    return false;
  }
}

describe("a finished run in whose record a result was changed", () => {
  /** No run has it. */
  const wrong = "99.9875";
  let changedLine: number;
  let printed: string[];
  const output: Output = {
    ...openOutput(false, keptStreams()),
    result: (object, lines) => {
      printed.push(JSON.stringify(object), ...lines);
    },
  };
  const signal = new AbortController().signal;

  function damaged(name: string): string {
    const lines = linesOf(searched);
    const last = lines.findLastIndex((line) => line.includes('"type":"architecture-measured"'));
    changedLine = last + 1;
    const changed = (lines[last] as string).replace(/"accuracy":[0-9.]+/, `"accuracy":${wrong}`);
    const folder = join(scratch, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "journal.jsonl"),
      lines
        .with(last, changed)
        .map((line) => `${line}\n`)
        .join(""),
    );
    return folder;
  }

  beforeAll(() => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
  });

  const readers: readonly [string, (folder: string) => Promise<unknown>][] = [
    ["readRun", readRun],
    ["going on", (folder) => openRun(folder, systemClock)],
    ["resume", (folder) => resume(folder, { budget: 80 }, {}, output, signal)],
    ["show of a round", (folder) => show(folder, { round: lastRound() }, output)],
    ["report", (folder) => report([folder], { out: join(scratch, "page.html") }, output)],
    ["estimate", (folder) => estimateRun(undefined, {}, { from: folder }, output, signal)],
    ["watch", (folder) => watch(folder, {}, output, signal)],
    [
      "a recorded model",
      (folder) =>
        openModels(
          parseConfig({ space: "cells", model: { name: `recorded:${folder}` } }, "").model as ModelConfig,
          systemClock,
          { onRetry: () => {} },
        ),
    ],
  ];

  function lastRound(): number {
    return searched.filter(({ type }) => type === "round-closed").length;
  }

  it.each(readers)("is refused by %s, with the line of the chain", async (name, read) => {
    printed = [];
    const folder = damaged(`refused by ${name}`);
    const error = await read(folder).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(JournalDamaged);
    const { message } = error as JournalDamaged;
    expect(message).toMatch(/journal\.jsonl, line (\d+): its chain digest does not match/);
    expect(Number(/line (\d+): its chain/.exec(message)?.[1])).toBeGreaterThan(changedLine);
    expect(message).toContain("restore the file from a copy");
    expect(printed.join("\n")).not.toContain("99.9");
  });

  it("is shown up to the last chain that holds, marked, and with the exit code of damage", async () => {
    printed = [];
    await show(damaged("shown"), {}, output);
    expect(printed.join("\n")).toContain("DAMAGED");
    expect(printed.join("\n")).not.toContain("99.9");
    expect(printed[0]).toContain('"status":"damaged"');
    expect(output.exitCode).toBe(5);
  });

  it("is left out of what is averaged, and named", async () => {
    const sound = writeRun(join(scratch, "sound"), searched);
    const bad = damaged("bad");
    const study = await readStudy([sound, bad], "");
    expect(study.cohorts.flatMap(({ runs }) => runs.map(({ folder }) => folder))).toEqual([sound]);
    expect(study.unreadable.map(({ folder }) => folder)).toEqual([bad]);
  });

  it("is damaged in the list of runs and tells nothing that its chain covers", async () => {
    const list = join(scratch, "list");
    damaged("list/bad");
    const bench = { name: "bench.json", read: () => null };
    const catalog = new FolderCatalog(list, bench, openRowIndex(null, list));
    const stop = new AbortController();
    for await (const { rows } of catalog.changes(stop.signal)) {
      const row = rows.find(({ id }) => id === "bad");
      if (row === undefined) continue;
      expect(row).toMatchObject({ condition: "damaged", ended: null });
      expect(row.trouble).toContain("its chain digest does not match");
      expect(row.best).toBeLessThan(95);
      break;
    }
    await catalog.close();
  });

  it("is whole again for a follower, once it is repaired in place", async () => {
    const folder = damaged("repaired");
    const stop = new AbortController();
    const kinds: string[] = [];
    for await (const notice of followRun(folder, stop.signal)) {
      kinds.push(notice.kind);
      if (notice.kind === "damaged") writeRun(folder, searched);
      if (notice.kind === "caught-up") stop.abort();
    }
    expect(kinds.filter((kind) => kind !== "lines")).toEqual(["damaged", "restarted", "caught-up"]);
  });

  it("is trusted again once it is repaired, and not once it is changed after it was read", async () => {
    const folder = damaged("read twice");
    await expect(readRun(folder)).rejects.toThrow("its chain");
    writeRun(folder, searched);
    expect((await readRun(folder)).events).toEqual(searched);
    damaged("read twice");
    await expect(readRun(folder)).rejects.toThrow("its chain");
    expect((await readRunUnchecked(folder)).events).toHaveLength(searched.length);
  });
});
