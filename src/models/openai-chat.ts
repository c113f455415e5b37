/**
 * A language model on any OpenAI-compatible server, as a ChatModel.
 *
 * Checks the settings, finds out once which output mode the server honours, asks in that mode, and makes a reply of what
 * came back. It does not judge what a reply says. Everything a server says is searched for the key and
 * the headers before it is passed on, and errors carry no cause.
 */
import { ChatUnavailable, UsageError } from "../errors.ts";
import type { ChatReply, OutputMode, Probe } from "../search/events.ts";
import type { ChatModel, ChatRequest } from "../search/ports.ts";
import { ChatCall, type RetrySettings } from "./chat-call.ts";
import { RequestBodies, type RequestSettings } from "./chat-request.ts";
import { ChatServer, type ServerSettings } from "./chat-server.ts";
import { type Completion, findAnswer, type FoundAnswer } from "./completion.ts";
import {
  findingOf,
  type Form,
  formOf,
  isPlainlyNoJson,
  longestProbeTokens,
  OutputModes,
  probeForm,
  type Step,
} from "./output-mode.ts";
import { Secrets } from "./secrets.ts";
import { thinkingIn } from "./thoughts.ts";

export interface OpenAIChatOptions extends RequestSettings, ServerSettings, RetrySettings {
  /** Where the API begins; most end in /v1. Holds no credentials. */
  readonly baseUrl: string;
  /** Null: the server wants none. */
  readonly apiKey: string | null;
  /** The only output mode to use; null or absent: found out from the server. */
  readonly outputMode?: OutputMode | null;
  /** The output mode that was found out earlier; null or absent: none. */
  readonly known?: OutputMode | null;
  /** Called while a reply arrives as a stream, with its length so far in characters, thoughts included. */
  readonly onText?: (characters: number) => void;
}

export class OpenAIChat implements ChatModel {
  readonly label: string;
  readonly #options: OpenAIChatOptions;
  readonly #secrets: Secrets;
  /** The base URL in the form to show. */
  readonly #address: string;
  readonly #server: ChatServer;
  readonly #bodies: RequestBodies;
  readonly #modes: OutputModes;
  #learning: Promise<unknown> | null = null;
  /** What calls without a reply have found out: it goes into the next reply. */
  readonly #unreported: { readonly probes: Probe[]; readonly notes: string[] } = { probes: [], notes: [] };
  /** Notes that would repeat with many replies and were given once. */
  readonly #given = new Set<"place" | "length">();

