/**
 * `rank`: whether a model can tell good architectures from bad ones by their structure (paper, section 3.1).
 *
 * Owns the course of the experiment: all of a space is measured, trials are drawn, a model ranks them one after the
 * other, and each finished trial is stored before the next one is begun. Drawing, asking and reading are ranking/;
 * what it all comes to is ranking-summary.ts.
 */
import { existsSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { type Config, type ModelConfig, readConfig, serverOf } from "../settings/config.ts";
import { type Flags } from "../settings/flags.ts";
import {
  CollmError,
  ContractViolation,
  Interrupted,
  NoUsableWinner,
  UnusableReply,
  UsageError,
} from "../errors.ts";
import { askForRanking, rankingPrompt } from "../ranking/ranker.ts";
import type { RankingHeader, Trial } from "../ranking/record.ts";
import { cutIntoBins, type Draws, drawTrial, type Scored } from "../ranking/trial.ts";
import { didYouMean } from "../text/did-you-mean.ts";
import type { ChatModel, Evaluator } from "../search/ports.ts";
import { Space } from "../search/space.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { type OpenedModels, openEvaluator, openModels, program, systemClock } from "../app/compose.ts";
import { versions } from "../app/run-lifecycle.ts";
import { everyText, measureAll } from "../app/optimum.ts";
import type { Output } from "./output.ts";
import { RankingFile } from "../app/ranking-file.ts";
import { rankingLines, summarizeRanking, trialWords } from "./ranking-summary.ts";
import { shellWord } from "../text/shell.ts";

/** More are no longer told apart by their intervals, and take memory to resample. */
const mostTrials = 1_000;
/** Measuring that takes longer without a word is told of. */
const quietSeconds = 10;
/** So many trials without a readable reply are paid for, and no more as long as there was none at all. */
const mostUnreadable = 5;

export interface RankFlags
  extends Pick<
    Flags,
    "space" | "seed" | "task" | "model" | "baseUrl" | "evaluator" | "evaluatorConfig" | "out"
  > {
  readonly split: "search" | "test";
  /** The only cost to rank by; undefined: each that the space has. */
  readonly by?: string | undefined;
  readonly trials: number;
  readonly cells: number;
  readonly draws: Draws;
  /** Whether the user's mask alone says who may read the record. */
  readonly shared?: boolean | undefined;
}

/** Makes the experiment, or goes on with it where `out` holds some of its trials. */
export async function rank(
  file: string | undefined,
  flags: RankFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { split, by, trials, cells, draws, out, shared: isShared = false, ...common } = flags;
  if (trials > mostTrials)
    throw new UsageError(`--trials ${trials} is more than ${mostTrials}; give a smaller number`);
  const config = await readConfig(file, common);
  if (config.blind)
    throw new UsageError(`${file}: "blind" is for searches: leave it out, or rank with another file`);
  const { evaluator, close } = await openEvaluator(config);
  let ranker: OpenedModels | null = null;
  try {
    ranker = config.model === null ? null : await openRanker(config.model, output);
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
    const settings = settingsOf(config, description, { split, cells, draws });
    const setUp = {
      config: settings,
      setup: { model: config.model, evaluator: config.evaluator },
      versions: { ...(await versions()), evaluator: serverVersion },
    };
    const record = await RankingFile.open(path, setUp, isShared);
    let measured: number | null = null;
    let status: "ended" | "interrupted" | "failed" = "ended";
    let reason: string | null = null;
    try {
      for (const repair of record.repairs) output.say(repair);
      output.say(opening(space, model, flags, config, record.trials.length));
      const scored = await measure(evaluator, space, texts, split, output, signal);
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
      if (model === null) {
        await record.append(
          wanted
            .map((architectures, at) => ({ trial: at + 1, architectures, replies: [], ranking: null }))
            .slice(record.trials.length),
        );
      }
      const before = record.trials.length;
      for (let trial = before + 1; model !== null && trial <= trials; trial++) {
        if (signal.aborted) throw new Interrupted("stopped on request");
        const architectures = wanted[trial - 1] as Trial["architectures"];
        const prompt = rankingPrompt(
          space,
          architectures.map(({ text }) => text),
          config,
        );
        const asked = { count: cells, seed: config.seed, trial };
        await record.append([
          { trial, architectures, ...(await askForRanking(model, prompt, asked, signal)) },
        ]);
        output.say(
          `trial ${trial} of ${trials}: ${trialWords(record.trials[trial - 1] as Trial, higherIsBetter)}`,
        );
        if (trial === trials || trial - before >= mostUnreadable) refuseUnreadable(record.trials, model);
      }
    } catch (error) {
      if (!(error instanceof CollmError) || (error.exitCode !== 3 && error.exitCode !== 4)) throw error;
      status = error instanceof Interrupted ? "interrupted" : "failed";
      reason = error.message;
      // The record is of this model: with another one there is nothing to go on with.
      output.error(error, error.exitCode === 3 ? commandLine(file, { ...flags, out: path }) : null);
      output.exitCode = error.exitCode;
    } finally {
      await record.close();
    }
    const done = record.trials.slice(0, trials);
    if (measured === null || done.length === 0) return;
    const facts = {
      file: path,
      status,
      reason,
      space: space.id,
      split,
      metric: description.metrics[0]?.name ?? "",
      cells,
      draws,
      seed: config.seed,
      asked: trials,
      model: model?.label ?? null,
      architectures: { measured, failed: texts.length - measured },
    };
    const summary = summarizeRanking(done, facts, { costs, higherIsBetter });
    output.result(summary, rankingLines(summary));
  } finally {
    await ranker?.close();
    await close();
  }
}

// --- internal ---

/** The architectures of one trial with everything that is stored of them. */
type Hand = Trial["architectures"];

/** The model under the settings of the Navigator. */
async function openRanker(config: ModelConfig, output: Output): Promise<OpenedModels> {
  const onRetry = (seconds: number, reason: string) =>
    output.say(`waiting ${seconds.toFixed(1)} s: ${reason}`);
  return await openModels(serverOf(config, "navigator"), systemClock, { onRetry });
}

/** All that shapes a trial and its ranking, in the order in which differences are told. */
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
  output: Output,
  signal: AbortSignal,
): Promise<Scored[]> {
  const scored: Scored[] = [];
  let saidAt = systemClock.seconds();
  for (let start = 0; start < texts.length; start += space.description.maxBatch) {
    if (systemClock.seconds() > saidAt + quietSeconds) {
      saidAt = systemClock.seconds();
      output.say(
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

/** @throws UnusableReply where not one of the trials brought a reply that could be read */
function refuseUnreadable(trials: readonly Trial[], { label }: ChatModel): void {
  if (trials.some(({ ranking }) => ranking !== null)) return;
  const why = trials.at(-1)?.replies.at(-1)?.rejected?.[0] ?? "";
  throw new UnusableReply(
    `no reply of ${label} could be read in ${trials.length} ${trials.length === 1 ? "trial" : "trials"} (${why}); try another model, with another --out`,
  );
}

/** What is gone on with has to be what it was: the same architectures with the same numbers. */
function requireSame(stored: readonly Trial[], wanted: readonly Hand[], path: string): void {
  const at = stored.findIndex(
    ({ architectures }, index) => index < wanted.length && !isDeepStrictEqual(architectures, wanted[index]),
  );
  if (at === -1) return;
  throw new ContractViolation(
    `trial ${at + 1} in ${path} is not the one that the evaluator's numbers give now: serve the same data again, or name another --out`,
  );
}

function costsToRankBy({ id, costs }: SpaceDescription, by: string | undefined): string[] {
  const names = costs.map(({ name }) => name);
  if (by === undefined) return names;
  if (names.includes(by)) return [by];
  const known = names.length === 0 ? "it has none" : `they are ${names.join(", ")}`;
  throw new UsageError(`space ${id} has no cost "${by}"; ${known}${didYouMean(by, names)}`);
}

function requireSplit({ id, splits }: SpaceDescription, split: string): void {
  const names = splits.map(({ name }) => name);
  if (!names.includes(split))
    throw new UsageError(`space ${id} has no split "${split}"; it has ${names.join(", ")}`);
}

function requireCells(cells: number, count: number, why: string): void {
  if (cells > count)
    throw new UsageError(`--cells ${cells} is more than can be drawn: ${why} ${count} architectures`);
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

function opening(
  space: Space,
  model: ChatModel | null,
  { split, trials, cells, draws }: RankFlags,
  { seed }: Config,
  stored: number,
): string {
  const parts = [
    `space ${space.id}`,
    `split ${split}`,
    `${trials} trials of ${cells} architectures`,
    `${draws} draws`,
    `seed ${seed}`,
    model === null ? "no model named: controls only" : `ranked by ${model.label}`,
    ...(stored === 0 ? [] : [`${stored} trials are there already`]),
  ];
  return parts.join(", ");
}

/** The command that makes this experiment, or goes on with it. */
function commandLine(file: string | undefined, flags: RankFlags): string {
  const named = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined || value === false
      ? []
      : [
          `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}${value === true ? "" : ` ${shellWord(String(value))}`}`,
        ],
  );
  return [program, "rank", ...(file === undefined ? [] : [shellWord(file)]), ...named].join(" ");
}
