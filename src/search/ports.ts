/**
 * What a search needs from outside, as interfaces of two or three members.
 *
 * It defines the shapes of the requests and answers. The implementations are elsewhere: models/, evaluator/ and runs/
 * have the real ones, searchers/ the ways to propose. test/contract/ has one suite for each port; every implementation
 * must pass it.
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
  /** Canonical texts, any number of them. The adapter keeps to the space's largest batch. */
  readonly texts: readonly string[];
}

export interface EvaluationRequest extends CostRequest {
  readonly split: "search" | "test";
}

/** One message of a running evaluation. `index` is the place in the request. */
export type EvaluationMessage =
  | { readonly kind: "outcome"; readonly index: number; readonly outcome: Outcome }
  | { readonly kind: "progress"; readonly index: number; readonly fraction: number; readonly note: string };

/**
 * Measures architectures. Both calls may be repeated at any time with the same effect.
 *
 * Throws EvaluatorUnavailable when it may help to ask again later, ContractViolation when it cannot help, Interrupted
 * when the signal was raised.
 */
export interface Evaluator {
  /** One entry for each text, in the order asked. */
  measureCosts(request: CostRequest, signal: AbortSignal): Promise<readonly MeasuredCost[]>;
  /** Answers each index once, in any order. If the stream ends early without an error, the rest has no answer. */
  evaluate(request: EvaluationRequest, signal: AbortSignal): AsyncIterable<EvaluationMessage>;
}

/** What an evaluator answers before a search. */
export interface SpaceCatalog {
  list(
    signal: AbortSignal,
  ): Promise<{ readonly spaces: readonly SpaceSummary[]; readonly serverVersion: string }>;
  /** Throws UsageError with the most similar name for an unknown or unavailable space. */
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
  /** The JSON Schema of the reply, or null for free text. */
  readonly schema: Readonly<Record<string, unknown>> | null;
  /** For sampling; different for every request of a run. */
  readonly seed: number;
  /** The most attempts that the server can charge for; absent: any number. */
  readonly mostBilled?: number;
}

/**
 * Plays a role. Retries, if any, happen inside.
 *
 * Throws ChatUnavailable when there is no reply, Interrupted when the signal was raised. A strange reply is a reply:
 * the role judges it.
 */
export interface ChatModel {
  /** The name of the model to show. */
  readonly label: string;
  reply(request: ChatRequest, signal: AbortSignal): Promise<ChatReply>;
}

// ----- Journal -----

/** Where the facts are stored. One writer. */
export interface Journal {
  /**
   * Adds number and time to the events and resolves after they are stored for good. Calls may overlap; events are
   * stored in the order of the calls. The events come back as they are in the record.
   */
  append(bodies: readonly EventBody[]): Promise<readonly RunEvent[]>;
}

// ----- Searcher -----

/** What a role asks a model for. The Coordinator adds memory and repetition. */
export interface Prompt {
  readonly system: string;
  readonly user: string;
  readonly schema: Readonly<Record<string, unknown>> | null;
  /**
   * The request to send in place of `user` where the conversation no longer fits the model's window and a new one
   * begins: it holds older rounds in short. Absent: `user` needs nothing of what was said before.
   */
  readonly condensed?: string;
  /** Distinguishes a second request of a role in one round from the first. */
  readonly label?: string;
}

/** What was repaired in the form of a reply, and how often, by kind. */
export type Repairs = Readonly<Record<string, number>>;

/** What a role read in a reply: a value, or every reason why there is none. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T; readonly repairs?: Repairs }
  | { readonly ok: false; readonly reasons: readonly string[] };

/** One turn of a searcher: what it may read and ask for. Everything it asks for is recorded. */
export interface Turn {
  readonly space: Space;
  readonly state: RunState;
  /** The number of this round, from 1. */
  readonly round: number;
  /** How many architectures this round can evaluate. */
  readonly allowance: number;
  /** A stream of random numbers of this run, round and label. */
  random(label: string): Random;
  /** The costs of architectures, in the order given. A run asks for the costs of an architecture once. */
  costs(architectures: readonly Architecture[]): Promise<readonly MeasuredCost[]>;
  /** Asks a role, and once more, with the reasons, when the reply cannot be read; null when both cannot be read. */
  ask<T>(role: Role, prompt: Prompt, read: (reply: ChatReply) => Reading<T>): Promise<T | null>;
  /** Makes `text` the strategy of this round. */
  setStrategy(text: string): Promise<void>;
}

/** A way to propose. It keeps nothing between turns: all that it may remember is in the state. */
export interface Searcher {
  readonly name: string;
  /** The words to show in place of its name, where they say more. */
  readonly label?: string;
  /** One line for a list of searchers. */
  readonly summary: string;
  /** Raw candidates for this round; empty when it has nothing to propose. */
  propose(turn: Turn): Promise<readonly unknown[]>;
}

// ----- Steering -----

/** A person who steers the run. */
export interface Steering {
  /** Whether the search must wait before its next round. */
  isPaused(): boolean;
  /** Resolves when it may continue; throws Interrupted when the signal was raised. */
  continued(signal: AbortSignal): Promise<void>;
  /**
   * From here on `take` gets the hints. After it has stored a hint it resolves with the round that will get it. It
   * rejects with UsageError where no round will.
   */
  hintsTo(take: (text: string) => Promise<number>): void;
}

/** The orders that a person may give to a run. */
export type Order =
  | { readonly order: "pause" | "resume" | "stop" }
  | { readonly order: "hint"; readonly text: string };

/** What a run answers to an order: what will happen, or why nothing will. */
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
  /** Waits for something; that time is not counted. */
  without<T>(wait: () => Promise<T>): Promise<T>;
}

export interface Clock {
  /** The time of day, ISO 8601 in UTC. */
  now(): string;
  /** Seconds that only grow; for durations. */
  seconds(): number;
  /** Waits; throws Interrupted when the signal is raised during the wait. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
}
