/**
 * How a space has to be described.
 *
 * Each check is one entry of the list below. The sentences are those of proto/.
 */
import { ContractViolation } from "../errors.ts";
import type { SpaceDescription__Output } from "../evaluator/contract/collm_nas/v1/SpaceDescription.ts";
import { beyondBounds } from "../evaluator/contract-bounds.ts";
import { readDescription } from "../evaluator/grpc-answers.ts";
import { digestOf } from "../search/digest.ts";
import { spaceDescriptionSchema } from "../search/space-description.ts";
import { boundsSentence } from "./conform-server.ts";
import { type Check, NotChecked, quoted, type SpaceSubject } from "./conform-subject.ts";

export const descriptionChecks: readonly Check<SpaceSubject>[] = [
  {
    name: "describe-id",
    sentence: "The description of the space asked for.",
    look: async (subject) => {
      const { answer, refused } = await subject.described();
      if (refused !== null) return `DescribeSpace answered ${refused.words}`;
      if (answer === null) return "DescribeSpace answered without a description";
      return answer.id === subject.id ? null : `DescribeSpace described the space ${quoted(answer.id)}`;
    },
  },
  {
    name: "describe-bounds",
    sentence: boundsSentence,
    look: async (subject) => {
      const excess = beyondBounds(await subject.raw());
      return excess === null ? null : `the description has ${excess}`;
    },
  },
  {
    name: "describe-fields",
    sentence: "Describes one space completely: nothing about a space is known to the search but this answer.",
    look: async (subject) => {
      const wrong = issues(await subject.raw()).find(({ field }) => !sizes.includes(field));
      return wrong === undefined ? null : `the description is wrong at ${wrong.place}: ${wrong.message}`;
    },
  },
  {
    name: "describe-parallelism",
    sentence: "How many architectures the server evaluates at the same time.",
    look: async (subject) => {
      const { parallelism } = await subject.raw();
      return parallelism >= 1
        ? null
        : `the description has a parallelism of ${parallelism}; at least 1 is needed`;
    },
  },
  {
    name: "describe-max-batch",
    sentence: "The most architectures that one request may carry.",
    look: async (subject) => {
      const { maxBatch } = await subject.raw();
      return maxBatch >= 1 ? null : `the description has a max_batch of ${maxBatch}; at least 1 is needed`;
    },
  },
  {
    name: "describe-split",
    sentence: 'The splits that Evaluate accepts; "search" must be among them, "test" may be.',
    look: async (subject) => {
      const names = (await subject.raw()).splits.map(({ name }) => name);
      return names.length === 0 || names.includes("search")
        ? null
        : `the description has the splits ${names.map(quoted).join(", ")}`;
    },
  },
  {
    name: "describe-names",
    sentence: "a name that two metrics, two costs or two splits share;",
    look: async (subject) => {
      const raw = await subject.raw();
      for (const part of named) {
        const names = raw[part].map(({ name }) => name);
        const twice = names.find((name, place) => names.indexOf(name) < place);
        if (twice !== undefined) return `the description has ${quoted(twice)} twice among its ${part}`;
      }
      return null;
    },
  },
  {
    name: "describe-spelling",
    sentence: "A description must leave no doubt about any text.",
    look: async (subject) => {
      const raw = await subject.raw();
      // What the other checks see is taken out, so that each defect is said once.
      const sound = {
        ...raw,
        id: subject.id,
        parallelism: 1,
        maxBatch: 1,
        metrics: [{ name: "any", unit: "", meaning: "", higherIsBetter: true }],
        costs: [],
        splits: [{ name: "search", meaning: "", data: "" }],
      };
      if (issues(sound).length > 0 || beyondBounds(sound) !== null)
        throw new NotChecked("the description is not complete");
      try {
        readDescription(subject.id, sound, (what) => new ContractViolation(what));
        return null;
      } catch (error) {
        if (!(error instanceof ContractViolation)) throw error;
        return error.message;
      }
    },
  },
  {
    name: "describe-same",
    sentence:
      "Changes whenever a text could mean another architecture or a number could differ: dimensions, template, metrics, costs and the data behind them.",
    look: async (subject) => {
      const first = await subject.raw();
      const { answer: second, refused } = await subject.probe.describe(subject.id);
      if (second === null) return `DescribeSpace answered, and then ${refused?.words ?? "nothing"}`;
      if (first.digest !== second.digest)
        return `DescribeSpace gave the digest ${quoted(first.digest)}, and then ${quoted(second.digest)}`;
      const differs = digested.find((part) => digestOf(first[part]) !== digestOf(second[part]));
      return differs === undefined
        ? null
        : `DescribeSpace gave the digest ${quoted(first.digest)} twice, with other ${differs}`;
    },
  },
];

// --- internal ---

/** The parts that the digest stands for. */
const digested = ["dimensions", "template", "metrics", "costs"] as const;
const named = ["metrics", "costs", "splits"] as const;
/** Fields with a check of their own. */
const sizes = ["parallelism", "maxBatch", "id"];

/** What the schema of a description refuses. */
function issues(raw: SpaceDescription__Output) {
  const splits = raw.splits.map(({ data, ...split }) => (data === "" ? split : { ...split, data }));
  const parsed = spaceDescriptionSchema.safeParse({ ...raw, splits });
  return (parsed.error?.issues ?? []).map(({ path, message }) => ({
    field: String(path[0]),
    place: path.join("."),
    message,
  }));
}
