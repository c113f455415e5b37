/**
 * What the server of the live page and the page say to each other.
 *
 * Owns the shapes. All of it is JSON over HTTP and server-sent events of one origin:
 *
 *     GET  /api/runs             event stream: `runs` with a RunsMessage, at first with everything
 *     GET  /api/runs/ID/events   event stream: `lines` with lines of the journal (one a line of the message, its id the
 *                                sequence number of the last), `standing` with a Standing
 *                                (Last-Event-ID, or ?after=SEQ: only what comes behind that line)
 *     POST /api/runs/ID/steer    an Order, with the token as a bearer; answers with an Answer
 *     POST /api/token            204 where the bearer is the token, else 403
 *
 * ID is the run's folder below the folder that is shown, percent-encoded as one part of the path; `.` is that folder itself.
 */
import type { StopReason } from "../search/events.ts";

/** How a run stands. `stopped`: it has no end and no process works on it. */
export type Condition = "running" | "paused" | "stopped" | "finished" | "damaged";

/** One run in the list. */
export interface RunRow {
  readonly id: string;
  readonly condition: Condition;
  /** What is wrong with a damaged one, with the line; else null, and everything below is as recorded. */
  readonly trouble: string | null;
  readonly space: string;
  readonly spaceDigest: string;
  readonly searcher: string;
  /** Who plays the roles; null: nobody is asked. */
  readonly model: string | null;
  readonly seed: number;
  readonly isBlind: boolean;
  /** How many hints a person gave. */
  readonly hints: number;
  readonly limits: Readonly<Record<string, number>>;
  readonly metric: { readonly name: string; readonly unit: string; readonly higherIsBetter: boolean } | null;
  readonly best: number | null;
  readonly evaluations: number;
  readonly budget: number;
  readonly rounds: number;
  /** Null where the server did not tell, or no model was asked. */
  readonly tokens: number | null;
  readonly usd: number | null;
  /** ISO 8601, UTC; empty for a damaged run that never began. */
  readonly startedAt: string;
  readonly lastAt: string;
  readonly ended: StopReason | null;
}

/** A bench in the folder that is shown. Its runs are those whose ids begin with its own, or all of them where that is `.`. */
export interface BenchRow {
  readonly id: string;
  readonly title: string;
  /** How many runs it is to have, and how many of them failed. */
  readonly planned: number;
  readonly failed: number;
  /** What is wrong with its record; null: nothing. */
  readonly trouble: string | null;
}

export interface RunsMessage {
  /** The folder that is shown, as it was named. */
  readonly folder: string;
  /** Rows that are new or have changed. */
  readonly rows: readonly RunRow[];
  /** Runs that are gone. */
  readonly gone: readonly string[];
  /** How many runs have not been read yet. */
  readonly unread: number;
  /** Every bench in the folder; absent: as before. */
  readonly benches?: readonly BenchRow[];
}

/** What the journal's lines do not say of a run. */
export interface Standing {
  readonly condition: Condition;
  /** Whether the run takes orders now. */
  readonly isSteerable: boolean;
  /** What is wrong with its record: damaged, shorter than it was, gone; null: nothing. */
  readonly trouble: string | null;
  /** Whether what was shown so far no longer holds and begins anew with the next line. */
  readonly isAnew: boolean;
  /** The sequence number of the last line there is so far: the page has caught up when it has seen it. */
  readonly lastSeq: number;
}

export type { Answer, Order } from "../search/ports.ts";
