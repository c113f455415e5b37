/**
 * The configuration of a run: one strict schema for the YAML file, the flags and the record.
 *
 * Owns defaults and what may be set, and is the only reader of the environment. Knows no space: whether a cost or a
 * space exists is asked of the evaluator later.
 */
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { dirname, isAbsolute, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { NotRegular, readNamed } from "../system/regular-file.ts";
import { codeOf, isOutOfFiles } from "../system/system-error.ts";
import { UsageError } from "../errors.ts";
import {
  type Bounds,
  type Caps,
  capsSchema,
  informSchema,
  type Role,
  roleSchema,
  outputModeSchema,
  type SearchConfig,
  type Truncations,
  truncationSchema,
  wordingSchema,
} from "../search/events.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { issueWords, keyPaths, meantKey, pathSchema, withReadNumbers } from "./schema-words.ts";
import { homePath, pathRefusal } from "./written-values.ts";

// ----- Schema -----

const serverShape = {
  /** The model's name as its server knows it. */
  name: z.string().min(1),
  baseUrl: z
    .url({ protocol: /^https?$/, error: "is no http(s) address" })
    .default("https://api.openai.com/v1"),
  /** The environment variable that holds the key; it is read only for a model that is named here. */
  keyVariable: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "is no name of an environment variable")
    .default("OPENAI_API_KEY"),
  temperature: z.number().min(0).max(2).default(0.6),
  topP: z.number().min(0).max(1).nullable().default(null),
  /** The longest reply, thinking included. */
  maxTokens: z.int().min(1).nullable().default(null),
  /** Sent with every request; null: one of its own for each, made from the run's seed. */
  seed: z.int().min(0).nullable().default(null),
  /** The model's window in tokens, prompt and reply together; null: not known, and nothing is cut short. */
  contextTokens: z.int().min(1).nullable().default(null),
  /** What becomes of the run when the server cuts a prompt without a word. */
  onTruncation: truncationSchema.default("stop"),
  /** How the form of an answer is asked for; null: found out from the server. */
  outputMode: outputModeSchema.nullable().default(null),
  /** Whether replies are read as they are written, so that a stalled one is noticed. */
  stream: z.boolean().default(false),
  /** A reply that has begun and stays silent for so long is given up. */
  idleSeconds: z.number().positive().default(60),
  timeoutSeconds: z.number().positive().default(600),
  retries: z.int().min(0).default(6),
  /** Further headers; `$NAME` is the environment variable NAME, for what must not be written down. */
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/, "is no header's name"), z.string()).default({}),
  /** Further members of each request, such as `chat_template_kwargs`. */
  extraBody: z.record(z.string(), z.unknown()).default({}),
  /** For `gguf:` models: what computes, and on how many threads of the processor. */
  gpu: z.enum(["off", "auto", "cuda", "vulkan", "metal"]).default("off"),
  threads: z.int().min(1).default(1),
};
const serverSchema = z.strictObject(serverShape);
/** The settings of one model behind one server. */
export type ServerConfig = z.infer<typeof serverSchema>;

/** What a role has otherwise than the model that both share. */
const overridesSchema = z.strictObject(
  Object.fromEntries(
    Object.entries(serverShape).map(([key, schema]) => [
      key,
      (schema instanceof z.ZodDefault ? schema.unwrap() : schema).exactOptional(),
    ]),
  ) as unknown as { [K in keyof typeof serverShape]: z.ZodExactOptional<z.ZodType<ServerConfig[K]>> },
);

const modelSchema = z.strictObject({
  ...serverShape,
  roles: z
    .strictObject({
      navigator: overridesSchema.exactOptional(),
      generator: overridesSchema.exactOptional(),
    })
    .exactOptional(),
});
export type ModelConfig = z.infer<typeof modelSchema>;

