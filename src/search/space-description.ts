/**
 * A search space as its evaluator describes it: dimensions, choices, metrics, costs and splits, as data.
 *
 * Only the schema is here. space.ts works with the architectures of a space.
 */
import * as z from "zod";

const name = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/);

const dimensionSchema = z.strictObject({
  name,
  meaning: z.string().default(""),
  /** Tokens a slot may hold, in canonical order. */
  choices: z.array(z.string().min(1)).min(1),
  /** Whether raw values match tokens by value, and not by spelling. */
  numeric: z.boolean(),
  /** Consecutive slots that belong together; the sizes add up to the dimension's length. */
  groups: z.array(z.strictObject({ name: z.string(), size: z.int().min(1) })).min(1),
  /** The dimension holding how many slots of each group are in use, or empty when all are. */
  activeCount: z.string().default(""),
  slotNames: z.array(z.string()).default([]),
});

/** A space as its evaluator describes it: the fields of `SpaceDescription` in the contract. */
export const spaceDescriptionSchema = z.strictObject({
  id: z.string().min(1),
  summary: z.string(),
  digest: z.string().min(1),
  dimensions: z.array(dimensionSchema).min(1),
  template: z.string(),
  metrics: z
    .array(z.strictObject({ name, unit: z.string(), meaning: z.string(), higherIsBetter: z.boolean() }))
    .min(1),
  costs: z.array(z.strictObject({ name, unit: z.string(), meaning: z.string() })),
  splits: z
    .array(
      z.strictObject({
        name,
        meaning: z.string(),
        /** Two splits with the same text use the same images; absent: not known. */
        data: z.string().min(1).exactOptional(),
      }),
    )
    .min(1),
  parallelism: z.int().min(1),
  maxBatch: z.int().min(1),
  provenance: z.string(),
});

export type SpaceDescription = z.infer<typeof spaceDescriptionSchema>;
export type Dimension = SpaceDescription["dimensions"][number];

/**
 * Whether slots are asked for in a list for each group. This is so for groups of one size: models make mistakes in long
 * flat lists.
 */
export function isWrittenGrouped({ groups }: Dimension): boolean {
  const size = groups[0]?.size ?? 1;
  return groups.length > 1 && size > 1 && groups.every((group) => group.size === size);
}
