/**
 * Reads other runs to draw them next to a run, one after another, each once.
 *
 * controls.ts says which can be chosen.
 */
import type { ReportedRun } from "../../report/study.ts";
import type { RunState } from "../../search/state.ts";
import type { RunRow } from "../../runs/shown-runs.ts";
import { type Compared, firstControls, mostControls, possibleControls } from "./controls.ts";
import { openRun, type RunStream } from "./run-stream.ts";

export class ControlRuns {
  readonly #changed: () => void;
  /** Null: it could not be read. */
  readonly #read = new Map<string, RunState | null>();
  /** What a reader chose; null: nothing, and the first choice is used. */
  #chosen: readonly string[] | null = null;
  #first: readonly string[] = [];
  #possible: readonly RunRow[] = [];
  #reading: { readonly id: string; readonly stream: RunStream } | null = null;
  #isClosed = false;

  /** @param changed called when another run has been read */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** The runs that can be chosen. */
  get possible(): readonly RunRow[] {
    return this.#possible;
  }

  /** The ids of the runs that are shown, or will be once they are read. */
  get chosen(): readonly string[] {
    const isPossible = (id: string) => this.#possible.some((row) => row.id === id);
    return (this.#chosen ?? this.#first).filter(isPossible);
  }

  /** Those of the chosen that have been read, under their ids. */
  get runs(): ReportedRun[] {
    return this.chosen.flatMap((id) => {
      const state = this.#read.get(id);
      return state === undefined || state === null ? [] : [{ folder: id, state }];
    });
  }

  /** Takes the list of runs as it is now. */
  offer(rows: Iterable<RunRow>, run: Compared): void {
    this.#possible = possibleControls([...rows], run);
    this.#first = firstControls(this.#possible, run);
    this.#readNext();
  }

  /** Adds a run or takes it away; with `mostControls` chosen, no other is added. */
  toggle(id: string): void {
    const now = this.chosen;
    if (now.includes(id)) this.#chosen = now.filter((each) => each !== id);
    else if (now.length < mostControls) this.#chosen = [...now, id];
    this.#readNext();
    this.#changed();
  }

  close(): void {
    this.#isClosed = true;
    this.#reading?.stream.close();
    this.#reading = null;
  }

  #readNext(): void {
    if (this.#reading !== null || this.#isClosed) return;
    const id = this.chosen.find((each) => !this.#read.has(each));
    if (id === undefined) return;
    // One at a time: a browser holds few connections open to one server.
    const stream = openRun(id, () => {
      const isLost = stream.trouble !== null || (stream.status?.trouble ?? null) !== null;
      if (this.#reading?.stream !== stream || !(stream.isCaughtUp || isLost)) return;
      stream.close();
      this.#reading = null;
      this.#read.set(id, isLost ? null : stream.state);
      this.#changed();
      this.#readNext();
    });
    this.#reading = { id, stream };
  }
}
