/**
 * Reads the plan of a bench: searchers, spaces, seeds and settings, and the runs that they make together.
 *
 * It asks no evaluator: whether a space, a cost or a choice exists is checked later, before any run begins.
 */
import { basename, dirname, resolve } from "node:path";
import * as z from "zod";
import {
  type Config,
  configKeys,
  keyWords,
  type ModelConfig,
  parseConfig,
  searchConfigOf,
  serverOf,
} from "../settings/config.ts";
import type { benchFlags } from "../settings/command-flags.ts";
import { type FlagsOf, withFlags } from "../settings/flags.ts";
import { findFile, pathsFrom, readYaml } from "../settings/yaml-file.ts";
import { type KeyWords, parseStrictly, readPaths } from "../settings/schema-words.ts";
import { givenByMatrix } from "../settings/json-schema.ts";
import { planSettings, shapeOf } from "../settings.ts";
import { UsageError } from "../errors.ts";
import type { PrintedRow } from "../report/bench-record.ts";
import { usualControls } from "../report/study.ts";
import { askedModel } from "./asked-model.ts";
import { digestOf } from "../search/digest.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { isObject } from "../text/json.ts";
import { searchers } from "../searchers/registry.ts";

/** The length of a folder's name, in characters; file systems take 255 bytes. */
const longestName = 120;

const planSchema = z.strictObject(shapeOf(z, planSettings, "", readPaths));

/** Every key of a plan. */
export const planKeys: readonly string[] = Object.keys(planSchema.shape);

/** Flags of `bench` that change a plan. */
export type PlanFlags = FlagsOf<(typeof benchFlags)[number]>;

/** One run of the matrix. */
export interface PlannedRun {
  readonly label: string;
  readonly isControl: boolean;
  readonly config: Config;
  /** From the bench's folder. */
  readonly folder: string;
}

export interface Plan {
  readonly title: string;
  readonly runs: readonly PlannedRun[];
  readonly parallel: number;
  readonly measuresOptimum: boolean;
  /** Rows that a publication prints, by space. */
  readonly printed: Readonly<Record<string, readonly PrintedRow[]>>;
  readonly out: string;
  /** What the reader should know of the plan as it was read, a sentence each. */
  readonly remarks: readonly string[];
}

/**
 * Reads a plan and makes its runs.
 *
 * @throws UsageError naming the key, before anything runs: for an empty matrix, a seed given twice, two runs of one
 *   name, and for whatever no single run may have
 */
export async function readPlan(file: string, flags: PlanFlags): Promise<Plan> {
  const source = `${file}: `;
  const plan = parseStrictly(planSchema, await readYaml(file), source, planWords);
  const { seeds, parallel, out, ...runFlags } = flags;
  refuseReserved(plan, source);
  refuseFlags(plan, flags, source);
  const beside = dirname(resolve(findFile(file)));
  const shared = pathsFrom(beside, plan.run);
  const remarks: string[] = [];
  const everySeed = seedsOf(seeds ?? plan.seeds, source);
  const runs = [...spacesOf(plan.spaces, source)].flatMap(([space, ofSpace]) => {
    const given = withFlags(merged(shared, ofSpace), runFlags);
    return entriesOf(plan, given, space, remarks, source).flatMap((entry) =>
      everySeed.map((seed) => plannedRun(entry, given, space, seed, beside, source)),
    );
  });
  // On some disks two names that differ in case alone are one.
  const twice = repeated(runs.map(({ folder }) => folder.toLowerCase()));
  if (twice !== undefined)
    throw new UsageError(`${source}the matrix makes ${twice} twice; leave one of the two out`);
  return {
    title: plan.title,
    runs,
    parallel: parallel ?? plan.parallel,
    measuresOptimum: plan.optimum,
    printed: plan.printed,
    out: out ?? plan.out ?? `benches/${fileName(basename(file).replace(/\.ya?ml$/, ""))}`,
    remarks,
  };
}

// --- internal ---

/** A key of a run at the top of a plan is meant for all of its runs. */
const planWords: KeyWords = {
  more: configKeys().map((key) => `run.${key}`),
  meant: Object.fromEntries(Object.entries(keyWords.meant ?? {}).map(([name, key]) => [name, `run.${key}`])),
};

