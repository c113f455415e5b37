/**
 * Gives a search its answers from the record first, then live. So resume and replay run the same code as a live run.
 *
 * It compares what the search decides now with what is recorded. A record is a list of events here, and not a file.
 */
import { ChatUnavailable, CollmError, Interrupted, ReplayDivergence, UnusableReply } from "../errors.ts";
import type { Observe } from "./live-run.ts";
import { runSearch, type SearchPorts } from "./coordinator.ts";
import { digestOf } from "./digest.ts";
import {
  bodyOf,
  type EventBody,
  type MeasuredCost,
  type Outcome,
  type Role,
  type RunEvent,
} from "./events.ts";
import type {
  ChatModel,
  Clock,
  Deadline,
  EvaluationMessage,
  Evaluator,
  Journal,
  Searcher,
  Steering,
} from "./ports.ts";
import { fold } from "./fold.ts";
import type { RunState } from "./state.ts";

/** Thrown when a replay without live ports needs more than is in the record. */
class RecordUsedUp extends Error {}

/**
 * Continues a record: decides its last unfinished round again from the recorded answers, then runs live.
 *
 * @param events the whole record, with a new run-resumed event at its end
 * @throws ReplayDivergence when a decision differs from the recorded one; also throws what runSearch throws
 */
export async function resumeSearch(
  events: readonly RunEvent[],
  live: SearchPorts,
  signal: AbortSignal,
  observe?: Observe,
): Promise<RunState> {
  const start = resumePoint(events);
  const recorded = new RecordedDecisions(events.slice(start), live);
  return await runSearch(events.slice(0, start), { ...live, ...recorded.ports() }, signal, observe);
}

/**
 * Decides everything again from the record alone, without a model and an evaluator.
 *
 * @returns the state, and whether the record reaches the end of its run
 * @throws ReplayDivergence with the number of the first event that is different
 */
export async function replaySearch(
  events: readonly RunEvent[],
  searcher: Searcher,
  observe?: Observe,
): Promise<{ state: RunState; complete: boolean }> {
  const start = afterBystanders(events, 1);
  const recorded = new RecordedDecisions(events.slice(start), null);
  const ports: SearchPorts = { searcher, clock: stoppedClock, ...recorded.ports() };
  try {
    const state = await runSearch(events.slice(0, start), ports, new AbortController().signal, observe);
    const next = recorded.next();
    if (next !== undefined)
      throw new ReplayDivergence(
        `event ${next.seq}: the record continues with ${next.type}, but the search had ended`,
      );
    return { state, complete: true };
  } catch (error) {
    const next = recorded.next();
    // A run that gave its model up, or whose server cut its prompts, ended with that error and without an event.
    const isGivenUp = error instanceof UnusableReply || error instanceof ChatUnavailable;
    if (error instanceof RecordUsedUp || (isGivenUp && next === undefined)) {
      return { state: fold(events) as RunState, complete: false };
    }
    if (!(error instanceof CollmError) || error instanceof ReplayDivergence) throw error;
    throw new ReplayDivergence(
      `event ${(next ?? events.at(-1))?.seq}: the events before it can no longer be decided: ${error.message}`,
      { cause: error },
    );
  }
}

/**
 * The place up to which a record is final: after the last closed round or end, and after the events there that decide
 * nothing.
 */
function resumePoint(events: readonly RunEvent[]): number {
  const settled = events.findLastIndex(
    ({ type }) =>
      type === "run-started" ||
      type === "round-closed" ||
      type === "run-ended" ||
      type === "winner-tested" ||
      type === "oracle-tested",
  );
  return afterBystanders(events, settled + 1);
}

function afterBystanders(events: readonly RunEvent[], from: number): number {
  let start = from;
  while (isBystander(events[start])) start += 1;
  return start;
}

/** The events of a record that the search does not decide. They take effect at their place in the record. */
function isBystander(event: RunEvent | undefined): boolean {
  return event !== undefined && bystanders.has(event.type);
}

