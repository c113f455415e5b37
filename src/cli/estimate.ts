/**
 * `estimate`: what a search will likely take, before it is begun.
 *
 * Owns which prompts are measured for it and how the sums are shown. The arithmetic is report/estimate.ts.
 */
import { readRun } from "../runs/run-record.ts";
import { boundsOf, type Config, localModel, parseConfig, readConfig, readSetup } from "../settings/config.ts";
import { type Flags, withFlags } from "../settings/flags.ts";
import {
  assumedRates,
  type Estimate,
  estimate,
  type Ground,
  measuredRates,
  type PromptSizes,
  type Span,
  strategyBytes,
} from "../report/estimate.ts";
import { duration } from "../text/durations.ts";
import { amount, dollars } from "../text/numbers.ts";
import { shellWord } from "../text/shell.ts";
import type { Role } from "../search/events.ts";
import type { Prompt } from "../search/ports.ts";
import { Space } from "../search/space.ts";
import type { SpaceDescription } from "../search/space-description.ts";
import { bytesOf } from "../search/conversation.ts";
import { fold } from "../search/fold.ts";
import { roundLimit } from "../search/progress.ts";
import type { RunState } from "../search/state.ts";
import { generatorPrompt } from "../searchers/generator.ts";
import { navigatorPrompt } from "../searchers/navigator.ts";
import { exampleOf } from "../searchers/prompts.ts";
import { asksRoles } from "../searchers/registry.ts";
import { soloPrompt } from "../searchers/solo.ts";
import { openEvaluator, program } from "../app/compose.ts";
import { checkFit, rehearsal } from "../app/run-lifecycle.ts";
import type { Output } from "./output.ts";
import { pricesFor, priceWords } from "../app/prices.ts";
import { paint } from "./style.ts";
import { table } from "./table.ts";

/** What a round's results and questions take beside the architectures in them, in bytes. */
const resultsBytes = 2_000;
/** What stands beside an architecture in a line of results: number, value and costs. */
const lineBytes = 60;

/** @param options `from`: the folder of an earlier run; `tokensPerSecond`: what a model is said to write */
export async function estimateRun(
  file: string | undefined,
  flags: Flags,
  options: { readonly from?: string | undefined; readonly tokensPerSecond?: number | undefined },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const run = options.from === undefined ? null : (fold((await readRun(options.from)).events) as RunState);
  const config = run !== null && file === undefined ? configLike(run, flags) : await readConfig(file, flags);
  const space = new Space(await descriptionOf(config, run, signal));
  const state = rehearsal(config, space.description);
  const isAsked = state.models !== null;
  const prices = isAsked ? await pricesFor(config.model, config.prices) : null;
  const { max } = config.candidates;
  const assumed = assumedRates({
    sizes: isAsked ? sizesOf(state, space) : {},
    prices: prices ?? {},
    bounds: config.model === null ? {} : boundsOf(config.model),
    most: max,
    tokensPerSecond: options.tokensPerSecond ?? null,
  });
  const measured =
    run === null ? null : measuredRates(run, assumed.rates, { most: max, memory: config.memory });
  const allowed = { budget: config.budget, rounds: roundLimit(state), caps: config.caps };
  const found = estimate(allowed, (measured ?? assumed).rates);
  const heard = new Set(run?.chats.map(({ role }) => role));
  const isReplaced = measured !== null && Object.keys(found.roles).every((role) => heard.has(role as Role));
  const grounds = [...(measured?.grounds ?? []), ...(isReplaced ? [] : assumed.grounds)];
  const sources = Object.entries(prices ?? {}).map(
    ([role, price]) => `${role}: ${price === null ? "price not known" : price.source}`,
  );
  output.result({ estimate: found, grounds, prices }, [
    ...headLines(config, state, run, options.from),
    "",
    ...sumLines(found),
    "",
    ...groundLines(grounds, measured !== null && !isReplaced),
    ...sources.map((words) => `price     ${words}`),
    "",
    `start it: ${commandFor(file, file === undefined && run !== null ? flagsOf(config) : flags)}`,
  ]);
}

// --- internal ---

