/**
 * The facts of a run: every event there is, and the format they are stored in.
 *
 * Defines the shapes and the format version, and reads events strictly. Effects and decisions are stored; sums and best
 * values never are: fold.ts works them out. Files are not known here.
 */
import * as z from "zod";
import { recordShape, settings } from "../settings.ts";
import { rejectionSchema } from "./architecture.ts";
import { spaceDescriptionSchema } from "./space-description.ts";

/** The version written into every line. A reader of a newer program still reads every older version. */
export const formatVersion = 1;

// ----- Parts -----

const numbers = z.record(z.string(), z.number());
/** By metric and in its unit; a metric whose noise is not known is absent. */
const standardErrorsSchema = z.record(z.string(), z.number().min(0));
export type StandardErrors = z.infer<typeof standardErrorsSchema>;

/** The name of a role; each role has its own transcript. */
export const roleSchema = z.enum(["navigator", "generator"]);
export type Role = z.infer<typeof roleSchema>;

/** The wordings of the prompts. All say the same. */
export const wordingSchema = settings.wording.schema(z);
export type Wording = z.infer<typeof wordingSchema>;

/** What the prompts may hold beyond the results; each can be left out by itself. */
export const informSchema = settings.inform.schema(z).element;
export type Inform = z.infer<typeof informSchema>;

/** The most that a run may use; absent: no cap. Seconds count only the time in which the run is worked on. */
export const capsSchema = z.strictObject(recordShape(z, "caps"));
export type Caps = z.infer<typeof capsSchema>;
const capSchema = capsSchema.keyof();
export type Cap = z.infer<typeof capSchema>;

/** What a role's model can read and write, in tokens; null: not known. */
const boundSchema = z.strictObject({
  /** The longest reply. */
  maxTokens: z.int().min(1).nullable(),
  /** The model's window: prompt and reply together. */
  contextTokens: z.int().min(1).nullable(),
});
const boundsSchema = z.strictObject({ navigator: boundSchema, generator: boundSchema });
export type Bounds = z.infer<typeof boundsSchema>;

/** What happens when a server cuts a prompt: the run stops, or continues with older rounds shortened. */
const truncationSchema = settings["model.onTruncation"].schema(z);

/** By role; absent: its prompts are not watched. */
const truncationsSchema = z.strictObject({
  navigator: truncationSchema.exactOptional(),
  generator: truncationSchema.exactOptional(),
});
export type Truncations = z.infer<typeof truncationsSchema>;

/** What a million tokens of a model cost. */
const priceSchema = z.strictObject({
  inputUsd: z.number().min(0),
  /** For prompt tokens that the server had read before; null: the same as the others. */
  cachedInputUsd: z.number().min(0).nullable(),
  outputUsd: z.number().min(0),
  /** The source of the price, with its date. */
  source: z.string(),
});
export type Price = z.infer<typeof priceSchema>;
/** By role; null: not known. */
const pricesSchema = z.strictObject({
  navigator: priceSchema.nullable(),
  generator: priceSchema.nullable(),
});
export type Prices = z.infer<typeof pricesSchema>;

/**
 * Everything that the decisions of a search depend on: the settings that decide, and what the models and the evaluator
 * add. settings.ts says what a key means, and what an absent key means.
 */
export const searchConfigSchema = z.strictObject({
  ...recordShape(z, ""),
  candidates: z.strictObject(recordShape(z, "candidates")),
  memory: z.strictObject(recordShape(z, "memory")),
  caps: capsSchema.exactOptional(),
  /** How long to wait for an evaluator that is away, in seconds. */
  patienceSeconds: settings["evaluator.patienceSeconds"].schema(z),
  /** Present where a cap or a window is given. */
  bounds: boundsSchema.exactOptional(),
  /** Present where a server is asked; absent in older records, where prompts are not watched. */
  onTruncation: truncationsSchema.exactOptional(),
  /**
   * Present where equivalent candidates are skipped; absent in older records, whose searchers did not draw again for
   * them.
   */
  redrawsEquivalent: z.literal(true).exactOptional(),
});
export type SearchConfig = z.infer<typeof searchConfigSchema>;

const measuredCostSchema = z.strictObject({
  text: z.string(),
  costs: numbers,
  /** Architectures with the same key compute the same function; empty: unknown. */
  equivalenceKey: z.string(),
});
export type MeasuredCost = z.infer<typeof measuredCostSchema>;

