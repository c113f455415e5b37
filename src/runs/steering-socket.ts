/**
 * The orders of a person to a run: a Unix socket in the run's folder that this user alone may open, with HTTP on it.
 *
 * Owns the socket's file, the routes, and what is asked of the run until it is done. Whoever opens one holds the run's
 * lock until it is closed. Knows nothing of what becomes of a hint.
 *
 *     GET  /                                 the run's Standing
 *     POST /pause, /resume, /stop, /hint     an Answer: with 200, 400 (cannot be read) or 409 (refused); a hint is {"text": …}
 */
import { type Server, request as httpRequest } from "node:http";
import { constants } from "node:fs";
import { chmod, type FileHandle, open, rm, stat } from "node:fs/promises";
import { once } from "node:events";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as z from "zod";
import { CollmError, Interrupted, UsageError } from "../errors.ts";
import type { Answer, Order, Steering } from "../search/ports.ts";
import { journalPath } from "./run-folder.ts";
import { codeOf, reasonOf } from "../system/system-error.ts";

const socketName = "control.sock";
/** What the address of a Unix socket has room for, in bytes. */
const longestPath = process.platform === "linux" ? 107 : 103;
const mostBodyBytes = 16 * 1024;
const longestHint = 2_000;
/** How long connections may take to end by themselves once the socket closes. */
const closingMs = 500;
const mostAnsweringMs = 20_000;
const mostStandingMs = 2_000;
/** Whoever made the socket may answer anything. */
const mostAnswerCharacters = 64 * 1024;

/** The socket of a run under way. */
export interface SteeringSocket {
  readonly steering: Steering;
  /** Raised when somebody asked the run to stop. */
  readonly stop: AbortSignal;
  /** Why there is none, and the run goes on without; null: there is. */
  readonly trouble: string | null;
  /** Takes no more orders and removes the socket; may be called again. */
  close(): Promise<void>;
}

/** Whether a run takes hints, and whether it is asked to wait. */
export interface Standing {
  readonly paused: boolean;
  readonly takesHints: boolean;
  /** Why it takes none; absent: it takes them. */
  readonly refusesHints?: string;
}

/**
 * Opens the socket of a run whose lock this process holds; one that a killed process left behind is removed.
 *
 * @param refusesHints why hints would reach nobody; null: they reach the Navigator
 */
export async function openSteering(folder: string, refusesHints: string | null): Promise<SteeringSocket> {
  const desk = new PanelContext(refusesHints);
  const opened = await listen(folder, desk);
  if (typeof opened === "string") desk.close();
  let closed: Promise<void> | null = null;
  return {
    steering: {
      isPaused: () => desk.isPaused,
      continued: async (signal) => {
        if (typeof opened === "string") return;
        // Nothing else may keep the process alive while the run waits.
        opened.server.ref();
        try {
          await desk.continued(signal);
        } finally {
          opened.server.unref();
        }
      },
      hintsTo: (take) => desk.hintsTo(take),
    },
    stop: desk.stop,
    trouble: typeof opened === "string" ? opened : null,
    close: () => {
      desk.close();
      closed ??= typeof opened === "string" ? Promise.resolve() : closeServer(opened);
      return closed;
    },
  };
}

/** Gives a run an order. What becomes of it is in the answer, also where nobody is there to take it. */
export async function sendOrder(folder: string, order: Order): Promise<Answer> {
  const body = order.order === "hint" ? JSON.stringify({ text: order.text }) : "";
  try {
    const { text } = await ask(folder, "POST", `/${order.order}`, body, mostAnsweringMs);
    return answerSchema.parse(JSON.parse(text));
  } catch (error) {
    return refused(await whyNoAnswer(folder, error));
  }
}

/** Whether a process takes orders for a run now. */
export async function isSteerable(folder: string): Promise<boolean> {
  return (await standingOf(folder)) !== null;
}

/** How a run stands to orders, as its process tells; null: none takes orders for it now. */
export async function standingOf(folder: string): Promise<Standing | null> {
  try {
    const { status, text } = await ask(folder, "GET", "/", "", mostStandingMs);
    return status === 200 ? standingSchema.parse(JSON.parse(text)) : null;
  } catch {
    return null;
  }
}

// ----- What is asked of a run -----

/** A hint that nobody has taken yet. */
interface WaitingHint {
  readonly text: string;
  readonly resolve: (round: number) => void;
  readonly reject: (error: Error) => void;
}

/** Takes orders, and hands them on when the search asks for them. */
class PanelContext {
  isPaused = false;
  readonly refusesHints: string | null;
  /** Whether the search waits right now. */
  #isWaiting = false;
  #isClosed = false;
  #onContinue: (() => void)[] = [];
  #take: ((text: string) => Promise<number>) | null = null;
  #waitingHints: WaitingHint[] = [];
  readonly #stop = new AbortController();

