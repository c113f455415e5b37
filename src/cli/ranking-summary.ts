/**
 * What a ranking experiment came to, as a page of text. The numbers are app/ranking-summary.ts.
 */
import type { Estimate, RankingSummary } from "../app/ranking-summary.ts";
import type { Trial } from "../ranking/record.ts";
import { byModel, truthOf } from "../ranking/score.ts";
import { kendallTauB } from "../report/statistics.ts";
import { paint } from "./style.ts";
import { table } from "./table.ts";

/** The page for a person. `columns` is how wide the terminal is; null: it is none. */
export function rankingLines(summary: RankingSummary, columns: number | null): string[] {
  const { rankers, trials, asked, spend, file, model, architectures, split, metric, cells, draws } = summary;
  const { measured, failed } = architectures;
  const left = failed === 0 ? "" : `; ${failed} more could not be measured`;
  const drawn =
    draws === "fixed" ? ", the same ones in every trial: the intervals say nothing of other sets" : "";
  const rows = [
    ["Trials", `${trials}${trials < asked ? ` of ${asked}` : ""}, each of ${cells} architectures${drawn}`],
    ["", `one from each of ${cells} bins of equal count by ${metric} on split ${split}`],
    ["", `${measured.toLocaleString("en-US")} architectures in all${left}`],
    ...(model === null ? [["Model", "no model named: controls only"]] : []),
    ...(spend === null ? [] : [["Replies", spendLine(spend)]]),
    ["Record", file],
  ];
  return [
    ...table(
      rankers.map(({ ranker, tau, bestFirst: first, readable }) => [
        paint("bold", ranker),
        estimate(tau, (value) => value.toFixed(3)),
        estimate(first, (value) => `${(100 * value).toFixed(1)} %`),
        `${readable} of ${trials}`,
      ]),
      ["ranker", "Kendall's τ-b (95 %)", "best put first (95 %)", "readable"],
      columns,
    ),
    "",
    ...table(rows, [], columns),
  ];
}

/** How the model did in one trial, in a few words. */
export function trialWords(trial: Trial, higherIsBetter: boolean): string {
  const standing = byModel(trial);
  if (standing === null) return "neither reply could be read";
  const tau = kendallTauB(standing, truthOf(trial, higherIsBetter));
  const again = trial.replies.length > 1 ? ", read at the second attempt" : "";
  return `${Number.isNaN(tau) ? "all values are tied" : `τ-b ${tau.toFixed(3)}`}${again}`;
}

// --- internal ---

function spendLine({
  replies,
  unreadableReplies,
  failedAttempts,
  ...spent
}: NonNullable<RankingSummary["spend"]>) {
  const tokens = [spent.inputTokens, spent.outputTokens].map(
    (count) => count?.toLocaleString("en-US") ?? "?",
  );
  const failures = failedAttempts === 0 ? "" : `, ${failedAttempts} failed attempts`;
  return `${replies}, of which ${unreadableReplies} could not be read${failures}; ${tokens.join(" + ")} tokens in ${spent.seconds.toFixed(1)} s`;
}

function estimate(value: Estimate | null, word: (value: number) => string): string {
  return value === null ? "not defined" : `${word(value.mean)} (${word(value.low)} to ${word(value.high)})`;
}
