/**
 * `show`: a run's rounds and candidates as tables. A damaged record is marked as such.
 *
 * It is read by app/show.ts.
 */
import { UsageError } from "../errors.ts";
import {
  knownWords,
  outputModeWords,
  searcherWords,
  truncationWords,
  verdictNames,
} from "../report/words.ts";
import type { Verdict } from "../search/events.ts";
import { type RepairKind, repairKinds } from "../search/repairs.ts";
import { usdOf } from "../search/spend.ts";
import { hintsFor } from "../search/conversation.ts";
import { funnel } from "../search/funnel.ts";
import { errorOf } from "../search/noise.ts";
import { best, bestKnown, resultOf, valueOf, isBetter } from "../search/results.ts";
import type { Candidate, ChatCall, RunState } from "../search/state.ts";
import { strategySummary } from "../search/strategy.ts";
import { dollars, namedNumbers, withError } from "../text/numbers.ts";
import { program } from "../app/compose.ts";
import { recordLines } from "../app/record-lines.ts";
import { readShownRun, type ShownRun } from "../app/show.ts";
import type { Output } from "./output.ts";
import { paint } from "./style.ts";
import { summarize } from "../app/summary.ts";
import { hintsByPerson, scoreText, summaryLines } from "./summary.ts";
import { table } from "./table.ts";

/** @param reasoning whether what a model thought is shown whole, with the replies of a round */
export async function show(
  folder: string,
  {
    round,
    reasoning = false,
    lines: isForProgram = false,
  }: {
    readonly round?: number | undefined;
    readonly reasoning?: boolean | undefined;
    readonly lines?: boolean | undefined;
  },
  output: Output,
): Promise<void> {
  if (reasoning && round === undefined)
    throw new UsageError("--reasoning shows what a model thought in one round; name it with --round N");
  if (isForProgram && (output.json || round !== undefined))
    throw new UsageError("--lines prints all of a run in a form of its own; leave --json and --round out");
  const run = await readShownRun(folder);
  if (isForProgram) {
    await printLines(run, folder, output);
    return;
  }
  const { state, damage, worker } = run;
  if (damage !== null && round !== undefined && state.rounds[round - 1]?.closed !== true) throw damage;
  const lines =
    round === undefined
      ? overview(state, output.columns)
      : roundInFull(state, round, reasoning, output.columns);
  if (damage === null) {
    const closing =
      round === undefined ? ["", ...summaryLines(state, folder, program, worker, output.columns)] : [];
    output.result(summarize(state, folder), [...lines, ...closing]);
    return;
  }
  const rounds = state.rounds.length;
  const whole = rounds === 0 ? "no round" : rounds === 1 ? "round 1" : `rounds 1 to ${rounds}`;
  const extent = `DAMAGED: this record can be trusted up to line ${state.seq} only (${whole})`;
  const trusted = { events: state.seq, rounds };
  output.result({ run: folder, status: "damaged", damage: damage.message, trusted }, [
    paint("red", extent),
    "",
    ...lines,
  ]);
  output.error(damage);
  output.exitCode = damage.exitCode;
}

// --- internal ---

/** So many lines are written at once. */
const linesAtOnce = 200;

/** The run for a program. It waits for a reader that is slow. */
async function printLines(run: ShownRun, folder: string, output: Output): Promise<void> {
  let lines: string[] = [];
  for (const line of recordLines(run, folder)) {
    lines.push(JSON.stringify(line));
    if (lines.length < linesAtOnce) continue;
    await output.jsonLines(lines);
    lines = [];
  }
  await output.jsonLines(lines);
  if (run.damage === null) return;
  output.error(run.damage);
  output.exitCode = run.damage.exitCode;
}

function overview(state: RunState, columns: number | null): string[] {
  const { search, space } = state;
  let bestSoFar: number | null = bestKnown(state)?.value ?? null;
  const rows = state.rounds.map((round) => {
    const counts = funnel(state, round.round);
    const values = round.candidates.flatMap((candidate) => {
      const value = valueOf(state, candidate.outcome);
      return value === null || (candidate.verdict.kind === "accepted" && candidate.verdict.overLimit)
        ? []
        : [value];
    });
    const own = values.reduce<number | null>(
      (found, value) => (isBetter(state, value, found) ? value : found),
      null,
    );
    if (own !== null && isBetter(state, own, bestSoFar)) bestSoFar = own;
    const strategy = round.strategy === null ? "" : shorten(strategySummary(round.strategy), columns);
    return [
      `${round.round}`,
      `${counts.proposed}`,
      `${counts.evaluated}`,
      scoreText(state, own),
      scoreText(state, bestSoFar),
      strategy,
    ];
  });
  return [
    `${space.id}: ${searcherWords(state)}, seed ${search.seed}${search.blind === true ? ", blind to the space's names" : ""}, started ${state.startedAt}${state.resumes > 0 ? `, resumed ${state.resumes} times` : ""}${state.known.length > 0 ? `, began with ${knownWords(state)}` : ""}${state.hints.length > 0 ? `, ${hintsByPerson(state)}` : ""}`,
    "",
    ...table(rows, [
      "round",
      "proposed",
      "evaluated",
      "best of round",
      "best so far",
      state.rounds.some(({ strategy }) => strategy !== null) ? "strategy" : "",
    ]),
  ];
}

