/**
 * The package zod as the page has it: it makes no code from text, because the page's policy forbids that.
 *
 * Takes the place of zod in the page's bundle (`paths` in tsconfig.page.json). It has only the names that are used:
 * settings.ts is handed zod as a whole, and a bundle with the whole of zod is four times as large. The page's type
 * check (`tsc -p tsconfig.page.json`) says which name is missing here.
 */
import { config } from "zod/v4";

config({ jitless: true });

export {
  array,
  boolean,
  discriminatedUnion,
  enum,
  int,
  iso,
  literal,
  NEVER,
  number,
  object,
  record,
  strictObject,
  string,
  union,
  unknown,
  url,
  ZodDefault,
  ZodError,
  ZodExactOptional,
  ZodNullable,
} from "zod/v4";
export type { infer, ZodType } from "zod/v4";
