/**
 * What the facts of a run add up to.
 *
 * Owns the fold from events to state and the selectors that read it; the live run, resume, replay, reports and pages
 * share both. Knows neither clock nor file. Everything is ordered by round and candidate, never by arrival.
 */
import { ContractViolation } from "../errors.ts";
import type {
  ChatReply,
  EventBody,
  MeasuredCost,
  Message,
  Outcome,
  Price,
  Role,
  RunEvent,
  StopReason,
  Verdict,
} from "./events.ts";

type Started = Extract<EventBody, { type: "run-started" }>;

/** One raw candidate, what was decided about it, and what its evaluation gave (null until then). */
export interface Candidate {
  readonly round: number;
  /** The place in its round's list, from 0. */
  readonly index: number;
  readonly raw: unknown;
  readonly verdict: Verdict;
  outcome: Outcome | null;
}

export interface Round {
  readonly round: number;
  strategy: string | null;
  candidates: readonly Candidate[];
  closed: boolean;
}

export interface ChatCall {
  readonly role: Role;
  readonly round: number;
  readonly attempt: number;
  readonly reply: ChatReply;
  /** Why the reply was rejected; null when it was read. */
  rejected: readonly string[] | null;
  /** What was put right in its form before it could be read, by kind. */
  repairs: Readonly<Record<string, number>>;
  /** Whether the conversation began anew with this call, older rounds told in short. */
  readonly condensed: boolean;
  /** The size of what was sent, in bytes of UTF-8. */
  readonly promptBytes: number;
  /** The part of it that the role had not been asked before. */
  readonly newBytes: number;
  /** Whether a conversation began with it. */
  readonly isFirst: boolean;
  /** What the server read at most of a prompt that it cut, in tokens; null: it is not known to have cut it. */
  readonly truncatedTo: number | null;
  /** The most that an attempt could use; null where no cap was given. */
  readonly reserved: Reserved | null;
  /** What the model charged at that time; null: not known. */
  readonly price: Price | null;
}

/** A call that brought no reply. */
export type FailedCall = Omit<Extract<EventBody, { type: "chat-failed" }>, "type"> & {
  readonly price: Price | null;
};

