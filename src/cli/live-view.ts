/**
 * A search as it runs, in the terminal.
 *
 * It draws a line or two a round. On a terminal there is also a bar with the best so far and the time left, and under it
 * the evaluation under way, once it takes a while. Elsewhere such an evaluation is a line now and then.
 */
import type { SingleBar } from "cli-progress";
import type { Notice } from "../search/live-run.ts";
import type { RunEvent } from "../search/events.ts";
import { strategySummary } from "../search/strategy.ts";
import { funnel } from "../search/funnel.ts";
import { budgetLeft, budgetSpent } from "../search/progress.ts";
import { errorOf } from "../search/noise.ts";
import { best } from "../search/results.ts";
import type { RunState } from "../search/state.ts";
import { barColumns, Bars } from "./bars.ts";
import { CallWatch } from "./call-watch.ts";
import { program } from "../app/compose.ts";
import { type Current, Pace } from "./pace.ts";
import { duration } from "../text/durations.ts";
import { shellWord } from "../text/shell.ts";
import { knownWords, searcherWords, truncationWords } from "../report/words.ts";
import { columnsOf, paint, printable, type TextStream } from "./style.ts";
import { plain } from "../text/plain.ts";
import { scoreText } from "./summary.ts";
import { wrapped } from "../text/wrapped.ts";
import { oneLine } from "../text/words.ts";

/** An evaluation that is over sooner is not shown. */
const shownAfterSeconds = 1;
const barFormat = "  {bar} {value}/{total} evaluated  best {best}  {left}";
/** Without a terminal, evaluations are not reported as long as something was printed so recently. */
const quietSeconds = 30;

export class LiveView {
  readonly #out: TextStream;
  #bars: Bars | null = null;
  #bar: SingleBar | null = null;
  readonly #seconds: () => number;
  #state: RunState | null = null;
  #from = 0;
  #pace: Pace;
  readonly #calls: CallWatch;
  #saidAt: number;
  /** What the bar shows is older than the latest event. */
  #hasNews = false;
  #updatedAt = 0;
  #bestBefore: number | null = null;

  /** @param seconds what only ever grows */
  constructor(out: TextStream, seconds: () => number = () => performance.now() / 1000) {
    this.#out = out;
    this.#seconds = seconds;
    this.#saidAt = seconds();
    this.#pace = new Pace(seconds, 0);
    this.#calls = new CallWatch(seconds);
  }

