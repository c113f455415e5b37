/**
 * Gives orders to a run from another process, and asks for its status, over the run's control socket.
 *
 * Whatever made the socket may answer anything: answers are bounded in time and size, and checked. The routes are
 * steering-socket.ts.
 */
import { stat } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import * as z from "zod";
import { UsageError } from "../errors.ts";
import type { Answer, Order } from "../search/ports.ts";
import { codeOf, reasonOf } from "../system/system-error.ts";
import { journalPath } from "./run-folder.ts";
import { addressOf } from "./socket-address.ts";
import type { SteeringStatus } from "./steering-orders.ts";

/** Gives a run an order. The answer says what happens, also when no process takes it. */
export async function sendOrder(folder: string, order: Order): Promise<Answer> {
  const body = order.order === "hint" ? JSON.stringify({ text: order.text }) : "";
  try {
    const { text } = await ask(folder, "POST", `/${order.order}`, body, mostAnsweringMs);
    return answerSchema.parse(JSON.parse(text));
  } catch (error) {
    return { ok: false, words: await whyNoAnswer(folder, error) };
  }
}

/** Whether a process takes orders for a run now. */
export async function isSteerable(folder: string): Promise<boolean> {
  return (await steeringStatus(folder)) !== null;
}

/** The status of a run as its process gives it; null: no process takes orders for it now. */
export async function steeringStatus(folder: string): Promise<SteeringStatus | null> {
  try {
    const { status, text } = await ask(folder, "GET", "/", "", mostStatusMs);
    return status === 200 ? statusSchema.parse(JSON.parse(text)) : null;
  } catch {
    return null;
  }
}

// --- internal ---

const mostAnsweringMs = 20_000;
const mostStatusMs = 2_000;
const mostAnswerCharacters = 64 * 1024;

const answerSchema = z.object({ ok: z.boolean(), words: z.string() });
const statusSchema = z.object({ paused: z.boolean(), takesHints: z.boolean() });

async function ask(
  folder: string,
  method: "GET" | "POST",
  route: string,
  body: string,
  mostMs: number,
): Promise<{ status: number; text: string }> {
  const address = await addressOf(folder);
  if (address === null) throw new UsageError(`the path of ${folder} is too long for a socket`);
  try {
    return await new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          socketPath: address.path,
          path: route,
          method,
          agent: false,
          headers: { host: "run", "content-type": "application/json" },
          signal: AbortSignal.timeout(mostMs),
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (part: string) => {
            text += part;
            if (text.length > mostAnswerCharacters) request.destroy(new Error("its answer has no end"));
          });
          response.on("error", reject);
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  } finally {
    await address.release();
  }
}

async function whyNoAnswer(folder: string, error: unknown): Promise<string> {
  if (error instanceof UsageError) return error.message;
  const hasRun = await stat(journalPath(folder)).then(
    () => true,
    () => false,
  );
  if (!hasRun) return `there is no run in ${folder}; name the folder that --out named`;
  if (["ENOENT", "ECONNREFUSED", "ENOTSOCK"].includes(codeOf(error)))
    return `no process takes orders for ${folder}: it is not running`;
  if (["EACCES", "EPERM"].includes(codeOf(error)))
    return `the run in ${folder} belongs to another user, and only that user can steer it`;
  return `the process that runs ${folder} gave no answer (${reasonOf(error)}); check whether it hangs`;
}
