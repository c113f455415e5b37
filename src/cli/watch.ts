/**
 * `watch`: shows a run that another process works on, while it runs.
 *
 * Chooses the source, journal or feed, and ends when there is nothing more to follow. Changes nothing of the run. What is drawn is
 * watched-run.ts.
 */
import { setTimeout as wait } from "node:timers/promises";
import { LineMerge, readFedLine } from "../runs/feed-merge.ts";
import { journalPath, requireJournal } from "../runs/run-folder.ts";
import { damageWords } from "../runs/run-record.ts";
import type { StoredLine } from "../runs/shown-runs.ts";
import { followRun } from "../runs/journal-tail.ts";
import { type FedLine, followFeed, isFeedAddress } from "../runs/live-feed.ts";
import { isHeld } from "../runs/run-lock.ts";
import { Interrupted, JournalDamaged, UsageError } from "../errors.ts";
import { isComplete } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { program } from "../app/compose.ts";
import type { Output } from "./output.ts";
import { shellWord } from "../text/shell.ts";
import { endWithoutWinner, summarize, summaryLines } from "./summary.ts";
import { WatchedRun } from "./watched-run.ts";

/** Between two looks at the lock, and after how many looks without a process the run counts as free. */
const lookMs = 250;
const looksFree = 2;
/** How many looks a journal may be missing. */
const looksGone = 12;
/** How long a feed may be silent before that is said. */
const silentMs = 3_000;

/**
 * @param what the run's folder, or the address of its feed
 * @throws UsageError when there is no such run, Interrupted when it is stopped, or watching is, before its end
 */
export async function watch(
  what: string,
  { feed }: { readonly feed?: string | undefined },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (!isFeedAddress(what)) await watchJournal(what, feed ?? null, output, signal);
  else if (feed === undefined) await watchFeed(what, output, signal);
  else {
    throw new UsageError(
      `${what} is the address of a feed, and --feed names another; give the run's folder with --feed, or one address alone`,
    );
  }
}

// ----- The journal -----

/** Follows the journal, and the feed where there is one. The journal has what the feed loses. */
async function watchJournal(
  folder: string,
  address: string | null,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await requireJournal(folder);
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const run = new WatchedRun(output);
  const merge = new LineMerge();
  const silence = setTimeout(() => {
    if (address !== null) run.say(`no feed answers on ${address}: only the journal is followed`);
  }, silentMs);
  const feed = address === null ? null : followFeed(address, either, "", () => clearTimeout(silence));
  const now = { isRead: false, isGone: false };

  const followJournal = async () => {
    for await (const notice of followRun(folder, either)) {
      now.isGone = notice.kind === "gone";
      switch (notice.kind) {
        case "lines":
          await run.show(merge.take(notice.lines));
          break;
        case "caught-up":
          now.isRead = true;
          run.begin();
          break;
        case "restarted":
          now.isRead = false;
          merge.restart();
          run.restart(`${journalPath(folder)} has changed: shown again from its first line`);
          break;
        case "gone":
          run.say(`${notice.reason}: waiting for it to come back`);
          break;
        case "damaged":
          throw new JournalDamaged(damageWords(folder, notice.line, notice.reason));
      }
    }
  };

  const followItsFeed = async (lines: AsyncIterable<FedLine>) => {
    for await (const { run: name, line } of lines) {
      const fed = readFedLine(line);
      // Until the journal says which run it is, the feed is ignored.
      if (fed !== null && now.isRead && name === run.state?.run) await run.show(merge.take([fed]));
    }
  };

  const untilLetGo = async () => {
    for (let free = 0; !either.aborted; await pause(either)) {
      const mayHaveEnded = now.isGone || now.isRead;
      free = mayHaveEnded && !(await isHeld(folder)) ? free + 1 : 0;
      if (free >= (now.isGone ? looksGone : looksFree)) return;
    }
  };

  try {
    const loops = [followJournal(), untilLetGo(), ...(feed === null ? [] : [followItsFeed(feed)])];
    await Promise.all(loops.map((loop) => loop.finally(() => over.abort())));
    if (signal.aborted) throw stoppedWatching(folder);
    if (now.isGone) {
      throw new UsageError(`${journalPath(folder)} is gone; name the folder where the run is now`);
    }
    await run.show(merge.take(await linesOf(folder, signal)));
  } finally {
    clearTimeout(silence);
    run.end();
  }
  conclude(folder, run, output);
}

