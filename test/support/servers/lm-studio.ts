/**
 * The server of LM Studio.
 *
 * - json_schema is enforced: lmstudio.ai/docs/advanced/structured-output.
 * - json_object is 400 with a bare text as its error (lmstudio-ai/lmstudio-bug-tracker issue 189, body as in
 *   github.com/LoadShine/tada/issues/16).
 * - Thoughts stand in front of the answer in <think> tags unless the server is set to keep them apart:
 *   lmstudio.ai/docs, "Reasoning content in API responses". Under a schema there is no room for them.
 */
import { constraintOf, plainUsage, pondering, reply, type ServerKind, startPlayed } from "./http.ts";

export interface LmStudioOptions {
  readonly thinks?: boolean;
}

export const lmStudio: ServerKind<LmStudioOptions> = {
  name: "LM Studio",
  outputMode: "json-schema",
  model: "qwen2.5-0.5b-instruct",
  start: ({ thinks = false } = {}) =>
    startPlayed({
      get: {
        "/models": {
          object: "list",
          data: [{ id: lmStudio.model, object: "model", owned_by: "organization_owner" }],
        },
      },
      unknownPath: { error: "Unexpected endpoint or method." },
      chat: (body, call) => {
        const type = body.response_format?.type ?? "text";
        if (type !== "text" && type !== "json_schema")
          return {
            status: 400,
            body: { error: "'response_format.type' must be 'json_schema' or 'text'" },
          };
        const constraint = constraintOf(body);
        const said = reply(body, call, constraint, {
          usage: plainUsage,
          extra: { stats: {}, system_fingerprint: lmStudio.model },
        });
        return thinks && constraint.kind === "none"
          ? { ...said, content: `<think>\n${pondering}\n</think>\n\n${said.content}` }
          : said;
      },
    }),
};
