/**
 * A real HTTP server that answers as model servers do, well and badly.
 *
 * Owns the bytes of each kind of answer and the order in which they are given; keeps every request. A script is a list
 * of answers or a function from request to answer; past its end the server answers 500 and `close()` throws, so that
 * the test fails. Knows nothing of the client under test; only `playRoles` knows what the two roles are asked.
 */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import { probeName } from "../../src/models/output-mode.ts";
import { pick, type Random, randomStream } from "../../src/search/random.ts";
import { Space } from "../../src/search/space.ts";
import type { SpaceDescription } from "../../src/search/space-description.ts";
import { drawn, type Schema, valueOf } from "./schema-values.ts";

// ----- The server -----

/** What a client sends in a chat completion, as far as tests look at it. */
export interface ChatBody {
  readonly model?: string;
  readonly messages?: readonly Readonly<Record<string, unknown>>[];
  readonly seed?: number;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly response_format?: {
    readonly type: string;
    readonly json_schema: { readonly name: string; readonly strict: boolean; readonly schema: Schema };
    /** Beside the type json_object. */
    readonly schema?: Schema;
  };
}

export interface ModelRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: ChatBody;
  /** Once the connection is done with this request: whether the answer went out whole, and how many bytes of it. */
  readonly over: Promise<{ readonly whole: boolean; readonly bytes: number }>;
}

export type Answer = (response: ServerResponse, request: ModelRequest) => void | Promise<void>;

export type Script = readonly Answer[] | ((request: ModelRequest, index: number) => Answer);

export interface ModelServer {
  /** Where the API begins: http://127.0.0.1:PORT/v1. */
  readonly baseUrl: string;
  /** The chat requests so far, in the order of their arrival. */
  readonly requests: readonly ModelRequest[];
  /** @throws when more was asked than the script had answers for. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /**
   * What becomes of the small question whether a schema is honoured: answered as a server that honours it would, apart
   * from the script and from the requests kept; or left to the script like any other request.
   */
  readonly probes?: "honoured" | "scripted";
  /** The answer to GET /v1/models. */
  readonly models?: Answer;
}

/** Starts a server on a free port. It knows POST /v1/chat/completions and GET /v1/models; all else is 404. */
export async function startModelServer(
  script: Script,
  port = 0,
  { probes = "honoured", models = oneModel }: ServerOptions = {},
): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  let missing = 0;
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
      const path = incoming.url ?? "";
      const request = { path, headers: incoming.headers, body: bodyOf(Buffer.concat(chunks)), over };
      if (incoming.method === "GET" && path === "/v1/models") {
        void Promise.resolve(models(response, request));
        return;
      }
      if (incoming.method !== "POST" || path !== "/v1/chat/completions") {
        json(404, { detail: "Not Found" })(response, request);
        return;
      }
      const format = request.body.response_format?.json_schema;
      if (probes === "honoured" && format?.name === probeName) {
        void chat(JSON.stringify(valueOf(format.schema)))(response, request);
        return;
      }
      const index = requests.push(request) - 1;
      const answer = typeof script === "function" ? script(request, index) : script[index];
      if (answer === undefined) missing += 1;
      void Promise.resolve((answer ?? exhausted)(response, request));
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      if (missing > 0)
        throw new Error(`scripted replies exhausted: ${missing} requests came after the last one`);
    },
  };
}

// ----- Good answers -----

/** Fields of a reply that differ from the usual ones; a field of undefined is left out. */
export interface ReplyFields {
  readonly message?: Readonly<Record<string, unknown>>;
  readonly finishReason?: string | null;
  readonly usage?: unknown;
  readonly model?: unknown;
}

/** A chat completion. */
export function chat(content: unknown, fields: ReplyFields = {}): Answer {
  const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
  const { message, finishReason, ...others } = { finishReason: "stop", usage, ...fields };
  return (response, request) =>
    json(200, {
      id: "chatcmpl-test",
      object: "chat.completion",
      created: 1_760_000_000,
      model: request.body.model,
      choices: [
        { index: 0, message: { role: "assistant", content, ...message }, finish_reason: finishReason },
      ],
      ...others,
    })(response, request);
}

export function fencedJson(value: unknown): Answer {
  return chat(`Here you are:\n\n\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\`\n`);
}

/** JSON that the length limit cut off in the middle. */
export function truncatedJson(value: unknown): Answer {
  const text = JSON.stringify(value);
  return chat(text.slice(0, Math.ceil(text.length / 2)), { finishReason: "length" });
}

