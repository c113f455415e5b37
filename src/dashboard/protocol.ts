/**
 * What the server of the live page and the page say to each other: JSON over HTTP and server-sent events of one origin.
 *
 *     GET  /api/runs             event stream: `runs` with a RunsChange, the first one with everything
 *     GET  /api/runs/ID/events   event stream: `lines` with lines of the journal (one a line of the message, its id the
 *                                number of the last event), `status` with a StatusMessage
 *                                (Last-Event-ID, or ?after=SEQ: only what comes after that event)
 *     POST /api/runs/ID/steer    an Order, with the token as a bearer; answers with an Answer
 *     POST /api/token            204 where the bearer is the token, else 403
 *
 * ID is the run's folder below the folder that is shown, percent-encoded as one part of the path; `.` is that folder itself.
 */
import type { RunStatus } from "../runs/shown-runs.ts";

/** What the journal's lines do not say of a run. The page has caught up when it has seen event `lastSeq`. */
export interface StatusMessage extends RunStatus {
  /** What is wrong with the journal: damaged, changed, gone; null: nothing. */
  readonly trouble: string | null;
  /** Whether what was shown so far no longer holds, and all lines come again from the first. */
  readonly isRestart: boolean;
}
