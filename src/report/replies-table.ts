/** Counts what the models replied, role by role. */
import { type Role, roleSchema } from "../search/events.ts";
import type { ChatCall } from "../search/state.ts";
import { type ComparedCohort, type ComparedSpace, nameOf, runsSentence } from "./comparison.ts";
import { type DataRow, type Note, numberColumn, type Table, tableOf, textColumn } from "./exhibit.ts";
import { amount } from "../text/numbers.ts";

export const replyNotes: readonly Note[] = [
  {
    term: "Unreadable reply",
    words: "one that could not be read was asked for once more, and both are counted.",
  },
  { term: "Failed attempt", words: "one that brought no reply at all." },
];

/** A row for each role of each search that has roles; the data hold every round. Empty where none has. */
export function repliesTables({ id, slug, cohorts }: ComparedSpace): Table[] {
  const played = cohorts.flatMap((cohort) =>
    roleSchema.options.map((role) => ({ cohort, role, calls: callsOf(cohort, role) })),
  );
  const asked = played.filter(({ calls }) => calls.length > 0);
  if (asked.length === 0) return [];
  return [
    tableOf(
      {
        id: `replies-${slug}`,
        title: `Replies by role on ${id}`,
        caption: `${runsSentence(cohorts)} Sums over these runs.`,
        notes: [
          ...replyNotes,
          { term: "Tokens and seconds by role", words: "of the replies whose server gave them." },
        ],
        data: asked.flatMap(({ cohort, role, calls }) =>
          [...new Set(calls.map(({ round }) => round))]
            .sort((first, second) => first - second)
            .map(
              (round): DataRow => ({
                search: cohort.label,
                role,
                round,
                ...sums(calls.filter((call) => call.round === round)),
              }),
            ),
        ),
      },
      [
        textColumn("search", "Search"),
        textColumn("role", "Role"),
        textColumn("models", "Played by"),
        numberColumn("replies", "Replies"),
        numberColumn("unreadable", "Unreadable"),
        numberColumn("failed_attempts", "Failed attempts"),
        numberColumn("input_tokens", "Tokens in"),
        numberColumn("output_tokens", "Tokens out"),
        numberColumn("seconds", "Seconds"),
      ],
      asked.map(({ cohort, role, calls }) => ({
        search: nameOf(cohort),
        role,
        models: [...new Set(calls.map(({ reply }) => reply.model))].join(", "),
        ...Object.fromEntries(Object.entries(sums(calls)).map(([name, sum]) => [name, amount(sum)])),
      })),
    ),
  ];
}

// --- internal ---

function callsOf({ runs }: ComparedCohort, role: Role): ChatCall[] {
  return runs.flatMap(({ state }) => state.chats.filter((call) => call.role === role));
}

function sums(calls: readonly ChatCall[]) {
  const total = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
  };
  return {
    replies: calls.length,
    unreadable: calls.filter(({ rejected }) => rejected !== null).length,
    failed_attempts: total(calls.map(({ reply }) => reply.failures.length)),
    input_tokens: total(calls.map(({ reply }) => reply.inputTokens)),
    output_tokens: total(calls.map(({ reply }) => reply.outputTokens)),
    seconds: total(calls.map(({ reply }) => reply.seconds)),
  };
}
