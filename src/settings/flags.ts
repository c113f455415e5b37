/**
 * Reads the values of flags with the schemas of their settings, and puts them over the settings of a file.
 *
 * command-flags.ts lists the flags. config.ts checks whether the settings fit together.
 */
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { UsageError } from "../errors.ts";
import { roleSchema } from "../search/events.ts";
import { fieldsOf } from "../text/json.ts";
import { commandFlags, type Setting, type Settings, settings } from "../settings.ts";
import {
  entryOf,
  type FlagKey,
  type FlagName,
  flagForm,
  flagged,
  flagName,
  flagOption,
  isRepeated,
} from "./command-flags.ts";
import { issueWords } from "./schema-words.ts";
import { countForms, homePath, pathRefusal, readCount, readNumber } from "./written-values.ts";
import { pathFrom } from "./yaml-file.ts";

/** What a million tokens of a model cost in US dollars. */
export type GivenPrice = z.infer<ReturnType<Settings["prices"]["schema"]>>[string];

type Named = Readonly<Record<string, number>>;
type CommandKey = keyof typeof commandFlags;
/** The choices of a setting are checked with the configuration. */
type Wide<T> = T extends string ? string : T extends null | readonly unknown[] ? never : T;
type FlagValue<K extends FlagKey> = K extends "prices"
  ? GivenPrice
  : K extends "limits" | "caps"
    ? Named
    : (typeof flagged)[K] extends { readonly schema: (...args: never[]) => infer S extends z.ZodType }
      ? K extends CommandKey
        ? z.output<S>
        : Wide<z.output<S>>
      : never;
type HasDefault = {
  [K in CommandKey]: (typeof commandFlags)[K] extends { default: unknown } ? K : never;
}[CommandKey];

/** The values of flags, by their names; `undefined` where a flag was not given and has no default of its own. */
export type FlagsOf<K extends FlagKey> = {
  readonly [P in Exclude<K, HasDefault> as FlagName<P>]?: FlagValue<P> | undefined;
} & ([Extract<K, HasDefault>] extends [never]
  ? unknown
  : { readonly [P in Extract<K, HasDefault> as FlagName<P>]: FlagValue<P> });

/** Settings of a search from the command line. They overrule the file. */
export type Flags = FlagsOf<Extract<FlagKey, keyof Settings | "caps">>;

// ----- Reading -----

/**
 * The values of a command's flags.
 *
 * @param given the given flags by their names: texts, or true for a switch
 * @throws UsageError naming the flag and the form that it wants
 */
export function readFlags<K extends FlagKey>(
  keys: readonly K[],
  given: Readonly<Record<string, unknown>>,
): FlagsOf<K> {
  const read: Record<string, unknown> = {};
  for (const key of keys) {
    const name = flagName(key);
    const texts = given[name];
    if (texts === true) read[name] = true;
    else if (Array.isArray(texts)) read[name] = valueOf(key, texts as string[]);
    else if (Object.hasOwn(commandFlags, key) && entryOf(key).default !== undefined)
      read[name] = entryOf(key).default;
  }
  return read as FlagsOf<K>;
}

function valueOf(key: FlagKey, texts: readonly string[]): unknown {
  const last = texts.at(-1) ?? "";
  if (texts.length > 1 && !isRepeated(key)) throw refused(key, last, `Give ${flagOption(key)} once.`);
  switch (key) {
    case "limits":
      return namedNumbers(key, texts, "cost", "flops_m=120", (_, value) => readNumber(value));
    case "caps":
      return namedNumbers(key, texts, "cap", "tokens=200000", (name, value) =>
        name === "tokens" ? readCount(value) : readNumber(value),
      );
    case "prices":
      return readPrice(key, last);
    default:
      return readOne(key, last);
  }
}

