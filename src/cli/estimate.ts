/**
 * `estimate`: what a search will likely take, as a table, with what that rests on and the command that starts it.
 *
 * What is reckoned is app/estimate.ts.
 */
import { amount, dollars } from "../text/numbers.ts";
import { commandLine } from "../text/shell.ts";
import { duration } from "../text/durations.ts";
import type { Output } from "./output.ts";
import { paint } from "./style.ts";
import { table } from "./table.ts";
import { wrapped } from "../text/wrapped.ts";
import * as app from "../app/estimate.ts";
import { program } from "../app/compose.ts";
import type { Estimate } from "../report/estimate.ts";
import type { Span } from "../report/span.ts";
import { searchFlags } from "../settings/command-flags.ts";
import { type Flags, flagsOf, flagWords } from "../settings/flags.ts";

export async function estimateRun(
  file: string | undefined,
  flags: Flags,
  options: Pick<app.EstimateOptions, "from" | "tokensPerSecond">,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const estimated = await app.estimateSearch(file, flags, { ...options, signal });
  const { config, run, estimate, grounds, prices } = estimated;
  const { columns } = output;
  const command = commandFor(file, file === undefined && run !== null ? flagsOf(config) : flags);
  output.result({ estimate, grounds, prices }, [
    ...headLines(estimated, options.from).map((line) => wrapped(line, columns)),
    "",
    ...sumLines(estimate, columns),
    "",
    ...groundLines(estimated, columns),
    "",
    wrapped("start it:", columns, command),
  ]);
}

// --- internal ---

function headLines({ config, state, run }: app.Estimated, from = ""): string[] {
  const { search, models } = state;
  const player =
    models === null ? "asks no model: no calls, no tokens, no money" : `model ${config.model?.name ?? ""}`;
  const basis = run === null ? "from stated assumptions" : `from ${from} (${run.chats.length} replies)`;
  return [
    `${config.space}, searcher ${search.searcher}, ${search.budget} evaluations; ${player}`,
    `An estimate ${basis}, not a measurement of this search.`,
  ];
}

function sumLines(found: Estimate, columns: number | null): string[] {
  const row = (name: string, span: Span | null, show: (value: number) => string = amount) =>
    span === null
      ? [name, "", "not known", ""]
      : [name, show(span.low), show(span.expected), show(span.high)];
  const whole = (value: number) => amount(Math.round(value));
  const roles = Object.entries(found.roles).flatMap(([role, { calls, inputTokens, outputTokens }]) => [
    row(`${role}: calls`, calls, whole),
    row(`${role}: tokens in`, inputTokens, whole),
    row(`${role}: tokens out`, outputTokens, whole),
  ]);
  const isAsked = roles.length > 0;
  const caps = found.caps.map(
    ({ cap, allowed, verdict }) => `cap on ${cap === "usd" ? "money" : cap}: ${amount(allowed)}, ${verdict}`,
  );
  return [
    ...table(
      [
        ...(found.rounds === null ? [] : [row("rounds", found.rounds, whole)]),
        row("evaluations", found.evaluations, whole),
        ...roles,
        ...(isAsked ? [row("tokens in all", found.tokens, whole), row("money", found.usd, dollars)] : []),
        ...(isAsked ? [row("time of the model", found.replySeconds, duration)] : []),
        row("time of the evaluations", found.evaluationSeconds, duration),
        row("time in all", found.seconds, duration),
      ],
      ["", "low", "expected", "high"],
      columns,
    ),
    ...caps.map((line) => wrapped(line, columns)),
  ];
}

function groundLines({ grounds, isMixed, prices }: app.Estimated, columns: number | null): string[] {
  const note = isMixed ? [wrapped("What was measured goes before what is assumed.", columns)] : [];
  const rows = [
    ...grounds.map(({ basis, words }) => [paint("dim", basis), words]),
    ...Object.entries(prices ?? {}).map(([role, price]) => [
      "price",
      `${role}: ${price === null ? "price not known" : price.source}`,
    ]),
  ];
  return [...note, ...table(rows, [], columns)];
}

function commandFor(file: string | undefined, flags: Flags): string {
  return commandLine(program, "run", ...(file === undefined ? [] : [file]), ...flagWords(searchFlags, flags));
}
