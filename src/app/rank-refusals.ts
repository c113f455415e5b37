/**
 * What a ranking experiment refuses, each with the next step.
 */
import { isDeepStrictEqual } from "node:util";
import { ContractViolation, UnusableReply, UsageError } from "../errors.ts";
import type { Trial } from "../ranking/record.ts";
import type { ChatModel } from "../search/ports.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { didYouMean } from "../text/did-you-mean.ts";

/** @throws UnusableReply where not one of the trials brought a reply that could be read */
export function refuseUnreadable(trials: readonly Trial[], { label }: ChatModel): void {
  if (trials.some(({ ranking }) => ranking !== null)) return;
  const why = trials.at(-1)?.replies.at(-1)?.rejected?.[0] ?? "";
  throw new UnusableReply(
    `no reply of ${label} could be read in ${trials.length} ${trials.length === 1 ? "trial" : "trials"} (${why}); try another model, with another --out`,
  );
}

/** An experiment that continues has to be what it was: the same architectures with the same numbers. */
export function requireSame(
  stored: readonly Trial[],
  wanted: readonly Trial["architectures"][],
  path: string,
): void {
  const at = stored.findIndex(
    ({ architectures }, index) => index < wanted.length && !isDeepStrictEqual(architectures, wanted[index]),
  );
  if (at === -1) return;
  throw new ContractViolation(
    `trial ${at + 1} in ${path} is not the one that the evaluator's numbers give now: serve the same data again, or name another --out`,
  );
}

/** The costs that controls rank by. @param by the only one; undefined: each that the space has */
export function costsToRankBy({ id, costs }: SpaceDescription, by: string | undefined): string[] {
  const names = costs.map(({ name }) => name);
  if (by === undefined) return names;
  if (names.includes(by)) return [by];
  const known = names.length === 0 ? "it has none" : `they are ${names.join(", ")}`;
  throw new UsageError(`space ${id} has no cost "${by}"; ${known}${didYouMean(by, names)}`);
}

export function requireSplit({ id, splits }: SpaceDescription, split: string): void {
  const names = splits.map(({ name }) => name);
  if (!names.includes(split))
    throw new UsageError(`space ${id} has no split "${split}"; it has ${names.join(", ")}`);
}

export function requireCells(cells: number, count: number, why: string): void {
  if (cells > count)
    throw new UsageError(`--cells ${cells} is more than can be drawn: ${why} ${count} architectures`);
}
