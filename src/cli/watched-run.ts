/**
 * A run that another process works on, as its lines come in: draws each event as `run` draws it, or prints it for `--json`.
 *
 * Folds the events into the state of the run. Where the lines come from is the caller's.
 */
import type { Watcher } from "../app/watch.ts";
import type { RunEvent } from "../search/events.ts";
import { applyEvent } from "../search/fold.ts";
import type { RunState } from "../search/state.ts";
import { strategySummary } from "../search/strategy.ts";
import { LiveView } from "./live-view.ts";
import type { Output } from "./output.ts";
import { namedNumbers } from "../text/numbers.ts";

export class WatchedRun implements Watcher {
  readonly #output: Output;
  #view: LiveView;
  #state: RunState | null = null;
  /** The events from before the start of watching, until all of them are there; null: they were shown. */
  #past: RunEvent[] | null = [];
  /** Whether lines are missing for good, so that there is no state. */
  #isPartial = false;
  #ended = false;

  constructor(output: Output) {
    this.#output = output;
    this.#view = new LiveView(output.stderr);
  }

  /** The state of the run so far; null while there is no line, or lines are missing for good. */
  get state(): RunState | null {
    return this.#isPartial ? null : this.#state;
  }

  /** Whether the search has ended. The tests after it may still be missing. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /**
   * Takes the next lines, in order.
   *
   * @throws ContractViolation when an event cannot follow the ones before it
   */
  async show(lines: Parameters<Watcher["show"]>[0]): Promise<void> {
    if (this.#output.json && lines.length > 0) {
      const printed = this.#output.jsonLines(lines.map(({ text }) => text));
      for (const { event } of lines) this.#showEvent(event);
      await printed;
    } else for (const { event } of lines) this.#showEvent(event);
  }

  /** All lines from before are there: shows them in short, and from here on each line as it comes. */
  begin(): void {
    const past = this.#past ?? [];
    this.#past = null;
    for (const event of past) this.#draw(event, past.at(-1)?.seq ?? 0);
  }

  /** Continues although lines are missing that will never come. */
  continueWithout(words: string): void {
    this.#view.end();
    this.say(words);
    this.#isPartial = true;
    this.#past = null;
  }

  /** Begins again with the first line: what was shown no longer holds. */
  restart(words: string): void {
    this.#view.end();
    this.say(words);
    this.#view = new LiveView(this.#output.stderr);
    this.#state = null;
    this.#past = [];
    this.#isPartial = false;
    this.#ended = false;
  }

  say(line: string): void {
    this.#view.say(line);
  }

  /** Takes the bar away. */
  end(): void {
    this.#view.end();
  }

  #showEvent(event: RunEvent): void {
    if (event.type === "run-ended") this.#ended = true;
    if (event.type === "run-resumed") this.#ended = false;
    if (this.#isPartial) {
      const line = eventLine(event);
      if (line !== null) this.say(line);
    } else if (this.#past === null) this.#draw(event, 0);
    else this.#past.push(event);
  }

  #draw(event: RunEvent, from: number): void {
    const state = applyEvent(this.#state, event);
    this.#state = state;
    if (event.type === "run-started") this.#view.begin(state, Math.max(from, event.seq));
    else this.#view.observe({ kind: "recorded", event, state });
  }
}

// --- internal ---

/** An event by itself, where the ones before it are not known; null: nothing is shown of it. */
function eventLine(event: RunEvent): string | null {
  switch (event.type) {
    case "strategy-set":
      return `round ${event.round}  ${strategySummary(event.text)}`;
    case "architecture-measured": {
      const { outcome, round, text } = event;
      const result =
        outcome.kind === "measurement" ? namedNumbers(outcome.metrics) : `failed (${outcome.failure})`;
      return `round ${round}  ${result}  ${text}`;
    }
    case "round-closed":
      return `round ${event.round}  closed`;
    case "run-ended":
      return `the search has ended (${event.reason})`;
    default:
      return null;
  }
}
