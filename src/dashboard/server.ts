/**
 * The server of the live page: its paths, its headers, who may ask, and how runs are streamed.
 *
 * Runs come through a port, and the page's files are given to it: it opens no file. Only this machine's own page may ask. Host must
 * hold one of the server's names or a loopback address, so that no other site can reach it under its name. What a browser
 * says of the origin of a request must be this page.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIPv4 } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import * as z from "zod";
import { documentOf, favicon, filesUnder, policy } from "./document.ts";
import type { PageFiles } from "./page-files.ts";
import { pageStyle } from "./page-style.ts";
import type { StatusMessage } from "./protocol.ts";
import {
  type JournalNotice,
  type RunCatalog,
  type RunStatus,
  type StoredLine,
  troubleOf,
} from "../runs/shown-runs.ts";
import type { Answer, Order } from "../search/ports.ts";

export interface ServerParts {
  readonly catalog: RunCatalog;
  readonly files: PageFiles;
  /** How the reader calls this program, for the commands that the page suggests. */
  readonly program: string;
  /** What steers runs; null: no one may. */
  readonly token: string | null;
  /** What Host may hold beside loopback addresses, each with its port. Asked for each request. */
  readonly hosts: () => ReadonlySet<string>;
  /** Raised when the server is to end: streams end with what they have. */
  readonly signal: AbortSignal;
  /** Takes the stack of an error that no request should cause. */
  readonly onBug: (stack: string) => void;
}

/** The server as a function from requests to responses. */
export function serverOf(parts: ServerParts): Hono {
  const { catalog, files, token, hosts, signal, onBug, program } = parts;
  const html = documentOf(files, program);
  const app = new Hono();

  app.use(async (context, next) => {
    const refusal = refusalOf(context, hosts());
    if (refusal === null) await next();
    else context.res = context.text(`${refusal.words}\n`, refusal.status, refusal.headers);
    for (const [name, value] of Object.entries(headersOfAll)) context.res.headers.set(name, value);
    context.res.headers.set("Content-Security-Policy", policy);
    if (!context.res.headers.has("Cache-Control")) context.res.headers.set("Cache-Control", "no-store");
  });

  app.get("/", (context) => context.html(html));
  app.get("/favicon.svg", (context) => sent(context, "image/svg+xml", favicon));
  app.get("/style.css", (context) => sent(context, "text/css; charset=utf-8", pageStyle));
  app.get(`${filesUnder}:name`, (context) => {
    const name = context.req.param("name");
    const text = files.texts.get(name);
    if (text === undefined) return context.notFound();
    const type = name.endsWith(".map") ? "application/json" : "text/javascript; charset=utf-8";
    // The name changes with the content.
    return context.body(text, 200, { "Content-Type": type, "Cache-Control": "max-age=31536000, immutable" });
  });

  app.get("/api/runs", (context) =>
    streamed(context, signal, async (stream, until) => {
      for await (const message of catalog.changes(until))
        await stream.writeSSE({ event: "runs", data: JSON.stringify(message) });
    }),
  );

  app.get("/api/runs/:id/events", async (context) => {
    const id = context.req.param("id");
    if (!(await catalog.has(id))) return context.text("there is no such run in this folder\n", 404);
    const last = context.req.header("Last-Event-ID") ?? context.req.query("after") ?? "";
    const from = /^[0-9]{1,15}$/.test(last) ? Number(last) : 0;
    return streamed(context, signal, (stream, until) => streamRun(catalog, id, from, stream, until));
  });

  app.post("/api/token", (context) => {
    const refusal = tokenRefusal(context, token);
    return refusal === null ? context.body(null, 204) : context.json(refusal, 403);
  });

  app.post(
    "/api/runs/:id/steer",
    bodyLimit({
      maxSize: mostBodyBytes,
      onError: (context) =>
        context.json<Answer>({ ok: false, words: `an order takes at most ${mostBodyBytes} bytes` }, 413),
    }),
    async (context) => {
      const refusal = tokenRefusal(context, token);
      if (refusal !== null) return context.json(refusal, 403);
      const id = context.req.param("id");
      if (!(await catalog.has(id)))
        return context.json<Answer>({ ok: false, words: "there is no such run in this folder" }, 404);
      const order = orderSchema.safeParse(await context.req.json<unknown>().catch(() => null));
      if (!order.success)
        return context.json<Answer>(
          { ok: false, words: 'an order is {"order": "pause"}, resume, stop, or hint with a text' },
          400,
        );
      const { answer, isReached } = await catalog.order(id, order.data);
      return context.json(answer, answer.ok ? 200 : isReached ? 409 : 503);
    },
  );

  app.notFound((context) => context.text("there is nothing at this address\n", 404));
  app.onError((error, context) => {
    onBug(error.stack ?? error.message);
    return context.text("this failed; the terminal of the dashboard says why\n", 500);
  });
  return app;
}

// --- internal ---

const mostBodyBytes = 16 * 1024;
const lookMs = 1_000;
const keepAliveMs = 15_000;
const mostLines = 500;
const mostCharacters = 256 * 1024;

const headersOfAll = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

const orderSchema: z.ZodType<Order> = z.union([
  z.strictObject({ order: z.enum(["pause", "resume", "stop"]) }),
  z.strictObject({ order: z.literal("hint"), text: z.string() }),
]);

