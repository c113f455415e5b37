/** Lines from a feed that loses and repeats them, made whole by the record. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineMerge, readFedLine } from "../../src/runs/feed-merge.ts";
import type { StoredLine } from "../../src/runs/shown-runs.ts";
import { formatVersion } from "../../src/search/events.ts";
import { runStarted, strategySet } from "../support/run-events.ts";

function line(seq: number): StoredLine {
  const body = seq === 1 ? runStarted() : strategySet(seq);
  const text = JSON.stringify({ v: formatVersion, seq, at: "2024-01-01T00:00:00.000Z", ...body });
  return readFedLine(text) as StoredLine;
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index));
const numbersOf = (given: readonly StoredLine[]) => given.map(({ event }) => event.seq);

describe("feed and record", () => {
  it("tell every line once and in order, whatever the feed loses, repeats or brings late", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.nat({ max: 39 }), { maxLength: 80 }),
        fc.array(fc.record({ record: fc.nat({ max: 9 }), feed: fc.nat({ max: 9 }) }), { maxLength: 40 }),
        (count, brought, turns) => {
          const merge = new LineMerge();
          const record = lines(1, count);
          const feed = brought.filter((place) => place < count).map((place) => record[place] as StoredLine);
          const given: StoredLine[] = [];
          for (const turn of [...turns, { record: count, feed: feed.length }]) {
            given.push(...merge.take(feed.splice(0, turn.feed)));
            given.push(...merge.take(record.splice(0, turn.record)));
          }
          expect(numbersOf(given)).toEqual(numbersOf(lines(1, count)));
        },
      ),
    );
  });

  it("tell what the feed brought as soon as the record closes the gap", () => {
    const merge = new LineMerge();
    expect(numbersOf(merge.take([line(1), line(4), line(3), line(5)]))).toEqual([1]);
    expect(numbersOf(merge.take([line(2)]))).toEqual([2, 3, 4, 5]);
    expect(merge.take(lines(1, 5))).toEqual([]);
    expect(numbersOf(merge.take([line(6)]))).toEqual([6]);
  });

  it("begin again from the first line, without what the feed brought before", () => {
    const merge = new LineMerge();
    merge.take([line(1), line(2), line(4)]);
    merge.restart();
    expect(numbersOf(merge.take(lines(1, 3)))).toEqual([1, 2, 3]);
  });
});

it("skips what is lost where there is no record, and not where nothing waits for it", () => {
  const merge = new LineMerge();
  merge.take([line(1)]);
  expect(merge.giveUpMissing()).toEqual([]);
  merge.take([line(1), line(5), line(6), line(9)]);
  expect(numbersOf(merge.giveUpMissing())).toEqual([5, 6]);
  expect(merge.next).toBe(7);
  expect(numbersOf(merge.take([line(7)]))).toEqual([7]);
});

it("holds a bounded number of lines of a feed whose record does not come", () => {
  const merge = new LineMerge();
  const many = Array.from({ length: 10_500 }, (_, index) => ({
    ...line(2),
    event: { ...line(2).event, seq: index + 2 },
  }));
  merge.take(many);
  expect(merge.take([line(1)])).toHaveLength(10_001);
});

it("holds a bounded length of them too, and tells the rest as the record does", () => {
  const merge = new LineMerge();
  const long = lines(2, 30).map((each) => ({ ...each, text: each.text.padEnd(4_000_000) }));
  merge.take(long);
  expect(merge.take([line(1)]).length).toBeLessThan(20);
  const next = merge.next;
  expect(numbersOf(merge.take(lines(next, 30)))).toEqual(numbersOf(lines(next, 30)));
  merge.take(long.map((each) => ({ ...each, event: { ...each.event, seq: each.event.seq + 30 } })));
  expect(merge.take([line(31)]).length).toBeGreaterThan(10);
});

it("takes only events from a feed", () => {
  expect(readFedLine("{")).toBeNull();
  expect(readFedLine('"x"')).toBeNull();
  expect(readFedLine('{"v":1,"seq":1,"at":"2024-01-01T00:00:00.000Z","type":"party"}')).toBeNull();
});
