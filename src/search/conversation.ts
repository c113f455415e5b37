/**
 * What each role was asked and answered: its conversation, the sizes of messages, the hints, the current strategy.
 *
 * Selectors over the state of a run.
 */
import type { Message, Role } from "./events.ts";
import type { Hint, RunState } from "./state.ts";

/** The size of messages in bytes of UTF-8. */
export function bytesOf(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + sizeOf(message), 0);
}

/** The size of the part of some messages that a role has not got before, in bytes of UTF-8. */
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

/** A role's conversation so far, as a model with memory gets it. */
export function transcript(state: RunState, role: Role): readonly Message[] {
  return state.transcripts[role];
}

/** The hints in the request for the strategy of `round`, in the order given. */
export function hintsFor({ hints }: Pick<RunState, "hints">, round: number): Hint[] {
  return hints.filter((hint) => hint.round === round);
}

/** The current strategy before `round`: the latest one of an earlier round, or null. */
export function strategyBefore(state: RunState, round: number): string | null {
  for (let index = Math.min(round - 1, state.rounds.length) - 1; index >= 0; index--) {
    const strategy = state.rounds[index]?.strategy;
    if (strategy !== null && strategy !== undefined) return strategy;
  }
  return null;
}

// --- internal ---

/** A growing conversation is sent many times, and its messages never change. */
function sizeOf(message: Message): number {
  const known = sizes.get(message);
  if (known !== undefined) return known;
  const size = encoder.encode(message.content).length;
  sizes.set(message, size);
  return size;
}

const encoder = new TextEncoder();

const sizes = new WeakMap<Message, number>();
