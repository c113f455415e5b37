/**
 * One POST over HTTP, bounded in time and in size.
 *
 * Owns the connection: how long it may take, how long it may be silent, how much it may bring, and that an end of any
 * kind closes it. Knows nothing of what is sent or of what an answer means. Node's own `fetch` gives up after 300 s
 * without a header, whatever timeout is set, and follows redirects with the key in hand; this does neither.
 */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

/** The longest body that is read, in bytes. */
export const largestBody = 16 * 1024 * 1024;

const longestTimerMs = 2 ** 31 - 1;

export interface PostRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
  /** From the first byte sent to the last one received. */
  readonly timeoutSeconds: number;
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

/** No whole answer came. The cause is one of the three below, or what the connection ran into. */
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

/**
 * Sends the body and waits for the answer: all of it, or its head where it is a stream of events with a status of
 * success, which then has to be read to its end.
 *
 * @throws PostFailed; when the signal was raised, too
 */
export async function post(request: PostRequest): Promise<Posted> {
  const { url, headers, body, signal, timeoutSeconds, idleSeconds } = request;
  let wasReached = false;
  let ended: Error | null = null;
  let incoming: IncomingMessage | null = null;
  let idle: NodeJS.Timeout | undefined;
  const outgoing = (url.protocol === "https:" ? requestHttps : requestHttp)(url, { method: "POST", headers });
  // A late error must not end the process.
  outgoing.on("error", () => {});
  outgoing.once("socket", (socket) => {
    if (socket.connecting) socket.once("connect", () => (wasReached = true));
    else wasReached = true;
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
    const isStream = /^\s*text\/event-stream\b/i.test(told.get("content-type") ?? "");
    if (isStream && status >= 200 && status < 300) {
      return { status, headers: told, body: events(bounded(answer, idle, failed), release) };
    }
    const chunks: Buffer[] = [];
    for await (const chunk of bounded(answer, idle, failed)) chunks.push(chunk);
    release();
    return { status, headers: told, body: new TextDecoder().decode(Buffer.concat(chunks)) };
  } catch (error) {
    throw error instanceof PostFailed ? error : failed(error);
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