export interface Reserved {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What was used up, or would have been by the next call. */
export type CapReached = Omit<Extract<EventBody, { type: "cap-reached" }>, "type">;

/** What a person told the Navigator, with the strategy of which round. */
export interface Hint {
  readonly round: number;
  readonly text: string;
  readonly at: string;
}

/** A run as far as its record goes. Read it through the selectors below. */
export interface RunState extends Omit<Started, "type"> {
  readonly startedAt: string;
  lastAt: string;
  seq: number;
  readonly rounds: Round[];
  /** Every cost that was ever measured, by canonical text. */
  readonly costs: Map<string, MeasuredCost>;
  /** Every architecture that got a verdict of its own, by canonical text. */
  readonly visited: Map<string, Candidate>;
  /** The first accepted architecture of each equivalence key whose evaluation did not fail. */
  readonly firstOfKey: Map<string, string>;
  readonly transcripts: Readonly<Record<Role, Message[]>>;
  readonly chats: ChatCall[];
  readonly failedCalls: FailedCall[];
  /** The last thing that each role was asked, and how many tokens that was as far as its server told. */
  readonly lastPrompts: Record<
    Role,
    { readonly messages: readonly Message[]; readonly tokens: number } | null
  >;
  /** What each role was asked last. */
  readonly lastAsked: Record<Role, readonly Message[]>;
  /** What the server of a role reads at most of a prompt, in tokens, as far as it was seen to cut one; null: not known. */
  readonly promptLimits: Record<Role, number | null>;
  capReached: CapReached | null;
  /** How long the run was worked on before it last went on after a stop or a pause, and when that was. */
  secondsBefore: number;
  resumedAt: string;
  /** Whether a person has it wait. */
  isPaused: boolean;
  /** In the order given. */
  readonly hints: Hint[];
  ended: StopReason | null;
  readonly winnerTests: Map<string, Outcome>;
  /** What the test split says of architectures that need not have won, by canonical text. */
  readonly oracleTests: Map<string, Outcome>;
  resumes: number;
  /** Rounds up to this one no longer count as idle: a person resumed the run after it had stalled. */
  idleFrom: number;
  /** This many failed evaluations no longer count: a person resumed the run after it had given up. */
  forgivenFailures: number;
}

/**
 * Takes one more event into the state. The state is updated in place and returned; null stands for "nothing yet".
 *
 * @throws ContractViolation when the event cannot follow the ones before it.
 */
export function applyEvent(state: RunState | null, event: RunEvent): RunState {
  if (event.type === "run-started") {
    if (state !== null) throw new ContractViolation(`event ${event.seq}: the run has already started`);
    const { v: _v, seq, at, type: _type, ...started } = event;
    return {
      ...started,
      startedAt: at,
      lastAt: at,
      seq,
      rounds: [],
      costs: new Map(),
      visited: new Map(),
      firstOfKey: new Map(),
      transcripts: { navigator: [], generator: [] },
      chats: [],
      failedCalls: [],
      lastPrompts: { navigator: null, generator: null },
      lastAsked: { navigator: [], generator: [] },
      promptLimits: { navigator: null, generator: null },
      capReached: null,
      secondsBefore: 0,
      resumedAt: at,
      isPaused: false,
      hints: [],
      ended: null,
      winnerTests: new Map(),
      oracleTests: new Map(),
      resumes: 0,
      idleFrom: 0,
      forgivenFailures: 0,
    };
  }
  if (state === null)
    throw new ContractViolation(`event ${event.seq}: a record begins with run-started, not ${event.type}`);
  if (event.type === "run-resumed" || event.type === "run-paused" || event.type === "run-continued") {
    state.secondsBefore = secondsWorked(event.type === "run-paused" ? { ...state, lastAt: event.at } : state);
    state.resumedAt = event.at;
    state.isPaused = event.type === "run-paused";
  }
  state.seq = event.seq;
  state.lastAt = event.at;
  switch (event.type) {
    case "run-resumed":
      state.resumes += 1;
      state.capReached = null;
      // The server may have been given a larger context meanwhile.
      Object.assign(state.promptLimits, { navigator: null, generator: null });
      if (event.caps !== undefined) state.search = { ...state.search, caps: event.caps };
      if (event.bounds !== undefined) state.search = { ...state.search, bounds: event.bounds };
      if (event.onTruncation !== undefined)
        state.search = { ...state.search, onTruncation: event.onTruncation };
      if (event.prices !== undefined) state.prices = event.prices;
      if (event.budget !== null) state.search = { ...state.search, budget: event.budget };
      if (event.rounds !== null) state.search = { ...state.search, rounds: event.rounds };
      if (event.setup !== null) state.setup = event.setup;
      if (event.models !== null) state.models = event.models;
      if (isStalled(state)) state.idleFrom = state.rounds.length;
      if (isHopeless(state)) state.forgivenFailures = budgetSpent(state);
      if (event.budget !== null || event.rounds !== null || event.caps !== undefined) state.ended = null;
      break;
    case "run-paused":
    case "run-continued":
      break;
    case "hint-given":
      state.hints.push({ round: event.round, text: event.text, at: event.at });
      break;
    case "costs-measured":
      for (const measured of event.measured) state.costs.set(measured.text, measured);
      break;
    case "chat-replied":
      take(state, event);
      break;
    case "chat-failed": {
      const { v: _v, seq: _seq, at: _at, type: _type, ...call } = event;
      state.failedCalls.push({ ...call, price: state.prices?.[event.role] ?? null });
      break;
    }
    case "reply-repaired": {
      const chat = state.chats.at(-1);
      if (chat !== undefined) chat.repairs = event.repairs;
      break;
    }
    case "cap-reached":
      state.capReached = { ...event };
      break;
    case "reply-rejected": {
      const chat = state.chats.at(-1);
      if (chat !== undefined) chat.rejected = event.reasons;
      break;
    }
    case "strategy-set":
      roundOf(state, event.round).strategy = event.text;
      break;
    case "round-proposed":
      roundOf(state, event.round).candidates = event.candidates.map(({ raw, verdict }, index) => {
        const candidate: Candidate = { round: event.round, index, raw, verdict, outcome: null };
        visit(state, candidate);
        return candidate;
      });
      break;
    case "architecture-measured": {
      const candidate = state.rounds[event.round - 1]?.candidates[event.candidate];
      if (candidate?.verdict.kind !== "accepted" || candidate.verdict.measured.text !== event.text) {
        throw new ContractViolation(
          `event ${event.seq}: measures an architecture that round ${event.round} did not accept`,
        );
      }
      candidate.outcome = event.outcome;
      if (event.outcome.kind === "failure") passOnKey(state, candidate.verdict.measured);
      break;
    }
    case "round-closed":
      roundOf(state, event.round).closed = true;
      break;
    case "run-ended":
      state.ended = event.reason;
      break;
    case "winner-tested":
      state.winnerTests.set(event.text, event.outcome);
      break;
    case "oracle-tested":
      for (const { text, outcome } of event.results) state.oracleTests.set(text, outcome);
      break;
  }
  return state;
}

/** Folds a whole record; null when it is empty. */
export function fold(events: Iterable<RunEvent>): RunState | null {
  let state: RunState | null = null;
  for (const event of events) state = applyEvent(state, event);
  return state;
}

// ----- Selectors -----

/** An architecture with its costs and its result: measured, or shared with an equivalent one. */
export interface Evaluation {
  readonly candidate: Candidate;
  readonly measured: MeasuredCost;
  readonly overLimit: boolean;
  readonly outcome: Outcome;
}

/** Every finished evaluation, failed ones included, by round and candidate. */
export function evaluations(state: RunState): Evaluation[] {
  return state.rounds.flatMap(({ candidates }) => evaluationsAmong(candidates));
}

/** The finished evaluations among some candidates, in their order. */
export function evaluationsAmong(candidates: readonly Candidate[]): Evaluation[] {
  return candidates.flatMap((candidate) => {
    const { verdict, outcome } = candidate;
    if (verdict.kind !== "accepted" || outcome === null) return [];
    return [{ candidate, measured: verdict.measured, overLimit: verdict.overLimit, outcome }];
  });
}

/** The objective value of a result, or null when there is none. */
export function valueOf(state: RunState, outcome: Outcome | null): number | null {
  if (outcome?.kind !== "measurement") return null;
  return outcome.metrics[objective(state).name] ?? null;
}

/** The metric that the search is about: the first one of the space. */
export function objective(state: RunState): RunState["space"]["metrics"][number] {
  const metric = state.space.metrics[0];
  if (metric === undefined) throw new ContractViolation(`space ${state.space.id} has no metric`);
  return metric;
}

/** Whether objective value `value` is better than `than`. */
export function isBetter(state: RunState, value: number, than: number | null): boolean {
  if (than === null) return true;
  return objective(state).higherIsBetter ? value > than : value < than;
}

export interface Best {
  readonly text: string;
  readonly value: number;
  readonly candidate: Candidate;
  readonly measured: MeasuredCost;
  readonly outcome: Extract<Outcome, { kind: "measurement" }>;
}

/** The best architecture within every limit, the first one on a tie; null when there is none. */
export function best(state: RunState): Best | null {
  let found: Best | null = null;
  for (const { candidate, measured, outcome } of results(state)) {
    const value = valueOf(state, outcome);
    if (value === null || outcome.kind !== "measurement" || !isBetter(state, value, found?.value ?? null))
      continue;
    found = { text: measured.text, value, candidate, measured, outcome };
  }
  return found;
}

/** The winner, when its space has a test split and its one test has not been made; else null. */
export function untestedWinner(state: RunState): string | null {
  const winner = best(state);
  return winner === null || !hasTest(state) || state.winnerTests.has(winner.text) ? null : winner.text;
}

/** Everything evaluated whose test the oracle was asked for and has not given yet, in the order evaluated. */
export function untestedByOracle(state: RunState): string[] {
  if (state.search.oracle !== true || !hasTest(state)) return [];
  const texts = evaluations(state).flatMap(({ measured, outcome }) =>
    outcome.kind === "measurement" ? [measured.text] : [],
  );
  return [...new Set(texts)].filter((text) => !state.oracleTests.has(text));
}

/** Whether the run has come to an end of its own and everything asked after it has been answered. */
export function isComplete(state: RunState): boolean {
  return state.ended !== null && untestedWinner(state) === null && untestedByOracle(state).length === 0;
}

/** Whether the space has a test split at all. */
export function hasTest({ space }: Pick<RunState, "space">): boolean {
  return space.splits.some(({ name }) => name === "test");
}

/** Whether the space's test split uses the same images as the search, as far as its evaluator tells. */
export function testsOnSearchImages({ space }: Pick<RunState, "space">): boolean {
  const dataOf = (split: string) => space.splits.find(({ name }) => name === split)?.data;
  return dataOf("test") !== undefined && dataOf("test") === dataOf("search");
}

/** Every result within the limits: evaluated, or equivalent to an evaluated one. */
function* results(state: RunState): Generator<Evaluation> {
  for (const { candidates } of state.rounds) {
    for (const candidate of candidates) {
      const { verdict } = candidate;
      const outcome = resultOf(state, candidate);
      if (outcome === null || !("measured" in verdict) || isOverLimit(state, verdict.measured)) continue;
      yield { candidate, measured: verdict.measured, overLimit: false, outcome };
    }
  }
}

/** A candidate's result: its own, or the one of the architecture it is equivalent to. */
export function resultOf(state: RunState, candidate: Candidate): Outcome | null {
  return candidate.verdict.kind === "equivalent"
    ? (state.visited.get(candidate.verdict.twin)?.outcome ?? null)
    : candidate.outcome;
}

/** Whether any cost exceeds its limit. */
export function isOverLimit(state: RunState, measured: MeasuredCost): boolean {
  return Object.entries(state.search.limits).some(
    ([name, limit]) => (measured.costs[name] ?? Number.POSITIVE_INFINITY) > limit,
  );
}

/** Evaluations paid for so far, failed ones included. */
export function budgetSpent(state: RunState): number {
  return evaluations(state).length;
}

/** Evaluations that may still be made. */
export function budgetLeft(state: RunState): number {
  return Math.max(0, state.search.budget - budgetSpent(state));
}

/**
 * The most rounds: as configured; else, where roles are asked, 20 and in proportion for budgets above 100. Searchers
 * without roles end by budget, so that a control never gets less of it.
 */
export function roundLimit(state: RunState): number {
  if (state.search.rounds !== null) return state.search.rounds;
  return state.models === null ? Number.POSITIVE_INFINITY : Math.max(20, Math.ceil(state.search.budget / 5));
}

/** Where candidates were lost. `proposed` is the sum of the eight states that follow it. */
export interface Funnel {
  proposed: number;
  unreadable: number;
  illegal: number;
  repeated: number;
  equivalent: number;
  overLimit: number;
  beyondBudget: number;
  evaluated: number;
  failed: number;
  /** Part of `evaluated`: better than everything before it, within the limits. */
  improved: number;
  /** Part of `evaluated`: over a limit. */
  overLimitEvaluated: number;
  /** Part of `evaluated`: computes the same function as one evaluated before. */
  equivalentEvaluated: number;
}

/** The funnel of the whole run, or of one round. Candidates still to be evaluated are not counted. */
export function funnel(state: RunState, only?: number): Funnel {
  const total: Funnel = {
    proposed: 0,
    unreadable: 0,
    illegal: 0,
    repeated: 0,
    equivalent: 0,
    overLimit: 0,
    beyondBudget: 0,
    evaluated: 0,
    failed: 0,
    improved: 0,
    overLimitEvaluated: 0,
    equivalentEvaluated: 0,
  };
  let bestSoFar: number | null = null;
  for (const { round, candidates } of state.rounds) {
    const counted = only === undefined || only === round;
    for (const { verdict, outcome } of candidates) {
      const value = valueOf(state, outcome);
      const improved =
        value !== null &&
        verdict.kind === "accepted" &&
        !verdict.overLimit &&
        isBetter(state, value, bestSoFar);
      if (improved) bestSoFar = value;
      const stateName = funnelState(verdict, outcome);
      if (!counted || stateName === null) continue;
      total.proposed += 1;
      total[stateName] += 1;
      if (stateName !== "evaluated" || verdict.kind !== "accepted") continue;
      if (improved) total.improved += 1;
      if (verdict.overLimit) total.overLimitEvaluated += 1;
      if (verdict.twin !== null) total.equivalentEvaluated += 1;
    }
  }
  return total;
}

/** The best within the limits after each evaluation; text and value are null as long as there is none. */
export function trace(state: RunState): { evaluation: number; text: string | null; value: number | null }[] {
  let text: string | null = null;
  let value: number | null = null;
  return evaluations(state).map(({ measured, overLimit, outcome }, index) => {
    const own = valueOf(state, outcome);
    if (own !== null && !overLimit && isBetter(state, own, value)) {
      value = own;
      text = measured.text;
    }
    return { evaluation: index + 1, text, value };
  });
}

/** How long the run has been worked on, in seconds, by the times in its record. */
export function secondsWorked({
  secondsBefore,
  resumedAt,
  lastAt,
  isPaused,
}: Pick<RunState, "secondsBefore" | "resumedAt" | "lastAt" | "isPaused">): number {
  return secondsBefore + (isPaused ? 0 : Math.max(0, secondsAt(lastAt) - secondsAt(resumedAt)));
}

/** The size of messages in bytes of UTF-8. */
export function bytesOf(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + sizeOf(message), 0);
}

