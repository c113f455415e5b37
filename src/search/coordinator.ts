/**
 * The Coordinator: Algorithm 1 of the paper over ports.
 *
 * Owns the loop, the verdict on every candidate, the re-asking of roles and the waiting for an evaluator that went
 * away. Knows no way to propose (searchers/), no server and no file. It decides from folded state alone,
 * so that a live run, a resumed one and a replay take the same path.
 */
import {
  ChatUnavailable,
  ContractViolation,
  EvaluatorUnavailable,
  Interrupted,
  UnusableReply,
  UsageError,
} from "../errors.ts";
import { digestOf } from "./digest.ts";
import type {
  ChatReply,
  EventBody,
  MeasuredCost,
  Message,
  Outcome,
  Role,
  RunEvent,
  StopReason,
  Verdict,
} from "./events.ts";
import type {
  ChatModel,
  Clock,
  Deadline,
  Evaluator,
  Journal,
  Prompt,
  Reading,
  Searcher,
  Steering,
  Turn,
} from "./ports.ts";
import { randomStream } from "./random.ts";
import { HashChain, type Chained } from "./hash-chain.ts";
import { type Architecture, Space, type SpaceDescription } from "./space.ts";
import { attemptsWithin, capInTheWay, fitsWindow, reservationOf } from "./spend.ts";
import {
  best,
  budgetLeft,
  idleRounds,
  isBetter,
  isHopeless,
  isOverLimit,
  isStalled,
  type RunState,
  applyEvent,
  roundLimit,
  sawWithinLimit,
  testsOnSearchImages,
  transcript,
  untestedByOracle,
  untestedWinner,
} from "./state.ts";
import { cutBy, cutWords } from "./truncation.ts";
import { readReply } from "./unanswered.ts";

/** What a search runs on. `models` is null for searchers that ask no role. */
export interface SearchPorts {
  readonly searcher: Searcher;
  readonly evaluator: Evaluator;
  readonly models: Readonly<Record<Role, ChatModel>> | null;
  readonly journal: Journal;
  readonly clock: Clock;
  /** The end of the time that the run may take; absent: there is none. */
  readonly deadline?: Deadline;
  /** A person who may have it wait and give hints; absent: nobody. */
  readonly steering?: Steering;
}

/** What an onlooker is told while a search runs. Nothing depends on it. */
export type Notice =
  | { readonly kind: "recorded"; readonly event: RunEvent; readonly state: RunState }
  | {
      readonly kind: "progress";
      readonly split: "search" | "test";
      readonly text: string;
      /** Which one it is of how many that are evaluated together, from 1. */
      readonly place: number;
      readonly of: number;
      readonly fraction: number;
      readonly note: string;
    }
  | { readonly kind: "asking"; readonly role: Role; readonly attempt: number }
  | { readonly kind: "waiting"; readonly seconds: number; readonly reason: string };

export type Observe = (notice: Notice) => void;

const firstWaitSeconds = 0.25;
const longestWaitSeconds = 5;
const longestStoredRaw = 4_000;
/** So many hints may wait to be told: all of them stand in one prompt. */
const mostUntoldHints = 20;

/**
 * Runs a search from the end of `history` to its own end, and tests the winner once where the space has a test split.
 *
 * @param history the record so far: run-started, and for a resumed run everything up to a closed round or an end
 * @throws Interrupted, ChatUnavailable, EvaluatorUnavailable (resume later), UnusableReply, ContractViolation
 */
export async function runSearch(
  history: readonly RunEvent[],
  ports: SearchPorts,
  signal: AbortSignal,
  observe: Observe = () => {},
): Promise<RunState> {
  const coordinator = new Coordinator(history, ports, signal, observe);
  return await coordinator.run();
}