const bystanders: ReadonlySet<RunEvent["type"]> = new Set([
  "results-known",
  "run-resumed",
  "chat-failed",
  "hint-given",
  "run-paused",
  "run-continued",
]);

class RecordedDecisions {
  readonly #recorded: readonly RunEvent[];
  readonly #live: SearchPorts | null;
  #at = 0;
  #chatAt = 0;
  /** Called when the record is used up. */
  #onUsedUp: (() => void) | null = null;

  constructor(recorded: readonly RunEvent[], live: SearchPorts | null) {
    this.#recorded = recorded;
    this.#live = live;
  }

  /** The first recorded event that has not been decided again. */
  next(): RunEvent | undefined {
    return this.#recorded[this.#at];
  }

  ports(): Pick<SearchPorts, "journal" | "evaluator" | "models" | "deadline" | "steering"> {
    const models = { navigator: this.#model("navigator"), generator: this.#model("generator") };
    const steering = this.#live?.steering;
    return {
      journal: this.#journal(),
      evaluator: this.#evaluator(),
      models,
      deadline: this.#deadline(),
      ...(steering === undefined ? {} : { steering: this.#steering(steering) }),
    };
  }

  /** A person is heard only when the record is used up: an earlier order would be recorded in its middle. */
  #steering(live: Steering): Steering {
    return {
      isPaused: () => this.next() === undefined && live.isPaused(),
      continued: (signal) => live.continued(signal),
      hintsTo: (take) => {
        const open = () => live.hintsTo(take);
        if (this.next() === undefined) open();
        else this.#onUsedUp = open;
      },
    };
  }

  /** The time is up where the record says so. After its end the live deadline decides. */
  #deadline(): Deadline {
    return {
      signal: this.#live?.deadline?.signal ?? new AbortController().signal,
      isOver: () =>
        this.next() === undefined ? (this.#live?.deadline?.isOver() ?? false) : this.#isTimeUpNext(),
      without: (wait) => this.#live?.deadline?.without(wait) ?? wait(),
    };
  }

  #isTimeUpNext(): boolean {
    const next = this.next();
    return next?.type === "cap-reached" && next.cap === "seconds";
  }

  #journal(): Journal {
    return {
      append: async (bodies) => {
        const events: RunEvent[] = [];
        for (const [index, body] of bodies.entries()) {
          if (this.next() === undefined) {
            events.push(...(await this.#liveOrUsedUp("journal").append(bodies.slice(index))));
            break;
          }
          events.push(this.#match(body), ...this.#bystanders());
        }
        if (this.next() === undefined) {
          this.#onUsedUp?.();
          this.#onUsedUp = null;
        }
        return events;
      },
    };
  }

  #match(body: EventBody): RunEvent {
    const recorded = this.next() as RunEvent;
    if (digestOf(bodyOf(recorded)) !== digestOf(body)) {
      throw new ReplayDivergence(`event ${recorded.seq}: ${difference(bodyOf(recorded), body)}`);
    }
    this.#at += 1;
    return recorded;
  }

  #bystanders(): RunEvent[] {
    const passed: RunEvent[] = [];
    for (let next = this.next(); next !== undefined && isBystander(next); next = this.next()) {
      passed.push(next);
      this.#at += 1;
    }
    return passed;
  }

  #model(role: Role): ChatModel {
    return {
      label: this.#live?.models?.[role].label ?? "recorded",
      reply: async (request, signal) => {
        for (
          this.#chatAt = Math.max(this.#chatAt, this.#at);
          this.#chatAt < this.#recorded.length;
          this.#chatAt++
        ) {
          const event = this.#recorded[this.#chatAt];
          if (event?.type !== "chat-replied") continue;
          this.#chatAt += 1;
          return event.reply;
        }
        const models = this.#liveOrUsedUp("models");
        if (models === null) throw new ReplayDivergence(`the ${role} is asked, but the run has no model`);
        return await models[role].reply(request, signal);
      },
    };
  }

