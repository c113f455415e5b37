/**
 * One POST over HTTP, bounded in time and in size.
 *
 * Owns the connection: how long it may take, how long it may be silent, how much it may bring, that an end of any kind
 * closes it, and what a server compresses unasked. Knows nothing of what is sent or of what an answer means. Node's own
 * `fetch` gives up after 300 s without a header, whatever timeout is set, and follows redirects with the key in hand;
 * this does neither.
 */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { pipeline, Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createUnzip } from "node:zlib";

/** The longest body that is read, in bytes, expanded. */
export const largestBody = 16 * 1024 * 1024;

const longestTimerMs = 2 ** 31 - 1;

export interface PostRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
  /** From the first byte sent to the last one received. */
  readonly timeoutSeconds: number;
  /** How long it may take until there is a connection. */
  readonly connectSeconds: number;
  /** How long an answer that has begun may be silent. */
  readonly idleSeconds: number;
}

export interface Posted {
  readonly status: number;
  readonly headers: Headers;
  /** The whole body; for a stream of events the way to read it, which throws PostFailed like `post` itself. */
  readonly body: string | EventBytes;
}

export interface EventBytes {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Whether the mark that ends a stream of completions has come. */
  readonly hasEnded: () => boolean;
}

/** No whole answer came. The cause is one of those below, or what the connection ran into. */
export class PostFailed extends Error {
  /** Whether the request can have been received. */
  readonly wasReached: boolean;
  readonly why: Error;

  constructor(why: Error, wasReached: boolean) {
    super(why.message);
    this.why = why;
    this.wasReached = wasReached;
  }
}
export class BodyTooLarge extends Error {}
export class TimedOut extends Error {}
export class Stalled extends Error {}
export class NotConnected extends Error {}
/** The answer is compressed in a way that cannot be read, or is not what it says; the message names the way. */
export class Undecodable extends Error {}

/**
 * Sends the body and waits for the answer: all of it, or its head where it is a stream of events with a status of
 * success, which then has to be read to its end.
 *
 * @throws PostFailed; when the signal was raised, too
 */
export async function post(request: PostRequest): Promise<Posted> {
  const { url, headers, body, signal, timeoutSeconds, connectSeconds, idleSeconds } = request;
  let wasReached = false;
  let ended: Error | null = null;
  let incoming: IncomingMessage | null = null;
  let idle: NodeJS.Timeout | undefined;
  let connecting: NodeJS.Timeout | undefined;
  /** An answer whose status says enough where its body cannot be read. */
  let refused: Posted | null = null;
  const outgoing = (url.protocol === "https:" ? requestHttps : requestHttp)(url, { method: "POST", headers });
  // A late error must not end the process.
  outgoing.on("error", () => {});
  outgoing.once("socket", (socket) => {
    const reached = () => {
      wasReached = true;
      clearTimeout(connecting);
    };
    if (!socket.connecting) return reached();
    connecting = setTimeout(
      () => end(new NotConnected(`no connection within ${connectSeconds} s`)),
      milliseconds(connectSeconds),
    );
    socket.once("connect", reached);
  });
  const end = (why: Error) => {
    ended ??= why;
    (incoming ?? outgoing).destroy(why);
  };
  const stop = () => end(new Error("aborted"));
  const timeout = setTimeout(() => end(new TimedOut()), milliseconds(timeoutSeconds));
  signal.addEventListener("abort", stop, { once: true });
  const release = () => {
    clearTimeout(timeout);
    clearTimeout(connecting);
    clearTimeout(idle);
    signal.removeEventListener("abort", stop);
  };
  const failed = (error: unknown) => {
    release();
    outgoing.destroy();
    return new PostFailed(ended ?? (error instanceof Error ? error : new Error(String(error))), wasReached);
  };
  try {
    if (signal.aborted) stop();
    outgoing.end(body);
    const answer = await responseTo(outgoing);
    incoming = answer;
    answer.on("error", () => {});
    idle = setTimeout(() => end(new Stalled()), milliseconds(idleSeconds));
    if (Number(answer.headers["content-length"] ?? 0) > largestBody) throw new BodyTooLarge();
    const told = new Headers();
    for (const [name, values] of Object.entries(answer.headersDistinct)) {
      for (const value of values ?? []) told.append(name, value);
    }
    const status = answer.statusCode ?? 0;
    const isSuccess = status >= 200 && status < 300;
    if (!isSuccess) refused = { status, headers: told, body: "" };
    const decoders = decodersOf(told.get("content-encoding") ?? "");
    const chunks = expanded(bounded(answer, idle, failed), decoders, failed);
    const isStream = /^\s*text\/event-stream\b/i.test(told.get("content-type") ?? "");
    if (isStream && isSuccess) {
      return { status, headers: told, body: events(chunks, release) };
    }
    const pieces: Buffer[] = [];
    for await (const chunk of chunks) pieces.push(chunk);
    release();
    return { status, headers: told, body: new TextDecoder().decode(Buffer.concat(pieces)) };
  } catch (error) {
    const failure = error instanceof PostFailed ? error : failed(error);
    if (refused !== null && failure.why instanceof Undecodable) return refused;
    throw failure;
  }
}

