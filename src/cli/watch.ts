/**
 * `watch`: a run as it goes on, from elsewhere.
 *
 * Owns which source is followed and when there is nothing more to follow. It only looks on: nothing of the run is
 * touched. Knows nothing of sockets and bytes, nor of what is drawn.
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

/** Between two looks at who holds the run, and after how many without anybody it counts as let go. */
const lookMs = 250;
const looksFree = 2;
/** So long a record may be away. */
const looksGone = 12;
/** A feed that has not answered by then is told of. */
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
  if (!isFeedAddress(what)) await watchRecord(what, feed ?? null, output, signal);
  else if (feed === undefined) await watchFeed(what, output, signal);
  else {
    throw new UsageError(
      `${what} is the address of a feed, and --feed names another; give the run's folder with --feed, or one address alone`,
    );
  }
}

// ----- The record -----

/** Follows the record, and the feed where there is one: what that loses stands in the record. */
async function watchRecord(
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
    if (address !== null) run.say(`no feed answers on ${address}: the record alone is followed`);
  }, silentMs);
  const feed = address === null ? null : followFeed(address, either, "", () => clearTimeout(silence));
  const now = { isRead: false, isGone: false };

  const followRecord = async () => {
    for await (const notice of followRun(folder, either)) {
      now.isGone = notice.kind === "gone";
      switch (notice.kind) {
        case "lines":
          await run.tell(merge.take(notice.lines));
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
      // Until the record says which run it is, the feed has nothing to add to it.
      if (fed !== null && now.isRead && name === run.state?.run) await run.tell(merge.take([fed]));
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
    const loops = [followRecord(), untilLetGo(), ...(feed === null ? [] : [followItsFeed(feed)])];
    await Promise.all(loops.map((loop) => loop.finally(() => over.abort())));
    if (signal.aborted) throw stoppedWatching(folder);
    if (now.isGone) {
      throw new UsageError(
        `${journalPath(folder)} has gone while it was watched; name the folder where the run is now`,
      );
    }
    await run.tell(merge.take(await linesOf(folder, signal)));
  } finally {
    clearTimeout(silence);
    run.end();
  }
  conclude(folder, run, output);
}

/** What the record holds now; whoever made it has let go of it. */
async function linesOf(folder: string, signal: AbortSignal): Promise<StoredLine[]> {
  const lines: StoredLine[] = [];
  for await (const notice of followRun(folder, signal)) {
    if (notice.kind === "damaged") throw new JournalDamaged(damageWords(folder, notice.line, notice.reason));
    if (notice.kind !== "lines") break;
    lines.push(...notice.lines);
  }
  return lines;
}

/** The closing words, as `run` has them. @throws Interrupted when the run has not come to its end */
function conclude(folder: string, { state }: WatchedRun, output: Output): void {
  if (state === null) {
    throw new UsageError(`${folder}: nothing was recorded, and nobody works on it; start the run again`);
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
    `${folder} is not running, and has not come to its end; go on with it by: ${program} resume ${shellWord(folder)}`,
  );
}

// ----- The feed -----

/** Learns from the feed which run it is, and follows that run's record where it is here; else the feed alone. */
async function watchFeed(address: string, output: Output, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const run = new WatchedRun(output);
  const merge = new LineMerge();
  let name: string | null = null;
  const onConnection = (isThere: boolean) => {
    clearTimeout(silence);
    if (name === null) return;
    if (!isThere && run.hasEnded) over.abort();
    else run.say(isThere ? "the feed is back" : "the feed is gone: listening for it to come back");
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
          await watchRecord(fed.run, address, output, signal);
          return;
        }
        run.say(`the record of ${name} is not here: only what the feed brings is told`);
        run.begin();
      }
      await run.tell(merge.take([line]));
      const missing = merge.next;
      const rest = merge.giveUpMissing();
      if (rest.length > 0) {
        run.goOnWithout(missedWords(missing, line.event.seq - 1));
        await run.tell(rest);
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

/** Whether the record in a folder holds this very line. */
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
  return `${which} not seen: from here on each event is told by itself`;
}

// ----- Both -----

/** @throws NoUsableWinner as the run itself ended with it */
function throwWithoutWinner(state: RunState): void {
  const fruitless = endWithoutWinner(state);
  if (fruitless !== null) throw fruitless;
}

function stoppedWatching(name: string): Interrupted {
  return new Interrupted(`no longer watching ${name}, which goes on by itself`);
}

async function pause(signal: AbortSignal): Promise<void> {
  await wait(lookMs, undefined, { signal }).catch(() => {});
}
