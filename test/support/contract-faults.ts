/**
 * Evaluators with one defect each: what they answer in the place of the sound one, and the check of `conform` that says so.
 *
 * A defect changes as little as it can, so that no other check sees it.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { ConformOptions } from "../../src/app/conform.ts";
import { type ForeignEvaluator, type Message, Refusal } from "./foreign-evaluator.mjs";

/** Makes methods that replace those of an evaluator; they may call the sound one's. */
export type Fault = (sound: ForeignEvaluator) => Partial<ForeignEvaluator>;

/** Ends a call with a status. */
export const refused = (code: string, details: string): never => {
  throw new Refusal(code, details);
};

/** Replaces what is answered to the requests that have a mistake, in the call of this name. */
const unrefused = (call: "measureCost" | "evaluate", isMistake: (request: Message) => boolean): Fault =>
  call === "measureCost"
    ? (sound) => ({
        measureCost: (request) => (isMistake(request) ? { costs: [] } : sound.measureCost(request)),
      })
    : (sound) => ({
        async *evaluate(request, running) {
          if (!isMistake(request)) yield* sound.evaluate(request, running);
        },
      });
const isKnown = ({ space_id: id }: Message) => id === "blocks";
const has = (pattern: RegExp) => (request: Message) =>
  request.architectures.some((text: string) => pattern.test(text));
