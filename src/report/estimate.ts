/**
 * What a search will likely take: calls, tokens, money and time.
 *
 * Owns the arithmetic from rates to sums, what can be measured in an earlier run, what is assumed where nothing was, and
 * the sentence for each of both. Knows neither prompts nor servers: sizes of prompts and prices are handed in.
 */
import { linearRegression } from "simple-statistics";
import { type Cap, type Caps, type Price, type Role, roleSchema } from "../search/events.ts";
import { usdOf } from "../search/spend.ts";
import { funnel } from "../search/funnel.ts";
import { evaluations } from "../search/results.ts";
import type { ChatCall, RunState } from "../search/state.ts";
import { amount } from "../text/numbers.ts";
import { mean, median, quantile } from "./statistics.ts";

/** A number that is not known yet. */
export interface Span {
  readonly low: number;
  readonly expected: number;
  readonly high: number;
}

/** Where a rate is from: measured in a run, counted in this search's own prompts, told by the user, or assumed. */
export type Basis = "measured" | "counted" | "told" | "assumed";

/** One rate in words. */
export interface Ground {
  readonly basis: Basis;
  readonly words: string;
}

/** What one call of a role takes. */
export interface RoleRates {
  /** Calls a round, second asks included. */
  readonly calls: Span;
  /** Tokens of a prompt: in the first round, and by how much each round adds to it. */
  readonly input: { readonly start: Span; readonly growth: Span };
  /** Tokens of a reply, thinking included where it was measured. */
  readonly output: Span;
  /** The share of the input that the server had read before. */
  readonly cachedShare: number;
  /** Seconds a call; null: not known. */
  readonly seconds: Span | null;
  /** Tokens of the calls that find out how to ask; they are made once. */
  readonly probes: { readonly inputTokens: number; readonly outputTokens: number };
  readonly price: Price | null;
  readonly maxTokens: number | null;
  readonly contextTokens: number | null;
}

export interface Rates {
  /** Architectures evaluated a round. */
  readonly evaluated: Span;
  /** Seconds from one evaluation to the next; null: not known. */
  readonly evaluationSeconds: Span | null;
  readonly roles: Partial<Record<Role, RoleRates>>;
}

/** What a search is allowed. */
export interface Allowed {
  readonly budget: number;
  readonly rounds: number;
  readonly caps: Caps;
}

export interface RoleEstimate {
  readonly calls: Span;
  readonly inputTokens: Span;
  readonly outputTokens: Span;
  /** Null here and below: not known. */
  readonly usd: Span | null;
  readonly seconds: Span | null;
  /** The longest prompt. */
  readonly longestPrompt: Span;
}

export interface CapEstimate {
  readonly cap: Cap;
  readonly allowed: number;
  readonly needed: Span | null;
  readonly verdict: "not reached" | "may be reached" | "likely reached" | "reached" | "unknown";
}

export interface Estimate {
  /** Null where no role is asked: such searches end by budget. */
  readonly rounds: Span | null;
  readonly evaluations: Span;
  readonly roles: Partial<Record<Role, RoleEstimate>>;
  readonly calls: Span;
  readonly tokens: Span;
  readonly usd: Span | null;
  readonly replySeconds: Span | null;
  readonly evaluationSeconds: Span | null;
  readonly seconds: Span | null;
  readonly caps: readonly CapEstimate[];
}

// ----- From rates to sums -----

