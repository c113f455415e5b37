/**
 * What is shown of a folder of runs: a row for each run and bench, what changes, and a journal as it grows.
 *
 * The live page's server, the page, `watch` and the list of runs share these types. Imports nothing of Node: the page does
 * too.
 */
import type { RunEvent, StopReason } from "../search/events.ts";
import type { Answer, Order } from "../search/ports.ts";

/** `stopped`: the run has no end, and no process works on it. */
export type Condition = "running" | "paused" | "stopped" | "finished" | "damaged";

/** One run in the list. */
export interface RunRow {
  readonly id: string;
  readonly condition: Condition;
  /** What is wrong with a damaged one, with the line; else null. What follows is as recorded. */
  readonly trouble: string | null;
  readonly space: string;
  readonly spaceDigest: string;
  readonly searcher: string;
  /** Who plays the roles; null: nobody is asked. */
  readonly model: string | null;
  readonly seed: number;
  readonly isBlind: boolean;
  /** How many results it began with. */
  readonly known: number;
  /** How many hints a person gave. */
  readonly hints: number;
  readonly limits: Readonly<Record<string, number>>;
  readonly metric: { readonly name: string; readonly unit: string; readonly higherIsBetter: boolean } | null;
  readonly best: number | null;
  readonly evaluations: number;
  readonly budget: number;
  readonly rounds: number;
  /** Null where the model server did not say, or no model was asked. */
  readonly tokens: number | null;
  readonly usd: number | null;
  /** ISO 8601, UTC; empty for a damaged run that never began. */
  readonly startedAt: string;
  readonly lastAt: string;
  readonly ended: StopReason | null;
}

/** A bench in the folder. Its runs are those whose ids begin with its own, or all of them where its id is `.`. */
export interface BenchRow {
  readonly id: string;
  readonly title: string;
  /** How many runs it will have, and how many of them failed. */
  readonly planned: number;
  readonly failed: number;
  /** What is wrong with its record; null: nothing. */
  readonly trouble: string | null;
}

/** What has changed in a folder of runs; the first one has everything. */
export interface RunsChange {
  /** The folder, as the user named it. */
  readonly folder: string;
  /** Rows that are new or have changed. */
  readonly rows: readonly RunRow[];
  /** Ids of runs that are gone. */
  readonly gone: readonly string[];
  /** How many runs have not been read yet. */
  readonly unread: number;
  /** Every bench in the folder; absent: as before. */
  readonly benches?: readonly BenchRow[];
}

/** The state of a run beside its journal. */
export interface RunStatus {
  readonly condition: Condition;
  /** Whether the run takes orders now. */
  readonly isSteerable: boolean;
  /** The number of the last event that was read. */
  readonly lastSeq: number;
}

/** A stored line, without its line break, and the event it holds. */
export interface StoredLine {
  readonly text: string;
  readonly event: RunEvent;
}

/** What happens to a journal that is followed. */
export type JournalNotice =
  /** Complete lines that were not given before, in order. */
  | { readonly kind: "lines"; readonly lines: readonly StoredLine[] }
  /** All lines that were there at the start, or at a restart, have been given, and none is damaged. */
  | { readonly kind: "caught-up" }
  /** The file became shorter, changed or is another one. All lines are given again, from the first. */
  | { readonly kind: "restarted" }
  /** The file is not there or cannot be read, and why. It is looked for further. */
  | { readonly kind: "gone"; readonly reason: string }
  /** A line cannot be trusted; no line after it is given. `line` counts from 1. */
  | { readonly kind: "damaged"; readonly line: number; readonly reason: string };

/** Where runs are found, read and given orders. */
export interface RunCatalog {
  /** Every run, then what changes, until the signal is raised. */
  changes(signal: AbortSignal): AsyncIterable<RunsChange>;
  /** Whether there is such a run. */
  has(id: string): Promise<boolean>;
  /** The status of a run now; null: it is gone. */
  status(id: string): Promise<RunStatus | null>;
  /** The lines of a run after event number `after`, and what happens to its journal, until the signal is raised. */
  follow(id: string, after: number, signal: AbortSignal): AsyncIterable<JournalNotice>;
  /** Passes an order to the process that works on a run. */
  order(id: string, order: Order): Promise<{ readonly answer: Answer; readonly isReached: boolean }>;
}

/** What is wrong with a journal, and what to do. */
export function troubleOf(notice: Extract<JournalNotice, { kind: "damaged" | "gone" }>): string {
  return notice.kind === "gone"
    ? `its journal is gone: ${notice.reason}`
    : `journal.jsonl, line ${notice.line}: ${notice.reason}; restore the file from a copy`;
}
