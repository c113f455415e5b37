/**
 * Estimates what a search will likely take, before it is begun: from its own prompts, and from an earlier run where one is
 * given.
 *
 * The arithmetic is report/estimate.ts.
 */
import { rules } from "../searchers/rules.ts";
import { type Estimate, estimate } from "../report/estimate.ts";
import { measuredRates } from "../report/measured-rates.ts";
import { assumedRates, type Ground, type PromptSizes, strategyBytes } from "../report/assumed-rates.ts";
import { readRun } from "../runs/run-record.ts";
import type { Prices, Role } from "../search/events.ts";
import { fold } from "../search/fold.ts";
import { boundsOf, type Config, parseConfig, readConfig, readSetup } from "../settings/config.ts";
import { type Flags, withFlags } from "../settings/flags.ts";
import type { Prompt } from "../search/ports.ts";
import { Space } from "../search/space.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { bytesOf } from "../search/conversation.ts";
import { roundLimit } from "../search/progress.ts";
import type { RunState } from "../search/state.ts";
import { generatorPrompt } from "../searchers/generator.ts";
import { navigatorPrompt } from "../searchers/navigator.ts";
import { exampleOf } from "../searchers/prompts.ts";
import { soloPrompt } from "../searchers/solo.ts";
import { openEvaluator } from "./compose.ts";
import { checkFit, rehearsal } from "./run-config.ts";
import { pricesFor } from "./prices.ts";

/** An earlier run to measure by, and what is said of the model. */
export interface EstimateOptions {
  /** The folder of an earlier run; its settings are used where no file is given. */
  readonly from?: string | undefined;
  /** What the model writes a second. */
  readonly tokensPerSecond?: number | undefined;
  readonly signal: AbortSignal;
}

/** What a search will likely take, and what that rests on. */
export interface Estimated {
  readonly config: Config;
  /** The search as it would begin. */
  readonly state: RunState;
  /** The earlier run; null: everything is assumed. */
  readonly run: RunState | null;
  readonly estimate: Estimate;
  readonly grounds: readonly Ground[];
  /** Whether some grounds were measured and others are assumed. */
  readonly isMixed: boolean;
  readonly prices: Prices | null;
}

/** Estimates the search of this configuration. */
export async function estimateSearch(
  file: string | undefined,
  flags: Flags,
  { from, tokensPerSecond, signal }: EstimateOptions,
): Promise<Estimated> {
  const run = from === undefined ? null : (fold((await readRun(from)).events) as RunState);
  const config = run !== null && file === undefined ? configLike(run, flags) : await readConfig(file, flags);
  const space = new Space(await descriptionOf(config, run, signal));
  // Known results are no evaluations, and add no more than their best to one prompt.
  const state = rehearsal(config, space.description, null);
  const isAsked = state.models !== null;
  const prices = isAsked ? await pricesFor(config.model, config.prices) : null;
  const { max } = config.candidates;
  const assumed = assumedRates({
    sizes: isAsked ? sizesOf(state, space) : {},
    prices: prices ?? {},
    bounds: config.model === null ? {} : boundsOf(config.model),
    most: max,
    tokensPerSecond: tokensPerSecond ?? null,
  });
  const measured =
    run === null ? null : measuredRates(run, assumed.rates, { most: max, memory: config.memory });
  const allowed = { budget: config.budget, rounds: roundLimit(state), caps: config.caps };
  const found = estimate(allowed, (measured ?? assumed).rates);
  const heard = new Set(run?.chats.map(({ role }) => role));
  const isReplaced = measured !== null && Object.keys(found.roles).every((role) => heard.has(role as Role));
  const grounds = [...(measured?.grounds ?? []), ...(isReplaced ? [] : assumed.grounds)];
  return { config, state, run, estimate: found, grounds, isMixed: measured !== null && !isReplaced, prices };
}

// --- internal ---

/** What a round's results and questions take beside the architectures in them, in bytes. */
const resultsBytes = 2_000;
/** What is beside an architecture in a line of results: number, value and costs. */
const lineBytes = 60;

/** The settings of an earlier run, with flags over them. */
function configLike({ space, search, setup, original }: RunState, flags: Flags): Config {
  const {
    patienceSeconds: _patience,
    bounds: _bounds,
    onTruncation: _watched,
    redrawsEquivalent: _redraws,
    known: _known,
    promptExtras,
    inform,
    ...same
  } = search;
  const like = {
    ...structuredClone(same),
    space: (original ?? space).id,
    promptExtras: promptExtras !== false,
    inform: [...(inform ?? [])],
    ...structuredClone(readSetup(setup, {})),
  };
  const { searcher, ...others } = like;
  const isReplaced = searcher === rules.name && flags.model !== undefined;
  return parseConfig(withFlags(isReplaced ? others : like, flags), "");
}

async function descriptionOf(
  config: Config,
  run: RunState | null,
  signal: AbortSignal,
): Promise<SpaceDescription> {
  const recorded = run?.original ?? run?.space;
  if (recorded?.id === config.space) return recorded;
  const { evaluator, close } = await openEvaluator(config);
  try {
    const described = await evaluator.describe(config.space, signal);
    checkFit(config, described);
    return described;
  } finally {
    await close();
  }
}

/** The sizes of the prompts that this search would begin with. */
function sizesOf(state: RunState, space: Space): Partial<Record<Role, PromptSizes>> {
  const { searcher, candidates, memory, costRevision } = state.search;
  const example = bytesOf([{ role: "user", content: exampleOf(space) }]);
  const architectures = example * ((candidates.min + candidates.max) / 2);
  const results = resultsBytes + (example + lineBytes) * (candidates.max / 2);
  const strategist = (role: Role, prompt: Prompt, lists: number): PromptSizes => ({
    start: sizeOf(prompt) + (memory[role] ? 0 : results),
    growth: memory[role] ? results + strategyBytes + lists : 0,
    architectures: lists,
    writesStrategy: true,
    calls: 1,
  });
  if (searcher === "solo")
    return { generator: strategist("generator", soloPrompt(state, space, 1), architectures) };
  const asked = generatorPrompt(state, space, "s".repeat(strategyBytes));
  return {
    navigator: strategist("navigator", navigatorPrompt(state, space, 1), 0),
    generator: {
      start: sizeOf(asked),
      growth: memory.generator ? sizeOf({ ...asked, system: "" }) + architectures : 0,
      architectures,
      writesStrategy: false,
      calls: costRevision === true ? 2 : 1,
    },
  };
}

function sizeOf({ system, user }: Prompt): number {
  return bytesOf([
    { role: "system", content: system },
    { role: "user", content: user },
  ]);
}
