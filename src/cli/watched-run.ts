/**
 * A run that somebody else makes, as its lines come in.
 *
 * Owns what is told of each line, drawn as `run` draws it or printed for `--json`, and the state they add up to. Knows
 * nothing of where the lines are from.
 */
import type { StoredLine } from "../runs/shown-runs.ts";
import type { RunEvent } from "../search/events.ts";
import { applyEvent } from "../search/fold.ts";
import type { RunState } from "../search/state.ts";
import { strategySummary } from "../search/strategy.ts";
import { LiveView } from "./live-view.ts";
import type { Output } from "./output.ts";
import { numbers } from "./summary.ts";

export class WatchedRun {
  readonly #output: Output;
  #view: LiveView;
  #state: RunState | null = null;
  /** Those from before anybody watched, until all of them are there; null: they have been told. */
  #past: RunEvent[] | null = [];
  /** Whether lines are missing for good, so that they add up to nothing. */
  #isPartial = false;
  #ended = false;

  constructor(output: Output) {
    this.#output = output;
    this.#view = new LiveView(output.stderr);
  }

  /** What the lines so far add up to; null while there are none, or some are missing for good. */
  get state(): RunState | null {
    return this.#isPartial ? null : this.#state;
  }

  /** Whether the search has ended; what is tested afterwards may be missing yet. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /**
   * Takes the next lines, in order.
   *
   * @throws ContractViolation when an event cannot follow the ones before it
   */
  async tell(lines: readonly StoredLine[]): Promise<void> {
    if (this.#output.json && lines.length > 0) {
      const printed = this.#output.jsonLines(lines.map(({ text }) => text));
      for (const { event } of lines) this.#tellOf(event);
      await printed;
    } else for (const { event } of lines) this.#tellOf(event);
  }

  /** Everything from before has been taken: it is told in short, and what follows as it comes. */
  begin(): void {
    const past = this.#past ?? [];
    this.#past = null;
    for (const event of past) this.#draw(event, past.at(-1)?.seq ?? 0);
  }

  /** The next lines do not follow the ones before, and what is between them will never come. */
  goOnWithout(words: string): void {
    this.#view.end();
    this.say(words);
    this.#isPartial = true;
    this.#past = null;
  }

  /** What was told no longer holds. */
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

  #tellOf(event: RunEvent): void {
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

/** An event by itself, where what came before it is not known; null: it says nothing then. */
function eventLine(event: RunEvent): string | null {
  switch (event.type) {
    case "strategy-set":
      return `round ${event.round}  ${strategySummary(event.text)}`;
    case "architecture-measured": {
      const { outcome, round, text } = event;
      const result =
        outcome.kind === "measurement" ? numbers(outcome.metrics) : `failed (${outcome.failure})`;
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
