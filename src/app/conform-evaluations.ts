/**
 * How evaluations have to be answered: each architecture once, with its own text, in numbers that can be used, with signs
 * of life, the same again, at the same time, and after a call that was cancelled.
 *
 * Each check is one entry of the list below; most look at one call. Only the split "search" is asked: the images of
 * another one may be kept for the end.
 */
import type { Measurement__Output } from "../evaluator/contract/collm_nas/v1/Measurement.ts";
import type { Outcome__Output } from "../evaluator/contract/collm_nas/v1/Outcome.ts";
import { wrongStandardError } from "../evaluator/grpc-answers.ts";
import { type Check, type Found, NotChecked, quoted, type SpaceSubject } from "./conform-subject.ts";

const sameSentence =
  "Changes whenever a text could mean another architecture or a number could differ: dimensions, template, metrics, costs and the data behind them.";
const kinds = ["FAILURE_KIND_UNSPECIFIED", "OUT_OF_MEMORY", "NOT_FINITE", "OUT_OF_RANGE", "CRASHED"];
/** A call is cancelled at its first message, or after so long without one. */
const cancelSeconds = 2;

export const evaluationChecks: readonly Check<SpaceSubject>[] = [
  {
    name: "evaluate-answer",
    sentence: "A single architecture that cannot be evaluated gets no status: its `Outcome` has a `Failure`.",
    look: async (subject) => {
      const { refused } = await subject.first();
      if (refused === null) return null;
      return `Evaluate of ${(await subject.batch()).length} architectures ended with ${refused.words}`;
    },
  },
  {
    name: "evaluate-once",
    sentence: "Each index of the request is answered exactly once.",
    look: async (subject) => {
      const { outcomes } = await subject.answered();
      const { length } = await subject.batch();
      const outside = outcomes.find(({ index }) => index >= length);
      if (outside !== undefined)
        return `Evaluate of ${length} architectures answered for index ${outside.index}`;
      const counts = Array.from({ length }, (_, at) => outcomes.filter(({ index }) => index === at).length);
      const wrong = counts.findIndex((count) => count !== 1);
      return wrong === -1
        ? null
        : `Evaluate of ${length} architectures answered index ${wrong} ${counts[wrong] === 0 ? "not at all" : `${counts[wrong]} times`}`;
    },
  },
  {
    name: "evaluate-text",
    sentence: "The canonical text of what was evaluated.",
    look: async (subject) => {
      const batch = await subject.batch();
      const other = (await subject.answered()).outcomes.find(
        ({ index, architecture }) => index < batch.length && batch[index] !== architecture,
      );
      if (other === undefined) return null;
      return `Evaluate was asked for ${batch[other.index]} at index ${other.index}, and answered for ${quoted(other.architecture)}`;
    },
  },
  {
    name: "evaluate-message",
    sentence:
      "Scores of architectures, one message each as it is done, in any order, with progress in between.",
    look: async (subject) => {
      const { strange, outcomes } = await subject.answered();
      if (strange > 0) return "Evaluate sent a message that is neither an outcome nor progress";
      const empty = outcomes.find(({ measurement, failure }) => !measurement && !failure);
      if (empty === undefined) return null;
      return `Evaluate sent an outcome for index ${empty.index} that is neither a measurement nor a failure`;
    },
  },
  {
    name: "evaluate-metrics",
    sentence: "A finite value for every metric of the description.",
    look: async (subject) => {
      const names = (await subject.space()).description.metrics.map(({ name }) => name);
      return await inMeasurements(subject, ({ metrics }) => {
        const wrong = names.find((name) => !Object.hasOwn(metrics, name) || !Number.isFinite(metrics[name]));
        if (wrong === undefined) return null;
        return `${wrong} ${Object.hasOwn(metrics, wrong) ? `is ${metrics[wrong]}` : "is missing"}`;
      });
    },
  },
  {
    name: "evaluate-percent",
    sentence: 'A metric in "percent" has to lie between 0 and 100.',
    look: async (subject) => {
      const { metrics: described } = (await subject.space()).description;
      const names = described.filter(({ unit }) => unit === "percent").map(({ name }) => name);
      return await inMeasurements(subject, ({ metrics }) => {
        const wrong = names.find((name) => isOutside(metrics[name] ?? 0));
        return wrong === undefined ? null : `${wrong} is ${metrics[wrong]} percent`;
      });
    },
  },
  {
    name: "evaluate-seconds",
    sentence: "How long the evaluation took on the server, in seconds.",
    look: async (subject) =>
      await inMeasurements(subject, ({ seconds }) =>
        Number.isFinite(seconds) && seconds >= 0 ? null : `it took ${seconds} seconds`,
      ),
  },
  {
    name: "evaluate-standard-errors",
    sentence: "The standard error of metrics, by name, in the unit of the metric",
    look: async (subject) => {
      const names = (await subject.space()).description.metrics.map(({ name }) => name);
      return await inMeasurements(subject, ({ standardErrors }) => {
        const wrong = wrongStandardError(standardErrors, names);
        return wrong === null ? null : `it gave a standard error of ${wrong}`;
      });
    },
  },
  {
    name: "evaluate-failure-kind",
    sentence: "What kind of failure it was.",
    look: async (subject) => {
      const wrong = (await subject.answered()).outcomes.find(
        ({ failure }) => failure && !kinds.includes(failure.kind),
      );
      if (!wrong?.failure) return null;
      return `Evaluate sent a failure of kind ${wrong.failure.kind} for index ${wrong.index}`;
    },
  },
  {
    name: "evaluate-failure-message",
    sentence: "What happened, in a sentence.",
    look: async (subject) => {
      const wrong = (await subject.answered()).outcomes.find(({ failure }) => failure?.message.trim() === "");
      return wrong === undefined
        ? null
        : `Evaluate sent a failure without a message for index ${wrong.index}`;
    },
  },
  {
    name: "evaluate-progress-index",
    sentence: "The place in the request of the architecture being evaluated.",
    look: async (subject) => {
      const { length } = await subject.batch();
      const wrong = (await subject.answered()).progress.find(({ index }) => index >= length);
      if (wrong === undefined) return null;
      return `Evaluate of ${length} architectures sent progress for index ${wrong.index}`;
    },
  },
  {
    name: "evaluate-progress-fraction",
    sentence: "How much of it is done, 0 to 1.",
    look: async (subject) => {
      const wrong = (await subject.answered()).progress.find(
        ({ fraction }) => !(fraction >= 0 && fraction <= 1),
      );
      return wrong === undefined ? null : `Evaluate sent progress with the fraction ${wrong.fraction}`;
    },
  },
  {
    name: "evaluate-silence",
    sentence: "A sign of life during a long evaluation; send one at least every 20 seconds.",
    look: async (subject) => {
      const { silenceSeconds } = await subject.answered();
      return silenceSeconds <= subject.options.silenceSeconds
        ? null
        : `Evaluate sent nothing for ${silenceSeconds.toFixed(1)} s`;
    },
  },
  {
    name: "evaluate-twice",
    sentence: "Canonical texts, 1 to max_batch of them.",
    look: async (subject) => {
      const { outcomes } = await subject.answered();
      const batch = await subject.batch();
      if (batch.length === 1) throw new NotChecked("max_batch is 1");
      const last = batch.length - 1;
      return differing(
        batch[0],
        at(outcomes, 0),
        at(outcomes, last),
        `at the indices 0 and ${last} of one request`,
      );
    },
  },
  {
    name: "evaluate-same",
    sentence: sameSentence,
    look: async (subject) => {
      const first = at((await subject.answered()).outcomes, 0);
      const [text] = await subject.batch();
      const found = await again(subject, text, first, "then alone");
      if (found === null) subject.steady = first;
      return found;
    },
  },
  {
    name: "evaluate-together",
    sentence: "Calls may come at the same time and may be repeated: each gets the answer that it gets alone.",
    look: async (subject) => {
      await subject.answered();
      const [text] = await subject.batch();
      const other = (await subject.texts())[1] ?? text;
      const when = "then together with another call";
      const found = await Promise.all([
        again(subject, text, subject.steady, when),
        again(subject, other, undefined, when),
      ]);
      return found.find((each) => each !== null) ?? null;
    },
  },
  {
    name: "evaluate-cancelled",
    sentence:
      "A client that does not read its answers, or cancels its call, stops its own evaluation, and must not stop others.",
    look: async (subject) => {
      await subject.answered();
      const batch = await subject.batch();
      const request = await subject.request({ split: "search", architectures: [...batch] });
      subject.options.say(`${subject.id}: cancelling an evaluation …`);
      await subject.probe.evaluate(request, () => true, AbortSignal.timeout(cancelSeconds * 1000));
      return await again(subject, batch[0], subject.steady, "then after a call was cancelled");
    },
  },
];

