/**
 * The HTTP side that the played servers share: routes, completions whole or as a stream, and the bill.
 *
 * Owns the bytes and what was charged. Knows no particular server: each says in a file of its own what it answers.
 */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { OutputMode } from "../../../src/search/events.ts";
import { type Random, randomStream } from "../../../src/search/random.ts";
import type { ChatBody, ModelRequest, ModelServer } from "../model-server.ts";
import type { Schema } from "../schema-values.ts";
import { type Constraint, speak, tokensIn } from "./small-model.ts";

/** A server that can be played. */
export interface ServerKind<Options = Record<never, never>> {
  readonly name: string;
  /** The strictest output mode that it honours. */
  readonly outputMode: OutputMode;
  /** A model that it has. */
  readonly model: string;
  start(options?: Options): Promise<PlayedServer>;
}

export interface PlayedServer extends ModelServer {
  /** The status of each answer to a chat request, in the order of the requests. */
  readonly statuses: readonly number[];
  /** What all its replies together would be charged for, in tokens. */
  readonly charged: Readonly<Usage>;
}

/** What a client may send beyond what most tests look at. */
export interface SentBody extends Omit<ChatBody, "response_format"> {
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly max_completion_tokens?: number;
  readonly response_format?: {
    readonly type?: string;
    readonly schema?: Schema;
    readonly json_schema?: { readonly name?: string; readonly strict?: boolean; readonly schema?: Schema };
  };
  readonly [name: string]: unknown;
}

export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** The part of the input that was read before. */
  cachedTokens: number;
  /** The part of the output that was thought. */
  reasoningTokens: number;
}

