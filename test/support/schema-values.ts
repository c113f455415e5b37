/**
 * Values that a JSON Schema allows, drawn at random or the same each time.
 *
 * Reads the keywords that the schemas of our own requests hold, and no others.
 */
import { pick, type Random, randomStream } from "../../src/search/random.ts";

/** The part of JSON Schema that is drawn from. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

/** A value of a schema, always the same one. */
export function valueOf(schema: Schema): unknown {
  return drawn(schema, schema, randomStream(0, "small question"));
}

export function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** A value of a schema; `root` is where its references begin. */
export function drawn(schema: Schema, root: Schema, random: Random): unknown {
  if (typeof schema["$ref"] === "string") return drawn(target(schema["$ref"], root), root, random);
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"])) return pick(random, schema["enum"] as unknown[]);
  const options = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(options)) return drawn(pick(random, options as Schema[]), root, random);
  const [low, high] = [numberOr(schema["minimum"], 0), numberOr(schema["maximum"], 100)];
  switch (schema["type"]) {
    case "object": {
      const properties = Object.entries((schema["properties"] ?? {}) as Record<string, Schema>);
      return Object.fromEntries(properties.map(([name, property]) => [name, drawn(property, root, random)]));
    }
    case "array": {
      const fixed = (schema["prefixItems"] ?? []) as Schema[];
      const least = Math.max(numberOr(schema["minItems"], 1), fixed.length);
      const most = Math.max(numberOr(schema["maxItems"], least), least);
      const items = (schema["items"] ?? {}) as Schema;
      const length = least + random.below(most - least + 1);
      return Array.from({ length }, (_, index) => drawn(fixed[index] ?? items, root, random));
    }
    case "integer":
    case "number":
      return low + random.below(Math.max(1, Math.floor(high - low) + 1));
    case "boolean":
      return random.below(2) === 1;
    case "null":
      return null;
    default:
      return "some text";
  }
}

/** The schema that "#/$defs/name" points to. */
function target(reference: string, root: Schema): Schema {
  const steps = reference.replace(/^#\/?/, "").split("/");
  return steps.reduce((at, step) => (step === "" ? at : (at[step] as Schema)), root);
}
