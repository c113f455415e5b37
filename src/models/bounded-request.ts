/**
 * Sends one HTTP request, and limits how long its answer may take and how large it may be.
 *
 * However a request ends, its connection is closed or free again. An answer is decompressed even if no compression was
 * asked for. Redirects are not followed, because that would send the key along. Node's own `fetch` cannot do this: it
 * follows redirects, and it gives up after 300 s without a header, whatever timeout is set.
 */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { pipeline, Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createUnzip } from "node:zlib";
import { longestTimerMs } from "../system/clock.ts";

export interface Bounds {
  /** From the first byte sent to the last byte received. */
  readonly timeoutSeconds: number;
  /** The longest time until there is a connection. */
  readonly connectSeconds: number;
  /** The longest silence within an answer. */
  readonly idleSeconds: number;
  /** The longest body, decompressed. */
  readonly largestBytes: number;
}

export interface BoundedRequest extends Bounds {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for GET. */
  readonly body: string;
  readonly signal: AbortSignal;
}

/** The head of an answer, and the way to its body. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Must be read to its end, or left early like any iterator. Throws RequestFailed. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the body up before it is read. */
  close(): void;
}

/** No whole answer came. `why` is an error of this file or an error of the connection. */
export class RequestFailed extends Error {
  /** Whether the server can have received the request. */
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
/** The answer has a compression that cannot be read; the message names it. */
export class Undecodable extends Error {}

/** @throws RequestFailed; also when the signal is raised */
export async function sendBounded(request: BoundedRequest): Promise<HttpAnswer> {
  const { url, method, headers, body, signal, timeoutSeconds, connectSeconds, idleSeconds } = request;
  let wasReached = false;
  let ended: Error | null = null;
  let incoming: IncomingMessage | null = null;
  let idle: NodeJS.Timeout | undefined;
  let connecting: NodeJS.Timeout | undefined;
  const outgoing = (url.protocol === "https:" ? requestHttps : requestHttp)(url, { method, headers });
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
    return new RequestFailed(
      ended ?? (error instanceof Error ? error : new Error(String(error))),
      wasReached,
    );
  };
  try {
    if (signal.aborted) stop();
    outgoing.end(body);
    const answer = await responseTo(outgoing);
    incoming = answer;
    answer.on("error", () => {});
    idle = setTimeout(() => end(new Stalled()), milliseconds(idleSeconds));
    return {
      status: answer.statusCode ?? 0,
      headers: headersOf(answer),
      body: bodyOf(answer, { idle, largestBytes: request.largestBytes, failed, release }),
      close: () => {
        release();
        answer.destroy();
      },
    };
  } catch (error) {
    throw failed(error);
  }
}

/** The whole body as text. @throws RequestFailed */
export async function textOf({ body }: HttpAnswer): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return new TextDecoder().decode(Buffer.concat(pieces));
}

// --- internal ---

const mostDecoders = 3;

function responseTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
    // After a change of protocol, nobody else closes the connection.
    outgoing.once("upgrade", (_answer, socket) => {
      socket.destroy();
      reject(Object.assign(new Error("another protocol"), { code: "HPE_UPGRADE" }));
    });
    outgoing.once("close", () => {
      reject(Object.assign(new Error("closed without an answer"), { code: "ECONNRESET" }));
    });
  });
}

function headersOf(answer: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(answer.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}

interface Reading {
  readonly idle: NodeJS.Timeout;
  readonly largestBytes: number;
  readonly failed: (error: unknown) => RequestFailed;
  readonly release: () => void;
}

/** The body, decompressed; neither what is sent nor what it expands to may be too large. */
async function* bodyOf(answer: IncomingMessage, reading: Reading): AsyncGenerator<Uint8Array, void> {
  const { largestBytes, failed, release } = reading;
  try {
    if (Number(answer.headers["content-length"] ?? 0) > largestBytes) throw new BodyTooLarge();
    const decoders = decodersOf(answer.headers["content-encoding"] ?? "");
    yield* decompressed(received(answer, reading), decoders, largestBytes);
  } catch (error) {
    throw error instanceof RequestFailed ? error : failed(error);
  } finally {
    release();
  }
}

async function* received(
  answer: IncomingMessage,
  { idle, largestBytes, failed }: Reading,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      idle.refresh();
      bytes += chunk.length;
      if (bytes > largestBytes) throw new BodyTooLarge();
      yield chunk;
    }
  } catch (error) {
    throw failed(error);
  }
}

interface Decoder {
  readonly name: string;
  readonly stream: Transform;
}

/** What reverses a Content-Encoding, the last step first. @throws Undecodable */
function decodersOf(encoding: string): Decoder[] {
  const names = encoding
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
  if (names.length > mostDecoders) throw new Undecodable(encoding);
  return names.reverse().map((name) => {
    if (name === "br") return { name, stream: createBrotliDecompress() };
    if (name === "gzip" || name === "x-gzip" || name === "deflate") return { name, stream: createUnzip() };
    throw new Undecodable(name);
  });
}

async function* decompressed(
  chunks: AsyncIterable<Buffer>,
  decoders: readonly Decoder[],
  largestBytes: number,
): AsyncGenerator<Buffer, void> {
  const last = decoders.at(-1)?.stream;
  if (last === undefined) {
    yield* chunks;
    return;
  }
  let bytes = 0;
  pipeline([Readable.from(chunks), ...decoders.map(({ stream }) => stream)], () => {});
  try {
    for await (const chunk of last as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > largestBytes) throw new BodyTooLarge();
      yield chunk;
    }
  } catch (error) {
    if (error instanceof RequestFailed || error instanceof BodyTooLarge) throw error;
    throw new Undecodable(decoders.map(({ name }) => name).join(", "));
  }
}

function milliseconds(seconds: number): number {
  return Math.min(longestTimerMs, Math.max(1, Math.round(seconds * 1_000)));
}
