/**
 * What a search will likely take: calls, tokens, money and time, added up from its rates.
 */
import { type Cap, type Caps, type Role, roleSchema } from "../search/events.ts";
import { usdOf } from "../search/spend.ts";
import type { Rates, RoleRates } from "./assumed-rates.ts";
import { type Bound, each, plus, type Span, times } from "./span.ts";

/** What a search is allowed. */
export interface Allowed {
  readonly budget: number;
  readonly rounds: number;
  readonly caps: Caps;
}

interface RoleEstimate {
  readonly calls: Span;
  readonly inputTokens: Span;
  readonly outputTokens: Span;
  /** Null here and below: not known. */
  readonly usd: Span | null;
  readonly seconds: Span | null;
  /** The longest prompt. */
  readonly longestPrompt: Span;
}

interface CapEstimate {
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

// --- internal ---

const opposite = { low: "high", expected: "expected", high: "low" } as const;

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

function sorted(span: Span): Span {
  return { ...span, low: Math.min(span.low, span.expected), high: Math.max(span.high, span.expected) };
}

/** Null as soon as a part is not known. */
function sumOf(spans: readonly (Span | null)[]): Span | null {
  const known = spans.filter((span) => span !== null);
  return known.length < spans.length ? null : plus(known);
}