  constructor(refusesHints: string | null) {
    this.refusesHints = refusesHints;
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get standing(): Standing {
    const reason = this.refusesHints;
    return {
      paused: this.isPaused,
      takesHints: reason === null,
      ...(reason === null ? {} : { refusesHints: reason }),
    };
  }

  pause(): Answer {
    if (this.#isWaiting) return done("the run is paused already");
    if (this.isPaused) return done("the run will pause already, once the round under way is through");
    this.isPaused = true;
    return done("the run pauses once the round under way is through");
  }

  resume(): Answer {
    if (!this.isPaused) return done("the run was not paused");
    const wasWaiting = this.#isWaiting;
    this.isPaused = false;
    for (const go of this.#onContinue.splice(0)) go();
    return done(wasWaiting ? "the run goes on" : "the run will not pause");
  }

  /** The order is in once this returns; it is carried out when the answer is on its way. */
  requestStop(): Answer {
    setImmediate(() => this.#stop.abort());
    return done("the run stops now; go on with it later by resume");
  }

  /** @throws UsageError where it will be told to nobody */
  async hint(text: string): Promise<Answer> {
    if (this.refusesHints !== null) throw new UsageError(this.refusesHints);
    if (this.#isClosed) throw searchIsOver();
    const take = this.#take;
    const round = await (take === null
      ? new Promise<number>((resolve, reject) => {
          this.#waitingHints.push({ text, resolve, reject });
        })
      : take(text));
    return done(`the Navigator is told when it is asked for the strategy of round ${round}`);
  }

  hintsTo(take: (text: string) => Promise<number>): void {
    this.#take = take;
    for (const { text, resolve, reject } of this.#waitingHints.splice(0)) take(text).then(resolve, reject);
  }

  /** @throws Interrupted when the signal is raised meanwhile */
  async continued(signal: AbortSignal): Promise<void> {
    if (!this.isPaused) return;
    this.#isWaiting = true;
    try {
      await new Promise<void>((resolve, reject) => {
        const stop = () => reject(new Interrupted("stopped on request"));
        if (signal.aborted) stop();
        signal.addEventListener("abort", stop, { once: true });
        this.#onContinue.push(() => {
          signal.removeEventListener("abort", stop);
          resolve();
        });
      });
    } finally {
      this.#isWaiting = false;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waitingHints.splice(0)) reject(searchIsOver());
  }
}

function searchIsOver(): UsageError {
  return new UsageError("the search is over: no strategy will be asked for any more");
}

function done(words: string): Answer {
  return { ok: true, words };
}

function refused(words: string): Answer {
  return { ok: false, words };
}

// ----- HTTP -----

const answerSchema = z.object({ ok: z.boolean(), words: z.string() });
const standingSchema = z.object({ paused: z.boolean(), takesHints: z.boolean() });

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

function routes(desk: PanelContext): Hono {
  const app = new Hono();
  app.use(
    bodyLimit({
      maxSize: mostBodyBytes,
      onError: (context) => context.json(refused(`an order may have at most ${mostBodyBytes} bytes`), 400),
    }),
  );
  app.get("/", (context) => context.json(desk.standing));
  app.post("/pause", (context) => context.json(desk.pause()));
  app.post("/resume", (context) => context.json(desk.resume()));
  app.post("/stop", (context) => context.json(desk.requestStop()));
  app.post("/hint", async (context) => {
    const hint = hintSchema.safeParse(json(await context.req.text()));
    if (hint.success) return context.json(await desk.hint(hint.data.text));
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

/** Null where it is no JSON. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// ----- The socket's file -----

interface OpenedServer {
  readonly server: Server;
  readonly path: string;
  readonly place: Place;
}

/** Listens; or says in words why it cannot. */
async function listen(folder: string, desk: PanelContext): Promise<OpenedServer | string> {
  const path = join(folder, socketName);
  let place: Place | null = null;
  try {
    place = await placeOf(folder);
    if (place === null) return `the path ${path} is longer than a socket's may be`;
    await rm(path, { force: true });
    const server = createAdaptorServer({ fetch: routes(desk).fetch }) as Server;
    server.on("connection", (connection) => connection.unref());
    const listening = once(server, "listening");
    // The file is there once this call returns, so its mode is settled before anybody can open it.
    const usual = process.umask(0o177);
    try {
      server.listen({ path: place.address });
    } finally {
      process.umask(usual);
    }
    await listening;
    server.unref();
    if (((await stat(path)).mode & 0o777) !== 0o600) await chmod(path, 0o600);
    return { server, path, place };
  } catch (error) {
    await place?.release();
    return `${path} cannot be made (${reasonOf(error)})`;
  }
}

async function closeServer({ server, path, place }: OpenedServer): Promise<void> {
  const closed = once(server, "close");
  server.close();
  const patience = setTimeout(() => server.closeAllConnections(), closingMs);
  await closed;
  clearTimeout(patience);
  await rm(path, { force: true }).catch(() => {});
  await place.release();
}

/** The address by which a socket in a folder is reached. */
interface Place {
  readonly address: string;
  /** Afterwards the address may lead elsewhere. */
  readonly release: () => Promise<void>;
}

/** Null where the path is too long and there is no way around it. */
async function placeOf(folder: string): Promise<Place | null> {
  const path = join(folder, socketName);
  if (Buffer.byteLength(path) <= longestPath) return { address: path, release: async () => {} };
  if (process.platform !== "linux") return null;
  // A folder that is held open has a short name.
  const handle: FileHandle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { address: `/proc/self/fd/${handle.fd}/${socketName}`, release: () => handle.close() };
}

// ----- The other end -----

async function ask(
  folder: string,
  method: "GET" | "POST",
  route: string,
  body: string,
  mostMs: number,
): Promise<{ status: number; text: string }> {
  const place = await placeOf(folder);
  if (place === null) throw new UsageError(`the path of ${folder} is longer than a socket's may be`);
  try {
    return await new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          socketPath: place.address,
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
    await place.release();
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
    return `${folder} belongs to a run of somebody else, who alone may steer it`;
  return `the process that runs ${folder} gave no answer (${reasonOf(error)}); look whether it hangs`;
}