/** The result of an evaluation: numbers, or a failure and no numbers. */
export const outcomeSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("measurement"),
    metrics: numbers,
    seconds: z.number(),
    standardErrors: standardErrorsSchema.exactOptional(),
    /** Present where the evaluator had the numbers in its store, and evaluated nothing. */
    stored: z.literal(true).exactOptional(),
  }),
  z.strictObject({
    kind: z.literal("failure"),
    failure: z.enum(["out-of-memory", "not-finite", "out-of-range", "crashed"]),
    message: z.string(),
  }),
]);
export type Outcome = z.infer<typeof outcomeSchema>;

/** What the Coordinator decided about one raw candidate. Each candidate has exactly one verdict. */
export const verdictSchema = z.discriminatedUnion("kind", [
  /** Not readable as an architecture. */
  z.strictObject({ kind: z.literal("unreadable"), rejections: z.array(rejectionSchema) }),
  /** Readable, but not in the space. */
  z.strictObject({ kind: z.literal("illegal"), rejections: z.array(rejectionSchema) }),
  /** Legal, but proposed before in this run, or known from its start. */
  z.strictObject({ kind: z.literal("repeated"), text: z.string() }),
  /** Over a limit and therefore not evaluated. */
  z.strictObject({ kind: z.literal("over-limit"), measured: measuredCostSchema }),
  /** Computes the same function as `twin`, whose result it shares without being evaluated. */
  z.strictObject({ kind: z.literal("equivalent"), measured: measuredCostSchema, twin: z.string() }),
  /** Legal and new, but the round or the run had no evaluation left for it. */
  z.strictObject({ kind: z.literal("beyond-budget"), measured: measuredCostSchema }),
  /** To be evaluated. `twin` names an earlier architecture with the same function, or is null. */
  z.strictObject({
    kind: z.literal("accepted"),
    measured: measuredCostSchema,
    overLimit: z.boolean(),
    twin: z.string().nullable(),
  }),
]);
export type Verdict = z.infer<typeof verdictSchema>;

const messageSchema = z.strictObject({
  role: z.enum(["system", "user", "assistant"]),
  content: z.string(),
});
export type Message = z.infer<typeof messageSchema>;

/** How a server is made to keep the form of an answer, from the strictest way to none. */
const outputModeSchema = settings["model.outputMode"].schema(z);
export type OutputMode = z.infer<typeof outputModeSchema>;

/** One small call that found out whether a server honours an output mode. */
const probeSchema = z.strictObject({
  outputMode: outputModeSchema,
  /** `refused` costs nothing; `unclear`: there was an answer, but it does not show whether the mode works. */
  finding: z.enum(["honoured", "ignored", "refused", "unclear"]),
  /** What the server said, or how it was understood. */
  words: z.string(),
  inputTokens: z.int().nullable(),
  outputTokens: z.int().nullable(),
  seconds: z.number(),
});
export type Probe = z.infer<typeof probeSchema>;

/** Why there is no answer in a reply. */
const unansweredSchema = z.strictObject({
  /** The model refused; its server withheld the answer; the whole reply is among the thoughts. */
  why: z.enum(["refused", "withheld", "in-thoughts"]),
  /** The same in words. */
  words: z.string(),
  /** What a person can do about it. */
  next: z.string(),
});
export type Unanswered = z.infer<typeof unansweredSchema>;

/** A whole reply of a model. Token counts are null where the server did not say. */
export const chatReplySchema = z.strictObject({
  model: z.string(),
  content: z.string(),
  reasoning: z.string().nullable(),
  finishReason: z.string().nullable(),
  inputTokens: z.int().nullable(),
  outputTokens: z.int().nullable(),
  /** The whole time to get this reply, with waits and failed attempts. */
  seconds: z.number(),
  /** What went wrong in the attempts before this reply, a phrase each. */
  failures: z.array(z.string()),
  /** How many of those the server may have charged for; absent: none. */
  billedFailures: z.int().min(1).exactOptional(),
  /** The part of the input that the server had read before, and the part of the output spent on thinking. */
  cachedTokens: z.int().min(0).exactOptional(),
  reasoningTokens: z.int().min(0).exactOptional(),
  /** True: the reply has more tokens than the role's longest reply; its server does not keep that limit. */
  exceedsMaxTokens: z.literal(true).exactOptional(),
  /** The member of the server's message that the answer was read from; absent: its content. */
  answerIn: z.string().exactOptional(),
  /** Present where the reply has no answer; its content is not read then. */
  unanswered: unansweredSchema.exactOptional(),
  /** How the form of the answer was asked for; absent: no form was asked for, or there is only one way. */
  outputMode: outputModeSchema.exactOptional(),
  /** Calls made before this one to find out how to ask. */
  probes: z.array(probeSchema).exactOptional(),
  /** What else a person should know about this reply, a sentence each. */
  notes: z.array(z.string()).exactOptional(),
});
export type ChatReply = z.infer<typeof chatReplySchema>;