const evaluatorSchema = z.strictObject({
  /** Where a running evaluator listens; null: the Python one is started for the run and stopped after it. */
  address: z
    .string()
    .regex(/^.+:\d{1,5}$/, "is not of the form HOST:PORT")
    .nullable()
    .default(null),
  /** The configuration file of the Python evaluator that is started. */
  config: pathSchema.nullable().default(null),
  /** A call without a sign of life for so long is given up and made again. */
  silenceSeconds: z.number().positive().default(120),
  /** How long to wait for an evaluator that went away. */
  patienceSeconds: z.number().min(0).default(120),
});
export type EvaluatorConfig = z.infer<typeof evaluatorSchema>;

const priceSchema = z.strictObject({
  input: z.number().min(0),
  output: z.number().min(0),
  cachedInput: z.number().min(0).exactOptional(),
});
/** What a million tokens of a model cost in US dollars. */
export type GivenPrice = z.infer<typeof priceSchema>;
/** By the model's name. */
const pricesSchema = z.record(z.string(), priceSchema);

/** The odds of a dimension's choices. */
const oddsSchema = z
  .record(z.string(), z.number().min(0))
  .refine((odds) => Object.values(odds).some((share) => share > 0), "gives no choice any odds");

const configSchema = z.strictObject({
  space: z.string().min(1),
  searcher: z.string().min(1).default("collm"),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  budget: z.int().min(1).default(100),
  rounds: z.int().min(1).nullable().default(null),
  target: z.number().nullable().default(null),
  limits: z.record(z.string(), z.number()).default({}),
  overLimit: z.enum(["skip", "evaluate"]).default("skip"),
  equivalent: z.enum(["evaluate", "skip"]).default("evaluate"),
  task: z.string().min(1).nullable().default(null),
  candidates: z
    .strictObject({ min: z.int().min(1), max: z.int().min(1).max(1000) })
    .refine(({ min, max }) => min <= max, "has a min above its max")
    .default({ min: 10, max: 20 }),
  memory: z
    .strictObject({ navigator: z.boolean().default(true), generator: z.boolean().default(false) })
    .default({ navigator: true, generator: false }),
  structured: z.boolean().default(true),
  /** Whether the prompts hold more than the paper's: what was lost and why, and how much budget is left. */
  promptExtras: z.boolean().default(true),
  wording: wordingSchema.default("standard"),
  /** What the Navigator is told beyond the results: what is unseen, what was repeated, what the limit leaves. */
  inform: z.array(informSchema).default([...informSchema.options]),
  /** Whether the Generator sees the costs of its draft and may correct it once. */
  costRevision: z.boolean().default(false),
  /** What a run may use up at most. */
  caps: capsSchema.default({}),
  /** What a million tokens cost, by model, where it is not to be looked up. */
  prices: pricesSchema.default({}),
  /** The paper's settings as one bundle; see `paperBundle`. */
  paper: z.boolean().default(false),
  /** Whether dimensions and choices get neutral names and another order. */
  blind: z.boolean().default(false),
  /** Whether the test split is asked for everything that was evaluated, after the end. */
  oracle: z.boolean().default(false),
  prior: z.record(z.string(), oddsSchema).nullable().default(null),
  early: z.string().min(1).nullable().default(null),
  stallRounds: z.int().min(1).default(5),
  /** End after so many evaluations of which not one succeeded; null: never. Looked at between rounds. */
  giveUpAfter: z.int().min(1).nullable().default(20),
  model: modelSchema.nullable().default(null),
  evaluator: evaluatorSchema.default(evaluatorSchema.parse({})),
  out: pathSchema.nullable().default(null),
});
export type Config = z.infer<typeof configSchema>;

/** How the world around a search is set up; stored with a run and read again to resume it. */
const setupSchema = z.strictObject({
  model: modelSchema.nullable(),
  evaluator: evaluatorSchema,
  prices: pricesSchema.exactOptional(),
});
export type Setup = z.infer<typeof setupSchema>;