// --- internal ---

function responseTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
    // A server that turns to another protocol leaves the connection to whoever asked for that.
    outgoing.once("upgrade", (_answer, socket) => {
      socket.destroy();
      reject(Object.assign(new Error("another protocol"), { code: "HPE_UPGRADE" }));
    });
    outgoing.once("close", () => {
      reject(Object.assign(new Error("closed without an answer"), { code: "ECONNRESET" }));
    });
  });
}

async function* bounded(
  incoming: IncomingMessage,
  idle: NodeJS.Timeout,
  failed: (error: unknown) => PostFailed,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      idle.refresh();
      bytes += chunk.length;
      if (bytes > largestBody) throw new BodyTooLarge();
      yield chunk;
    }
  } catch (error) {
    throw failed(error);
  }
}

const mostDecoders = 3;

/** What undoes a Content-Encoding, the last one first. @throws Undecodable */
function decodersOf(encoding: string): { readonly name: string; readonly decoder: Transform }[] {
  const names = encoding
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
  if (names.length > mostDecoders) throw new Undecodable(encoding);
  return names.reverse().map((name) => {
    if (name === "br") return { name, decoder: createBrotliDecompress() };
    if (name === "gzip" || name === "x-gzip" || name === "deflate") return { name, decoder: createUnzip() };
    throw new Undecodable(name);
  });
}

/** The body without its compression, and no more of it than is read of any other. */
async function* expanded(
  chunks: AsyncIterable<Buffer>,
  decoders: readonly { readonly name: string; readonly decoder: Transform }[],
  failed: (error: unknown) => PostFailed,
): AsyncGenerator<Buffer, void> {
  const last = decoders.at(-1)?.decoder;
  if (last === undefined) {
    yield* chunks;
    return;
  }
  let bytes = 0;
  pipeline([Readable.from(chunks), ...decoders.map(({ decoder }) => decoder)], () => {});
  try {
    for await (const chunk of last as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > largestBody) throw new BodyTooLarge();
      yield chunk;
    }
  } catch (error) {
    if (error instanceof PostFailed) throw error;
    const name = decoders.map((each) => each.name).join(", ");
    throw failed(error instanceof BodyTooLarge ? error : new Undecodable(name));
  }
}

/** `release` is called once the stream is over or was left. */
function events(chunks: AsyncIterable<Buffer>, release: () => void): EventBytes {
  // The mark stands on a line of its own, so that no text within an event can be taken for it.
  const mark = /(^|[\r\n])data: ?\[DONE\]/;
  let tail = "\n";
  let hasEnded = false;
  async function* watched() {
    try {
      for await (const chunk of chunks) {
        tail = `${tail}${chunk.subarray(-64).toString("latin1")}`.slice(-64);
        hasEnded ||= mark.test(tail);
        yield chunk;
      }
    } finally {
      release();
    }
  }
  return { chunks: watched(), hasEnded: () => hasEnded };
}

function milliseconds(seconds: number): number {
  return Math.min(longestTimerMs, Math.max(1, Math.round(seconds * 1_000)));
}