/** The lines of the journal now, after the process that wrote it has ended. */
async function linesOf(folder: string, signal: AbortSignal): Promise<StoredLine[]> {
  const lines: StoredLine[] = [];
  for await (const notice of followRun(folder, signal)) {
    if (notice.kind === "damaged") throw new JournalDamaged(damageWords(folder, notice.line, notice.reason));
    if (notice.kind !== "lines") break;
    lines.push(...notice.lines);
  }
  return lines;
}

/** Prints the summary as `run` does. @throws Interrupted when the run is not finished */
function conclude(folder: string, { state }: WatchedRun, output: Output): void {
  if (state === null) {
    throw new UsageError(`${folder}: nothing was recorded, and no process works on it; start the run again`);
  }
  if (!output.json)
    output.result(summarize(state, folder), [
      "",
      ...summaryLines(state, folder, program, "nobody", output.columns),
    ]);
  if (isComplete(state)) {
    throwWithoutWinner(state);
    return;
  }
  throw new Interrupted(
    `${folder} is not running, and is not finished; continue it with: ${program} resume ${shellWord(folder)}`,
  );
}

// ----- The feed -----

/** Takes the name of the run from the feed. Follows that run's journal if it is here, else only the feed. */
async function watchFeed(address: string, output: Output, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const run = new WatchedRun(output);
  const merge = new LineMerge();
  let name: string | null = null;
  const onConnection = (isThere: boolean) => {
    clearTimeout(silence);
    if (name === null) return;
    if (!isThere && run.hasEnded) over.abort();
    else run.say(isThere ? "the feed is back" : "the feed is gone: waiting for it to come back");
  };
  const lines = followFeed(address, AbortSignal.any([signal, over.signal]), "", onConnection);
  run.say(`listening to ${address}`);
  const silence = setTimeout(() => run.say(`no feed answers on ${address} yet: waiting for it`), silentMs);
  try {
    for await (const fed of lines) {
      const line = readFedLine(fed.line);
      if (line === null || (name !== null && fed.run !== name)) continue;
      if (name === null) {
        name = fed.run;
        if (await isRecordedIn(fed.run, line, signal)) {
          over.abort();
          await watchJournal(fed.run, address, output, signal);
          return;
        }
        run.say(`the journal of ${name} is not here: only what the feed brings is shown`);
        run.begin();
      }
      await run.show(merge.take([line]));
      const missing = merge.next;
      const rest = merge.giveUpMissing();
      if (rest.length > 0) {
        run.continueWithout(missedWords(missing, line.event.seq - 1));
        await run.show(rest);
      }
      if (run.state !== null && isComplete(run.state)) break;
    }
  } finally {
    clearTimeout(silence);
    run.end();
  }
  if (signal.aborted) throw stoppedWatching(name ?? address);
  if (run.state === null || name === null) return;
  if (!output.json)
    output.result(summarize(run.state, name), [
      "",
      ...summaryLines(run.state, name, program, "nobody", output.columns),
    ]);
  throwWithoutWinner(run.state);
}

/** Whether the journal in a folder has this very line. */
async function isRecordedIn(
  folder: string,
  { event, text }: StoredLine,
  signal: AbortSignal,
): Promise<boolean> {
  for await (const notice of followRun(folder, signal, event.seq - 1))
    return notice.kind === "lines" && notice.lines[0]?.text === text;
  return false;
}

function missedWords(from: number, to: number): string {
  const which = from === to ? `event ${from} was` : `events ${from} to ${to} were`;
  return `${which} missed: from here on each event is shown by itself`;
}

// ----- Both -----

/** @throws NoUsableWinner as the run itself ended with it */
function throwWithoutWinner(state: RunState): void {
  const fruitless = endWithoutWinner(state);
  if (fruitless !== null) throw fruitless;
}

function stoppedWatching(name: string): Interrupted {
  return new Interrupted(`no longer watching ${name}; the run continues`);
}

async function pause(signal: AbortSignal): Promise<void> {
  await wait(lookMs, undefined, { signal }).catch(() => {});
}
