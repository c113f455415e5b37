/**
 * The record of a ranking experiment: one line on its set-up, then one line for each trial.
 *
 * It defines the lines, and says when two set-ups are the same experiment. Scores are not kept; score.ts computes them
 * from the lines. Files are not known here.
 */
import * as z from "zod";
import { JournalDamaged, UsageError } from "../errors.ts";
import { chatReplySchema } from "../search/events.ts";

const formatVersion = 1;
const stamp = { v: z.literal(formatVersion), seq: z.int().min(1), at: z.iso.datetime() };
const setting = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const headerSchema = z.strictObject({
  ...stamp,
  type: z.literal("ranking-started"),
  /** All that a trial and its ranking depend on. The number of trials is not among it: it can be raised. */
  config: z.record(z.string(), setting),
  /** Where the model and the evaluator were. Not read here, and not part of the experiment. */
  setup: z.record(z.string(), z.unknown()),
  versions: z.record(z.string(), z.string()),
});
export type RankingHeader = z.infer<typeof headerSchema>;

const replySchema = z.strictObject({
  reply: chatReplySchema,
  /** Why it could not be read; null: it was. */
  rejected: z.array(z.string()).nullable(),
});
export type RankingReply = z.infer<typeof replySchema>;

const trialSchema = z.strictObject({
  ...stamp,
  type: z.literal("trial-ranked"),
  trial: z.int().min(1),
  /** In the order in which they were shown. */
  architectures: z.array(
    z.strictObject({ text: z.string(), value: z.number(), costs: z.record(z.string(), z.number()) }),
  ),
  replies: z.array(replySchema),
  /** The model's ranking: places in `architectures`, from 1, the best first. Null: unreadable, or no model. */
  ranking: z.array(z.int().min(1)).nullable(),
});
/** One finished trial. */
export type Trial = z.infer<typeof trialSchema>;

/** What a line holds, before it gets its number and time. */
export type SetUp = Omit<RankingHeader, keyof typeof stamp | "type">;
export type Ranked = Omit<Trial, keyof typeof stamp | "type">;

/** The first line. */
export function headerLine(setUp: SetUp, at: string): RankingHeader {
  return { v: formatVersion, seq: 1, at, type: "ranking-started", ...setUp };
}

/** The line of a trial. */
export function trialLine(ranked: Ranked, at: string): Trial {
  return { v: formatVersion, seq: ranked.trial + 1, at, type: "trial-ranked", ...ranked };
}

/** Whether a value can be the first line of such a record, of any version. */
export function isRankingHeader(value: unknown): boolean {
  return typeof value === "object" && value !== null && "type" in value && value.type === "ranking-started";
}

/**
 * The finished trials of a record.
 *
 * @param lines parsed; the first one is a header
 * @param path named in errors
 * @throws UsageError naming the first setting that differs from `config`, JournalDamaged for a line that cannot be
 */
export function readTrials(
  lines: readonly unknown[],
  config: RankingHeader["config"],
  path: string,
): readonly Trial[] {
  const parse = <T>(schema: z.ZodType<T>, line: number): T => {
    const parsed = schema.safeParse(lines[line - 1]);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new JournalDamaged(
      `${path}, line ${line}: ${issue?.path.join(".") || "line"}: ${issue?.message}; restore the file from a copy, or name another --out`,
    );
  };
  const stored = parse(headerSchema, 1).config;
  for (const key of new Set([...Object.keys(config), ...Object.keys(stored)])) {
    if (config[key] === stored[key]) continue;
    throw new UsageError(
      `${path} holds a ranking with another ${key}: ${shown(stored[key])} there, ${shown(config[key])} here; name another --out, or give the same again`,
    );
  }
  return lines.slice(1).map((_, index) => {
    const trial = parse(trialSchema, index + 2);
    if (trial.trial === index + 1 && isWhole(trial)) return trial;
    throw new JournalDamaged(
      `${path}, line ${index + 2}: trial ${trial.trial} cannot be at this place; restore the file from a copy, or name another --out`,
    );
  });
}

// --- internal ---

/** A ranking names every architecture once. */
function isWhole({ ranking, architectures }: Trial): boolean {
  if (ranking === null) return true;
  const places = new Set(ranking);
  return (
    ranking.length === architectures.length &&
    places.size === ranking.length &&
    architectures.every((_, at) => places.has(at + 1))
  );
}

function shown(value: z.infer<typeof setting> | undefined): string {
  return value === null || value === undefined ? "none" : JSON.stringify(value);
}
