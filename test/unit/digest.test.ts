import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf, RunningDigest } from "../../src/search/digest.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

describe("a digest", () => {
  it("is SHA-256 of canonical JSON: sorted keys, shortest numbers, no white space", () => {
    // The keys are the sorting example of RFC 8785.
    const value = {
      "\u20ac": 1.0,
      "\r": -0,
      "\ufb33": 1e21,
      "1": 1e-7,
      "\ud83d\ude00": [true, null],
      "\u0080": '\u000f\n"\\/',
      "\u00f6": {},
    };
    expect(digestOf(value)).toBe(
      sha256(
        '{"\\r":0,"1":1e-7,"\u0080":"\\u000f\\n\\"\\\\/","\u00f6":{},"\u20ac":1,"\ud83d\ude00":[true,null],"\ufb33":1e+21}',
      ),
    );
    expect(digestOf({})).toBe("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  });

  it("does not depend on the order of keys, and survives being written and read", () => {
    const shuffled = fc
      .dictionary(fc.string(), fc.jsonValue())
      .chain((object) =>
        fc.tuple(
          fc.constant(object),
          fc.shuffledSubarray(Object.entries(object), { minLength: Object.keys(object).length }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([object, entries]) => {
        expect(digestOf(Object.fromEntries(entries))).toBe(digestOf(object));
        expect(digestOf(JSON.parse(JSON.stringify(object)))).toBe(digestOf(object));
      }),
    );
  });

  it("tells different values apart", () => {
    const values = [
      null,
      0,
      "0",
      "",
      [],
      {},
      [0],
      ["0"],
      [[]],
      [null],
      { a: null },
      { a: 0 },
      { a: "0" },
      { b: 0 },
      [0, 1],
      [1, 0],
      "a,b",
      ["a", "b"],
      ["a,b"],
      { a: { b: 1 } },
      { a: 1, b: 1 },
    ];
    expect(new Set(values.map(digestOf)).size).toBe(values.length);
  });

  it("leaves out what JSON leaves out", () => {
    expect(digestOf({ a: 1, b: undefined })).toBe(digestOf({ a: 1 }));
    expect(digestOf([undefined])).toBe(digestOf([null]));
  });

  it("takes half a surrogate pair as a line of a journal does, in values and in keys", () => {
    expect(digestOf({ "\udc00": "\ud800" })).toBe(sha256('{"\\udc00":"\\ud800"}'));
    expect(digestOf("\ud800")).not.toBe(digestOf("\ufffd"));
  });
});

describe("a chain", () => {
  const chainOf = (...values: unknown[]) => {
    const chain = new RunningDigest();
    for (const value of values) chain.add(value);
    return chain.value();
  };

  it("covers every value, their number and their order", () => {
    const sequences = [[], [1], [2], [1, 2], [2, 1], [12], [1, 2, 2], [[1, 2]], ["1\n2"]];
    expect(new Set(sequences.map((values) => chainOf(...values))).size).toBe(sequences.length);
    expect(chainOf({ a: 1, b: 2 })).toBe(chainOf({ b: 2, a: 1 }));
  });

  it("goes on after it was read", () => {
    const chain = new RunningDigest();
    chain.add("first");
    expect(chain.value()).toBe(chainOf("first"));
    expect(chain.value()).toBe(chainOf("first"));
    chain.add("second");
    expect(chain.value()).toBe(chainOf("first", "second"));
  });
});
