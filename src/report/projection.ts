/**
 * Places architectures on a plane: principal components of their choices.
 *
 * The same architectures always give the same picture, because the signs of the axes are fixed.
 */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import type { Architecture } from "../search/architecture.ts";
import type { SpaceDescription } from "../search/space-description.ts";

export interface Projection {
  /** A point for each architecture, in the order given. */
  readonly points: readonly (readonly [number, number])[];
  /** The share of all variance that lies along either axis. */
  readonly explained: readonly [number, number];
}

/** One number for each choice of each slot: 1 where it is chosen, else 0; a slot that is not in use is 0 throughout. */
export function oneHot({ choices }: Architecture, { dimensions }: SpaceDescription): number[] {
  return choices.flatMap((slots, dimension) =>
    slots.flatMap((choice) =>
      (dimensions[dimension]?.choices ?? []).map((_, index) => (index === choice ? 1 : 0)),
    ),
  );
}

/**
 * Projects rows of equal length onto the two directions in which they differ most. Along each axis the coordinate that
 * weighs most points to the positive side; axes along which nothing differs are 0.
 */
export function principalComponents(rows: readonly (readonly number[])[]): Projection {
  const width = rows[0]?.length ?? 0;
  const means = Array.from(
    { length: width },
    (_, column) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0) / rows.length,
  );
  const varying = means.flatMap((mean, column) =>
    rows.some((row) => Math.abs((row[column] ?? 0) - mean) > tiny) ? [column] : [],
  );
  const centred = rows.map((row) => varying.map((column) => (row[column] ?? 0) - (means[column] as number)));
  if (varying.length === 0) return { points: rows.map(() => [0, 0] as const), explained: [0, 0] };
  const matrix = new Matrix(centred);
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(
    matrix.transpose().mmul(matrix),
    {
      assumeSymmetric: true,
    },
  );
  const order = realEigenvalues
    .map((_, index) => index)
    .sort((one, other) => (realEigenvalues[other] as number) - (realEigenvalues[one] as number));
  const total = realEigenvalues.reduce((sum, value) => sum + Math.max(0, value), 0);
  const axes = [0, 1].map((rank) => {
    const index = order[rank];
    const value = index === undefined ? 0 : Math.max(0, realEigenvalues[index] as number);
    if (index === undefined || value <= tiny * total) return { direction: varying.map(() => 0), share: 0 };
    const direction = eigenvectorMatrix.getColumn(index);
    return { direction: direction.map((weight) => weight * signOf(direction)), share: value / total };
  });
  const along = (row: readonly number[], axis: number) =>
    row.reduce((sum, value, column) => sum + value * (axes[axis]?.direction[column] ?? 0), 0);
  return {
    points: centred.map((row) => [along(row, 0), along(row, 1)] as const),
    explained: [axes[0]?.share ?? 0, axes[1]?.share ?? 0],
  };
}

// --- internal ---

const tiny = 1e-9;

/** The sign of the weight that is largest but for rounding, the first of several. */
function signOf(direction: readonly number[]): 1 | -1 {
  const largest = Math.max(...direction.map(Math.abs));
  const first = direction.find((weight) => Math.abs(weight) >= largest * (1 - 1e-6)) ?? 1;
  return first < 0 ? -1 : 1;
}
