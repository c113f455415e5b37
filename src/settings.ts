/**
 * Every setting, once: its schema, default, sentence of help, flag, and whether it decides what a search does.
 *
 * All that names settings is made from this table: the schemas of search.yaml and plan.yaml, the flags and their help,
 * the settings in a record, which runs are compared as one, the labels in tables, and the reference in docs/. A new
 * setting is one entry here, and the line that reads its value.
 *
 * The table imports nothing, so that help is quick and the page in a browser can use it. Schemas are functions of zod.
 */
import type * as zod from "zod";

export type Zod = typeof zod;

/** A setting. Its key is camelCase in YAML, kebab-case as a flag. */
export interface Setting {
  /** What a value looks like. Null is also allowed where it is the default. */
  readonly schema: (z: Zod) => zod.ZodType;
  /** The value where none is given. Absent: the key must be given, or may be left out where it `isOptional`. */
  readonly default?: unknown;
  readonly isOptional?: true;
  /** One phrase for `--help`, the reference and editors. */
  readonly help: string;
  /** The default in words, where its value does not say enough. */
  readonly usually?: string;
  /** Whether it decides what a search does, or only surrounds it, like output, patience and feed. */
  readonly scope: "decides" | "surrounds";
  /**
   * The value that a record leaves out. It is what searches did before there was the setting, so that older records
   * stay readable and comparable. Absent: every record has the key.
   */
  readonly unrecorded?: unknown;
  /** What a record holds of it, where that is not its value: a file is told by what is in it. Such a key may be absent. */
  readonly recorded?: (z: Zod) => zod.ZodType;
  /** The value that `paper: true` gives it. */
  readonly paper?: unknown;
  readonly flag?: Flag;
  /** Its name in tables, or two words for off and on. Absent: the words of its key. */
  readonly label?: string | readonly [off: string, on: string];
  /** Its value in a record as words of a table, where the label and the value do not do. */
  readonly words?: (recorded: unknown) => string;
  /** A file or folder: `~` is read as a shell reads it. */
  readonly isPath?: true;
  /** What to do where it must be given and is not. */
  readonly missing?: string;
  /** Other names that people write for it. The answer to them is this key. */
  readonly misnamed?: readonly string[];
}

/** How a setting is given on the command line. */
interface Flag {
  /** The flag in camelCase, where it is not the last part of the key. */
  readonly name?: string;
  /** Its help, where the flag is given in another form than in a file. */
  readonly help?: string;
  /** What `--help` writes for the value; absent: the flag is a switch. */
  readonly value?: string;
}

// ----- The settings of a search -----

const evaluatorAddress = /^.+:\d{1,5}$/;

