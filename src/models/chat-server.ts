/**
 * One request to a model server: its completion, or why there is none.
 *
 * Reads whole answers and streams, whichever the server sends. Does not ask again. The key and the headers go to the
 * server and nowhere else: they are removed from every failure, and errors of the connection are not passed on.
 */
import type { Clock } from "../search/ports.ts";
import { RequestFailed } from "./bounded-request.ts";
import {
  type Asked,
  brokenOff,
  type ChatFailure,
  connectionFailure,
  notAModelApi,
  notSent,
  noChoice,
  wordsOfError,
} from "./chat-failure.ts";
import type { RequestBody } from "./chat-request.ts";
import { type Completion, type NoCompletion, Pieces, readCompletion } from "./completion.ts";
import { parseJson } from "../text/json.ts";
import { OpenAIClient, Refused, StreamError } from "./openai-client.ts";
import { refusalFailure } from "./refusal.ts";
import { isHtml, type Secrets } from "./secrets.ts";

export interface ServerSettings {
  readonly model: string;
  /** The name of the key's environment variable, for errors. */
  readonly keyVariable: string;
  /** The limit for each attempt, from the first byte sent to the last byte received. */
  readonly timeoutSeconds: number;
  /** The longest silence within an answer; absent: one minute. */
  readonly idleSeconds?: number;
  /** The longest time until there is a connection; absent: 15 s. */
  readonly connectSeconds?: number;
  /** Further headers, with their secrets; one with the name of our own header replaces it. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

export type Attempt =
  | { readonly ok: true; readonly completion: Completion }
  | { readonly ok: false; readonly failure: ChatFailure };

/** The largest body that is read, in bytes, decompressed. */
const largestBytes = 16 * 1024 * 1024;
const defaultIdleSeconds = 60;
const defaultConnectSeconds = 15;

export class ChatServer {
  readonly #settings: ServerSettings;
  readonly #client: OpenAIClient;
  readonly #asked: Omit<Asked, "hasAnswered" | "now" | "sent" | "optional">;
  readonly #secrets: Secrets;
  #hasAnswered = false;

  /**
   * @param key null: the server wants none
   * @param secrets removes the key and the headers from texts
   */
  constructor(settings: ServerSettings, baseUrl: URL, key: string | null, secrets: Secrets) {
    const { model, keyVariable, timeoutSeconds, headers = {} } = settings;
    const { idleSeconds = defaultIdleSeconds, connectSeconds = defaultConnectSeconds } = settings;
    const bounds = { timeoutSeconds, connectSeconds, idleSeconds, largestBytes };
    this.#settings = settings;
    this.#secrets = secrets;
    this.#client = new OpenAIClient({ baseUrl, key, headers, bounds });
    this.#asked = {
      model,
      keyVariable,
      hasKey: key !== null,
      bounds,
      isSecure: baseUrl.protocol === "https:",
      secrets,
    };
  }

  /** @param onText called while a stream arrives, with the length of the reply so far in characters, thoughts included */
  async ask(
    { members, optional }: RequestBody,
    signal: AbortSignal,
    onText: (characters: number) => void,
  ): Promise<Attempt> {
    const asked: Asked = {
      ...this.#asked,
      hasAnswered: this.#hasAnswered,
      now: this.#settings.clock.now(),
      sent: Object.keys(members),
      optional,
    };
    try {
      const answer = await this.#client.send(members, signal);
      this.#hasAnswered = true;
      const isStream = /^\s*text\/event-stream\b/i.test(answer.headers.get("content-type") ?? "");
      return isStream ? await this.#readEvents(answer, onText) : await this.#readWhole(answer);
    } catch (error) {
      if (error instanceof RequestFailed) return failed(connectionFailure(error, asked));
      if (!(error instanceof Refused)) return failed(notSent(error, this.#secrets));
      this.#hasAnswered = true;
      return failed(refusalFailure(error, asked));
    }
  }

  async #readWhole(answer: Response): Promise<Attempt> {
    const body = await answer.text();
    const value = parseJson(body);
    if (value === undefined && /json/i.test(answer.headers.get("content-type") ?? ""))
      return failed(notAModelApi("answered with broken JSON instead of a reply", true));
    return this.#attemptOf(readCompletion(value), body);
  }

  async #readEvents(answer: Response, onText: (characters: number) => void): Promise<Attempt> {
    const pieces = new Pieces();
    const { events, hasEnded } = await this.#client.events(answer);
    try {
      for await (const event of events) {
        const before = pieces.characters;
        pieces.add(event);
        if (pieces.characters > before) onText(pieces.characters);
      }
    } catch (error) {
      if (error instanceof StreamError)
        return failed(brokenOff(this.#secrets.quoted(wordsOfError(error.reported))));
      // A reply that ended is whole, whatever happens to the connection after it.
      if (!pieces.isFinished) {
        if (error instanceof RequestFailed) throw error;
        return failed(notAModelApi("answered with a broken stream instead of a reply", true));
      }
    }
    if (!pieces.isFinished && !hasEnded()) return failed(brokenOff(""));
    return this.#attemptOf(pieces.whole(), "");
  }

  #attemptOf(read: Completion | NoCompletion, body: string): Attempt {
    return "kind" in read ? failed(this.#noCompletion(read, body)) : { ok: true, completion: read };
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
        return notAModelApi(`answered with an error instead of a reply (200: ${words})`, true);
      }
      case "something-else": {
        const what = isHtml(body) ? "an HTML page" : "something else";
        return notAModelApi(`answered with ${what} instead of a reply`, !isHtml(body));
      }
    }
  }
}

// --- internal ---

function failed(failure: ChatFailure): Attempt {
  return { ok: false, failure };
}