function readOne(key: Exclude<FlagKey, "caps">, text: string): unknown {
  const setting: Setting = flagged[key];
  const whole = setting.schema(z);
  // A file may have several forms for a value; a flag has the first one.
  const schema = whole instanceof z.ZodUnion ? whole.options[0] : whole;
  if (setting.isPath === true) {
    const refusal = pathRefusal(text);
    if (refusal !== null) throw refused(key, text, `It ${refusal}.`);
    return homePath(text);
  }
  if (schema instanceof z.ZodNumber) {
    const isWhole = schema.format?.includes("int") === true;
    const value = isWhole ? readCount(text) : readNumber(text);
    const least = schema.minValue ?? 0;
    if (value === null || (isWhole && value < least))
      throw refused(
        key,
        text,
        isWhole
          ? `It has to be a whole number of at least ${least}, such as ${Math.max(least, 40)}, 2k or 1e6.`
          : "It has to be a number.",
      );
    const parsed = schema.safeParse(value);
    if (parsed.success) return value;
    throw refused(key, text, `It ${issueWords(schema, parsed.error.issues[0] as z.core.$ZodIssue)}.`);
  }
  if (schema instanceof z.ZodEnum && Object.hasOwn(commandFlags, key) && !schema.safeParse(text).success)
    throw refused(key, text, `It has to be ${schema.options.join(" or ")}.`);
  return text;
}

function refused(key: FlagKey, text: string, why: string): UsageError {
  return new UsageError(`option '${flagForm(key)}' argument '${text}' is invalid. ${why}`);
}

/** Texts of the form NAME=VALUE, each name once. */
function namedNumbers(
  key: "limits" | "caps",
  texts: readonly string[],
  what: string,
  example: string,
  read: (name: string, value: string) => number | null,
): Named {
  const option = flagOption(key);
  const found = new Map<string, number>();
  for (const text of texts) {
    const refuse = (why: string) => refused(key, text, why);
    const [, name = "", value = ""] = /^([A-Za-z_][A-Za-z0-9_]*)=(.+)$/.exec(text) ?? [];
    if (name === "") throw refuse(`It has to be of the form NAME=VALUE, such as ${example}.`);
    if (value.includes(",")) {
      const each = text.split(",").map((part) => `${option} ${part.trim()}`);
      throw refuse(
        /,\s*[A-Za-z_]/.test(text)
          ? `Give ${option} once a ${what}: ${each.join(" ")}.`
          : `Write the number without a comma, and give ${option} once a ${what}.`,
      );
    }
    if (found.has(name)) throw refuse(`It gives "${name}" a second time; leave one of the two out.`);
    const number = read(name, value);
    if (number === null) throw refuse(`${name} has to be ${numberForm(key, name)}.`);
    found.set(name, number);
  }
  return Object.fromEntries(found);
}

function numberForm(key: "limits" | "caps", name: string): string {
  if (key === "limits") return "a number alone, in the unit that the space has for that cost";
  if (name === "tokens") return countForms;
  return `a number alone${name === "usd" ? ", in US dollars" : name === "seconds" ? ", in seconds" : ""}`;
}

function readPrice(key: "prices", text: string): GivenPrice {
  const form =
    "It has to be input=USD,output=USD, for a million tokens each, with cached=USD where the model has such a price.";
  const given = new Map<string, number>();
  for (const part of text.split(",")) {
    const [, name = "", value = ""] = /^(input|output|cached)=(.+)$/.exec(part) ?? [];
    if (name === "" || given.has(name)) throw refused(key, text, form);
    const usd = readNumber(value);
    if (usd === null) throw refused(key, text, "It has to be a number.");
    if (usd < 0) throw refused(key, text, "A price is no less than 0.");
    given.set(name, usd);
  }
  const [input, output, cachedInput] = ["input", "output", "cached"].map((name) => given.get(name));
  if (input === undefined || output === undefined) throw refused(key, text, form);
  return { input, output, ...(cachedInput === undefined ? {} : { cachedInput }) };
}

// ----- Over a file -----