// ----- Reading -----

/** Settings from the command line: `undefined` where a flag was not given. They win over the file. */
export interface Flags {
  readonly space?: string | undefined;
  readonly searcher?: string | undefined;
  readonly seed?: number | undefined;
  readonly budget?: number | undefined;
  readonly rounds?: number | undefined;
  readonly target?: number | undefined;
  readonly limit?: Readonly<Record<string, number>> | undefined;
  readonly overLimit?: string | undefined;
  readonly equivalent?: string | undefined;
  readonly task?: string | undefined;
  readonly blind?: boolean | undefined;
  readonly model?: string | undefined;
  readonly baseUrl?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly onTruncation?: string | undefined;
  readonly cap?: Readonly<Record<string, number>> | undefined;
  /** Of the model that is named, here or in the file. */
  readonly price?: GivenPrice | undefined;
  readonly evaluator?: string | undefined;
  readonly evaluatorConfig?: string | undefined;
  readonly out?: string | undefined;
}

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
 * The configuration in an object as a file would hold it. `source` begins each message.
 *
 * @throws UsageError naming the key and what is wrong with it
 */
export function parseConfig(raw: Record<string, unknown>, source: string): Config {
  const whole = withPaper(withConversation(raw), source);
  const config = parseStrictly(configSchema, whole, source);
  const model = checkedModel(config.model, source);
  checkCaps(config.caps, model, source);
  return { ...config, model };
}

/** The part of a configuration that shapes decisions. */
export function searchConfigOf({
  space: _space,
  model,
  evaluator,
  out: _out,
  paper: _paper,
  promptExtras,
  wording,
  blind,
  oracle,
  prior,
  early,
  task,
  inform,
  costRevision,
  caps,
  prices: _prices,
  giveUpAfter,
  ...search
}: Config): SearchConfig {
  const bounds = model === null ? null : boundsOf(model);
  const isBounded =
    Object.keys(caps).length > 0 ||
    (bounds !== null && Object.values(bounds).some(({ contextTokens }) => contextTokens !== null));
  return {
    ...search,
    // The task names the data: what is blind to the space's names is told nothing of it.
    task: blind ? null : task,
    patienceSeconds: evaluator.patienceSeconds,
    // What stands at its default stays out of the record.
    ...(giveUpAfter === null ? {} : { giveUpAfter }),
    ...(promptExtras ? {} : { promptExtras }),
    ...(wording === "standard" ? {} : { wording }),
    ...(blind ? { blind } : {}),
    ...(oracle ? { oracle } : {}),
    ...(prior === null ? {} : { prior }),
    ...(early === null ? {} : { early }),
    ...(promptExtras && inform.length > 0 ? { inform } : {}),
    ...(promptExtras && costRevision ? { costRevision } : {}),
    ...(Object.keys(caps).length === 0 ? {} : { caps }),
    ...(bounds === null || !isBounded ? {} : { bounds }),
    ...(model === null ? {} : watchedBy(model)),
  };
}

/** What each role's model can take and give. */
export function boundsOf(model: ModelConfig): Bounds {
  const of = (role: Role) => {
    const { maxTokens, contextTokens } = serverOf(model, role);
    return { maxTokens, contextTokens };
  };
  return { navigator: of("navigator"), generator: of("generator") };
}

/**
 * What becomes of the run when a role's server cuts a prompt. A file's window is known, and what a record counted says
 * nothing of what is asked now: neither is watched.
 */
export function watchedBy(model: ModelConfig): { readonly onTruncation?: Truncations } {
  const watched = roleSchema.options.flatMap((role) => {
    const { name, onTruncation } = serverOf(model, role);
    return localModel(name) === null ? [[role, onTruncation] as const] : [];
  });
  return watched.length === 0 ? {} : { onTruncation: Object.fromEntries(watched) };
}

