/**
 * Translates JSON Schema into the dialect from which node-llama-cpp makes the grammar of a local model.
 *
 * All text that the grammar allows satisfies the schema, as far as a grammar can check it. The dialect (version 3) has
 * `type`, `const`, `enum`, `oneOf`, `$defs` with `$ref`, `properties`, `items`, `prefixItems` and lengths. It reads
 * `anyOf` and an empty schema as null, ignores bounds of numbers, requires every property, and fixes the order of the
 * properties in the answer.
 */
import { isObject } from "../text/json.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Bounds with more integers between them than this are dropped; the integers of other bounds are listed. */
const mostListed = 1_000;

const anything = "anything";

/**
 * The schema in the dialect. Patterns, bounds of fractions and of wide ranges, and `not` are dropped; optional
 * properties become required. Where JSON allows any white space, at most one blank is allowed.
 */
export function grammarSchema(schema: Schema): Record<string, unknown> {
  const defs = new Map<string, unknown>();
  const used: Used = { anything: false };
  for (const [name, inner] of Object.entries({
    ...objectOf(schema["definitions"]),
    ...objectOf(schema["$defs"]),
  }))
    defs.set(name, convert(inner, used));
  // A definition is written without line breaks and without indentation, unlike the root.
  defs.set(root, convert(schema, used));
  if (used.anything) defs.set(anything, anyValue);
  return { $defs: Object.fromEntries(defs), $ref: `#/$defs/${root}` };
}

// --- internal ---

interface Used {
  anything: boolean;
}

const root = "whole answer";

const anyValue = {
  oneOf: [
    { type: ["string", "number", "boolean", "null"] },
    { type: "array", items: { $ref: `#/$defs/${anything}` } },
    { type: "object", additionalProperties: { $ref: `#/$defs/${anything}` } },
  ],
};

function convert(given: unknown, used: Used): Record<string, unknown> {
  const schema = merged(objectOf(given));
  const { type, $ref } = schema;
  if (typeof $ref === "string") {
    const name = /^#(?:\/(?:\$defs|definitions)\/(.+))?$/.exec($ref);
    return name === null ? free(used) : { $ref: `#/$defs/${name[1] ?? root}` };
  }
  if ("const" in schema) return literals([schema["const"]]);
  if (Array.isArray(schema["enum"])) return literals(schema["enum"]);
  const choices = schema["oneOf"] ?? schema["anyOf"];
  if (Array.isArray(choices)) return oneOf(choices.map((choice) => convert(choice, used)));
  if (Array.isArray(type))
    return oneOf(type.map((each: unknown) => convert({ ...schema, type: each }, used)));
  switch (type ?? impliedType(schema)) {
    case "object":
      return convertObject(schema, used);
    case "array":
      return convertArray(schema, used);
    case "string":
      return convertString(schema);
    case "integer":
      return convertInteger(schema);
    case "number":
    case "boolean":
    case "null":
      return { type };
    default:
      return free(used);
  }
}

function convertObject(schema: Schema, used: Used): Record<string, unknown> {
  const properties = Object.entries(objectOf(schema["properties"]));
  if (properties.length > 0)
    return {
      type: "object",
      properties: Object.fromEntries(properties.map(([name, inner]) => [name, convert(inner, used)])),
    };
  const others = schema["additionalProperties"];
  return {
    type: "object",
    ...(others === false ? {} : { additionalProperties: convert(others, used) }),
    ...numbersIn(schema, ["minProperties", "maxProperties"]),
  };
}

function convertArray(schema: Schema, used: Used): Record<string, unknown> {
  const { items } = schema;
  const tuple = schema["prefixItems"] ?? (Array.isArray(items) ? items : undefined);
  const lengths = numbersIn(schema, ["minItems", "maxItems"]);
  if (!Array.isArray(tuple)) return { type: "array", items: convert(items, used), ...lengths };
  const rest = Array.isArray(items) ? schema["additionalItems"] : items;
  const prefixItems = tuple.map((item) => convert(item, used));
  if (rest === false) return { type: "array", prefixItems, ...lengths, maxItems: prefixItems.length };
  return { type: "array", prefixItems, items: convert(rest, used), ...lengths };
}

function convertString(schema: Schema): Record<string, unknown> {
  const { format } = schema;
  if (format === "date-time" || format === "time" || format === "date") return { type: "string", format };
  return { type: "string", ...numbersIn(schema, ["minLength", "maxLength"]) };
}

/** The dialect has no bounds, and allows exponents in integers: a short range is listed instead. */
function convertInteger(schema: Schema): Record<string, unknown> {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const low = Math.max(numberOr(minimum, -Infinity), numberOr(exclusiveMinimum, -Infinity) + 1);
  const high = Math.min(numberOr(maximum, Infinity), numberOr(exclusiveMaximum, Infinity) - 1);
  const first = Math.ceil(low);
  const count = Math.floor(high) - first + 1;
  // The count is NaN where bounds are missing: that is not a short range.
  if (!(count >= 1 && count <= mostListed)) return { type: "integer" };
  const step = numberOr(multipleOf, 1);
  const listed = Array.from({ length: count }, (_, at) => first + at).filter((value) => value % step === 0);
  return listed.length === 0 ? { type: "integer" } : { enum: listed };
}

/** Numbers, words and other simple values as they are; lists and objects member by member. */
function literals(values: readonly unknown[]): Record<string, unknown> {
  const isPlain = (value: unknown) => value === null || typeof value !== "object";
  if (values.every(isPlain)) return { enum: values };
  return oneOf(values.map((value) => literal(value)));
}

function literal(value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== "object") return { const: value };
  if (Array.isArray(value)) {
    const length = value.length;
    return {
      type: "array",
      prefixItems: value.map((item) => literal(item)),
      minItems: length,
      maxItems: length,
    };
  }
  const members = Object.entries(value).map(([name, inner]) => [name, literal(inner)] as const);
  return { type: "object", properties: Object.fromEntries(members) };
}

function oneOf(choices: readonly Record<string, unknown>[]): Record<string, unknown> {
  const [only] = choices;
  return choices.length === 1 && only !== undefined ? only : { oneOf: choices };
}

/** Any value: the dialect has no keyword for it. */
function free(used: Used): Record<string, unknown> {
  used.anything = true;
  return { $ref: `#/$defs/${anything}` };
}

/** The parts of `allOf` as one schema. */
function merged(schema: Schema): Schema {
  const { allOf, ...rest } = schema;
  if (!Array.isArray(allOf)) return schema;
  return allOf
    .map((part) => merged(objectOf(part)))
    .reduce<Schema>(
      (whole, part) => ({
        ...whole,
        ...part,
        ...(whole["properties"] === undefined && part["properties"] === undefined
          ? {}
          : { properties: { ...objectOf(whole["properties"]), ...objectOf(part["properties"]) } }),
      }),
      rest,
    );
}

function impliedType(schema: Schema): string | undefined {
  if ("properties" in schema || "additionalProperties" in schema) return "object";
  return "items" in schema || "prefixItems" in schema ? "array" : undefined;
}

function numbersIn(schema: Schema, keys: readonly string[]): Record<string, number> {
  const found = keys.map((key) => [key, schema[key]] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

function objectOf(value: unknown): Schema {
  return isObject(value) ? value : {};
}
