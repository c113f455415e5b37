/** `rank`: the ranking experiment with its progress and its page. The experiment itself is app/rank.ts. */
import { program } from "../app/compose.ts";
import * as app from "../app/rank.ts";
import { rankFlags } from "../settings/command-flags.ts";
import { flagWords } from "../settings/flags.ts";
import { commandLine } from "../text/shell.ts";
import type { Output } from "./output.ts";
import { rankingLines, trialWords } from "./ranking-summary.ts";

/** Makes the experiment, or continues it where `out` holds some of its trials. */
export async function rank(
  file: string | undefined,
  flags: app.RankFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const ranked = await app.rank(file, flags, {
    signal,
    onBegin: (begun) => output.say(opening(begun, flags)),
    onTrial: (trial, higherIsBetter) =>
      output.say(`trial ${trial.trial} of ${flags.trials}: ${trialWords(trial, higherIsBetter)}`),
    say: (line) => output.say(line),
  });
  const { error, summary } = ranked;
  if (error !== null) {
    // The record is of this model: with another one there is nothing to continue.
    output.error(error, error.exitCode === 3 ? commandFor(file, { ...flags, out: ranked.file }) : null);
    output.exitCode = error.exitCode;
  }
  if (summary !== null) output.result(summary, rankingLines(summary, output.columns));
}

// --- internal ---

function opening(
  { space, seed, model, stored }: app.RankBegun,
  { split, trials, cells, draws }: app.RankFlags,
): string {
  const parts = [
    `space ${space}`,
    `split ${split}`,
    `${trials} trials of ${cells} architectures`,
    `${draws} draws`,
    `seed ${seed}`,
    model === null ? "no model named: controls only" : `ranked by ${model}`,
    ...(stored === 0 ? [] : [`${stored} trials are there already`]),
  ];
  return parts.join(", ");
}

/** The command that makes this experiment, or continues it. */
function commandFor(file: string | undefined, flags: app.RankFlags): string {
  return commandLine(program, "rank", ...(file === undefined ? [] : [file]), ...flagWords(rankFlags, flags));
}
