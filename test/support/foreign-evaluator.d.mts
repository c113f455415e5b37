/** The types of foreign-evaluator.mjs, as far as a test needs them. Messages have the field names of the .proto file. */

/** A test may say anything to break the contract. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Message = any;

export class Refusal extends Error {
  constructor(code: string, details: string);
}

export class ForeignEvaluator {
  spaces: Record<string, Message>;
  listSpaces(): Message;
  find(id: string): Message;
  describeSpace(request: Message): Message;
  check(request: Message): undefined;
  cost(space: string, text: string): Message;
  measureCost(request: Message): Message;
  outcome(space: string, text: string, index: number): Message;
  evaluate(request: Message, call: Message): AsyncGenerator<Message>;
}

export function serveForeign(evaluator?: ForeignEvaluator): Promise<{ address: string; stop(): void }>;