/**
 * A cap on tokens or money holds only where the longest reply is known.
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

/** The part of a configuration that sets up the world. Holds no secret: keys stay in the environment. */
export function setupOf(config: Config): Setup {
  const { model, evaluator, prices } = config;
  return { model, evaluator, ...(Object.keys(prices).length === 0 ? {} : { prices }) };
}

/** Reads the set-up stored with a run, changed by the flags of a resume. */
export function readSetup(stored: unknown, flags: Flags): Setup {
  const setup = parseStrictly(setupSchema, stored, "the run's record: ");
  const { model, evaluator, prices } = withFlags(structuredClone(setup), flags);
  const changed = parseStrictly(
    setupSchema,
    { ...setup, model, evaluator, ...(prices === undefined ? {} : { prices }) },
    "",
  );
  return { ...changed, model: checkedModel(changed.model, "") };
}

/** Caps given by themselves. @throws UsageError naming the one that is none */
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

// ----- The environment -----

/** A model that is no server's: a file, or the record of a run. */
export function localModel(
  name: string,
): { readonly kind: "gguf" | "recorded"; readonly path: string } | null {
  const [, kind, path] = /^(gguf|recorded):(.+)$/.exec(name) ?? [];
  return path === undefined ? null : { kind: kind as "gguf" | "recorded", path: homePath(path) };
}

/**
 * The headers of a server, with what stands in the environment put in.
 *
 * @throws UsageError naming the variable that is not set
 */
export function readHeaders({ headers }: ServerConfig): Record<string, string> {
  const read = ([name, value]: [string, string]) => {
    const [, variable] = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(value) ?? [];
    const found = variable === undefined ? value : process.env[variable];
    if (found === undefined || found === "")
      throw new UsageError(`header "${name}" is taken from ${variable}, which is not set; set it`);
    return [name, found] as const;
  };
  return Object.fromEntries(Object.entries(headers).map(read));
}

/** The key for a model, or null where its server needs none. Only ever asked for a model that was named. */
export function readKey({ name, baseUrl, keyVariable }: ServerConfig): string | null {
  if (localModel(name) !== null) return null;
  const key = process.env[keyVariable];
  if (key !== undefined && key !== "") return key;
  if (new URL(baseUrl).hostname !== "api.openai.com") return null;
  throw new UsageError(
    `model "${name}" at ${baseUrl} needs a key; set ${keyVariable}, or name another server with --base-url`,
  );
}

/** The Python to start the evaluator with, where it was set by hand. */
export function pythonFromEnvironment(): string | null {
  const python = process.env["COLLM_NAS_PYTHON"] ?? "";
  return python === "" ? null : python;
}

/** What changes how a Python speaks, and not which code it loads. */
const harmlessToPython: ReadonlySet<string> = new Set([
  "PYTHONDONTWRITEBYTECODE",
  "PYTHONFAULTHANDLER",
  "PYTHONHASHSEED",
  "PYTHONIOENCODING",
  "PYTHONPYCACHEPREFIX",
  "PYTHONUNBUFFERED",
  "PYTHONUTF8",
]);

/**
 * The environment for a Python that is started here. What a shell has set for other Pythons (PYTHONPATH, PYTHONHOME, an
 * activated environment and the like) would have it load other code, or none; that is left out.
 */
export function environmentForPython(): Record<string, string | undefined> {
  const isForeign = (name: string) =>
    (name.startsWith("PYTHON") && !harmlessToPython.has(name)) ||
    /^(VIRTUAL_ENV|VIRTUAL_ENV_PROMPT|__PYVENV_LAUNCHER__)$/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}

/** The folder for what may be thrown away at any time, by the XDG rules; null: the environment names no home. */
export function cacheFromEnvironment(): string | null {
  const { XDG_CACHE_HOME: cache, HOME: home } = process.env;
  // A relative path does not count.
  if (cache !== undefined && isAbsolute(cache)) return join(cache, "collm-nas");
  return home === undefined || !isAbsolute(home) ? null : join(home, ".cache", "collm-nas");
}

