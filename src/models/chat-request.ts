/**
 * What is sent to a model server: the conversation, the form that is asked for, and the settings.
 *
 * Remembers which settings the server does not take, and leaves them out or renames them. Sends nothing itself.
 */
import type { Message } from "../search/events.ts";
import type { Objection } from "./chat-failure.ts";
import type { Form } from "./output-mode.ts";

export interface RequestSettings {
  readonly model: string;
  /** Null, here and below: the server's own default. */
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly maxTokens: number | null;
  /** Sent with every request in place of the request's own seed; null or absent: that one. */
  readonly seed?: number | null;
  /** Further members of the body. They replace all but the model and the messages. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
  /** Whether replies are asked for as a stream. */
  readonly stream?: boolean;
}

/** The body of a request, and which members may be left out if the server does not take them. */
export interface RequestBody {
  readonly members: Readonly<Record<string, unknown>>;
  readonly optional: readonly string[];
}

export class RequestBodies {
  readonly #settings: RequestSettings;
  /** Settings that the server does not take, and what is sent instead; null: nothing. */
  readonly #replaced = new Map<string, string | null>();

  constructor(settings: RequestSettings) {
    this.#settings = settings;
  }

  bodyOf({ messages, responseFormat }: Form, seed: number, maxTokens: number | null): RequestBody {
    const { model, temperature, topP, stream, extraBody = {} } = this.#settings;
    const settings: Record<string, unknown> = {
      seed: this.#settings.seed ?? seed,
      ...(temperature === null ? {} : { temperature }),
      ...(topP === null ? {} : { top_p: topP }),
      ...(maxTokens === null || Object.hasOwn(extraBody, "max_completion_tokens")
        ? {}
        : { max_tokens: maxTokens }),
      ...(stream === true ? { stream_options: { include_usage: true } } : {}),
    };
    for (const [name, instead] of this.#replaced) {
      if (!Object.hasOwn(settings, name)) continue;
      if (instead !== null) settings[instead] = settings[name];
      delete settings[name];
    }
    const optional = Object.keys(settings).filter((name) => !Object.hasOwn(extraBody, name));
    const members = {
      ...settings,
      ...(stream === true ? { stream: true } : {}),
      ...(responseFormat === null ? {} : { response_format: responseFormat }),
      ...extraBody,
      model,
      messages: messages.map(({ role, content }: Message) => ({ role, content })),
    };
    return { members, optional };
  }

  /** Leaves out or renames the settings that the server does not take; returns a note for each. */
  adapt({ fields, words }: Objection): string[] {
    return fields.map((field) => {
      const isLimit = field === "max_tokens" || field === "max_completion_tokens";
      const instead = field === "max_tokens" ? "max_completion_tokens" : null;
      this.#replaced.set(isLimit ? "max_tokens" : field, instead);
      const done =
        instead !== null
          ? `"${instead}" is sent instead`
          : isLimit
            ? "no limit on the length of replies is sent"
            : "it is left out";
      return `The server does not take "${field}" (${words}); ${done}.`;
    });
  }

  /**
   * The longest reply that a request allows, in tokens; null: the request does not say.
   *
   * @param maxTokens the limit of the settings; the user's own members may replace it
   */
  longestReply(maxTokens: number | null): number | null {
    const { members } = this.bodyOf({ messages: [], responseFormat: null }, 0, maxTokens);
    const longest = members["max_completion_tokens"] ?? members["max_tokens"];
    return typeof longest === "number" ? longest : null;
  }
}