/** A file's keys, overruled by flags. @throws UsageError for a price that is not that of a single model */
export function withFlags(file: Record<string, unknown>, flags: Flags): Record<string, unknown> {
  const { limit, cap, price, evaluator, evaluatorConfig, ...plain } = flags;
  const merged: Record<string, unknown> = { ...file };
  const into = (group: string, values: Record<string, unknown>) => {
    const before = merged[group] ?? {};
    // The schema refuses what is not an object in the file.
    if (Object.keys(values).length > 0 && typeof before === "object" && !Array.isArray(before))
      merged[group] = { ...before, ...values };
  };
  const given: Readonly<Record<string, unknown>> = plain;
  for (const key of Object.keys(settings)) {
    if (!hasFlag(key) || given[flagName(key)] === undefined) continue;
    const value = given[flagName(key)];
    const [group = "", name] = key.split(".");
    if (name === undefined) merged[group] = value;
    else into(group, { [name]: value });
  }
  into("limits", { ...limit });
  into("caps", { ...cap });
  const config = evaluatorConfig === undefined ? undefined : pathFrom(".", evaluatorConfig);
  // Either flag removes what the file says of the other.
  if (evaluator !== undefined || config !== undefined)
    into("evaluator", { address: evaluator ?? null, config: config ?? null });
  if (price !== undefined) into("prices", { [onlyModelIn(merged["model"])]: price });
  return merged;
}

/** Whether it is a setting of a search that has a flag. */
export function hasFlag(key: string): key is Extract<FlagKey, keyof Settings> {
  const entries: Readonly<Record<string, Setting>> = settings;
  return entries[key]?.flag !== undefined;
}

// ----- Back to a command line -----

/** Flags as a person types them: words of a command that reads the same values. `keys` gives their order. */
export function flagWords<K extends FlagKey>(
  keys: readonly K[],
  values: Readonly<Record<string, unknown>>,
): string[] {
  return keys.flatMap((key) => {
    const value = values[flagName(key)];
    if (value === undefined || value === false) return [];
    return valueTexts(key, value).flatMap((text) => [flagOption(key), ...(text === null ? [] : [text])]);
  });
}

/** The flags by which a configuration differs from the default one. A setting without a flag must be in a file. */
export function flagsOf(config: Readonly<Record<string, unknown>>): Flags {
  const found: Record<string, unknown> = {};
  for (const [key, { default: usual }] of Object.entries<Setting>(settings)) {
    if (!hasFlag(key)) continue;
    const value = at(config, key.split("."));
    if (value === undefined || value === null) continue;
    // The default searcher depends on the other settings.
    if (key === "searcher" || !isDeepStrictEqual(value, usual)) found[flagName(key)] = value;
  }
  const { price, ...others } = found;
  const name = at(config, ["model", "name"]);
  const ofModel = typeof name === "string" ? at(price, [name]) : undefined;
  const cap = config["caps"];
  return {
    ...others,
    ...(ofModel === undefined ? {} : { price: ofModel }),
    ...(cap === undefined || isDeepStrictEqual(cap, {}) ? {} : { cap }),
  } as Flags;
}

// --- internal ---

/** What a person types after a flag, for each time it is given; null: nothing, for a switch. */
function valueTexts(key: FlagKey, value: unknown): (string | null)[] {
  if (value === true) return [null];
  if (typeof value !== "object" || value === null) return [String(value)];
  const parts = Object.entries(value).map(
    ([name, number]) => `${name === "cachedInput" ? "cached" : name}=${String(number)}`,
  );
  return key === "prices" ? [parts.join(",")] : parts;
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, name) => (found as Record<string, unknown> | null | undefined)?.[name],
    value,
  );
}

/** The name of the one model that plays. @throws UsageError where there is none, or a second one */
function onlyModelIn(model: unknown): string {
  const { name: shared, roles } = fieldsOf(model);
  const named = roleSchema.options.map((role) => fieldsOf(fieldsOf(roles)[role])["name"] ?? shared);
  const names = [...new Set(named.filter((name) => typeof name === "string"))];
  const [name] = names;
  if (name === undefined)
    throw new UsageError("--price is the price of a model, and none is named; name it with --model");
  if (names.length > 1)
    throw new UsageError(
      `--price is the price of one model, and the roles have ${names.join(" and ")}; set prices in the configuration`,
    );
  return name;
}
