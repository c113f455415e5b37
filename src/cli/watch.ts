/** `watch`: shows a run of another process while it runs, then its closing lines. app/watch.ts follows the run. */
import { program } from "../app/compose.ts";
import { summarize } from "../app/summary.ts";
import * as app from "../app/watch.ts";
import { NoUsableWinner } from "../errors.ts";
import type { Output } from "./output.ts";
import { summaryLines } from "./summary.ts";
import { WatchedRun } from "./watched-run.ts";

/** @param what the run's folder, or the address of its feed */
export async function watch(
  what: string,
  { feed = null }: { readonly feed?: string | null | undefined },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const view = new WatchedRun(output);
  let watched: app.Watched | null;
  try {
    watched = await app.watch(what, feed, view, signal);
  } finally {
    view.end();
  }
  if (watched === null) return;
  const { run, state, error } = watched;
  // With --json, every event was printed when it came.
  if (!output.json)
    output.result(summarize(state, run), [
      "",
      ...summaryLines(state, run, program, "nobody", output.columns),
    ]);
  if (error instanceof NoUsableWinner) output.withoutWinner(error);
  else if (error !== null) throw error;
}