/** Adds up a search round by round. */
export function estimate(allowed: Allowed, rates: Rates): Estimate {
  const isAsked = Object.keys(rates.roles).length > 0;
  const rounds: Span | null = isAsked ? roundsOf(allowed, rates.evaluated) : null;
  const evaluated = each((bound) =>
    rounds === null
      ? allowed.budget
      : // A search that is slow to find something new takes the most rounds.
        Math.min(allowed.budget, rounds[bound] * rates.evaluated[opposite[bound]]),
  );
  const roles = Object.fromEntries(
    roleSchema.options.flatMap((role) => {
      const own = rates.roles[role];
      return own === undefined || rounds === null ? [] : [[role, roleEstimate(own, rounds)]];
    }),
  ) as Partial<Record<Role, RoleEstimate>>;
  const asked = Object.values(roles);
  const ordered = sorted(evaluated);
  const replySeconds = sumOf(asked.map(({ seconds }) => seconds));
  const evaluationSeconds = rates.evaluationSeconds === null ? null : times(ordered, rates.evaluationSeconds);
  const sums = {
    tokens: plus(asked.flatMap(({ inputTokens, outputTokens }) => [inputTokens, outputTokens])),
    usd: sumOf(asked.map(({ usd }) => usd)),
    seconds: sumOf([replySeconds, evaluationSeconds]),
  };
  return {
    rounds,
    evaluations: ordered,
    roles,
    calls: plus(asked.map(({ calls }) => calls)),
    ...sums,
    replySeconds,
    evaluationSeconds,
    caps: (Object.entries(allowed.caps) as [Cap, number][]).map(([cap, most]) => ({
      cap,
      allowed: most,
      needed: sums[cap],
      verdict: verdictOf(sums[cap], most),
    })),
  };
}

// ----- Assumptions -----

/** How large this search's own prompts and replies are, in bytes of UTF-8. */
export interface PromptSizes {
  /** What is sent in every round, and what is added in each where the conversation is kept. */
  readonly start: number;
  readonly growth: number;
  /** Architectures of an answer; 0 for a role that writes none. */
  readonly architectures: number;
  /** Whether the reply holds a strategy. */
  readonly writesStrategy: boolean;
  /** How often the role is asked a round where nothing goes wrong. */
  readonly calls: number;
}

/** Bytes a token of prose, and of lists of short numbers and names. Fewer bytes a token make more tokens. */
const bytesPerToken: Span = { low: 4.5, expected: 4, high: 3 };
const listBytesPerToken: Span = { low: 3.5, expected: 2.5, high: 2 };
const strategyTokens: Span = { low: 300, expected: 600, high: 1_200 };
/** The share of the architectures asked for that are new and evaluated. */
const evaluatedShare: Span = { low: 0.25, expected: 0.5, high: 0.9 };
const reaskedShare: Span = { low: 0, expected: 0.05, high: 0.25 };

/** The assumed length of a strategy, in bytes of prose. */
export const strategyBytes = strategyTokens.expected * bytesPerToken.expected;

export interface Assumed {
  readonly sizes: Partial<Record<Role, PromptSizes>>;
  readonly prices: Partial<Record<Role, Price | null>>;
  readonly bounds: Partial<Record<Role, { maxTokens: number | null; contextTokens: number | null }>>;
  /** The most architectures of a round. */
  readonly most: number;
  /** What the user says a model writes a second; null: nothing. */
  readonly tokensPerSecond: number | null;
}

/** Rates as long as nothing was measured. */
export function assumedRates({ sizes, prices, bounds, most, tokensPerSecond }: Assumed): {
  readonly rates: Rates;
  readonly grounds: readonly Ground[];
} {
  const roles = Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => {
      const role = name as Role;
      const lists = over(constant(size.architectures), listBytesPerToken);
      const written = size.writesStrategy ? plus([strategyTokens, lists]) : lists;
      const maxTokens = bounds[role]?.maxTokens ?? null;
      const output = each((bound) => Math.min(written[bound], maxTokens ?? Number.POSITIVE_INFINITY));
      const rates: RoleRates = {
        calls: each((bound) => size.calls * (1 + reaskedShare[bound])),
        input: {
          start: over(constant(size.start), bytesPerToken),
          growth: over(constant(size.growth), bytesPerToken),
        },
        output,
        cachedShare: 0,
        seconds: tokensPerSecond === null ? null : each((bound) => output[bound] / tokensPerSecond),
        probes: { inputTokens: 0, outputTokens: 0 },
        price: prices[role] ?? null,
        maxTokens,
        contextTokens: bounds[role]?.contextTokens ?? null,
      };
      return [role, rates];
    }),
  ) as Partial<Record<Role, RoleRates>>;
  const evaluated = each((bound) => Math.max(1, most * evaluatedShare[bound]));
  const asked = Object.entries(sizes);
  const grounds: Ground[] =
    asked.length === 0
      ? []
      : [
          ...asked.map(
            ([role, { start, growth }]): Ground => ({
              basis: "counted",
              words: `${role}: a prompt of ${amount(start)} bytes${growth === 0 ? "" : `, and ${amount(growth)} more each round, for its conversation is kept`}`,
            }),
          ),
          assumption(`${words(bytesPerToken)} bytes a token, ${words(listBytesPerToken)} in lists`),
          ...(asked.some(([, size]) => size.writesStrategy)
            ? [assumption(`a strategy of ${words(strategyTokens)} tokens; thinking comes on top`)]
            : []),
          assumption(
            `${words(evaluated)} of ${most} architectures of a round are new and evaluated, as the models do`,
          ),
          assumption(
            `${words(each((bound) => 100 * reaskedShare[bound]))} % of the replies are asked for again`,
          ),
          ...(tokensPerSecond === null
            ? []
            : [
                {
                  basis: "told" as const,
                  words: `${tokensPerSecond} tokens a second are written; reading the prompt takes no time`,
                },
              ]),
        ];
  return { rates: { evaluated, evaluationSeconds: null, roles }, grounds };
}

