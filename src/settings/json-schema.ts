/**
 * Writes the schemas of search.yaml and plan.yaml as JSON Schema, so that editors can complete and check such files.
 *
 * It does not check what depends on several keys or on a space. That is checked when the file is read.
 */
import * as z from "zod";
import { planSettings, shapeOf } from "../settings.ts";
import { configKeys, configSchema } from "./config.ts";
import { countPattern, numberPattern } from "./written-values.ts";

const schemaNames = ["search", "plan"] as const;
export type SchemaName = (typeof schemaNames)[number];

/** The keys that a bench itself gives to each run, so no other part of a plan may give them. */
export const givenByMatrix = ["space", "seed", "searcher", "out"] as const;

/** The JSON Schema of a kind of file. */
export function jsonSchemaOf(name: SchemaName): Record<string, unknown> {
  const schema = name === "search" ? configSchema : planSchema();
  const written = z.toJSONSchema(schema, { io: "input", override: ({ jsonSchema }) => loosen(jsonSchema) });
  return { ...written, title: `${name}.yaml of collm-nas` };
}

// --- internal ---

/** A plan, with the keys of a run at every place that holds them. */
function planSchema(): z.ZodType {
  const { space: _space, seed: _seed, searcher: _searcher, out: _out, model, ...others } = configSchema.shape;
  const modelSchema = model.unwrap().unwrap();
  const run = z.strictObject({
    ...others,
    // The name may be elsewhere in the plan, or in a flag.
    model: z
      .strictObject({ ...modelSchema.shape, name: modelSchema.shape.name.optional() })
      .nullable()
      .optional()
      .describe(model.description ?? ""),
  });
  const shape = shapeOf(z, planSettings, "");
  const described = <T extends z.ZodType>(schema: T, { description }: z.ZodType): T =>
    schema.describe(description ?? "");
  const gridKeys = configKeys().filter((key) => !givenByMatrix.some((given) => given === key));
  return z.strictObject({
    ...shape,
    spaces: described(
      z.union([z.array(z.string().min(1)), z.record(z.string(), run.partial())]),
      shape.spaces,
    ),
    settings: described(z.record(z.string(), run.partial()).default({}), shape.settings),
    grid: described(z.partialRecord(z.enum(gridKeys), z.array(z.unknown()).min(1)).default({}), shape.grid),
    run: described(run.partial().default({}), shape.run),
  });
}

/** Numbers may be written as text too, and whole ones with a suffix. */
function loosen(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.type !== "integer" && schema.type !== "number") return;
  const isWhole = schema.type === "integer";
  if (schema.minimum === -Number.MAX_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  Object.assign(schema, {
    type: [schema.type, "string"],
    pattern: isWhole ? countPattern : numberPattern,
  });
}
