/**
 * What a model server tells without being asked for a reply.
 *
 * Owns the two questions that cost nothing: whether anything answers at all, and which models there are. How a model
 * answers is openai-chat.ts's business.
 */
import { fieldsOf, parseJson } from "./json.ts";
import { isHtml, Secrets } from "./secrets.ts";

const longestWaitMs = 5_000;
const largestBody = 4 * 1024 * 1024;

/** Null when something answers over HTTP at `baseUrl`, whatever it says; else why not. */
export async function unreachable(baseUrl: string, signal: AbortSignal): Promise<string | null> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(longestWaitMs)]);
    const { body } = await fetch(modelsOf(baseUrl), { signal: patience });
    await body?.cancel();
    return null;
  } catch (error) {
    const reason = reasonOf(error);
    return /^(EPROTO|ERR_SSL)/.test(reason) && baseUrl.startsWith("https:")
      ? `${reason}: it does not speak https; give the base URL with http:// if that is what the port speaks`
      : reason;
  }
}

export interface ListedModel {
  readonly id: string;
  /** The model's window in tokens, where the server tells it. */
  readonly contextTokens: number | null;
}

export type ModelList =
  | { readonly ok: true; readonly models: readonly ListedModel[] }
  | { readonly ok: false; readonly reason: string };

/**
 * The models that a server says it has, or why it does not say. Waits five seconds at most. Many servers list a model
 * under further names than they answer to, so that one that is missing here may be there all the same.
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
    const response = await fetch(modelsOf(baseUrl), {
      headers: { authorization: `Bearer ${key ?? "EMPTY"}`, accept: "application/json", ...headers },
      // A redirect would take the key along.
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(longestWaitMs)]),
    });
    const text = await boundedText(response);
    if (text === null)
      return { ok: false, reason: `its list of models is longer than ${largestBody / 1024 / 1024} MB` };
    if (!response.ok) {
      const words = secrets.quoted(text, 200);
      return { ok: false, reason: `it answers ${response.status}${words === "" ? "" : `: ${words}`}` };
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

function modelsOf(baseUrl: string): URL {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/models`;
  return url;
}

/** Null: more than is read of it. */
async function boundedText({ body }: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > largestBody) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function listedModel(entry: unknown): ListedModel | null {
  const model = fieldsOf(entry);
  const id = model["id"] ?? model["name"];
  if (typeof id !== "string" || id === "") return null;
  const meta = fieldsOf(model["meta"]);
  const told = [
    // What is loaded comes before what the model could have: LM Studio, vLLM and SGLang, llama.cpp, others.
    model["loaded_context_length"],
    model["max_model_len"],
    meta["n_ctx"],
    meta["n_ctx_train"],
    // OpenRouter, LM Studio, Groq.
    model["context_length"],
    model["max_context_length"],
    model["context_window"],
  ];
  const contextTokens = told.find((count) => Number.isSafeInteger(count) && Number(count) > 0);
  return { id, contextTokens: contextTokens === undefined ? null : Number(contextTokens) };
}

function reasonOf(error: unknown): string {
  const { cause, message, name } = error as Error;
  if (name === "TimeoutError") return `no answer within ${longestWaitMs / 1_000} s`;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return code === "" ? message : code;
}
