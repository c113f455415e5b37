/**
 * Sends an order to a run of this machine: to pause, to continue, to stop, or a hint for its Navigator.
 *
 * What becomes of an order is for the run to say.
 */
import { UsageError } from "../errors.ts";
import { sendOrder } from "../runs/steering-client.ts";
import type { Order } from "../search/ports.ts";

/**
 * @param text the hint; undefined with any other order
 * @returns what the run answers, also where there is none to answer
 * @throws UsageError for a hint without words, and for words with another order
 */
export async function steer(
  folder: string,
  order: Order["order"],
  text: string | undefined,
): Promise<Awaited<ReturnType<typeof sendOrder>>> {
  return await sendOrder(folder, orderOf(order, text));
}

// --- internal ---

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