/** Why the search should end now, or null. */
export function stopReason(state: RunState): StopReason | null {
  const { target } = state.search;
  const value = best(state)?.value ?? null;
  if (target !== null && value !== null && !isBetter(state, target, value)) return "target";
  if (isHopeless(state)) return "nothing-succeeded";
  if (budgetLeft(state) === 0) return "budget";
  if (state.capReached !== null) return capReasons[state.capReached.cap];
  if (isStalled(state)) {
    const isLimited = Object.keys(state.search.limits).length > 0;
    return isLimited && !sawWithinLimit(state) ? "nothing-within-limit" : "stalled";
  }
  if (state.rounds.filter(({ closed }) => closed).length >= roundLimit(state)) return "rounds";
  return null;
}

const capReasons = { tokens: "token-cap", usd: "money-cap", seconds: "time-cap" } as const;

/** Numbers that cannot be are failures, whoever measured them. */
export function checkedOutcome({ metrics }: Pick<SpaceDescription, "metrics">, outcome: Outcome): Outcome {
  if (outcome.kind === "failure") return outcome;
  for (const { name, unit } of metrics) {
    const value = outcome.metrics[name];
    const failed = (failure: "not-finite" | "out-of-range"): Outcome => ({
      kind: "failure",
      failure,
      message: `${name} is ${value}`,
    });
    if (value === undefined || !Number.isFinite(value)) return failed("not-finite");
    if (unit === "percent" && (value < 0 || value > 100)) return failed("out-of-range");
  }
  return outcome;
}

class Coordinator {
  #state: RunState;
  readonly #space: Space;
  readonly #chain = new HashChain();
  readonly #ports: SearchPorts;
  /** Raised when somebody stops the run. */
  readonly #stop: AbortSignal;
  /** Raised then, and when its time is up. */
  readonly #either: AbortSignal;
  readonly #observe: Observe;
  /** The round whose strategy is asked for with a hint that is given now; null: nothing more will be asked. */
  #hintRound: number | null;
  /** Hints that are being stored: in the record perhaps, but not in the state and the chain digest yet. */
  readonly #hintsUnderWay = new Set<Promise<void>>();

  constructor(history: readonly RunEvent[], ports: SearchPorts, signal: AbortSignal, observe: Observe) {
    this.#ports = ports;
    this.#stop = signal;
    this.#either = ports.deadline === undefined ? signal : AbortSignal.any([signal, ports.deadline.signal]);
    this.#observe = observe;
    let state: RunState | null = null;
    for (const event of history) {
      state = applyEvent(state, event);
      this.#chain.add(event);
    }
    if (state === null) throw new ContractViolation("a search needs a record that begins with run-started");
    this.#state = state;
    this.#space = new Space(state.space);
    this.#hintRound = state.ended === null ? this.#nextToAsk() : null;
  }

