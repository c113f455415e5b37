/**
 * A language model behind any OpenAI-compatible server, as a ChatModel.
 *
 * Owns the form of a request on the wire, the one layer of retries, and the reading of whatever comes back into a
 * whole reply. Knows no prompt, no role and no space, and does not judge what a reply says. The key goes into the
 * Authorization header and nowhere else: whatever a server says is searched for it before it is passed on, and errors
 * carry no cause, because those of the SDK hold whole answers.
 */
import { once } from "node:events";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { APIError } from "openai";
import { ChatUnavailable, Interrupted, UsageError } from "../errors.ts";
import type { ChatReply } from "../search/events.ts";
import type { ChatModel, ChatRequest, Clock } from "../search/ports.ts";

export interface OpenAIChatOptions {
  readonly model: string;
  /** Where the API begins; most end in /v1. Holds no credentials. */
  readonly baseUrl: string;
  /** Null: the server wants none. */
  readonly apiKey: string | null;
  /** The environment variable that the key is taken from, to be named in errors. */
  readonly keyVariable: string;
  /** Null, here and below: the server's own default. */
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly maxTokens: number | null;
  /** For each attempt, from the first byte sent to the last one received. */
  readonly timeoutSeconds: number;
  /** How often a request is repeated at most. */
  readonly retries: number;
  readonly clock: Clock;
  /** Told before each wait: how long it is, and why. */
  readonly onRetry: (seconds: number, reason: string) => void;
}

/** Why an attempt gave no reply. */
interface Trouble {
  /** What the server did: the rest of a sentence that begins with its name. */
  readonly what: string;
  /** What the reader does about it. */
  readonly remedy: string;
  /** Whether asking again can help: a server that is no model API is asked less often than one that is busy. */
  readonly again: "never" | "twice" | "often";
  /** How long the server asks to wait, in seconds; null: it does not say. */
  readonly wait: number | null;
}

type Attempt =
  | { readonly ok: true; readonly reply: Omit<ChatReply, "seconds" | "failures"> }
  | { readonly ok: false; readonly trouble: Trouble };

const largestBody = 16 * 1024 * 1024;
const longestBackOff = 60;
const longestTimer = 2 ** 31 - 1;
const longestQuote = 500;
/** A shorter key may be an ordinary word, such as local servers are given: replies are not searched for it. */
const shortestSecret = 16;

export class OpenAIChat implements ChatModel {
  readonly label: string;
  readonly #options: OpenAIChatOptions;
  readonly #key: string | null;
  /** The base URL in the form to show. */
  readonly #address: string;
  #connection: ReturnType<typeof connect> | null = null;

  /** @throws UsageError for a key or a base URL that cannot be one. */
  constructor(options: OpenAIChatOptions) {
    this.label = options.model;
    this.#options = options;
    const key = options.apiKey?.trim() ?? "";
    this.#key = key === "" ? null : key;
    if (!/^[\x21-\x7e]*$/.test(key)) {
      throw new UsageError(
        `the key in ${options.keyVariable} holds white space or characters beyond ASCII: set it to the key alone`,
      );
    }
    const url = URL.canParse(options.baseUrl) ? new URL(options.baseUrl) : null;
    if (url?.protocol !== "http:" && url?.protocol !== "https:") {
      throw new UsageError(
        `the base URL of model "${options.model}" is no http or https address: expected one like http://localhost:8000/v1`,
      );
    }
    this.#address = this.#withoutSecret(url.origin + url.pathname);
  }

  /** `seconds` of the reply is all the time it took to get it, waits and failed attempts included. */
  async reply(request: ChatRequest, signal: AbortSignal): Promise<ChatReply> {
    const { clock, onRetry, retries } = this.#options;
    const begin = clock.seconds();
    let strange = 0;
    const failures: string[] = [];
    for (let attempts = 1; ; attempts++) {
      if (signal.aborted) throw this.#interrupted();
      const attempt = await this.#attempt(request, signal);
      if (attempt.ok) return { ...attempt.reply, seconds: clock.seconds() - begin, failures };
      if (signal.aborted) throw this.#interrupted();
      const { what, remedy, again, wait } = attempt.trouble;
      if (again === "twice") strange += 1;
      if (again === "never" || strange > 2 || attempts > retries) {
        const count = attempts === 1 ? "" : ` in the last of ${attempts} attempts`;
        throw new ChatUnavailable(`the model server at ${this.#address} ${what}${count}: ${remedy}`);
      }
      failures.push(what);
      const seconds = wait ?? backOff(attempts);
      onRetry(seconds, `the model server ${what}`);
      await clock.sleep(seconds, signal);
    }
  }