  #evaluator(): Evaluator {
    return {
      measureCosts: async ({ space, texts }, signal) => {
        const known = this.#recordedCosts();
        const unknown = texts.filter((text) => !known.has(text));
        if (unknown.length > 0) {
          for (const each of await this.#liveOrUsedUp("evaluator").measureCosts(
            { space, texts: unknown },
            signal,
          ))
            known.set(each.text, each);
        }
        return texts.flatMap((text) => known.get(text) ?? []);
      },
      evaluate: (request, signal) => this.#evaluate(request, signal),
    };
  }

  async *#evaluate(
    request: Parameters<Evaluator["evaluate"]>[0],
    signal: AbortSignal,
  ): AsyncIterable<EvaluationMessage> {
    const open = new Map(request.texts.map((text, index) => [text, index]));
    for (const { text, outcome } of this.#recordedOutcomes(request.split)) {
      const index = open.get(text);
      if (index === undefined) continue;
      open.delete(text);
      yield { kind: "outcome", index, outcome };
    }
    if (open.size === 0) return;
    if (this.#isTimeUpNext()) throw new Interrupted("the time was up here");
    const places = [...open];
    const rest = { ...request, texts: places.map(([text]) => text) };
    for await (const message of this.#liveOrUsedUp("evaluator").evaluate(rest, signal)) {
      yield { ...message, index: places[message.index]?.[1] ?? request.texts.length };
    }
  }

  #recordedCosts(): Map<string, MeasuredCost> {
    const costs = new Map<string, MeasuredCost>();
    for (const event of this.#recorded.slice(this.#at)) {
      if (event.type === "costs-measured")
        for (const measured of event.measured) costs.set(measured.text, measured);
      if (event.type !== "round-proposed") continue;
      for (const { verdict } of event.candidates)
        if ("measured" in verdict) costs.set(verdict.measured.text, verdict.measured);
      break;
    }
    return costs;
  }

  #recordedOutcomes(split: "search" | "test"): { text: string; outcome: Outcome }[] {
    const outcomes: { text: string; outcome: Outcome }[] = [];
    for (const event of this.#recorded.slice(this.#at)) {
      if (isBystander(event)) continue;
      if (split === "test" && event.type === "oracle-tested") {
        outcomes.push(...event.results);
        break;
      }
      if (event.type !== (split === "search" ? "architecture-measured" : "winner-tested")) break;
      outcomes.push({ text: event.text, outcome: event.outcome });
    }
    return outcomes;
  }

  /**
   * A live port. Without one it throws: the end of the record, or a divergence where the record says something else.
   */
  #liveOrUsedUp<K extends keyof SearchPorts>(port: K): SearchPorts[K] {
    if (this.#live !== null) return this.#live[port];
    const next = this.next();
    if (next === undefined) throw new RecordUsedUp();
    throw new ReplayDivergence(
      `event ${next.seq}: the search needs an answer that is not in the record, which continues with ${next.type}`,
    );
  }
}

/** The first difference between two bodies, in words. */
function difference(recorded: unknown, now: unknown, path = ""): string {
  if (isObject(recorded) && isObject(now)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(now)])) {
      if (digestOf(recorded[key] ?? null) === digestOf(now[key] ?? null)) continue;
      return difference(recorded[key], now[key], path === "" ? key : `${path}.${key}`);
    }
  }
  const [before, after] = [JSON.stringify(recorded) ?? "nothing", JSON.stringify(now) ?? "nothing"];
  const start = Math.max(0, firstDifference(before, after) - 40);
  return `${path || "event"} is ${excerpt(before, start)} in the record, but is now ${excerpt(after, start)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function firstDifference(first: string, second: string): number {
  let at = 0;
  while (at < first.length && first[at] === second[at]) at += 1;
  return at;
}

function excerpt(text: string, start: number): string {
  const end = start + 120;
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`;
}

const stoppedClock: Clock = {
  now: () => {
    throw new ReplayDivergence("a replay needs no clock");
  },
  seconds: () => 0,
  sleep: () => {
    throw new ReplayDivergence("a replay never waits");
  },
};
