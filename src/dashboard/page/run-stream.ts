/**
 * One run as it grows: the server's stream of its record, folded in this browser.
 *
 * It keeps the connection, the order and the pace. `applyEvent` of the search does the folding.
 */
import type { RunEvent } from "../../search/events.ts";
import { applyEvent } from "../../search/fold.ts";
import type { RunState } from "../../search/state.ts";
import type { StatusMessage } from "../protocol.ts";
import { oncePerFrame, whileSeen, yielded } from "./tasks.ts";

/** The page's connection to the server. */
export type Connection = "connecting" | "open" | "lost";

export interface RunStream {
  /** Of the run. */
  readonly id: string;
  /** As far as it was folded; null: no line has come. It stays the same object as it grows: compare its `seq`. */
  readonly state: RunState | null;
  /** All of them, in order. */
  readonly events: readonly RunEvent[];
  /** Null: not known yet. */
  readonly status: StatusMessage | null;
  /** Whether everything up to the last status of the server has been folded. */
  readonly isCaughtUp: boolean;
  readonly connection: Connection;
  /** Why nothing can come: the server knows no such run, or a line cannot follow the ones before; null: all is well. */
  readonly trouble: string | null;
  close(): void;
}

/** How long folding continues without a break, in milliseconds. */
const sliceMs = 20;
/** How long to wait before asking again what was refused, in milliseconds. */
const againMs = 2_000;

/** Follows a run; `onChange` is called at most once a picture. */
export function openRun(id: string, onChange: () => void): RunStream {
  const stream = new FoldedStream(id, onChange);
  stream.open();
  return stream;
}

// --- internal ---

class FoldedStream implements RunStream {
  state: RunState | null = null;
  events: RunEvent[] = [];
  status: StatusMessage | null = null;
  connection: Connection = "connecting";
  trouble: string | null = null;
  readonly id: string;
  readonly #address: string;
  readonly #changed: ReturnType<typeof oncePerFrame>;
  #source: EventSource | null = null;
  #again: ReturnType<typeof setTimeout> | null = null;
  /** The last line that has come, folded or not. */
  #lastSeq = 0;
  #queue: string[] = [];
  #at = 0;
  #isFolding = false;
  #isClosed = false;
  readonly #endOfSeeing: () => void;

  constructor(id: string, onChange: () => void) {
    this.id = id;
    this.#address = `/api/runs/${encodeURIComponent(id)}/events`;
    this.#changed = oncePerFrame(onChange);
    this.#endOfSeeing = whileSeen({ resume: () => this.open(), rest: () => this.#hangUp() });
  }

  get isCaughtUp(): boolean {
    return this.status !== null && (this.state?.seq ?? 0) >= this.status.lastSeq;
  }

  open(): void {
    this.#hangUp();
    // Earlier lines do not come again, unless the record has changed.
    const after = this.#lastSeq;
    const source = new EventSource(after === 0 ? this.#address : `${this.#address}?after=${after}`);
    this.#source = source;
    const handlers: Readonly<Record<string, (event: MessageEvent<string>) => void>> = {
      open: () => this.#connect("open"),
      lines: ({ data, lastEventId }) => {
        this.#lastSeq = Number(lastEventId);
        this.#take(data.split("\n"));
      },
      status: ({ data }) => {
        const status = JSON.parse(data) as StatusMessage;
        if (status.isRestart) this.#forget();
        this.status = status;
        this.#changed();
      },
    };
    for (const [kind, hear] of Object.entries(handlers))
      source.addEventListener(kind, (event) => hear(event as MessageEvent<string>));
    source.addEventListener("error", () => {
      this.#connect("lost");
      if (source.readyState !== EventSource.CLOSED || this.#isClosed) return;
      // The browser asks again by itself unless it was refused.
      this.#again = setTimeout(() => this.open(), againMs);
      void this.#askWhy();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#endOfSeeing();
    this.#hangUp();
    this.#changed.cancel();
    this.#queue = [];
  }

  #hangUp(): void {
    this.#source?.close();
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = null;
  }

  #connect(connection: Connection): void {
    this.connection = connection;
    if (connection === "open") this.trouble = null;
    this.#changed();
  }

  /** An event source does not say why it was refused. */
  async #askWhy(): Promise<void> {
    const answer = await fetch(this.#address).catch(() => null);
    void answer?.body?.cancel();
    this.trouble = answer?.status === 404 ? "There is no such run." : null;
    this.#changed();
  }

  #forget(): void {
    this.state = null;
    this.events = [];
    this.trouble = null;
    this.#queue = [];
    this.#at = 0;
    this.#lastSeq = 0;
    this.#changed();
  }

  #take(lines: readonly string[]): void {
    for (const line of lines) if (line !== "") this.#queue.push(line);
    if (!this.#isFolding) void this.#fold();
  }

  async #fold(): Promise<void> {
    this.#isFolding = true;
    // The queue may be replaced in between.
    while (this.#at < this.#queue.length) {
      const began = performance.now();
      while (this.#at < this.#queue.length && performance.now() - began < sliceMs)
        this.#follow(this.#queue[this.#at++] ?? "");
      if (this.#at >= this.#queue.length) [this.#queue, this.#at] = [[], 0];
      this.#changed();
      await yielded();
    }
    this.#isFolding = false;
  }

  #follow(line: string): void {
    try {
      // The server has checked it before it sent it.
      const event = JSON.parse(line) as RunEvent;
      if (event.seq <= (this.state?.seq ?? 0)) return;
      this.state = applyEvent(this.state, event);
      this.events.push(event);
    } catch (error) {
      this.trouble ??= error instanceof Error ? error.message : String(error);
    }
  }
}
