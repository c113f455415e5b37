/**
 * `steer`: pauses, continues or stops a run, or gives its Navigator a hint.
 *
 * Sends the order and prints the answer. What the order does is up to the run.
 */
import { sendOrder } from "../runs/steering-client.ts";
import { UsageError } from "../errors.ts";
import type { Order } from "../search/ports.ts";
import type { Output } from "./output.ts";

/** Prints the answer of the run. Exit code 2 when the run refuses, or no process answers. */
export async function steer(
  folder: string,
  order: Order["order"],
  text: string | undefined,
  output: Output,
): Promise<void> {
  const answer = await sendOrder(folder, orderOf(order, text));
  if (!answer.ok) output.exitCode = 2;
  if (answer.ok || output.json) output.result(answer, [answer.words]);
  else throw new UsageError(answer.words);
}

function orderOf(order: Order["order"], text: string | undefined): Order {
  if (order !== "hint") {
    if (text !== undefined)
      throw new UsageError(`${order} takes no text; for a hint: steer RUN hint "${text}"`);
    return { order };
  }
  if (text === undefined || text.trim() === "")
    throw new UsageError('a hint needs some words: steer RUN hint "TEXT"');
  return { order, text };
}
