/**
 * A bench as it runs, in the terminal.
 *
 * It draws one bar for all runs with the time left, and a line for each run that fails. Without a terminal it prints the same
 * as a line now and then.
 */
import type { SingleBar } from "cli-progress";
import type { BenchWatch } from "../app/bench.ts";
import type { PlannedRun } from "../app/plan.ts";
import { duration } from "../text/durations.ts";
import type { Notice } from "../search/live-run.ts";
import { budgetSpent } from "../search/progress.ts";
import { Bars } from "./bars.ts";
import { columnsOf, paint, printable, type TextStream } from "./style.ts";
import { wrapped } from "../text/wrapped.ts";

/** Without a terminal, nothing is said as long as something was said so recently. */
const quietSeconds = 30;
/** A rate that was watched for less is no estimate. */
const watchedSeconds = 2;

export class BenchView implements BenchWatch {
  readonly #out: TextStream;
  readonly #seconds: () => number;
  readonly #runs: number;
  /** Evaluations that each run was seen to have made; all of its budget once it is over. */
  readonly #made = new Map<PlannedRun, number>();
  readonly #budget: number;
  readonly #began: number;
  #bars: Bars | null = null;
  #bar: SingleBar | null = null;
  #settled = 0;
  #failed = 0;
  /** Evaluations made while somebody watched: those found in finished runs say nothing of the pace. */
  #watched = 0;
  #saidAt: number;

  /** @param seconds what only ever grows */
  constructor(
    out: TextStream,
    runs: readonly PlannedRun[],
    seconds: () => number = () => performance.now() / 1000,
  ) {
    this.#out = out;
    this.#seconds = seconds;
    this.#runs = runs.length;
    this.#budget = runs.reduce((sum, { config }) => sum + config.budget, 0);
    this.#began = seconds();
    this.#saidAt = this.#began;
    if (!out.isTTY) return;
    this.#bars = new Bars(out, "  {bar} {runs} runs  {evaluated} evaluated{failed}  {left}");
    this.#bar = this.#bars.bar(Math.max(1, this.#budget), 0, this.#payload());
  }

  observe(run: PlannedRun, notice: Notice): void {
    if (notice.kind === "waiting")
      this.say(paint("yellow", `${nameOf(run)}: waiting ${notice.seconds.toFixed(1)} s: ${notice.reason}`));
    if (notice.kind !== "recorded" || notice.event.type !== "architecture-measured") return;
    const made = budgetSpent(notice.state);
    this.#watched += 1;
    this.#made.set(run, made);
    this.#update();
  }

  /** The run has come to its end, now or in an earlier bench. */
  settled(run: PlannedRun): void {
    this.#settled += 1;
    this.#made.set(run, run.config.budget);
    this.#update();
  }

  failed(run: PlannedRun, reason: string): void {
    this.#failed += 1;
    this.say(paint("yellow", `${nameOf(run)}: failed: ${reason}`));
  }

  /** The run has come to its end with nothing to use. */
  fruitless(run: PlannedRun, reason: string): void {
    this.say(paint("yellow", `${nameOf(run)}: ${reason}`));
  }

  /** One line that stays. */
  say(line: string): void {
    this.#saidAt = this.#seconds();
    const text = wrapped(printable(line, this.#out), columnsOf(this.#out));
    if (this.#bars === null) this.#out.write(`${text}\n`);
    else this.#bars.say(text);
  }

  /** Takes the bar away; what was said stays. */
  end(): void {
    this.#bars?.end();
    this.#bars = null;
    this.#bar = null;
  }

  #update(): void {
    this.#bar?.update(this.#done(), this.#payload());
    if (this.#bar !== null || this.#seconds() < this.#saidAt + quietSeconds) return;
    const { runs, evaluated, failed, left } = this.#payload();
    this.say(
      [`${runs} runs, ${evaluated} evaluated${failed}`, left].filter((part) => part !== "").join(", "),
    );
  }

  #done(): number {
    let done = 0;
    for (const made of this.#made.values()) done += made;
    return Math.min(done, this.#budget);
  }

  #payload(): { runs: string; evaluated: string; failed: string; left: string } {
    const seconds = this.#seconds() - this.#began;
    const done = this.#done();
    const rate = this.#watched / seconds;
    const isKnown = seconds >= watchedSeconds && this.#watched > 0;
    return {
      runs: `${this.#settled}/${this.#runs}`,
      evaluated: `${done}/${this.#budget}`,
      failed: this.#failed === 0 ? "" : `, ${this.#failed} failed`,
      left: isKnown ? `${duration((this.#budget - done) / rate)} left` : "",
    };
  }
}

function nameOf({ label, config }: PlannedRun): string {
  return `${label} on ${config.space}, seed ${config.seed}`;
}
