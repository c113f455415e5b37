/**
 * A language model behind any OpenAI-compatible server, as a ChatModel.
 *
 * Owns the form of a request on the wire, the one layer of retries, and what was learned of the server: how it is held
 * to a form (output-mode.ts) and which settings it does not take. Knows no prompt, no role and no space, and does not judge
 * what a reply says. Keys and headers go to the server and nowhere else: whatever it says is searched for them before
 * it is passed on, and errors carry no cause.
 */
import { ChatUnavailable, Interrupted, UsageError } from "../errors.ts";
import type { ChatReply, Message, Probe, OutputMode } from "../search/events.ts";
import type { ChatModel, ChatRequest, Clock } from "../search/ports.ts";
import {
  type Asked,
  broken,
  brokenOff,
  cannotAsk,
  noChoice,
  noReply,
  type Objection,
  pageOrElse,
  refusal,
  type ChatFailure,
  wordsOfError,
} from "./chat-failure.ts";
import {
  type Completion,
  type NoCompletion,
  Pieces,
  type FoundAnswer,
  findAnswer,
  readCompletion,
} from "./completion.ts";
import { parseJson } from "./json.ts";
import { type EventBytes, post, PostFailed, type Posted } from "./http-post.ts";
import {
  findingOf,
  type Form,
  formOf,
  isPlainlyNoJson,
  OutputModes,
  longestProbeTokens,
  probeForm,
  type Step,
} from "./output-mode.ts";
import { isHtml, Secrets } from "./secrets.ts";
import { thinkingIn } from "./thoughts.ts";

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
  /** How often a request is repeated at most. Being asked to wait for a time that is told does not count. */
  readonly retries: number;
  /** Sent with every request in place of the request's own; null or absent: that one. */
  readonly seed?: number | null;
  /** Further headers, with their secrets in place; one by the name of an own header replaces it. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the body. They overrule all but the model and the messages. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
  /** The only way to ask for a form; null or absent: found out from the server. */
  readonly outputMode?: OutputMode | null;
  /** What was found out earlier; null or absent: nothing. */
  readonly known?: OutputMode | null;
  /** Whether replies are asked for as a stream. */
  readonly stream?: boolean;
  /** How long an answer that has begun may be silent; absent: a minute. */
  readonly idleSeconds?: number;
  /** How long it may take until there is a connection; absent: a quarter of a minute. */
  readonly connectSeconds?: number;
  readonly clock: Clock;
  /** Told before each wait: how long it is, and why. */
  readonly onRetry: (seconds: number, reason: string) => void;
  /** Told while a reply arrives as a stream: its length so far, thoughts included, in characters. */
  readonly onText?: (characters: number) => void;
}

const longestBackOff = 60;
const defaultIdleSeconds = 60;
const defaultConnectSeconds = 15;

type Attempt =
  | { readonly ok: true; readonly completion: Completion }
  | { readonly ok: false; readonly trouble: ChatFailure };

/** A reply, or the server's objection to the form that was asked for. */
type Answer =
  | { readonly completion: Completion; readonly refused?: never }
  | { readonly completion?: never; readonly refused: ChatFailure };

/** What has come of a call so far, all its requests together. */
interface Call {
  readonly begin: number;
  readonly mostBilled: number;
  readonly failures: string[];
  billed: number;
  readonly probes: Probe[];
  readonly notes: string[];
  /** The first objection to a form: it tells more than those to the lower output modes. */
  firstRefusal: ChatFailure | null;
}

export class OpenAIChat implements ChatModel {
  readonly label: string;
  readonly #options: OpenAIChatOptions;
  readonly #key: string | null;
  readonly #secrets: Secrets;
  readonly #url: URL;
  /** The base URL in the form to show. */
  readonly #address: string;
  readonly #modes: OutputModes;
  #learning: Promise<unknown> | null = null;
  /** Settings that the server does not take, and what is sent in place of each; null: nothing. */
  readonly #replaced = new Map<string, string | null>();
  /** What calls without a reply have found out: told with the next reply. */
  readonly #untold: { readonly probes: Probe[]; readonly notes: string[] } = { probes: [], notes: [] };
  #hasAnswered = false;
  /** What is so with many replies and was said once: answers among the thoughts, replies that are too long. */
  readonly #said = new Set<"place" | "length">();
  #sdk: ReturnType<typeof loadStreams> | null = null;

