/**
 * The control socket of a run: a Unix socket in the run's folder that only this user may open, with HTTP on it.
 *
 * The process that opens it holds the run's lock until it is closed. What orders do is steering-orders.ts.
 *
 *     GET  /                                 the run's SteeringStatus
 *     POST /pause, /resume, /stop, /hint     an Answer: with 200, 400 (cannot be read) or 409 (refused); a hint is {"text": …}
 */
import { once } from "node:events";
import { chmod, rm, stat } from "node:fs/promises";
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as z from "zod";
import { CollmError } from "../errors.ts";
import type { Answer, Steering } from "../search/ports.ts";
import { reasonOf } from "../system/system-error.ts";
import { addressOf, type SocketAddress, socketPath } from "./socket-address.ts";
import { SteeringOrders } from "./steering-orders.ts";

/** The socket of a run in progress. */
export interface SteeringSocket {
  readonly steering: Steering;
  /** Raised when somebody asked the run to stop. */
  readonly stop: AbortSignal;
  /** Why there is no socket, and the run continues without; null: there is one. */
  readonly trouble: string | null;
  /** Takes no more orders and removes the socket; may be called again. */
  close(): Promise<void>;
}

/**
 * Opens the socket of a run whose lock this process holds. The socket of a killed process is removed.
 *
 * @param refusesHints why nobody would get a hint; null: the Navigator gets it
 */
export async function openSteering(folder: string, refusesHints: string | null): Promise<SteeringSocket> {
  const orders = new SteeringOrders(refusesHints);
  const opened = await listen(folder, orders);
  if (typeof opened === "string") orders.close();
  let closed: Promise<void> | null = null;
  return {
    steering: {
      isPaused: () => orders.isPaused(),
      continued: async (signal) => {
        if (typeof opened === "string") return;
        // Nothing else may keep the process alive while the run waits.
        opened.server.ref();
        try {
          await orders.continued(signal);
        } finally {
          opened.server.unref();
        }
      },
      hintsTo: (take) => orders.hintsTo(take),
    },
    stop: orders.stop,
    trouble: typeof opened === "string" ? opened : null,
    close: () => {
      orders.close();
      closed ??= typeof opened === "string" ? Promise.resolve() : closeServer(opened);
      return closed;
    },
  };
}

// --- internal ---

const mostBodyBytes = 16 * 1024;
const longestHint = 2_000;
/** How long connections may take to end by themselves once the socket closes. */
const closingMs = 500;

const hintSchema = z.strictObject({
  text: z
    .string()
    .transform((text) => text.replaceAll("\r\n", "\n").trim())
    .refine((text) => text !== "", "a hint needs some words")
    .refine(
      (text) => text.length <= longestHint,
      `a hint may have at most ${longestHint.toLocaleString("en")} characters`,
    )
    .refine(
      (text) => !/(?!\n)[\p{Cc}\p{Cs}]/u.test(text),
      "a hint may hold line breaks, but no other control characters",
    ),
});

function routes(orders: SteeringOrders): Hono {
  const app = new Hono();
  app.use(
    bodyLimit({
      maxSize: mostBodyBytes,
      onError: (context) => context.json(refused(`an order may have at most ${mostBodyBytes} bytes`), 400),
    }),
  );
  app.get("/", (context) => context.json(orders.status));
  app.post("/pause", (context) => context.json(orders.pause()));
  app.post("/resume", (context) => context.json(orders.resume()));
  app.post("/stop", (context) => context.json(orders.requestStop()));
  app.post("/hint", async (context) => {
    const hint = hintSchema.safeParse(json(await context.req.text()));
    if (hint.success) return context.json(await orders.hint(hint.data.text));
    const [issue] = hint.error.issues;
    const isText = issue?.code === "custom";
    return context.json(refused(isText ? issue.message : 'a hint is JSON of the form {"text": "…"}'), 400);
  });
  app.notFound((context) =>
    context.json(refused("there is GET / and POST /pause, /resume, /stop and /hint"), 404),
  );
  app.onError((error, context) => {
    if (!(error instanceof CollmError)) throw error;
    return context.json(refused(error.message), 409);
  });
  return app;
}

function refused(words: string): Answer {
  return { ok: false, words };
}

/** Null where it is no JSON. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

interface OpenedServer {
  readonly server: Server;
  readonly path: string;
  readonly address: SocketAddress;
}

/** Listens; or says in words why it cannot. */
async function listen(folder: string, orders: SteeringOrders): Promise<OpenedServer | string> {
  const path = socketPath(folder);
  let address: SocketAddress | null = null;
  try {
    address = await addressOf(folder);
    if (address === null) return `the path ${path} is too long for a socket`;
    await rm(path, { force: true });
    const server = createAdaptorServer({ fetch: routes(orders).fetch }) as Server;
    server.on("connection", (connection) => connection.unref());
    const listening = once(server, "listening");
    // The file is there when this call returns, so its mode is set before anybody can open it.
    const usual = process.umask(0o177);
    try {
      server.listen({ path: address.path });
    } finally {
      process.umask(usual);
    }
    await listening;
    server.unref();
    if (((await stat(path)).mode & 0o777) !== 0o600) await chmod(path, 0o600);
    return { server, path, address };
  } catch (error) {
    await address?.release();
    return `${path} cannot be made (${reasonOf(error)})`;
  }
}

async function closeServer({ server, path, address }: OpenedServer): Promise<void> {
  const closed = once(server, "close");
  server.close();
  const patience = setTimeout(() => server.closeAllConnections(), closingMs);
  await closed;
  clearTimeout(patience);
  await rm(path, { force: true }).catch(() => {});
  await address.release();
}
