/**
 * The server of llama-cpp-python, `python -m llama_cpp.server`.
 *
 * - json_schema is no type that it knows: HTTP 500 with the validation error of its request model
 *   (github.com/ggml-org/llama.cpp/issues/23463, reproduced there with llama-cpp-python 0.3.23).
 * - `{type: "json_object", schema}` is enforced by a grammar: llama-cpp-python.readthedocs.io, "JSON Schema Mode".
 */
import {
  constraintOf,
  plainUsage,
  promptTokens,
  type Refusal,
  reply,
  type ServerKind,
  startPlayed,
} from "./http.ts";

export interface LlamaCppPythonOptions {
  readonly contextTokens?: number;
}

export const llamaCppPython: ServerKind<LlamaCppPythonOptions> = {
  name: "llama-cpp-python",
  outputMode: "json-object",
  model: "qwen2.5-0.5b",
  start: ({ contextTokens = 32_768 } = {}) =>
    startPlayed({
      get: {
        "/models": {
          object: "list",
          data: [{ id: llamaCppPython.model, object: "model", owned_by: "me", permissions: [] }],
        },
      },
      unknownPath: { detail: "Not Found" },
      chat: (body, call) => {
        const type = body.response_format?.type ?? "text";
        if (type !== "text" && type !== "json_object") return refused(500, validationError(type));
        const asked = promptTokens(body);
        if (asked > contextTokens)
          return {
            status: 400,
            body: {
              error: {
                message: `This model's maximum context length is ${contextTokens} tokens. However, you requested ${asked} tokens (${asked} in the messages, 0 in the completion). Please reduce the length of the messages or completion.`,
                type: "invalid_request_error",
                param: "messages",
                code: "context_length_exceeded",
              },
            },
          };
        return reply(body, call, constraintOf(body, true), { usage: plainUsage });
      },
    }),
};

// --- internal ---

function refused(status: number, message: string): Refusal {
  return { status, body: { error: { message, type: "internal_server_error", param: null, code: null } } };
}

function validationError(given: string): string {
  return `[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': "Input should be 'text' or 'json_object'", 'input': '${given}', 'ctx': {'expected': "'text' or 'json_object'"}}]`;
}
