/** The seeded stream of random numbers: the same for a seed and a label, and even. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pick, type Random, randomStream, shuffle } from "../../src/search/random.ts";

const seed = fc.integer({ min: 0, max: 2 ** 31 });

describe("a seeded stream", () => {
  const draw = (stream: Random, count = 50) => Array.from({ length: count }, () => stream.below(1_000_000));

  it("gives the same numbers for the same seed and label", () => {
    fc.assert(
      fc.property(seed, fc.string(), (each, label) => {
        expect(draw(randomStream(each, label))).toEqual(draw(randomStream(each, label)));
      }),
    );
  });

  it("gives the numbers it always gave", () => {
    expect(draw(randomStream(0, "round 1: sample"), 5)).toMatchInlineSnapshot(`
      [
        146233,
        495807,
        576873,
        658260,
        255905,
      ]
    `);
  });

  it("gives other numbers for another seed or label", () => {
    const seen = new Set<string>();
    for (let each = 0; each < 50; each++) {
      for (const label of ["", "a", "b", "round 1: a", "round 11: a", "1", "11"])
        seen.add(draw(randomStream(each, label), 4).join());
    }
    expect(seen.size).toBe(50 * 7);
  });

  it("does not mix up where a seed ends and a label begins", () => {
    expect(draw(randomStream(1, "1:a"))).not.toEqual(draw(randomStream(11, ":a")));
  });

  it("stays below its bound and reaches every number below it", () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 1, max: 12 }), (each, bound) => {
        const stream = randomStream(each, "range");
        const seen = new Set(Array.from({ length: 400 }, () => stream.below(bound)));
        expect([...seen].sort((first, second) => first - second)).toEqual(
          Array.from({ length: bound }, (_, index) => index),
        );
      }),
    );
  });

  it("is roughly even", () => {
    for (const bound of [2, 3, 10, 1_000]) {
      const stream = randomStream(bound, "even");
      const halves = [0, 0];
      for (let time = 0; time < 20_000; time++) {
        const half = stream.below(bound) < bound / 2 ? 0 : 1;
        halves[half] = (halves[half] ?? 0) + 1;
      }
      const expected = (20_000 * Math.ceil(bound / 2)) / bound;
      expect(Math.abs((halves[0] ?? 0) - expected)).toBeLessThan(400);
    }
  });

  it("picks only what is there, and says when nothing is", () => {
    const stream = randomStream(1, "pick");
    expect(new Set(Array.from({ length: 100 }, () => pick(stream, ["a", "b"])))).toEqual(new Set(["a", "b"]));
    expect(() => pick(stream, [])).toThrow();
  });

  it("shuffles into a permutation, each about equally often, and leaves the list alone", () => {
    const stream = randomStream(1, "shuffle");
    const items = ["a", "b", "c"];
    const counts = new Map<string, number>();
    for (let time = 0; time < 6_000; time++) {
      const key = shuffle(stream, items).join("");
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(items).toEqual(["a", "b", "c"]);
    expect([...counts.keys()].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