  async #attempt(request: ChatRequest, signal: AbortSignal): Promise<Attempt> {
    this.#connection ??= connect(this.#options.baseUrl, this.#key ?? "EMPTY");
    const { sdk, client } = await this.#connection;
    // The SDK may leave a listener behind on the signal it is given; the caller's outlives hundreds of requests.
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const timeout = Math.min(longestTimer, Math.max(1, Math.round(this.#options.timeoutSeconds * 1_000)));
      if (signal.aborted) stop();
      const body = await client.post<unknown>("/chat/completions", {
        body: this.#body(request),
        signal: attempt.signal,
        timeout,
      });
      return this.#read(body);
    } catch (error) {
      if (error instanceof sdk.APIConnectionError) return failed(this.#unreachable(error));
      if (error instanceof sdk.APIError) return failed(this.#refusal(error as APIError));
      // The SDK found broken JSON where the server had announced JSON.
      if (error instanceof SyntaxError)
        return failed(noReply("answered with broken JSON instead of a reply"));
      const message = error instanceof Error ? error.message : String(error);
      return failed({
        what: `could not be asked (${this.#quoted(message)})`,
        remedy: "check the model's settings",
        again: "never",
        wait: null,
      });
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #body({ role, messages, schema, seed }: ChatRequest): Record<string, unknown> {
    const { model, temperature, topP, maxTokens } = this.#options;
    return {
      model,
      messages: messages.map((message) => ({ role: message.role, content: message.content })),
      seed,
      ...(temperature === null ? {} : { temperature }),
      ...(topP === null ? {} : { top_p: topP }),
      ...(maxTokens === null ? {} : { max_tokens: maxTokens }),
      ...(schema === null
        ? {}
        : {
            response_format: {
              type: "json_schema",
              json_schema: { name: `${role}_reply`, strict: true, schema },
            },
          }),
    };
  }

  // ----- What came back -----

  #read(body: unknown): Attempt {
    const { choices, error, model, usage } = fieldsOf(typeof body === "string" ? parsed(body) : body);
    if (!Array.isArray(choices)) {
      const words = error === undefined || error === null ? "" : this.#quoted(wordsOf(error));
      if (words !== "") return failed(noReply(`answered with an error instead of a reply (200: ${words})`));
      return failed(
        noReply(`answered with ${isHtml(body) ? "an HTML page" : "something else"} instead of a reply`),
      );
    }
    if (choices.length === 0) {
      const remedy = "try another model or another server";
      return failed({ what: "answered without a single choice", remedy, again: "twice", wait: null });
    }
    const choice = fieldsOf(choices[0]);
    const message = fieldsOf(choice["message"]);
    const { thoughts, rest } = withoutThoughts(textOf(message["content"]));
    const reasoning = [textOf(message["reasoning_content"]) || textOf(message["reasoning"]), thoughts];
    const { prompt_tokens, completion_tokens } = fieldsOf(usage);
    const said = (text: string) => this.#withoutSecret(text);
    return {
      ok: true,
      reply: {
        model: said(textOf(model)) || this.#options.model,
        content: said(rest),
        reasoning: said(reasoning.filter((text) => text !== "").join("\n\n")) || null,
        finishReason: said(textOf(choice["finish_reason"])) || null,
        inputTokens: countOf(prompt_tokens),
        outputTokens: countOf(completion_tokens),
      },
    };
  }

  /** A status that is no success. */
  #refusal(error: APIError): Trouble {
    const status = error.status ?? 0;
    const { model, keyVariable } = this.#options;
    const words = this.#quoted(
      wordsOf(error.error ?? error.message.replace(/^\d{3} (status code \(no body\))?/, "")),
    );
    const said = words === "" ? `${status}` : `${status}: ${words}`;
    const never = { again: "never", wait: null } as const;
    if (status === 401) {
      const what =
        this.#key === null
          ? `wants a key, and none was given (${said})`
          : `refuses the key in ${keyVariable} (${said})`;
      return { what, remedy: `set ${keyVariable} to a valid key`, ...never };
    }
    if (status === 403) {
      const caller = this.#key === null ? "callers without a key" : `the key in ${keyVariable}`;
      return {
        what: `does not let ${caller} use model "${model}" (${said})`,
        remedy: `set ${keyVariable} to a key that may use it`,
        ...never,
      };
    }
    if (status === 404) {
      return {
        what: `has no model "${model}", or is no model API at this address (${said})`,
        remedy: "correct the model's name or the base URL, which often ends in /v1",
        ...never,
      };
    }
    if (status >= 300 && status < 400) {
      const target = this.#quoted(
        (error.headers?.get("location") ?? "").replace(/(\/chat\/completions)?([?#].*)?$/, ""),
      );
      return {
        what: `sends requests on to ${target === "" ? "nowhere" : target} (${said})`,
        remedy: "give the address that answers itself as the base URL",
        ...never,
      };
    }
    if (status === 408 || status === 409 || status === 429 || status >= 500) {
      return {
        what: status === 429 ? `asks to slow down (${said})` : `failed (${said})`,
        remedy: "see that it is well and that your limits with it allow more, then resume",
        again: error.headers?.get("x-should-retry") === "false" ? "never" : "often",
        wait: askedWait(error.headers, this.#options.clock.now()),
      };
    }
    return {
      what: `refuses the request for model "${model}" (${said})`,
      remedy: "change what it objects to, or the model",
      ...never,
    };
  }

  /** No whole answer at all. */
  #unreachable(error: Error): Trouble {
    const cause = causeOf(error);
    if (cause instanceof BodyTooLarge) {
      return {
        what: `answered with more than ${largestBody / 1024 / 1024} MB instead of a reply`,
        remedy: "check the base URL, and limit the length of replies (max tokens)",
        again: "never",
        wait: null,
      };
    }
    if (cause === null || cause.name === "AbortError") {
      return {
        what: `gave no whole reply within ${this.#options.timeoutSeconds} s`,
        remedy: "see that it is well, or raise the timeout if the model is only slow; then resume",
        again: "often",
        wait: null,
      };
    }
    const code = this.#quoted("code" in cause && typeof cause.code === "string" ? cause.code : cause.message);
    if (/CERT|SIGNATURE|ERR_TLS/.test(code)) {
      return {
        what: `shows a certificate that is not trusted here (${code})`,
        remedy: "correct the base URL, or name the certificate's authority in NODE_EXTRA_CA_CERTS",
        again: "never",
        wait: null,
      };
    }
    if (/^(HPE_|EPROTO|ERR_SSL)/.test(code))
      return noReply(`does not speak the protocol of its base URL (${code})`);
    const wasReached = /ECONNRESET|EPIPE|ECONNABORTED/.test(code);
    return {
      what: wasReached ? `broke off the connection (${code})` : `cannot be reached (${code})`,
      remedy: "see that it is running and that the base URL is right, then resume",
      again: "often",
      wait: null,
    };
  }

  #interrupted(): Interrupted {
    return new Interrupted(`stopped on request while model ${this.label} was asked`);
  }

  // ----- Foreign words -----

  /** What a server said, fit for an error: without the key, on one line and not too long. */
  #quoted(text: string): string {
    const plain = isHtml(text) ? (/<title>([^<]*)/i.exec(text)?.[1] ?? "an HTML page") : text;
    const safe = this.#key === null ? plain : redacted(plain, this.#key);
    const line = safe.replace(/\s+/g, " ").trim();
    return line.length > longestQuote ? `${line.slice(0, longestQuote)}…` : line;
  }

  /** The same text unless it holds a key that can be no ordinary word. */
  #withoutSecret(text: string): string {
    return this.#key === null || this.#key.length < shortestSecret ? text : redacted(text, this.#key);
  }
}

