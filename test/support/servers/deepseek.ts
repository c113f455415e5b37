/**
 * DeepSeek's own API.
 *
 * - json_schema is 400 (body as in github.com/UKGovernmentBEIS/inspect_ai/issues/4916).
 * - json_object gives valid JSON of any form, and wants the word "json" in the prompt, else 400
 *   (github.com/vercel/ai/pull/7946); now and then the content is empty or only spaces, with finish reason stop: ask
 *   again (api-docs.deepseek.com/guides/json_mode.md).
 * - Thoughts stand in `reasoning_content`: api-docs.deepseek.com/guides/thinking_mode.md.
 * - Usage has `prompt_cache_hit_tokens` and `prompt_cache_miss_tokens`: api-docs.deepseek.com/guides/kv_cache.md.
 */
import {
  constraintOf,
  plainUsage,
  pondering,
  type Refusal,
  reply,
  type ServerKind,
  startPlayed,
} from "./http.ts";

export interface DeepSeekOptions {
  readonly thinks?: boolean;
  /** Which of its JSON answers are only spaces, counted from 0. */
  readonly blank?: readonly number[];
}

export const deepseek: ServerKind<DeepSeekOptions> = {
  name: "DeepSeek",
  outputMode: "json-object",
  model: "deepseek-chat",
  start: ({ thinks = false, blank = [] } = {}) => {
    let answers = 0;
    return startPlayed({
      get: {
        "/models": { object: "list", data: [{ id: deepseek.model, object: "model", owned_by: "deepseek" }] },
      },
      unknownPath: refused("Not Found").body,
      chat: (body, call) => {
        if (body.model !== deepseek.model) return refused("Model Not Exist");
        const constraint = constraintOf(body);
        if (body.response_format?.type === "json_schema")
          return refused("This response_format type is unavailable now");
        const isJson = constraint.kind !== "none";
        if (isJson && !/json/i.test(JSON.stringify(body.messages)))
          return refused(
            "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.",
          );
        const said = reply(body, call, constraint, {
          ...(thinks ? { thoughts: { text: pondering, field: "reasoning_content" } } : {}),
          usage: (usage) => ({
            ...plainUsage(usage),
            prompt_tokens_details: { cached_tokens: usage.cachedTokens },
            prompt_cache_hit_tokens: usage.cachedTokens,
            prompt_cache_miss_tokens: usage.inputTokens - usage.cachedTokens,
            ...(thinks ? { completion_tokens_details: { reasoning_tokens: usage.reasoningTokens } } : {}),
          }),
          extra: { system_fingerprint: "fp_8802369eaa_prod0820_fp8_kvcache" },
        });
        return isJson && blank.includes(answers++) ? { ...said, content: " \n".repeat(40) } : said;
      },
    });
  },
};

// --- internal ---

function refused(message: string): Refusal {
  return {
    status: 400,
    body: { error: { message, type: "invalid_request_error", param: null, code: "invalid_request_error" } },
  };
}
