/**
 * What a person asks of a run, and when it happens: pause after the current round, continue, stop, a hint to the Navigator.
 *
 * Takes orders at any time and passes them to the search when it asks for them. What a hint does is the search's.
 */
import { Interrupted, UsageError } from "../errors.ts";
import type { Answer, Steering } from "../search/ports.ts";

/** Whether a run takes hints, and whether it was asked to pause. */
export interface SteeringStatus {
  readonly paused: boolean;
  readonly takesHints: boolean;
  /** Why it takes none; absent: it takes them. */
  readonly refusesHints?: string;
}

export class SteeringOrders implements Steering {
  readonly #refusesHints: string | null;
  readonly #stop = new AbortController();
  /** Whether a person asked for a pause, and whether the search waits right now. */
  #isPaused = false;
  #isWaiting = false;
  #isClosed = false;
  #onContinue: (() => void)[] = [];
  #take: ((text: string) => Promise<number>) | null = null;
  #waitingHints: WaitingHint[] = [];

  /** @param refusesHints why nobody would get a hint; null: the Navigator gets it */
  constructor(refusesHints: string | null) {
    this.#refusesHints = refusesHints;
  }

  // ----- For the person -----

  get status(): SteeringStatus {
    const reason = this.#refusesHints;
    return {
      paused: this.#isPaused,
      takesHints: reason === null,
      ...(reason === null ? {} : { refusesHints: reason }),
    };
  }

  pause(): Answer {
    if (this.#isWaiting) return done("the run is paused already");
    if (this.#isPaused) return done("the run already pauses after the current round");
    this.#isPaused = true;
    return done("the run pauses after the current round");
  }

  resume(): Answer {
    if (!this.#isPaused) return done("the run was not paused");
    const wasWaiting = this.#isWaiting;
    this.#isPaused = false;
    for (const go of this.#onContinue.splice(0)) go();
    return done(wasWaiting ? "the run continues" : "the run will not pause");
  }

  /** The order is taken when this returns. It is carried out after the answer has left. */
  requestStop(): Answer {
    setImmediate(() => this.#stop.abort());
    return done("the run stops now; continue it later with resume");
  }

  /** Resolves when the hint is stored. @throws UsageError when nobody will get it */
  async hint(text: string): Promise<Answer> {
    if (this.#refusesHints !== null) throw new UsageError(this.#refusesHints);
    if (this.#isClosed) throw searchIsOver();
    const take = this.#take;
    const round = await (take === null
      ? new Promise<number>((resolve, reject) => {
          this.#waitingHints.push({ text, resolve, reject });
        })
      : take(text));
    return done(`the Navigator gets the hint with the request for the strategy of round ${round}`);
  }

  // ----- For the run -----

  /** Raised when somebody asked the run to stop. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  isPaused(): boolean {
    return this.#isPaused;
  }

  hintsTo(take: (text: string) => Promise<number>): void {
    this.#take = take;
    for (const { text, resolve, reject } of this.#waitingHints.splice(0)) take(text).then(resolve, reject);
  }

  /** @throws Interrupted when the signal is raised meanwhile */
  async continued(signal: AbortSignal): Promise<void> {
    if (!this.#isPaused) return;
    this.#isWaiting = true;
    try {
      await new Promise<void>((resolve, reject) => {
        const stop = () => reject(new Interrupted("stopped on request"));
        if (signal.aborted) stop();
        signal.addEventListener("abort", stop, { once: true });
        this.#onContinue.push(() => {
          signal.removeEventListener("abort", stop);
          resolve();
        });
      });
    } finally {
      this.#isWaiting = false;
    }
  }

  /** Refuses hints from here on. */
  close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waitingHints.splice(0)) reject(searchIsOver());
  }
}

// --- internal ---

/** A hint that the search has not taken yet. */
interface WaitingHint {
  readonly text: string;
  readonly resolve: (round: number) => void;
  readonly reject: (error: Error) => void;
}

function searchIsOver(): UsageError {
  return new UsageError("the search is over: no strategy will be asked for any more");
}

function done(words: string): Answer {
  return { ok: true, words };
}