// --- internal ---

/** What is wrong with a measurement of the first call. */
async function inMeasurements(
  subject: SpaceSubject,
  wrongIn: (measurement: Measurement__Output) => string | null,
): Promise<Found> {
  const { outcomes } = await subject.answered();
  if (!outcomes.some(({ measurement }) => measurement)) throw new NotChecked("nothing was measured");
  for (const { measurement, architecture } of outcomes) {
    const wrong = measurement ? wrongIn(measurement) : null;
    if (wrong !== null) return `Evaluate measured ${quoted(architecture)}: ${wrong}`;
  }
  return null;
}

function isOutside(percent: number): boolean {
  return Number.isFinite(percent) && (percent < 0 || percent > 100);
}

/** The first outcome of an index. */
function at(outcomes: readonly Outcome__Output[], index: number): Outcome__Output | undefined {
  return outcomes.find((outcome) => outcome.index === index);
}

/** Evaluates an architecture alone, and compares it with what it got before. */
async function again(
  subject: SpaceSubject,
  text: string,
  before: Outcome__Output | undefined,
  when: string,
): Promise<Found> {
  const heard = await subject.probe.withRoom(() => subject.evaluate([text], "evaluating once more"));
  if (heard.refused !== null) return `Evaluate of ${text}, ${when}, ended with ${heard.refused.words}`;
  return differing(text, before, at(heard.outcomes, 0), `the first time and ${when}`);
}

/** Says where two outcomes of an architecture differ. What was not answered is said by another check. */
function differing(
  text: string,
  one: Outcome__Output | undefined,
  other: Outcome__Output | undefined,
  when: string,
): Found {
  if (one === undefined || other === undefined || worth(one) === worth(other)) return null;
  return `Evaluate of ${text} gave ${worth(one)} and ${worth(other)}, ${when}`;
}

/** What an outcome says of its architecture, in one text. */
function worth({ measurement, failure }: Outcome__Output): string {
  if (failure) return `a failure (${failure.kind})`;
  const errors = measurement?.standardErrors ?? {};
  const metrics = Object.entries(measurement?.metrics ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  const said = ([name, value]: [string, number]) =>
    Object.hasOwn(errors, name) ? `${name} ${value} ± ${errors[name]}` : `${name} ${value}`;
  return quoted(metrics.map(said).join(", "));
}
