/**
 * Makes the schema of a configuration from the table of settings, reads files and flags with it, and says what a record
 * holds of it.
 *
 * No space is known here: later the evaluator is asked whether a cost or a space exists.
 */
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { UsageError } from "../errors.ts";
import {
  type Bounds,
  type Caps,
  capsSchema,
  type Role,
  roleSchema,
  type SearchConfig,
  searchConfigSchema,
  type Truncations,
} from "../search/events.ts";
import { groups, type Setting, settings, shapeOf } from "../settings.ts";
import { type Flags, withFlags } from "./flags.ts";
import { type KeyWords, keyPaths, parseStrictly, readPaths } from "./schema-words.ts";
import { homePath } from "./written-values.ts";
import { readYaml } from "./yaml-file.ts";

// ----- Schema -----

const serverShape = shapeOf(z, settings, "model", readPaths);
const serverSchema = z.strictObject(serverShape);
/** The settings of one model and its server. */
export type ServerConfig = z.infer<typeof serverSchema>;

/** What a role sets differently from the model that both share. */
const overridesSchema = z.strictObject(
  Object.fromEntries(
    Object.entries(serverShape).map(([key, schema]) => [
      key,
      (schema instanceof z.ZodDefault ? schema.unwrap() : schema)
        .exactOptional()
        .describe(schema.description ?? ""),
    ]),
  ) as unknown as { [K in keyof typeof serverShape]: z.ZodExactOptional<z.ZodType<ServerConfig[K]>> },
);

const modelSchema = z.strictObject({
  ...serverShape,
  roles: z
    .strictObject({
      navigator: overridesSchema.exactOptional().describe(groups["model.roles.navigator"].help),
      generator: overridesSchema.exactOptional().describe(groups["model.roles.generator"].help),
    })
    .exactOptional()
    .describe(groups["model.roles"].help),
});
export type ModelConfig = z.infer<typeof modelSchema>;

const evaluatorSchema = z.strictObject(shapeOf(z, settings, "evaluator", readPaths));
export type EvaluatorConfig = z.infer<typeof evaluatorSchema>;

const memorySchema = z.strictObject(shapeOf(z, settings, "memory"));

export const configSchema = z.strictObject({
  ...shapeOf(z, settings, "", readPaths),
  candidates: z
    .strictObject(shapeOf(z, settings, "candidates"))
    .refine(({ min, max }) => min <= max, "has a min above its max")
    .default(groups.candidates.default)
    .describe(groups.candidates.help),
  memory: memorySchema.default(memorySchema.parse({})).describe(groups.memory.help),
  caps: z
    .strictObject(shapeOf(z, settings, "caps"))
    .default({})
    .describe(groups.caps.help),
  model: modelSchema.nullable().default(groups.model.default).describe(groups.model.help),
  evaluator: evaluatorSchema.default(evaluatorSchema.parse({})).describe(groups.evaluator.help),
});
export type Config = z.infer<typeof configSchema>;

/** The set-up around a search; stored with a run, and read again to resume it. */
const setupSchema = z.strictObject({
  model: modelSchema.nullable(),
  evaluator: evaluatorSchema,
  prices: settings.prices.schema(z).exactOptional(),
});
export type Setup = z.infer<typeof setupSchema>;

// ----- Reading -----

/**
 * The configuration from an optional YAML file and the flags.
 *
 * @throws UsageError naming the file or flag, the key and what is wrong with it
 */
export async function readConfig(file: string | undefined, flags: Flags): Promise<Config> {
  const fromFile = file === undefined ? {} : await readYaml(file);
  return parseConfig(withFlags(fromFile, flags), file === undefined ? "" : `${file}: `);
}

/**
 * The configuration in an object, in the form of a file. `source` begins each message.
 *
 * @throws UsageError naming the key and what is wrong with it
 */
export function parseConfig(raw: Record<string, unknown>, source = ""): Config {
  const whole = withPaper(withConversation(withRoles(raw)), source);
  const config = parseStrictly(configSchema, whole, source, keyWords);
  const model = checkedModel(config.model, source);
  checkCaps(config.caps, model, source);
  return { ...config, model };
}