// ----- What an earlier run tells -----

/** What of a search decides whether the rates of another one hold for it. */
export interface Likeness {
  readonly most: number;
  readonly memory: Readonly<Record<Role, boolean>>;
}

/**
 * The assumed rates, replaced by what a run tells. What it does not tell stays assumed, and what was measured under
 * other settings is left out where it depends on them.
 */
export function measuredRates(
  run: RunState,
  assumed: Rates,
  { most, memory }: Likeness,
): { readonly rates: Rates; readonly grounds: readonly Ground[] } {
  const grounds: Ground[] = [];
  const measured = (words: string) => grounds.push({ basis: "measured", words });
  let evaluated = assumed.evaluated;
  const full = fullRounds(run);
  if (full.length > 0) {
    const scale = most / run.search.candidates.max;
    const counts = full.map((round) => {
      const { evaluated: made, failed } = funnel(run, round);
      return made + failed;
    });
    const own = spread(counts);
    evaluated = each((bound) => Math.max(0.1, Math.min(most, own[bound] * scale)));
    const scaled = scale === 1 ? "" : `, scaled from ${run.search.candidates.max} to ${most} asked for`;
    measured(`${words(own)} evaluated a round, in ${plural(full.length, "round")}${scaled}`);
  }
  const seconds = evaluations(run).flatMap(({ outcome }) =>
    outcome.kind === "measurement" ? [outcome.seconds] : [],
  );
  let evaluationSeconds = assumed.evaluationSeconds;
  if (seconds.length > 0) {
    const own = spread(seconds);
    evaluationSeconds = each(() => (mean(seconds) ?? 0) / run.space.parallelism);
    const together = run.space.parallelism === 1 ? "" : `, ${run.space.parallelism} at a time`;
    measured(`${words(own)} s an evaluation, in ${amount(seconds.length)}${together}`);
  }
  const roles = Object.fromEntries(
    Object.entries(assumed.roles).map(([name, rates]) => {
      const role = name as Role;
      const calls = run.chats.filter((chat) => chat.role === role);
      return [
        role,
        calls.length === 0 ? rates : measuredRole(run, role, calls, rates, most, memory, measured),
      ];
    }),
  ) as Partial<Record<Role, RoleRates>>;
  return { rates: { evaluated, evaluationSeconds, roles }, grounds };
}

// --- internal ---

const bounds = ["low", "expected", "high"] as const;
const opposite = { low: "high", expected: "expected", high: "low" } as const;

