/**
 * The statistics of a report against SciPy's answers (test/fixtures/statistics), and what those do not cover: the
 * verdicts, and that the same numbers always give the same interval.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bootstrapMean,
  comparePaired,
  kendallTauB,
  mean,
  median,
  quantile,
  sd,
  wilson,
} from "../../src/report/statistics.ts";

interface Answers {
  readonly samples: readonly {
    readonly values: readonly number[];
    readonly mean: number;
    readonly sd: number;
    readonly median: number;
    readonly quantiles: readonly { readonly p: number; readonly value: number }[];
    readonly interval: { readonly low: number; readonly high: number };
  }[];
  readonly correlations: readonly {
    readonly first: readonly number[];
    readonly second: readonly number[];
    readonly tau: number | null;
  }[];
  readonly shares: readonly {
    readonly successes: number;
    readonly trials: number;
    readonly low: number;
    readonly high: number;
  }[];
}

const fixture = fileURLToPath(new URL("../fixtures/statistics/", import.meta.url));
const python = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const answers = JSON.parse(readFileSync(`${fixture}answers.json`, "utf8")) as Answers;

describe("against SciPy", () => {
  it.each(answers.samples)("mean, deviation and quantiles of sample %#", (sample) => {
    expect(mean(sample.values)).toBeCloseTo(sample.mean, 10);
    expect(sd(sample.values)).toBeCloseTo(sample.sd, 10);
    expect(median(sample.values)).toBeCloseTo(sample.median, 10);
    for (const { p, value } of sample.quantiles) expect(quantile(sample.values, p)).toBeCloseTo(value, 10);
  });

  it.each(answers.samples)("the bootstrap interval of sample %#", ({ values, sd: spread, interval }) => {
    const { low, high } = bootstrapMean(values);
    // An end of 10,000 resamples has an error of about 0.027 standard errors.
    const tolerance = (0.12 * spread) / Math.sqrt(values.length);
    expect(Math.abs(low - interval.low)).toBeLessThan(tolerance);
    expect(Math.abs(high - interval.high)).toBeLessThan(tolerance);
  });

  it.each(answers.correlations)("Kendall's tau-b of pair %#", ({ first, second, tau }) => {
    if (tau === null) expect(kendallTauB(first, second)).toBeNaN();
    else expect(kendallTauB(first, second)).toBeCloseTo(tau, 10);
  });

  it.each(answers.shares)(
    "the Wilson interval of $successes in $trials",
    ({ successes, trials, ...expected }) => {
      const { low, high } = wilson(successes, trials);
      expect(low).toBeCloseTo(expected.low, 10);
      expect(high).toBeCloseTo(expected.high, 10);
    },
  );

  const hasScipy = existsSync(python) && spawnSync(python, ["-c", "import scipy"]).status === 0;
  const title = hasScipy
    ? "the fixture is what its script makes"
    : "the fixture is what its script makes (skipped: .venv has no SciPy; `npm test` sets it up)";
  it.skipIf(!hasScipy)(title, () => {
    const made = spawnSync(python, [`${fixture}make.py`], { encoding: "utf8", timeout: 50_000 });
    expect(made.stderr).toBe("");
    expect(rounded(JSON.parse(made.stdout))).toEqual(rounded(answers));
  });
});

describe("a bootstrap interval", () => {
  it("is the same every time, and another one under another seed", () => {
    const values = [91.2, 91.5, 91.1, 91.9, 90.7, 91.4];
    expect(bootstrapMean(values)).toEqual(bootstrapMean(values));
    expect(bootstrapMean(values, 1)).not.toEqual(bootstrapMean(values, 2));
  });

  it("lies within the values", () => {
    const some = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(some, (values) => {
        const { low, high } = bootstrapMean(values);
        const slack = 1e-9 * Math.max(...values.map(Math.abs));
        expect(low).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(Math.min(...values) - slack);
        expect(high).toBeLessThanOrEqual(Math.max(...values) + slack);
      }),
      { numRuns: 30 },
    );
  });

  it("needs a value", () => {
    expect(() => bootstrapMean([])).toThrow(RangeError);
  });
});

describe("a paired comparison", () => {
  const better = [0.3, 0.2, 0.4, 0.1, 0.3];

  it("says ahead or behind when the interval leaves out zero, by the direction of the objective", () => {
    expect(comparePaired(better, true)).toMatchObject({ pairs: 5, verdict: "ahead" });
    expect(comparePaired(better, false).verdict).toBe("behind");
    const worse = better.map((difference) => -difference);
    expect(comparePaired(worse, true).verdict).toBe("behind");
    expect(comparePaired(worse, false).verdict).toBe("ahead");
    expect(comparePaired(better, true).interval?.low).toBeGreaterThan(0);
  });

  it("says tie when the interval holds zero", () => {
    expect(comparePaired([0.3, -0.2, 0.4, -0.1, -0.3], true).verdict).toBe("tie");
  });

  it("of equals is a tie with nothing between", () => {
    expect(comparePaired([0, 0, 0, 0, 0], true)).toEqual({
      pairs: 5,
      mean: 0,
      interval: { low: 0, high: 0 },
      verdict: "tie",
    });
  });

  it("says nothing under five pairs", () => {
    expect(comparePaired(better.slice(1), true)).toEqual({
      pairs: 4,
      mean: 0.25,
      interval: null,
      verdict: "too few",
    });
    expect(comparePaired([], true)).toEqual({ pairs: 0, mean: null, interval: null, verdict: "too few" });
  });

  it("turned round is the same the other way", () => {
    const differences = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), {
      minLength: 5,
      maxLength: 12,
    });
    const other = { ahead: "behind", behind: "ahead", tie: "tie", "too few": "too few" };
    fc.assert(
      fc.property(differences, (values) => {
        const turned = comparePaired(
          values.map((value) => -value),
          true,
        );
        expect(turned.verdict).toBe(other[comparePaired(values, true).verdict]);
      }),
      { numRuns: 30 },
    );
  });
});

describe("too few numbers", () => {
  it("have no mean, no deviation and no order", () => {
    expect([mean([]), median([]), quantile([], 0.5), sd([]), sd([1])]).toEqual([
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(kendallTauB([], [])).toBeNaN();
    expect(kendallTauB([1], [1])).toBeNaN();
    expect(() => kendallTauB([1, 2], [1])).toThrow(RangeError);
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
  });
});

/** Numbers as far as every platform agrees on them. */
function rounded(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toPrecision(9));
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, rounded(each)]));
}
