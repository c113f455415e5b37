/**
 * A language model as a ranker: sees the structure of a few architectures and says which will score better.
 *
 * It writes the prompt and its JSON Schema, and reads the replies strictly: each architecture once, or there is no
 * ranking. It shows no score, no cost and no name that is not in the space's description.
 */
import { askAgain } from "../search/roles.ts";
import { digestOf } from "../search/digest.ts";
import type { ChatReply, Message } from "../search/events.ts";
import type { ChatModel, Prompt, Reading } from "../search/ports.ts";
import type { Space } from "../search/space.ts";
import { readReply } from "../search/unanswered.ts";
import { quotedValue } from "../text/json.ts";
import { describeSpace, writeArchitecture } from "../searchers/prompts.ts";
import { findJson } from "../searchers/reply.ts";
import type { RankingReply, Trial } from "./record.ts";

/** The most wrong entries that a message names. */
const mostNamed = 5;

/** What the prompt depends on besides the space. */
export interface RankingProblem {
  /** One sentence on what the architectures are for; null: the prompt does not say it. */
  readonly task: string | null;
  /** Whether the reply is asked for under a JSON Schema, or as free text. */
  readonly structured: boolean;
}

/** The prompt for the architectures of one trial, given as canonical texts. */
export function rankingPrompt(space: Space, texts: readonly string[], problem: RankingProblem): Prompt {
  const list = texts.map((text, at) => `${at + 1}. ${writeArchitecture(space, space.fromText(text))}`);
  const hasUnused = space.description.dimensions.some(({ activeCount }) => activeCount !== "");
  return {
    system: systemPrompt(space, problem),
    user: [
      `Here are ${texts.length} architectures${hasUnused ? "; null marks a slot that is not in use" : ""}:`,
      list.join("\n"),
      `Rank all ${texts.length} from the best to the worst by ${expectation(space)}.`,
    ].join("\n\n"),
    schema: problem.structured ? rankingSchema(texts.length) : null,
  };
}

/** The numbers of `count` architectures from the best to the worst, or every reason why the reply is not a ranking. */
export function readRanking(count: number): (reply: ChatReply) => Reading<number[]> {
  return ({ content, finishReason }) => {
    const list = lastList(findJson(content));
    const expected = `expected JSON like {"ranking": [best, ..., worst]} with each number from 1 to ${count} once`;
    const cut = finishReason === "length" ? "; it was cut off by the length limit" : "";
    if (list === null) {
      const what = content.trim() === "" ? "the reply is empty" : "no list of numbers was found in the reply";
      return { ok: false, reasons: [`${what}${cut}; ${expected}`] };
    }
    const numbers = list.filter((entry) => isNumberUpTo(count, entry));
    const strange = list.filter((entry) => !isNumberUpTo(count, entry));
    const twice = [...new Set(numbers.filter((entry, at) => numbers.indexOf(entry) < at))];
    const missing = Array.from({ length: count }, (_, at) => at + 1).filter(
      (each) => !numbers.includes(each),
    );
    const wrong = [
      [strange.map(quotedValue), `not the number of an architecture (1 to ${count})`],
      [twice.map(quotedValue), "given more than once"],
      [missing.map(quotedValue), "missing"],
    ] as const;
    const reasons = wrong.flatMap(([entries, what]) =>
      entries.length === 0 ? [] : [`${some(entries)}: ${what}`],
    );
    return reasons.length === 0
      ? { ok: true, value: numbers }
      : { ok: false, reasons: [...reasons, `${expected}${cut}`] };
  };
}

/**
 * Lets a model rank one trial. Asks once more, with the reasons, where the reply could not be read.
 *
 * @returns the ranking, null where neither reply could be read, and the replies
 * @throws ChatUnavailable when there is no reply, Interrupted when the signal was raised
 */
export async function askForRanking(
  model: ChatModel,
  { system, user, schema }: Prompt,
  { count, seed, trial }: { readonly count: number; readonly seed: number; readonly trial: number },
  signal: AbortSignal,
): Promise<Pick<Trial, "ranking" | "replies">> {
  const replies: RankingReply[] = [];
  const messages: Message[] = [
    { role: "system", content: system },
    { role: "user", content: user },
  ];
  for (const attempt of [1, 2]) {
    const request = {
      role: "navigator",
      round: trial,
      attempt,
      messages: [...messages],
      schema,
      seed: Number.parseInt(digestOf([seed, "ranking", trial, attempt]).slice(0, 7), 16),
    } as const;
    const reply = await model.reply(request, signal);
    const reading = readReply(reply, readRanking(count));
    if (reading.ok) return { ranking: reading.value, replies: [...replies, { reply, rejected: null }] };
    replies.push({ reply, rejected: [...reading.reasons] });
    messages.push({ role: "assistant", content: reply.content });
    messages.push({ role: "user", content: askAgain(reading.reasons) });
  }
  return { ranking: null, replies };
}

// --- internal ---

function systemPrompt(space: Space, { task, structured }: RankingProblem): string {
  const form = '{"ranking": [best, ..., worst]}';
  return [
    "You judge neural architectures by their structure alone: before any of them is trained, you say which will come out better.",
    ...(task === null ? [] : [task]),
    describeSpace(space),
    [
      "# What to write",
      structured
        ? `Answer with one JSON object and nothing else, of this form:\n\n${form}`
        : `You may think aloud first. Then give the ranking in one fenced block of JSON, of this form:\n\n\`\`\`json\n${form}\n\`\`\``,
      "The list holds the numbers that the architectures have in the request, the number of the best one first. Every number is in it exactly once.",
    ].join("\n\n"),
  ].join("\n\n");
}

/** What the architectures are ranked by. */
function expectation({ description }: Space): string {
  const [metric] = description.metrics;
  if (metric === undefined) return "what is to be expected of them";
  const meaning = metric.meaning === "" ? "" : ` (${metric.meaning.replace(/\.$/, "")})`;
  return `the \`${metric.name}\`${meaning} that is to be expected of them; ${metric.higherIsBetter ? "higher" : "lower"} is better`;
}

function rankingSchema(count: number): Record<string, unknown> {
  const items = { type: "integer", enum: Array.from({ length: count }, (_, at) => at + 1) };
  return {
    type: "object",
    properties: { ranking: { type: "array", items, minItems: count, maxItems: count } },
    required: ["ranking"],
    additionalProperties: false,
  };
}

/** The answer of a model counts; without one, its last list of numbers. Null: there is none. */
function lastList(values: readonly unknown[]): readonly unknown[] | null {
  const lists = values.map((value) =>
    typeof value === "object" && value !== null && "ranking" in value ? value.ranking : null,
  );
  const answer = lists.findLast(Array.isArray) as unknown[] | undefined;
  const isNumbers = (value: unknown): value is unknown[] =>
    Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === "number");
  return answer ?? values.findLast(isNumbers) ?? null;
}

function isNumberUpTo(count: number, entry: unknown): entry is number {
  return Number.isInteger(entry) && (entry as number) >= 1 && (entry as number) <= count;
}

function some(entries: readonly string[]): string {
  const more = entries.length > mostNamed ? ` and ${entries.length - mostNamed} more` : "";
  return entries.slice(0, mostNamed).join(", ") + more;
}