function roundInFull(
  state: RunState,
  number: number,
  wholeReasoning: boolean,
  columns: number | null,
): string[] {
  const round = state.rounds[number - 1];
  if (round === undefined)
    throw new UsageError(`the run has no round ${number}; it has ${state.rounds.length}`);
  const winner = best(state)?.text;
  const rows = round.candidates.map((candidate) => {
    const { text, fate } = fateOf(state, candidate);
    return [
      `${candidate.index + 1}`,
      fate,
      "measured" in candidate.verdict ? namedNumbers(candidate.verdict.measured.costs) : "",
      text === winner ? `${text}  (the winner)` : text,
    ];
  });
  const chats = state.chats.filter((chat) => chat.round === number);
  const hints = hintsFor(state, number).map(({ text }) => `hint by a person: ${text}`);
  return [
    ...(hints.length === 0 ? [] : [...hints, ""]),
    ...(round.strategy === null ? [] : [round.strategy, ""]),
    ...table(rows, ["", "result", "costs", "architecture"]),
    ...chats.flatMap((chat) => ["", ...replyLines(chat, wholeReasoning, columns)]),
  ];
}

function replyLines(
  { role, attempt, reply, rejected, repairs, condensed, truncatedTo, price }: ChatCall,
  whole: boolean,
  columns: number | null,
): string[] {
  const { inputTokens, outputTokens, reasoningTokens } = reply;
  const thinking = reasoningTokens === undefined ? "" : ` (${reasoningTokens} thinking)`;
  const isPriced = price !== null && inputTokens !== null && outputTokens !== null;
  const money = isPriced
    ? `, ${dollars(usdOf(price, { inputTokens, outputTokens, cachedTokens: reply.cachedTokens ?? 0 }))}`
    : "";
  const asked = reply.outputMode === undefined ? "" : `; asked for ${outputModeWords[reply.outputMode]}`;
  const unread = rejected === null ? "" : `; not readable: ${rejected.join("; ")}`;
  const mended = Object.entries(repairs).map(
    ([kind, times]) => `${repairKinds[kind as RepairKind] ?? kind}${times > 1 ? ` (${times} times)` : ""}`,
  );
  const probes = (reply.probes ?? []).map(
    ({ outputMode, finding, words }) => `${outputMode} ${finding}: ${words}`,
  );
  return [
    `${role}, reply ${attempt} of ${reply.model}: ${inputTokens ?? "?"} + ${outputTokens ?? "?"} tokens${thinking}, ${reply.seconds.toFixed(1)} s${money}${asked}${unread}`,
    ...(condensed ? ["the conversation began again here: it no longer fitted the model's window"] : []),
    ...(truncatedTo === null ? [] : [truncationWords(truncatedTo)]),
    ...(mended.length === 0 ? [] : [`repaired in its form: ${mended.join("; ")}`]),
    ...(reply.notes ?? []),
    ...probes.map((words) => `probe, ${words}`),
    ...reply.failures.map((words) => `failed attempt: ${words}`),
    ...(reply.reasoning === null
      ? []
      : [`its reasoning: ${whole ? reply.reasoning : shorten(reply.reasoning, columns)}`]),
  ];
}

function fateOf(state: RunState, candidate: Candidate): { text: string; fate: string } {
  const { verdict, raw } = candidate;
  const text =
    "measured" in verdict ? verdict.measured.text : "text" in verdict ? verdict.text : JSON.stringify(raw);
  const outcome = resultOf(state, candidate);
  const value = valueOf(state, outcome);
  if (value !== null)
    return {
      text,
      fate: `${withError(value, errorOf(state, outcome))}${verdict.kind === "equivalent" ? " (equivalent)" : verdict.kind === "accepted" && verdict.overLimit ? " (over the limit)" : ""}`,
    };
  if (outcome?.kind === "failure") return { text, fate: `failed: ${outcome.failure}` };
  return {
    text,
    fate:
      fates[verdict.kind] +
      ("rejections" in verdict ? `: ${verdict.rejections.map(({ sentence }) => sentence).join("; ")}` : ""),
  };
}

const fates: Record<Verdict["kind"], string> = { ...verdictNames, accepted: "not evaluated yet" };

function shorten(text: string, columns: number | null): string {
  const width = Math.max(40, (columns ?? 140) - 62);
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