/** A thinking model behind a server that keeps the thoughts apart. */
export function reasoned(
  field: "reasoning_content" | "reasoning",
  thoughts: string,
  content: unknown,
): Answer {
  return chat(content, { message: { [field]: thoughts } });
}

/** A thinking model behind a server that does not. */
export function thoughtAloud(thoughts: string, content: string): Answer {
  return chat(`<think>\n${thoughts}\n</think>\n\n${content}`);
}

/** One piece of a reply that comes as a stream: a delta, and what else its chunk holds. */
export interface Piece {
  readonly delta?: Readonly<Record<string, unknown>>;
  readonly finishReason?: string;
  /** Further members of the chunk; with no delta and no reason it has no choice. */
  readonly rest?: Readonly<Record<string, unknown>>;
}

/**
 * A chat completion as a stream of events. `end`: with the closing mark; closed without it; reset; or left open and
 * silent.
 */
export function streamed(
  pieces: readonly Piece[],
  end: "done" | "closed" | "reset" | "stalled" = "done",
): Answer {
  return async (response, request) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    for (const { delta, finishReason, rest } of pieces) {
      const hasChoice = delta !== undefined || finishReason !== undefined;
      const choices = hasChoice
        ? [{ index: 0, delta: delta ?? {}, finish_reason: finishReason ?? null }]
        : [];
      const chunk = { id: "chatcmpl-test", object: "chat.completion.chunk", model: request.body.model };
      response.write(`data: ${JSON.stringify({ ...chunk, choices, ...rest })}\n\n`);
    }
    if (end === "done") response.end("data: [DONE]\n\n");
    if (end === "closed") response.end();
    if (end === "reset") {
      await wait(20);
      response.socket?.resetAndDestroy();
    }
  };
}

// ----- Strange answers -----

export function emptyChoices(): Answer {
  return json(200, { id: "chatcmpl-test", object: "chat.completion", model: "test", choices: [] });
}

export function nullContent(why: "refusal" | "tool calls"): Answer {
  if (why === "refusal") return chat(null, { message: { refusal: "I cannot help with that." } });
  const call = { id: "call_1", type: "function", function: { name: "search", arguments: "{}" } };
  return chat(null, { message: { tool_calls: [call] }, finishReason: "tool_calls" });
}

/** What a web server behind a wrong base URL says. */
export function htmlPage(status = 200): Answer {
  return (response) => {
    response.writeHead(status, { "content-type": "text/html; charset=utf-8" });
    response.end(
      "<!DOCTYPE html>\n<html><head><title>Open WebUI</title></head><body><div id=app></div></body></html>",
    );
  };
}

/** Any JSON with any status. */
export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}) {
  return raw(status, JSON.stringify(value), { "content-type": "application/json", ...headers });
}

/** Any bytes with any status and headers. A header of "date: none" leaves the server's own date out. */
export function raw(status: number, body: string, headers: Readonly<Record<string, string>>) {
  return (response: ServerResponse, _request?: ModelRequest): void => {
    const { date, ...others } = headers;
    if (date === "none") response.sendDate = false;
    else if (date !== undefined) response.setHeader("date", date);
    response.writeHead(status, others);
    response.end(body);
  };
}

// ----- Refusals -----

/** An error in OpenAI's form. */
export function refusal(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return json(status, { error: { message, type: "error", param: null, code: null } }, headers);
}

/** 401 that quotes the key it was given, as some servers do. */
export function unauthorized(): Answer {
  return (response, request) => {
    const key = (request.headers.authorization ?? "").replace("Bearer ", "");
    json(
      401,
      { error: { message: `Incorrect API key provided: ${key}.`, code: "invalid_api_key" } },
      { "x-echo": encodeURIComponent(key) },
    )(response, request);
  };
}

export function notFound(model: string): Answer {
  return refusal(404, `The model \`${model}\` does not exist.`);
}

export function rateLimited(headers: Readonly<Record<string, string>>): Answer {
  return refusal(429, "Rate limit reached for requests", headers);
}

export function serverError(status = 500): Answer {
  return refusal(status, "The server had an error while processing your request");
}

// ----- Broken connections -----

export function stalledHeaders(): Answer {
  return () => {};
}

