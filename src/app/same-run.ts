/**
 * Says whether a run that is there is the one that a configuration would make.
 */
import { isDeepStrictEqual } from "node:util";
import { UsageError } from "../errors.ts";
import type { KnownResults } from "../runs/known-results.ts";
import { settingsOf } from "../report/run-settings.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import type { RunState } from "../search/state.ts";
import type { Config } from "../settings/config.ts";
import { rehearsal } from "./run-config.ts";

/** @throws UsageError naming a setting that decides and is another one by now */
export function requireSameRun(
  folder: string,
  state: RunState,
  config: Config,
  described: SpaceDescription,
  known: KnownResults | null,
): void {
  const recorded: Readonly<Record<string, unknown>> = settingsOf(state);
  const planned: Readonly<Record<string, unknown>> = settingsOf(rehearsal(config, described, known));
  const differing = Object.keys(planned).find((key) => !isDeepStrictEqual(recorded[key], planned[key]));
  if (differing === undefined) return;
  const [was, is] = [recorded, planned].map((settings) => JSON.stringify(settings[differing] ?? null));
  throw new UsageError(
    `${folder} was run with another ${differing} (${was}, not ${is}); choose another --out, or move that folder away`,
  );
}