function measuredRole(
  run: RunState,
  role: Role,
  calls: readonly ChatCall[],
  assumed: RoleRates,
  most: number,
  memory: Likeness["memory"],
  measured: (words: string) => void,
): RoleRates {
  const again = calls.filter(({ attempt }) => attempt > 1).length;
  const share = again / (calls.length - again || 1);
  const planned = assumed.calls.low;
  measured(`${role}: ${again} of ${plural(calls.length, "reply", "replies")} asked for again`);
  const rates: { -readonly [K in keyof RoleRates]: RoleRates[K] } = {
    ...assumed,
    calls: constant(planned * (1 + share)),
  };
  const times = calls.map(({ reply }) => reply.seconds);
  if (times.some((time) => time > 0)) {
    rates.seconds = constant(mean(times) ?? 0);
    measured(`${role}: ${words(spread(times))} s a call, waits included`);
  }
  const failed = calls.reduce((sum, { reply }) => sum + reply.failures.length, 0);
  if (failed > 0)
    measured(`${role}: ${plural(failed, "attempt")} brought no reply; their tokens are not counted`);
  const told = calls.filter(
    ({ reply: { inputTokens, outputTokens } }) => inputTokens !== null && outputTokens !== null,
  );
  const input = told.map(({ reply }) => reply.inputTokens ?? 0);
  const output = told.map(({ reply }) => reply.outputTokens ?? 0);
  if (input.every((tokens) => tokens === 0)) {
    measured(`${role}: its model told no tokens`);
    return rates;
  }
  // Only a role that answers in lists writes more where more is asked for.
  const scale = role === "generator" ? most / run.search.candidates.max : 1;
  rates.output = each((bound) => spread(output)[bound] * scale);
  const thinking = told.flatMap(({ reply }) => reply.reasoningTokens ?? []);
  const thought = thinking.length === 0 ? "" : `, ${amount(mean(thinking))} of them thinking`;
  measured(
    `${role}: ${words(spread(output))} tokens a reply${thought}, in ${amount(told.length)}${scale === 1 ? "" : `, scaled from ${run.search.candidates.max} to ${most} asked for`}`,
  );
  const cached = told.reduce((sum, { reply }) => sum + (reply.cachedTokens ?? 0), 0);
  rates.cachedShare = cached / input.reduce((sum, tokens) => sum + tokens, 0);
  if (cached > 0) measured(`${role}: ${amount(100 * rates.cachedShare)} % of the input was read before`);
  const probes = calls.flatMap(({ reply }) => reply.probes ?? []);
  if (probes.length > 0) {
    rates.probes = {
      inputTokens: probes.reduce((sum, probe) => sum + (probe.inputTokens ?? 0), 0),
      outputTokens: probes.reduce((sum, probe) => sum + (probe.outputTokens ?? 0), 0),
    };
    measured(`${role}: ${plural(probes.length, "call")} to find out how to ask`);
  }
  if (run.search.memory[role] !== memory[role]) {
    const bytes = median(
      told.flatMap(({ reply, promptBytes }) =>
        reply.inputTokens === null || promptBytes === 0 ? [] : [promptBytes / reply.inputTokens],
      ),
    );
    if (bytes !== null) {
      const rescaled = (span: Span) => constant((span.expected * bytesPerToken.expected) / bytes);
      rates.input = { start: rescaled(assumed.input.start), growth: rescaled(assumed.input.growth) };
      measured(
        `${role}: ${bytes.toFixed(1)} bytes a token; its conversation was ${run.search.memory[role] ? "kept" : "not kept"} there, so prompts are this search's own`,
      );
    }
    return rates;
  }
  const line = fitted(told.map(({ round, reply }) => [round, reply.inputTokens ?? 0]));
  rates.input = { start: constant(line.start), growth: constant(line.growth) };
  const first = amount(Math.round(line.start));
  const rises = Math.round(line.growth);
  measured(
    `${role}: ${first} tokens a prompt in round 1, ${rises === 0 ? "the same" : `${amount(Math.abs(rises))} ${rises > 0 ? "more" : "fewer"}`} with each round (a line through ${plural(told.length, "call")})`,
  );
  return rates;
}

/** A straight line through tokens by round; level where all calls are of one round. */
function fitted(points: readonly (readonly [round: number, tokens: number])[]): {
  start: number;
  growth: number;
} {
  const level = mean(points.map(([, tokens]) => tokens)) ?? 0;
  if (new Set(points.map(([round]) => round)).size < 2) return { start: level, growth: 0 };
  const { m, b } = linearRegression(points.map(([round, tokens]) => [round, tokens]));
  return { start: Math.max(0, m + b), growth: m };
}