/** Half a reply, and then nothing. */
export function stalledBody(): Answer {
  return (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"id":"chatcmpl-test","choices":[{"message":{"content":"half of');
  };
}

/** A reset before the first byte, or after half a reply. */
export function resetConnection(when: "at once" | "in the body"): Answer {
  return async (response, request) => {
    if (when === "in the body") {
      await stalledBody()(response, request);
      await wait(20);
    }
    response.socket?.resetAndDestroy();
  };
}

/** A reply of so many bytes; its length is announced, or only found out by reading. */
export function hugeBody(bytes: number, length: "announced" | "chunked"): Answer {
  return async (response) => {
    const [head, tail] = ['{"choices":[{"message":{"content":"', '"}}]}'];
    const chunk = "x".repeat(1024 * 1024);
    const chunks = Math.ceil(bytes / chunk.length);
    const total = head.length + chunks * chunk.length + tail.length;
    response.writeHead(200, {
      "content-type": "application/json",
      ...(length === "announced" ? { "content-length": String(total) } : {}),
    });
    const parts = [head, ...Array.from({ length: chunks }, () => chunk), tail];
    // A client that leaves in the middle is what this answer is for.
    await pipeline(Readable.from(parts), response).catch(() => {});
  };
}

// ----- Both roles of a search -----

/**
 * Answers as a cooperative model would: a request under a JSON Schema by a value drawn from the schema, one that shows
 * a fenced example by architectures of `space` in a fence, and any other by a short strategy. The same seed gives the
 * same reply.
 */
export function playRoles(space?: SpaceDescription): (request: ModelRequest) => Answer {
  return ({ body }) => {
    const random = randomStream(body.seed ?? 0, "model server");
    const format = body.response_format;
    const schema = format?.type === "json_object" ? format.schema : format?.json_schema.schema;
    if (schema !== undefined) return chat(JSON.stringify(drawn(schema, schema, random)));
    const wantsFence = body.messages?.some(
      ({ role, content }) => role === "system" && String(content).includes("```json"),
    );
    if (space !== undefined && wantsFence === true) {
      const known = new Space(space);
      return fencedJson({
        architectures: Array.from({ length: 12 }, () => known.toObject(known.sample(random))),
      });
    }
    return chat(strategyText(random));
  };
}

/**
 * Answers as a cooperative model would that has nothing but the prompt: it reads there which dimensions an architecture
 * has, and answers a request for architectures by a short strategy and drawn ones, in a fence and one after another, as
 * the paper's model does; any other by the strategy alone. Knows no space, so that it plays a blind search too.
 */
export function playFromPrompt(): (request: ModelRequest) => Answer {
  return ({ body }) => {
    const random = randomStream(body.seed ?? 0, "model server");
    const content = body.messages?.find(({ role }) => role === "system")?.["content"];
    const system = typeof content === "string" ? content : "";
    if (!system.includes("```json")) return chat(strategyText(random));
    const dimensions = [
      ...system.matchAll(/^## `(\w+)`: (one slot,|(\d+) slots, each) (?:one of|always) (.+)$/gm),
    ];
    const drawnList = (choices: string, slots: number) =>
      Array.from({ length: slots }, () => {
        const choice = pick(random, choices.split(", "));
        return Number.isNaN(Number(choice)) ? choice : Number(choice);
      });
    const architectures = Array.from({ length: 12 }, () =>
      Object.fromEntries(
        dimensions.map(([, name = "", , slots = "1", choices = ""]) => [
          name,
          drawnList(choices, Number(slots)),
        ]),
      ),
    );
    const list = architectures.map((each) => JSON.stringify(each)).join("\n");
    return chat(`${strategyText(random)}\n\n\`\`\`json\n${list}\n\`\`\``);
  };
}

// --- internal ---

const exhausted = refusal(500, "scripted replies exhausted");

const oneModel: Answer = json(200, {
  object: "list",
  data: [{ id: "test", object: "model", owned_by: "test" }],
});

function bodyOf(bytes: Buffer): ChatBody {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** A strategy as a model may write it. */
export function strategyText(random: Random): string {
  const focus = pick(random, ["the early slots", "the middle slots", "the late slots"]);
  const share = 50 + 10 * random.below(5);
  return [
    "## Summary\n\nKeep what the best architectures share and vary the rest.",
    `## What worked and why\n\nThe results differ most in ${focus}; the remaining slots matter less.`,
    `## Directions\n\nPut the choices of the best architectures into ${focus} and mix freely elsewhere.`,
    `## Ranges\n\nIn ${focus}, hold the leading choice in ${share} % of the architectures.`,
    "## Avoid\n\nArchitectures that were proposed before.",
  ].join("\n\n");
}
