/**
 * What the searches on a space took, where their candidates were lost, and what they found.
 *
 * Owns the columns. The sums of each run are those of search/spend.ts.
 */
import type { Funnel } from "../search/funnel.ts";
import { type ComparedCohort, type ComparedSpace, kindOf, nameOf, runsSentence } from "./compared.ts";
import type { DataRow, Table } from "./exhibit.ts";
import { amount, fixed, money, unknown } from "../text/numbers.ts";
import { numbers, tableOf, words } from "./layout.ts";
import type { RunOutcome } from "./outcome.ts";
import { ownNames } from "./own-names.ts";
import { replyNotes } from "./replies-table.ts";

/** Evaluations, calls, tokens and seconds, a run and in all. */
export function spendTable({ id, slug, cohorts }: ComparedSpace): Table {
  return tableOf(
    {
      id: `spend-${slug}`,
      title: `What it took on ${id}`,
      caption: `${runsSentence(cohorts)} Each cell: mean per run / sum over these runs; what lost runs took is not in it.`,
      notes: [
        ...replyNotes,
        { term: "Chat seconds", words: "with waits and failed attempts." },
        {
          term: "Dashes in what it took",
          words:
            "tokens where a server did not tell them, money where a price or the tokens are not known, all of chat where no role was played.",
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
      words("search", "Search"),
      numbers("runs", "Runs"),
      ...spent.map(({ key, name }) => numbers<string>(key, name)),
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

/** What became of every candidate that was proposed. */
export function funnelTable({ id, slug, cohorts }: ComparedSpace): Table {
  const sums = (cohort: ComparedCohort) =>
    stages.map(([stage, name]) => ({
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
      words("search", "Search"),
      numbers("runs", "Runs"),
      ...stages.map(([stage, name]) => numbers<string>(stage, name)),
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

/** The architecture that the best run of each search picked; the data hold every run. */
export function winnersTable({
  id,
  slug,
  cohorts,
  space,
  hasTest,
  decimals,
  higherIsBetter,
}: ComparedSpace): Table[] {
  const costs = space?.costs ?? [];
  const isBetter = (value: number, than: number) => (higherIsBetter ? value > than : value < than);
  const ownText = ({ runs }: ComparedCohort, { folder, last }: RunOutcome): string | null => {
    const state = runs.find((run) => run.folder === folder)?.state;
    const translate = state === undefined ? null : ownNames(state);
    return last.picked === null || translate === null ? last.picked : translate(last.picked);
  };
  const winners = cohorts.flatMap((cohort) => {
    let found: { outcome: RunOutcome; best: number } | null = null;
    for (const outcome of cohort.outcomes) {
      const { best } = outcome.last;
      if (best !== null && (found === null || isBetter(best, found.best))) found = { outcome, best };
    }
    return found === null ? [] : [{ cohort, ...found }];
  });
  if (winners.length === 0) return [];
  return [
    tableOf(
      {
        id: `winners-${slug}`,
        title: `What was found on ${id}`,
        caption: "What the run with the best search value picked, for each search; the lowest seed on a tie.",
        notes: [
          {
            term: "What was found",
            words:
              "one run of several: results are told by their means, not by this. Architectures stand under the space's own names, unless another version of the program hid them from a blind search.",
          },
        ],
        data: cohorts.flatMap((cohort) =>
          cohort.outcomes.map(
            (outcome): DataRow => ({
              search: cohort.label,
              kind: kindOf(cohort),
              seed: outcome.seed,
              folder: outcome.folder,
              ended: outcome.ended,
              evaluations: outcome.spend.evaluations,
              search_value: outcome.last.best,
              test_of_picked: outcome.last.test,
              best_test_seen: outcome.last.bestTest,
              architecture: ownText(cohort, outcome),
              ...Object.fromEntries(costs.map(({ name }) => [`cost_${name}`, outcome.costs?.[name] ?? null])),
            }),
          ),
        ),
      },
      [
        words("search", "Search"),
        numbers("seed", "Seed"),
        numbers("value", "Search value"),
        ...(hasTest ? [numbers("test", "Test")] : []),
        ...costs.map(({ name, unit }) =>
          numbers<string>(`cost ${name}`, unit === "" ? name : `${name} (${unit})`),
        ),
        words("architecture", "Architecture"),
      ],
      winners.map(({ cohort, outcome, best }) => ({
        search: nameOf(cohort),
        seed: `${outcome.seed}`,
        value: best.toFixed(decimals),
        test: fixed(outcome.last.test, decimals),
        ...Object.fromEntries(costs.map(({ name }) => [`cost ${name}`, cost(outcome.costs?.[name])])),
        architecture: ownText(cohort, outcome) ?? unknown,
      })),
    ),
  ];
}

// --- internal ---

const ofChat = (of: (outcome: RunOutcome) => number | null) => (outcome: RunOutcome, isPlayed: boolean) =>
  isPlayed ? of(outcome) : null;

const spent: readonly {
  readonly key: string;
  readonly name: string;
  readonly of: (outcome: RunOutcome, isPlayed: boolean) => number | null;
  /** Absent: with a digit behind the point. */
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

function cost(value: number | undefined): string {
  return value === undefined ? unknown : String(Number(value.toPrecision(6)));
}
