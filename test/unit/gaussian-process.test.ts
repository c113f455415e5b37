/** The model of the surrogate: what it learns from single slots and from pairs, and how sure it is of what. */
import { Matrix, solve } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { randomStream, shuffle } from "../../src/search/random.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import { Space } from "../../src/search/space.ts";
import { fitGaussianProcess } from "../../src/searchers/gaussian-process.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { vectorSpaces } from "../support/vector-spaces.ts";

const cell = vectorSpaces.get("cell") as Space;
const tiny = new Space(tinyDescription);

/** Some architectures to learn from and others to predict. */
function split(space: Space, known: number): { known: Architecture[]; other: Architecture[] } {
  const all = shuffle(randomStream(1, "split"), [...space.all()]);
  return { known: all.slice(0, known), other: all.slice(known, known + 200) };
}

/** Values less their mean. */
function centred(architectures: readonly Architecture[], score: (each: Architecture) => number): number[] {
  const values = architectures.map(score);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

/** The correlation of predictions with the truth. */
function correlation(first: readonly number[], second: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const product = (one: readonly number[], other: readonly number[]) =>
    mean(one.map((value, index) => (value - mean(one)) * ((other[index] as number) - mean(other))));
  return product(first, second) / Math.sqrt(product(first, first) * product(second, second));
}

const inSlot = ({ choices }: Architecture, slot: number) => choices.flat()[slot] as number;

describe("a fit", () => {
  it.each<[string, (each: Architecture) => number]>([
    ["single slots", (each) => inSlot(each, 0) - 2 * inSlot(each, 3) + inSlot(each, 5)],
    ["pairs of slots", (each) => (inSlot(each, 1) === inSlot(each, 4) ? 5 : 0)],
  ])("foretells what depends on %s", (_, score) => {
    const { known, other } = split(cell, 150);
    const model = fitGaussianProcess(known, centred(known, score));
    const foretold = model.predict(other).map(({ mean }) => mean);
    expect(correlation(foretold, other.map(score))).toBeGreaterThan(0.6);
  });

  it("is surer of what it knows, and of what is like it", () => {
    const { known } = split(cell, 4);
    const model = fitGaussianProcess(
      known,
      centred(known, (each) => inSlot(each, 0)),
    );
    const [first] = known as [Architecture];
    const isUnlike = (each: Architecture) =>
      known.every((one) => one.choices.flat().every((choice, slot) => choice !== inSlot(each, slot)));
    const asked = [first, cell.neighbours(first)[0], [...cell.all()].find(isUnlike)] as Architecture[];
    const [own, near, far] = model.predict(asked).map(({ deviation }) => deviation) as [
      number,
      number,
      number,
    ];
    expect(own).toBeLessThan(near);
    expect(near).toBeLessThan(far);
  });

  it("is Bayesian regression on indicators of choices and of pairs of choices, slots out of use included", () => {
    const { known, other } = split(tiny, 40);
    const values = centred(known, (each) => inSlot(each, 0) + (inSlot(each, 2) ?? 3) * inSlot(each, 4));
    const model = fitGaussianProcess(known, values);
    const foretold = model.predict(other).map(({ mean }) => mean);
    const errors = [0, 0.5, 1].flatMap((share) =>
      [0.01, 0.03, 0.1, 0.3].map((noise) => {
        const primal = regression(known, values, other, share, noise);
        return Math.max(...primal.map((mean, index) => Math.abs(mean - (foretold[index] as number))));
      }),
    );
    expect(Math.min(...errors)).toBeLessThan(1e-9);
    expect(errors.filter((error) => error < 1e-3)).toHaveLength(1);
  });

  it("says nothing, and that in numbers, where all values are alike", () => {
    const { known, other } = split(cell, 20);
    const model = fitGaussianProcess(
      known,
      known.map(() => 0),
    );
    for (const { mean, deviation } of model.predict(other)) {
      expect(mean).toBe(0);
      expect(deviation).toBeGreaterThan(0);
      expect(deviation).toBeLessThan(1e-3);
    }
  });
});

/** Ridge regression on the indicators themselves: the prediction for each of `asked`. */
function regression(
  known: readonly Architecture[],
  values: readonly number[],
  asked: readonly Architecture[],
  share: number,
  noise: number,
): number[] {
  const indicators = (each: Architecture) => {
    const slots = each.choices.flat();
    const pairs = slots.flatMap((one, slot) =>
      slots.slice(slot + 1).map((other, behind) => `${slot} ${one} ${slot + 1 + behind} ${other}`),
    );
    return [
      ...slots.map((choice, slot) => [`${slot} ${choice}`, Math.sqrt((1 - share) / slots.length)] as const),
      ...pairs.map((pair) => [pair, Math.sqrt(share / pairs.length)] as const),
    ];
  };
  const names = [...new Set(known.flatMap((each) => indicators(each).map(([name]) => name)))];
  const matrix = (architectures: readonly Architecture[]) =>
    new Matrix(
      architectures.map((each) => {
        const held = new Map(indicators(each));
        return names.map((name) => held.get(name) ?? 0);
      }),
    );
  const features = matrix(known);
  const normal = features.transpose().mmul(features).add(Matrix.eye(names.length).mul(noise));
  const weights = solve(normal, features.transpose().mmul(Matrix.columnVector([...values])));
  return matrix(asked).mmul(weights).to1DArray();
}
