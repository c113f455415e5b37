/**
 * The form of `bench.json`, which a bench keeps beside its runs: which runs belong to it, their names, and published
 * numbers to compare with.
 *
 * What a run found is in its own journal.
 */
import * as z from "zod";
import { printedRow } from "../settings.ts";

const printedRowSchema = printedRow(z);
/** A row as a publication prints it. */
export type PrintedRow = z.infer<typeof printedRowSchema>;

/** Numbers to hold the runs on one space against. */
const referenceSchema = z.strictObject({
  /** The id of the space. */
  space: z.string().min(1),
  /** The digest of the data that the optimum was measured on. */
  digest: z.string().exactOptional(),
  /** The best value of the objective on each split, where all of the space was measured. */
  optimum: z.strictObject({ search: z.number(), test: z.number().nullable() }).nullable(),
  printed: z.array(printedRowSchema),
});
export type Reference = z.infer<typeof referenceSchema>;

/** The file that says which runs belong to a bench, in the bench's folder. */
export const benchRecordName = "bench.json";

const benchRecordSchema = z.strictObject({
  format: z.literal(1),
  title: z.string(),
  combinations: z.array(
    z.strictObject({
      label: z.string(),
      isControl: z.boolean(),
      space: z.string(),
      seed: z.int().min(0),
      /** The run's folder, from the folder that holds this record. */
      folder: z.string(),
      status: z.enum(["pending", "done", "failed"]),
      /** Why it failed; null otherwise. */
      reason: z.string().nullable(),
    }),
  ),
  references: z.array(referenceSchema),
  command: z.string(),
  versions: z.record(z.string(), z.string()),
});
/** The record as the text of its file. */
export const benchRecordText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
      return z.NEVER;
    }
  })
  .pipe(benchRecordSchema);
export type BenchRecord = z.infer<typeof benchRecordSchema>;