/** Anything but a completion. */
export interface Refusal {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A reply of the model. */
export interface Completion {
  readonly content: string;
  /** What it thought before, and the member of the message in which that is told; without one, it is not told. */
  readonly thoughts?: { readonly text: string; readonly field?: "reasoning" | "reasoning_content" };
  /** The member in which the server puts the content instead. */
  readonly misplacedIn?: "reasoning" | "reasoning_content";
  readonly finishReason?: string;
  /** How the server words the bill. */
  readonly usage: (usage: Usage) => Readonly<Record<string, unknown>>;
  /** Further members of the whole. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface Behaviour {
  /** Where the API begins; /v1 unless told otherwise. */
  readonly base?: string;
  /** The answer to a GET, by path under the base. */
  readonly get: Readonly<Record<string, unknown>>;
  /** What an unknown path is answered. */
  readonly unknownPath: unknown;
  chat(body: SentBody, call: Call): Refusal | Completion;
}

/** What there is to know of a request besides its body. */
export interface Call {
  /** How many chat requests came before. */
  readonly index: number;
  readonly headers: IncomingHttpHeaders;
  /** Differs from call to call, the same in each test run. */
  readonly random: Random;
}

/** Starts a played server on a free port. */
export async function startPlayed(behaviour: Behaviour): Promise<PlayedServer> {
  const { base = "/v1" } = behaviour;
  const requests: ModelRequest[] = [];
  const statuses: number[] = [];
  const charged: Usage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 };
  const server = createServer((incoming, response) => {
    const before = incoming.socket.bytesWritten;
    const over = once(response, "close").then(() => ({
      whole: response.writableFinished,
      bytes: incoming.socket.bytesWritten - before,
    }));
    const chunks: Buffer[] = [];
    incoming.on("error", () => {});
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const path = (incoming.url ?? "").replace(/\?.*$/, "");
      const name = path.startsWith(base) ? path.slice(base.length) : "";
      if (incoming.method === "GET" && Object.hasOwn(behaviour.get, name)) {
        write(response, 200, behaviour.get[name]);
        return;
      }
      if (incoming.method !== "POST" || name !== "/chat/completions") {
        write(response, 404, behaviour.unknownPath);
        return;
      }
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as SentBody;
      const index = requests.push({ path, headers: incoming.headers, body: body as ChatBody, over }) - 1;
      const random = randomStream(body.seed ?? 0, `call ${index}`);
      const answer = behaviour.chat(body, { index, headers: incoming.headers, random });
      if ("status" in answer) {
        statuses.push(answer.status);
        write(response, answer.status, answer.body, answer.headers);
        return;
      }
      statuses.push(200);
      const usage = usageOf(body, answer, index);
      for (const key of Object.keys(usage) as (keyof Usage)[]) charged[key] += usage[key];
      if (body.stream === true) stream(response, body, answer, answer.usage(usage));
      else write(response, 200, whole(body, answer, answer.usage(usage)));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`,
    requests,
    statuses,
    charged,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * What a request's `response_format` asks for, of a server that enforces it.
 *
 * @param besideObject whether a `schema` beside `json_object` is looked at, too
 */
export function constraintOf({ response_format: format }: SentBody, besideObject = false): Constraint {
  if (format === undefined || format.type === "text") return { kind: "none" };
  const schema = format.type === "json_schema" ? format.json_schema?.schema : format.schema;
  return schema === undefined || (format.type !== "json_schema" && !besideObject)
    ? { kind: "object" }
    : { kind: "schema", schema };
}

/** A reply of the small model under a constraint. */
export function reply(
  body: SentBody,
  { random }: Call,
  constraint: Constraint,
  rest: Omit<Completion, "content">,
): Completion {
  return { content: speak(body.messages, constraint, random), ...rest };
}

/** What a thinking model thinks. */
export const pondering =
  "The user wants something. I weigh the early slots against the late ones and decide.";

/** Tokens of a prompt, and the bill as nearly all servers word it. */
export function plainUsage({ inputTokens, outputTokens }: Usage): Record<string, unknown> {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}

/** How many tokens a request's prompt has. */
export function promptTokens({ messages }: Pick<SentBody, "messages">): number {
  return tokensIn(JSON.stringify(messages ?? []));
}

// --- internal ---

/** From the second call on, half of the prompt had been read before. */
function usageOf(body: SentBody, { content, thoughts }: Completion, index: number): Usage {
  const inputTokens = promptTokens(body);
  const reasoningTokens = tokensIn(thoughts?.text ?? "");
  return {
    inputTokens,
    outputTokens: tokensIn(content) + reasoningTokens,
    cachedTokens: index === 0 ? 0 : Math.floor(inputTokens / 2),
    reasoningTokens,
  };
}

function whole(
  { model }: SentBody,
  { content, thoughts, misplacedIn, finishReason = "stop", extra }: Completion,
  usage: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const said = misplacedIn === undefined ? { content } : { content: null, [misplacedIn]: content };
  const thought = thoughts?.field === undefined ? {} : { [thoughts.field]: thoughts.text };
  return {
    id: "chatcmpl-7c1f",
    object: "chat.completion",
    created: 1_760_000_000,
    model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", ...thought, ...said },
        logprobs: null,
        finish_reason: finishReason,
      },
    ],
    usage,
    ...extra,
  };
}

function stream(
  response: ServerResponse,
  { model, stream_options: wanted }: SentBody,
  { content, thoughts, misplacedIn, finishReason = "stop" }: Completion,
  usage: Readonly<Record<string, unknown>>,
): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  const event = (choices: readonly unknown[], rest: Readonly<Record<string, unknown>> = {}) =>
    response.write(
      `data: ${JSON.stringify({ id: "chatcmpl-7c1f", object: "chat.completion.chunk", created: 1_760_000_000, model, choices, ...rest })}\n\n`,
    );
  const delta = (part: Readonly<Record<string, unknown>>) =>
    event([{ index: 0, delta: part, finish_reason: null }]);
  delta({ role: "assistant", content: "" });
  if (thoughts?.field !== undefined)
    for (const piece of pieces(thoughts.text)) delta({ [thoughts.field]: piece });
  for (const piece of pieces(content)) delta({ [misplacedIn ?? "content"]: piece });
  event([{ index: 0, delta: {}, finish_reason: finishReason }]);
  if (wanted?.include_usage === true) event([], { usage });
  response.end("data: [DONE]\n\n");
}

function pieces(text: string): string[] {
  return text.match(/[\s\S]{1,16}/g) ?? [];
}

function write(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}
