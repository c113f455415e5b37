/**
 * A Gaussian process over architectures: Bayesian regression on every slot's choice and every pair of slots' choices.
 *
 * It has the kernel, fits its two settings, and predicts. In the dual form both sets of indicators reduce to one number
 * for two architectures: in how many slots they agree. So the time depends on the number of results and not on the
 * space. No search is known here.
 */
import { CholeskyDecomposition, Matrix } from "ml-matrix";
import type { Architecture } from "../search/architecture.ts";

/** The shares of pairs of slots in the kernel that are tried; the rest is for single slots. */
const pairShares = [0, 0.5, 1];
/**
 * The variances of the noise that are tried, where the kernel's is 1. The noise also covers what slots and pairs cannot
 * express.
 */
const noises = [0.01, 0.03, 0.1, 0.3];

export interface Prediction {
  readonly mean: number;
  readonly deviation: number;
}

/** Predictions for architectures without results. */
export interface GaussianProcess {
  /** A prediction for each architecture, in order: of the value itself, without the noise of a result. */
  predict(architectures: readonly Architecture[]): Prediction[];
}

/**
 * Fits to architectures and their values, whose mean should be 0. It takes the settings of the grid with the largest
 * likelihood of the values (Rasmussen and Williams, 2006, equation 5.8), and the scale in closed form.
 */
export function fitGaussianProcess(
  architectures: readonly Architecture[],
  values: readonly number[],
): GaussianProcess {
  const known = architectures.map(slotsOf);
  const agreements = agreementsOf(known, known);
  const target = Matrix.columnVector([...values]);
  const fits = pairShares.flatMap((share) => {
    const kernel = kernelOf(known[0]?.length ?? 0, share);
    const shared = kernelMatrix(agreements, kernel);
    return noises.map((noise) => fitOnce(shared, kernel, noise, target));
  });
  const { kernel, cholesky, weights, scale } = fits.reduce((chosen, fit) =>
    fit.likelihood > chosen.likelihood ? fit : chosen,
  );
  const inverse = cholesky.solve(Matrix.eye(known.length));
  return {
    predict(asked) {
      const shared = kernelMatrix(agreementsOf(asked.map(slotsOf), known), kernel);
      const means = shared.mmul(weights);
      const explained = shared.mmul(inverse).mul(shared);
      return explained.sum("row").map((each, row) => ({
        mean: means.get(row, 0),
        // Rounding may make a variance negative.
        deviation: Math.sqrt(scale * Math.max(1e-12, 1 - each)),
      }));
    },
  };
}

// --- internal ---

interface Fit {
  readonly likelihood: number;
  readonly kernel: readonly number[];
  readonly cholesky: CholeskyDecomposition;
  /** The weight of each result's kernel in a prediction, [results x 1]. */
  readonly weights: Matrix;
  /** The variance of a value without any results. */
  readonly scale: number;
}

function fitOnce(shared: Matrix, kernel: readonly number[], noise: number, target: Matrix): Fit {
  const size = target.rows;
  const noisy = shared.clone();
  for (let each = 0; each < size; each++) noisy.set(each, each, shared.get(each, each) + noise);
  const cholesky = new CholeskyDecomposition(noisy);
  const weights = cholesky.solve(target);
  // Values that are all 0 have no scale; the floor keeps the logarithm finite.
  const scale = Math.max(target.dot(weights) / size, 1e-12);
  const logDeterminant =
    2 * cholesky.lowerTriangularMatrix.diagonal().reduce((sum, each) => sum + Math.log(each), 0);
  return { likelihood: -(size * Math.log(scale) + logDeterminant) / 2, kernel, cholesky, weights, scale };
}

/** The choices of all slots in a row. A slot out of use has -1, which counts as one more choice. */
function slotsOf({ choices }: Architecture): Int32Array {
  return Int32Array.from(choices.flat(), (choice) => choice ?? -1);
}

/** The kernel by the number of slots that agree; 1 where all do. */
function kernelOf(slots: number, pairShare: number): number[] {
  return Array.from({ length: slots + 1 }, (_, equal) => {
    const pairs = slots < 2 ? equal : (equal * (equal - 1)) / (slots * (slots - 1));
    return ((1 - pairShare) * equal) / slots + pairShare * pairs;
  });
}

/** The number of slots in which each of the first agrees with each of the second. */
function agreementsOf(first: readonly Int32Array[], second: readonly Int32Array[]): Int32Array[] {
  return first.map((one) => {
    const equal = new Int32Array(second.length);
    for (let column = 0; column < second.length; column++) {
      const other = second[column] as Int32Array;
      let count = 0;
      for (let slot = 0; slot < one.length; slot++) if (one[slot] === other[slot]) count += 1;
      equal[column] = count;
    }
    return equal;
  });
}

function kernelMatrix(agreements: readonly Int32Array[], kernel: readonly number[]): Matrix {
  const matrix = new Matrix(agreements.length, agreements[0]?.length ?? 0);
  for (const [row, equal] of agreements.entries())
    for (let column = 0; column < equal.length; column++)
      matrix.set(row, column, kernel[equal[column] as number] as number);
  return matrix;
}
