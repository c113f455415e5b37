/**
 * The results that a search begins with: reads what its configuration names, and makes the events of them.
 *
 * The evaluator is asked for the costs, so that limits hold for them as for all others. What a file or a run may hold is
 * runs/known-results.ts.
 */
import { UsageError } from "../errors.ts";
import { type KnownResults, readKnownResults } from "../runs/known-results.ts";
import { hide } from "../search/blind.ts";
import type { EventBody } from "../search/events.ts";
import type { Evaluator } from "../search/ports.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import type { RunState } from "../search/state.ts";
import { counted } from "../text/numbers.ts";
import type { Config } from "../settings/config.ts";

type KnownEvent = Extract<EventBody, { type: "results-known" }>;

/** How many results one event holds: a line of a record is read as a whole. */
const resultsAnEvent = 500;

/**
 * The results that a configuration names; null: none.
 *
 * @param described the space as its evaluator describes it
 * @throws as readKnownResults
 */
export async function readKnown(
  { known }: Pick<Config, "known">,
  described: SpaceDescription,
): Promise<KnownResults | null> {
  return known === null ? null : await readKnownResults(known, described);
}

/** The space of a run, and who measures in it. */
interface SeenSpace {
  readonly space: SpaceDescription;
  /** The same under its own names, where the search is blind to them. */
  readonly original?: SpaceDescription;
  readonly evaluator: Evaluator;
}

/** The events that begin a record with known results. Asks the evaluator for their costs. */
export async function knownEvents(
  { source, results }: KnownResults,
  { space, original, evaluator }: SeenSpace,
  seed: number,
  signal: AbortSignal,
): Promise<KnownEvent[]> {
  const seen = original === undefined ? (text: string) => text : hide(original, seed);
  const texts = results.map(({ text }) => seen(text));
  const costs = await evaluator.measureCosts({ space, texts }, signal);
  const whole = results.map(({ text: _text, ...known }, index) => ({
    measured: costs[index] as (typeof costs)[number],
    ...known,
  }));
  const events: KnownEvent[] = [];
  for (let at = 0; at < whole.length; at += resultsAnEvent)
    events.push({ type: "results-known", source, results: whole.slice(at, at + resultsAnEvent) });
  return events;
}

/** @throws UsageError for a record that was cut off before all of its known results were in it */
export function requireAllKnown({ search, known, run }: RunState): void {
  const expected = search.known?.count ?? 0;
  if (known.length >= expected) return;
  throw new UsageError(
    `${run} stopped before its record had all known results (${known.length} of ${counted(expected, "result")}), and before anything was evaluated; remove that folder and begin again`,
  );
}
