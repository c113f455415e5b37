/**
 * Reads the results that a search begins with, from the folder of a run or from a file, and judges each of them against the
 * space.
 *
 * What is not an architecture of the space, or lacks a metric, is refused with its place. Costs are not read: the evaluator
 * is asked for them.
 */
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { UsageError } from "../errors.ts";
import { reveal } from "../search/blind.ts";
import { digestOf } from "../search/digest.ts";
import type { Outcome, SearchConfig, StandardErrors } from "../search/events.ts";
import { fold } from "../search/fold.ts";
import { checkedOutcome } from "../search/measurements.ts";
import { resultsSoFar } from "../search/results.ts";
import { Space } from "../search/space.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import type { RunState } from "../search/state.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { quotedValue } from "../text/json.ts";
import { type KnownRow, readKnownRows, refuseTooMany, shown } from "./known-rows.ts";
import { readRun } from "./run-record.ts";

type Metrics = Record<string, number>;

/** An architecture under the space's own names, with a value for each metric of the space. */
export interface KnownResult {
  readonly text: string;
  readonly metrics: Metrics;
  /** Of metrics that a run recorded with their noise; absent: none. A file has none. */
  readonly standardErrors?: StandardErrors;
}

/** What a search begins with. */
export interface KnownResults {
  /** Where they come from, in words. */
  readonly source: string;
  /** In the order in which they were found; no architecture twice. */
  readonly results: readonly KnownResult[];
}

/**
 * The results in a run's folder or a file. Of a run these are the measured ones; what failed is left out.
 *
 * @param space under its own names
 * @throws UsageError naming the file and the place of what is wrong, or both spaces where a run searched another one;
 *   JournalDamaged for a record that cannot be trusted
 */
export async function readKnownResults(path: string, space: SpaceDescription): Promise<KnownResults> {
  return (await isFolder(path)) ? await resultsOfRun(path, space) : await resultsOfFile(path, space);
}

/** What a record says of the results that its search began with. Their order is part of it: searchers see it. */
export function recordedKnown({ results }: KnownResults): NonNullable<SearchConfig["known"]> {
  return { count: results.length, digest: digestOf(results.map(({ text, metrics }) => [text, metrics])) };
}

// --- internal ---

/** What cannot be looked at is said by whoever reads it. */
async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

async function resultsOfRun(folder: string, space: SpaceDescription): Promise<KnownResults> {
  const state = fold((await readRun(folder)).events) as RunState;
  const searched = state.original ?? state.space;
  if (searched.id !== space.id || searched.digest !== space.digest)
    throw new UsageError(
      `known: ${folder} searched ${searched.id} (digest ${shown(searched.digest)}), and this search is on ${space.id} (digest ${shown(space.digest)}); its results hold for its own space alone. If they hold here too, write them into a file`,
    );
  const open =
    state.original === undefined ? (text: string) => text : reveal(state.original, state.search.seed);
  const collected = new Collected(folder, space);
  for (const { measured, outcome } of resultsSoFar(state)) {
    if (outcome.kind !== "measurement") continue;
    const { metrics, standardErrors } = outcome;
    collected.add(`"${measured.text}"`, open(measured.text), metrics, standardErrors);
  }
  if (collected.results.length === 0)
    throw new UsageError(`known: ${folder} has no measured result; leave known out, or name another run`);
  refuseTooMany(folder, collected.results.length);
  return { source: `the run ${nameOf(folder)}`, results: collected.results };
}

async function resultsOfFile(path: string, space: SpaceDescription): Promise<KnownResults> {
  const collected = new Collected(path, space);
  for (const { place, fields } of await readKnownRows(path)) {
    const metrics = Object.hasOwn(fields, "metrics") ? fields["metrics"] : fields;
    collected.add(place, rawIn(fields, path, place, space), metrics);
  }
  return { source: `the file ${nameOf(path)}`, results: collected.results };
}

/** What a reader calls a path; what a shell has opened has no name of its own. */
function nameOf(path: string): string {
  return path.startsWith("/dev/") ? "that the shell passed" : shown(basename(resolve(path)));
}

/** The architecture of a row: the member `architecture`, or one member for each dimension. */
function rawIn(
  fields: KnownRow["fields"],
  path: string,
  place: string,
  { dimensions }: SpaceDescription,
): unknown {
  if (Object.hasOwn(fields, "architecture")) return fields["architecture"];
  const names = dimensions.map(({ name }) => name);
  if (names.some((name) => Object.hasOwn(fields, name)))
    return Object.fromEntries(
      names.flatMap((name) => (Object.hasOwn(fields, name) ? [[name, fields[name]]] : [])),
    );
  const given = Object.keys(fields);
  throw new UsageError(
    `known: ${path}, ${place}: no architecture; give it as "architecture", or one column for each of ${names.join(", ")}${didYouMean("architecture", given)}`,
  );
}

/** Results that are right for a space, each architecture once. */
class Collected {
  readonly results: KnownResult[] = [];
  readonly #path: string;
  readonly #space: Space;
  readonly #first = new Map<string, { readonly place: string; readonly metrics: Metrics }>();

  constructor(path: string, space: SpaceDescription) {
    this.#path = path;
    this.#space = new Space(space);
  }

  /** @throws UsageError naming the place */
  add(place: string, raw: unknown, metrics: unknown, standardErrors?: StandardErrors): void {
    const parsed = this.#space.parse(raw);
    if (!parsed.ok) {
      const why = parsed.rejections.map(({ sentence }) => sentence).join("; ");
      throw this.#refused(place, `no architecture of ${this.#space.id}: ${shown(why)}`);
    }
    const { text } = parsed.architecture;
    const own = this.#metricsOf(place, metrics);
    const before = this.#first.get(text);
    if (before !== undefined) {
      const name = Object.keys(own).find((each) => own[each] !== before.metrics[each]);
      if (name === undefined) return;
      throw this.#refused(
        place,
        `${text} has ${name} ${own[name]}, and ${before.metrics[name]} in ${before.place}; leave one of them out, or give their mean`,
      );
    }
    this.#first.set(text, { place, metrics: own });
    this.results.push({ text, metrics: own, ...(standardErrors === undefined ? {} : { standardErrors }) });
  }

  #metricsOf(place: string, given: unknown): Metrics {
    const fields = typeof given === "object" && given !== null ? (given as KnownRow["fields"]) : {};
    const { metrics } = this.#space.description;
    const own = Object.fromEntries(
      metrics.map(({ name }) => {
        if (!Object.hasOwn(fields, name))
          throw this.#refused(place, `the metric ${name} is missing${didYouMean(name, Object.keys(fields))}`);
        const value = numberIn(fields[name]);
        if (value === null)
          throw this.#refused(
            place,
            `${name} is ${shown(quotedValue(fields[name]))}, and has to be a finite number`,
          );
        return [name, value];
      }),
    );
    const outcome: Outcome = { kind: "measurement", metrics: own, seconds: 0 };
    const checked = checkedOutcome(this.#space.description, outcome);
    if (checked.kind === "failure")
      throw this.#refused(place, `${checked.message}, which is out of range for a percentage`);
    return own;
  }

  #refused(place: string, why: string): UsageError {
    return new UsageError(`known: ${this.#path}, ${place}: ${why}`);
  }
}

const decimal = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** A finite number, or the text of one; null: it is neither. */
function numberIn(value: unknown): number | null {
  const number = typeof value === "string" && decimal.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}
