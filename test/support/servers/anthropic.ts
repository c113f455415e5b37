/**
 * Anthropic's OpenAI-compatible endpoint, which its vendor means for tests and comparisons.
 *
 * - `response_format`, `seed`, `logprobs`, `reasoning_effort` and others are ignored, a temperature above 1 is taken as
 *   1, `n` must be 1, system messages are drawn together at the front: docs.anthropic.com/en/api/openai-sdk and
 *   platform.claude.com/docs/en/cli-sdks-libraries/libraries/openai-sdk.md.
 * - A later report has json_schema looked at, but only for `strict` (github.com/steilerDev/cornerstone/pull/1561).
 * - The API below it refuses a temperature above 1 (github.com/anthropics/anthropic-sdk-python/issues/893); gateways in
 *   front of it pass that on.
 */
import { plainUsage, promptTokens, type Refusal, reply, type ServerKind, startPlayed } from "./http.ts";

export interface AnthropicOptions {
  /** Whether a temperature above 1 is refused rather than lowered. */
  readonly strictTemperature?: boolean;
  /** The model's window. */
  readonly contextTokens?: number;
}

export const anthropic: ServerKind<AnthropicOptions> = {
  name: "Anthropic",
  outputMode: "text",
  model: "claude-small",
  start: ({ strictTemperature = false, contextTokens = 200_000 } = {}) =>
    startPlayed({
      get: {
        "/models": {
          data: [{ id: anthropic.model, type: "model", display_name: "Claude Small" }],
          has_more: false,
        },
      },
      unknownPath: refused(404, "not_found_error", "Not found").body,
      chat: (body, call) => {
        if (body.model !== anthropic.model) return refused(404, "not_found_error", `model: ${body.model}`);
        if (body["n"] !== undefined && body["n"] !== 1)
          return refused(400, "invalid_request_error", "n: Input should be 1");
        if (strictTemperature && (body.temperature ?? 1) > 1)
          return refused(400, "invalid_request_error", "temperature: range: 0..1");
        const format = body.response_format;
        if (format?.type === "json_schema" && format.json_schema?.strict !== true)
          return refused(
            400,
            "invalid_request_error",
            "response_format.json_schema.strict: Input should be True",
          );
        const asked = promptTokens(body);
        if (asked > contextTokens)
          return refused(
            400,
            "invalid_request_error",
            `prompt is too long: ${asked} tokens > ${contextTokens} maximum`,
          );
        return reply(body, call, { kind: "none" }, { usage: plainUsage });
      },
    }),
};

// --- internal ---

function refused(status: number, code: string, message: string): Refusal {
  return { status, body: { error: { code, message, type: code, param: null } } };
}
