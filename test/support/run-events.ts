/**
 * Small valid facts of a run in a tiny space, and a clock for stamping them.
 *
 * Owns one example of each; a test changes what it is about. Knows no journal and no search.
 */
import type { EventBody } from "../../src/search/events.ts";
import type { Clock } from "../../src/search/ports.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";

type BodyOf<T extends EventBody["type"]> = Extract<EventBody, { type: T }>;

/** Two dimensions, 3 × 3 × 2 = 18 architectures, spelt like `{"op":["conv","skip"],"width":[8]}`. */
export const tinySpace: SpaceDescription = {
  id: "tiny",
  summary: "Two operations and a width.",
  digest: "tiny-1",
  dimensions: [
    {
      name: "op",
      meaning: "What each of the two layers does.",
      choices: ["none", "skip", "conv"],
      numeric: false,
      groups: [{ name: "layers", size: 2 }],
      activeCount: "",
      slotNames: [],
    },
    {
      name: "width",
      meaning: "Channels of both layers.",
      choices: ["8", "16"],
      numeric: true,
      groups: [{ name: "network", size: 1 }],
      activeCount: "",
      slotNames: [],
    },
  ],
  template: "",
  metrics: [{ name: "accuracy", unit: "%", meaning: "Share classified correctly.", higherIsBetter: true }],
  costs: [{ name: "flops_m", unit: "M", meaning: "Multiply-adds of one image." }],
  splits: [
    { name: "search", meaning: "Validation images." },
    { name: "test", meaning: "Test images." },
  ],
  parallelism: 1,
  maxBatch: 100,
  provenance: "made up for tests",
};

/** The first event of a run: the rules, seed 0, budget 10, no limit. */
export function runStarted(
  changes: Partial<Omit<BodyOf<"run-started">, "type">> = {},
): BodyOf<"run-started"> {
  return {
    type: "run-started",
    run: "test-run",
    search: {
      searcher: "collm",
      seed: 0,
      budget: 10,
      rounds: null,
      target: null,
      limits: {},
      overLimit: "skip",
      equivalent: "evaluate",
      task: null,
      candidates: { min: 2, max: 5 },
      memory: { navigator: true, generator: false },
      structured: true,
      stallRounds: 3,
      patienceSeconds: 1,
    },
    setup: {},
    models: null,
    space: tinySpace,
    versions: { "collm-nas": "0.0.0" },
    ...changes,
  };
}

/** A run that is taken up again as it was. */
export function runResumed(
  changes: Partial<Omit<BodyOf<"run-resumed">, "type">> = {},
): BodyOf<"run-resumed"> {
  return {
    type: "run-resumed",
    budget: null,
    rounds: null,
    setup: null,
    models: null,
    versions: {},
    repairs: [],
    ...changes,
  };
}

/** A fact of no weight, told from its like by round and text. */
export function strategySet(round: number, text = `strategy of round ${round}`): BodyOf<"strategy-set"> {
  return { type: "strategy-set", round, text };
}

/** A clock that goes on by a second each time it is looked at, and never waits. */
export function testClock(): Clock {
  let seconds = 0;
  return {
    now: () => new Date(Date.UTC(2024, 0, 1) + 1000 * seconds++).toISOString(),
    seconds: () => seconds++,
    sleep: (time) => {
      seconds += time;
      return Promise.resolve();
    },
  };
}