/** How much of some messages a role has not been asked before, in bytes of UTF-8. */
export function newBytesIn(state: RunState, role: Role, messages: readonly Message[]): number {
  return bytesOf(messages.slice(sharedLength(state.lastAsked[role], messages)));
}

/** How many messages two conversations have in common at their beginning. */
export function sharedLength(first: readonly Message[], second: readonly Message[]): number {
  let at = 0;
  while (
    at < first.length &&
    at < second.length &&
    first[at]?.role === second[at]?.role &&
    first[at]?.content === second[at]?.content
  )
    at += 1;
  return at;
}

/** A role's conversation so far, as a model with memory would have it before it. */
export function transcript(state: RunState, role: Role): readonly Message[] {
  return state.transcripts[role];
}

/** The hints that the strategy of `round` is asked for with, in the order given. */
export function hintsFor({ hints }: Pick<RunState, "hints">, round: number): Hint[] {
  return hints.filter((hint) => hint.round === round);
}

/** The strategy in force before `round`: the latest one of an earlier round, or null. */
export function strategyBefore(state: RunState, round: number): string | null {
  for (let index = Math.min(round - 1, state.rounds.length) - 1; index >= 0; index--) {
    const strategy = state.rounds[index]?.strategy;
    if (strategy !== null && strategy !== undefined) return strategy;
  }
  return null;
}

