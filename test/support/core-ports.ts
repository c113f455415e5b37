/**
 * Everything a search runs on, in memory, with a clock that only waiting moves.
 *
 * Owns the set-up that the tests of the pure core share, and what of a state has to be the same however a run came to
 * it. The parts come from their own files here.
 */
import { Interrupted } from "../../src/errors.ts";
import type { Observe } from "../../src/search/live-run.ts";
import { runSearch, type SearchPorts } from "../../src/search/coordinator.ts";
import type { EventBody, MeasuredCost, RunEvent, SearchConfig, Verdict } from "../../src/search/events.ts";
import type { Clock, Evaluator, Searcher } from "../../src/search/ports.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import type { RunState } from "../../src/search/state.ts";
import { MemoryEvaluator } from "./memory-evaluator.ts";
import { MemoryJournal, type MemoryJournalOptions } from "./memory-journal.ts";
import { runStarted } from "./run-events.ts";
import { tinyDescription } from "./tiny-space.ts";

/** A clock that stands still but for waiting, and writes down every wait. */
export class StillClock implements Clock {
  readonly waits: number[] = [];
  #seconds = 0;

  now(): string {
    return new Date(Date.UTC(2026, 0, 1) + 1000 * this.#seconds).toISOString();
  }

  seconds(): number {
    return this.#seconds;
  }

  /** Lets time pass without anybody waiting. */
  pass(seconds: number): void {
    this.#seconds += seconds;
  }

  async sleep(seconds: number, signal: AbortSignal): Promise<void> {
    this.waits.push(seconds);
    this.#seconds += seconds;
    await Promise.resolve();
    if (signal.aborted) throw new Interrupted("stopped while waiting");
  }
}

export interface CoreOptions {
  readonly searcher: Searcher;
  readonly search?: Partial<SearchConfig>;
  /** What is known before the search begins. */
  readonly known?: readonly KnownFact[];
  readonly description?: SpaceDescription;
  readonly evaluator?: Evaluator;
  readonly models?: SearchPorts["models"];
  readonly journal?: MemoryJournalOptions;
}

/** The first event of a run in the tiny space: no limit, 20 evaluations, at most five a round. */
export function started(
  search: Partial<SearchConfig> = {},
  space: SpaceDescription = tinyDescription,
): EventBody {
  const body = runStarted();
  const usual: SearchConfig = {
    ...body.search,
    budget: 20,
    memory: { navigator: true, generator: false },
    patienceSeconds: 10,
  };
  return { ...body, space, search: { ...usual, ...search } };
}

type KnownFact = Extract<EventBody, { type: "results-known" }>["results"][number];

/** Known results as a record begins with them: in two events where there is more than one. */
export function knownEvents(known: readonly KnownFact[]): EventBody[] {
  const half = Math.ceil(known.length / 2);
  return [known.slice(0, half), known.slice(half)]
    .filter((results) => results.length > 0)
    .map((results) => ({ type: "results-known", source: "a test", results: [...results] }));
}

/** What a search with an evaluator of this test would begin with: architectures with their costs and their one metric. */
export async function knownFacts(
  evaluator: Evaluator,
  space: SpaceDescription,
  texts: readonly string[],
): Promise<KnownFact[]> {
  const signal = new AbortController().signal;
  const costs = await evaluator.measureCosts({ space, texts }, signal);
  const facts: KnownFact[] = [];
  for await (const message of evaluator.evaluate({ space, texts, split: "search" }, signal))
    if (message.kind === "outcome" && message.outcome.kind === "measurement")
      facts[message.index] = {
        measured: costs[message.index] as MeasuredCost,
        metrics: { ...message.outcome.metrics },
      };
  return facts;
}

/** A search that has not begun: its record holds run-started alone, and what is known. */
export async function setUp(options: CoreOptions) {
  const { searcher, search = {}, known = [], description = tinyDescription, models = null } = options;
  const evaluator = options.evaluator ?? new MemoryEvaluator({ description });
  const clock = new StillClock();
  const journal = new MemoryJournal({ clock, ...options.journal });
  await journal.append([started(search, description), ...knownEvents(known)]);
  const ports: SearchPorts = { searcher, evaluator, models, journal, clock };
  return {
    clock,
    journal,
    ports,
    run: (signal: AbortSignal = new AbortController().signal, observe?: Observe) =>
      runSearch([...journal.events], ports, signal, observe),
  };
}

/** The bodies of one type in a record. */
export function bodies<T extends EventBody["type"]>(events: readonly RunEvent[], type: T) {
  return events.filter((event): event is RunEvent & Extract<EventBody, { type: T }> => event.type === type);
}

/** The verdicts of a round, in the order proposed. */
export function verdicts(events: readonly RunEvent[], round: number): Verdict[] {
  return bodies(events, "round-proposed")
    .filter((event) => event.round === round)
    .flatMap(({ candidates }) => candidates.map(({ verdict }) => verdict));
}

export function kinds(events: readonly RunEvent[], round: number): Verdict["kind"][] {
  return verdicts(events, round).map(({ kind }) => kind);
}

/** All that a state holds but when it came about and how often the run was taken up again. */
export function facts(state: RunState): unknown {
  const {
    startedAt: _startedAt,
    lastAt: _lastAt,
    seq: _seq,
    resumes: _resumes,
    resumedAt: _resumedAt,
    secondsBefore: _secondsBefore,
    idleFrom: _idleFrom,
    ...rest
  } = state;
  const byKey = <T>(map: ReadonlyMap<string, T>) =>
    Object.fromEntries([...map].sort(([first], [second]) => (first < second ? -1 : 1)));
  return structuredClone({
    ...rest,
    costs: byKey(rest.costs),
    visited: byKey(rest.visited),
    firstOfKey: byKey(rest.firstOfKey),
    winnerTests: byKey(rest.winnerTests),
    oracleTests: byKey(rest.oracleTests),
  });
}
