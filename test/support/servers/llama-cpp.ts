/**
 * llama-server of llama.cpp.
 *
 * - json_schema is enforced by a grammar, and so is `{type: "json_object", schema}`; thoughts stand in
 *   `reasoning_content`; the model's name in a request is not looked at: github.com/ggml-org/llama.cpp
 *   tools/server/README.md.
 * - A schema that cannot become a grammar is 400 `invalid_request_error` (github.com/ggml-org/llama.cpp/pull/5961).
 * - While the model loads, every request is 503 "Loading model": tools/server/README.md, GET /health.
 * - A prompt longer than a slot is 400 `exceed_context_size_error` with `n_prompt_tokens` and `n_ctx`
 *   (github.com/ggml-org/llama.cpp/pull/15780; status and words as in
 *   github.com/NousResearch/hermes-agent/pull/89504).
 * - `/v1/models` tells `meta.n_ctx_train`, `/props` what a slot has: tools/server/README.md.
 */
import {
  constraintOf,
  plainUsage,
  pondering,
  promptTokens,
  type Refusal,
  reply,
  type ServerKind,
  startPlayed,
} from "./http.ts";
import { eachSchema } from "./small-model.ts";

export interface LlamaCppOptions {
  readonly thinks?: boolean;
  /** How many requests come while the model still loads. */
  readonly loading?: number;
  /** The context of a slot. */
  readonly contextTokens?: number;
}

export const llamaCpp: ServerKind<LlamaCppOptions> = {
  name: "llama.cpp",
  outputMode: "json-schema",
  model: "qwen2.5-0.5b-instruct-q4_k_m.gguf",
  start: ({ thinks = false, loading = 0, contextTokens = 32_768 } = {}) =>
    startPlayed({
      get: {
        "/models": {
          object: "list",
          data: [
            {
              id: llamaCpp.model,
              object: "model",
              owned_by: "llamacpp",
              meta: { n_vocab: 151_936, n_ctx_train: 32_768, n_embd: 896 },
            },
          ],
        },
        "/props": { default_generation_settings: { n_ctx: contextTokens }, total_slots: 1 },
      },
      unknownPath: refused(404, "File Not Found", "not_found_error").body,
      chat: (body, call) => {
        if (call.index < loading) return refused(503, "Loading model", "unavailable_error");
        const asked = promptTokens(body);
        if (asked > contextTokens)
          return refused(
            400,
            `request (${asked} tokens) exceeds the available context size (${contextTokens} tokens), try increasing it`,
            "exceed_context_size_error",
            { n_prompt_tokens: asked, n_ctx: contextTokens },
          );
        const constraint = constraintOf(body, true);
        const wrong: string[] = [];
        if (constraint.kind === "schema")
          eachSchema(constraint.schema, ({ pattern }) => {
            if (typeof pattern === "string" && !/^\^[\s\S]*\$$/.test(pattern))
              wrong.push("Pattern must start with '^' and end with '$'");
          });
        if (wrong.length > 0)
          return refused(400, `JSON schema conversion failed:\n${wrong.join("\n")}`, "invalid_request_error");
        return reply(body, call, constraint, {
          ...(thinks ? { thoughts: { text: pondering, field: "reasoning_content" } } : {}),
          usage: plainUsage,
          extra: {
            system_fingerprint: "b6500-1d7ab2b9",
            timings: { prompt_n: asked, predicted_per_second: 41.5 },
          },
        });
      },
    }),
};

// --- internal ---

function refused(
  code: number,
  message: string,
  type: string,
  rest: Readonly<Record<string, unknown>> = {},
): Refusal {
  return { status: code, body: { error: { code, message, type, ...rest } } };
}
