/**
 * Ranks architectures by a model, to see whether it can tell good ones from bad ones by their structure (paper, section 3.1).
 *
 * All of a space is measured, trials are drawn, a model ranks them one after the other, and each finished trial is stored
 * before the next one begins. Drawing, asking and reading are ranking/.
 */
import { existsSync } from "node:fs";
import { CollmError, Interrupted, NoUsableWinner, UsageError } from "../errors.ts";
import { askForRanking, rankingPrompt } from "../ranking/ranker.ts";
import type { RankingHeader, Trial } from "../ranking/record.ts";
import { cutIntoBins, drawTrial, type Scored } from "../ranking/trial.ts";
import type { ChatModel, Evaluator } from "../search/ports.ts";
import { Space } from "../search/space.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { type Config, readConfig, serverOf } from "../settings/config.ts";
import type { rankFlags } from "../settings/command-flags.ts";
import type { FlagsOf } from "../settings/flags.ts";
import { type OpenedModels, openEvaluator, openModels, systemClock } from "./compose.ts";
import { everyText, measureAll } from "./optimum.ts";
import { costsToRankBy, refuseUnreadable, requireCells, requireSame, requireSplit } from "./rank-refusals.ts";
import { RankingFile } from "./ranking-file.ts";
import { type RankingSummary, summarizeRanking } from "./ranking-summary.ts";
import { versions } from "./versions.ts";

/** More trials hardly narrow the intervals, and take memory to resample. */
const mostTrials = 1_000;
/** Measuring that takes longer is reported. */
const quietSeconds = 10;
/** So many trials without a readable reply are paid for, and no more as long as there was none at all. */
const mostUnreadable = 5;

export type RankFlags = FlagsOf<(typeof rankFlags)[number]>;

/** An experiment that begins, or continues. */
export interface RankBegun {
  readonly space: string;
  readonly seed: number;
  /** Null: the costs alone rank. */
  readonly model: string | null;
  /** How many trials are there already. */
  readonly stored: number;
}

export interface RankOptions {
  readonly signal: AbortSignal;
  readonly onBegin?: (begun: RankBegun) => void;
  /** Called with each trial that a model has ranked, once it is stored. */
  readonly onTrial?: (trial: Trial, higherIsBetter: boolean) => void;
  /** Takes a line for a person: a repair of the record, a wait, how far measuring is. */
  readonly say?: (line: string) => void;
}

/** What an experiment came to. */
export interface Ranked {
  /** The record. */
  readonly file: string;
  /** Null where there is nothing to sum up. */
  readonly summary: RankingSummary | null;
  /** Why it did not come to its end; null: it did. */
  readonly error: CollmError | null;
}

/**
 * Makes the experiment, or continues it where `out` holds some of its trials.
 *
 * @throws UsageError before anything is asked, for an experiment that cannot be made
 */
export async function rank(
  file: string | undefined,
  flags: RankFlags,
  { signal, onBegin = () => {}, onTrial = () => {}, say = () => {} }: RankOptions,
): Promise<Ranked> {
  const { split, by, trials, cells, draws, out, shared: isShared = false, ...common } = flags;
  if (trials > mostTrials)
    throw new UsageError(`--trials ${trials} is more than ${mostTrials}; give a smaller number`);
  const config = await readConfig(file, common);
  if (config.blind)
    throw new UsageError(`${file}: "blind" is for searches: leave it out, or rank with another file`);
  const { evaluator, close } = await openEvaluator(config);
  let ranker: OpenedModels | null = null;
  try {
    ranker = await openRanker(config, say);
    const model = ranker === null ? null : ranker.models.navigator;
    const description = await evaluator.describe(config.space, signal);
    const space = new Space(description);
    const higherIsBetter = description.metrics[0]?.higherIsBetter !== false;
    const costs = costsToRankBy(description, by);
    if (model === null && costs.length === 0) {
      throw new UsageError(
        `space ${space.id} has no costs to rank by; name a model with --model, and --base-url where it is not OpenAI's`,
      );
    }
    requireSplit(description, split);
    const texts = everyText(space);
    requireCells(cells, texts.length, "there are");
    const { serverVersion } = await evaluator.list(signal);
    const path = out ?? defaultPath(config);
    const setUp = {
      config: settingsOf(config, description, { split, cells, draws }),
      setup: { model: config.model, evaluator: config.evaluator },
      versions: { ...(await versions()), evaluator: serverVersion },
    };
    const record = await RankingFile.open(path, setUp, isShared);
    let measured: number | null = null;
    let stopped: CollmError | null = null;
    try {
      for (const repair of record.repairs) say(repair);
      const label = model?.label ?? null;
      onBegin({ space: space.id, seed: config.seed, model: label, stored: record.trials.length });
      const scored = await measure(evaluator, space, texts, split, say, signal);
      measured = scored.length;
      if (measured === 0)
        throw new NoUsableWinner(
          `nothing to rank: all ${texts.length} evaluations failed; mend the evaluator or its data, then rank again`,
        );
      requireCells(cells, measured, `${texts.length - measured} evaluations failed: there are`);
      const bins = cutIntoBins(scored, cells, higherIsBetter);
      const drawn = Array.from({ length: trials }, (_, at) => drawTrial(bins, config.seed, draws, at + 1));
      const wanted = await withCosts(evaluator, description, drawn, signal);
      requireSame(record.trials, wanted, path);
      if (model === null) await storeUnranked(record, wanted);
      else {
        const ranked = (trial: Trial) => onTrial(trial, higherIsBetter);
        await askForTrials(model, space, config, wanted, record, ranked, signal);
      }
    } catch (error) {
      if (!(error instanceof CollmError) || (error.exitCode !== 3 && error.exitCode !== 4)) throw error;
      stopped = error;
    } finally {
      await record.close();
    }
    const done = record.trials.slice(0, trials);
    if (measured === null || done.length === 0) return { file: path, summary: null, error: stopped };
    const facts = {
      file: path,
      status: stopped === null ? "ended" : stopped instanceof Interrupted ? "interrupted" : "failed",
      reason: stopped?.message ?? null,
      space: space.id,
      split,
      metric: description.metrics[0]?.name ?? "",
      cells,
      draws,
      seed: config.seed,
      asked: trials,
      model: model?.label ?? null,
      architectures: { measured, failed: texts.length - measured },
    } as const;
    const summary = summarizeRanking(done, facts, { costs, higherIsBetter });
    return { file: path, summary, error: stopped };
  } finally {
    await ranker?.close();
    await close();
  }
}

