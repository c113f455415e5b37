/** The list of runs as it changes: put together from the server's stream of rows. */
import type { BenchRow, RunRow, RunsChange } from "../../runs/shown-runs.ts";
import type { Connection } from "./run-stream.ts";
import { oncePerFrame, whileSeen } from "./tasks.ts";

export interface RunsStream {
  /** By id. */
  readonly rows: ReadonlyMap<string, RunRow>;
  /** The folder that is shown; null: not known yet. */
  readonly folder: string | null;
  readonly benches: readonly BenchRow[];
  /** How many runs have not been read yet; null: not known yet. */
  readonly unread: number | null;
  readonly connection: Connection;
  close(): void;
}

/** How long to wait before asking again what was refused, in milliseconds. */
const againMs = 2_000;
/** How often rows are shown while many are still being read, in milliseconds: each time takes as long as all of them. */
const readingMs = 500;

/**
 * Follows the list; `onChange` is called at most once a picture.
 *
 * @param known rows of before, shown until the server has sent all
 */
export function openRuns(onChange: () => void, known: KnownRuns = nothingKnown): RunsStream {
  const stream = new PatchedRows(onChange, known);
  stream.open();
  return stream;
}

/** What is known of a folder without asking. */
export type KnownRuns = Pick<RunsStream, "rows" | "folder" | "benches">;
export const nothingKnown: KnownRuns = { rows: new Map(), folder: null, benches: [] };

// --- internal ---

class PatchedRows implements RunsStream {
  readonly rows: Map<string, RunRow>;
  folder: string | null;
  benches: readonly BenchRow[];
  unread: number | null = null;
  connection: Connection = "connecting";
  readonly #changed: ReturnType<typeof oncePerFrame>;
  #source: EventSource | null = null;
  #again: ReturnType<typeof setTimeout> | null = null;
  #soon: ReturnType<typeof setTimeout> | null = null;
  /** What this connection has sent so far; null: all was sent, and what was not among it is gone. */
  #sent: Set<string> | null = null;
  #isClosed = false;
  readonly #endOfSeeing: () => void;

  constructor(onChange: () => void, { rows, folder, benches }: KnownRuns) {
    this.#changed = oncePerFrame(onChange);
    this.rows = new Map(rows);
    this.folder = folder;
    this.benches = benches;
    this.#endOfSeeing = whileSeen({ resume: () => this.open(), rest: () => this.#hangUp() });
  }

  open(): void {
    this.#hangUp();
    const source = new EventSource("/api/runs");
    this.#source = source;
    source.addEventListener("open", () => {
      this.#sent = new Set();
      this.connection = "open";
      this.#changed();
    });
    source.addEventListener("runs", ({ data }: MessageEvent<string>) => {
      this.#take(JSON.parse(data) as RunsChange);
    });
    source.addEventListener("error", () => {
      this.connection = "lost";
      this.#changed();
      // The browser asks again by itself unless it was refused.
      if (source.readyState === EventSource.CLOSED && !this.#isClosed)
        this.#again = setTimeout(() => this.open(), againMs);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#endOfSeeing();
    this.#hangUp();
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#changed.cancel();
  }

  #hangUp(): void {
    this.#source?.close();
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = null;
  }

  #take({ folder, rows, gone, unread, benches }: RunsChange): void {
    this.folder = folder;
    this.benches = benches ?? this.benches;
    this.unread = unread;
    for (const row of rows) {
      this.rows.set(row.id, row);
      this.#sent?.add(row.id);
    }
    for (const id of gone) this.rows.delete(id);
    if (unread === 0 && this.#sent !== null) {
      for (const id of this.rows.keys()) if (!this.#sent.has(id)) this.rows.delete(id);
      this.#sent = null;
    }
    if (unread === 0) this.#changed();
    else
      this.#soon ??= setTimeout(() => {
        this.#soon = null;
        this.#changed();
      }, readingMs);
  }
}
