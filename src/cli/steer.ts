/** `steer`: an order to a run, and what the run answers. */
import * as app from "../app/steer.ts";
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
  const answer = await app.steer(folder, order, text);
  if (!answer.ok) output.exitCode = 2;
  if (answer.ok || output.json) output.result(answer, [answer.words]);
  else throw new UsageError(answer.words);
}
