/**
 * A ChatModel in memory that gives scripted replies.
 *
 * Owns the order of the replies and keeps every request. Past the end of its list it throws instead of answering, so
 * that a test cannot pass on a reply that nobody wrote. Knows nothing of roles or prompts.
 */
import { Interrupted } from "../../src/errors.ts";
import type { ChatReply } from "../../src/search/events.ts";
import type { ChatModel, ChatRequest } from "../../src/search/ports.ts";

/** The content of a reply, the fields of one that differ from the usual ones, or an error to throw. */
export type ScriptedReply = string | Partial<ChatReply> | Error;

/** One reply a request, or a function that may take its time. */
export type ChatScript =
  | readonly ScriptedReply[]
  | ((request: ChatRequest, index: number) => ScriptedReply | Promise<ScriptedReply>);

export class ScriptedChat implements ChatModel {
  readonly label: string;
  /** The requests so far, in order. */
  readonly requests: ChatRequest[] = [];
  readonly #script: ChatScript;

  constructor(script: ChatScript, label = "scripted") {
    this.#script = script;
    this.label = label;
  }

  async reply(request: ChatRequest, signal: AbortSignal): Promise<ChatReply> {
    if (signal.aborted) throw new Interrupted("stopped on request");
    const index = this.requests.push(request) - 1;
    const said = await this.#said(request, index, signal);
    if (said instanceof Error) throw said;
    const fields = typeof said === "string" ? { content: said } : said;
    return {
      model: this.label,
      content: "",
      reasoning: null,
      finishReason: "stop",
      inputTokens: 10,
      outputTokens: 5,
      seconds: 0,
      failures: [],
      ...fields,
    };
  }

  async #said(request: ChatRequest, index: number, signal: AbortSignal): Promise<ScriptedReply> {
    const script = this.#script;
    if (typeof script !== "function") return script[index] ?? new Error("scripted replies exhausted");
    let stop: (() => void) | null = null;
    try {
      return await Promise.race([
        script(request, index),
        new Promise<never>((_resolve, reject) => {
          stop = () => reject(new Interrupted("stopped on request"));
          signal.addEventListener("abort", stop, { once: true });
        }),
      ]);
    } finally {
      if (stop !== null) signal.removeEventListener("abort", stop);
    }
  }
}
