/**
 * The Coordinator: Algorithm 1 of the paper over ports.
 *
 * Runs the loop: propose, judge, measure, close the round, end. Its parts are other files: roles.ts asks the models,
 * verdicts.ts judges, measurements.ts asks the evaluator, stop-reason.ts says when to end. It decides from the folded
 * state alone, so that a live run, a resumed run and a replay take the same path.
 */
import { UnusableReply, UsageError } from "../errors.ts";
import type { Outcome, Role, RunEvent, StopReason } from "./events.ts";
import type { Chained } from "./hash-chain.ts";
import { LiveRun, type Observe } from "./live-run.ts";
import { Measurements } from "./measurements.ts";
import type { ChatModel, Clock, Deadline, Evaluator, Journal, Searcher, Steering, Turn } from "./ports.ts";
import { randomStream } from "./random.ts";
import { Roles } from "./roles.ts";
import { Space } from "./space.ts";
import { budgetLeft } from "./progress.ts";
import { closedRounds, testsOnSearchImages, untestedByOracle, untestedWinner } from "./results.ts";
import type { RunState } from "./state.ts";
import { stopReason, unreadReplies } from "./stop-reason.ts";
import { judge, storable, unseen } from "./verdicts.ts";

/** What a search runs on. `models` is null for searchers that ask no role. */
export interface SearchPorts {
  readonly searcher: Searcher;
  readonly evaluator: Evaluator;
  readonly models: Readonly<Record<Role, ChatModel>> | null;
  readonly journal: Journal;
  readonly clock: Clock;
  /** The end of the time that the run may take; absent: no end. */
  readonly deadline?: Deadline;
  /** A person who may pause the run and give hints; absent: nobody. */
  readonly steering?: Steering;
}

/** The most hints that may wait for the next request: all of them go into one prompt. */
const mostWaitingHints = 20;

