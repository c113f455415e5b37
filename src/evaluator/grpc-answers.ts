/**
 * Turns an evaluator's messages into the types of the search, and checks each strictly: all numbers that leave this file
 * are there and finite.
 *
 * It calls nothing; the caller makes the error of a message that breaks the contract.
 */
import type { ContractViolation } from "../errors.ts";
import type { MeasuredCost, Outcome, StandardErrors } from "../search/events.ts";
import type { SpaceCatalog } from "../search/ports.ts";
import { Space } from "../search/space.ts";
import { type SpaceDescription, spaceDescriptionSchema } from "../search/space-description.ts";
import type { ArchitectureCost__Output } from "./contract/collm_nas/v1/ArchitectureCost.ts";
import type { DescribeSpaceResponse__Output } from "./contract/collm_nas/v1/DescribeSpaceResponse.ts";
import type { FailureKind__Output } from "./contract/collm_nas/v1/FailureKind.ts";
import type { ListSpacesResponse__Output } from "./contract/collm_nas/v1/ListSpacesResponse.ts";
import type { Outcome__Output } from "./contract/collm_nas/v1/Outcome.ts";
import { beyondBounds, boundedText, isTooLong, listBeyondBounds } from "./contract-bounds.ts";
import { shortLine } from "./grpc-errors.ts";

type FailureName = Extract<Outcome, { kind: "failure" }>["failure"];

const failures: Readonly<Record<FailureKind__Output, FailureName>> = {
  FAILURE_KIND_UNSPECIFIED: "crashed",
  OUT_OF_MEMORY: "out-of-memory",
  NOT_FINITE: "not-finite",
  OUT_OF_RANGE: "out-of-range",
  CRASHED: "crashed",
};

/** Makes the error of an answer that breaks the contract. */
export type Broken = (what: string) => ContractViolation;
export type Catalogue = Awaited<ReturnType<SpaceCatalog["list"]>>;

/** The list of spaces. @throws ContractViolation */
export function readCatalogue(answer: ListSpacesResponse__Output, broken: Broken): Catalogue {
  const excess = listBeyondBounds(answer.spaces);
  if (excess !== null) throw broken(`its list of spaces has ${excess}`);
  const ids = answer.spaces.map(({ id }) => id);
  if (ids.includes("") || new Set(ids).size < ids.length) {
    throw broken("it lists a space without an id, or one twice");
  }
  return answer;
}

/** A description, as far as it can be searched by. @throws ContractViolation */
export function readDescription(
  spaceId: string,
  answer: DescribeSpaceResponse__Output["space"],
  broken: Broken,
): SpaceDescription {
  const brokenHere = (what: string) => broken(`its description of space "${spaceId}" ${what}`);
  const excess = answer === null ? null : beyondBounds(answer);
  if (excess !== null) throw brokenHere(`has ${excess}`);
  const parsed = spaceDescriptionSchema.safeParse(withoutEmptyData(answer));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw brokenHere(`is wrong at ${issue?.path.join(".") || "the top"}: ${issue?.message}`);
  }
  const space = parsed.data;
  if (space.id !== spaceId) throw brokenHere(`describes space "${space.id}"`);
  for (const part of ["metrics", "costs", "splits"] as const) {
    const names = space[part].map(({ name }) => name);
    const twice = names.find((name, place) => names.indexOf(name) < place);
    if (twice !== undefined) throw brokenHere(`has "${twice}" twice among its ${part}`);
  }
  if (!space.splits.some(({ name }) => name === "search")) throw brokenHere('has no split "search"');
  return new Space(space).description;
}