/** Whether anything within the limits was ever seen, evaluated or not. */
export function sawWithinLimit(state: RunState): boolean {
  for (const measured of state.costs.values()) if (!isOverLimit(state, measured)) return true;
  return false;
}

/** The smallest value ever seen of each limited cost, with the text it belongs to. */
export function smallestCosts(state: RunState): { name: string; limit: number; smallest: number | null }[] {
  return Object.entries(state.search.limits).map(([name, limit]) => {
    let smallest: number | null = null;
    for (const { costs } of state.costs.values()) {
      const cost = costs[name];
      if (cost !== undefined && (smallest === null || cost < smallest)) smallest = cost;
    }
    return { name, limit, smallest };
  });
}

/** How many closed rounds at the end of the run accepted nothing. */
export function idleRounds(state: RunState): number {
  let idle = 0;
  for (const { closed, candidates } of state.rounds.slice(state.idleFrom).reverse()) {
    if (!closed || candidates.some(({ verdict }) => verdict.kind === "accepted")) break;
    idle += 1;
  }
  return idle;
}

/** Whether the run is to be given up: `giveUpAfter` evaluations or more were made, and every one of them failed. */
export function isHopeless(state: RunState): boolean {
  const { giveUpAfter = Number.POSITIVE_INFINITY } = state.search;
  const made = evaluations(state);
  return (
    made.length - state.forgivenFailures >= giveUpAfter &&
    made.every(({ outcome }) => outcome.kind === "failure")
  );
}

