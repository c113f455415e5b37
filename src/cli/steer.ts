/**
 * `steer`: has a run wait, go on or stop, or gives its Navigator a hint.
 *
 * Owns what goes with which order, and the status. What becomes of an order is the run's to say.
 */
import { sendOrder } from "../runs/steering-client.ts";
import { UsageError } from "../errors.ts";
import type { Order } from "../search/ports.ts";
import type { Output } from "./output.ts";

/** Prints what the run answers; exit code 2 where it refuses, and where there is none to answer. */
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