  /** @throws UsageError for a key, a header or a base URL that cannot be one. */
  constructor(options: OpenAIChatOptions) {
    this.label = options.model;
    this.#options = options;
    const key = options.apiKey?.trim() ?? "";
    this.#key = key === "" ? null : key;
    this.#secrets = new Secrets(this.#key, options.headers ?? {});
    if (!/^[\x21-\x7e]*$/.test(key)) {
      throw new UsageError(
        `the key in ${options.keyVariable} holds white space or characters beyond ASCII: set it to the key alone`,
      );
    }
    const wrong = Object.entries(options.headers ?? {}).find(([, value]) => !/^[\x20-\x7e]*$/.test(value));
    if (wrong !== undefined) {
      throw new UsageError(`the value of header "${wrong[0]}" holds more than plain ASCII: correct it`);
    }
    const url = URL.canParse(options.baseUrl) ? new URL(options.baseUrl) : null;
    if (url?.protocol !== "http:" && url?.protocol !== "https:") {
      throw new UsageError(
        `the base URL of model "${options.model}" is no http or https address: expected one like http://localhost:8000/v1`,
      );
    }
    this.#address = this.#secrets.without(url.origin + url.pathname);
    this.#url = new URL(url);
    this.#url.pathname = `${url.pathname.replace(/\/+$/, "")}/chat/completions`;
    this.#modes = new OutputModes(options.outputMode ?? null, options.known ?? null);
  }

  /** `seconds` of the reply is all the time it took to get it, waits, small questions and failed attempts included. */
  async reply(request: ChatRequest, signal: AbortSignal): Promise<ChatReply> {
    const call = this.#begin(request.mostBilled);
    try {
      const { completion, step } = await this.#answer(request, call, signal);
      return this.#replyOf(completion, step, call);
    } catch (error) {
      this.#untold.probes.push(...call.probes);
      this.#untold.notes.push(...call.notes);
      throw error;
    }
  }

  /**
   * Finds out how the server is held to a form, unless that is known.
   *
   * @returns the output mode and the small calls it took, which no reply will tell again
   * @throws ChatUnavailable, Interrupted
   */
  async learn(
    signal: AbortSignal,
  ): Promise<{ readonly outputMode: OutputMode; readonly probes: readonly Probe[] }> {
    const call = this.#begin();
    try {
      const { outputMode } = await this.#learned(call, signal, 0);
      return { outputMode, probes: call.probes };
    } catch (error) {
      this.#untold.probes.push(...call.probes);
      throw error;
    } finally {
      this.#untold.notes.push(...call.notes);
    }
  }

