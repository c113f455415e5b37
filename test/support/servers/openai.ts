/**
 * OpenAI's own API.
 *
 * - `response_format` json_schema with `strict` is enforced; a strict schema whose objects do not forbid further
 *   members and require all of theirs is refused: developers.openai.com/api/docs/guides/structured-outputs.
 * - json_object wants the word "json" in the messages: the same guide, "JSON mode"; a schema beside it is a parameter
 *   that is not known.
 * - Reasoning models refuse `max_tokens` (error body as in github.com/sipeed/picoclaw/issues/16) and any temperature but
 *   1 (words as in github.com/decolua/9router/issues/560); they do not tell their thoughts, but charge for them.
 * - Usage has `prompt_tokens_details.cached_tokens` and `completion_tokens_details.reasoning_tokens`:
 *   developers.openai.com/api/reference/resources/chat.
 * - 429 comes with `retry-after-ms`; an empty account is 429 `insufficient_quota` (body as in
 *   github.com/OpenHands/OpenHands/issues/998).
 */
import {
  constraintOf,
  pondering,
  type Refusal,
  reply,
  type SentBody,
  type ServerKind,
  startPlayed,
  type Usage,
} from "./http.ts";
import type { Schema } from "../schema-values.ts";
import { eachSchema } from "./small-model.ts";

export interface OpenAIOptions {
  /** Whether the model is one that thinks. */
  readonly thinks?: boolean;
  /** Requests by number that come too soon after the one before. */
  readonly tooSoon?: readonly number[];
  /** The number of the request from which on the account is empty. */
  readonly emptyFrom?: number;
}

export const openai: ServerKind<OpenAIOptions> = {
  name: "OpenAI",
  outputMode: "json-schema",
  model: "gpt-small",
  start: ({ thinks = false, tooSoon = [], emptyFrom = Number.POSITIVE_INFINITY } = {}) =>
    startPlayed({
      get: {
        "/models": { object: "list", data: [{ id: "gpt-small", object: "model", owned_by: "system" }] },
      },
      unknownPath: error("Invalid URL", "invalid_request_error", null, null),
      chat: (body, call) => {
        if (call.index >= emptyFrom)
          return {
            status: 429,
            body: error(
              "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
              "insufficient_quota",
              null,
              "insufficient_quota",
            ),
          };
        if (tooSoon.includes(call.index))
          return {
            status: 429,
            body: error(
              `Rate limit reached for ${body.model} in organization org-1 on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20ms.`,
              "requests",
              null,
              "rate_limit_exceeded",
            ),
            headers: { "retry-after-ms": "20", "retry-after": "1", "x-ratelimit-remaining-requests": "0" },
          };
        return (
          refusalOf(body, thinks) ??
          reply(body, call, constraintOf(body), {
            ...(thinks ? { thoughts: { text: pondering } } : {}),
            usage: usageOf,
            extra: { service_tier: "default", system_fingerprint: null },
          })
        );
      },
    }),
};

// --- internal ---

function error(message: string, type: string, param: string | null, code: string | null): unknown {
  return { error: { message, type, param, code } };
}

function refused(message: string, param: string, code: string | null): Refusal {
  return { status: 400, body: error(message, "invalid_request_error", param, code) };
}

function refusalOf(body: SentBody, thinks: boolean): Refusal | null {
  if (body.model !== "gpt-small")
    return {
      status: 404,
      body: error(
        `The model \`${body.model}\` does not exist or you do not have access to it.`,
        "invalid_request_error",
        null,
        "model_not_found",
      ),
    };
  if (thinks && body.max_tokens !== undefined)
    return refused(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      "max_tokens",
      "unsupported_parameter",
    );
  for (const name of ["temperature", "top_p"] as const)
    if (thinks && body[name] !== undefined && body[name] !== 1)
      return refused(
        `Unsupported value: '${name}' does not support ${body[name]} with this model. Only the default (1) value is supported.`,
        name,
        "unsupported_value",
      );
  const format = body.response_format;
  if (format?.type === "json_object" && format.schema !== undefined)
    return refused(
      "Unknown parameter: 'response_format.schema'.",
      "response_format.schema",
      "unknown_parameter",
    );
  if (format?.type === "json_object" && !/json/i.test(JSON.stringify(body.messages)))
    return refused(
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      "messages",
      null,
    );
  if (format?.type === "json_schema" && format.json_schema?.strict === true) {
    const wrong = laxity(format.json_schema.schema ?? {});
    if (wrong !== null)
      return refused(
        `Invalid schema for response_format '${format.json_schema.name}': In context=(), ${wrong}.`,
        "response_format",
        null,
      );
  }
  return null;
}

/** Why a schema is none in the strict sense. */
function laxity(schema: Schema): string | null {
  let wrong: string | null = null;
  eachSchema(schema, (part) => {
    if (part["type"] !== "object") return;
    const required = (part["required"] ?? []) as string[];
    if (part["additionalProperties"] !== false)
      wrong ??= "'additionalProperties' is required to be supplied and to be false";
    const missing = Object.keys(part["properties"] ?? {}).find((name) => !required.includes(name));
    if (missing !== undefined)
      wrong ??= `'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'`;
  });
  return wrong;
}

function usageOf({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Usage) {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