interface Refusal {
  readonly status: ContentfulStatusCode;
  readonly words: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Why a request is refused unread; null: it is not. */
function refusalOf({ req }: Context, hosts: ReadonlySet<string>): Refusal | null {
  const refused = (status: ContentfulStatusCode, words: string, headers = {}): Refusal => ({
    status,
    words,
    headers,
  });
  const host = req.header("Host")?.toLowerCase() ?? "";
  if (!isLoopbackHost(host) && !hosts.has(host))
    return refused(421, "this server has another name: use the address that it printed");
  const origin = req.header("Origin");
  if (origin !== undefined && origin !== `http://${host}`)
    return refused(403, "only this server's own page may ask");
  const site = req.header("Sec-Fetch-Site");
  if (site !== undefined && site !== "same-origin" && site !== "none")
    return refused(403, "only this server's own page may ask: type the address, or paste it");
  const isPost = req.path.startsWith("/api/") && /^\/api\/(token|runs\/[^/]+\/steer)$/.test(rawPath(req.url));
  const allowed = isPost ? "POST" : "GET";
  if (req.method !== allowed) return refused(405, `only ${allowed} is answered here`, { Allow: allowed });
  return null;
}

/**
 * Whether Host names this machine itself. Any port is allowed: a tunnel listens on another one. A browser takes these to
 * no other machine, so that no other site can use such a name.
 */
function isLoopbackHost(host: string): boolean {
  const [, name = "", port = "0"] = /^(localhost|127\.[\d.]+|\[::1\])(?::(\d{1,5}))?$/.exec(host) ?? [];
  return name !== "" && Number(port) <= 65_535 && (!name.startsWith("127.") || isIPv4(name));
}

function rawPath(url: string): string {
  return new URL(url).pathname;
}

/** Why an order is not taken from this asker; null: it is. */
function tokenRefusal({ req }: Context, token: string | null): Answer | null {
  if (token === null) return { ok: false, words: "this dashboard is read only: it steers no runs" };
  const given = /^Bearer (.+)$/.exec(req.header("Authorization") ?? "")?.[1] ?? "";
  if (given === "")
    return { ok: false, words: "steering takes the token that the command printed with its address" };
  const [one, other] = [Buffer.from(given), Buffer.from(token)];
  const isRight = one.length === other.length && timingSafeEqual(one, other);
  return isRight
    ? null
    : { ok: false, words: "this is not the token that the command printed with its address" };
}

/** Sends a text, or answers that the browser already has it. */
function sent(context: Context, type: string, text: string): Response {
  const etag = `"${createHash("sha256").update(text).digest("hex").slice(0, 16)}"`;
  context.header("Cache-Control", "no-cache");
  context.header("ETag", etag);
  if (context.req.header("If-None-Match") === etag) return context.body(null, 304);
  return context.body(text, 200, { "Content-Type": type });
}

/** An event stream that ends when its reader goes away or the server ends. */
function streamed(
  context: Context,
  signal: AbortSignal,
  write: (stream: SSEStreamingApi, until: AbortSignal) => Promise<void>,
): Response {
  return streamSSE(context, async (stream) => {
    const gone = new AbortController();
    stream.onAbort(() => gone.abort());
    const until = AbortSignal.any([signal, gone.signal]);
    const keepAlive = setInterval(() => void stream.write(": still here\n\n"), keepAliveMs);
    try {
      await write(stream, until);
    } finally {
      clearInterval(keepAlive);
    }
  });
}

/** The status of a run, first and whenever it changes, and its lines. */
async function streamRun(
  catalog: RunCatalog,
  id: string,
  after: number,
  stream: SSEStreamingApi,
  signal: AbortSignal,
): Promise<void> {
  let trouble: string | null = null;
  let last = "";
  let known: RunStatus = { condition: "stopped", isSteerable: false, lastSeq: 0 };
  const send = async (because: string | null, isRestart = false) => {
    const status: StatusMessage = { ...known, trouble: because, isRestart };
    const data = JSON.stringify(status);
    // A journal can restart twice in a row.
    if (data === last && !isRestart) return;
    last = data;
    await stream.writeSSE({ event: "status", data });
  };
  const look = async () => {
    const now = await catalog.status(id);
    known = now ?? { ...known, isSteerable: false };
    await send(trouble);
  };
  const take = async (notice: JournalNotice) => {
    if (notice.kind === "restarted") {
      trouble = null;
      await send(restarted, true);
      return;
    }
    const before = trouble;
    trouble = notice.kind === "gone" || notice.kind === "damaged" ? troubleOf(notice) : null;
    if (trouble !== before) await look();
    if (notice.kind !== "lines") return;
    for (const batch of batches(notice.lines))
      await stream.writeSSE({
        event: "lines",
        data: batch.map(({ text }) => text).join("\n"),
        id: `${batch.at(-1)?.event.seq}`,
      });
  };
  const lookOn = async () => {
    for (;;) {
      await wait(lookMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await look();
    }
  };
  const followOn = async () => {
    for await (const notice of catalog.follow(id, after, signal)) await take(notice);
  };
  await look();
  await Promise.all([followOn(), lookOn()]);
}

const restarted = "its journal became shorter or was changed: it is shown again from its first line";

function* batches(lines: readonly StoredLine[]): Generator<readonly StoredLine[]> {
  let batch: StoredLine[] = [];
  let characters = 0;
  for (const line of lines) {
    if (batch.length > 0 && (batch.length >= mostLines || characters + line.text.length > mostCharacters)) {
      yield batch;
      [batch, characters] = [[], 0];
    }
    batch.push(line);
    characters += line.text.length;
  }
  if (batch.length > 0) yield batch;
}