  #begin(mostBilled = Number.POSITIVE_INFINITY): Call {
    const begin = this.#options.clock.seconds();
    return { begin, mostBilled, failures: [], billed: 0, probes: [], notes: [], firstRefusal: null };
  }

  // ----- The way to ask for a form -----

  async #answer(
    request: ChatRequest,
    call: Call,
    signal: AbortSignal,
  ): Promise<{ completion: Completion; step: Step | null }> {
    const { role, messages, schema, seed } = request;
    const { maxTokens, extraBody = {} } = this.#options;
    const ask = (form: Form, mayStepDown: boolean) =>
      this.#ask(call, signal, () => this.#body(form, seed, maxTokens), mayStepDown, this.#options.onText);
    // A form of the user's own leaves nothing to learn.
    if (schema === null || Object.hasOwn(extraBody, "response_format")) {
      const { completion, refused } = await ask({ messages, responseFormat: null }, false);
      if (completion === undefined) throw this.#unavailable(call, refused, 1);
      return { completion, step: null };
    }
    const first = await this.#learned(call, signal, seed);
    const refusals: string[] = [];
    for (let step = first; ; ) {
      const below = this.#modes.below(step);
      const { completion, refused } = await ask(formOf(step, role, messages, schema), below !== null);
      if (completion !== undefined) {
        this.#modes.prove(step);
        if (step !== first)
          call.notes.push(
            `The server refused the form as ${first.outputMode} (${refusals[0]}); it was asked for as ${step.outputMode}.`,
          );
        return { completion, step };
      }
      if (below === null) throw this.#unavailable(call, refused, 1);
      call.firstRefusal ??= refused;
      refusals.push(refused.objection?.words ?? refused.what);
      step = below.outputMode === step.outputMode ? below : await this.#probedFrom(below, call, signal, seed);
    }
  }

  /** The step in use; found out once, whoever asks first. */
  async #learned(call: Call, signal: AbortSignal, seed: number): Promise<Step> {
    for (;;) {
      if (this.#modes.step !== null) return this.#modes.step;
      if (signal.aborted) throw this.#interrupted();
      if (this.#learning === null) {
        const learning = this.#probedFrom(this.#modes.top, call, signal, seed)
          .then((step) => this.#modes.settle(step))
          .finally(() => {
            this.#learning = null;
          });
        this.#learning = learning;
        await learning;
        continue;
      }
      const failure = await endOf(this.#learning, signal);
      // What the attempts took is told by the call that made them.
      if (failure instanceof ChatUnavailable) {
        const seconds = this.#options.clock.seconds() - call.begin;
        throw new ChatUnavailable(failure.message, { failures: [], billed: 0, seconds });
      }
    }
  }

  /** The first step, from `step` down, that the server does not refuse or ignore. The last one needs no question. */
  async #probedFrom(step: Step, call: Call, signal: AbortSignal, seed: number): Promise<Step> {
    const { clock, maxTokens } = this.#options;
    const most = Math.min(maxTokens ?? longestProbeTokens, longestProbeTokens);
    for (let at = step; ; ) {
      const below = this.#modes.below(at);
      if (below === null) return at;
      const begin = clock.seconds();
      const { completion, refused } = await this.#ask(
        call,
        signal,
        () => this.#body(probeForm(at), seed, most),
        true,
      );
      const told = { outputMode: at.outputMode, seconds: clock.seconds() - begin };
      if (completion === undefined) {
        call.firstRefusal ??= refused;
        const words = refused.objection?.words ?? refused.what;
        call.probes.push({ ...told, finding: "refused", words, inputTokens: null, outputTokens: null });
        at = below;
        continue;
      }
      const { inputTokens, outputTokens } = completion;
      const { completion: read, note } = this.#findAnswer(completion, true);
      const { finding, words } = findingOf(at, read.content, read.finishReason);
      const place = note !== null && read.content !== "" ? `, though it is in ${completion.reasoningIn}` : "";
      const asked = this.#lengthAsked(most);
      if (asked !== null && outputTokens !== null && outputTokens > asked)
        call.notes.push(tooLong("In answer to a small question the server", outputTokens, asked));
      call.probes.push({
        ...told,
        finding,
        words: `${this.#secrets.quoted(this.#secrets.without(words))}${place}`,
        inputTokens,
        outputTokens,
      });
      if (finding !== "ignored") return at;
      at = this.#modes.below(at, true) ?? below;
    }
  }

  // ----- One request, as often as it takes -----

  /**
   * Asks until there is an answer. An objection to the form ends it where `mayStepDown`; one to a setting that may be
   * left out is met by leaving it out.
   */
  async #ask(
    call: Call,
    signal: AbortSignal,
    bodyNow: () => Body,
    mayStepDown: boolean,
    onText: (characters: number) => void = () => {},
  ): Promise<Answer> {
    const { clock, onRetry, retries } = this.#options;
    let strange = 0;
    let pauses = 0;
    for (let attempts = 1; ; attempts++) {
      if (signal.aborted) throw this.#interrupted();
      const body = bodyNow();
      const attempt = await this.#attempt(body, signal, onText);
      if (attempt.ok) return { completion: attempt.completion };
      if (signal.aborted) throw this.#interrupted();
      const { trouble } = attempt;
      const { what, again, wait, isPause, isBilled, objection } = trouble;
      if (objection !== null && this.#adapt(objection, call)) {
        attempts -= 1;
        continue;
      }
      if (objection?.isAboutForm === true && mayStepDown) return { refused: trouble };
      if (isBilled) call.billed += 1;
      if (isPause) pauses += 1;
      if (again === "twice") strange += 1;
      const counted = attempts - pauses;
      const isPaidOut = isBilled && call.billed >= call.mostBilled;
      if (again === "never" || strange > 2 || (!isPause && counted > retries) || isPaidOut)
        throw this.#unavailable(call, trouble, attempts, isPaidOut);
      call.failures.push(what);
      // One that asks for short waits without end is asked less and less often.
      const least = isPause && pauses > retries ? backOff(pauses - retries) : 0;
      const seconds = Math.max(wait ?? backOff(Math.max(1, counted)), least);
      onRetry(seconds, `the model server ${what}`);
      await clock.sleep(seconds, signal);
    }
  }

  /** The end of a call without a reply. */
  #unavailable(call: Call, last: ChatFailure, attempts: number, isPaidOut = false): ChatUnavailable {
    const refusedForm = last.objection?.isAboutForm === true ? call.firstRefusal : null;
    // A server that refuses every form may refuse something else.
    if (refusedForm !== null) this.#modes.doubt();
    const { what, remedy } = refusedForm ?? last;
    const count = attempts === 1 ? "" : ` in the last of ${attempts} attempts`;
    const cap = isPaidOut ? "another attempt could be charged beyond a cap of this run; " : "";
    return new ChatUnavailable(`the model server at ${this.#address} ${what}${count}: ${cap}${remedy}`, {
      failures: [...call.failures, what],
      billed: call.billed,
      seconds: this.#options.clock.seconds() - call.begin,
    });
  }

  /** Leaves out, or renames, what the server does not take; false: it names nothing that was not met already. */
  #adapt({ fields, words }: Objection, call: Call): boolean {
    for (const field of fields) {
      const isLimit = field === "max_tokens" || field === "max_completion_tokens";
      const instead = field === "max_tokens" ? "max_completion_tokens" : null;
      this.#replaced.set(isLimit ? "max_tokens" : field, instead);
      const done =
        instead !== null
          ? `"${instead}" is sent instead`
          : isLimit
            ? "no limit on the length of replies is sent"
            : "it is left out";
      call.notes.push(`The server does not take "${field}" (${words}); ${done}.`);
    }
    return fields.length > 0;
  }

  // ----- One attempt -----

  #body({ messages, responseFormat }: Form, seed: number, maxTokens: number | null): Body {
    const { model, temperature, topP, extraBody = {} } = this.#options;
    const settings: Record<string, unknown> = {
      seed: this.#options.seed ?? seed,
      ...(temperature === null ? {} : { temperature }),
      ...(topP === null ? {} : { top_p: topP }),
      ...(maxTokens === null || Object.hasOwn(extraBody, "max_completion_tokens")
        ? {}
        : { max_tokens: maxTokens }),
      ...(this.#options.stream === true ? { stream_options: { include_usage: true } } : {}),
    };
    for (const [name, instead] of this.#replaced) {
      if (!Object.hasOwn(settings, name)) continue;
      if (instead !== null) settings[instead] = settings[name];
      delete settings[name];
    }
    const optional = Object.keys(settings).filter((name) => !Object.hasOwn(extraBody, name));
    const members = {
      ...settings,
      ...(this.#options.stream === true ? { stream: true } : {}),
      ...(responseFormat === null ? {} : { response_format: responseFormat }),
      ...extraBody,
      model,
      messages: messages.map(({ role, content }: Message) => ({ role, content })),
    };
    return { members, optional };
  }

  async #attempt(
    { members, optional }: Body,
    signal: AbortSignal,
    onText: (characters: number) => void,
  ): Promise<Attempt> {
    const { model, keyVariable, timeoutSeconds, clock, idleSeconds = defaultIdleSeconds } = this.#options;
    const { connectSeconds = defaultConnectSeconds } = this.#options;
    const asked: Asked = {
      model,
      keyVariable,
      hasKey: this.#key !== null,
      timeoutSeconds,
      idleSeconds,
      isSecure: this.#url.protocol === "https:",
      hasAnswered: this.#hasAnswered,
      now: clock.now(),
      secrets: this.#secrets,
      sent: Object.keys(members),
      optional,
    };
    try {
      const answer = await post({
        url: this.#url,
        headers: this.#headers(members["stream"] === true),
        body: JSON.stringify(members),
        signal,
        timeoutSeconds,
        connectSeconds,
        idleSeconds,
      });
      this.#hasAnswered = true;
      return await this.#read(answer, asked, onText);
    } catch (error) {
      if (error instanceof PostFailed) return failed(broken(error, asked));
      return failed(cannotAsk(error, this.#secrets));
    }
  }

  #headers(isStream: boolean): Record<string, string> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.#key ?? "EMPTY"}`,
      accept: isStream ? "text/event-stream, application/json" : "application/json",
      "accept-encoding": "identity",
      "content-type": "application/json",
      "user-agent": "collm-nas",
    };
    for (const [name, value] of Object.entries(this.#options.headers ?? {}))
      headers[name.toLowerCase()] = value;
    return headers;
  }

  // ----- What came back -----

  async #read(
    { status, headers, body }: Posted,
    asked: Asked,
    onText: (characters: number) => void,
  ): Promise<Attempt> {
    if (typeof body !== "string") return await this.#readEvents(body, headers, asked, onText);
    if (status < 200 || status >= 300) return failed(refusal(status, headers, body, asked));
    const value = parseJson(body);
    if (value === undefined && /json/i.test(headers.get("content-type") ?? ""))
      return failed(noReply("answered with broken JSON instead of a reply", true));
    const read = readCompletion(value);
    return "kind" in read ? failed(this.#noCompletion(read, body)) : { ok: true, completion: read };
  }

  async #readEvents(
    { chunks, hasEnded }: EventBytes,
    headers: Headers,
    asked: Asked,
    onText: (characters: number) => void,
  ): Promise<Attempt> {
    const pieces = new Pieces();
    this.#sdk ??= loadStreams();
    const { events, APIError } = await this.#sdk;
    try {
      for await (const chunk of events(chunks, headers)) {
        const before = pieces.characters;
        pieces.add(chunk);
        if (pieces.characters > before) onText(pieces.characters);
      }
    } catch (error) {
      if (error instanceof APIError)
        return failed(brokenOff(this.#secrets.quoted(wordsOfError(error.error ?? error.message))));
      // A reply that ended is whole, whatever becomes of the connection after it.
      if (!pieces.isFinished) {
        if (error instanceof PostFailed) return failed(broken(error, asked));
        return failed(noReply("answered with a broken stream instead of a reply", true));
      }
    }
    if (!pieces.isFinished && !hasEnded()) return failed(brokenOff(""));
    const read = pieces.whole();
    return "kind" in read ? failed(this.#noCompletion(read, "")) : { ok: true, completion: read };
  }

  #noCompletion(read: NoCompletion, body: string): ChatFailure {
    switch (read.kind) {
      case "broken": {
        const words = read.error === undefined ? "" : wordsOfError(read.error);
        return brokenOff(this.#secrets.quoted(words), this.#secrets.quoted(read.reason ?? "", 40));
      }
      case "no-choice":
        return noChoice;
      case "error": {
        const words = this.#secrets.quoted(wordsOfError(read.error));
        return noReply(`answered with an error instead of a reply (200: ${words})`, true);
      }
      case "something-else":
        return noReply(`answered with ${pageOrElse(body)} instead of a reply`, !isHtml(body));
    }
  }

  /** The longest reply that requests allow, in tokens, members of the user's own included; null: they say nothing of it. */
  #lengthAsked(most: number | null): number | null {
    const { members } = this.#body({ messages: [], responseFormat: null }, 0, most);
    const asked = members["max_completion_tokens"] ?? members["max_tokens"];
    return typeof asked === "number" ? asked : null;
  }

  #findAnswer(completion: Completion, isJson: boolean): FoundAnswer {
    return findAnswer(completion, thinkingIn(this.#options.extraBody ?? {}), isJson);
  }

  #replyOf(received: Completion, step: Step | null, call: Call): ChatReply {
    const { clock, maxTokens, model } = this.#options;
    const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = received;
    const said = (text: string) => this.#secrets.without(text);
    const safe = {
      ...received,
      content: said(received.content),
      reasoning: said(received.reasoning),
      refusal: said(received.refusal),
      finishReason: received.finishReason === null ? null : said(received.finishReason),
    };
    const { completion, note, unanswered } = this.#findAnswer(safe, step !== null);
    const { content, reasoning, finishReason } = completion;
    const answerIn = unanswered === null && note !== null ? received.reasoningIn : null;
    if (note !== null && !(answerIn !== null && this.#said.has("place"))) call.notes.push(note);
    if (answerIn !== null) this.#said.add("place");
    const isTooLong = maxTokens !== null && outputTokens !== null && outputTokens > maxTokens;
    const asked = this.#lengthAsked(maxTokens);
    if (isTooLong && asked !== null && outputTokens > asked && !this.#said.has("length")) {
      call.notes.push(tooLong("The server", outputTokens, asked));
      this.#said.add("length");
    }
    if (step !== null && step.outputMode !== "text" && finishReason === "stop" && isPlainlyNoJson(content))
      call.notes.push(
        `The server was asked for JSON as ${step.outputMode} and answered with something else.`,
      );
    const probes = [...this.#untold.probes.splice(0), ...call.probes];
    const notes = [...this.#untold.notes.splice(0), ...call.notes];
    return {
      model: said(received.model) || model,
      content,
      reasoning: reasoning || null,
      finishReason,
      inputTokens,
      outputTokens,
      seconds: clock.seconds() - call.begin,
      failures: call.failures,
      ...(call.billed === 0 ? {} : { billedFailures: call.billed }),
      ...(cachedTokens === null ? {} : { cachedTokens }),
      ...(reasoningTokens === null ? {} : { reasoningTokens }),
      ...(isTooLong ? { exceedsMaxTokens: true } : {}),
      ...(answerIn === null ? {} : { answerIn }),
      ...(unanswered === null ? {} : { unanswered }),
      ...(step === null ? {} : { outputMode: step.outputMode }),
      ...(probes.length === 0 ? {} : { probes }),
      ...(notes.length === 0 ? {} : { notes }),
    };
  }

  #interrupted(): Interrupted {
    return new Interrupted(`stopped on request while model ${this.label} was asked`);
  }
}

// --- internal ---

/** What is sent, and which members of it may be left out if the server does not take them. */
interface Body {
  readonly members: Readonly<Record<string, unknown>>;
  readonly optional: readonly string[];
}

/** The SDK's reader of event streams. It takes longer to load than everything else at start-up. */
async function loadStreams() {
  const { APIError, OpenAI } = await import("openai");
  const { Stream } = await import("openai/streaming");
  // It stands for where errors are logged, which is nowhere.
  const silent = new OpenAI({
    apiKey: "EMPTY",
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: "http://localhost/v1",
    logLevel: "off",
  });
  const events = (chunks: AsyncIterable<Uint8Array>, headers: Headers): AsyncIterable<unknown> => {
    const response = new Response(ReadableStream.from(chunks), { headers });
    return Stream.fromSSEResponse<unknown>(response, new AbortController(), silent);
  };
  return { events, APIError };
}

function tooLong(who: string, tokens: number, most: number): string {
  return `${who} wrote ${tokens} tokens, though at most ${most} were allowed.`;
}

function failed(trouble: ChatFailure): Attempt {
  return { ok: false, trouble };
}

/** Half to whole of a time that doubles with each attempt. */
function backOff(attempts: number): number {
  return Math.min(longestBackOff, 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
}

/** What a promise was rejected with; null once it is fulfilled or the signal was raised. */
async function endOf(promise: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  let stop = () => {};
  const stopped = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise.then(() => null).catch((error: unknown) => error), stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