type PlanFile = z.infer<typeof planSchema>;
type Keys = Record<string, unknown>;

/** A column of the matrix: a searcher with one variation of the settings. */
interface Entry {
  readonly searcher: string;
  readonly variation: string;
  readonly keys: Keys;
  readonly isControl: boolean;
}

/** Every place of a plan that holds keys of a run's configuration, with its keys. */
function placesOf({
  run,
  spaces,
  settings,
  grid,
}: PlanFile): { place: string; keys: Keys; varies: boolean }[] {
  const gridKeys = Object.keys(grid).map((path) => nested(path.split("."), null));
  return [
    { place: "run", keys: run, varies: false },
    ...(Array.isArray(spaces)
      ? []
      : Object.entries(spaces).map(([id, keys]) => ({ place: `spaces.${id}`, keys, varies: false }))),
    ...Object.entries(settings).map(([name, keys]) => ({ place: `settings.${name}`, keys, varies: true })),
    ...gridKeys.map((keys) => ({ place: "grid", keys, varies: true })),
  ];
}

function refuseReserved(plan: PlanFile, source: string): void {
  const path = Object.keys(plan.grid).find((each) => !/^[A-Za-z]\w*(\.[A-Za-z]\w*)*$/.test(each));
  if (path !== undefined)
    throw new UsageError(
      `${source}"grid" holds "${path}", which is no key such as budget or memory.navigator`,
    );
  for (const { place, keys } of placesOf(plan)) {
    const key = givenByMatrix.find((each) => Object.hasOwn(keys, each));
    if (key !== undefined)
      throw new UsageError(
        `${source}"${place}" sets "${key}", which the matrix gives to each run; remove it`,
      );
    if (place !== "run" && Object.hasOwn(keys, "evaluator"))
      throw new UsageError(
        `${source}"${place}" sets "evaluator", but one serves the whole plan; set it in "run"`,
      );
  }
}

/** A flag overrules the plan; what a setting or the grid varies cannot be overruled without losing the comparison. */
function refuseFlags(
  plan: PlanFile,
  { budget, limit, model, baseUrl, price }: PlanFlags,
  source: string,
): void {
  const given: [flag: string, path: readonly string[], value: unknown][] = [
    ["--budget", ["budget"], budget],
    ["--limit", ["limits"], limit],
    ["--model", ["model", "name"], model],
    ["--base-url", ["model", "baseUrl"], baseUrl],
    ["--price", ["model", "name"], price],
  ];
  for (const [flag, path, value] of given) {
    if (value === undefined) continue;
    const { place } = placesOf(plan).find(({ keys, varies }) => varies && holds(keys, path)) ?? {};
    if (place !== undefined)
      throw new UsageError(
        `${source}"${place}" varies ${path.join(".")}, so ${flag} cannot overrule it; leave it out`,
      );
  }
}

function holds(keys: unknown, [key = "", ...rest]: readonly string[]): boolean {
  if (!isObject(keys) || !Object.hasOwn(keys, key)) return false;
  return rest.length === 0 || holds(keys[key], rest);
}

function spacesOf(spaces: PlanFile["spaces"], source: string): Map<string, Keys> {
  const entries = Array.isArray(spaces)
    ? spaces.map((id): [string, Keys] => [id, {}])
    : Object.entries(spaces);
  if (entries.length === 0) throw new UsageError(`${source}"spaces" is empty; name at least one`);
  const twice = repeated(entries.map(([id]) => id));
  if (twice !== undefined) throw new UsageError(`${source}"spaces" names ${twice} twice; leave one out`);
  return new Map(entries);
}

function seedsOf(seeds: PlanFile["seeds"], source: string): number[] {
  if (typeof seeds === "number") return Array.from({ length: seeds }, (_, seed) => seed);
  if (seeds.length === 0)
    throw new UsageError(`${source}"seeds" is empty; give a number of seeds, or a list`);
  const twice = repeated(seeds);
  if (twice !== undefined) throw new UsageError(`${source}"seeds" holds ${twice} twice; leave one out`);
  return seeds;
}