/** Keys of search.yaml. A dot separates a group from its key. */
export const settings = {
  space: {
    schema: (z) => z.string().min(1),
    help: "the space to search (`collm-nas spaces` lists them)",
    scope: "decides",
    flag: { value: "id" },
    missing: "no space given; name one with --space (collm-nas spaces lists them)",
  },
  searcher: {
    schema: (z) => z.string().min(1),
    default: "rules",
    usually: "collm where a model is named, else rules",
    help: "rules, collm, solo, random, evolution, regularized-evolution, local-search, reinforce, surrogate, prior-random, costliest-first or portfolio",
    scope: "decides",
    flag: { value: "name" },
  },
  seed: {
    schema: (z) => z.int().min(0).max(Number.MAX_SAFE_INTEGER),
    default: 0,
    help: "the seed of all randomness",
    scope: "decides",
    flag: { value: "n" },
  },
  budget: {
    schema: (z) => z.int().min(1),
    default: 100,
    help: "the most architectures to evaluate",
    scope: "decides",
    flag: { value: "n" },
  },
  rounds: {
    schema: (z) => z.int().min(1),
    default: null,
    help: "the most rounds",
    usually: "20 for collm, in proportion for budgets above 100; else no limit",
    scope: "decides",
    flag: { value: "n" },
  },
  target: {
    schema: (z) => z.number(),
    default: null,
    help: "stop once the best is this good",
    scope: "decides",
    flag: { value: "value" },
  },
  limits: {
    schema: (z) => z.record(z.string(), z.number()),
    default: {},
    help: "the highest allowed costs, such as flops_m=120",
    scope: "decides",
    flag: { name: "limit", value: "cost=value" },
  },
  overLimit: {
    schema: (z) => z.enum(["skip", "evaluate"]),
    default: "skip",
    paper: "evaluate",
    help: "skip candidates over a limit, or evaluate them",
    scope: "decides",
    flag: { value: "what" },
    label: "over a limit:",
  },
  equivalent: {
    schema: (z) => z.enum(["evaluate", "skip"]),
    default: "evaluate",
    help: "evaluate candidates that compute the same function as an earlier one, or skip them",
    scope: "decides",
    flag: { value: "what" },
    label: "equivalent:",
  },
  task: {
    schema: (z) => z.string().min(1),
    default: null,
    help: "what the architectures are for, in a sentence that the models are shown",
    scope: "decides",
    flag: { value: "sentence" },
  },
  "candidates.min": {
    schema: (z) => z.int().min(1),
    help: "the fewest architectures that a round asks for",
    scope: "decides",
    label: "fewest candidates",
  },
  "candidates.max": {
    schema: (z) => z.int().min(1).max(1000),
    help: "the most architectures that a round asks for and takes",
    scope: "decides",
    label: "most candidates",
  },
  "memory.navigator": {
    schema: (z) => z.boolean(),
    default: true,
    help: "whether the Navigator keeps its conversation from round to round",
    scope: "decides",
    label: "Navigator memory",
  },
  "memory.generator": {
    schema: (z) => z.boolean(),
    default: false,
    usually: "false; true for solo",
    help: "whether the Generator keeps its conversation from round to round",
    scope: "decides",
    label: "Generator memory",
  },
  structured: {
    schema: (z) => z.boolean(),
    default: true,
    paper: false,
    help: "whether the Generator is asked for JSON under a schema, or for free text",
    scope: "decides",
    label: ["free text", "structured"],
  },
  promptExtras: {
    schema: (z) => z.boolean(),
    default: true,
    unrecorded: true,
    paper: false,
    help: "whether the prompts hold more than the paper's, such as what was lost and why, and how much budget is left",
    scope: "decides",
    misnamed: ["hints"],
  },
  wording: {
    schema: (z) => z.enum(["standard", "concise", "coaching"]),
    default: "standard",
    unrecorded: "standard",
    help: "the wording of the prompts; all of them say the same",
    scope: "decides",
  },
  inform: {
    schema: (z) => z.array(z.enum(["coverage", "duplicates", "headroom", "costs"])),
    default: ["coverage", "duplicates", "headroom", "costs"],
    unrecorded: [],
    paper: [],
    help: "what the Navigator gets besides the results: what is unseen, what was repeated, what the limits leave, what costs what; [] for nothing",
    scope: "decides",
    label: "facts",
  },
  costRevision: {
    schema: (z) => z.boolean(),
    default: false,
    unrecorded: false,
    paper: false,
    help: "whether the Generator sees the costs of its draft and may correct it once",
    scope: "decides",
    misnamed: ["secondLook"],
  },
  "caps.tokens": {
    schema: (z) => z.int().min(1),
    isOptional: true,
    help: "the most tokens to use, read and written",
    usually: "no cap",
    scope: "decides",
    label: "token cap",
  },
  "caps.usd": {
    schema: (z) => z.number().positive(),
    isOptional: true,
    help: "the most US dollars to spend on models",
    usually: "no cap",
    scope: "decides",
    label: "money cap",
  },
  "caps.seconds": {
    schema: (z) => z.number().positive(),
    isOptional: true,
    help: "the most seconds of work on the run",
    usually: "no cap",
    scope: "decides",
    label: "time cap",
  },
  prices: {
    schema: (z) =>
      z.record(
        z.string(),
        z.strictObject({
          input: z.number().min(0),
          output: z.number().min(0),
          cachedInput: z.number().min(0).exactOptional(),
        }),
      ),
    default: {},
    help: "what a million tokens cost in US dollars, by model, such as {qwen3: {input: 0.1, output: 0.3}}; cachedInput where the model has such a price",
    usually: "looked up",
    scope: "surrounds",
    flag: {
      name: "price",
      value: "what=usd",
      help: "what a million tokens of the model cost: input=0.1,output=0.3, and cached=…",
    },
  },
  /** Only sets several other settings at once. These decide, and not this one. */
  paper: {
    schema: (z) => z.boolean(),
    default: false,
    help: "the paper's settings as one bundle",
    scope: "surrounds",
  },
  blind: {
    schema: (z) => z.boolean(),
    default: false,
    unrecorded: false,
    help: "search under neutral names in another order: shows what a model knows by heart",
    scope: "decides",
    flag: {},
    label: ["named", "blind"],
  },
  oracle: {
    schema: (z) => z.boolean(),
    default: false,
    unrecorded: false,
    help: "ask the test split for everything that was evaluated, after the end",
    scope: "decides",
  },
  prior: {
    schema: (z) =>
      z.record(
        z.string(),
        z
          .record(z.string(), z.number().min(0))
          .refine((odds) => Object.values(odds).some((share) => share > 0), "gives no choice any odds"),
      ),
    default: null,
    unrecorded: null,
    help: "the odds of each choice by dimension, for searchers that draw from fixed odds, such as {op: {conv: 3, skip: 1}}",
    scope: "decides",
  },
  early: {
    schema: (z) => z.string().min(1),
    default: null,
    unrecorded: null,
    help: "the searcher that a portfolio begins with",
    usually: "prior-random where a prior is given, else random",
    scope: "decides",
  },
  known: {
    schema: (z) => z.string().min(1),
    default: null,
    unrecorded: null,
    recorded: (z) => z.strictObject({ count: z.int().min(1), digest: z.string() }),
    paper: null,
    help: "results to begin with: the folder of a run, or a file of architectures and metrics; they cost no budget",
    usually: "none",
    scope: "decides",
    flag: { value: "path" },
    words: (recorded) => {
      const { count, digest } = (recorded ?? {}) as { count?: number; digest?: string };
      return count === undefined
        ? "no known results"
        : `${count} known ${count === 1 ? "result" : "results"} (digest ${digest?.slice(0, 12)})`;
    },
    isPath: true,
    misnamed: ["warmStart", "startFrom"],
  },
  stallRounds: {
    schema: (z) => z.int().min(1),
    default: 5,
    help: "end after this many rounds in a row without anything new to evaluate",
    scope: "decides",
  },
  giveUpAfter: {
    schema: (z) => z.int().min(1).nullable(),
    default: 20,
    unrecorded: null,
    help: "end after this many evaluations if all of them failed; null: never",
    scope: "decides",
  },
  "model.name": {
    schema: (z) => z.string().min(1),
    help: "the language model that plays both roles: a name that its server knows, gguf:FILE or recorded:RUN",
    scope: "decides",
    flag: { name: "model", value: "name" },
    missing: "no model named; name one with --model",
  },
  "model.baseUrl": {
    schema: (z) => z.url({ protocol: /^https?$/, error: "is no http(s) address" }),
    default: "https://api.openai.com/v1",
    help: "where the model's OpenAI-compatible API is",
    usually: "OpenAI's",
    scope: "surrounds",
    flag: { value: "url" },
  },
  "model.keyVariable": {
    schema: (z) => z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "is no name of an environment variable"),
    default: "OPENAI_API_KEY",
    help: "the environment variable that holds the server's key; read only for a model that is named",
    scope: "surrounds",
  },
  "model.temperature": {
    schema: (z) => z.number().min(0).max(2),
    default: 0.6,
    help: "how much chance is in the replies",
    scope: "decides",
  },
  "model.topP": {
    schema: (z) => z.number().min(0).max(1),
    default: null,
    help: "the share of likely tokens to choose from",
    usually: "the server's own",
    scope: "decides",
    label: "top-p",
  },
  "model.maxTokens": {
    schema: (z) => z.int().min(1),
    default: null,
    help: "the longest reply in tokens, thinking included; a cap on tokens or money needs it",
    usually: "the server's own",
    scope: "decides",
    flag: { value: "n" },
  },
  "model.seed": {
    schema: (z) => z.int().min(0),
    default: null,
    help: "the seed that every request names",
    usually: "another one for every request, made from the run's seed",
    scope: "decides",
    label: "model seed",
  },
  "model.contextTokens": {
    schema: (z) => z.int().min(1),
    default: null,
    help: "the model's window in tokens, prompt and reply together; beyond it, older rounds are shortened",
    usually: "not known, and nothing is shortened",
    scope: "decides",
  },
  "model.onTruncation": {
    schema: (z) => z.enum(["stop", "shorten"]),
    default: "stop",
    help: "stop, or shorten the conversation, when the server cuts prompts",
    scope: "decides",
    flag: { value: "what" },
  },
  "model.outputMode": {
    schema: (z) => z.enum(["json-schema", "json-object", "text"]),
    default: null,
    help: "how the server is made to keep the form of an answer",
    usually: "found out from the server",
    scope: "decides",
    misnamed: ["rung", "ladder"],
  },
  "model.stream": {
    schema: (z) => z.boolean(),
    default: false,
    help: "read replies as they are written, so that a silent one is noticed",
    scope: "surrounds",
  },
  "model.idleSeconds": {
    schema: (z) => z.number().positive(),
    default: 60,
    help: "with stream: give up a reply that is silent for this long",
    scope: "surrounds",
  },
  "model.timeoutSeconds": {
    schema: (z) => z.number().positive(),
    default: 600,
    help: "give up a request that takes this long",
    scope: "surrounds",
  },
  "model.retries": {
    schema: (z) => z.int().min(0),
    default: 6,
    help: "how often a request is made again when the server is busy or away",
    scope: "surrounds",
  },
  "model.headers": {
    schema: (z) => z.record(z.string().regex(/^[A-Za-z0-9-]+$/, "is no header's name"), z.string()),
    default: {},
    help: "further headers of each request; a value $NAME is taken from the environment variable NAME",
    scope: "surrounds",
  },
  "model.extraBody": {
    schema: (z) => z.record(z.string(), z.unknown()),
    default: {},
    help: "further members of each request, such as {chat_template_kwargs: {enable_thinking: false}}",
    scope: "decides",
    label: "extra body",
  },
  "model.gpu": {
    schema: (z) => z.enum(["off", "auto", "cuda", "vulkan", "metal"]),
    default: "off",
    help: "for gguf models: what computes",
    scope: "surrounds",
  },
  "model.threads": {
    schema: (z) => z.int().min(1),
    default: 1,
    help: "for gguf models: how many threads of the processor",
    scope: "surrounds",
  },
  "evaluator.address": {
    schema: (z) => z.string().regex(evaluatorAddress, "is not of the form HOST:PORT"),
    default: null,
    help: "a running evaluator",
    usually: "the Python one is started",
    scope: "surrounds",
    flag: { name: "evaluator", value: "host:port" },
  },
  "evaluator.config": {
    schema: (z) => z.string().min(1),
    default: null,
    help: "the configuration of the evaluator that is started; in a file, relative to that file",
    usually: "the tables that are installed",
    scope: "surrounds",
    flag: {
      name: "evaluatorConfig",
      value: "file",
      help: "the configuration of the evaluator that is started",
    },
    isPath: true,
  },
  "evaluator.program": {
    schema: (z) => z.string().min(1),
    default: null,
    help: "the program that serves the evaluator for this run alone; only that program continues the run",
    usually: "none",
    scope: "surrounds",
  },
  "evaluator.silenceSeconds": {
    schema: (z) => z.number().positive(),
    default: 120,
    help: "give up a call that is silent for this long, and make it again",
    scope: "surrounds",
  },
  "evaluator.patienceSeconds": {
    schema: (z) => z.number().min(0),
    default: 120,
    help: "how long to wait for an evaluator that is away",
    scope: "surrounds",
  },
  out: {
    schema: (z) => z.string().min(1),
    default: null,
    help: "the folder for the run",
    usually: "runs/…",
    scope: "surrounds",
    flag: { value: "dir" },
    isPath: true,
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** Groups of keys, in the words of the reference. */
export const groups = {
  candidates: {
    help: "how many architectures a round asks for",
    default: { min: 10, max: 20 },
    paper: { min: 10, max: 20 },
  },
  memory: { help: "who keeps the conversation from round to round" },
  caps: {
    help: "the most that the run may use: tokens, usd or seconds",
    flag: {
      name: "cap",
      value: "what=value",
      help: "the most that may be used: tokens=…, usd=… or seconds=…",
    },
  },
  model: { help: "the language model and its server; null: none", default: null },
  "model.roles": { help: "what one role has of its own, of the keys of model; another model or server too" },
  "model.roles.navigator": { help: "what the Navigator has of its own" },
  "model.roles.generator": { help: "what the Generator has of its own" },
  evaluator: { help: "the evaluator that serves the space" },
} as const satisfies Readonly<Record<string, Pick<Setting, "help" | "default" | "flag" | "paper">>>;

// ----- The settings of a bench -----

/** A row as a publication prints it. */
export const printedRow = (z: Zod) => {
  const meanAndDeviation = z.strictObject({ mean: z.number(), sd: z.number().nullable().default(null) });
  return z.strictObject({
    label: z.string().min(1),
    source: z.string().min(1),
    search: meanAndDeviation.nullable().default(null),
    test: meanAndDeviation.nullable().default(null),
  });
};

const runKeys = (z: Zod) => z.record(z.string(), z.unknown());

/** Keys of plan.yaml. */
export const planSettings = {
  title: { schema: (z) => z.string().min(1), help: "what the tables are headed with", scope: "surrounds" },
  spaces: {
    schema: (z) =>
      z.union([z.array(z.string().min(1)), z.record(z.string(), runKeys(z))], {
        error: "has to be a list such as [NAME], or ids with keys of their own",
      }),
    help: "the spaces, as a list of ids, or ids with keys of search.yaml for that space alone",
    scope: "decides",
  },
  seeds: {
    schema: (z) =>
      z.union([z.int().min(1), z.array(z.int().min(0))], {
        error: "has to be how many, at least 1, or a list of whole numbers",
      }),
    help: "how many seeds, from 0, or a list of seeds",
    scope: "decides",
    flag: { value: "n", help: "how many seeds, from 0, instead of the plan's" },
  },
  searchers: {
    schema: (z) => z.array(z.string().min(1)),
    help: "the searchers to compare",
    scope: "decides",
  },
  controls: {
    schema: (z) => z.array(z.string().min(1)),
    default: null,
    help: "searchers to measure the others against; they run once a space and seed, without settings and grid",
    usually: "random, costliest-first, prior-random where there is a prior, and surrogate",
    scope: "decides",
  },
  settings: {
    schema: (z) => z.record(z.string(), runKeys(z)),
    default: {},
    help: "named variations, each with keys of search.yaml",
    scope: "decides",
  },
  grid: {
    schema: (z) =>
      z.record(
        z.string(),
        z.array(z.unknown(), "has to be a list of values").min(1, "has to hold a value to try"),
      ),
    default: {},
    help: "keys of search.yaml, such as memory.navigator, with the values to try; all combinations are run",
    scope: "decides",
  },
  run: {
    schema: (z) => runKeys(z),
    default: {},
    help: "keys of search.yaml for every run",
    scope: "decides",
  },
  parallel: {
    schema: (z) => z.int().min(1).max(64),
    default: 4,
    help: "how many runs are in progress at the same time",
    scope: "surrounds",
    flag: { value: "n" },
  },
  optimum: {
    schema: (z) => z.boolean(),
    default: false,
    help: "whether all of each space is measured first, to know its optimum; for tables, where nothing has a limit",
    scope: "surrounds",
  },
  printed: {
    schema: (z) => z.record(z.string(), z.array(printedRow(z))),
    default: {},
    help: "rows that a publication prints, by space; the first one is the mean to reach",
    scope: "surrounds",
  },
  out: {
    schema: (z) => z.string().min(1),
    default: null,
    help: "the folder for the bench",
    usually: "benches/NAME OF THE PLAN",
    scope: "surrounds",
    flag: { value: "dir" },
    isPath: true,
  },
} as const satisfies Readonly<Record<string, Setting>>;

// ----- Flags around a command, on the command line alone -----

/** Flags that no file holds. */
export const commandFlags = {
  json: {
    schema: (z) => z.boolean(),
    help: "print one object on standard output and nothing else",
    scope: "surrounds",
    flag: {},
  },
  feed: {
    schema: (z) => z.string(),
    help: "publish every event at this address, such as tcp://127.0.0.1:5599",
    scope: "surrounds",
    flag: { value: "address" },
  },
  allowRemote: {
    schema: (z) => z.boolean(),
    help: "allow an address that other machines can reach",
    scope: "surrounds",
    flag: {},
  },
  dashboard: {
    schema: (z) => z.boolean(),
    help: "show the run on a page on this machine, and print its address",
    scope: "surrounds",
    flag: {},
  },
  continue: {
    schema: (z) => z.boolean(),
    help: "continue the run in --out if there is one with the same settings, or prolong it by a larger budget; else begin it",
    scope: "surrounds",
    flag: {},
  },
  events: {
    schema: (z) => z.boolean(),
    help: "for a program that drives the run: print lines of JSON on standard output, the result last",
    scope: "surrounds",
    flag: {},
  },
  exitWithStdin: {
    schema: (z) => z.boolean(),
    help: "for a program that drives the run: stop it, as Ctrl-C does, when standard input ends",
    scope: "surrounds",
    flag: {},
  },
  shared: {
    schema: (z) => z.boolean(),
    help: "let the umask decide who may read the files; without it, only you can",
    scope: "surrounds",
    flag: {},
  },
  from: {
    schema: (z) => z.string().min(1),
    help: "estimate from an earlier run, and use its settings where no file is given",
    scope: "surrounds",
    flag: { value: "run" },
    isPath: true,
  },
  tokensPerSecond: {
    schema: (z) => z.number(),
    help: "how fast the model writes, to estimate the time without an earlier run",
    scope: "surrounds",
    flag: { value: "n" },
  },
  split: {
    schema: (z) => z.enum(["search", "test"]),
    default: "search",
    help: "search or test: the values to use",
    scope: "decides",
    flag: { value: "name" },
  },
  by: {
    schema: (z) => z.string(),
    help: "the only cost to rank by",
    usually: "each that the space has",
    scope: "decides",
    flag: { value: "cost" },
  },
  trials: {
    schema: (z) => z.int().min(1),
    default: 40,
    help: "how many trials; a later, larger number adds to them",
    scope: "decides",
    flag: { value: "n" },
  },
  cells: {
    schema: (z) => z.int().min(2),
    default: 10,
    help: "how many architectures a trial has, one from each bin of equal count",
    scope: "decides",
    flag: { value: "n" },
  },
  draws: {
    schema: (z) => z.enum(["fresh", "fixed"]),
    default: "fresh",
    help: "fresh for every trial, or fixed: one set for all",
    scope: "decides",
    flag: { value: "how" },
  },
  evaluations: {
    schema: (z) => z.int().min(1).max(1_000),
    default: 3,
    help: "how many different architectures of a space are evaluated, some of them several times",
    scope: "surrounds",
    flag: { value: "n" },
  },
  record: {
    schema: (z) => z.string().min(1),
    help: "the record, one line a trial; continues where it ends",
    usually: "rankings/…",
    scope: "surrounds",
    flag: { name: "out", value: "file" },
    isPath: true,
  },
  page: {
    schema: (z) => z.string().min(1),
    help: "the page, in one file",
    usually: "report.html, where no other form is asked for",
    scope: "surrounds",
    flag: { name: "out", value: "file" },
    isPath: true,
  },
  markdown: {
    schema: (z) => z.string().min(1),
    help: "the tables as markdown",
    scope: "surrounds",
    flag: { value: "file" },
    isPath: true,
  },
  csv: {
    schema: (z) => z.string().min(1),
    help: "the data of every table and figure, a CSV file each",
    scope: "surrounds",
    flag: { value: "dir" },
    isPath: true,
  },
  port: {
    schema: (z) => z.int().min(0),
    help: "the first port to try",
    usually: "8477",
    scope: "surrounds",
    flag: { value: "n" },
  },
  host: {
    schema: (z) => z.string(),
    help: "the address to bind",
    usually: "127.0.0.1",
    scope: "surrounds",
    flag: { value: "address" },
  },
  readOnly: {
    schema: (z) => z.boolean(),
    help: "allow nobody to steer runs from the page",
    scope: "surrounds",
    flag: {},
  },
  tables: {
    schema: (z) => z.boolean(),
    help: "install the table of analog-nasbench, which is searched without a configuration; also where no part is named",
    scope: "surrounds",
    flag: {},
  },
  supernets: {
    schema: (z) => z.boolean(),
    help: "install PyTorch, for supernets: 5 GB",
    scope: "surrounds",
    flag: {},
  },
  round: {
    schema: (z) => z.int().min(1),
    help: "one round in full: strategy, candidates, what each reply cost",
    scope: "surrounds",
    flag: { value: "n" },
  },
  reasoning: {
    schema: (z) => z.boolean(),
    help: "with --round: what the models thought, whole",
    scope: "surrounds",
    flag: {},
  },
  lines: {
    schema: (z) => z.boolean(),
    help: "for a program: the run, its strategies and its candidates as lines of JSON",
    scope: "surrounds",
    flag: {},
  },
} as const satisfies Readonly<Record<string, Setting>>;

// ----- Schemas -----

export type Settings = typeof settings;
export type SettingKey = keyof Settings;

type Bare<S extends Setting> = ReturnType<S["schema"]>;
type WithDefault<S extends Setting> = S extends { readonly default: null }
  ? zod.ZodDefault<zod.ZodNullable<Bare<S>>>
  : S extends { readonly default: unknown }
    ? zod.ZodDefault<Bare<S>>
    : S extends { readonly isOptional: true }
      ? zod.ZodExactOptional<Bare<S>>
      : Bare<S>;

/** Maps the last parts of the keys in a group to the whole keys; "" is the group of the keys without one. */
type NamesIn<T, G extends string> = {
  [K in keyof T as K extends string
    ? G extends ""
      ? K extends `${string}.${string}`
        ? never
        : K
      : K extends `${G}.${infer Name}`
        ? Name
        : never
    : never]: T[K];
};

/** What an editor shows for a setting. */
function describeSetting({ help, usually }: Pick<Setting, "help" | "usually">): string {
  return usually === undefined ? help : `${help} (default: ${usually})`;
}

/** The schemas of a group of keys, by their names in it, each with its default. */
export type ShapeOf<T, G extends string = ""> = {
  [K in keyof NamesIn<T, G>]: NamesIn<T, G>[K] extends Setting ? WithDefault<NamesIn<T, G>[K]> : never;
};

/** Changes a schema before it gets its default. */
export type Refine = (schema: zod.ZodType, setting: Setting, key: string) => zod.ZodType;

/** @param group the first part of the keys; "" for keys that are in no group */
export function shapeOf<T extends Readonly<Record<string, Setting>>, G extends string>(
  z: Zod,
  table: T,
  group: G,
  refine: Refine = (schema) => schema,
): ShapeOf<T, G> {
  const shape: Record<string, zod.ZodType> = {};
  for (const [key, setting] of Object.entries(table)) {
    const name = nameIn(group, key);
    if (name === null) continue;
    const schema = refine(setting.schema(z), setting, key);
    const withDefault =
      setting.default === null
        ? schema.nullable().default(null)
        : setting.default !== undefined
          ? schema.default(setting.default)
          : setting.isOptional === true
            ? schema.exactOptional()
            : schema;
    shape[name] = withDefault.describe(describeSetting(setting));
  }
  return shape as unknown as ShapeOf<T, G>;
}

/** The name of a key in a group; null: it is not in the group. */
export function nameIn(group: string, key: string): string | null {
  const prefix = group === "" ? "" : `${group}.`;
  const name = key.startsWith(prefix) ? key.slice(prefix.length) : "";
  return name === "" || name.includes(".") ? null : name;
}

// ----- Records -----

type Recorded<S extends Setting> = S extends {
  readonly recorded: (z: Zod) => infer R extends zod.ZodType;
}
  ? zod.ZodExactOptional<R>
  : S extends { readonly unrecorded: null }
    ? zod.ZodExactOptional<Bare<S> extends zod.ZodNullable<infer Inner> ? Inner : Bare<S>>
    : S extends { readonly unrecorded: unknown }
      ? zod.ZodExactOptional<Bare<S>>
      : S extends { readonly default: null }
        ? zod.ZodNullable<Bare<S>>
        : S extends { readonly isOptional: true }
          ? zod.ZodExactOptional<Bare<S>>
          : Bare<S>;

/** The keys that a record of a search holds, as schemas: the settings that decide. */
export type RecordShape<G extends string = ""> = {
  [K in keyof NamesIn<Settings, G> as NamesIn<Settings, G>[K] extends { readonly scope: "decides" }
    ? K extends "space"
      ? never
      : K
    : never]: NamesIn<Settings, G>[K] extends Setting ? Recorded<NamesIn<Settings, G>[K]> : never;
};

/** The schemas of the keys that a record holds of a group, without `space`: the record has the space itself. */
export function recordShape<G extends string>(z: Zod, group: G): RecordShape<G> {
  const shape: Record<string, zod.ZodType> = {};
  for (const [key, setting] of Object.entries<Setting>(settings)) {
    const name = nameIn(group, key);
    if (name === null || setting.scope !== "decides" || key === "space") continue;
    const schema = setting.schema(z);
    if (setting.recorded !== undefined) shape[name] = setting.recorded(z).exactOptional();
    else if (setting.unrecorded === null && schema instanceof z.ZodNullable)
      shape[name] = (schema.unwrap() as zod.ZodType).exactOptional();
    else if (setting.unrecorded !== undefined || setting.isOptional === true)
      shape[name] = schema.exactOptional();
    else shape[name] = setting.default === null ? schema.nullable() : schema;
  }
  return shape as unknown as RecordShape<G>;
}
