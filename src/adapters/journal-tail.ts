/**
 * A run's record as it grows: stub until filled.
 */
import type { RunEvent } from "../search/events.ts";

/** A stored line and the event it holds. */
export interface StoredLine {
  readonly text: string;
  readonly event: RunEvent;
}

export type TailNotice =
  /** Complete lines that were not told of before, in order. */
  | { readonly kind: "lines"; readonly lines: readonly StoredLine[] }
  /** Everything that stood there when following began, or began anew, has been told. */
  | { readonly kind: "caught-up" }
  /** The file has become shorter, or is another one: everything is told anew, from its first line. */
  | { readonly kind: "anew" }
  /** The file is not there (any more); it is looked for further. */
  | { readonly kind: "gone" }
  /** A line cannot be trusted; nothing behind it is told. `line` counts from 1. */
  | { readonly kind: "damaged"; readonly line: number; readonly reason: string };

/**
 * Follows the record of a run from its first line until the signal is raised; then it ends without an error.
 *
 * @param from the sequence number behind which to tell lines; what stands before is read and checked all the same
 */
export function followRun(_folder: string, _signal: AbortSignal, _from = 0): AsyncIterable<TailNotice> {
  throw new Error("not written yet");
}
