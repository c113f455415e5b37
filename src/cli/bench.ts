/**
 * `bench`: the runs of a plan with a view of them, their tables and the exit code.
 *
 * The runs themselves are app/bench.ts.
 */
import * as app from "../app/bench.ts";
import { program } from "../app/compose.ts";
import { type Plan, type PlanFlags, readPlan } from "../app/plan.ts";
import { benchFlags } from "../settings/command-flags.ts";
import { flagWords } from "../settings/flags.ts";
import { commandLine, shellWord } from "../text/shell.ts";
import { BenchView } from "./bench-view.ts";
import type { Output } from "./output.ts";
import { paint } from "./style.ts";
import { table } from "./table.ts";

export interface BenchFlags extends PlanFlags {
  /** Whether the umask alone says who may read the runs. */
  readonly shared?: boolean | undefined;
}

/** Makes the runs of a plan that are not there yet. */
export async function bench(
  file: string,
  { shared = false, ...flags }: BenchFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const plan = await readPlan(file, flags);
  const view = new BenchView(output.stderr, plan.runs);
  for (const remark of plan.remarks) view.say(remark);
  let benched: app.Benched;
  try {
    const command = benchCommand(file, plan, flags, shared);
    benched = await app.bench(plan, { signal, command, shared, watch: view });
  } finally {
    view.end();
  }
  const { folder, runs, done, failed, withoutWinner, trouble } = benched;
  const { benchLines } = await import("./bench-summary.ts");
  const { tables, undecided, lines } = await benchLines(folder, output.columns);
  const next = `${program} report ${shellWord(folder)} --out report.html`;
  output.result({ bench: folder, runs, done, failed, withoutWinner, undecided, tables }, [
    ...lines,
    ...table([
      ["Runs", `${done} of ${runs} in ${folder}`],
      ...(withoutWinner.length === 0
        ? []
        : [["", `${withoutWinner.length} of them ended without a usable winner`]]),
      ["Next", `${next}  ${paint("dim", "# every table, with figures")}`],
    ]),
  ]);
  // Failures were shown when they came.
  if (failed.length > 0) output.exitCode = trouble?.exitCode ?? 0;
  else if (trouble !== null) throw trouble;
}

// --- internal ---

/** The command that makes the same bench again, or continues it. */
function benchCommand(file: string, plan: Plan, flags: PlanFlags, isShared: boolean): string {
  const given = flagWords([...benchFlags, "shared"], { ...flags, out: plan.out, shared: isShared });
  return commandLine(program, "bench", file, ...given);
}
