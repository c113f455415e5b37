/**
 * Follows a run that another process makes: from its record, from its feed, or from both.
 *
 * It decides which source is followed and when there is nothing more to follow. It only looks: nothing of the run is
 * touched. What is drawn is the watcher's business.
 */
import { setTimeout as wait } from "node:timers/promises";
import { type CollmError, Interrupted, JournalDamaged, UsageError } from "../errors.ts";
import { shellWord } from "../text/shell.ts";
import { LineMerge, readFedLine } from "../runs/feed-merge.ts";
import { followRun } from "../runs/journal-tail.ts";
import { type FedLine, followFeed, isFeedAddress } from "../runs/live-feed.ts";
import { journalPath, requireJournal } from "../runs/run-folder.ts";
import { isHeld } from "../runs/run-lock.ts";
import { damageWords } from "../runs/run-record.ts";
import { type StoredLine } from "../runs/shown-runs.ts";
import { isComplete } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { program } from "./compose.ts";
import { endWithoutWinner } from "./summary.ts";

/** Between two looks at the lock, and after how many looks without a process the run counts as free. */
const lookMs = 250;
const looksFree = 2;
/** How many looks a journal may be missing. */
const looksGone = 12;
/** How long a feed may be silent before that is said. */
const silentMs = 3_000;

/** Shows a run as its lines come in. */
export interface Watcher {
  /** The state of the run so far; null while there is no line, or lines are missing for good. */
  readonly state: RunState | null;
  /** Whether the search has ended. The tests after it may still be missing. */
  readonly hasEnded: boolean;
  /** Takes the next lines, in order. */
  show(lines: readonly StoredLine[]): Promise<void>;
  /** All lines from before are there: from here on each line is shown as it comes. */
  begin(): void;
  /** Continues although lines are missing that will never come. */
  continueWithout(words: string): void;
  /** Begins again with the first line: what was shown no longer holds. */
  restart(words: string): void;
  say(line: string): void;
}

/** What was seen of a run. */
export interface Watched {
  /** The run's folder, or its name on the feed. */
  readonly run: string;
  readonly state: RunState;
  /** Why this is no good end: the run has no winner, or nobody works on it; null: it is one. */
  readonly error: CollmError | null;
}

/**
 * Follows a run to its end.
 *
 * @param what the run's folder, or the address of its feed
 * @param feed the address of its feed, where `what` is its folder
 * @returns null where its feed has ended before anything came
 * @throws UsageError when there is no such run, Interrupted when watching is stopped
 */
export async function watch(
  what: string,
  feed: string | null,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Watched | null> {
  if (!isFeedAddress(what)) return await watchJournal(what, feed, watcher, signal);
  if (feed === null) return await watchFeed(what, watcher, signal);
  throw new UsageError(
    `${what} is the address of a feed, and --feed names another; give the run's folder with --feed, or one address alone`,
  );
}

// ----- The journal -----

/** Follows the journal, and the feed where there is one. The journal has what the feed loses. */
async function watchJournal(
  folder: string,
  address: string | null,
  run: Watcher,
  signal: AbortSignal,
): Promise<Watched> {
  await requireJournal(folder);
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
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
  }
  return ending(folder, run);
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

/** @throws UsageError where nothing was recorded */
function ending(run: string, { state }: Watcher): Watched {
  if (state === null)
    throw new UsageError(`${run}: nothing was recorded, and no process works on it; start the run again`);
  if (isComplete(state)) return { run, state, error: endWithoutWinner(state) };
  const error = new Interrupted(
    `${run} is not running, and is not finished; continue it with: ${program} resume ${shellWord(run)}`,
  );
  return { run, state, error };
}

// ----- The feed -----

/** Takes the name of the run from the feed. Follows that run's journal if it is here, else only the feed. */
async function watchFeed(address: string, run: Watcher, signal: AbortSignal): Promise<Watched | null> {
  const over = new AbortController();
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
          return await watchJournal(fed.run, address, run, signal);
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
  }
  if (signal.aborted) throw stoppedWatching(name ?? address);
  const { state } = run;
  return state === null || name === null ? null : { run: name, state, error: endWithoutWinner(state) };
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

function stoppedWatching(name: string): Interrupted {
  return new Interrupted(`no longer watching ${name}; the run continues`);
}

async function pause(signal: AbortSignal): Promise<void> {
  await wait(lookMs, undefined, { signal }).catch(() => {});
}
