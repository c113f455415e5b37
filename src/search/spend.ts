/**
 * Computes what a run has used, and whether its next call fits the caps.
 *
 * It sums calls, tokens, money and seconds, and bounds the worst case of a call. Tokens are those in the record; where
 * a server did not report them, the most they can have been. No server is known here.
 */
import type { Cap, Message, Price, Role } from "./events.ts";
import { bytesOf, sharedLength } from "./conversation.ts";
import { budgetSpent, secondsWorked } from "./progress.ts";
import { evaluations } from "./results.ts";
import type { CapReached, Reserved, RunState } from "./state.ts";

/** The most tokens that a server adds to the text of a message. */
const tokensAroundMessage = 16;
/** What a server may put before and after a conversation. */
const tokensAroundPrompt = 64;
/** The calls that find out how to ask a server for a form: how many, and how long at most. */
const mostProbes = 2;
const longestProbe = { inputTokens: 400, outputTokens: 1_024 };
/** Bytes a token, before a server has reported a count. It is low because there are many digits and brackets. */
const bytesPerToken = 3;
const shareOfGrowth = 1.1;

// ----- What was used -----

export interface Spend {
  evaluations: number;
  /** Replies. */
  chatCalls: number;
  /** Replies that could not be read. */
  rejectedReplies: number;
  /** Replies that could be read after their form was repaired. */
  repairedReplies: number;
  /** Attempts without a reply: refused, broken off, or not the reply of a model. */
  failedAttempts: number;
  /** How many of these the server may have charged for. Their tokens are not known, so none are in the sums. */
  billedFailures: number;
  /** Small calls that found out how to ask. Their tokens and money are in the sums. */
  probes: number;
  /** Sums over the calls whose server reported tokens; null when none did. */
  inputTokens: number | null;
  outputTokens: number | null;
  /** The part of the input that servers had read before, and the part of the output spent on thinking. */
  cachedTokens: number | null;
  reasoningTokens: number | null;
  /** US dollars; null where a price or a number of tokens is not known. */
  usd: number | null;
  chatSeconds: number;
  evaluationSeconds: number;
}

/** What the run has cost so far. */
export function spend(state: RunState): Spend {
  const { chats, failedCalls } = state;
  const probes = chats.flatMap(({ reply }) => reply.probes ?? []);
  const answers = [...chats.map(({ reply }) => reply), ...probes];
  return {
    evaluations: budgetSpent(state),
    chatCalls: chats.length,
    rejectedReplies: chats.filter(({ rejected }) => rejected !== null).length,
    repairedReplies: chats.filter(({ repairs }) => Object.keys(repairs).length > 0).length,
    failedAttempts: total([
      ...chats.map(({ reply }) => reply.failures.length),
      ...failedCalls.map(({ failures }) => failures.length),
    ]),
    billedFailures: total([
      ...chats.map(({ reply }) => reply.billedFailures ?? 0),
      ...failedCalls.map(({ billed }) => billed),
    ]),
    probes: probes.length,
    inputTokens: knownSum(answers.map(({ inputTokens }) => inputTokens)),
    outputTokens: knownSum(answers.map(({ outputTokens }) => outputTokens)),
    cachedTokens: reportedSum(chats.map(({ reply }) => reply.cachedTokens)),
    reasoningTokens: reportedSum(chats.map(({ reply }) => reply.reasoningTokens)),
    usd: usdSpent(state),
    chatSeconds: total([
      ...chats.map(({ reply }) => reply.seconds),
      ...failedCalls.map(({ seconds }) => seconds),
    ]),
    evaluationSeconds: total(
      evaluations(state).map(({ outcome }) => (outcome.kind === "measurement" ? outcome.seconds : 0)),
    ),
  };
}

