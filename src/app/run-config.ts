/**
 * What is known of a run before it begins: its configuration, whether that fits the space, and the state it would begin with.
 */
import { existsSync } from "node:fs";
import { type KnownResults, recordedKnown } from "../runs/known-results.ts";
import { journalPath } from "../runs/run-folder.ts";
import { type Config, readConfig, searchConfigOf, serverOf, setupOf } from "../settings/config.ts";
import { type Flags } from "../settings/flags.ts";
import { UsageError } from "../errors.ts";
import { formatVersion, type RunEvent } from "../search/events.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import { Space } from "../search/space.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { fold } from "../search/fold.ts";
import type { RunState } from "../search/state.ts";
import { checkSettings } from "../searchers/registry.ts";
import { askedModel } from "./asked-model.ts";
import { findSearcher, systemClock } from "./compose.ts";
import { onwardCommand } from "./held-run.ts";

/**
 * The configuration of a run, before anything is started for it.
 *
 * @param mayContinue whether a run in its folder is continued; else that is refused
 * @throws UsageError for what no run can begin with
 */
export async function readRunConfig(
  file: string | undefined,
  flags: Flags,
  mayContinue = false,
): Promise<Config> {
  const config = await readConfig(file, flags);
  findSearcher(config.searcher);
  askedModel(searchConfigOf(config), config.model, file === undefined ? "" : `${file}: `);
  if (mayContinue) return config;
  // The journal itself refuses again when it is made.
  if (config.out !== null && existsSync(journalPath(config.out)))
    throw new UsageError(
      `${config.out} already holds a run, and no run is overwritten; choose another --out, or continue it with: ${await onwardCommand(config.out)}`,
    );
  return config;
}

/** Everything that a configuration names of a space has to be there: the costs of its limits, the choices of a prior. */
export function checkFit(config: Config, space: SpaceDescription): void {
  checkSettings(new Space(space), searchConfigOf(config));
  const costs = space.costs.map(({ name }) => name);
  for (const name of Object.keys(config.limits)) {
    if (costs.includes(name)) continue;
    const known = costs.length === 0 ? "it has none" : `they are ${costs.join(", ")}`;
    throw new UsageError(`space ${space.id} has no cost "${name}"; ${known}${didYouMean(name, costs)}`);
  }
}

/**
 * The state of a run of this configuration that has just begun and is recorded nowhere: what its first prompts are made
 * from. `models` are null where no model is asked. Of `known` results only the number and the digest are in it.
 *
 * @throws UsageError where one is asked and none is named
 */
export function rehearsal(config: Config, space: SpaceDescription, known: KnownResults | null): RunState {
  const plain = searchConfigOf(config);
  const search = known === null ? plain : { ...plain, known: recordedKnown(known) };
  const model = askedModel(search, config.model);
  const event: RunEvent = {
    v: formatVersion,
    seq: 1,
    at: systemClock.now(),
    type: "run-started",
    run: "",
    search,
    setup: { ...setupOf(config) },
    models:
      model === null
        ? null
        : { navigator: serverOf(model, "navigator").name, generator: serverOf(model, "generator").name },
    space,
    versions: {},
  };
  return fold([event]) as RunState;
}