  async run(): Promise<RunState> {
    this.#ports.steering?.hintsTo((text) => this.#takeHint(text));
    try {
      return await this.#search();
    } finally {
      this.#hintRound = null;
      await Promise.all(this.#hintsUnderWay);
    }
  }

  async #search(): Promise<RunState> {
    for (;;) {
      while (this.#state.ended === null) {
        this.#hintRound = this.#nextToAsk();
        if (this.#state.capReached === null && this.#isTimeUp()) await this.#recordTimeUp();
        const reason = stopReason(this.#state);
        if (reason === null) {
          await this.#waitWhilePaused();
          await this.#playRound();
        } else await this.#end(reason);
      }
      await this.#testWinner();
      // A record that is being replayed may go on after an end, because a resume prolonged the run.
      if (this.#state.ended === null) continue;
      await this.#testAll();
      if (this.#state.ended !== null) return this.#state;
    }
  }

  async #record(...bodies: EventBody[]): Promise<void> {
    for (const event of await this.#ports.journal.append(bodies)) {
      this.#chain.add(event);
      this.#state = applyEvent(this.#state, event);
      this.#observe({ kind: "recorded", event, state: this.#state });
    }
  }

  /**
   * Records what ends in a chain digest. A hint that is in the record before it has to be in the chain digest: those under way are
   * waited for, and then chain digest and append are made in one turn, so that none comes in between.
   */
  async #recordChained(body: Chained): Promise<void> {
    while (this.#hintsUnderWay.size > 0) await Promise.all(this.#hintsUnderWay);
    await this.#record(this.#chained(body));
  }

  #chained(body: Chained): EventBody {
    return { ...body, chain: this.#chain.of(body) };
  }

  async #end(reason: StopReason): Promise<void> {
    const last = roundsToJudge(this.#state, reason);
    const recent = this.#state.chats.filter(({ round }) => round > this.#state.rounds.length - last);
    const nothingRead =
      recent.length > 0 && !recent.some(({ role, rejected }) => role === "generator" && rejected === null);
    const neverRead = !this.#state.chats.some(
      ({ role, rejected }) => role === "generator" && rejected === null,
    );
    const isIdle =
      reason === "stalled" || reason === "nothing-within-limit" || (reason === "rounds" && neverRead);
    if (isIdle && nothingRead) {
      const { rejected, reply } = recent.at(-1) ?? {};
      throw new UnusableReply(
        `no reply of ${this.#state.models?.generator ?? "the Generator"} could be read in the last ${Math.min(last, this.#state.rounds.length)} rounds (${rejected?.[0] ?? ""}); ${reply?.unanswered?.next ?? "try another model"}, then resume`,
      );
    }
    this.#hintRound = null;
    await this.#recordChained({ type: "run-ended", reason });
  }

  // ----- A person beside the run -----

  /** @throws UsageError where nothing more will be asked, and where too many hints wait already */
  async #takeHint(text: string): Promise<number> {
    const round = this.#hintRound;
    if (round === null) throw new UsageError("the search is over: no strategy will be asked for any more");
    const untold = this.#state.hints.filter((hint) => hint.round >= round).length + this.#hintsUnderWay.size;
    if (untold >= mostUntoldHints)
      throw new UsageError(`${untold} hints wait to be told already; give more after the next round`);
    const storing = this.#record({ type: "hint-given", round, text });
    const settled = storing.catch(() => {}).finally(() => this.#hintsUnderWay.delete(settled));
    this.#hintsUnderWay.add(settled);
    await storing;
    return round;
  }

  /** The first round that has no candidates yet. */
  #nextToAsk(): number {
    const next = this.#state.rounds.filter(({ closed }) => closed).length + 1;
    return (this.#state.rounds[next - 1]?.candidates.length ?? 0) > 0 ? next + 1 : next;
  }

  async #waitWhilePaused(): Promise<void> {
    const { steering, deadline } = this.#ports;
    while (steering?.isPaused() === true) {
      const round = this.#state.rounds.filter(({ closed }) => closed).length;
      await this.#record({ type: "run-paused", round });
      const wait = () => steering.continued(this.#stop);
      await (deadline === undefined ? wait() : deadline.without(wait));
      this.#throwIfStopped();
      await this.#record({ type: "run-continued", round });
    }
  }

  // ----- One round -----

  async #playRound(): Promise<void> {
    this.#throwIfStopped();
    const round = this.#state.rounds.filter(({ closed }) => closed).length + 1;
    // From here on a hint is for the next round; what was given before is in the state before anything is asked.
    this.#hintRound = round + 1;
    await Promise.all(this.#hintsUnderWay);
    try {
      // A round that a cap on time broke off goes on where it stopped.
      const hasCandidates = (this.#state.rounds[round - 1]?.candidates.length ?? 0) > 0;
      if (!hasCandidates) await this.#propose(round);
      await this.#measureAccepted(round);
    } catch (error) {
      if (!(error instanceof Interrupted) || this.#stop.aborted || !this.#isTimeUp()) throw error;
      await this.#recordTimeUp();
      return;
    }
    await this.#recordChained({ type: "round-closed", round });
  }

  async #propose(round: number): Promise<void> {
    const allowance = Math.min(this.#state.search.candidates.max, budgetLeft(this.#state));
    const raws = await this.#ports.searcher.propose(this.#turn(round, allowance));
    const candidates = await this.#judge(raws, allowance);
    await this.#record({ type: "round-proposed", round, candidates });
  }

  #turn(round: number, allowance: number): Turn {
    const state = () => this.#state;
    return {
      space: this.#space,
      get state() {
        return state();
      },
      round,
      allowance,
      random: (label) => randomStream(this.#state.search.seed, `round ${round}: ${label}`),
      costs: (architectures) => this.#costsBeforeProposing(round, architectures),
      ask: (role, prompt, read) => this.#ask(round, role, prompt, read),
      setStrategy: (text) => this.#record({ type: "strategy-set", round, text }),
    };
  }

  /** A verdict for each raw candidate, in order. */
  async #judge(raws: readonly unknown[], allowance: number): Promise<{ raw: unknown; verdict: Verdict }[]> {
    const parsed = raws.map((raw) => this.#space.parse(raw));
    const fresh = new Map<string, Architecture>();
    for (const each of parsed) {
      if (each.ok && !this.#state.visited.has(each.architecture.text))
        fresh.set(each.architecture.text, each.architecture);
    }
    const costs = new Map(
      (await this.#costs([...fresh.values()])).map((measured) => [measured.text, measured]),
    );
    const seen = new Set<string>();
    const firstOfKey = new Map<string, string>();
    let accepted = 0;
    const verdicts = parsed.map((each): Verdict => {
      if (!each.ok) {
        const unreadable = each.rejections.some(({ code }) => code === "unreadable");
        return { kind: unreadable ? "unreadable" : "illegal", rejections: [...each.rejections] };
      }
      const { text } = each.architecture;
      const measured = costs.get(text);
      if (measured === undefined || seen.has(text)) return { kind: "repeated", text };
      seen.add(text);
      const overLimit = isOverLimit(this.#state, measured);
      if (overLimit && this.#state.search.overLimit === "skip") return { kind: "over-limit", measured };
      const twin = this.#twinOf(measured) ?? firstOfKey.get(measured.equivalenceKey) ?? null;
      if (twin !== null && this.#state.search.equivalent === "skip")
        return { kind: "equivalent", measured, twin };
      if (accepted >= allowance) return { kind: "beyond-budget", measured };
      accepted += 1;
      if (measured.equivalenceKey !== "" && twin === null) firstOfKey.set(measured.equivalenceKey, text);
      return { kind: "accepted", measured, overLimit, twin };
    });
    return raws.map((raw, index) => ({ raw: storable(raw), verdict: verdicts[index] as Verdict }));
  }

  /** An earlier architecture that computes the same function and did not fail. */
  #twinOf({ equivalenceKey }: MeasuredCost): string | null {
    return equivalenceKey === "" ? null : (this.#state.firstOfKey.get(equivalenceKey) ?? null);
  }

  // ----- Roles -----

  async #ask<T>(
    round: number,
    role: Role,
    prompt: Prompt,
    read: (reply: ChatReply) => Reading<T>,
  ): Promise<T | null> {
    const model = this.#ports.models?.[role];
    if (model === undefined)
      throw new UsageError(
        `searcher "${this.#ports.searcher.name}" asks the ${role}, but no model was set up`,
      );
    let { carried, added, condensed } = this.#conversation(role, prompt);
    for (const attempt of [1, 2]) {
      const call = { role, round, attempt, carried, added, condensed, prompt };
      const reply = await this.#call(model, call);
      if (reply === null) return null;
      const reading = readReply(reply, read);
      if (reading.ok) {
        const repairs = reading.repairs ?? {};
        if (Object.keys(repairs).length > 0)
          await this.#record({ type: "reply-repaired", role, round, attempt, repairs: { ...repairs } });
        return reading.value;
      }
      await this.#record({ type: "reply-rejected", role, round, attempt, reasons: [...reading.reasons] });
      carried = [...carried, ...added, { role: "assistant", content: reply.content }];
      added = [{ role: "user", content: askAgain(reading.reasons) }];
      condensed = false;
      if (!fitsWindow(this.#state, role, [...carried, ...added])) return null;
    }
    return null;
  }

  /** What a prompt is sent with: the conversation so far, unless it no longer fits the model's window. */
  #conversation(role: Role, prompt: Prompt): Pick<Call, "carried" | "added" | "condensed"> {
    const carried = this.#state.search.memory[role] ? [...transcript(this.#state, role)] : [];
    const asked: Message = { role: "user", content: prompt.user };
    const opening: Message = { role: "system", content: prompt.system };
    if (carried.length === 0) return { carried, added: [opening, asked], condensed: false };
    if (!this.#isToBeShortened(role) && fitsWindow(this.#state, role, [...carried, asked]))
      return { carried, added: [asked], condensed: false };
    const content = prompt.condensed ?? prompt.user;
    return { carried: [], added: [opening, { ...asked, content }], condensed: true };
  }

  /** Whether the server cut the conversation, so that a new one begins. */
  #isToBeShortened(role: Role): boolean {
    const last = this.#state.chats.findLast((chat) => chat.role === role);
    return this.#state.search.onTruncation?.[role] === "shorten" && (last?.truncatedTo ?? null) !== null;
  }

  /** One reply, recorded; null when a cap leaves no room for it. */
  async #call(
    model: ChatModel,
    { role, round, attempt, carried, added, condensed, prompt }: Call,
  ): Promise<ChatReply | null> {
    this.#throwIfStopped();
    if (this.#state.capReached !== null) return null;
    if (this.#isTimeUp()) {
      await this.#recordTimeUp();
      return null;
    }
    const { schema, brief } = prompt;
    const messages = [...carried, ...added];
    const label = prompt.label === undefined ? [] : [prompt.label];
    const identity = [this.#state.search.seed, role, round, attempt, ...label];
    const seed = Number.parseInt(digestOf(identity).slice(0, 7), 16);
    const reserved = reservationOf(this.#state, role, messages, schema);
    const isInTheWay = async (needed: typeof reserved | null) => {
      const cap = capInTheWay(this.#state, role, needed);
      if (cap !== null) await this.#record({ type: "cap-reached", round, ...cap });
      return cap !== null;
    };
    if (await isInTheWay(reserved)) return null;
    const mostBilled = attemptsWithin(this.#state, role, reserved);
    const request = { role, round, attempt, messages, schema, seed, brief };
    const noted = hasTokenCap(this.#state) ? { reserved } : {};
    this.#observe({ kind: "asking", role, attempt });
    let reply: ChatReply;
    try {
      reply = await model.reply(
        Number.isFinite(mostBilled) ? { ...request, mostBilled } : request,
        this.#signal,
      );
    } catch (error) {
      if (error instanceof Interrupted && !this.#stop.aborted && this.#isTimeUp()) {
        await this.#recordTimeUp();
        return null;
      }
      if (!(error instanceof ChatUnavailable)) throw error;
      const { failures, billed, seconds } = error.spent;
      await this.#record({
        type: "chat-failed",
        role,
        round,
        attempt,
        failures: [...failures],
        billed,
        ...noted,
        seconds,
      });
      if (await isInTheWay(reserved)) return null;
      throw error;
    }
    const truncated = cutBy(this.#state, role, messages, carried.length === 0, reply);
    await this.#record({
      type: "chat-replied",
      role,
      round,
      attempt,
      added,
      carried: carried.length,
      ...(condensed ? { condensed } : {}),
      request: digestOf({ messages, schema, seed }),
      ...noted,
      reply,
      ...(truncated === null ? {} : { truncated }),
    });
    // The reply is paid for: it is used, and nothing is asked after it.
    await isInTheWay(null);
    if (truncated !== null) this.#stopIfCut(role, truncated.promptTokens, carried.length === 0);
    return reply;
  }

  /** @throws ChatUnavailable unless a new conversation can begin, or a person has resumed the run since */
  #stopIfCut(role: Role, promptTokens: number, isFirst: boolean): void {
    if (this.#state.promptLimits[role] === null) return;
    const isShort = this.#state.search.onTruncation?.[role] === "shorten";
    if (!isShort || isFirst) throw new ChatUnavailable(cutWords(role, promptTokens, isShort));
  }

  // ----- Costs -----

  async #costsBeforeProposing(
    round: number,
    architectures: readonly Architecture[],
  ): Promise<readonly MeasuredCost[]> {
    const unknown = new Map(
      architectures.filter(({ text }) => !this.#state.costs.has(text)).map((each) => [each.text, each]),
    );
    if (unknown.size > 0) {
      const measured = await this.#costs([...unknown.values()]);
      await this.#record({ type: "costs-measured", round, measured: [...measured] });
    }
    return architectures.map(({ text }) => this.#state.costs.get(text) as MeasuredCost);
  }

  async #costs(architectures: readonly Architecture[]): Promise<readonly MeasuredCost[]> {
    const texts = architectures.map(({ text }) => text).filter((text) => !this.#state.costs.has(text));
    const request = { space: this.#state.space, texts };
    const measured =
      texts.length === 0
        ? []
        : await this.#untilAvailable(() => this.#ports.evaluator.measureCosts(request, this.#signal));
    const asked = new Map(measured.map((each) => [each.text, each]));
    return architectures.map(({ text }) => {
      const each = this.#state.costs.get(text) ?? asked.get(text);
      const missing =
        each === undefined
          ? "every cost"
          : Object.keys(this.#state.search.limits).find((name) => !Number.isFinite(each.costs[name]));
      if (each === undefined || missing !== undefined) {
        throw new ContractViolation(
          `the evaluator gave no value for ${missing} of ${text}; its costs must follow its own description`,
        );
      }
      return each;
    });
  }

  // ----- Evaluations -----

  /** Has everything evaluated that a round accepted and that has no outcome yet. */
  async #measureAccepted(round: number): Promise<void> {
    const candidates = this.#state.rounds[round - 1]?.candidates ?? [];
    const places = candidates.flatMap(({ verdict, outcome }, candidate) =>
      verdict.kind === "accepted" && outcome === null ? [{ candidate, text: verdict.measured.text }] : [],
    );
    await this.#evaluate(
      "search",
      places.map(({ text }) => text),
      (index, outcome) => {
        const { candidate, text } = places[index] as { candidate: number; text: string };
        return this.#record({ type: "architecture-measured", round, candidate, text, outcome });
      },
    );
  }

  async #testWinner(): Promise<void> {
    const text = untestedWinner(this.#state);
    if (text === null) return;
    await this.#evaluate("test", [text], (_, outcome) => {
      const same = testsOnSearchImages(this.#state) ? ({ sameImagesAsSearch: true } as const) : {};
      return this.#record(this.#chained({ type: "winner-tested", text, outcome, ...same }));
    });
  }

  async #testAll(): Promise<void> {
    const texts = untestedByOracle(this.#state);
    if (texts.length === 0) return;
    const outcomes = new Map<number, Outcome>();
    await this.#evaluate("test", texts, async (index, outcome) => {
      outcomes.set(index, outcome);
    });
    const results = texts.map((text, index) => ({ text, outcome: outcomes.get(index) as Outcome }));
    await this.#record(this.#chained({ type: "oracle-tested", results }));
  }

  /** Has every text evaluated and hands each outcome over as it comes; asks again for what has no answer yet. */
  async #evaluate(
    split: "search" | "test",
    texts: readonly string[],
    onOutcome: (index: number, outcome: Outcome) => Promise<void>,
  ): Promise<void> {
    const open = new Set(texts.keys());
    const stored: Promise<void>[] = [];
    const attempt = async () => {
      const asked = [...open];
      const request = {
        space: this.#state.space,
        split,
        texts: asked.map((index) => texts[index] as string),
      };
      for await (const message of this.#ports.evaluator.evaluate(request, this.#signal)) {
        const index = asked[message.index];
        if (index === undefined)
          throw new ContractViolation(`the evaluator answered for place ${message.index} of ${asked.length}`);
        if (message.kind === "progress") {
          this.#observe({
            kind: "progress",
            split,
            text: texts[index] as string,
            place: index + 1,
            of: texts.length,
            fraction: message.fraction,
            note: message.note,
          });
        } else if (open.delete(index)) {
          const storing = onOutcome(index, checkedOutcome(this.#state.space, message.outcome));
          // It is awaited below; until then a failure to store is not an unhandled one.
          storing.catch(() => {});
          stored.push(storing);
        } else {
          throw new ContractViolation(`the evaluator answered twice for ${texts[index]}`);
        }
      }
      if (open.size > 0)
        throw new EvaluatorUnavailable(
          `the evaluator closed the stream with ${open.size} architectures unanswered`,
        );
    };
    try {
      if (open.size > 0) await this.#untilAvailable(attempt, () => open.size);
    } finally {
      await Promise.all(stored);
    }
  }

  /**
   * Repeats `attempt` while the evaluator is away, with growing waits, up to the configured patience. Whenever
   * `remaining` has shrunk since the last try, patience starts anew.
   */
  async #untilAvailable<T>(attempt: () => Promise<T>, remaining: () => number = () => 0): Promise<T> {
    const { clock } = this.#ports;
    let since: number | null = null;
    let wait = firstWaitSeconds;
    for (;;) {
      this.#throwIfStopped();
      const before = remaining();
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof EvaluatorUnavailable)) throw error;
        if (since === null || remaining() < before) {
          since = clock.seconds();
          wait = firstWaitSeconds;
        }
        const patience = this.#state.search.patienceSeconds;
        const waited = clock.seconds() - since;
        if (waited >= patience)
          throw new EvaluatorUnavailable(`${error.message} (waited ${Math.round(waited)} s)`, {
            cause: error,
          });
        const seconds = Math.min(wait, patience - waited);
        this.#observe({ kind: "waiting", seconds, reason: error.message });
        await clock.sleep(seconds, this.#signal);
        wait = Math.min(wait * 2, longestWaitSeconds);
      }
    }
  }

  /** What breaks off whatever is under way. Only the search is held to its time, not what comes after its end. */
  get #signal(): AbortSignal {
    return this.#state.ended === null ? this.#either : this.#stop;
  }

  #isTimeUp(): boolean {
    return this.#ports.deadline?.isOver() ?? false;
  }

  async #recordTimeUp(): Promise<void> {
    const allowed = this.#state.search.caps?.seconds ?? 0;
    const round = Math.max(1, this.#state.rounds.length);
    await this.#record({ type: "cap-reached", round, cap: "seconds", allowed, spent: allowed, needed: 0 });
  }

  #throwIfStopped(): void {
    if (this.#stop.aborted) throw new Interrupted("stopped on request");
  }
}

/** A request about to be made. */
interface Call {
  readonly role: Role;
  readonly round: number;
  readonly attempt: number;
  readonly carried: readonly Message[];
  readonly added: Message[];
  readonly condensed: boolean;
  readonly prompt: Prompt;
}

/** How many rounds at the end say whether a model can be used: one that gives no answers is given up sooner. */
function roundsToJudge(state: RunState, reason: StopReason): number {
  const { stallRounds } = state.search;
  return reason === "rounds" ? stallRounds : Math.min(stallRounds, idleRounds(state));
}

function hasTokenCap({ search: { caps } }: RunState): boolean {
  return caps?.tokens !== undefined || caps?.usd !== undefined;
}

/** What a role is told whose reply could not be read. */
export function askAgain(reasons: readonly string[]): string {
  const list = reasons.map((reason) => `- ${reason}`).join("\n");
  return `Your last reply could not be used:\n${list}\n\nAnswer the same request again, complete and in the form asked for, with these points put right.`;
}

/** A raw candidate in a size that a record can bear. */
function storable(raw: unknown): unknown {
  let json: string;
  try {
    json = JSON.stringify(raw) ?? "null";
  } catch {
    return "nested too deeply to be recorded";
  }
  return json.length > longestStoredRaw
    ? `${json.slice(0, longestStoredRaw)}…`
    : (JSON.parse(json) as unknown);
}
