/** What the bad answers are made of: a good answer and its parts, and the form in which a way to answer badly is written. */
import { type Answer, json } from "../../model-server.ts";

export interface Hostility {
  readonly name: string;
  /** What has to come of it where free text was asked for; null: an error and a reply are both right. */
  readonly ends: "reply" | "error" | null;
  readonly answer: Answer;
  /** Whether nothing but running out of time ends it. */
  readonly stalls?: true;
  /** The most bytes that the server may get rid of in one attempt. */
  readonly mostBytes?: number;
}

/** The words of every answer that can be read. */
export const words = "Widen the early slots first, then deepen the late ones.";

export const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

/** A good completion, with members of the whole replaced. */
export function completion(changed: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_760_000_000,
    model: "some-model",
    choices: [{ index: 0, message: { role: "assistant", content: words }, finish_reason: "stop" }],
    usage,
    ...changed,
  };
}

export const goodText = JSON.stringify(completion());
export const goodBytes = Buffer.byteLength(goodText);

/** A good completion with another message. */
export function message(changed: unknown, finish_reason: unknown = "stop"): Answer {
  return json(200, completion({ choices: [{ index: 0, message: changed, finish_reason }] }));
}

export function bytes(
  status: number,
  body: Buffer | string,
  headers: Readonly<Record<string, string>>,
): Answer {
  return (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

export const typed = { "content-type": "application/json" };

export const megabyte = "x".repeat(1024 * 1024);

export type Row = readonly [
  name: string,
  ends: Hostility["ends"],
  answer: Answer,
  rest?: Pick<Hostility, "stalls" | "mostBytes">,
];