export const stopReasonSchema = z.enum([
  "budget",
  "target",
  "rounds",
  "stalled",
  "nothing-within-limit",
  "nothing-succeeded",
  "token-cap",
  "money-cap",
  "time-cap",
]);
export type StopReason = z.infer<typeof stopReasonSchema>;

// ----- Events -----

const round = z.int().min(1);
const reservedSchema = z.strictObject({ inputTokens: z.int().min(0), outputTokens: z.int().min(0) });
const modelsSchema = z.strictObject({ navigator: z.string(), generator: z.string() });

const bodySchemas = [
  z.strictObject({
    type: z.literal("run-started"),
    run: z.string(),
    search: searchConfigSchema,
    /** The words to show for the searcher; absent: its name. */
    label: z.string().exactOptional(),
    /** The set-up: servers, models, sampling; without secrets. config.ts reads it, and not this module. */
    setup: z.record(z.string(), z.unknown()),
    /** The model that plays each role, in the words to show. */
    models: modelsSchema.nullable(),
    space: spaceDescriptionSchema,
    /** The space with its own names, where the search does not see them. */
    original: spaceDescriptionSchema.exactOptional(),
    /** What the models charged when the run began; absent: nothing is known. */
    prices: pricesSchema.exactOptional(),
    versions: z.record(z.string(), z.string()),
  }),
  z.strictObject({
    type: z.literal("run-resumed"),
    /** New values that hold from here on; null: as before. */
    budget: z.int().min(1).nullable(),
    rounds: z.int().min(1).nullable(),
    setup: z.record(z.string(), z.unknown()).nullable(),
    models: modelsSchema.nullable(),
    /** Present where they change from here on. */
    caps: capsSchema.exactOptional(),
    bounds: boundsSchema.exactOptional(),
    onTruncation: truncationsSchema.exactOptional(),
    prices: pricesSchema.exactOptional(),
    versions: z.record(z.string(), z.string()),
    /** What was repaired in the record before the run continued. */
    repairs: z.array(z.string()),
  }),
  /**
   * Results that were known before the search began, in order; directly after `run-started`, some hundred an event.
   * `search.known` there has the number of all. They are no evaluations of this run.
   */
  z.strictObject({
    type: z.literal("results-known"),
    /** Where they come from, in words. */
    source: z.string(),
    results: z.array(
      z.strictObject({
        measured: measuredCostSchema,
        metrics: numbers,
        standardErrors: standardErrorsSchema.exactOptional(),
      }),
    ),
  }),
  /** Costs that a searcher asked for before proposing. */
  z.strictObject({ type: z.literal("costs-measured"), round, measured: z.array(measuredCostSchema) }),
  z.strictObject({
    type: z.literal("chat-replied"),
    role: roleSchema,
    round,
    /** 1, or 2 when the first reply could not be read. */
    attempt: z.int().min(1),
    /** The messages that this request added to the role's conversation. */
    added: z.array(messageSchema),
    /** How many earlier messages of the conversation were sent before them. */
    carried: z.int().min(0),
    /** True: the conversation no longer fitted the model's window. A new one begins, with older rounds in short. */
    condensed: z.literal(true).exactOptional(),
    /** The digest of all that was asked: messages, schema, seed. */
    request: z.string(),
    /** The most that one attempt could use, in tokens; present where a cap is given. */
    reserved: reservedSchema.exactOptional(),
    reply: chatReplySchema,
    /** The server cut this prompt: the conversation had grown, and at most this many tokens of it were read. */
    truncated: z.strictObject({ promptTokens: z.int().min(1) }).exactOptional(),
  }),
  /** A call that brought no reply, with what happened in each attempt. No decision depends on it. */
  z.strictObject({
    type: z.literal("chat-failed"),
    role: roleSchema,
    round,
    attempt: z.int().min(1),
    failures: z.array(z.string()),
    /** How many of those the server may have charged for. */
    billed: z.int().min(0),
    reserved: reservedSchema.exactOptional(),
    seconds: z.number(),
  }),
  /** A reply that could not be read, and why. */
  z.strictObject({
    type: z.literal("reply-rejected"),
    role: roleSchema,
    round,
    attempt: z.int().min(1),
    reasons: z.array(z.string()),
  }),
  /** A reply that could be read after its form was repaired. Its meaning is unchanged. */
  z.strictObject({
    type: z.literal("reply-repaired"),
    role: roleSchema,
    round,
    attempt: z.int().min(1),
    /** How often, by kind of repair. */
    repairs: z.record(z.string(), z.int().min(1)),
  }),
  /** A cap is reached, or the next call would exceed it: what the run may use, has used, and needs at worst. */
  z.strictObject({
    type: z.literal("cap-reached"),
    round,
    cap: capSchema,
    allowed: z.number(),
    spent: z.number(),
    /** 0 where nothing more was asked for. */
    needed: z.number(),
  }),
  /**
   * A person's hint to the Navigator, and the round whose strategy request holds it. It is in the record where it was
   * given, and nothing before that round depends on it.
   */
  z.strictObject({ type: z.literal("hint-given"), round, text: z.string() }),
  /** A person paused the run after this round (counted from 0), or let it continue. No decision depends on it. */
  z.strictObject({ type: z.literal("run-paused"), round: z.int().min(0) }),
  z.strictObject({ type: z.literal("run-continued"), round: z.int().min(0) }),
  z.strictObject({ type: z.literal("strategy-set"), round, text: z.string() }),
  /** Every raw candidate of a round with its verdict, in the order proposed. */
  z.strictObject({
    type: z.literal("round-proposed"),
    round,
    candidates: z.array(z.strictObject({ raw: z.unknown(), verdict: verdictSchema })),
  }),
  /** `candidate` is the place in the round's list. */
  z.strictObject({
    type: z.literal("architecture-measured"),
    round,
    candidate: z.int().min(0),
    text: z.string(),
    outcome: outcomeSchema,
  }),
  /** `chain` is the digest of every line before this one: a replay finds a changed byte. */
  z.strictObject({ type: z.literal("round-closed"), round, chain: z.string() }),
  z.strictObject({ type: z.literal("run-ended"), reason: stopReasonSchema, chain: z.string() }),
  /** `chain` is the digest of the chain digest before this line, the text and the outcome. */
  z.strictObject({
    type: z.literal("winner-tested"),
    text: z.string(),
    outcome: outcomeSchema,
    /** Present where the test split uses images that the search has seen; else absent. */
    sameImagesAsSearch: z.literal(true).exactOptional(),
    chain: z.string(),
  }),
  /**
   * The results on the test split of everything evaluated, asked for after the end. No decision depends on them.
   * `chain` is the digest of the chain digest before this line and the results.
   */
  z.strictObject({
    type: z.literal("oracle-tested"),
    results: z.array(z.strictObject({ text: z.string(), outcome: outcomeSchema })),
    chain: z.string(),
  }),
] as const;

