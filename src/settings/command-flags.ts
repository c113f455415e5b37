/**
 * Lists the flags, with what `--help` writes for each, from the table of settings.
 *
 * It loads no schema, so that help is quick. flags.ts reads the values.
 */
import { commandFlags, groups, planSettings, type Setting, settings } from "../settings.ts";

type Flagged = typeof settings &
  typeof commandFlags & {
    readonly caps: typeof groups.caps;
    readonly "plan.seeds": typeof planSettings.seeds;
    readonly "plan.parallel": typeof planSettings.parallel;
    readonly "plan.out": typeof planSettings.out;
  };

/** All that may be a flag, by its key: settings of a search, settings of a plan, and flags around a command. */
export const flagged: Flagged = {
  ...settings,
  caps: groups.caps,
  "plan.seeds": planSettings.seeds,
  "plan.parallel": planSettings.parallel,
  "plan.out": planSettings.out,
  ...commandFlags,
};

type WithFlag = { readonly flag: object };
/** The keys that have a flag. */
export type FlagKey = { [K in keyof Flagged]: Flagged[K] extends WithFlag ? K : never }[keyof Flagged];

type Last<K> = K extends `${string}.${infer Rest}` ? Last<Rest> : K;
/** The name of a flag among the options of a command, in camelCase. */
export type FlagName<K extends FlagKey> = Flagged[K] extends { readonly flag: { readonly name: infer Name } }
  ? Name & string
  : Last<K> & string;

/** @returns such as evaluatorConfig */
export function flagName<K extends FlagKey>(key: K): FlagName<K> {
  const { flag } = entryOf(key);
  return (flag?.name ?? key.slice(key.lastIndexOf(".") + 1)) as FlagName<K>;
}

/** @returns such as `--evaluator-config <file>` */
export function flagForm(key: FlagKey): string {
  const value = entryOf(key).flag?.value;
  return `${flagOption(key)}${value === undefined ? "" : ` <${value}>`}`;
}

/** @returns such as `--evaluator-config` */
export function flagOption(key: FlagKey): string {
  return `--${flagName(key).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Whether it may be given several times. */
export function isRepeated(key: FlagKey): boolean {
  return entryOf(key).flag?.value?.endsWith("=value") === true;
}

/**
 * What `--help` says of a flag. `hasDefault`: a flag that is not given has its default, and not the value from before.
 */
export function flagHelp(key: FlagKey, hasDefault = true): string {
  const entry = entryOf(key);
  const usually =
    entry.usually ??
    (["string", "number"].includes(typeof entry.default) ? String(entry.default) : undefined);
  return [
    entry.flag?.help ?? entry.help,
    isRepeated(key) ? "; may be given several times" : "",
    hasDefault && usually !== undefined && entry.flag?.value !== undefined ? ` (default: ${usually})` : "",
  ].join("");
}

/** The entry of a flag; that of a group has no schema. */
export function entryOf(key: FlagKey): Omit<Setting, "schema" | "scope"> {
  return flagged[key];
}

// ----- Of commands -----

const server = ["model.name", "model.baseUrl", "model.maxTokens"] as const;
/** Where the evaluator is. */
export const evaluatorFlags = ["evaluator.address", "evaluator.config"] as const;

/** What `run` takes of a configuration. */
export const searchFlags = [
  "space",
  "searcher",
  "budget",
  "limits",
  "target",
  "rounds",
  "seed",
  "overLimit",
  "equivalent",
  "task",
  "blind",
  "known",
  ...server,
  "model.onTruncation",
  "caps",
  "prices",
  ...evaluatorFlags,
  "out",
] as const satisfies readonly FlagKey[];

/** What `resume` may change. */
export const resumeFlags = [
  "budget",
  "rounds",
  ...server,
  "model.onTruncation",
  "caps",
  "prices",
  ...evaluatorFlags,
] as const satisfies readonly FlagKey[];

export const doctorFlags = [
  "space",
  ...server,
  "caps",
  "limits",
  "prices",
  ...evaluatorFlags,
] as const satisfies readonly FlagKey[];

export const estimateFlags = [
  "space",
  "searcher",
  "budget",
  "rounds",
  "limits",
  ...server,
  "caps",
  "prices",
  ...evaluatorFlags,
] as const satisfies readonly FlagKey[];

export const benchFlags = [
  "plan.seeds",
  "budget",
  "limits",
  "plan.parallel",
  "model.name",
  "model.baseUrl",
  "prices",
  ...evaluatorFlags,
  "plan.out",
] as const satisfies readonly FlagKey[];

export const rankFlags = [
  "space",
  "split",
  "model.name",
  "model.baseUrl",
  "by",
  "trials",
  "cells",
  "draws",
  "seed",
  "task",
  ...evaluatorFlags,
  "record",
  "shared",
] as const satisfies readonly FlagKey[];
