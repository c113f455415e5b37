/**
 * What an architecture is, and the reasons why something is not one.
 */
import * as z from "zod";
import type { RepairKind } from "./repairs.ts";

declare const canonical: unique symbol;
/** The canonical text of an architecture: the wire form, the journal form and the key of every map. */
export type ArchitectureText = string & { readonly [canonical]: true };

/** A legal architecture. */
export interface Architecture {
  readonly text: ArchitectureText;
  /** The index of the choice in each slot of each dimension; null where the slot is inactive. */
  readonly choices: readonly (readonly (number | null)[])[];
}

/** Why something is not an architecture: a code, where, and a sentence. */
export const rejectionSchema = z.strictObject({
  code: z.enum(["unreadable", "unknown-dimension", "missing-dimension", "wrong-length", "not-a-choice"]),
  place: z.string(),
  sentence: z.string(),
});
export type Rejection = z.infer<typeof rejectionSchema>;

export type Parsed =
  | {
      readonly ok: true;
      readonly architecture: Architecture;
      /** How its form differs from the form that is asked for, each kind once. */
      readonly repairs: readonly RepairKind[];
    }
  | { readonly ok: false; readonly rejections: readonly Rejection[] };

/** One place that a choice fills: dimension index and flat slot index. */
export interface Slot {
  readonly dimension: number;
  readonly slot: number;
}
