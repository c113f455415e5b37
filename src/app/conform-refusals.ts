/**
 * Which requests MeasureCost and Evaluate have to refuse, and with which status.
 *
 * Each mistake is one entry of the lists below, and a check of both calls. The sentences are those of proto/.
 */
import { ContractViolation } from "../errors.ts";
import type { Refused } from "../evaluator/contract-probe.ts";
import { shortLine } from "../evaluator/grpc-errors.ts";
import { randomStream } from "../search/random.ts";
import { Space } from "../search/space.ts";
import { isTooLarge, repeated } from "./conform-costs.ts";
import { otherThan, refusal, unknownId } from "./conform-server.ts";
import { type Check, type Found, NotChecked, type SpaceSubject } from "./conform-subject.ts";

/** A request with a mistake in it. */
interface Mistake {
  readonly name: string;
  readonly sentence: string;
  readonly status: string;
  /** The parts of the request that differ, and what was asked in words. */
  readonly make: (space: Space, texts: readonly string[]) => Made;
  /** The calls in which it can be made; absent: both. */
  readonly calls?: readonly Call[];
}

interface Made {
  readonly parts: {
    readonly spaceId?: string;
    readonly spaceDigest?: string;
    readonly split?: string;
    readonly architectures?: string[];
  };
  readonly words: string;
  /** The place of the architecture that is refused. */
  readonly place?: number;
}

type Call = "MeasureCost" | "Evaluate";
const prefixes: Readonly<Record<Call, string>> = { MeasureCost: "cost", Evaluate: "evaluate" };

const invalidSentence =
  "`INVALID_ARGUMENT`: empty batch, more than `max_batch`, text that is not canonical, illegal architecture, unknown split";

const mistakes: readonly Mistake[] = [
  {
    name: "unknown",
    sentence: "`NOT_FOUND`: unknown space id",
    status: "NOT_FOUND",
    make: ({ id }) => {
      const spaceId = unknownId([{ id }]);
      return { parts: { spaceId }, words: `the space ${spaceId}` };
    },
  },
  {
    name: "digest",
    sentence:
      "`FAILED_PRECONDITION`: another digest than the served description's; a space that is unavailable now",
    status: "FAILED_PRECONDITION",
    make: ({ description }) => ({
      parts: { spaceDigest: `${description.digest}-other` },
      words: "another digest",
    }),
  },
  {
    name: "empty",
    sentence: invalidSentence,
    status: "INVALID_ARGUMENT",
    make: () => ({ parts: { architectures: [] }, words: "no architectures" }),
  },
  {
    name: "too-many",
    sentence: invalidSentence,
    status: "INVALID_ARGUMENT",
    make: ({ description: { maxBatch } }, texts) => {
      if (isTooLarge(texts, maxBatch + 1))
        throw new NotChecked(`more than max_batch architectures (${maxBatch}) are too many`);
      const architectures = repeated(texts, maxBatch + 1);
      return {
        parts: { architectures },
        words: `${maxBatch + 1} architectures, and max_batch is ${maxBatch}`,
      };
    },
  },
  {
    name: "canonical",
    sentence: invalidSentence,
    status: "INVALID_ARGUMENT",
    make: (space, texts) => misplaced(space, texts, `${texts[0]} `, "with a blank at its end"),
  },
  {
    name: "illegal",
    sentence: invalidSentence,
    status: "INVALID_ARGUMENT",
    make: (space, texts) => misplaced(space, texts, illegalText(space), "which is not in the space"),
  },
  {
    name: "split",
    sentence: invalidSentence,
    status: "INVALID_ARGUMENT",
    make: ({ description: { splits } }) => {
      let split = "no-such-split";
      while (splits.some(({ name }) => name === split)) split += "-";
      return { parts: { split }, words: `the split ${split}` };
    },
    calls: ["Evaluate"],
  },
];

/** What the message of a refused architecture has to hold. */
const placeSentence = "the message names the place in the batch";

export const refusalChecks: readonly Check<SpaceSubject>[] = (["MeasureCost", "Evaluate"] as const).flatMap(
  (call) => [
    ...mistakes
      .filter(({ calls = [call] }) => calls.includes(call))
      .map((mistake) => ({
        name: `${prefixes[call]}-${mistake.name}`,
        sentence: mistake.sentence,
        look: async (subject: SpaceSubject): Promise<Found> => {
          const { made, refused } = await answerTo(mistake, call, subject);
          return otherThan(mistake.status, refused, `${call} was asked for ${made.words}`);
        },
      })),
    {
      name: `${prefixes[call]}-place`,
      sentence: placeSentence,
      look: async (subject: SpaceSubject): Promise<Found> => {
        const mistake = mistakes.find(({ name }) => name === "illegal") as Mistake;
        const { made, refused } = await answerTo(mistake, call, subject);
        if (refused?.status !== mistake.status) throw new NotChecked("the request was not refused so");
        const { place = 0, parts } = made;
        // The text itself may hold the number. Counted from 0 or from 1: the contract leaves it open.
        const rest = refused.words.replaceAll(shortLine(parts.architectures?.[place] ?? ""), "");
        return new RegExp(`(?<![0-9])(${place}|${place + 1})(?![0-9])`).test(rest)
          ? null
          : `${call} was asked for ${made.words}; the answer was ${refused.words}`;
      },
    },
  ],
);

// --- internal ---

async function answerTo(
  { make }: Mistake,
  call: Call,
  subject: SpaceSubject,
): Promise<{ made: Made; refused: Refused | null }> {
  const texts = await subject.texts();
  const made = make(await subject.space(), texts);
  const request = await subject.request({ architectures: texts.slice(0, 1), ...made.parts });
  const { refused } =
    call === "MeasureCost"
      ? await subject.probe.measureCost(request)
      : await refusal(subject.probe, { split: "search", ...request });
  return { made, refused };
}

/** A batch of good texts and, as its last one, `text`. */
function misplaced(
  { description: { maxBatch } }: Space,
  texts: readonly string[],
  text: string,
  what: string,
): Made {
  const place = Math.min(2, maxBatch - 1);
  const architectures = [...repeated(texts, place), text];
  return { parts: { architectures }, words: `${text.trim()} ${what}, at place ${place}`, place };
}

/** A text in the canonical form of the space, with a choice that no slot of it has. */
function illegalText(space: Space): string {
  const { description } = space;
  for (const [index, { name, numeric, choices }] of description.dimensions.entries()) {
    if (description.dimensions.some(({ activeCount }) => activeCount === name)) continue;
    const choice = numeric ? `${Math.max(...choices.map(Number)) + 1}` : `${choices[0]}x`;
    const dimensions = description.dimensions.with(index, {
      ...(description.dimensions[index] as (typeof description.dimensions)[number]),
      choices: [choice],
    });
    try {
      const { text } = new Space({ ...description, dimensions }).sample(randomStream(1, "illegal"));
      if (!space.parse(text).ok) return text;
    } catch (error) {
      if (!(error instanceof ContractViolation)) throw error;
    }
  }
  return "{}";
}
