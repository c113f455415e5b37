/**
 * The server of vLLM.
 *
 * - json_schema and json_object are enforced; so is `structured_outputs` at the top level of the body, while `guided_*`
 *   is ignored without a word: docs.vllm.ai/en/latest/features/structured_outputs/.
 * - Thoughts stand in `reasoning`; the schema applies after them: docs.vllm.ai/en/v0.26.0/features/reasoning_outputs/.
 * - With a reasoning parser that looks for the end of thoughts, a model that is told not to think has its whole answer
 *   in the thoughts and a content of null: github.com/vllm-project/vllm/issues/19222.
 * - `/v1/models` tells `max_model_len`; a longer prompt is 400, in a body without an `error` member in older versions
 *   (github.com/vllm-project/vllm/issues/12886) and in OpenAI's form in newer ones (github.com/vllm-project/vllm/pull/22099).
 * - `prompt_tokens_details` is null unless the server was started with --enable-prompt-tokens-details:
 *   docs.vllm.ai/en/stable/serving/openai_compatible_server/.
 */
import {
  constraintOf,
  plainUsage,
  pondering,
  promptTokens,
  type Refusal,
  reply,
  type SentBody,
  type ServerKind,
  startPlayed,
} from "./http.ts";
import type { Schema } from "../schema-values.ts";

export interface VllmOptions {
  /** The form of an error: of older versions, or of newer ones. */
  readonly errors?: "flat" | "nested";
  readonly thinks?: boolean;
  /** Whether it was started with a reasoning parser. */
  readonly parsesThoughts?: boolean;
  readonly maxModelLen?: number;
}

export const vllm: ServerKind<VllmOptions> = {
  name: "vLLM",
  outputMode: "json-schema",
  model: "Qwen/Qwen3-0.6B",
  start: ({ errors = "nested", thinks = false, parsesThoughts = false, maxModelLen = 32_768 } = {}) => {
    const refused = (status: number, message: string, type: string): Refusal => {
      const told = { message, type, param: null, code: status };
      return { status, body: errors === "flat" ? { object: "error", ...told } : { error: told } };
    };
    return startPlayed({
      get: {
        "/models": {
          object: "list",
          data: [{ id: vllm.model, object: "model", owned_by: "vllm", max_model_len: maxModelLen }],
        },
      },
      unknownPath: { detail: "Not Found" },
      chat: (body, call) => {
        if (body.model !== vllm.model)
          return refused(404, `The model \`${body.model}\` does not exist.`, "NotFoundError");
        const asked = promptTokens(body);
        const most = body.max_completion_tokens ?? body.max_tokens;
        if (asked + (most ?? 1) > maxModelLen)
          return refused(400, tooLong(maxModelLen, asked, most), "BadRequestError");
        return reply(body, call, constraint(body), {
          ...(parsesThoughts && isToldNotToThink(body) ? { misplacedIn: "reasoning_content" } : {}),
          ...(thinks ? { thoughts: { text: pondering, field: "reasoning" } } : {}),
          usage: (usage) => ({ ...plainUsage(usage), prompt_tokens_details: null }),
          extra: { prompt_logprobs: null, kv_transfer_params: null },
        });
      },
    });
  },
};

// --- internal ---

function constraint(body: SentBody) {
  const outputs = body["structured_outputs"] as { readonly json?: Schema } | undefined;
  return outputs?.json === undefined
    ? constraintOf(body)
    : ({ kind: "schema", schema: outputs.json } as const);
}

function isToldNotToThink(body: SentBody): boolean {
  const settings = body["chat_template_kwargs"] as { readonly enable_thinking?: boolean } | undefined;
  return settings?.enable_thinking === false;
}

function tooLong(length: number, asked: number, most: number | undefined): string {
  return most === undefined
    ? `This model's maximum context length is ${length} tokens. However, your request has ${asked} input tokens. Please reduce the length of the input messages.`
    : `'max_tokens' or 'max_completion_tokens' is too large: ${most}. This model's maximum context length is ${length} tokens and your request has ${asked} input tokens (${most} > ${length} - ${asked}).`;
}