// --- internal ---

class BodyTooLarge extends Error {}

/** Loads the SDK, which takes longer than everything else at start-up, and keeps the environment out of it. */
async function connect(baseUrl: string, key: string) {
  const sdk = await import("openai");
  const client = new sdk.OpenAI({
    apiKey: key,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: baseUrl,
    maxRetries: 0,
    logLevel: "off",
    fetch: (url, init) => send(url, init, key),
  });
  return { sdk, client };
}

/**
 * What `fetch` does, for one POST. Node's own gives up after 300 s without a header, whatever timeout was set, and
 * follows redirects. This one reads the whole body, but no more than `largestBody`, so that the signal and the
 * timeout of the request hold for all of it; and it sends the headers below and none that the environment sets.
 */
async function send(
  input: string | URL | Request,
  init: RequestInit | undefined,
  key: string,
): Promise<Response> {
  const url = new URL(input instanceof Request ? input.url : input);
  const signal = init?.signal ?? undefined;
  const outgoing = (url.protocol === "https:" ? requestHttps : requestHttp)(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      accept: "application/json",
      "content-type": "application/json",
      "user-agent": "collm-nas",
    },
    ...(signal === undefined ? {} : { signal }),
  });
  // A late error must not end the process.
  outgoing.on("error", () => {});
  try {
    outgoing.end(typeof init?.body === "string" ? init.body : "");
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    incoming.on("error", () => {});
    if (Number(incoming.headers["content-length"] ?? 0) > largestBody) throw new BodyTooLarge();
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > largestBody) throw new BodyTooLarge();
      chunks.push(chunk);
    }
    const headers = new Headers();
    for (const [name, values] of Object.entries(incoming.headersDistinct)) {
      for (const value of values ?? []) headers.append(name, value);
    }
    const status = incoming.statusCode ?? 0;
    const hasBody = status !== 204 && status !== 205 && status !== 304;
    return new Response(hasBody ? Buffer.concat(chunks) : null, { status, headers });
  } catch (error) {
    outgoing.destroy();
    // A connection that the signal closed reports a reset.
    throw signal?.aborted === true ? new DOMException("aborted", "AbortError") : error;
  }
}