/** The settings of an earlier run, with flags over them. */
function configLike({ space, search, setup, original }: RunState, flags: Flags): Config {
  const {
    patienceSeconds: _patience,
    bounds: _bounds,
    onTruncation: _watched,
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
  return parseConfig(withFlags(like, flags), "");
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

// ----- Lines -----

function headLines(config: Config, { search, models }: RunState, run: RunState | null, from = ""): string[] {
  const player =
    models === null
      ? asksRoles(search)
        ? "written rules play the roles: no calls, no tokens, no money"
        : "asks no model: no calls, no tokens, no money"
      : `model ${config.model?.name ?? ""}`;
  const basis = run === null ? "from stated assumptions" : `from ${from} (${run.chats.length} replies)`;
  return [
    `${config.space}, searcher ${search.searcher}, ${search.budget} evaluations; ${player}`,
    `An estimate ${basis}, not a measurement of this search.`,
  ];
}

function sumLines(found: Estimate): string[] {
  const row = (name: string, span: Span | null, show: (value: number) => string = amount) =>
    span === null
      ? [name, "", "not known", ""]
      : [name, show(span.low), show(span.expected), show(span.high)];
  const whole = (value: number) => amount(Math.round(value));
  const roles = Object.entries(found.roles).flatMap(([role, { calls, inputTokens, outputTokens }]) => [
    row(`${role}: calls`, calls, whole),
    row(`${role}: tokens in`, inputTokens, whole),
    row(`${role}: tokens out`, outputTokens, whole),
  ]);
  const isAsked = roles.length > 0;
  const caps = found.caps.map(
    ({ cap, allowed, verdict }) => `cap on ${cap === "usd" ? "money" : cap}: ${amount(allowed)}, ${verdict}`,
  );
  return [
    ...table(
      [
        ...(found.rounds === null ? [] : [row("rounds", found.rounds, whole)]),
        row("evaluations", found.evaluations, whole),
        ...roles,
        ...(isAsked ? [row("tokens in all", found.tokens, whole), row("money", found.usd, dollars)] : []),
        ...(isAsked ? [row("time of the model", found.replySeconds, duration)] : []),
        row("time of the evaluations", found.evaluationSeconds, duration),
        row("time in all", found.seconds, duration),
      ],
      ["", "low", "expected", "high"],
    ),
    ...caps,
  ];
}

function groundLines(grounds: readonly Ground[], isMeasured: boolean): string[] {
  const note = isMeasured ? ["What was measured goes before what is assumed."] : [];
  return [...note, ...grounds.map(({ basis, words }) => `${paint("dim", basis.padEnd(9))} ${words}`)];
}

/** A configuration as flags, as far as there are any; the rest has its place in a file. */
function flagsOf({
  space,
  searcher,
  seed,
  budget,
  rounds,
  target,
  limits,
  caps,
  model,
  prices,
  blind,
}: Config): Flags {
  return {
    space,
    searcher,
    seed,
    budget,
    rounds: rounds ?? undefined,
    target: target ?? undefined,
    blind,
    model: model?.name,
    baseUrl: model === null || localModel(model.name) !== null ? undefined : model.baseUrl,
    maxTokens: model?.maxTokens ?? undefined,
    limit: limits,
    cap: caps,
    price: model === null ? undefined : prices[model.name],
  };
}

function commandFor(file: string | undefined, flags: Flags): string {
  const { limit, cap, price, ...plain } = flags;
  const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const given = Object.entries(plain).flatMap(([name, value]) =>
    value === undefined || value === false
      ? []
      : [`--${kebab(name)}${value === true ? "" : ` ${shellWord(String(value))}`}`],
  );
  const listed = (name: string, values: Readonly<Record<string, number>> = {}) =>
    Object.entries(values).map(([key, value]) => `--${name} ${key}=${value}`);
  return [
    program,
    "run",
    ...(file === undefined ? [] : [shellWord(file)]),
    ...given,
    ...listed("limit", limit),
    ...listed("cap", cap),
    ...(price === undefined ? [] : [`--price ${priceWords(price)}`]),
  ].join(" ");
}
