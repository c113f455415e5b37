/**
 * `run`, `resume` and `replay`: shows a search while it runs, prints its closing lines and sets the exit code.
 *
 * The search itself is app/search.ts.
 */
import { program } from "../app/compose.ts";
import { readRunConfig } from "../app/run-config.ts";
import type { RunServiceFlags } from "../app/run-services.ts";
import * as app from "../app/search.ts";
import { CollmError, Interrupted, UsageError } from "../errors.ts";
import { shellWord } from "../text/shell.ts";
import type { RunState } from "../search/state.ts";
import type { Flags } from "../settings/flags.ts";
import { asOurs } from "../system/system-error.ts";
import { LiveView } from "./live-view.ts";
import type { Output } from "./output.ts";
import { endWithoutWinner, type Status, summarize } from "../app/summary.ts";
import { summaryLines } from "./summary.ts";

/** Starts a new run. */
export async function run(
  file: string | undefined,
  flags: Flags,
  around: RunServiceFlags & Pick<app.NewSearchOptions, "continue">,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const config = await readRunConfig(file, flags, around.continue);
  await shown(output, (watching) => app.search(config, { ...around, ...watching, signal }));
}

/** Continues a run that was stopped, or prolongs one that has ended. */
export async function resume(
  folder: string,
  flags: Flags,
  around: RunServiceFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await shown(output, (watching) => app.resume(folder, flags, { ...around, ...watching, signal }));
}

/** Decides every step of a recorded run again, without model and evaluator. */
export async function replay(folder: string, output: Output): Promise<void> {
  const { events, complete, tornBytes } = await app.replay(folder);
  const verdict = complete
    ? "every decision of the run came out as recorded"
    : "every decision so far came out as recorded; the run is unfinished";
  output.result({ run: folder, events, complete, reproduced: true }, [
    `${events} events replayed: ${verdict}`,
    ...(tornBytes > 0
      ? [`the last line of the journal is unfinished (${tornBytes} bytes) and was left out`]
      : []),
  ]);
}

// --- internal ---

type Watching = Required<Pick<app.ResumeOptions, "onRead" | "onBegin" | "observe" | "onText" | "say">>;

/** Shows a search while it runs, then prints its result, however it ended. */
async function shown(output: Output, search: (watching: Watching) => Promise<app.Searched>): Promise<void> {
  const { lines } = output;
  const view = new LiveView(output.stderr);
  let latest: Pick<app.Searched, "folder" | "state"> | null = null;
  let status: Status = "ended";
  const known = (state: RunState, folder = latest?.folder ?? "") => {
    latest = { folder, state };
  };
  try {
    const searched = await search({
      onRead: known,
      onBegin: (state, folder) => {
        known(state, folder);
        view.begin(state);
        lines?.begun(state, folder, state.resumes > 0);
      },
      observe: (notice) => {
        if (notice.kind === "recorded") known(notice.state);
        view.observe(notice);
        return lines?.observe(notice);
      },
      onText: (_role, characters) => view.writing(characters),
      say: (line) => view.say(line),
    });
    latest = searched;
    if (searched.hadEnded) {
      const { capReached, ended } = searched.state;
      const flag = capReached === null ? "--budget or --rounds" : `--cap ${capReached.cap}=N`;
      view.say(`the run has ended (${ended}); prolong it with ${flag}`);
    }
  } catch (caught) {
    const error = asOurs(caught);
    const begun = latest;
    // A command that has to be corrected has brought the run nowhere: there is nothing to sum up.
    if (!(error instanceof CollmError) || error instanceof UsageError || begun === null) throw error;
    status = error instanceof Interrupted ? "interrupted" : "failed";
    view.end();
    output.error(error, `${program} resume ${shellWord(begun.folder)}`);
    output.exitCode = error.exitCode;
  } finally {
    view.end();
  }
  if (latest === null) return;
  const { folder, state } = latest;
  if (lines === null) view.say("");
  else lines.begun(state, folder, true);
  const fruitless = status === "ended" ? endWithoutWinner(state) : null;
  if (fruitless !== null) output.withoutWinner(fruitless);
  output.result(
    summarize(state, folder, status),
    summaryLines(state, folder, program, "nobody", output.columns),
  );
}