function failed(trouble: Trouble): Attempt {
  return { ok: false, trouble };
}

/** An answer that a model API does not give. */
function noReply(what: string): Trouble {
  return {
    what,
    remedy: "this URL does not look like a model API; check the base URL, which often ends in /v1",
    again: "twice",
    wait: null,
  };
}

/** Half to whole of a time that doubles with each attempt. */
function backOff(attempts: number): number {
  return Math.min(longestBackOff, 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
}

/** The wait that a server asks for. A date is read against the server's own clock where it tells the time. */
function askedWait(headers: Headers | undefined, now: string): number | null {
  const milliseconds = headers?.get("retry-after-ms") ?? "";
  const after = headers?.get("retry-after") ?? "";
  const number = /^\s*\d+(\.\d+)?\s*$/;
  const seconds = number.test(milliseconds)
    ? Number(milliseconds) / 1_000
    : number.test(after)
      ? Number(after)
      : /[a-z]{3}/i.test(after)
        ? (Date.parse(after) - Date.parse(headers?.get("date") ?? now)) / 1_000
        : Number.NaN;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

/** The innermost error, or null when there is none inside. */
function causeOf(error: Error): Error | null {
  let inner: Error | null = null;
  for (let at: unknown = error.cause; at instanceof Error; at = at.cause) inner = at;
  return inner;
}

/**
 * Thinking that stands at the head of a reply in <think> tags. Some chat templates open the tag in the prompt, so that
 * the reply only closes it; a reply that was cut off only opens it.
 */
function withoutThoughts(text: string): { thoughts: string; rest: string } {
  const opening = /^\s*<think>/.exec(text)?.[0] ?? "";
  const close = text.indexOf("</think>");
  if (close === -1)
    return opening === ""
      ? { thoughts: "", rest: text }
      : { thoughts: text.slice(opening.length).trim(), rest: "" };
  const thoughts = text.slice(opening.length, close);
  const rest = text.slice(close + "</think>".length).trimStart();
  if (opening === "" && (rest === "" || thoughts.includes("<think>"))) return { thoughts: "", rest: text };
  return { thoughts: thoughts.trim(), rest };
}

/** Text, or the text in a list of parts; empty for anything else. */
function textOf(value: unknown): string {
  const texts = Array.isArray(value) ? value.map((part) => fieldsOf(part)["text"]) : [value];
  return texts.filter((text) => typeof text === "string").join("");
}

/** The sentence in an error of any of the forms that servers give it. */
function wordsOf(error: unknown): string {
  if (typeof error === "string") return error;
  const { message } = fieldsOf(error);
  return typeof message === "string" ? message : (JSON.stringify(error) ?? "");
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isHtml(body: unknown): boolean {
  return typeof body === "string" && /^\s*<(!doctype|html|head|body)/i.test(body);
}

/** The text with the key struck out, in each form it may have been echoed in. */
function redacted(text: string, key: string): string {
  const forms = new Set([key, JSON.stringify(key).slice(1, -1), encodeURIComponent(key)]);
  return [...forms].reduce((rest, form) => rest.replaceAll(form, "[key]"), text);
}
