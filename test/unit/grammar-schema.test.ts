/** JSON Schema in the dialect of a local model's grammar: nothing is let through that the schema forbids. */
import { expect, test } from "vitest";
import { grammarSchema } from "../../src/models/grammar-schema.ts";
import { architecturesSchema } from "../../src/searchers/prompts.ts";
import { tinyDescription } from "../support/tiny-space.ts";
import { Space } from "../../src/search/space.ts";

/** The dialect's words for the whole answer. */
function whole(schema: Record<string, unknown>): unknown {
  const { $defs, $ref } = grammarSchema(schema) as { $defs: Record<string, unknown>; $ref: string };
  return $defs[$ref.replace("#/$defs/", "")];
}

const any = { $ref: "#/$defs/anything" };

test.each<[what: string, schema: Record<string, unknown>, dialect: unknown]>([
  [
    "a choice of forms",
    { anyOf: [{ type: "string" }, { type: "null" }] },
    { oneOf: [{ type: "string" }, { type: "null" }] },
  ],
  ["a choice of one", { anyOf: [{ type: "boolean" }] }, { type: "boolean" }],
  ["a bounded integer", { type: "integer", minimum: 2, maximum: 5 }, { enum: [2, 3, 4, 5] }],
  [
    "an integer between open bounds",
    { type: "integer", exclusiveMinimum: 2, exclusiveMaximum: 5 },
    { enum: [3, 4] },
  ],
  ["an integer in steps", { type: "integer", minimum: 1, maximum: 20, multipleOf: 8 }, { enum: [8, 16] }],
  ["an integer in a wide range", { type: "integer", minimum: 0, maximum: 1e9 }, { type: "integer" }],
  ["an integer without bounds", { type: "integer" }, { type: "integer" }],
  ["numbers from a list", { type: "number", enum: [0.5, 16] }, { enum: [0.5, 16] }],
  ["one value", { const: "yes" }, { enum: ["yes"] }],
  [
    "lists from a list",
    { enum: [[1], { a: null }] },
    {
      oneOf: [
        { type: "array", prefixItems: [{ const: 1 }], minItems: 1, maxItems: 1 },
        { type: "object", properties: { a: { const: null } } },
      ],
    },
  ],
  [
    "several types",
    { type: ["integer", "null"], minimum: 1, maximum: 2 },
    { oneOf: [{ enum: [1, 2] }, { type: "null" }] },
  ],
  [
    "a text",
    { type: "string", minLength: 1, maxLength: 9, pattern: "^a" },
    { type: "string", minLength: 1, maxLength: 9 },
  ],
  ["a date", { type: "string", format: "date" }, { type: "string", format: "date" }],
  ["a text of an unknown format", { type: "string", format: "email" }, { type: "string" }],
  [
    "a list of one length",
    { type: "array", items: { enum: [1] }, minItems: 4, maxItems: 4 },
    { type: "array", items: { enum: [1] }, minItems: 4, maxItems: 4 },
  ],
  [
    "a tuple, as it was written once",
    { type: "array", items: [{ type: "null" }], additionalItems: false },
    { type: "array", prefixItems: [{ type: "null" }], maxItems: 1 },
  ],
  ["anything", {}, any],
  ["a list of anything", { type: "array" }, { type: "array", items: any }],
  ["an object of anything", { type: "object" }, { type: "object", additionalProperties: any }],
  ["an object of nothing", { type: "object", additionalProperties: false }, { type: "object" }],
  [
    "parts",
    {
      allOf: [
        { type: "object", properties: { a: { type: "null" } } },
        { properties: { b: { type: "boolean" } } },
      ],
    },
    { type: "object", properties: { a: { type: "null" }, b: { type: "boolean" } } },
  ],
])("%s", (_what, schema, dialect) => {
  expect(whole(schema)).toEqual(dialect);
});

test("definitions are found under either name, and a schema may hold itself", () => {
  const schema = {
    definitions: { depth: { type: "integer", minimum: 1, maximum: 2 } },
    type: "object",
    properties: {
      depth: { $ref: "#/definitions/depth" },
      next: { anyOf: [{ $ref: "#" }, { type: "null" }] },
    },
  };
  const { $defs, $ref } = grammarSchema(schema) as { $defs: Record<string, unknown>; $ref: string };
  expect($defs["depth"]).toEqual({ enum: [1, 2] });
  expect(whole(schema)).toEqual({
    type: "object",
    properties: { depth: { $ref: "#/$defs/depth" }, next: { oneOf: [{ $ref }, { type: "null" }] } },
  });
});

test("keywords that are no part of the dialect are gone", () => {
  const text = JSON.stringify(
    grammarSchema({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "An answer",
      ...architecturesSchema(new Space(tinyDescription), { min: 2, max: 3 }),
    }),
  );
  expect(text).not.toMatch(/\$schema|title|required|additionalProperties|anyOf/);
});

test("the form of a search's answers keeps its lengths and choices", () => {
  const dialect = whole(architecturesSchema(new Space(tinyDescription), { min: 2, max: 3 }));
  expect(dialect).toMatchObject({
    properties: {
      architectures: {
        minItems: 2,
        maxItems: 3,
        items: { properties: { depth: { minItems: 2, maxItems: 2, items: { enum: [1, 2] } } } },
      },
    },
  });
});
