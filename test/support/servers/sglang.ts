/**
 * The server of SGLang.
 *
 * - json_schema is enforced by xgrammar; only one constraint (`response_format`, `regex`, `ebnf`) a request:
 *   docs.sglang.io/docs/advanced_features/structured_outputs.md.
 * - With --reasoning-parser the thoughts are exempt from the grammar and stand in `reasoning_content`:
 *   docs.sglang.io/docs/advanced_features/structured_outputs_for_reasoning_models.md.
 * - An error has no `error` member: {"object": "error", "message": …, "code": 400}.
 */
import { constraintOf, plainUsage, pondering, reply, type ServerKind, startPlayed } from "./http.ts";

export interface SglangOptions {
  readonly thinks?: boolean;
}

export const sglang: ServerKind<SglangOptions> = {
  name: "SGLang",
  outputMode: "json-schema",
  model: "qwen/qwen2.5-0.5b-instruct",
  start: ({ thinks = false } = {}) =>
    startPlayed({
      get: {
        "/models": {
          object: "list",
          data: [{ id: sglang.model, object: "model", owned_by: "sglang", max_model_len: 32_768 }],
        },
      },
      unknownPath: { detail: "Not Found" },
      chat: (body, call) => {
        const constraints = [body.response_format, body["regex"], body["ebnf"]];
        if (constraints.filter((each) => each !== undefined && each !== null).length > 1)
          return {
            status: 400,
            body: {
              object: "error",
              message: "Only one of regex, ebnf or response_format can be set.",
              type: "BadRequestError",
              param: null,
              code: 400,
            },
          };
        return reply(body, call, constraintOf(body), {
          ...(thinks ? { thoughts: { text: pondering, field: "reasoning_content" } } : {}),
          usage: (usage) => ({ ...plainUsage(usage), prompt_tokens_details: null }),
          extra: { metadata: { weight_version: "default" } },
        });
      },
    }),
};
