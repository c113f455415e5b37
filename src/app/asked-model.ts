/**
 * Finds the model that a search asks, and refuses a search that asks one where none is named.
 */
import type { ModelConfig } from "../settings/config.ts";
import { UsageError } from "../errors.ts";
import { asksRoles, firstPlayer, type PlayerSettings } from "../searchers/registry.ts";
import { rules } from "../searchers/rules.ts";

/**
 * The model as it is set up, or null where the search asks none.
 *
 * @param source begins the message
 * @throws UsageError that names both ways out, where one is asked and none is named
 */
export function askedModel(
  search: PlayerSettings,
  model: ModelConfig | null,
  source = "",
): ModelConfig | null {
  if (!asksRoles(search)) return null;
  if (model !== null) return model;
  const player = firstPlayer(search);
  const isEarly = player !== search.searcher;
  const who = isEarly ? `"${search.searcher}" begins with "${player}", which` : `"${player}"`;
  const without = isEarly ? `early: ${rules.name}` : `--searcher ${rules.name}`;
  throw new UsageError(
    `${source}searcher ${who} asks a language model, and none is named; name one with --model NAME and --base-url URL, or with --model gguf:FILE, or search without one: ${without}`,
  );
}
