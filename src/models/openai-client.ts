/**
 * Sends requests to a model server with the package openai, and reads its streams of events.
 *
 * The package does not ask again and logs nothing. Its `fetch` is ours: it limits time and size, follows no redirect, and
 * keeps the whole body of a refusal, of which the package keeps only the member `error`. Only our own headers are sent:
 * the package would add headers about this machine and headers from its own environment variables.
 */
import { type Bounds, RequestFailed, sendBounded, textOf, Undecodable } from "./bounded-request.ts";
import { longestTimerMs } from "../system/clock.ts";

export interface ClientOptions {
  /** Where the API begins. Its query is sent with every request. */
  readonly baseUrl: URL;
  /** Null: the server wants none. */
  readonly key: string | null;
  /** Further headers; one with the name of our own header replaces it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bounds: Bounds;
}

/** The server answered with a status that is not a success. */
export class Refused extends Error {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;

  constructor(status: number, headers: Headers, body: string) {
    super(`status ${status}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/** The server reports an error within a stream. */
export class StreamError extends Error {
  readonly reported: unknown;

  constructor(reported: unknown) {
    super("an error in the stream");
    this.reported = reported;
  }
}

/** The events of a stream, and whether the mark at its end has come. */
export interface Events {
  readonly events: AsyncIterable<unknown>;
  readonly hasEnded: () => boolean;
}

export class OpenAIClient {
  readonly #options: ClientOptions;
  /** Loading the package takes longer than the rest of a start. */
  #package: ReturnType<typeof loadPackage> | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /**
   * Sends the body of a chat request. The answer is a success; its body may still throw RequestFailed.
   *
   * @throws Refused, RequestFailed
   */
  async send(body: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<Response> {
    const { APIConnectionError } = await this.#load();
    const client = await this.#client((url, init) => this.#fetch(url, init, body["stream"] === true, signal));
    try {
      return await client.post("/chat/completions", { body: { ...body } }).asResponse();
    } catch (error) {
      // The package puts what our fetch throws into an error of its own.
      throw error instanceof APIConnectionError ? error.cause : error;
    }
  }

  /** The events of an answer that is a stream. @throws StreamError, RequestFailed, SyntaxError */
  async events(response: Response): Promise<Events> {
    const { APIError, Stream } = await this.#load();
    const client = await this.#client(() => Promise.reject(new Error("nothing is sent here")));
    const { chunks, hasEnded } = watched(response.body ?? new ReadableStream<Uint8Array>());
    const whole = new Response(ReadableStream.from(inEvents(chunks)), { headers: response.headers });
    const stream = Stream.fromSSEResponse<unknown>(whole, new AbortController(), client);
    async function* events() {
      try {
        yield* stream;
      } catch (error) {
        throw error instanceof APIError ? new StreamError(error.error ?? error.message) : error;
      }
    }
    return { events: events(), hasEnded };
  }

  async #load() {
    this.#package ??= loadPackage();
    return await this.#package;
  }

  /** One client a request, because the signal of the request ends its fetch. */
  async #client(fetch: (url: string, init: RequestInit) => Promise<Response>) {
    const { OpenAI } = await this.#load();
    const { baseUrl, key } = this.#options;
    return new OpenAI({
      // Its query is added below: the package would put the path after it.
      baseURL: baseUrl.origin + baseUrl.pathname,
      apiKey: key ?? "EMPTY",
      // Null, so that environment variables decide nothing.
      adminAPIKey: null,
      organization: null,
      project: null,
      webhookSecret: null,
      maxRetries: 0,
      timeout: longestTimerMs,
      logLevel: "off",
      fetch: (url, init = {}) => fetch(url instanceof Request ? url.url : String(url), init),
    });
  }

  async #fetch(
    url: string,
    { body }: RequestInit,
    isStream: boolean,
    signal: AbortSignal,
  ): Promise<Response> {
    const address = new URL(url);
    address.search = this.#options.baseUrl.search;
    const answer = await sendBounded({
      url: address,
      method: "POST",
      headers: this.#headers(isStream),
      body: typeof body === "string" ? body : "",
      signal,
      ...this.#options.bounds,
    });
    const { status, headers } = answer;
    if (status < 200 || status >= 300) throw new Refused(status, headers, await refusalText(answer));
    const isEmpty = status === 204 || status === 205;
    if (isEmpty) answer.close();
    return new Response(isEmpty ? null : ReadableStream.from(answer.body), { status, headers });
  }

  #headers(isStream: boolean): Record<string, string> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.#options.key ?? "EMPTY"}`,
      accept: isStream ? "text/event-stream, application/json" : "application/json",
      "accept-encoding": "identity",
      "content-type": "application/json",
      "user-agent": "collm-nas",
    };
    for (const [name, value] of Object.entries(this.#options.headers)) headers[name.toLowerCase()] = value;
    return headers;
  }
}

// --- internal ---

async function loadPackage() {
  const { APIConnectionError, APIError, OpenAI } = await import("openai");
  const { Stream } = await import("openai/streaming");
  return { APIConnectionError, APIError, OpenAI, Stream };
}

/** The status says enough where the body cannot be decompressed. */
async function refusalText(answer: Parameters<typeof textOf>[0]): Promise<string> {
  try {
    return await textOf(answer);
  } catch (error) {
    if (error instanceof RequestFailed && error.why instanceof Undecodable) return "";
    throw error;
  }
}

/**
 * The same bytes in chunks that each end an event, but for the last. The package searches all that it holds again with
 * each chunk: an event of many megabytes would take it minutes.
 */
async function* inEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const blankLine = /\n\n|\r\r|\r\n\r\n/;
  let held: Uint8Array[] = [];
  let tail = "";
  for await (const chunk of chunks) {
    held.push(chunk);
    const text = tail + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
    tail = text.slice(-3);
    if (!blankLine.test(text)) continue;
    yield Buffer.concat(held);
    held = [];
  }
  yield Buffer.concat(held);
}

function watched(body: AsyncIterable<Uint8Array>) {
  // The mark is on a line of its own, so that no text within an event can be taken for it.
  const mark = /(^|[\r\n])data: ?\[DONE\]/;
  let tail = "\n";
  let hasEnded = false;
  async function* chunks() {
    for await (const chunk of body) {
      const last = Buffer.from(chunk).subarray(-64).toString("latin1");
      tail = `${tail}${last}`.slice(-64);
      hasEnded ||= mark.test(tail);
      yield chunk;
    }
  }
  return { chunks: chunks(), hasEnded: () => hasEnded };
}
