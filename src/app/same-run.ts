/**
 * Says whether a run that is there is the one that a configuration would make, or a shorter part of it.
 *
 * It compares every setting that decides, and the data of the space. It reads no file.
 */
import { isDeepStrictEqual } from "node:util";
import { UsageError } from "../errors.ts";
import type { KnownResults } from "../runs/known-results.ts";
import { settingsOf } from "../report/run-settings.ts";
import type { Caps } from "../search/events.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import type { RunState } from "../search/state.ts";
import type { Config } from "../settings/config.ts";
import { fieldsOf } from "../text/json.ts";
import type { Changes } from "./run-lifecycle.ts";
import { rehearsal } from "./run-config.ts";

/** What a configuration gives a run in addition; null: nothing. */
export type Prolonged = Pick<Changes, "budget" | "rounds" | "caps">;

/** @throws UsageError naming a setting that decides and is another one by now, or the space of other data */
export function requireSameRun(
  folder: string,
  state: RunState,
  config: Config,
  described: SpaceDescription,
  known: KnownResults | null,
): void {
  const [differing] = differences(state, config, described, known);
  if (differing !== undefined) throw another(folder, differing);
  requireSameData(folder, state, described);
}

/**
 * How a configuration prolongs a run: by a larger budget, by more rounds, by larger caps or by none.
 *
 * @throws UsageError as `requireSameRun`, and for a budget, rounds or caps that are smaller than the run's
 */
export function prolonging(
  folder: string,
  state: RunState,
  config: Config,
  described: SpaceDescription,
  known: KnownResults | null,
): Prolonged {
  const differing = differences(state, config, described, known);
  const refused = differing.find((difference) => !prolongs(difference));
  if (refused !== undefined) throw mayGrow(refused) ? smaller(folder, refused) : another(folder, refused);
  requireSameData(folder, state, described);
  const changed = new Set(differing.map(({ key }) => key));
  const isCapped = [...changed].some((key) => key.startsWith("caps."));
  return {
    budget: changed.has("budget") ? config.budget : null,
    rounds: changed.has("rounds") ? config.rounds : null,
    caps: isCapped ? (config.caps satisfies Caps) : null,
  };
}

// --- internal ---

/** A setting that decides, as the run has it and as the configuration has it. */
interface Difference {
  readonly key: string;
  readonly was: unknown;
  readonly is: unknown;
}

function differences(
  state: RunState,
  config: Config,
  described: SpaceDescription,
  known: KnownResults | null,
): Difference[] {
  const recorded: Readonly<Record<string, unknown>> = settingsOf(state);
  const planned: Readonly<Record<string, unknown>> = settingsOf(rehearsal(config, described, known));
  return Object.keys(planned)
    .map((key) => ({ key, was: recorded[key] ?? null, is: planned[key] ?? null }))
    .filter(({ was, is }) => !isDeepStrictEqual(was, is));
}

/** Whether the run only gets longer by it. A run without a cap is longer than one with any. */
function prolongs(difference: Difference): boolean {
  const { key, was, is } = difference;
  if (key.startsWith("caps.") && is === null) return true;
  return mayGrow(difference) && typeof was === "number" && typeof is === "number" && is > was;
}

function mayGrow({ key }: Difference): boolean {
  return key === "budget" || key === "rounds" || key.startsWith("caps.");
}

function smaller(folder: string, { key, was, is }: Difference): UsageError {
  return new UsageError(
    `${folder} was begun with ${key} ${JSON.stringify(was)}, and ${JSON.stringify(is)} is not more; give the same or a larger one, or choose another --out`,
  );
}

function another(folder: string, { key, was, is }: Difference): UsageError {
  return new UsageError(
    `${folder} was run with another ${key} (${JSON.stringify(was)}, not ${JSON.stringify(is)}); choose another --out, or move that folder away`,
  );
}

/** @throws UsageError where the evaluator serves another space under the same name */
function requireSameData(folder: string, state: RunState, described: SpaceDescription): void {
  const recorded = state.original ?? state.space;
  if (recorded.digest === described.digest) return;
  throw new UsageError(
    `${folder} searched other data under the name ${described.id} than the evaluator serves now (${changeIn(recorded, described)}); serve those again, or choose another --out`,
  );
}

/** The first part of two descriptions that differs and counts, with both; or their digests. */
function changeIn(recorded: SpaceDescription, described: SpaceDescription): string {
  const words = (value: unknown) => JSON.stringify(value ?? null);
  for (const [part, keys] of meaningful) {
    const named = ({ [part]: members }: SpaceDescription) =>
      new Map(members.map((member) => [member.name, fieldsOf(member)]));
    const [before, now] = [named(recorded), named(described)];
    for (const name of new Set([...before.keys(), ...now.keys()])) {
      for (const key of keys) {
        const [was, is] = [before.get(name)?.[key], now.get(name)?.[key]];
        if (!isDeepStrictEqual(was, is)) return `${key} of ${name}: ${words(was)}, not ${words(is)}`;
      }
    }
  }
  return `digest ${recorded.digest}, not ${described.digest}`;
}

/** What decides which numbers a description stands for. */
const meaningful = [
  ["dimensions", ["choices", "numeric", "groups", "activeCount"]],
  ["metrics", ["unit", "higherIsBetter"]],
  ["costs", ["unit"]],
  ["splits", ["name"]],
] as const;
