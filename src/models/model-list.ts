/**
 * Asks a model server two questions that cost nothing: does anything answer, and which models are there?
 *
 * Waits five seconds at most.
 */
import {
  BodyTooLarge,
  type HttpAnswer,
  RequestFailed,
  sendBounded,
  textOf,
  TimedOut,
} from "./bounded-request.ts";
import { fieldsOf, parseJson } from "../text/json.ts";
import { isHtml, Secrets } from "./secrets.ts";

const longestWaitSeconds = 5;
const largestBytes = 4 * 1024 * 1024;

/** Null when something answers over HTTP at `baseUrl`, with any status; else why not. */
export async function unreachable(baseUrl: string, signal: AbortSignal): Promise<string | null> {
  try {
    const answer = await get(baseUrl, {}, signal);
    answer.close();
    return null;
  } catch (error) {
    const reason = reasonOf(error);
    return /^(EPROTO|ERR_SSL)/.test(reason) && baseUrl.startsWith("https:")
      ? `${reason}: it does not speak https; give the base URL with http:// if the port speaks http`
      : reason;
  }
}

interface ListedModel {
  readonly id: string;
  /** The model's window in tokens; null: the server does not say. */
  readonly contextTokens: number | null;
}

export type ModelList =
  | { readonly ok: true; readonly models: readonly ListedModel[] }
  | { readonly ok: false; readonly reason: string };

/**
 * The models that a server lists, or why it does not list any. Many servers accept more names for a model than they
 * list: a model that is missing here may still be there.
 *
 * @param key null: the server wants none
 */
export async function listModels(
  baseUrl: string,
  key: string | null,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ModelList> {
  const secrets = new Secrets(key, headers);
  try {
    const answer = await get(baseUrl, { authorization: `Bearer ${key ?? "EMPTY"}`, ...headers }, signal);
    const text = await textOf(answer);
    if (answer.status < 200 || answer.status >= 300) {
      const words = secrets.quoted(text, 200);
      return { ok: false, reason: `it answers ${answer.status}${words === "" ? "" : `: ${words}`}` };
    }
    const value = parseJson(text);
    const list = Array.isArray(value) ? value : (fieldsOf(value)["data"] ?? fieldsOf(value)["models"]);
    if (!Array.isArray(list))
      return { ok: false, reason: `it answers with ${isHtml(text) ? "an HTML page" : "something else"}` };
    const models = list.flatMap((entry) => {
      const listed = listedModel(entry);
      return listed === null ? [] : [{ ...listed, id: secrets.without(listed.id) }];
    });
    return { ok: true, models };
  } catch (error) {
    return { ok: false, reason: secrets.quoted(reasonOf(error), 200) };
  }
}

// --- internal ---

async function get(
  baseUrl: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/models`;
  const seconds = longestWaitSeconds;
  return await sendBounded({
    url,
    method: "GET",
    headers: { accept: "application/json", "user-agent": "collm-nas", ...lowerCased(headers) },
    body: "",
    signal,
    timeoutSeconds: seconds,
    connectSeconds: seconds,
    idleSeconds: seconds,
    largestBytes,
  });
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function listedModel(entry: unknown): ListedModel | null {
  const model = fieldsOf(entry);
  const id = model["id"] ?? model["name"];
  if (typeof id !== "string" || id === "") return null;
  const meta = fieldsOf(model["meta"]);
  const counts = [
    // The window that is loaded comes before the window that is possible: LM Studio, vLLM and SGLang, llama.cpp, others.
    model["loaded_context_length"],
    model["max_model_len"],
    meta["n_ctx"],
    meta["n_ctx_train"],
    // OpenRouter, LM Studio, Groq.
    model["context_length"],
    model["max_context_length"],
    model["context_window"],
  ];
  const contextTokens = counts.find((count) => Number.isSafeInteger(count) && Number(count) > 0);
  return { id, contextTokens: contextTokens === undefined ? null : Number(contextTokens) };
}

function reasonOf(error: unknown): string {
  const why = error instanceof RequestFailed ? error.why : (error as Error);
  if (why instanceof TimedOut) return `no answer within ${longestWaitSeconds} s`;
  if (why instanceof BodyTooLarge)
    return `its list of models is longer than ${largestBytes / 1024 / 1024} MB`;
  return "code" in why && typeof why.code === "string" ? why.code : why.message;
}
