/**
 * What each call and each round of a search takes, as assumed before anything was measured.
 *
 * Sizes of prompts and prices come from the caller. A sentence for each assumption says what it rests on.
 */
import { type Price, type Role } from "../search/events.ts";
import { amount } from "../text/numbers.ts";
import { constant, each, over, plus, type Span, words } from "./span.ts";

/** Where a rate is from: measured in a run, counted in this search's own prompts, given by the user, or assumed. */
type Basis = "measured" | "counted" | "given" | "assumed";

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
export const bytesPerToken: Span = { low: 4.5, expected: 4, high: 3 };
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
              words: `${role}: a prompt of ${amount(start)} bytes${growth === 0 ? "" : `, and ${amount(growth)} more each round, because its conversation is kept`}`,
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
                  basis: "given" as const,
                  words: `${tokensPerSecond} tokens a second are written; reading the prompt takes no time`,
                },
              ]),
        ];
  return { rates: { evaluated, evaluationSeconds: null, roles }, grounds };
}

// --- internal ---

function assumption(words: string): Ground {
  return { basis: "assumed", words };
}