/**
 * Whether a search that goes on as it does will find nothing new: after `stallRounds` idle rounds, and sooner where
 * nothing was read in them because replies have no answers.
 */
export function isStalled(state: RunState): boolean {
  const idle = idleRounds(state);
  if (idle >= state.search.stallRounds) return true;
  const recent = state.chats.filter(({ round }) => round > state.rounds.length - idle);
  const rejected = recent.filter((chat) => chat.rejected !== null);
  return (
    rejected.length >= mostUnanswered &&
    rejected.every(({ reply }) => reply.unanswered !== undefined) &&
    recent.every((chat) => chat.role === "navigator" || chat.rejected !== null)
  );
}

// --- internal ---

/** A model is given up after this many replies in a row without an answer. */
const mostUnanswered = 3;

function roundOf(state: RunState, round: number): Round {
  while (state.rounds.length < round) {
    state.rounds.push({ round: state.rounds.length + 1, strategy: null, candidates: [], closed: false });
  }
  return state.rounds[round - 1] as Round;
}

/** Takes a call into the conversation of its role. */
function take(state: RunState, event: Extract<EventBody, { type: "chat-replied" }>): void {
  const { role, round, attempt, added, carried, reply } = event;
  const conversation = state.transcripts[role];
  const before = conversation.slice(conversation.length - carried);
  const messages = [...before, ...added];
  state.chats.push({
    role,
    round,
    attempt,
    reply,
    rejected: null,
    repairs: {},
    condensed: event.condensed === true,
    promptBytes: bytesOf(messages),
    newBytes: newBytesIn(state, role, messages),
    isFirst: carried === 0,
    truncatedTo: event.truncated?.promptTokens ?? null,
    reserved: event.reserved ?? null,
    price: state.prices?.[role] ?? null,
  });
  if (reply.inputTokens !== null) state.lastPrompts[role] = { messages, tokens: reply.inputTokens };
  state.lastAsked[role] = messages;
  if (event.truncated !== undefined) state.promptLimits[role] = event.truncated.promptTokens;
  if (event.condensed === true) conversation.length = 0;
  conversation.push(...added, { role: "assistant", content: reply.content });
}

