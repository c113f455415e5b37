/**
 * Reads a file's keys and values with a schema, or says what is wrong: which key, and how.
 *
 * No setting is known here by name.
 */
import { closestMatch } from "leven";
import * as z from "zod";
import { UsageError } from "../errors.ts";
import type { Refine } from "../settings.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { countForms, homePath, pathRefusal, readCount, readNumber } from "./written-values.ts";

/** What is known of keys besides their schema. */
export interface KeyWords {
  /** Paths of keys that are not in the schema. */
  readonly more?: readonly string[];
  /** What to do about a required key that is missing, by its path. */
  readonly missing?: Readonly<Record<string, string>>;
  /** The path of the key that a wrong name means. */
  readonly meant?: Readonly<Record<string, string>>;
}

/**
 * Parses, or says in one line which key is wrong, how, and what was probably meant.
 *
 * @param words what is known of keys besides the schema
 */
export function parseStrictly<T>(
  schema: z.ZodType<T>,
  value: unknown,
  source: string,
  words: KeyWords = {},
): T {
  const first = schema.safeParse(value);
  if (first.success) return first.data;
  const parsed = schema.safeParse(withReadNumbers(schema, value, first.error.issues));
  if (parsed.success) return parsed.data;
  // A misspelt key is often the reason why another key is missing.
  const isUnknown = ({ code }: z.core.$ZodIssue) => code === "unrecognized_keys";
  const { issues } = parsed.error;
  const issue = (issues.find(isUnknown) ?? issues[0]) as z.core.$ZodIssue;
  const place = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    const full = place === "" ? key : `${place}.${key}`;
    throw new UsageError(`${source}unknown key "${full}"${meantKey(schema, issue.path, key, words)}`);
  }
  const given = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  const near =
    issue.code === "invalid_value" && typeof given === "string"
      ? didYouMean(given, issue.values.map(String))
      : "";
  if (given === undefined)
    throw new UsageError(`${source}${words.missing?.[place] ?? `"${place}" is missing`}`);
  // A wrong address may hold a password, which is not shown.
  const shown =
    typeof given === "number" ? String(given) : JSON.stringify(given).replace(/\/\/[^/@]*@/, "//…@");
  throw new UsageError(`${source}"${place}" is ${shown}: ${issueWords(schema, issue)}${near}`);
}

// ----- Values -----

/** Makes schemas of settings read paths as a shell reads them. */
export const readPaths: Refine = (schema, { isPath }) => {
  if (isPath !== true) return schema;
  return schema
    .superRefine((path, context) => {
      const message = typeof path === "string" ? pathRefusal(path) : null;
      if (message !== null) context.addIssue({ code: "custom", message });
    })
    .overwrite((path) => (typeof path === "string" ? homePath(path) : path));
};

/** `value` with numbers in quotes read as numbers wherever the schema wants one. */
function withReadNumbers(schema: z.ZodType, value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const changed = structuredClone(value);
  for (const { code, path } of issues) {
    const [key] = path.slice(-1);
    const holder = at(changed, path.slice(0, -1)) as Record<PropertyKey, unknown> | undefined;
    const given = key === undefined ? undefined : holder?.[key];
    if (code !== "invalid_type" || key === undefined || holder === undefined || typeof given !== "string")
      continue;
    const wanted = schemaAt(schema, path);
    if (!(wanted instanceof z.ZodNumber)) continue;
    // A suffix is for counts. The name of a cost or a sum of money says its unit.
    const read = isWhole(wanted) ? readCount(given) : readNumber(given);
    if (read !== null) holder[key] = read;
  }
  return changed;
}

/** What is wrong with a value, in words that follow "is". */
export function issueWords(schema: z.ZodType, issue: z.core.$ZodIssue): string {
  // A message of the schema itself is better.
  if (!/^(Invalid|Too) /.test(issue.message)) return issue.message;
  switch (issue.code) {
    case "invalid_type": {
      const wanted = schemaAt(schema, issue.path);
      if (wanted instanceof z.ZodNumber && isWhole(wanted)) return `has to be ${countForms}`;
      return `has to be ${kinds[issue.expected] ?? issue.expected}`;
    }
    case "invalid_value":
      return `has to be ${issue.values.map(String).join(" or ")}`;
    case "too_small":
      if (issue.origin === "string") return "must not be empty";
      return `has to be ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
    case "too_big":
      return `has to be ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
    default:
      return issue.message;
  }
}

const kinds: Readonly<Record<string, string>> = {
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  string: "text; put it in quotes where it looks like a number",
  array: "a list, such as [A, B]",
  object: "keys with values, such as {KEY: VALUE}",
  record: "names with values, such as {NAME: VALUE}",
};

// ----- Keys -----

/**
 * `; did you mean …?` for a key that its place does not have. It tries a key of that place with one wrong letter, then
 * the same key at another place, then a similar key: first of that place, then of another.
 */
function meantKey(
  schema: z.ZodType,
  place: readonly PropertyKey[],
  key: string,
  { more = [], meant = {} }: KeyWords = {},
): string {
  const here = keysOf(schemaAt(schema, place));
  const elsewhere = [...keyPaths(schema), ...more];
  const last = (path: string) => path.slice(path.lastIndexOf(".") + 1);
  const known = Object.hasOwn(meant, key) ? meant[key] : undefined;
  if (known !== undefined) return `; did you mean "${here.includes(last(known)) ? last(known) : known}"?`;
  const almost = closestMatch(key, here, { maxDistance: 1 });
  const same = elsewhere.find((path) => last(path) === key);
  if (almost === undefined && same !== undefined) return `; did you mean "${same}"?`;
  const near = didYouMean(key, here);
  if (near !== "") return near;
  const other = closestMatch(key, elsewhere.map(last), { maxDistance: Math.floor(key.length / 3) });
  const path = elsewhere.find((each) => last(each) === other);
  return path === undefined ? "" : `; did you mean "${path}"?`;
}

/** The path of every key, outer levels first. */
export function keyPaths(schema: z.ZodType): string[] {
  const levels: string[][] = [];
  const visit = (part: z.ZodType | null, path: readonly string[]) => {
    for (const key of keysOf(part)) {
      const whole = [...path, key];
      (levels[path.length] ??= []).push(whole.join("."));
      visit(schemaAt(part as z.ZodType, [key]), whole);
    }
  };
  visit(unwrapped(schema), []);
  return levels.flat();
}

// --- internal ---

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (found, key) => (found as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  );
}

function isWhole({ format }: z.ZodNumber): boolean {
  return format?.includes("int") === true;
}

function keysOf(schema: z.ZodType | null): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrapped(schema: z.ZodType): z.ZodType {
  let found = schema;
  while (
    found instanceof z.ZodDefault ||
    found instanceof z.ZodNullable ||
    found instanceof z.ZodOptional ||
    found instanceof z.ZodExactOptional
  )
    found = found.unwrap() as z.ZodType;
  return found;
}

/** The schema of a place; null where it has none. */
function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | null {
  let found: z.ZodType | null = unwrapped(schema);
  for (const key of path) {
    const inner: unknown =
      found instanceof z.ZodObject
        ? (found.shape as Record<PropertyKey, unknown>)[key]
        : found instanceof z.ZodRecord
          ? found.valueType
          : found instanceof z.ZodArray
            ? found.element
            : undefined;
    if (inner === undefined) return null;
    found = unwrapped(inner as z.ZodType);
  }
  return found;
}
