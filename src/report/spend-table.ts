/**
 * What the searches on a space used, and where their candidates were lost.
 *
 * The sums of each run are those of search/spend.ts and search/funnel.ts.
 */
import type { Funnel } from "../search/funnel.ts";
import { type ComparedCohort, type ComparedSpace, kindOf, nameOf, runsSentence } from "./comparison.ts";
import { type DataRow, numberColumn, type Table, tableOf, textColumn } from "./exhibit.ts";
import type { RunOutcome } from "./outcome.ts";
import { amount, money, unknown } from "../text/numbers.ts";
import { replyNotes } from "./replies-table.ts";

/** Evaluations, calls, tokens and seconds, a run and in all. */
export function spendTable({ id, slug, cohorts }: ComparedSpace): Table {
  return tableOf(
    {
      id: `spend-${slug}`,
      title: `What it used on ${id}`,
      caption: `${runsSentence(cohorts)} Each cell: mean per run / sum over these runs; lost runs are not included.`,
      notes: [
        ...replyNotes,
        { term: "Chat seconds", words: "with waits and failed attempts." },
        {
          term: "Dashes in what it used",
          words:
            "tokens where a server did not give them, money where a price or the tokens are not known, all of chat where no model was asked.",
        },
        { term: "Thinking", words: "the part of the tokens out that a server says was thinking." },
      ],
      data: cohorts.map(
        (cohort): DataRow => ({
          search: cohort.label,
          kind: kindOf(cohort),
          runs: cohort.outcomes.length,
          ...Object.fromEntries(
            spent.flatMap(({ key, of }) => {
              const sum = sumOf(cohort, of);
              return [
                [`${key}_mean`, perRun(sum, cohort)],
                [`${key}_sum`, sum],
              ];
            }),
          ),
        }),
      ),
    },
    [
      textColumn("search", "Search"),
      numberColumn("runs", "Runs"),
      ...spent.map(({ key, name }) => numberColumn<string>(key, name)),
    ],
    cohorts.map((cohort) => ({
      search: nameOf(cohort),
      runs: `${cohort.outcomes.length}`,
      ...Object.fromEntries(
        spent.map(({ key, of, show = amount }) => {
          const sum = sumOf(cohort, of);
          return [key, sum === null ? unknown : `${show(perRun(sum, cohort))} / ${show(sum)}`];
        }),
      ),
    })),
  );
}

/** What happened to every candidate that was proposed. */
export function funnelTable({ id, slug, cohorts }: ComparedSpace): Table {
  const usesStore = cohorts.some(({ outcomes }) => outcomes.some(({ funnel }) => funnel.storedEvaluated > 0));
  const columns = usesStore ? [...stages, ["storedEvaluated", "From the store"] as const] : stages;
  const sums = (cohort: ComparedCohort) =>
    columns.map(([stage, name]) => ({
      stage,
      name,
      sum: cohort.outcomes.reduce((total, { funnel }) => total + funnel[stage], 0),
    }));
  return tableOf(
    {
      id: `funnel-${slug}`,
      title: `Where candidates were lost on ${id}`,
      caption: `${runsSentence(cohorts)} Sums over these runs.`,
      notes: [
        { term: "Proposed", words: "the sum of the columns from unreadable to evaluated." },
        {
          term: "Improved",
          words: "the part of evaluated that was better than all before it, within the limits.",
        },
        ...(usesStore
          ? [{ term: "From the store", words: "the part of evaluated that an earlier run had paid for." }]
          : []),
      ],
      data: cohorts.map(
        (cohort): DataRow => ({
          search: cohort.label,
          kind: kindOf(cohort),
          runs: cohort.outcomes.length,
          ...Object.fromEntries(
            sums(cohort).map(({ name, sum }) => [name.toLowerCase().replaceAll(" ", "_"), sum]),
          ),
        }),
      ),
    },
    [
      textColumn("search", "Search"),
      numberColumn("runs", "Runs"),
      ...columns.map(([stage, name]) => numberColumn<string>(stage, name)),
    ],
    cohorts.map((cohort) => ({
      search: nameOf(cohort),
      runs: `${cohort.outcomes.length}`,
      ...(cohort.outcomes.length === 0
        ? {}
        : Object.fromEntries(sums(cohort).map(({ stage, sum }) => [stage, amount(sum)]))),
    })),
  );
}

// --- internal ---

const ofChat = (of: (outcome: RunOutcome) => number | null) => (outcome: RunOutcome, isPlayed: boolean) =>
  isPlayed ? of(outcome) : null;

const spent: readonly {
  readonly key: string;
  readonly name: string;
  readonly of: (outcome: RunOutcome, isPlayed: boolean) => number | null;
  /** Absent: with one decimal. */
  readonly show?: (value: number | null) => string;
}[] = [
  { key: "evaluations", name: "Evaluations", of: ({ spend }) => spend.evaluations },
  { key: "evaluation_seconds", name: "Evaluation seconds", of: ({ spend }) => spend.evaluationSeconds },
  { key: "calls", name: "Calls", of: ofChat(({ spend }) => spend.chatCalls) },
  { key: "failed_attempts", name: "Failed attempts", of: ofChat(({ spend }) => spend.failedAttempts) },
  { key: "unreadable_replies", name: "Unreadable replies", of: ofChat(({ spend }) => spend.rejectedReplies) },
  { key: "input_tokens", name: "Tokens in", of: ofChat(({ spend }) => spend.inputTokens) },
  { key: "output_tokens", name: "Tokens out", of: ofChat(({ spend }) => spend.outputTokens) },
  { key: "thinking_tokens", name: "Thinking", of: ofChat(({ spend }) => spend.reasoningTokens) },
  { key: "usd", name: "USD", of: ofChat(({ spend }) => spend.usd), show: money },
  { key: "chat_seconds", name: "Chat seconds", of: ofChat(({ spend }) => spend.chatSeconds) },
];

const stages: readonly (readonly [keyof Funnel, string])[] = [
  ["proposed", "Proposed"],
  ["unreadable", "Unreadable"],
  ["illegal", "Illegal"],
  ["repeated", "Repeated"],
  ["equivalent", "Equivalent"],
  ["overLimit", "Over the limit"],
  ["beyondBudget", "Beyond the budget"],
  ["failed", "Failed"],
  ["evaluated", "Evaluated"],
  ["improved", "Improved"],
];

/** Null where there is no run, or one of which it is not known. */
function sumOf(
  { outcomes, runs }: ComparedCohort,
  of: (outcome: RunOutcome, isPlayed: boolean) => number | null,
): number | null {
  const values = outcomes.map((outcome, at) => of(outcome, runs[at]?.state.models !== null));
  const known = values.filter((value) => value !== null);
  return known.length < values.length || known.length === 0
    ? null
    : known.reduce((sum, value) => sum + value, 0);
}

function perRun(sum: number | null, { outcomes }: ComparedCohort): number | null {
  return sum === null ? null : sum / outcomes.length;
}