/** What happened, before the journal adds number and time. */
export const eventBodySchema = z.discriminatedUnion("type", bodySchemas);
export type EventBody = z.infer<typeof eventBodySchema>;

const stampSchema = z.object({ v: z.literal(formatVersion), seq: z.int().min(1), at: z.iso.datetime() });
type Stamp = z.infer<typeof stampSchema>;

/** An event as it is in a journal: numbered from 1 without gaps. */
export type RunEvent = Stamp & EventBody;

/**
 * Reads one event of any released format version.
 *
 * @returns the event, or a sentence that says what is wrong with it.
 */
export function readEvent(value: unknown): { ok: true; event: RunEvent } | { ok: false; reason: string } {
  if (typeof value !== "object" || value === null) return { ok: false, reason: "not an object" };
  const { v, seq, at, ...body } = value as Record<string, unknown>;
  const stamp = stampSchema.safeParse({ v, seq, at });
  if (!stamp.success) {
    const newer =
      typeof v === "number" && v > formatVersion
        ? `format version ${v} is newer than this program's ${formatVersion}; `
        : "";
    return { ok: false, reason: `${newer}${firstIssue(stamp.error)}` };
  }
  const parsed = eventBodySchema.safeParse(body);
  if (!parsed.success) return { ok: false, reason: firstIssue(parsed.error) };
  return { ok: true, event: { ...stamp.data, ...parsed.data } };
}

/** An event without its stamp. */
export function bodyOf(event: RunEvent): EventBody {
  const { v: _v, seq: _seq, at: _at, ...body } = event;
  return body;
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "unreadable" : `${issue.path.join(".") || "event"}: ${issue.message}`;
}
