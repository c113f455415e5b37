/**
 * What the panels of a run are drawn from.
 *
 * It decides what is computed from a run's state, and how often: a run may bring a thousand events a second, and is
 * not
 * walked through at each of them.
 */
import { ownNames } from "../../report/own-names.ts";
import type { RunEvent } from "../../search/events.ts";
import { metered, type Spend, spend } from "../../search/spend.ts";
import { tiesWithBest } from "../../search/noise.ts";
import { type Best, best } from "../../search/results.ts";
import type { RunState } from "../../search/state.ts";
import type { StatusMessage } from "../protocol.ts";
import { improvers } from "./candidate-words.ts";
import { secondsLeft } from "./time-left.ts";

/** A run as far as it was read, as `RunStream` has it. */
export interface ReadRun {
  readonly state: RunState | null;
  readonly events: readonly RunEvent[];
  readonly status: StatusMessage | null;
}

export type Replied = Extract<RunEvent, { type: "chat-replied" }>;

/** A run at one moment. The state continues to grow; everything else does not change. */
export interface Snapshot {
  readonly state: RunState;
  readonly status: StatusMessage | null;
  readonly events: readonly RunEvent[];
  /** How many of `events` there were. */
  readonly count: number;
  /** Places in `events` by type, in order. */
  readonly places: ReadonlyMap<RunEvent["type"], readonly number[]>;
  /** What was asked and replied, in the order of the state's calls. */
  readonly replies: readonly Replied[];
  readonly best: Best | null;
  /** What cannot be told from the best, by canonical text; null: the noise of the best is not known. */
  readonly ties: ReadonlySet<string> | null;
  /** Evaluations paid for. */
  readonly evaluated: number;
  readonly spend: Spend;
  /** As caps count it. */
  readonly metered: ReturnType<typeof metered>;
  /** See candidate-words.ts. */
  readonly improvers: ReadonlySet<string>;
  /** See time-left.ts. */
  readonly secondsLeft: number | null;
  /** Translates an architecture into the space's own names. */
  readonly open: (text: string) => string;
  /** False: the run was blind, and this version cannot translate what it saw. */
  readonly isTranslated: boolean;
}

/** The shortest time between two snapshots, in milliseconds. */
const shortestMs = 90;
/** After each the page does something else for so many times as long as it took. */
const restShare = 6;
const longestMs = 1_500;

/** Makes snapshots of one run, no more often than there is time for. */
export class Snapshots {
  readonly #run: () => ReadRun;
  readonly #milliseconds: () => number;
  readonly #isDue: (milliseconds: number) => void;
  #last: Snapshot | null = null;
  #nextAt = Number.NEGATIVE_INFINITY;
  /** Whether it is known how long the newest one took to draw. */
  #isDrawn = false;
  #index = new EventIndex();
  #names: { readonly of: RunState["original"]; readonly open: ((text: string) => string) | null } | null =
    null;

  /**
   * @param milliseconds what only ever grows
   * @param isDue called when something new can be shown after so many milliseconds
   */
  constructor(run: () => ReadRun, milliseconds: () => number, isDue: (milliseconds: number) => void) {
    this.#run = run;
    this.#milliseconds = milliseconds;
    this.#isDue = isDue;
  }

  /** The newest snapshot that there was time for; null: nothing has been read yet. */
  current(): Snapshot | null {
    const run = this.#run();
    const { state, status, events } = run;
    if (state === null) {
      this.#last = null;
      return null;
    }
    const last = this.#last;
    const isNew =
      last === null || last.events !== events || last.count !== events.length || last.status !== status;
    if (!isNew) return last;
    const now = this.#milliseconds();
    if (last !== null && last.events === events && now < this.#nextAt) {
      this.#isDue(this.#nextAt - now);
      return last;
    }
    this.#last = this.#make(state, status, events);
    this.#nextAt = now + shortestMs;
    this.#isDrawn = false;
    return this.#last;
  }

  /**
   * How long it took to draw the newest one, in milliseconds: the next will wait accordingly. To draw the same one again
   * puts nothing off.
   */
  took(milliseconds: number): void {
    if (this.#isDrawn) return;
    this.#isDrawn = true;
    this.#nextAt = this.#milliseconds() + Math.min(longestMs, Math.max(shortestMs, restShare * milliseconds));
  }

  #make(state: RunState, status: StatusMessage | null, events: readonly RunEvent[]): Snapshot {
    if (this.#index.events !== events) this.#index = new EventIndex(events);
    this.#index.read();
    if (this.#names === null || this.#names.of !== state.original)
      this.#names = { of: state.original, open: ownNames(state) };
    const { open } = this.#names;
    const used = spend(state);
    return {
      state,
      status,
      events,
      count: events.length,
      places: this.#index.places,
      replies: this.#index.replies,
      best: best(state),
      ties: tiesOf(state),
      evaluated: used.evaluations,
      spend: used,
      metered: metered(state),
      improvers: improvers(state),
      secondsLeft: secondsLeft(state),
      open: open ?? ((text) => text),
      isTranslated: open !== null,
    };
  }
}

// --- internal ---

function tiesOf(state: RunState): Snapshot["ties"] {
  const ties = tiesWithBest(state);
  return ties === null ? null : new Set(ties.map(({ measured }) => measured.text));
}

/** Reads every event once. */
class EventIndex {
  readonly events: readonly RunEvent[];
  readonly places = new Map<RunEvent["type"], number[]>();
  readonly replies: Replied[] = [];
  #read = 0;

  constructor(events: readonly RunEvent[] = []) {
    this.events = events;
  }

  read(): void {
    for (; this.#read < this.events.length; this.#read++) {
      const event = this.events[this.#read] as RunEvent;
      const places = this.places.get(event.type);
      if (places === undefined) this.places.set(event.type, [this.#read]);
      else places.push(this.#read);
      if (event.type === "chat-replied") this.replies.push(event);
    }
  }
}