/** What some tokens cost, in US dollars. `cachedTokens` is a part of the input. */
export function usdOf(
  price: Price,
  tokens: { readonly inputTokens: number; readonly outputTokens: number; readonly cachedTokens?: number },
): number {
  const cached = Math.min(tokens.cachedTokens ?? 0, tokens.inputTokens);
  const input =
    (tokens.inputTokens - cached) * price.inputUsd + cached * (price.cachedInputUsd ?? price.inputUsd);
  return (input + tokens.outputTokens * price.outputUsd) / 1_000_000;
}

// ----- Caps -----

/**
 * The most that one attempt at a call can use, in tokens.
 *
 * No token is shorter than a byte, so the bytes of a prompt bound its tokens. The part that the server counted before
 * is bounded by that count. Where a form is asked for, its schema counts too, and the calls that find out how to ask. A
 * server that once exceeded the longest reply may give a reply of that length again.
 */
export function reservationOf(
  state: RunState,
  role: Role,
  messages: readonly Message[],
  schema: Readonly<Record<string, unknown>> | null,
): Reserved {
  const bounds = state.search.bounds?.[role];
  // Nothing is known of a role that plays without a model.
  if (bounds === undefined) return { inputTokens: 0, outputTokens: 0 };
  const maxTokens = bounds.maxTokens ?? 0;
  const longest = state.chats.reduce(
    (most, { role: asked, reply }) =>
      asked === role && reply.exceedsMaxTokens ? Math.max(most, reply.outputTokens ?? 0) : most,
    maxTokens,
  );
  const last = state.lastPrompts[role];
  const same = last === null ? 0 : sharedLength(last.messages, messages);
  const whole = sizeBound(messages) + tokensAroundPrompt;
  const known =
    last === null || same === 0 ? whole : last.tokens + sizeBound(messages.slice(same)) + tokensAroundPrompt;
  const form = schema === null ? 0 : bytesOf([{ role: "user", content: JSON.stringify(schema) }]);
  const isLearned =
    schema === null || state.chats.some(({ role: asked, reply }) => asked === role && reply.outputMode);
  const probes = isLearned ? 0 : mostProbes;
  return {
    inputTokens: Math.min(whole, known) + form + probes * longestProbe.inputTokens,
    outputTokens: longest + probes * Math.min(longestProbe.outputTokens, maxTokens),
  };
}

/**
 * The cap that leaves no room for a call of this size; where the size is null, the cap that is exceeded already. Else
 * null.
 */
export function capInTheWay(
  state: RunState,
  role: Role,
  reserved: Reserved | null,
): Omit<CapReached, "round"> | null {
  for (const { cap, allowed, spent, needed } of measures(state, role, reserved)) {
    if (reserved === null ? spent > allowed : spent + needed > allowed)
      return { cap, allowed, spent, needed };
  }
  return null;
}

/** How many attempts of this size the caps leave room for. */
export function attemptsWithin(state: RunState, role: Role, reserved: Reserved): number {
  const counts = measures(state, role, reserved).map(({ allowed, spent, needed }) =>
    needed === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor((allowed - spent) / needed)),
  );
  return Math.min(Number.POSITIVE_INFINITY, ...counts);
}

/** Tokens, dollars and seconds as the caps count them. What is not known counts as the most it can have been. */
export function metered(state: RunState): Record<Cap, number> {
  let tokens = 0;
  let usd = 0;
  const add = (price: Price | null, inputTokens: number, outputTokens: number, cachedTokens = 0) => {
    tokens += inputTokens + outputTokens;
    if (price !== null) usd += usdOf(price, { inputTokens, outputTokens, cachedTokens });
  };
  const nothing: Reserved = { inputTokens: 0, outputTokens: 0 };
  for (const { reply, price, reserved } of state.chats) {
    const most = reserved ?? nothing;
    add(
      price,
      reply.inputTokens ?? most.inputTokens,
      reply.outputTokens ?? most.outputTokens,
      reply.cachedTokens,
    );
    for (const probe of reply.probes ?? [])
      add(
        price,
        probe.inputTokens ?? (probe.finding === "refused" ? 0 : longestProbe.inputTokens),
        probe.outputTokens ?? (probe.finding === "refused" ? 0 : longestProbe.outputTokens),
      );
    const billed = reply.billedFailures ?? 0;
    add(price, billed * most.inputTokens, billed * most.outputTokens);
  }
  for (const { price, billed, reserved } of state.failedCalls) {
    const most = reserved ?? nothing;
    add(price, billed * most.inputTokens, billed * most.outputTokens);
  }
  return { tokens, usd, seconds: secondsWorked(state) };
}