// --- internal ---

/** What `paper: true` stands for (paper, Algorithm 1 and appendix E). */
const paperBundle = {
  overLimit: "evaluate",
  candidates: { min: 10, max: 20 },
  structured: false,
  promptExtras: false,
  inform: [],
  costRevision: false,
} as const;

function withPaper(raw: Record<string, unknown>, source: string): Record<string, unknown> {
  if (raw["paper"] !== true) return raw;
  for (const [key, value] of Object.entries(paperBundle)) {
    const given = raw[key];
    if (given === undefined || isDeepStrictEqual(given, value)) continue;
    throw new UsageError(
      `${source}"${key}" is ${JSON.stringify(given)}, but paper: true stands for ${JSON.stringify(value)}; leave one of them out`,
    );
  }
  return { ...raw, ...paperBundle };
}

/** The one model of "solo" keeps its conversation unless told otherwise: nothing else carries what it has learned. */
function withConversation(raw: Record<string, unknown>): Record<string, unknown> {
  const memory = raw["memory"] ?? {};
  const isSolo = raw["searcher"] === "solo" || (raw["searcher"] === "portfolio" && raw["early"] === "solo");
  if (!isSolo || typeof memory !== "object") return raw;
  return { ...raw, memory: { generator: true, ...memory } };
}

/** A YAML file as it stands. @throws UsageError naming the place that is wrong */
export async function readYaml(file: string): Promise<Record<string, unknown>> {
  const { parseDocument } = await import("yaml");
  const path = findFile(file);
  let text: string;
  try {
    text = (await readNamed(path)).toString("utf8");
  } catch (error) {
    if (isOutOfFiles(error)) throw error;
    const reason = error instanceof NotRegular ? error.message : codeOf(error) || String(error);
    const meant = reason === "ENOENT" && isFree(path) ? didYouMean(file, presets()) : "";
    throw new UsageError(`cannot read ${file}: ${reason}; give the path of a YAML file${meant}`);
  }
  const refused = (problem: string) =>
    new UsageError(`${file}: ${problem.split("\n")[0]?.replace(/:$/, "")}; correct the YAML`);
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw refused(problem.message);
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (error) {
    // References to nothing, or to far too much.
    throw refused((error as Error).message);
  }
  if (typeof value !== "object" || Array.isArray(value))
    throw new UsageError(`${file}: expected keys and values, such as "space: NAME"`);
  if (hasPrototypeKey(value)) throw new UsageError(`${file}: unknown key "__proto__"`);
  return pathsFrom(dirname(resolve(path)), value as Record<string, unknown>);
}

/** An object cannot hold such a key: it would be lost without a word. */
function hasPrototypeKey(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    (Object.hasOwn(value, "__proto__") || Object.values(value).some(hasPrototypeKey))
  );
}

/** The path of an evaluator configuration named in a file is meant from where the file is. */
export function pathsFrom(folder: string, value: Record<string, unknown>): Record<string, unknown> {
  const evaluator = value["evaluator"];
  if (typeof evaluator !== "object" || evaluator === null) return value;
  const { config } = evaluator as { config?: unknown };
  return typeof config === "string"
    ? { ...value, evaluator: { ...evaluator, config: pathFrom(folder, config) } }
    : value;
}

function pathFrom(folder: string, path: string): string {
  // What is refused is refused as it was written.
  return pathRefusal(path) === null ? resolve(folder, homePath(path)) : path;
}

