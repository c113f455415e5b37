/**
 * Asks the evaluator for costs and outcomes until each has an answer.
 *
 * It waits for an evaluator that is away, up to the configured patience. No other layer asks an evaluator again.
 * Impossible numbers are failures, and never results.
 */
import { ContractViolation, EvaluatorUnavailable } from "../errors.ts";
import type { MeasuredCost, Outcome } from "./events.ts";
import type { LiveRun } from "./live-run.ts";
import type { Clock, Evaluator } from "./ports.ts";
import type { Architecture } from "./architecture.ts";
import type { SpaceDescription } from "./space-description.ts";

const firstWaitSeconds = 0.25;
const longestWaitSeconds = 5;

/** Impossible numbers are failures, from every evaluator. */
export function checkedOutcome({ metrics }: Pick<SpaceDescription, "metrics">, outcome: Outcome): Outcome {
  if (outcome.kind === "failure") return outcome;
  for (const { name, unit } of metrics) {
    const value = outcome.metrics[name];
    const failed = (failure: "not-finite" | "out-of-range"): Outcome => ({
      kind: "failure",
      failure,
      message: `${name} is ${value}`,
    });
    if (value === undefined || !Number.isFinite(value)) return failed("not-finite");
    if (unit === "percent" && (value < 0 || value > 100)) return failed("out-of-range");
  }
  return outcome;
}

export class Measurements {
  readonly #run: LiveRun;
  readonly #evaluator: Evaluator;
  readonly #clock: Clock;

  constructor(run: LiveRun, evaluator: Evaluator, clock: Clock) {
    this.#run = run;
    this.#evaluator = evaluator;
    this.#clock = clock;
  }

  /**
   * The costs of architectures, in their order. Costs that the run knows already are not measured again.
   *
   * @throws ContractViolation where the evaluator leaves a cost out
   */
  async costs(architectures: readonly Architecture[]): Promise<readonly MeasuredCost[]> {
    const texts = architectures.map(({ text }) => text).filter((text) => !this.#run.state.costs.has(text));
    const request = { space: this.#run.state.space, texts };
    const measured =
      texts.length === 0
        ? []
        : await this.#untilAvailable(() => this.#evaluator.measureCosts(request, this.#run.signal));
    const asked = new Map(measured.map((each) => [each.text, each]));
    return architectures.map(({ text }) => {
      const each = this.#run.state.costs.get(text) ?? asked.get(text);
      const missing =
        each === undefined
          ? "every cost"
          : Object.keys(this.#run.state.search.limits).find((name) => !Number.isFinite(each.costs[name]));
      if (each === undefined || missing !== undefined) {
        throw new ContractViolation(
          `the evaluator gave no value for ${missing} of ${text}; it must give every cost of its own description`,
        );
      }
      return each;
    });
  }

  /** The same before a proposal; newly measured costs are recorded. */
  async costsBeforeProposing(
    round: number,
    architectures: readonly Architecture[],
  ): Promise<readonly MeasuredCost[]> {
    const unknown = new Map(
      architectures.filter(({ text }) => !this.#run.state.costs.has(text)).map((each) => [each.text, each]),
    );
    if (unknown.size > 0) {
      const measured = await this.costs([...unknown.values()]);
      await this.#run.record({ type: "costs-measured", round, measured: [...measured] });
    }
    return architectures.map(({ text }) => this.#run.state.costs.get(text) as MeasuredCost);
  }

  /** Evaluates every text and passes each outcome on when it comes. Asks again for texts without an answer. */
  async evaluate(
    split: "search" | "test",
    texts: readonly string[],
    onOutcome: (index: number, outcome: Outcome) => Promise<void>,
  ): Promise<void> {
    const open = new Set(texts.keys());
    const stored: Promise<void>[] = [];
    const attempt = async () => {
      const asked = [...open];
      const request = {
        space: this.#run.state.space,
        split,
        texts: asked.map((index) => texts[index] as string),
      };
      for await (const message of this.#evaluator.evaluate(request, this.#run.signal)) {
        const index = asked[message.index];
        if (index === undefined)
          throw new ContractViolation(`the evaluator answered for place ${message.index} of ${asked.length}`);
        if (message.kind === "progress") {
          this.#run.observe({
            kind: "progress",
            split,
            text: texts[index] as string,
            place: index + 1,
            of: texts.length,
            fraction: message.fraction,
            note: message.note,
          });
        } else if (open.delete(index)) {
          const storing = onOutcome(index, checkedOutcome(this.#run.state.space, message.outcome));
          // It is awaited below. Until then a failed write must not count as unhandled.
          storing.catch(() => {});
          stored.push(storing);
        } else {
          throw new ContractViolation(`the evaluator answered twice for ${texts[index]}`);
        }
      }
      if (open.size > 0)
        throw new EvaluatorUnavailable(
          `the evaluator closed the stream with ${open.size} architectures unanswered`,
        );
    };
    try {
      if (open.size > 0) await this.#untilAvailable(attempt, () => open.size);
    } finally {
      await Promise.all(stored);
    }
  }

  /**
   * Repeats `attempt` while the evaluator is away, with growing waits, up to the configured patience. The patience
   * begins again from zero whenever `remaining` is smaller than at the last try.
   */
  async #untilAvailable<T>(attempt: () => Promise<T>, remaining: () => number = () => 0): Promise<T> {
    let since: number | null = null;
    let wait = firstWaitSeconds;
    for (;;) {
      this.#run.throwIfStopped();
      const before = remaining();
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof EvaluatorUnavailable)) throw error;
        if (since === null || remaining() < before) {
          since = this.#clock.seconds();
          wait = firstWaitSeconds;
        }
        const patience = this.#run.state.search.patienceSeconds;
        const waited = this.#clock.seconds() - since;
        if (waited >= patience)
          throw new EvaluatorUnavailable(`${error.message} (waited ${Math.round(waited)} s)`, {
            cause: error,
          });
        const seconds = Math.min(wait, patience - waited);
        this.#run.observe({ kind: "waiting", seconds, reason: error.message });
        await this.#clock.sleep(seconds, this.#run.signal);
        wait = Math.min(wait * 2, longestWaitSeconds);
      }
    }
  }
}