function visit(state: RunState, candidate: Candidate): void {
  const { verdict } = candidate;
  if (!("measured" in verdict)) return;
  const { measured } = verdict;
  state.costs.set(measured.text, measured);
  if (verdict.kind === "beyond-budget") return;
  state.visited.set(measured.text, candidate);
  if (
    verdict.kind === "accepted" &&
    measured.equivalenceKey !== "" &&
    !state.firstOfKey.has(measured.equivalenceKey)
  ) {
    state.firstOfKey.set(measured.equivalenceKey, measured.text);
  }
}

/** After a failure the next of the same key, in the order proposed, stands for it. */
function passOnKey(state: RunState, { text, equivalenceKey }: MeasuredCost): void {
  if (state.firstOfKey.get(equivalenceKey) !== text) return;
  state.firstOfKey.delete(equivalenceKey);
  for (const [next, { verdict, outcome }] of state.visited) {
    if (verdict.kind !== "accepted" || verdict.measured.equivalenceKey !== equivalenceKey) continue;
    if (outcome?.kind === "failure") continue;
    state.firstOfKey.set(equivalenceKey, next);
    return;
  }
}

/** A time of day in ISO 8601, UTC, as seconds since a fixed day: days are counted from March, when leap days are over. */
function secondsAt(time: string): number {
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = time
    .split(/[-T:Z]/)
    .map(Number);
  const fromMarch = (month + 9) % 12;
  const years = year - (month < 3 ? 1 : 0);
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  const days = 365 * years + leapDays + Math.floor((153 * fromMarch + 2) / 5) + day;
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

/** A conversation is sent again and again as it grows, and its messages never change. */
function sizeOf(message: Message): number {
  const known = sizes.get(message);
  if (known !== undefined) return known;
  const size = encoder.encode(message.content).length;
  sizes.set(message, size);
  return size;
}

const encoder = new TextEncoder();
const sizes = new WeakMap<Message, number>();

function funnelState(verdict: Verdict, outcome: Outcome | null): keyof Funnel | null {
  switch (verdict.kind) {
    case "unreadable":
    case "illegal":
    case "repeated":
    case "equivalent":
      return verdict.kind;
    case "over-limit":
      return "overLimit";
    case "beyond-budget":
      return "beyondBudget";
    case "accepted":
      return outcome === null ? null : outcome.kind === "failure" ? "failed" : "evaluated";
  }
}
