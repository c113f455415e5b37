/**
 * What a search needs from the world, as interfaces of two or three members.
 *
 * Owns the shapes of the requests and answers. Knows no implementation: models/, evaluator/ and runs/ have the real ones, searchers/ the
 * ways to propose, and test/contract/ one suite for each port that every implementation must pass.
 */
import type { ChatReply, EventBody, MeasuredCost, Message, Outcome, Role, RunEvent } from "./events.ts";
import type { Random } from "./random.ts";
import type { Architecture } from "./architecture.ts";
import type { Space } from "./space.ts";
import type { SpaceDescription } from "./space-description.ts";
import type { RunState } from "./state.ts";

// ----- Evaluator -----

export interface CostRequest {
  readonly space: SpaceDescription;
  /** Canonical texts; any number, the adapter keeps to the space's largest batch. */
  readonly texts: readonly string[];
}

export interface EvaluationRequest extends CostRequest {
  readonly split: "search" | "test";
}

/** One message of an evaluation under way. `index` is the place in the request. */
export type EvaluationMessage =
  | { readonly kind: "outcome"; readonly index: number; readonly outcome: Outcome }
  | { readonly kind: "progress"; readonly index: number; readonly fraction: number; readonly note: string };

/**
 * Measures architectures. Both calls may be repeated at any time with the same effect.
 *
 * Throws EvaluatorUnavailable when asking again later may help, ContractViolation when it cannot, Interrupted when
 * the signal was raised.
 */
export interface Evaluator {
  /** One entry a text, in the order asked. */
  measureCosts(request: CostRequest, signal: AbortSignal): Promise<readonly MeasuredCost[]>;
  /** Each index is answered once, in any order; ending early without an error means that the rest is unanswered. */
  evaluate(request: EvaluationRequest, signal: AbortSignal): AsyncIterable<EvaluationMessage>;
}

/** What an evaluator can be asked before a search. */
export interface SpaceCatalog {
  list(
    signal: AbortSignal,
  ): Promise<{ readonly spaces: readonly SpaceSummary[]; readonly serverVersion: string }>;
  /** Throws UsageError for an unknown or unavailable space, naming the nearest one. */
  describe(spaceId: string, signal: AbortSignal): Promise<SpaceDescription>;
}

export interface SpaceSummary {
  readonly id: string;
  readonly summary: string;
  readonly available: boolean;
  readonly unavailableReason: string;
}

// ----- ChatModel -----

export interface ChatRequest {
  readonly role: Role;
  readonly round: number;
  readonly attempt: number;
  /** The whole conversation to send. */
  readonly messages: readonly Message[];
  /** The JSON Schema that the reply has to follow, or null for free text. */
  readonly schema: Readonly<Record<string, unknown>> | null;
  /** For a model that samples; different for every request of a run. */
  readonly seed: number;
  /** How many attempts may be made that the server can charge for; absent: any number. */
  readonly mostBilled?: number;
}

/**
 * Plays a role. Retries, if any, happen inside.
 *
 * Throws ChatUnavailable when no reply could be had, Interrupted when the signal was raised. A strange reply is a
 * reply: judging it is the role's business.
 */
export interface ChatModel {
  /** The words to show wherever the model is named. */
  readonly label: string;
  reply(request: ChatRequest, signal: AbortSignal): Promise<ChatReply>;
}

// ----- Journal -----

/** Where the facts go. One writer. */
export interface Journal {
  /**
   * Stamps the events and resolves once they are stored for good. Calls may overlap; events are stored in the order
   * of the calls. The events come back as they stand in the record.
   */
  append(bodies: readonly EventBody[]): Promise<readonly RunEvent[]>;
}

// ----- Searcher -----

/** What a role asks of a model, before memory and repetition are the Coordinator's business. */
export interface Prompt {
  readonly system: string;
  readonly user: string;
  readonly schema: Readonly<Record<string, unknown>> | null;
  /**
   * The request to send in place of `user` where the conversation no longer fits the model's window and begins anew:
   * it tells older rounds in short. Absent: `user` needs nothing of what was said before.
   */
  readonly condensed?: string;
  /** Tells a second request of a role in one round from its first. */
  readonly label?: string;
}

/** What was put right in the form of a reply, and how often, by kind. */
export type Repairs = Readonly<Record<string, number>>;

/** What a role read out of a reply: a value, or every reason why there is none. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T; readonly repairs?: Repairs }
  | { readonly ok: false; readonly reasons: readonly string[] };

/** One turn of a searcher: what it may look at and ask for. Everything it asks for is recorded. */
export interface Turn {
  readonly space: Space;
  readonly state: RunState;
  /** The number of this round, from 1. */
  readonly round: number;
  /** How many architectures this round can still evaluate. */
  readonly allowance: number;
  /** A stream of random numbers that belongs to this run, round and label. */
  random(label: string): Random;
  /** The costs of architectures, in the order given; asked for once a run and architecture. */
  costs(architectures: readonly Architecture[]): Promise<readonly MeasuredCost[]>;
  /** Asks a role, once more with the reasons when the reply cannot be read; null when that could not be read either. */
  ask<T>(role: Role, prompt: Prompt, read: (reply: ChatReply) => Reading<T>): Promise<T | null>;
  /** Makes `text` the strategy of this round. */
  setStrategy(text: string): Promise<void>;
}

/** A way to propose. Keeps nothing between turns: all it may remember stands in the state. */
export interface Searcher {
  readonly name: string;
  /** The words to show for it in place of its name, where these say more. */
  readonly label?: string;
  /** One line for a list of searchers. */
  readonly summary: string;
  /** Raw candidates for this round; none when it has nothing to propose. */
  propose(turn: Turn): Promise<readonly unknown[]>;
}

// ----- Steering -----

/** A person beside the run. */
export interface Steering {
  /** Whether the search is to wait before its next round. */
  isPaused(): boolean;
  /** Resolves once it may go on; throws Interrupted when the signal was raised. */
  continued(signal: AbortSignal): Promise<void>;
  /**
   * From here on hints are given to `take`, which resolves with the number of the round that will be told once the hint
   * is stored, and rejects with UsageError where none will be.
   */
  hintsTo(take: (text: string) => Promise<number>): void;
}

/** What a person may ask of a run. */
export type Order =
  | { readonly order: "pause" | "resume" | "stop" }
  | { readonly order: "hint"; readonly text: string };

/** What a run answers to an order: what will happen, or why nothing does. */
export interface Answer {
  readonly ok: boolean;
  /** A sentence for a person. */
  readonly words: string;
}

// ----- Clock and deadline -----

/** The end of the time that a run may take. */
export interface Deadline {
  /** Raised when the time is up. */
  readonly signal: AbortSignal;
  isOver(): boolean;
  /** Waits for something without any of its time counted. */
  without<T>(wait: () => Promise<T>): Promise<T>;
}

export interface Clock {
  /** The time of day, ISO 8601 in UTC. */
  now(): string;
  /** Seconds that only ever grow; for durations. */
  seconds(): number;
  /** Waits; throws Interrupted when the signal is raised meanwhile. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
}