/** What is recorded of a search: the settings that decide, with their values in effect. */
export function searchConfigOf(config: Config): SearchConfig {
  const { model, evaluator, caps, blind, promptExtras } = config;
  const inEffect: Readonly<Record<string, unknown>> = {
    ...config,
    // A path says nothing of the results there: what is recorded of them is known once they are read.
    known: undefined,
    // The task names the data, so a search that does not see the space's names does not see the task.
    task: blind ? null : config.task,
    inform: promptExtras ? config.inform : [],
    costRevision: promptExtras && config.costRevision,
  };
  const decided = Object.keys(searchConfigSchema.shape).flatMap((key) => {
    const value = inEffect[key];
    return value === undefined || isDeepStrictEqual(value, unrecorded[key]) ? [] : [[key, value] as const];
  });
  const bounds = model === null ? null : boundsOf(model);
  const isBounded =
    Object.keys(caps).length > 0 ||
    (bounds !== null && Object.values(bounds).some(({ contextTokens }) => contextTokens !== null));
  return searchConfigSchema.parse({
    ...Object.fromEntries(decided),
    patienceSeconds: evaluator.patienceSeconds,
    ...(bounds === null || !isBounded ? {} : { bounds }),
    ...(model === null ? {} : watchedBy(model)),
    ...(config.equivalent === "skip" ? { redrawsEquivalent: true } : {}),
  });
}

/** What each role's model can read and write. */
export function boundsOf(model: ModelConfig): Bounds {
  const of = (role: Role) => {
    const { maxTokens, contextTokens } = serverOf(model, role);
    return { maxTokens, contextTokens };
  };
  return { navigator: of("navigator"), generator: of("generator") };
}

/**
 * What the run does when a role's server cuts a prompt. Two kinds of models are not watched: a model in a file, whose
 * window is known, and a recorded one, whose counts say nothing of the present prompts.
 */
export function watchedBy(model: ModelConfig): { readonly onTruncation?: Truncations } {
  const watched = roleSchema.options.flatMap((role) => {
    const { name, onTruncation } = serverOf(model, role);
    return localModel(name) === null ? [[role, onTruncation] as const] : [];
  });
  return watched.length === 0 ? {} : { onTruncation: Object.fromEntries(watched) };
}

/**
 * A cap on tokens or money is possible only where the longest reply is known.
 *
 * @throws UsageError naming the key that is missing
 */
export function checkCaps(caps: Caps, model: ModelConfig | null, source = ""): void {
  if (model === null || (caps.tokens === undefined && caps.usd === undefined)) return;
  for (const role of roleSchema.options) {
    if (serverOf(model, role).maxTokens !== null) continue;
    throw new UsageError(
      `${source}a cap on ${caps.tokens === undefined ? "money" : "tokens"} needs the longest reply: set model.maxTokens, or --max-tokens N`,
    );
  }
}

/** The part of a configuration that is the set-up around a search. It holds no secret: keys stay in the environment. */
export function setupOf(config: Config): Setup {
  const { model, evaluator, prices } = config;
  return { model, evaluator, ...(Object.keys(prices).length === 0 ? {} : { prices }) };
}

/** Reads the set-up stored with a run, changed by the flags of a resume. */
export function readSetup(stored: unknown, flags: Flags): Setup {
  const setup = parseStrictly(setupSchema, stored, "the run's record: ", keyWords);
  const { model, evaluator, prices } = withFlags(structuredClone(setup), flags);
  const changed = parseStrictly(
    setupSchema,
    { ...setup, model, evaluator, ...(prices === undefined ? {} : { prices }) },
    "",
    keyWords,
  );
  return { ...changed, model: checkedModel(changed.model, "") };
}

/** Caps without a configuration. @throws UsageError naming the wrong one */
export function readCaps(caps: Readonly<Record<string, number>>): Caps {
  return parseStrictly(z.strictObject({ caps: capsSchema }), { caps }, "").caps;
}