/** The outcome of the architecture `text`. @throws ContractViolation */
export function readOutcome(
  answer: Outcome__Output,
  text: string,
  metrics: readonly string[],
  broken: Broken,
): Outcome {
  requireText(answer.architecture, text, broken);
  if (answer.measurement) {
    const { metrics: values, seconds, standardErrors, stored } = answer.measurement;
    const absent = metrics.find((name) => numberAt(values, name) === undefined);
    if (absent !== undefined) throw broken(`it gave no value for metric "${absent}" of ${text}`);
    if (!Number.isFinite(seconds) || seconds < 0) {
      throw broken(`it says that ${text} took ${seconds} seconds`);
    }
    const errors = readStandardErrors(standardErrors, text, metrics, broken);
    const strange = metrics.find((name) => !Number.isFinite(values[name]));
    if (strange !== undefined) {
      return { kind: "failure", failure: "not-finite", message: `${strange} is ${values[strange]}` };
    }
    return {
      kind: "measurement",
      metrics: pickNumbers(values, metrics),
      seconds,
      ...errors,
      ...(stored ? { stored } : {}),
    };
  }
  if (answer.failure) {
    // A kind that this program does not know arrives as its number.
    const { kind, message } = answer.failure;
    const failure = failures[kind] as FailureName | undefined;
    if (failure === undefined) throw broken(`it gave failure kind ${kind} for ${text}`);
    return { kind: "failure", failure, message: boundedText(message) };
  }
  throw broken(`its outcome for ${text} is neither a measurement nor a failure`);
}

/** The costs of the architectures `texts`, in their order. @throws ContractViolation */
export function readCosts(
  answers: readonly ArchitectureCost__Output[],
  texts: readonly string[],
  names: readonly string[],
  broken: Broken,
): MeasuredCost[] {
  if (answers.length !== texts.length) {
    throw broken(`it gave ${answers.length} costs for ${texts.length} architectures`);
  }
  return texts.map((text, place) => {
    const { architecture, costs, equivalenceKey } = answers[place] as ArchitectureCost__Output;
    requireText(architecture, text, broken);
    const missing = names.find((name) => !Number.isFinite(numberAt(costs, name)));
    if (missing !== undefined) throw broken(`it gave no finite value for cost "${missing}" of ${text}`);
    if (isTooLong(equivalenceKey))
      throw broken(`it gave an equivalence key of ${equivalenceKey.length} characters for ${text}`);
    return { text, costs: pickNumbers(costs, names), equivalenceKey };
  });
}

/** What is wrong with the standard errors of a measurement; null: nothing. */
export function wrongStandardError(
  errors: Readonly<Record<string, number>>,
  metrics: readonly string[],
): string | null {
  for (const [name, value] of Object.entries(errors)) {
    if (!metrics.includes(name)) return `"${shortLine(name)}", which is no metric of the space`;
    if (!Number.isFinite(value) || value < 0) return `"${name}" that is ${value}`;
  }
  return null;
}

// --- internal ---

function requireText(answered: string, asked: string, broken: Broken): void {
  if (answered === asked) return;
  throw broken(`it answered for ${shortLine(answered)} where ${asked} was asked`);
}

/** Those that are known, in the order of the metrics; nothing where none is. */
function readStandardErrors(
  errors: Readonly<Record<string, number>>,
  text: string,
  metrics: readonly string[],
  broken: Broken,
): { standardErrors?: StandardErrors } {
  const wrong = wrongStandardError(errors, metrics);
  if (wrong !== null) throw broken(`for ${text} it gave a standard error of ${wrong}`);
  const known = metrics.filter((name) => Object.hasOwn(errors, name));
  return known.length === 0 ? {} : { standardErrors: pickNumbers(errors, known) };
}

/** On the wire a missing text is empty; in a description it is left out. */
function withoutEmptyData(space: DescribeSpaceResponse__Output["space"]): unknown {
  if (space === null) return null;
  const splits = space.splits.map(({ data, ...split }) => (data === "" ? split : { ...split, data }));
  return { ...space, splits };
}

function numberAt(numbers: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(numbers, name) ? numbers[name] : undefined;
}

/** The named numbers, in the order of the names: a map on the wire has no order of its own. */
function pickNumbers(
  numbers: Readonly<Record<string, number>>,
  names: readonly string[],
): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, numbers[name] as number]));
}
