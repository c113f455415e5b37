/**
 * How the costs of architectures have to be answered.
 *
 * Each check is one entry of the list below. The sentences are those of proto/.
 */
import type { ArchitectureCost__Output } from "../evaluator/contract/collm_nas/v1/ArchitectureCost.ts";
import { isTooLong } from "../evaluator/contract-bounds.ts";
import { digestOf } from "../search/digest.ts";
import { type Check, NotChecked, quoted, type SpaceSubject } from "./conform-subject.ts";

export const costChecks: readonly Check<SpaceSubject>[] = [
  {
    name: "cost-answer",
    sentence: "Costs of architectures.",
    look: async (subject) => {
      const { refused } = await subject.costs();
      if (refused === null) return null;
      return `MeasureCost of ${(await subject.texts()).length} architectures answered ${refused.words}`;
    },
  },
  {
    name: "cost-order",
    sentence: "One entry for each architecture asked for, in the same order.",
    look: async (subject) => {
      const texts = await subject.texts();
      const costs = await subject.answeredCosts();
      if (costs.length !== texts.length)
        return `MeasureCost gave ${costs.length} entries for ${texts.length} architectures`;
      const place = texts.findIndex((text, at) => costs[at]?.architecture !== text);
      if (place === -1) return null;
      return `MeasureCost was asked for ${texts[place]} at place ${place}, and gave ${quoted(costs[place]?.architecture ?? "")}`;
    },
  },
  {
    name: "cost-values",
    sentence: "A value for every cost of the description.",
    look: async (subject) => {
      const names = (await subject.space()).description.costs.map(({ name }) => name);
      for (const { architecture, costs } of await subject.answeredCosts()) {
        const wrong = names.find((name) => !Object.hasOwn(costs, name) || !Number.isFinite(costs[name]));
        if (wrong === undefined) continue;
        const value = Object.hasOwn(costs, wrong) ? `is ${costs[wrong]}` : "is missing";
        return `MeasureCost of ${quoted(architecture)}: ${wrong} ${value}`;
      }
      return null;
    },
  },
  {
    name: "cost-key",
    sentence: "An equivalence key that is longer is refused.",
    look: async (subject) => {
      const long = (await subject.answeredCosts()).find(({ equivalenceKey: key }) => isTooLong(key));
      if (long === undefined) return null;
      return `MeasureCost gave an equivalence_key of ${long.equivalenceKey.length} characters for ${quoted(long.architecture)}`;
    },
  },
  {
    name: "cost-same",
    sentence: "Needs no data and no accelerator; asking twice gives the same answer.",
    look: async (subject) => {
      const first = byText(await subject.answeredCosts());
      const texts = (await subject.texts()).toReversed();
      const asked = await subject.probe.measureCost(await subject.request({ architectures: texts }));
      if (asked.refused !== null) return `MeasureCost gave costs, and then ${asked.refused.words}`;
      const second = byText(asked.answer);
      const other = texts.find((text) => {
        const [one, two] = [first.get(text), second.get(text)];
        return one !== undefined && two !== undefined && told(one) !== told(two);
      });
      if (other === undefined) return null;
      return `MeasureCost of ${other} gave ${written(first.get(other))}, and then ${written(second.get(other))}`;
    },
  },
  {
    name: "cost-batch",
    sentence: "Canonical texts, 1 to max_batch of them.",
    look: async (subject) => {
      const { maxBatch } = (await subject.space()).description;
      const texts = await subject.texts();
      const count = Math.min(maxBatch, mostCosts, Math.floor(mostCharacters / longest(texts)));
      if (count <= texts.length) throw new NotChecked("another check asks for as many");
      await subject.answeredCosts();
      const request = await subject.request({ architectures: repeated(texts, count) });
      const { answer, refused } = await subject.probe.measureCost(request);
      const what = `MeasureCost of ${count} architectures, where max_batch is ${maxBatch},`;
      if (refused !== null) return `${what} answered ${refused.words}`;
      return answer.length === count || (await hasWrongCount(subject))
        ? null
        : `${what} gave ${answer.length} entries`;
    },
  },
];

/** Whether so many of these texts are too much for a request: many gRPC servers take no message above 4 MiB. */
export function isTooLarge(texts: readonly string[], count: number): boolean {
  return count > mostSent || count * longest(texts) > mostCharacters;
}

/** A list of so many of these texts, one after the other. */
export function repeated(texts: readonly string[], count: number): string[] {
  return Array.from({ length: count }, (_, place) => texts[place % texts.length] as string);
}

// --- internal ---

const mostSent = 25_000;
const mostCharacters = 3_000_000;
/** A supernet needs a moment for each. */
const mostCosts = 2_000;

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map(({ length }) => length));
}

function byText(costs: readonly ArchitectureCost__Output[]): Map<string, ArchitectureCost__Output> {
  return new Map(costs.map((each) => [each.architecture, each]));
}

/** Everything that is told of an architecture, in one text. A map on the wire has no order, and JSON has no NaN. */
function told({ costs, equivalenceKey }: ArchitectureCost__Output): string {
  return digestOf([
    Object.fromEntries(Object.entries(costs).map(([name, value]) => [name, `${value}`])),
    equivalenceKey,
  ]);
}

function written(cost: ArchitectureCost__Output | undefined): string {
  const { costs = {}, equivalenceKey = "" } = cost ?? {};
  const numbers = Object.entries(costs).map(([name, value]) => `${name} ${value}`);
  return quoted([...numbers, ...(equivalenceKey === "" ? [] : [`key ${equivalenceKey}`])].join(", "));
}

/** Whether the first answer had another number of entries than architectures: that was said. */
async function hasWrongCount(subject: SpaceSubject): Promise<boolean> {
  return (await subject.answeredCosts()).length !== (await subject.texts()).length;
}