// --- internal ---

/** The architectures of one trial with everything that is stored of them. */
type Hand = Trial["architectures"];

/** The model under the settings of the Navigator; null: none is named. */
async function openRanker({ model }: Config, say: (line: string) => void): Promise<OpenedModels | null> {
  const onRetry = (seconds: number, reason: string) => say(`waiting ${seconds.toFixed(1)} s: ${reason}`);
  return model === null ? null : await openModels(serverOf(model, "navigator"), systemClock, { onRetry });
}

/** Without a model there is nothing to wait for: all trials are stored at once. */
async function storeUnranked(record: RankingFile, wanted: readonly Hand[]): Promise<void> {
  await record.append(
    wanted
      .map((architectures, at) => ({ trial: at + 1, architectures, replies: [], ranking: null }))
      .slice(record.trials.length),
  );
}

/** Has a model rank the trials that are not stored yet. */
async function askForTrials(
  model: ChatModel,
  space: Space,
  config: Config,
  wanted: readonly Hand[],
  record: RankingFile,
  ranked: (trial: Trial) => void,
  signal: AbortSignal,
): Promise<void> {
  const before = record.trials.length;
  for (let trial = before + 1; trial <= wanted.length; trial++) {
    if (signal.aborted) throw new Interrupted("stopped on request");
    const architectures = wanted[trial - 1] as Hand;
    const texts = architectures.map(({ text }) => text);
    const prompt = rankingPrompt(space, texts, config);
    const asked = { count: texts.length, seed: config.seed, trial };
    await record.append([{ trial, architectures, ...(await askForRanking(model, prompt, asked, signal)) }]);
    ranked(record.trials[trial - 1] as Trial);
    if (trial === wanted.length || trial - before >= mostUnreadable) refuseUnreadable(record.trials, model);
  }
}

/** All that shapes a trial and its ranking, in the order in which differences are reported. */
function settingsOf(
  { seed, task, structured, model }: Config,
  { id, digest }: SpaceDescription,
  plan: Pick<RankFlags, "split" | "cells" | "draws">,
): RankingHeader["config"] {
  const settings = { space: id, digest, ...plan, seed };
  if (model === null) return { ...settings, model: null };
  const { name, temperature, topP, maxTokens } = serverOf(model, "navigator");
  return { ...settings, model: name, task, structured, temperature, topP, maxTokens };
}

/** The values of a split; an architecture whose evaluation failed is left out. */
async function measure(
  evaluator: Evaluator,
  space: Space,
  texts: readonly string[],
  split: "search" | "test",
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Scored[]> {
  const scored: Scored[] = [];
  let saidAt = systemClock.seconds();
  for (let start = 0; start < texts.length; start += space.description.maxBatch) {
    if (systemClock.seconds() > saidAt + quietSeconds) {
      saidAt = systemClock.seconds();
      say(
        `measured ${start.toLocaleString("en-US")} of ${texts.length.toLocaleString("en-US")} architectures`,
      );
    }
    const batch = texts.slice(start, start + space.description.maxBatch);
    const values = await measureAll(evaluator, space, batch, split, signal);
    for (const [at, value] of values.entries())
      if (value !== null) scored.push({ text: batch[at] as string, value });
  }
  return scored;
}

async function withCosts(
  evaluator: Evaluator,
  description: SpaceDescription,
  drawn: readonly (readonly Scored[])[],
  signal: AbortSignal,
): Promise<Hand[]> {
  const texts = [...new Set(drawn.flat().map(({ text }) => text))];
  const measured = await evaluator.measureCosts({ space: description, texts }, signal);
  const costs = new Map(measured.map((each) => [each.text, each.costs]));
  return drawn.map((hand) => hand.map((each) => ({ ...each, costs: costs.get(each.text) ?? {} })));
}

/** A name that is free. */
function defaultPath({ space, seed, model }: Config): string {
  const time = systemClock.now().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  const ranker = model === null ? "controls" : serverOf(model, "navigator").name;
  const name = `${space}-${ranker}-seed${seed}-${time}`.replace(/[^A-Za-z0-9._-]/g, "_");
  for (let copy = 1; ; copy++) {
    const path = `rankings/${name}${copy === 1 ? "" : `-${copy}`}.jsonl`;
    if (!existsSync(path)) return path;
  }
}