/**
 * Runs a search from the end of `history` to its own end, and tests the winner once where the space has a test split.
 *
 * @param history the record so far: run-started, and for a resumed run also everything up to a closed round or an end
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

class Coordinator {
  readonly #run: LiveRun;
  readonly #space: Space;
  readonly #ports: SearchPorts;
  readonly #roles: Roles;
  readonly #measurements: Measurements;
  /** The round whose strategy request would hold a hint given now; null: there will be no request. */
  #hintRound: number | null;
  /** Hints that are being stored: perhaps in the record, but not yet in the state and the chain digest. */
  readonly #hintsBeingStored = new Set<Promise<void>>();

  constructor(history: readonly RunEvent[], ports: SearchPorts, signal: AbortSignal, observe: Observe) {
    this.#ports = ports;
    this.#run = new LiveRun(history, ports, signal, observe);
    this.#roles = new Roles(this.#run, ports.models, ports.searcher.name);
    this.#measurements = new Measurements(this.#run, ports.evaluator, ports.clock);
    this.#space = new Space(this.#state.space);
    this.#hintRound = this.#state.ended === null ? this.#nextToAsk() : null;
  }

  get #state(): RunState {
    return this.#run.state;
  }

  async run(): Promise<RunState> {
    this.#ports.steering?.hintsTo((text) => this.#takeHint(text));
    try {
      return await this.#search();
    } finally {
      this.#hintRound = null;
      await Promise.all(this.#hintsBeingStored);
    }
  }

  async #search(): Promise<RunState> {
    for (;;) {
      while (this.#state.ended === null) {
        this.#hintRound = this.#nextToAsk();
        if (this.#state.capReached === null && this.#run.isTimeUp()) await this.#run.recordTimeUp();
        const reason = stopReason(this.#state);
        if (reason === null) {
          await this.#waitWhilePaused();
          await this.#playRound();
        } else await this.#end(reason);
      }
      await this.#testWinner();
      // A replayed record may continue after an end, because a resume prolonged the run.
      if (this.#state.ended === null) continue;
      await this.#testAll();
      if (this.#state.ended !== null) return this.#state;
    }
  }

  /**
   * Records an event that has a chain digest. The digest must cover every hint before it in the record. So this waits
   * for the hints that are being stored; then it makes the digest and appends in one turn, so that no
   * hint comes between.
   */
  async #recordChained(body: Chained): Promise<void> {
    while (this.#hintsBeingStored.size > 0) await Promise.all(this.#hintsBeingStored);
    await this.#run.record(this.#run.chained(body));
  }

  /** @throws UnusableReply where the search ends because no reply could be read */
  async #end(reason: StopReason): Promise<void> {
    const unread = unreadReplies(this.#state, reason);
    if (unread !== null) throw new UnusableReply(unread);
    this.#hintRound = null;
    await this.#recordChained({ type: "run-ended", reason });
  }

  // ----- A person who steers the run -----

  /** @throws UsageError where nothing more will be asked, or too many hints wait already */
  async #takeHint(text: string): Promise<number> {
    const round = this.#hintRound;
    if (round === null) throw new UsageError("the search is over: no strategy will be asked for any more");
    const waiting =
      this.#state.hints.filter((hint) => hint.round >= round).length + this.#hintsBeingStored.size;
    if (waiting >= mostWaitingHints)
      throw new UsageError(`${waiting} hints wait already; give more after the next round`);
    const storing = this.#run.record({ type: "hint-given", round, text });
    const settled = storing.catch(() => {}).finally(() => this.#hintsBeingStored.delete(settled));
    this.#hintsBeingStored.add(settled);
    await storing;
    return round;
  }

  /** The first round that has no candidates yet. */
  #nextToAsk(): number {
    const next = closedRounds(this.#state) + 1;
    return (this.#state.rounds[next - 1]?.candidates.length ?? 0) > 0 ? next + 1 : next;
  }

  async #waitWhilePaused(): Promise<void> {
    const { steering, deadline } = this.#ports;
    while (steering?.isPaused() === true) {
      const round = closedRounds(this.#state);
      await this.#run.record({ type: "run-paused", round });
      const wait = () => steering.continued(this.#run.stop);
      await (deadline === undefined ? wait() : deadline.without(wait));
      this.#run.throwIfStopped();
      await this.#run.record({ type: "run-continued", round });
    }
  }

  // ----- One round -----

  async #playRound(): Promise<void> {
    this.#run.throwIfStopped();
    const round = closedRounds(this.#state) + 1;
    // From here on a hint is for the next round. Earlier hints are in the state before anything is asked.
    this.#hintRound = round + 1;
    await Promise.all(this.#hintsBeingStored);
    try {
      // A round that a cap on time interrupted continues where it stopped.
      const hasCandidates = (this.#state.rounds[round - 1]?.candidates.length ?? 0) > 0;
      if (!hasCandidates) await this.#propose(round);
      await this.#measureAccepted(round);
    } catch (error) {
      if (!this.#run.isEndOfTime(error)) throw error;
      await this.#run.recordTimeUp();
      return;
    }
    await this.#recordChained({ type: "round-closed", round });
  }

  async #propose(round: number): Promise<void> {
    const allowance = Math.min(this.#state.search.candidates.max, budgetLeft(this.#state));
    const raws = await this.#ports.searcher.propose(this.#turn(round, allowance));
    const parsed = raws.map((raw) => this.#space.parse(raw));
    const costs = await this.#measurements.costs(unseen(this.#state, parsed));
    const verdicts = judge(this.#state, parsed, costs, allowance);
    const candidates = verdicts.map((verdict, index) => ({ raw: storable(raws[index]), verdict }));
    await this.#run.record({ type: "round-proposed", round, candidates });
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
      costs: (architectures) => this.#measurements.costsBeforeProposing(round, architectures),
      ask: (role, prompt, read) => this.#roles.ask(round, role, prompt, read),
      setStrategy: (text) => this.#run.record({ type: "strategy-set", round, text }),
    };
  }

  /** Evaluates everything that a round accepted and that has no outcome yet. */
  async #measureAccepted(round: number): Promise<void> {
    const candidates = this.#state.rounds[round - 1]?.candidates ?? [];
    const places = candidates.flatMap(({ verdict, outcome }, candidate) =>
      verdict.kind === "accepted" && outcome === null ? [{ candidate, text: verdict.measured.text }] : [],
    );
    await this.#measurements.evaluate(
      "search",
      places.map(({ text }) => text),
      (index, outcome) => {
        const { candidate, text } = places[index] as { candidate: number; text: string };
        return this.#run.record({ type: "architecture-measured", round, candidate, text, outcome });
      },
    );
  }

  async #testWinner(): Promise<void> {
    const text = untestedWinner(this.#state);
    if (text === null) return;
    await this.#measurements.evaluate("test", [text], (_, outcome) => {
      const same = testsOnSearchImages(this.#state) ? ({ sameImagesAsSearch: true } as const) : {};
      return this.#run.record(this.#run.chained({ type: "winner-tested", text, outcome, ...same }));
    });
  }

  async #testAll(): Promise<void> {
    const texts = untestedByOracle(this.#state);
    if (texts.length === 0) return;
    const outcomes = new Map<number, Outcome>();
    await this.#measurements.evaluate("test", texts, async (index, outcome) => {
      outcomes.set(index, outcome);
    });
    const results = texts.map((text, index) => ({ text, outcome: outcomes.get(index) as Outcome }));
    await this.#run.record(this.#run.chained({ type: "oracle-tested", results }));
  }
}