/** A file's keys, overruled by flags. @throws UsageError for a price that is no single model's */
export function withFlags(file: Record<string, unknown>, flags: Flags): Record<string, unknown> {
  const { limit, cap, model, baseUrl, maxTokens, onTruncation, price, evaluator, evaluatorConfig, ...same } =
    flags;
  const merged: Record<string, unknown> = { ...file, ...defined(same) };
  const into = (key: string, values: Record<string, unknown>) => {
    const given = defined(values);
    const before = merged[key] ?? {};
    // What is no object in the file is for the schema to refuse.
    if (Object.keys(given).length > 0 && typeof before === "object" && !Array.isArray(before))
      merged[key] = { ...before, ...given };
  };
  into("limits", { ...limit });
  into("caps", { ...cap });
  into("model", { name: model, baseUrl, maxTokens, onTruncation });
  const config = evaluatorConfig === undefined ? undefined : pathFrom(".", evaluatorConfig);
  // Either flag puts away what the file says of the other.
  if (evaluator !== undefined || config !== undefined)
    into("evaluator", { address: evaluator ?? null, config: config ?? null });
  if (price !== undefined) into("prices", { [onlyModelIn(merged["model"])]: price });
  return merged;
}

/** The name of the one model that plays. @throws UsageError where there is none, or a second one */
function onlyModelIn(model: unknown): string {
  const keys = (value: unknown) =>
    typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const { name: shared, roles } = keys(model);
  const named = roleSchema.options.map((role) => keys(keys(roles)[role])["name"] ?? shared);
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

function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
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

/** What to do about a key that has to be there. */
const missing: Readonly<Record<string, string>> = {
  space: "no space given; name one with --space (collm-nas spaces lists them)",
  "model.name": "no model named; name one with --model",
};

/**
 * Parses, or says in one line which key is wrong, how, and what was probably meant.
 *
 * @param more paths of keys that are known though the schema does not tell of them
 */
export function parseStrictly<T>(
  schema: z.ZodType<T>,
  value: unknown,
  source: string,
  more: readonly string[] = [],
): T {
  const first = schema.safeParse(value);
  if (first.success) return first.data;
  const parsed = schema.safeParse(withReadNumbers(schema, value, first.error.issues));
  if (parsed.success) return parsed.data;
  // A misspelt key is often the reason why another one is missing.
  const isUnknown = ({ code }: z.core.$ZodIssue) => code === "unrecognized_keys";
  const { issues } = parsed.error;
  const issue = (issues.find(isUnknown) ?? issues[0]) as z.core.$ZodIssue;
  const place = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    const full = place === "" ? key : `${place}.${key}`;
    throw new UsageError(`${source}unknown key "${full}"${meantKey(schema, issue.path, key, more)}`);
  }
  const given = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  const near =
    issue.code === "invalid_value" && typeof given === "string"
      ? didYouMean(given, issue.values.map(String))
      : "";
  if (given === undefined) throw new UsageError(`${source}${missing[place] ?? `"${place}" is missing`}`);
  // Not the password of an address that is wrong besides.
  const shown =
    typeof given === "number" ? String(given) : JSON.stringify(given).replace(/\/\/[^/@]*@/, "//…@");
  throw new UsageError(`${source}"${place}" is ${shown}: ${issueWords(schema, issue)}${near}`);
}

/** Every key of a configuration, as a path such as model.name. */
export function configKeys(): string[] {
  return keyPaths(configSchema);
}

/** The file itself, or the one of that name among those that come with the program, which are found from any folder. */
export function findFile(file: string): string {
  const name = file.replace(/^\.\//, "");
  return isFree(file) && presets().includes(name) ? join(packageRoot, name) : file;
}

/** Whether nothing has this name, not even a link that leads nowhere. */
function isFree(path: string): boolean {
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    return ["ENOENT", "ENOTDIR"].includes(codeOf(error));
  }
}

/** The folder that holds package.json: as far from src/settings as from dist/settings. */
const packageRoot = fileURLToPath(new URL("../../", import.meta.url));

/** The configurations and plans that come with the program, such as presets/spos.yaml. */
function presets(): string[] {
  const folder = join(packageRoot, "presets");
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => `presets/${name.split(sep).join("/")}`);
}