  /**
   * The opening line.
   *
   * @param from the number of the last event that was recorded before anybody watched: of what came before, a line a
   *   round is shown
   */
  begin(state: RunState, from = state.seq): void {
    const { search, space } = state;
    const limits = Object.entries(search.limits).map(([name, limit]) => `${name} at most ${limit}`);
    const parts = [
      `space ${paint("bold", space.id)}`,
      `searcher ${paint("bold", searcherWords(state))}`,
      `${search.budget} evaluations`,
      ...limits,
      `seed ${search.seed}`,
      ...(search.blind === true ? ["blind to the space's names"] : []),
      ...(state.known.length > 0 ? [`begins with ${knownWords(state)}`] : []),
    ];
    this.say(parts.join(", "));
    this.#state = state;
    this.#from = from;
    this.#pace = new Pace(this.#seconds, from);
    this.#bestBefore = best(state)?.value ?? null;
    if (!this.#out.isTTY) return;
    this.#bars = new Bars(this.#out, barFormat, () => this.#updateBar());
    this.#bar = this.#bars.bar(search.budget, budgetSpent(state), this.#payload(state));
    this.#bars.line(() => printable(this.#currentLine(), this.#out));
  }

  /** Takes a notice of the search. */
  observe(notice: Notice): void {
    this.#calls.observe(notice);
    switch (notice.kind) {
      case "recorded":
        this.#recorded(notice);
        break;
      case "waiting":
        this.say(paint("yellow", `waiting ${waitWords(notice.seconds)}: ${plain(notice.reason)}`));
        break;
      case "asking":
        if (notice.attempt > 1)
          this.say(paint("yellow", `the ${notice.role}'s reply could not be read: asking once more`));
        break;
      case "progress":
        this.#pace.progress(notice);
        this.#sayCurrent();
        break;
    }
  }

  /** A part of a role's reply has come. */
  writing(characters: number): void {
    this.#calls.writing(characters);
  }

  /** One line above the bar. `command` is what it names last, to be copied. */
  say(line: string, command = ""): void {
    this.#saidAt = this.#seconds();
    const text = wrapped(printable(line, this.#out), columnsOf(this.#out), printable(command, this.#out));
    if (this.#bars === null) this.#out.write(`${text}\n`);
    else this.#bars.say(text);
  }

  /** Takes the bar away; what was said stays. */
  end(): void {
    this.#bars?.end();
    this.#bars = null;
    this.#bar = null;
  }

  #recorded(notice: Extract<Notice, { kind: "recorded" }>): void {
    const { event, state } = notice;
    if (event.type === "round-closed") this.#closed(event.round, state, event.seq <= this.#from);
    if (event.seq > this.#from) {
      if (event.type === "strategy-set") this.#strategy(event.round, plain(strategySummary(event.text)));
      if (event.type === "chat-replied") this.#called(event);
      const steered = steeredWords(event, state);
      if (steered !== null)
        this.say(
          paint("yellow", plain(steered.words)),
          steered.command === undefined ? "" : paint("yellow", steered.command),
        );
    }
    this.#pace.recorded(notice);
    this.#state = state;
    this.#hasNews = true;
    this.#sayCurrent();
  }

  // ----- The evaluation under way -----

  /** Called whenever the bar is about to be drawn. The time left changes also while nothing happens. */
  #updateBar(): void {
    if (this.#bar === null || this.#state === null) return;
    if (!this.#hasNews && this.#seconds() < this.#updatedAt + 1) return;
    this.#hasNews = false;
    this.#updatedAt = this.#seconds();
    this.#bar.update(budgetSpent(this.#state), this.#payload(this.#state));
  }

  /** The line under the bar; empty as long as evaluations are quick. */
  #currentLine(): string {
    const call = this.#calls.words();
    if (call !== null) return paint("dim", `  ${call}`.slice(0, this.#width() - 1));
    const current = this.#pace.current();
    if (current === null || current.seconds < shownAfterSeconds) return "";
    return paint("dim", `  ${currentWords(current)}`.slice(0, this.#width() - 1));
  }

  /** Where there is no bar: a line, unless something was said lately. */
  #sayCurrent(): void {
    const current = this.#pace.current();
    const isLate = this.#seconds() >= this.#saidAt + quietSeconds;
    if (this.#bars !== null || this.#state === null || current === null || !isLate) return;
    const { best: score, left } = this.#payload(this.#state);
    const done = `${budgetSpent(this.#state)}/${this.#state.search.budget} evaluated`;
    const rest = [done, `best ${score}`, left].filter((part) => part !== "").join(", ");
    this.say(`${currentWords(current)}; ${rest}`);
  }

  /** What a person should know of how a reply came about. */
  #called({ role, condensed, reply, truncated }: Extract<RunEvent, { type: "chat-replied" }>): void {
    const probes = reply.probes ?? [];
    const learned = probes
      .map(({ outputMode, finding, words }) => `${outputMode} ${finding} (${words})`)
      .join("; ");
    const lines = [
      ...(probes.length === 0 ? [] : [`found out how to ask for JSON: ${learned}`]),
      ...(reply.notes ?? []),
      ...(condensed === true
        ? [`the ${role}'s conversation no longer fits the model's window: older rounds are shortened`]
        : []),
      ...(truncated === undefined ? [] : [truncationWords(truncated.promptTokens)]),
    ];
    for (const line of lines) this.say(paint("yellow", plain(line)));
  }

  /** The strategy's summary in at most two lines. */
  #strategy(round: number, summary: string): void {
    const label = `${roundLabel(round)}  `;
    const [first = "", second = "", ...more] = wrapped(summary, this.#width() - label.length - 2).split("\n");
    this.say(label + first);
    if (second !== "") this.say(" ".repeat(label.length) + second + (more.length > 0 ? " …" : ""));
  }

  /** @param isAlone whether no strategy with the round's number was shown before */
  #closed(round: number, state: RunState, isAlone: boolean): void {
    const counts = funnel(state, round);
    const found = best(state);
    const value = found?.value ?? null;
    const better = value !== null && value !== this.#bestBefore;
    const lost = [
      [counts.unreadable + counts.illegal, "not valid"],
      [counts.repeated, "repeated"],
      [counts.equivalent, "equivalent"],
      [counts.overLimit, "over the limit"],
      [counts.beyondBudget, "beyond the budget"],
      [counts.failed, "failed"],
    ] as const;
    const losses = lost
      .filter(([count]) => count > 0)
      .map(([count, name]) => `, ${count} ${name}`)
      .join("");
    const stored = counts.storedEvaluated > 0 ? ` (${counts.storedEvaluated} from the store)` : "";
    const score = `best ${scoreText(state, value, errorOf(state, found?.outcome))}`;
    const hasStrategy = (state.rounds[round - 1]?.strategy ?? null) !== null;
    const label = !hasStrategy || isAlone ? roundLabel(round) : " ".repeat(roundLabel(round).length);
    this.say(
      `${label}  ${better ? paint("green", `${score} ↑`) : score}, ${counts.evaluated} evaluated${stored}${losses}`,
    );
    this.#bestBefore = value;
  }

  #payload(state: RunState): { best: string; left: string } {
    const seconds = this.#pace.secondsLeft(state);
    const isOver = seconds === null || budgetLeft(state) === 0 || state.ended !== null;
    const left = isOver ? "" : `${duration(Math.max(seconds, 1))} left`;
    // Where there is a bar, it prints this by itself.
    const found = best(state);
    const words = (error: number | null) => plain(scoreText(state, found?.value ?? null, error));
    const whole = words(errorOf(state, found?.outcome));
    const shown = `${budgetSpent(state)}${state.search.budget}${whole}${left}`;
    const columns = barFormat.replace(/\{\w+\}/g, "").length + barColumns + shown.length;
    return { best: columns <= this.#width() ? whole : words(null), left };
  }

  #width(): number {
    return columnsOf(this.#out) ?? 100;
  }
}

/** What a person ordered, and the command that continues the run from there. */
function steeredWords(event: RunEvent, { run }: RunState): { words: string; command?: string } | null {
  switch (event.type) {
    case "run-paused":
      return {
        words: "paused; continue with:",
        command: `${program} steer ${shellWord(plain(run))} resume`,
      };
    case "run-continued":
      return { words: "continued after the pause" };
    case "hint-given":
      return {
        words: `a hint by a person, sent with the request for the strategy of round ${event.round}: ${event.text}`,
      };
    default:
      return null;
  }
}

/** Which evaluation it is, how far it has come, what the evaluator says of it, and for how long it has run. */
function currentWords({ split, place, of, fraction, note, seconds }: Current): string {
  const what = split === "test" ? "testing the winner" : `evaluating ${place} of ${of}`;
  const known = [fraction > 0 ? `${Math.floor(100 * fraction)} %` : "", oneLine(plain(note))];
  const details = [...known, seconds < 1 ? "" : `${duration(seconds)} so far`].filter((part) => part !== "");
  return details.length === 0 ? what : `${what}: ${details.join(", ")}`;
}

function waitWords(seconds: number): string {
  return seconds < 90 ? `${seconds.toFixed(1)} s` : duration(seconds);
}

function roundLabel(round: number): string {
  return `round ${String(round).padStart(2)}`;
}