  /** @throws UsageError for a key, a header or a base URL that cannot be one. */
  constructor(options: OpenAIChatOptions) {
    this.label = options.model;
    this.#options = options;
    const key = options.apiKey?.trim() ?? "";
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
        `the base URL of model "${options.model}" is not an http or https address: expected one like http://localhost:8000/v1`,
      );
    }
    this.#secrets = new Secrets(key === "" ? null : key, options.headers ?? {});
    this.#address = this.#secrets.without(url.origin + url.pathname);
    url.pathname = url.pathname.replace(/\/+$/, "");
    this.#server = new ChatServer(options, url, key === "" ? null : key, this.#secrets);
    this.#bodies = new RequestBodies(options);
    this.#modes = new OutputModes(options.outputMode ?? null, options.known ?? null);
  }

  /** `seconds` of the reply is all the time it took, with waits, small questions and failed attempts. */
  async reply(request: ChatRequest, signal: AbortSignal): Promise<ChatReply> {
    const call = this.#call(signal, request.mostBilled);
    try {
      const { completion, step } = await this.#answer(request, call);
      return this.#replyOf(completion, step, call);
    } catch (error) {
      this.#unreported.probes.push(...call.probes);
      this.#unreported.notes.push(...call.notes);
      throw error;
    }
  }

  /**
   * Finds out which output mode the server honours, unless that is known.
   *
   * @returns the output mode and the small questions it took, which no reply will report again
   * @throws ChatUnavailable, Interrupted
   */
  async learn(
    signal: AbortSignal,
  ): Promise<{ readonly outputMode: OutputMode; readonly probes: readonly Probe[] }> {
    const call = this.#call(signal);
    try {
      const { outputMode } = await this.#learned(call, 0);
      return { outputMode, probes: call.probes };
    } catch (error) {
      this.#unreported.probes.push(...call.probes);
      throw error;
    } finally {
      this.#unreported.notes.push(...call.notes);
    }
  }

  #call(signal: AbortSignal, mostBilled?: number): ChatCall {
    const context = {
      label: this.label,
      address: this.#address,
      server: this.#server,
      bodies: this.#bodies,
      settings: this.#options,
      onAllFormsRefused: () => this.#modes.doubt(),
    };
    return new ChatCall(context, signal, mostBilled);
  }

  // ----- The output mode -----

  async #answer(
    request: ChatRequest,
    call: ChatCall,
  ): Promise<{ readonly completion: Completion; readonly step: Step | null }> {
    const { role, messages, schema, seed } = request;
    const { maxTokens, extraBody = {}, onText } = this.#options;
    const ask = (form: Form, mayStepDown: boolean) =>
      call.ask(() => this.#bodies.bodyOf(form, seed, maxTokens), mayStepDown, onText);
    // A form of the user's own leaves nothing to find out.
    if (schema === null || Object.hasOwn(extraBody, "response_format")) {
      const { completion, refused } = await ask({ messages, responseFormat: null }, false);
      if (completion === undefined) throw call.unavailable(refused);
      return { completion, step: null };
    }
    const first = await this.#learned(call, seed);
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
      if (below === null) throw call.unavailable(refused);
      call.firstRefusal ??= refused;
      refusals.push(refused.objection?.words ?? refused.what);
      step = below.outputMode === step.outputMode ? below : await this.#probedFrom(below, call, seed);
    }
  }

  /** The step in use. It is found out once, by the first call that needs it; other calls wait for that. */
  async #learned(call: ChatCall, seed: number): Promise<Step> {
    for (;;) {
      if (this.#modes.step !== null) return this.#modes.step;
      if (call.signal.aborted) throw call.interrupted();
      if (this.#learning === null) {
        const learning = this.#probedFrom(this.#modes.top, call, seed)
          .then((step) => this.#modes.settle(step))
          .finally(() => {
            this.#learning = null;
          });
        this.#learning = learning;
        await learning;
        continue;
      }
      const failure = await endOf(this.#learning, call.signal);
      // The call that made the attempts reports what they cost.
      if (failure instanceof ChatUnavailable)
        throw new ChatUnavailable(failure.message, { failures: [], billed: 0, seconds: call.seconds });
    }
  }

  /** The first step, from `step` down, that the server neither refuses nor ignores. The last step needs no question. */
  async #probedFrom(step: Step, call: ChatCall, seed: number): Promise<Step> {
    const { clock, maxTokens } = this.#options;
    const most = Math.min(maxTokens ?? longestProbeTokens, longestProbeTokens);
    for (let at = step; ; ) {
      const below = this.#modes.below(at);
      if (below === null) return at;
      const begin = clock.seconds();
      const { completion, refused } = await call.ask(
        () => this.#bodies.bodyOf(probeForm(at), seed, most),
        true,
      );
      const probe = { outputMode: at.outputMode, seconds: clock.seconds() - begin };
      if (completion === undefined) {
        call.firstRefusal ??= refused;
        const words = refused.objection?.words ?? refused.what;
        call.probes.push({ ...probe, finding: "refused", words, inputTokens: null, outputTokens: null });
        at = below;
        continue;
      }
      const { inputTokens, outputTokens } = completion;
      const { completion: read, note } = this.#findAnswer(completion, true);
      const { finding, words } = findingOf(at, read.content, read.finishReason);
      const place = note !== null && read.content !== "" ? `, though it is in ${completion.reasoningIn}` : "";
      const allowed = this.#bodies.longestReply(most);
      if (allowed !== null && outputTokens !== null && outputTokens > allowed)
        call.notes.push(tooLong("In answer to a small question the server", outputTokens, allowed));
      call.probes.push({
        ...probe,
        finding,
        words: `${this.#secrets.quoted(this.#secrets.without(words))}${place}`,
        inputTokens,
        outputTokens,
      });
      if (finding !== "ignored") return at;
      at = this.#modes.below(at, true) ?? below;
    }
  }

  // ----- The reply -----

  #findAnswer(completion: Completion, isJson: boolean): FoundAnswer {
    return findAnswer(completion, thinkingIn(this.#options.extraBody ?? {}), isJson);
  }

  #replyOf(received: Completion, step: Step | null, call: ChatCall): ChatReply {
    const { maxTokens, model } = this.#options;
    const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = received;
    const safe = (text: string) => this.#secrets.without(text);
    const { completion, note, unanswered } = this.#findAnswer(
      {
        ...received,
        content: safe(received.content),
        reasoning: safe(received.reasoning),
        refusal: safe(received.refusal),
        finishReason: received.finishReason === null ? null : safe(received.finishReason),
      },
      step !== null,
    );
    const { content, reasoning, finishReason } = completion;
    const answerIn = unanswered === null && note !== null ? received.reasoningIn : null;
    if (note !== null && !(answerIn !== null && this.#given.has("place"))) call.notes.push(note);
    if (answerIn !== null) this.#given.add("place");
    const isTooLong = maxTokens !== null && outputTokens !== null && outputTokens > maxTokens;
    const allowed = this.#bodies.longestReply(maxTokens);
    if (isTooLong && allowed !== null && outputTokens > allowed && !this.#given.has("length")) {
      call.notes.push(tooLong("The server", outputTokens, allowed));
      this.#given.add("length");
    }
    if (step !== null && step.outputMode !== "text" && finishReason === "stop" && isPlainlyNoJson(content))
      call.notes.push(
        `The server was asked for JSON as ${step.outputMode} and answered with something else.`,
      );
    const probes = [...this.#unreported.probes.splice(0), ...call.probes];
    const notes = [...this.#unreported.notes.splice(0), ...call.notes];
    return {
      model: safe(received.model) || model,
      content,
      reasoning: reasoning || null,
      finishReason,
      inputTokens,
      outputTokens,
      seconds: call.seconds,
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
}

// --- internal ---

function tooLong(who: string, tokens: number, most: number): string {
  return `${who} wrote ${tokens} tokens, though at most ${most} were allowed.`;
}

/** The error that a promise was rejected with; null after it is fulfilled or the signal is raised. */
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
