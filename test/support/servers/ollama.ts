/**
 * Ollama, on the own machine and in its cloud.
 *
 * - The local server enforces json_schema (0.5 and later); the cloud takes it and enforces nothing: github.com/ollama/ollama
 *   docs/api/openai-compatibility.mdx and pydantic.dev/docs/ai/api/models/ollama/.
 * - Thoughts stand in `reasoning`; `reasoning_effort: "none"` turns them off: docs/api/openai-compatibility.mdx.
 * - An unknown model is 404 with the body as in github.com/netease-youdao/QAnything/issues/555.
 * - A prompt longer than the context is cut without a word; only `usage.prompt_tokens` shows it: the API has no member
 *   for the context's size, a Modelfile's `num_ctx` sets it.
 */
import { constraintOf, plainUsage, pondering, reply, type ServerKind, startPlayed } from "./http.ts";

export interface OllamaOptions {
  readonly thinks?: boolean;
  /** The context's size; a longer prompt is cut to it. */
  readonly contextTokens?: number;
}

export const ollama = kind("Ollama", "qwen3:0.6b", true);
export const ollamaCloud = kind("Ollama's cloud", "qwen3:480b-cloud", false);

// --- internal ---

function kind(name: string, model: string, enforces: boolean): ServerKind<OllamaOptions> {
  return {
    name,
    outputMode: enforces ? "json-schema" : "text",
    model,
    start: ({ thinks = false, contextTokens = Number.POSITIVE_INFINITY } = {}) =>
      startPlayed({
        get: { "/models": { object: "list", data: [{ id: model, object: "model", owned_by: "library" }] } },
        unknownPath: "404 page not found",
        chat: (body, call) => {
          if (body.model !== model)
            return {
              status: 404,
              body: {
                error: {
                  message: `model "${body.model}" not found, try pulling it first`,
                  type: "api_error",
                  param: null,
                  code: null,
                },
              },
            };
          const isThinking = thinks && body["reasoning_effort"] !== "none";
          return reply(body, call, enforces ? constraintOf(body) : { kind: "none" }, {
            ...(isThinking ? { thoughts: { text: pondering, field: "reasoning" } } : {}),
            usage: (usage) =>
              plainUsage({ ...usage, inputTokens: Math.min(usage.inputTokens, contextTokens) }),
            extra: { system_fingerprint: "fp_ollama" },
          });
        },
      }),
  };
}