const misplaced = has(/ $/);
const illegal = has(/[a-z]x"|:\[3/);

const mistakes = (call: "measureCost" | "evaluate", prefix: string): [string, Fault][] => [
  [`${prefix}-unavailable`, unrefused(call, ({ space_id: id }) => id === "later")],
  [`${prefix}-unknown`, unrefused(call, ({ space_id: id }) => id === "no-such-space")],
  [`${prefix}-digest`, unrefused(call, (request) => isKnown(request) && request.space_digest !== "blocks 1")],
  [`${prefix}-empty`, unrefused(call, (request) => isKnown(request) && request.architectures.length === 0)],
  [`${prefix}-too-many`, unrefused(call, (request) => request.architectures.length > 20)],
  [`${prefix}-canonical`, unrefused(call, misplaced)],
  [`${prefix}-illegal`, unrefused(call, illegal)],
  [
    `${prefix}-place`,
    (sound) => ({
      [call]: (request: Message, running: Message) =>
        illegal(request)
          ? refused("INVALID_ARGUMENT", "there is one that I do not know")
          : sound[call](request, running),
    }),
  ],
];

/** A description that is told wrongly from its second time on, or always. */
const described =
  (change: (space: Message) => Message, from = 1): Fault =>
  (sound) => {
    let times = 0;
    return {
      describeSpace: (request) => {
        const { space } = sound.describeSpace(request);
        times += 1;
        return { space: times < from ? space : { ...space, ...change(space) } };
      },
    };
  };

const listed =
  (change: (answer: Message) => Message): Fault =>
  (sound) => ({
    listSpaces: () => ({ ...sound.listSpaces(), ...change(sound.listSpaces()) }),
  });

const costed =
  (change: (cost: Message) => Message): Fault =>
  (sound) => ({
    cost: (space, text) => ({ ...sound.cost(space, text), ...change(sound.cost(space, text)) }),
  });

/** Outcomes that are changed where they are measurements. */
const measured =
  (change: (measurement: Message, index: number) => Message): Fault =>
  (sound) => ({
    outcome: (space, text, index) => {
      const outcome = sound.outcome(space, text, index);
      const { measurement } = outcome;
      return measurement
        ? { ...outcome, measurement: { ...measurement, ...change(measurement, index) } }
        : outcome;
    },
  });

const evaluated =
  (change: (outcome: Message) => Message): Fault =>
  (sound) => ({
    outcome: (space, text, index) => ({ ...sound.outcome(space, text, index), ...change({ index }) }),
  });

/** Messages that are sent in the place of each message. */
const streamed =
  (change: (message: Message, request: Message) => Message[]): Fault =>
  (sound) => ({
    async *evaluate(request, call) {
      for await (const message of sound.evaluate(request, call)) yield* change(message, request);
    },
  });
const whole = ({ architectures }: Message) => architectures.length > 1;

/** The name of the check that falls short, the defect, and how to look at it. */
export const faults: readonly [string, Fault, Partial<ConformOptions>?][] = [
  ["list-ids", listed(({ spaces }) => ({ spaces: [...spaces, spaces[0]] }))],
  [
    "list-bounds",
    listed(({ spaces }) => ({
      spaces: [...spaces, ...Array.from({ length: 10_000 }, (_, at) => ({ id: `s${at}`, available: true }))],
    })),
  ],
  ["list-version", listed(() => ({ server_version: " " }))],
  ["list-reason", listed(({ spaces }) => ({ spaces: [...spaces, { id: "never" }] }))],
  [
    "describe-unknown",
    (sound) => ({
      describeSpace: (request) =>
        request.space_id === "no-such-space" ? { space: null } : sound.describeSpace(request),
    }),
  ],
  [
    "describe-unavailable",
    (sound) => ({
      describeSpace: (request) =>
        request.space_id === "later" ? refused("NOT_FOUND", "not yet") : sound.describeSpace(request),
    }),
  ],
  ["describe-id", described(() => ({ id: "others" }))],
  [
    "describe-bounds",
    described(() => ({ costs: Array.from({ length: 101 }, (_, at) => ({ name: `c${at}` })) })),
  ],
  [
    "describe-fields",
    described(({ dimensions }) => ({ dimensions: [{ ...dimensions[0], name: "no name" }] })),
  ],
  ["describe-parallelism", described(() => ({ parallelism: 0 }))],
  ["describe-max-batch", described(() => ({ max_batch: 0 }))],
  ["describe-split", described(({ splits }) => ({ splits: splits.slice(1) }))],
  ["describe-names", described(({ metrics }) => ({ metrics: [...metrics, metrics[0]] }))],
  [
    "describe-spelling",
    described(({ dimensions }) => ({
      dimensions: [dimensions[0], { ...dimensions[1], active_count: "no" }],
    })),
  ],
  ["describe-same", described(() => ({ digest: "blocks 2" }), 2)],
  ["describe-same", described(({ costs }) => ({ costs: [{ ...costs[0], meaning: "Others." }] }), 2)],
  [
    "cost-answer",
    (sound) => ({
      measureCost: (request) => {
        sound.check(request);
        return refused("UNKNOWN", "Exception calling application: division by zero");
      },
    }),
  ],
  [
    "cost-order",
    (sound) => ({ measureCost: (request) => ({ costs: sound.measureCost(request).costs.toReversed() }) }),
  ],
  [
    "cost-order",
    (sound) => ({ measureCost: (request) => ({ costs: sound.measureCost(request).costs.slice(1) }) }),
  ],
  ["cost-values", costed(() => ({ costs: { weights_m: Number.NaN } }))],
  ["cost-values", costed(() => ({ costs: { others: 1 } }))],
  ["cost-key", costed(() => ({ equivalence_key: "k".repeat(10_001) }))],
  [
    "cost-same",
    (sound) => {
      let calls = 0;
      return {
        measureCost: (request) => {
          calls += 1;
          const { costs } = sound.measureCost(request);
          return { costs: costs.map((cost: Message) => ({ ...cost, equivalence_key: `${calls}` })) };
        },
      };
    },
  ],
  ["cost-batch", unrefused("measureCost", (request) => request.architectures.length === 20)],
  ...mistakes("measureCost", "cost"),
  ...mistakes("evaluate", "evaluate"),
  ["evaluate-split", unrefused("evaluate", ({ split }) => split === "no-such-split")],
  [
    "evaluate-answer",
    (sound) => ({
      async *evaluate(request) {
        yield sound.check(request) ?? refused("UNKNOWN", "Exception iterating responses: division by zero");
      },
    }),
  ],
  [
    "evaluate-once",
    streamed((message, request) => (whole(request) && message.outcome?.index === 1 ? [] : [message])),
  ],
  ["evaluate-once", streamed((message) => (message.outcome ? [message, message] : [message]))],
  [
    "evaluate-once",
    streamed((message, request) =>
      whole(request) && message.outcome
        ? [message, { outcome: { ...message.outcome, index: 99 } }]
        : [message],
    ),
  ],
  ["evaluate-text", evaluated(() => ({ architecture: "another" }))],
  ["evaluate-message", streamed((message) => [{}, message])],
  ["evaluate-message", evaluated(() => ({ measurement: null, failure: null }))],
  [
    "evaluate-metrics",
    measured(({ metrics }) => ({ metrics: { ...metrics, latency: Number.POSITIVE_INFINITY } })),
  ],
  ["evaluate-metrics", measured(({ metrics }) => ({ metrics: { accuracy: metrics.accuracy } }))],
  ["evaluate-percent", measured(({ metrics }) => ({ metrics: { ...metrics, accuracy: 100.5 } }))],
  ["evaluate-seconds", measured(() => ({ seconds: -1 }))],
  ...[{ accuracy: -0.1 }, { accuracy: Number.NaN }, { speed: 0.1 }].map((errors): [string, Fault] => [
    "evaluate-standard-errors",
    measured(() => ({ standard_errors: errors })),
  ]),
  [
    "evaluate-failure-kind",
    evaluated(() => ({ failure: { kind: 9, message: "it does" }, measurement: null })),
  ],
  ["evaluate-failure-message", evaluated(() => ({ failure: { kind: 1 }, measurement: null }))],
  [
    "evaluate-progress-index",
    streamed((message) => (message.progress ? [{ progress: { index: 99, fraction: 0 } }] : [message])),
  ],
  [
    "evaluate-progress-fraction",
    streamed((message) =>
      message.progress ? [{ progress: { index: 0, fraction: Number.NaN } }] : [message],
    ),
  ],
  [
    "evaluate-silence",
    (sound) => ({
      async *evaluate(request, call) {
        yield* sound.evaluate(request, call);
        if (whole(request)) await wait(600);
      },
    }),
    { silenceSeconds: 0.5 },
  ],
  ["evaluate-twice", measured(({ metrics }, index) => ({ metrics: { ...metrics, latency: index } }))],
  ["evaluate-twice", measured((_measurement, index) => ({ standard_errors: { latency: index } }))],
  ["evaluate-same", noisyAt(2)],
  ["evaluate-together", noisyAt(3)],
  ["evaluate-cancelled", noisyAt(6)],
  [
    "evaluate-together",
    (sound) => {
      let running = 0;
      return {
        async *evaluate(request, call) {
          const isAlone = request.architectures.length === 1;
          if (isAlone && running > 0) refused("INTERNAL", "busy");
          running += isAlone ? 1 : 0;
          try {
            for await (const message of sound.evaluate(request, call)) {
              await wait(50);
              yield message;
            }
          } finally {
            running -= isAlone ? 1 : 0;
          }
        },
      };
    },
  ],
  [
    "evaluate-cancelled",
    (sound) => {
      let isStuck = false;
      return {
        async *evaluate(request, call) {
          sound.check(request);
          await wait(50);
          if (isStuck) refused("INTERNAL", "still at the other call");
          let isOver = false;
          call.on("cancelled", () => {
            isStuck ||= !isOver;
          });
          for await (const message of sound.evaluate(request, call)) {
            yield message;
            await wait(20);
          }
          isOver = true;
        },
      };
    },
  ],
];

/** Another number in the call of Evaluate that comes at this place among those that are not refused. */
function noisyAt(place: number): Fault {
  return (sound) => {
    let calls = 0;
    return {
      async *evaluate(request, call) {
        sound.check(request);
        calls += 1;
        const isNoisy = calls === place;
        for await (const message of sound.evaluate(request, call)) {
          const metrics = { accuracy: 1, latency: 1 };
          yield isNoisy && message.outcome
            ? { outcome: { ...message.outcome, failure: null, measurement: { metrics, seconds: 0 } } }
            : message;
        }
      },
    };
  };
}