// ----- The window -----

/**
 * Whether a conversation and its reply likely fit the window of a role's model, and whether the conversation fits what
 * its server was seen to read at most; true where neither is known.
 */
export function fitsWindow(state: RunState, role: Role, messages: readonly Message[]): boolean {
  const bounds = state.search.bounds?.[role];
  const window = bounds?.contextTokens ?? null;
  const limit = state.promptLimits[role];
  if (window === null && limit === null) return true;
  const calls = state.chats.filter((chat) => chat.role === role);
  const rates = calls.flatMap(({ reply, promptBytes }) =>
    reply.inputTokens === null || promptBytes === 0 ? [] : [reply.inputTokens / promptBytes],
  );
  const rate = rates.length === 0 ? 1 / bytesPerToken : Math.max(...rates) * shareOfGrowth;
  const prompt = bytesOf(messages) * rate + messages.length * tokensAroundMessage;
  if (limit !== null && prompt > limit) return false;
  if (window === null) return true;
  const longest = Math.max(0, ...calls.map(({ reply }) => reply.outputTokens ?? 0)) * shareOfGrowth;
  const reply = bounds?.maxTokens ?? Math.max(longest, window / 4);
  return prompt + reply <= window;
}

// --- internal ---

interface Measure {
  readonly cap: Cap;
  readonly allowed: number;
  readonly spent: number;
  readonly needed: number;
}

/** The caps on tokens and money. The deadline keeps the cap on time. */
function measures(state: RunState, role: Role, reserved: Reserved | null): Measure[] {
  const { tokens, usd } = state.search.caps ?? {};
  if (tokens === undefined && usd === undefined) return [];
  const spent = metered(state);
  const price = state.prices?.[role] ?? null;
  const needed = {
    tokens: reserved === null ? 0 : reserved.inputTokens + reserved.outputTokens,
    usd: reserved === null || price === null ? 0 : usdOf(price, reserved),
  };
  return [
    ...(tokens === undefined
      ? []
      : [{ cap: "tokens", allowed: tokens, spent: spent.tokens, needed: needed.tokens } as const]),
    ...(usd === undefined
      ? []
      : [{ cap: "usd", allowed: usd, spent: spent.usd, needed: needed.usd } as const]),
  ];
}

function sizeBound(messages: readonly Message[]): number {
  return bytesOf(messages) + messages.length * tokensAroundMessage;
}

function usdSpent({ chats }: RunState): number | null {
  if (chats.length === 0) return null;
  let usd = 0;
  for (const { reply, price } of chats) {
    if (price === null) return null;
    const calls = [reply, ...(reply.probes ?? []).filter(({ finding }) => finding !== "refused")];
    for (const { inputTokens, outputTokens } of calls)
      if (inputTokens === null || outputTokens === null) return null;
    usd += usdOf(price, {
      inputTokens: total(calls.map(({ inputTokens }) => inputTokens ?? 0)),
      outputTokens: total(calls.map(({ outputTokens }) => outputTokens ?? 0)),
      cachedTokens: reply.cachedTokens ?? 0,
    });
  }
  return usd;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** The sum of what is known; null when nothing is. */
function knownSum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 && values.length > 0 ? null : total(known);
}

/** The sum of the reported numbers; null when there is none. */
function reportedSum(values: readonly (number | undefined)[]): number | null {
  const reported = values.filter((value) => value !== undefined);
  return reported.length === 0 ? null : total(reported);
}