/** The columns of the matrix on one space; what is left out there is named in `remarks`. */
function entriesOf(
  { searchers: names, controls: chosen, settings, grid }: PlanFile,
  given: Keys,
  space: string,
  remarks: string[],
  source: string,
): Entry[] {
  const controls = chosen ?? usualControls;
  const known = searchers.map(({ name }) => name);
  for (const name of [...names, ...controls]) {
    if (!known.includes(name))
      throw new UsageError(
        `${source}unknown searcher "${name}"; they are ${known.join(", ")}${didYouMean(name, known)}`,
      );
  }
  if (names.length + controls.length === 0)
    throw new UsageError(`${source}"searchers" and "controls" are empty; name at least one searcher`);
  const hasOdds = Object.hasOwn(given, "prior");
  const kept = controls.filter((name) => name !== "prior-random" || hasOdds || chosen !== null);
  if (kept.length < controls.length)
    remarks.push(`the control prior-random is left out on ${space}: the plan gives no odds (prior)`);
  const varied = names.flatMap((searcher) =>
    variationsOf(settings, grid).map(
      (variation): Entry => ({ searcher, isControl: kept.includes(searcher), ...variation }),
    ),
  );
  const plain = kept
    .filter((searcher) => !varied.some((entry) => entry.searcher === searcher && entry.variation === ""))
    .map((searcher): Entry => ({ searcher, variation: "", keys: {}, isControl: true }));
  return [...varied, ...plain];
}

/** Every setting with every combination of the grid; one without a name where there is neither. */
function variationsOf(
  settings: PlanFile["settings"],
  grid: PlanFile["grid"],
): Pick<Entry, "variation" | "keys">[] {
  const named = Object.entries(settings).map(([variation, keys]) => ({ variation, keys: keys as Keys }));
  let variations = named.length === 0 ? [{ variation: "", keys: {} as Keys }] : named;
  for (const [path, values] of Object.entries(grid)) {
    variations = variations.flatMap(({ variation, keys }) =>
      values.map((value) => ({
        variation: [variation, `${path}=${typeof value === "string" ? value : JSON.stringify(value)}`]
          .filter((part) => part !== "")
          .join(" "),
        keys: merged(keys, nested(path.split("."), value)),
      })),
    );
  }
  return variations;
}

function plannedRun(
  { searcher, variation, keys, isControl }: Entry,
  given: Keys,
  space: string,
  seed: number,
  beside: string,
  source: string,
): PlannedRun {
  const whole: Keys = { ...pathsFrom(beside, merged(given, keys)), space, searcher, seed };
  const place = [searcher, variation].filter((part) => part !== "").join(" ");
  const config = parseConfig(whole, `${source}${place}: `);
  const model = askedModel(searchConfigOf(config), config.model, source);
  const label = model === null ? place : `${place} (${playersOf(model)})`;
  return { label, isControl, config, folder: `runs/${fileName(space)}/${fileName(label)}/seed${seed}` };
}

function playersOf(model: ModelConfig): string {
  return [...new Set([serverOf(model, "navigator").name, serverOf(model, "generator").name])].join(" and ");
}

/** The keys of the second over those of the first, objects within objects too. */
function merged(under: Keys, over: Keys): Keys {
  const result = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = result[key];
    result[key] = isObject(before) && isObject(value) && key !== "prior" ? merged(before, value) : value;
  }
  return result;
}

function nested([key = "", ...rest]: readonly string[], value: unknown): Keys {
  return { [key]: rest.length === 0 ? value : nested(rest, value) };
}

/** The first member that comes a second time. */
function repeated<T>(members: readonly T[]): T | undefined {
  return members.find((member, index) => members.indexOf(member) < index);
}

/** A text as part of a path, on any file system: long ones are cut, and differ by their digest. */
function fileName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9._=-]+/g, "-").replace(/^[-.]+|-+$/g, "") || "unnamed";
  return name.length <= longestName
    ? name
    : `${name.slice(0, longestName - 9)}-${digestOf(text).slice(0, 8)}`;
}