/** Where the evaluator of a command without a run is. */
export function readDirectSetup(flags: Flags): EvaluatorConfig {
  const { evaluator } = withFlags({}, flags);
  return parseStrictly(evaluatorSchema, evaluator ?? {}, "");
}

/** The settings of the model that plays a role. */
export function serverOf({ roles, ...shared }: ModelConfig, role: Role): ServerConfig {
  return { ...shared, ...roles?.[role] };
}

/** A model without a server: a file, or the record of a run. */
export function localModel(
  name: string,
): { readonly kind: "gguf" | "recorded"; readonly path: string } | null {
  const [, kind, path] = /^(gguf|recorded):(.+)$/.exec(name) ?? [];
  return path === undefined ? null : { kind: kind as "gguf" | "recorded", path: homePath(path) };
}

// --- internal ---

/** What a record of a search leaves out, by key. */
const unrecorded: Readonly<Record<string, unknown>> = { ...valuesOf("unrecorded"), caps: {} };

/** What `paper: true` means (paper, Algorithm 1 and appendix E). */
const paperBundle = valuesOf("paper");

/** One property of the entries that have it, by key. */
function valuesOf(what: "unrecorded" | "paper" | "missing"): Record<string, unknown> {
  const entries = Object.entries<Partial<Setting>>({ ...settings, ...groups });
  return Object.fromEntries(
    entries.flatMap(([key, entry]) => (entry[what] === undefined ? [] : [[key, entry[what]]])),
  );
}

/** What to say of keys that are missing or have another name. */
export const keyWords: KeyWords = {
  missing: valuesOf("missing") as Record<string, string>,
  meant: Object.fromEntries(
    Object.entries<Setting>(settings).flatMap(([key, { misnamed = [] }]) =>
      misnamed.map((name) => [name, key]),
    ),
  ),
};

function withPaper(raw: Record<string, unknown>, source: string): Record<string, unknown> {
  if (raw["paper"] !== true) return raw;
  for (const [key, value] of Object.entries(paperBundle)) {
    const given = raw[key];
    if (given === undefined || isDeepStrictEqual(given, value)) continue;
    throw new UsageError(
      `${source}"${key}" is ${JSON.stringify(given)}, but paper: true means ${JSON.stringify(value)}; leave one of them out`,
    );
  }
  return { ...raw, ...paperBundle };
}

/** A model without a named searcher plays the two roles. */
function withRoles(raw: Record<string, unknown>): Record<string, unknown> {
  const hasModel = raw["model"] !== undefined && raw["model"] !== null;
  return hasModel && raw["searcher"] === undefined ? { ...raw, searcher: "collm" } : raw;
}

/** The one model of "solo" keeps its conversation, unless the configuration says otherwise: it has no other memory. */
function withConversation(raw: Record<string, unknown>): Record<string, unknown> {
  const memory = raw["memory"] ?? {};
  const isSolo = raw["searcher"] === "solo" || (raw["searcher"] === "portfolio" && raw["early"] === "solo");
  if (!isSolo || typeof memory !== "object") return raw;
  return { ...raw, memory: { generator: true, ...memory } };
}

function checkedModel(model: ModelConfig | null, source: string): ModelConfig | null {
  if (model === null) return null;
  for (const role of roleSchema.options) {
    const { baseUrl, headers } = serverOf(model, role);
    const secret = Object.entries(headers).find(
      ([name, value]) => /auth|key|token|secret|cookie|password/i.test(name) && !value.startsWith("$"),
    );
    if (secret !== undefined)
      throw new UsageError(
        `${source}model.headers holds a value for "${secret[0]}", which would be stored with the run; put it into an environment variable and write $ and its name instead`,
      );
    const { username, password } = new URL(baseUrl);
    if (username === "" && password === "") continue;
    throw new UsageError(
      `${source}model.baseUrl holds a password, which would be stored with the run; put it into an environment variable and name that in model.keyVariable`,
    );
  }
  return model;
}

/** Every key of a configuration, as a path such as model.name. */
export function configKeys(): string[] {
  return keyPaths(configSchema);
}