/** The rounds that were not cut short by the end of the run. */
function fullRounds({ rounds, ended, search }: RunState): number[] {
  const closed = rounds.filter((round) => round.closed);
  const isCut = ended === "budget" && closed.length > 1 && search.budget > 0;
  return (isCut ? closed.slice(0, -1) : closed).map(({ round }) => round);
}

function roundsOf({ budget, rounds }: Allowed, evaluated: Span): Span {
  return each((bound) => Math.min(rounds, Math.ceil(budget / evaluated[opposite[bound]])));
}

function roleEstimate(rates: RoleRates, rounds: Span): RoleEstimate {
  const calls = times(rounds, rates.calls);
  const room =
    rates.contextTokens === null
      ? Number.POSITIVE_INFINITY
      : rates.contextTokens - (rates.maxTokens ?? rates.contextTokens / 4);
  const promptOf = (bound: Bound, round: number) =>
    Math.max(0, Math.min(room, rates.input.start[bound] + rates.input.growth[bound] * (round - 1)));
  const inputTokens = each((bound) => {
    let sum = rates.probes.inputTokens;
    for (let round = 1; round <= rounds[bound]; round++) sum += promptOf(bound, round) * rates.calls[bound];
    return sum;
  });
  const outputTokens = each((bound) => rates.probes.outputTokens + calls[bound] * rates.output[bound]);
  const { price, seconds, cachedShare } = rates;
  return {
    calls,
    inputTokens,
    outputTokens,
    usd:
      price === null
        ? null
        : each((bound) =>
            usdOf(price, {
              inputTokens: inputTokens[bound],
              outputTokens: outputTokens[bound],
              cachedTokens: inputTokens[bound] * cachedShare,
            }),
          ),
    seconds: seconds === null ? null : times(calls, seconds),
    longestPrompt: each((bound) => Math.max(promptOf(bound, 1), promptOf(bound, rounds[bound]))),
  };
}

function verdictOf(needed: Span | null, most: number): CapEstimate["verdict"] {
  if (needed === null) return "unknown";
  if (needed.low > most) return "reached";
  if (needed.expected > most) return "likely reached";
  return needed.high > most ? "may be reached" : "not reached";
}

type Bound = (typeof bounds)[number];

function each(of: (bound: Bound) => number): Span {
  return { low: of("low"), expected: of("expected"), high: of("high") };
}

function constant(value: number): Span {
  return each(() => value);
}

/** The mean, and where the middle eighty of a hundred values lie. */
function spread(values: readonly number[]): Span {
  const middle = mean(values) ?? 0;
  return {
    low: Math.min(middle, quantile(values, 0.1) ?? 0),
    expected: middle,
    high: Math.max(middle, quantile(values, 0.9) ?? 0),
  };
}

function sorted(span: Span): Span {
  return { ...span, low: Math.min(span.low, span.expected), high: Math.max(span.high, span.expected) };
}

function plus(spans: readonly Span[]): Span {
  return each((bound) => spans.reduce((sum, span) => sum + span[bound], 0));
}

/** Null as soon as a part is not known. */
function sumOf(spans: readonly (Span | null)[]): Span | null {
  const known = spans.filter((span) => span !== null);
  return known.length < spans.length ? null : plus(known);
}

function times(first: Span, second: Span): Span {
  return each((bound) => first[bound] * second[bound]);
}

function over(first: Span, second: Span): Span {
  return each((bound) => first[bound] / second[bound]);
}

function assumption(words: string): Ground {
  return { basis: "assumed", words };
}

/** The expected value with its bounds. */
function words({ low, expected, high }: Span): string {
  const text = (value: number) => amount(Number(value.toPrecision(3)));
  return text(low) === text(high)
    ? text(expected)
    : `${text(expected)} (${text(Math.min(low, high))} to ${text(Math.max(low, high))})`;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${amount(count)} ${count === 1 ? one : many}`;
}
