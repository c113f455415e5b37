/**
 * The fold: what each event of a run adds to its state.
 *
 * A live run, resume, replay, reports and pages share it. It uses no clock and no file.
 */
import { ContractViolation } from "../errors.ts";
import { bytesOf, newBytesIn } from "./conversation.ts";
import type { EventBody, MeasuredCost, RunEvent } from "./events.ts";
import { budgetSpent, isHopeless, isStalled, secondsWorked } from "./progress.ts";
import { isOverLimit } from "./results.ts";
import type { Candidate, Round, RunState } from "./state.ts";

/**
 * Takes one more event into the state. The state is updated in place and returned; null means that there is nothing
 * yet.
 *
 * @throws ContractViolation when the event cannot follow the events before it.
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
      known: [],
      knownFrom: null,
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
    case "results-known":
      if (state.rounds.length > 0)
        throw new ContractViolation(`event ${event.seq}: known results come before the first round`);
      for (const result of event.results) learn(state, result);
      state.knownFrom = event.source;
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
      openRound(state, event);
      roundOf(state, event.round).candidates = event.candidates.map(({ raw, verdict }, index) => {
        const candidate: Candidate = { round: event.round, index, raw, verdict, outcome: null };
        visit(state, candidate);
        return candidate;
      });
      break;
    case "architecture-measured": {
      const candidate = openRound(state, event)?.candidates[event.candidate];
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

// --- internal ---

function roundOf(state: RunState, round: number): Round {
  while (state.rounds.length < round) {
    state.rounds.push({ round: state.rounds.length + 1, strategy: null, candidates: [], closed: false });
  }
  return state.rounds[round - 1] as Round;
}

/** The round that an event is about, if there is one. @throws ContractViolation where it is closed: what it holds is final */
function openRound(state: RunState, { seq, type, round }: RunEvent & { round: number }): Round | undefined {
  const found = state.rounds[round - 1];
  if (found?.closed === true)
    throw new ContractViolation(`event ${seq}: ${type} comes after the end of round ${round}`);
  return found;
}

/** Adds a call to the conversation of its role. */
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

/** Adds a known result, as if it had been evaluated before the first round. */
function learn(
  state: RunState,
  { measured, ...known }: Extract<EventBody, { type: "results-known" }>["results"][number],
): void {
  const candidate: Candidate = {
    round: 0,
    index: state.known.length,
    raw: measured.text,
    verdict: {
      kind: "accepted",
      measured,
      overLimit: isOverLimit(state, measured),
      twin: state.firstOfKey.get(measured.equivalenceKey) ?? null,
    },
    outcome: { kind: "measurement", seconds: 0, ...known },
  };
  state.known.push(candidate);
  visit(state, candidate);
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

/** After a failure the next one with the same key, in the order proposed, takes its place. */
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
