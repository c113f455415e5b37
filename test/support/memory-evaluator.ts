/**
 * An evaluator inside the test: answers for one space from two functions, at once and always the same.
 *
 * Owns the hooks that make it misbehave, and counts what it was asked. Refuses what the contract refuses.
 */
import { ContractViolation, EvaluatorUnavailable, Interrupted, UsageError } from "../../src/errors.ts";
import type { MeasuredCost, Outcome } from "../../src/search/events.ts";
import { didYouMean } from "../../src/text/did-you-mean.ts";
import type {
  CostRequest,
  EvaluationMessage,
  EvaluationRequest,
  Evaluator,
  SpaceCatalog,
} from "../../src/search/ports.ts";
import { randomStream, shuffle } from "../../src/search/random.ts";
import type { Architecture } from "../../src/search/architecture.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { tinyCosts, tinyDescription, tinyScore } from "./tiny-space.ts";

export interface MemoryEvaluatorOptions {
  readonly description?: SpaceDescription;
  /** The first metric, or a whole outcome. A number is passed on as it is, NaN too. */
  readonly score?: (architecture: Architecture, split: "search" | "test") => number | Outcome;
  readonly costs?: (architecture: Architecture) => Record<string, number>;
  readonly equivalenceKey?: (architecture: Architecture) => string;
  /** The order in which outcomes come. */
  readonly order?: "asked" | "shuffled";
}

export class MemoryEvaluator implements Evaluator, SpaceCatalog {
  /** How often each call was made, the failed ones included. */
  readonly calls = { list: 0, describe: 0, measureCosts: 0, evaluate: 0 };
  /** Every outcome that was handed out, in order. */
  readonly evaluated: { readonly split: "search" | "test"; readonly text: string }[] = [];
  readonly #options: Required<MemoryEvaluatorOptions>;
  readonly #space: Space;
  #awayFor = 0;
  #breaksAfter = Number.POSITIVE_INFINITY;

  constructor(options: MemoryEvaluatorOptions = {}) {
    this.#options = {
      description: tinyDescription,
      score: tinyScore,
      costs: tinyCosts,
      equivalenceKey: () => "",
      order: "asked",
      ...options,
    };
    this.#space = new Space(this.#options.description);
  }

  /** Makes the next calls fail with EvaluatorUnavailable. */
  goAway(calls: number): void {
    this.#awayFor = calls;
  }

  /** Makes the next evaluation break off with EvaluatorUnavailable after so many outcomes. */
  breakAfter(outcomes: number): void {
    this.#breaksAfter = outcomes;
  }

  async list(signal: AbortSignal): ReturnType<SpaceCatalog["list"]> {
    this.#begin("list", signal);
    const { id, summary } = this.#space.description;
    return { spaces: [{ id, summary, available: true, unavailableReason: "" }], serverVersion: "memory 1" };
  }

  async describe(spaceId: string, signal: AbortSignal): Promise<SpaceDescription> {
    this.#begin("describe", signal);
    if (spaceId === this.#space.id) return this.#space.description;
    throw new UsageError(
      `no space "${spaceId}"; there is ${this.#space.id}${didYouMean(spaceId, [this.#space.id])}`,
    );
  }

  async measureCosts(request: CostRequest, signal: AbortSignal): Promise<readonly MeasuredCost[]> {
    this.#begin("measureCosts", signal);
    return this.#read(request).map((architecture) => ({
      text: architecture.text,
      costs: this.#options.costs(architecture),
      equivalenceKey: this.#options.equivalenceKey(architecture),
    }));
  }

  async *evaluate(request: EvaluationRequest, signal: AbortSignal): AsyncGenerator<EvaluationMessage> {
    this.#begin("evaluate", signal);
    const { split } = request;
    if (!this.#space.description.splits.some(({ name }) => name === split)) {
      throw new ContractViolation(`no split "${split}"`);
    }
    const asked = [...this.#read(request).entries()];
    const order = this.#options.order === "asked" ? asked : shuffle(randomStream(1, "order"), asked);
    for (const [done, [index, architecture]] of order.entries()) {
      if (done === this.#breaksAfter) {
        this.#breaksAfter = Number.POSITIVE_INFINITY;
        throw new EvaluatorUnavailable("the evaluator broke off");
      }
      const score = this.#options.score(architecture, split);
      const metric = this.#space.description.metrics[0]?.name ?? "";
      const outcome: Outcome =
        typeof score === "number" ? { kind: "measurement", metrics: { [metric]: score }, seconds: 0 } : score;
      this.evaluated.push({ split, text: architecture.text });
      yield { kind: "outcome", index, outcome };
      if (signal.aborted) throw new Interrupted("stopped on request");
    }
  }

  #begin(call: keyof MemoryEvaluator["calls"], signal: AbortSignal): void {
    this.calls[call] += 1;
    if (signal.aborted) throw new Interrupted("stopped on request");
    if (this.#awayFor === 0) return;
    this.#awayFor -= 1;
    throw new EvaluatorUnavailable("the evaluator went away");
  }

  #read({ space, texts }: CostRequest): Architecture[] {
    if (space.id !== this.#space.id) throw new ContractViolation(`no space "${space.id}"`);
    if (space.digest !== this.#space.description.digest) throw new ContractViolation("another digest");
    return texts.map((text, place) => {
      const parsed = this.#space.parse(text);
      if (parsed.ok && parsed.architecture.text === text) return parsed.architecture;
      throw new ContractViolation(`architectures[${place}], ${text}, is not canonical`);
    });
  }
}

/** An evaluator that answers as given, and for all else as the one in memory. */
export function evaluatorWith(
  changes: Partial<Evaluator>,
  usual: Evaluator = new MemoryEvaluator(),
): Evaluator {
  return {
    measureCosts: (request, signal) => usual.measureCosts(request, signal),
    evaluate: (request, signal) => usual.evaluate(request, signal),
    ...changes,
  };
}
