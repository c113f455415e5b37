/**
 * Gemini's OpenAI-compatible endpoint.
 *
 * - json_schema is enforced for a subset of JSON Schema: ai.google.dev/gemini-api/docs/openai. A choice of anything but
 *   texts is 400 (words as in github.com/NousResearch/hermes-agent/pull/14104), and so is a keyword outside the subset
 *   (words as in github.com/zed-industries/zed/issues/44875).
 * - Members of a request that it does not know, `seed` among them, are 400, all of them named in one message
 *   (body as in github.com/Vali-98/ChatterUI/issues/227). The body of an error is a list.
 * - The API begins under /v1beta/openai: ai.google.dev/gemini-api/docs/openai.
 */
import {
  constraintOf,
  plainUsage,
  type Refusal,
  reply,
  type SentBody,
  type ServerKind,
  startPlayed,
} from "./http.ts";
import { eachSchema } from "./small-model.ts";

/** The output mode holds for a space with numeric choices. */
export const gemini: ServerKind = {
  name: "Gemini",
  outputMode: "json-object",
  model: "gemini-flash",
  start: () =>
    startPlayed({
      base: "/v1beta/openai",
      get: {
        "/models": {
          object: "list",
          data: [{ id: "models/gemini-flash", object: "model", owned_by: "google" }],
        },
      },
      unknownPath: "",
      chat: (body, call) => {
        const wrong = [...unknownMembers(body), ...unfit(body)];
        if (wrong.length > 0) return refused(wrong);
        return reply(body, call, constraintOf(body), { usage: plainUsage });
      },
    }),
};

// --- internal ---

const members = new Set(
  (
    "model messages response_format temperature top_p max_tokens max_completion_tokens n stop stream stream_options " +
    "tools tool_choice reasoning_effort extra_body"
  ).split(" "),
);

const keywords = new Set(
  (
    "type format title description nullable enum items prefixItems minItems maxItems properties required " +
    "additionalProperties anyOf minimum maximum $ref $defs"
  ).split(" "),
);

function refused(wrong: readonly string[]): Refusal {
  return {
    status: 400,
    body: [
      {
        error: {
          code: 400,
          message: wrong.join("\n"),
          status: "INVALID_ARGUMENT",
          details: [
            {
              "@type": "type.googleapis.com/google.rpc.BadRequest",
              fieldViolations: wrong.map((description) => ({ description })),
            },
          ],
        },
      },
    ],
  };
}

function unknownMembers(body: SentBody): string[] {
  return Object.keys(body)
    .filter((name) => !members.has(name))
    .map((name) => `Invalid JSON payload received. Unknown name "${name}": Cannot find field.`)
    .concat(
      body.response_format?.schema === undefined
        ? []
        : [`Invalid JSON payload received. Unknown name "schema" at 'response_format': Cannot find field.`],
    );
}

function unfit(body: SentBody): string[] {
  const constraint = constraintOf(body);
  if (constraint.kind !== "schema") return [];
  const wrong: string[] = [];
  eachSchema(constraint.schema, (schema, place) => {
    const where = `generation_config.response_schema${place}`;
    for (const keyword of Object.keys(schema))
      if (!keywords.has(keyword))
        wrong.push(
          `Invalid JSON payload received. Unknown name "${keyword}" at '${where}': Cannot find field.`,
        );
    for (const [index, choice] of ((schema["enum"] ?? []) as unknown[]).entries())
      if (typeof choice !== "string")
        wrong.push(`Invalid value at '${where}.enum[${index}]' (TYPE_STRING), ${JSON.stringify(choice)}`);
  });
  return wrong;
}
