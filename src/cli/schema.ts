/**
 * `schema`: prints the JSON Schema of search.yaml or plan.yaml, for editors.
 */
import { jsonSchemaOf, type SchemaName } from "../settings/json-schema.ts";
import type { Output } from "./output.ts";

export function schema(name: SchemaName, output: Output): void {
  const found = jsonSchemaOf(name);
  output.result(found, [JSON.stringify(found, null, 2)]);
}
